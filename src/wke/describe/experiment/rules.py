"""Rules: they decide which trials of a series run. An experiment has them, and so has the stored plan of a series."""

from dataclasses import field

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Point
from wke.describe.expression.expression import Expression
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The points in the order of the file, what is measured at each, and when that is enough.

    `iterations` is the number of rounds, or the largest number there can be. `climb` names the parameter that is climbed, if any.
    """

    points: tuple[Point, ...] = ()
    iterations: int = 1
    metrics: tuple[Metric, ...] = ()
    baseline: Point = field(default_factory=dict)
    cooldown_s: float = 0.0
    stopping: Stopping | None = None
    budget: Budget | None = None
    climb: str | None = None
    goal: Expression | None = None
    better: str = "higher"

    @property
    def fixed_rounds(self) -> int | None:
        """The number of rounds of all points, None if results decide it."""
        return self.iterations if self.stopping is None and self.budget is None and self.climb is None else None


def rules_of(experiment: Experiment) -> Rules:
    """Return the rules in an experiment file."""
    return Rules(
        points=tuple(experiment.parameters.points()),
        iterations=experiment.iterations,
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        cooldown_s=experiment.cooldown_s,
        stopping=experiment.stopping,
        budget=experiment.budget,
        climb=experiment.parameters.climb,
        goal=experiment.goal,
        better=experiment.better,
    )

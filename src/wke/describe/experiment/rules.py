"""Rules: they decide which trials of a series run. An experiment has them, and so has the stored plan of a series."""

from dataclasses import field, replace

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Contest
from wke.describe.experiment.sweep import Point
from wke.describe.expression.expression import Expression
from wke.describe.search.search import Search
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The points in the order of the file, what is measured at each, and when that is enough.

    `iterations` is the number of rounds, or the largest number there can be. A series that is `decided` ends when each of its comparisons
    with the `baseline` is; differences up to the share `threshold` do not matter. `climb` names the parameter that is climbed, if any.
    What `contests` choose is measured again in `fresh_rounds`; None: as many as it had. `searched` names the parameter whose value a
    `search` finds; then the points are those that are known before anything runs. The load is a `closed_loop` if the file gives its number
    of clients.
    """

    points: tuple[Point, ...] = ()
    iterations: int = 1
    metrics: tuple[Metric, ...] = ()
    baseline: Point = field(default_factory=dict)
    threshold: float = 0.0
    decided: bool = False
    cooldown_s: float = 0.0
    stopping: Stopping | None = None
    budget: Budget | None = None
    climb: str | None = None
    searched: str | None = None
    search: Search | None = None
    goal: Expression | None = None
    better: str = "higher"
    closed_loop: bool = False
    contests: tuple[Contest, ...] = ()
    fresh_rounds: int | None = None

    @property
    def fixed_rounds(self) -> int | None:
        """The number of rounds of all points, None if results decide it."""
        decides = self.stopping or self.budget or self.climb or self.decided or self.search
        return None if decides else self.iterations

    @property
    def visits_all(self) -> bool:
        """True when each round has all points; climbs and searches choose among them."""
        return self.climb is None and self.search is None

    @property
    def compares_all(self) -> bool:
        """True when a point without a trial is missing: comparisons at it are incomplete."""
        return self.fixed_rounds is not None or self.decided


def rules_of(experiment: Experiment) -> Rules:
    """Return the rules in an experiment file."""
    searched = experiment.parameters.searched
    return Rules(
        points=tuple(experiment.parameters.points()),
        iterations=experiment.iterations,
        metrics=experiment.metrics,
        baseline=experiment.baseline,
        threshold=experiment.threshold,
        decided=experiment.decided,
        cooldown_s=experiment.cooldown_s,
        stopping=experiment.stopping,
        budget=experiment.budget,
        climb=experiment.parameters.climb,
        searched=searched.name if searched else None,
        search=_search(experiment),
        goal=experiment.goal,
        better=experiment.better,
        closed_loop=experiment.verdicts.little.clients is not None,
        contests=experiment.contests if experiment.fresh else (),
        fresh_rounds=experiment.fresh_rounds,
    )


def _search(experiment: Experiment) -> Search | None:
    """Return the search of an experiment, with the name of its load."""
    searched = experiment.parameters.searched
    if searched is None or searched.search is None:
        return None
    return replace(searched.search, load=experiment.parameters.load_of(searched.search)[0])

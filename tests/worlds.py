"""Simulated machines for series with a budget: `World` runs whatever is due next and stores made-up results."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wke.describe.experiment.experiment import Budget, Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Seen
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.terminal.findings import finding_text

SIZES = Parameter("size", (1, 2, 4, 8, 16))
EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    iterations=30,
    budget=Budget(1000.0, 3, ("ops",)),
    parameters=Sweep((Parameter("engine", ("old", "new")), SIZES)),
    metrics=(Metric("ops", unit="1/s"),),
)


def planned(experiment: Experiment) -> list[PlannedTrial]:
    turns = running_order(experiment, experiment.parameters.points(), 7)
    return [
        PlannedTrial(f"{point['engine']}{point['size']}-{'w' * turn.warmup}{turn.iteration}", point, turn.iteration, turn.warmup, position)
        for position, (turn, point) in enumerate(turns)
    ]


def quiet(_: Mapping[str, object]) -> float:
    return 0.05


def ten(_: Mapping[str, object]) -> float:
    return 10.0


@dataclass
class World:
    """Machines that take `cost(point)` for a trial and spread its result by `spread(point)`; NaN makes it fail."""

    experiment: Experiment
    cost: Callable[[Mapping[str, object]], float] = ten
    spread: Callable[[Mapping[str, object]], float] = quiet
    seed: int = 0
    stored: dict[str, StoredAttempt] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    spent_s: float = 0.0

    def run(self, limit: int = 10_000) -> "World":
        """Run one command: what is due, until nothing is or so many have run."""
        attempted: set[str] = set()
        plan, policy = planned(self.experiment), policy_of(self.experiment)
        while batch := policy.next_trials(plan, Seen(self.stored, attempted, self.spent_s))[: limit - len(attempted)]:
            for trial in batch:
                self._run(trial)
                attempted.add(trial.id)
        return self

    def _run(self, trial: PlannedTrial) -> None:
        cost_s, spread = self.cost(trial.point), self.spread(trial.point)
        self.ran.append(trial.id)
        self.spent_s += cost_s
        if not math.isnan(spread):
            ops = 1000 * math.exp(random.Random(f"{self.seed}/{trial.id}").gauss(0, spread))
            self.stored[trial.id] = StoredAttempt(
                trial.id, "x", 1, trial.point, trial.iteration, trial.warmup, "ok", "", 0, cost_s, {"ops": ops}, {"ops": "1/s"}, Path()
            )

    @property
    def seen(self) -> Seen:
        """What the next command knows."""
        return Seen(self.stored, (), self.spent_s)

    @property
    def findings(self) -> list[str]:
        """What the series found, in words."""
        found = policy_of(self.experiment).findings(planned(self.experiment), self.seen)
        return [finding_text(finding, self.experiment.parameters.varied) for finding in found]

    def counts(self) -> dict[str, int]:
        """Return how many iterations each point has."""
        return Counter(trial.partition("-")[0] for trial in self.ran if "w" not in trial.partition("-")[2])

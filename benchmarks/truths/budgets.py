"""Simulated series with a budget: how often intervals hold the truth, at all points and at those that were left at their first rounds.

Ten equal points vary by 10 %, each trial takes a second, and the budget is enough for 80 trials.
"""

import math
import random
from functools import lru_cache
from pathlib import Path

from truths.intervals import _holds

from wke.describe.experiment.experiment import Budget, Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Seen
from wke.judge.statistics.statistics import summarise
from wke.keep.trials.trials import PlannedTrial, StoredAttempt

POINTS, TRIALS, SPREAD, MOST = 10, 80, 0.1, 40
MOST_SERIES = 500
"""Each series takes a sixth of a second: after every trial all points are looked at."""


def all_covered(_: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - they differ in n
    """Return which share of the intervals of all points hold the truth, if each point has at least n trials."""
    held = [holds for _, holds in _points(n, series)]
    return sum(held) / len(held)


def left_covered(_: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - they differ in n
    """Return which share of the intervals of points that are left at n trials hold the truth."""
    held = [holds for trials, holds in _points(n, series) if trials == n]
    return sum(held) / len(held)


SIMULATIONS = {("2.8", "budget: coverage of all points"): all_covered, ("2.8", "budget: coverage of points left at min"): left_covered}


@lru_cache
def _points(least: int, series: int) -> list[tuple[int, bool]]:
    """Return the number of trials of every point of so many series, and whether its interval holds the truth."""
    luck = random.Random(f"2.8 {least}")
    return [point for _ in range(series) for point in _series(luck, least)]


def _series(luck: random.Random, least: int) -> list[tuple[int, bool]]:
    sweep = Sweep((Parameter("name", tuple(f"p{number}" for number in range(POINTS))),))
    budget = Budget(float(TRIALS), least, ("ops",))
    experiment = Experiment("x", Path("x.toml"), iterations=MOST, budget=budget, parameters=sweep, metrics=(Metric("ops", unit="1/s"),))
    policy, stored = policy_of(experiment), dict[str, StoredAttempt]()
    turns = running_order(experiment, sweep.points(), luck.getrandbits(32))
    planned = [PlannedTrial(f"{at}", point, turn.iteration, turn.warmup, at) for at, (turn, point) in enumerate(turns)]
    while batch := policy.next_trials(planned, Seen(stored, spent_s=float(len(stored)))):
        for trial in batch:
            stored[trial.id] = _result(trial, math.exp(luck.gauss(0, SPREAD)))
    values: dict[object, list[float]] = {}
    for result in stored.values():
        values.setdefault(result.point["name"], []).append(result.observations["ops"])
    return [(len(seen), _holds(summarise(seen, "geometric-mean"), 1.0)) for seen in values.values()]


def _result(trial: PlannedTrial, ops: float) -> StoredAttempt:
    units = {"ops": "1/s"}
    return StoredAttempt(trial.id, "x", 1, trial.point, trial.iteration, trial.warmup, "ok", "", 0, 1.0, {"ops": ops}, units, Path())

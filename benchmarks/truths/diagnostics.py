"""Simulated series for diagnostics: how often hints are given, and how often intervals over deployments hold the truth.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters.
"""

import math
import random
from functools import cache
from pathlib import Path

from truths.comparisons import numbers
from truths.intervals import _holds, _rounds

from wke.describe.experiment.metrics import Metric
from wke.judge.diagnostics.clusters import critical, widest_split
from wke.judge.diagnostics.dependence import critical as least_ratio
from wke.judge.diagnostics.dependence import round_means, von_neumann
from wke.judge.diagnostics.observed import Observed, Values
from wke.judge.statistics.statistics import summarise
from wke.judge.statistics.summaries import point_summaries
from wke.keep.trials.trials import StoredAttempt


def one_point_warned(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the rounds of one point are called dependent."""
    return _warned([_rounds(luck, numbers(condition)[1], n)])


def points_warned(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the rounds of 12 points are called dependent; what they have in common varies twice as much as the rest."""
    correlation = numbers(condition)[1] if condition.startswith("AR1") else 0.0
    common = [value - 10 for value in _rounds(luck, correlation, n)] if condition.startswith("AR1") else [0.0] * n
    return _warned([[10 + each + luck.gauss(0, 0.5) for each in common] for _ in range(12)])


def two_groups_seen(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether values are said to lie in two groups."""
    return widest_split(sorted(_logarithm(luck, condition) for _ in range(n)))[0] > critical(n)


def one_deployment_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of trials on one deployment holds the mean of the system."""
    between, within = numbers(condition)
    own = luck.gauss(1, between)
    return _holds(summarise([own + luck.gauss(0, within) for _ in range(n)], "mean"), 1.0)


def a_deployment_a_round_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of trials on as many deployments holds it."""
    between, within = numbers(condition)
    return _covers([[luck.gauss(1, between) + luck.gauss(0, within)] for _ in range(n)])


def deployments_cover(luck: random.Random, condition: str, n: int) -> bool:  # noqa: ARG001 - the condition has both numbers
    """Tell whether the interval over deployments holds it."""
    return _covers(_deployments(luck, condition))


def independent_trials_cover(luck: random.Random, condition: str, n: int) -> bool:  # noqa: ARG001 - the condition has both numbers
    """Tell whether the interval of all trials, as if each had its own deployment, holds it."""
    return _holds(summarise([value for group in _deployments(luck, condition) for value in group], "mean"), 1.0)


SIMULATIONS = {
    ("2.2", "von Neumann ratio warns; one point"): one_point_warned,
    ("2.2", "von Neumann ratio of round means warns; 12 points"): points_warned,
    ("2.3", "two-cluster hint given"): two_groups_seen,
    ("2.5", "coverage; one deployment for the series"): one_deployment_covers,
    ("2.5", "coverage; a deployment a round"): a_deployment_a_round_covers,
    ("2.5", "coverage: t on deployment means"): deployments_cover,
    ("2.5", "coverage: all trials taken as independent"): independent_trials_cover,
}


def trial(point: int, iteration: int, value: float, deployed: tuple[int, ...] = ()) -> StoredAttempt:
    """Return a trial with one value, as it is stored."""
    return StoredAttempt(
        f"{point}-{iteration}", "x", 1, {"p": point}, iteration, False, "ok", "", iteration, 1.0, {"lat": value}, {"lat": "ms"}, Path(),
        deployed=deployed,
    )  # fmt: skip


@cache
def _places(points: int, rounds: int) -> tuple[tuple[StoredAttempt, ...], ...]:
    return tuple(tuple(trial(point, k, 0.0) for k in range(rounds)) for point in range(points))


def _warned(tables: list[list[float]]) -> bool:
    """Tell whether rounds are called dependent, given the values of each point."""
    places = _places(len(tables), len(tables[0]))
    found = tuple(Values({"p": p}, trials, tuple(map(math.exp, row))) for p, (trials, row) in enumerate(zip(places, tables, strict=True)))
    values = round_means(Observed("lat", "geometric-mean", found))
    ratio = von_neumann(values)
    return ratio is not None and ratio < least_ratio(len(values))


def _logarithm(luck: random.Random, condition: str) -> float:
    """Return the logarithm of a value."""
    if condition == "normal":
        return luck.gauss(0, 1)
    if condition.startswith("log of Pareto"):
        return math.log(luck.paretovariate(numbers(condition)[0]))
    share, more, noise = numbers(condition)
    return (math.log1p(more) if luck.random() < share else 0.0) + luck.gauss(0, noise)


def _deployments(luck: random.Random, condition: str) -> list[list[float]]:
    count, size, between, within = numbers(condition)
    owns = [luck.gauss(1, between) for _ in range(int(count))]
    return [[own + luck.gauss(0, within) for _ in range(int(size))] for own in owns]


def _covers(groups: list[list[float]]) -> bool:
    """Tell whether the interval that a table shows holds 1."""
    trials = [trial(0, 100 * d + k, value, (d + 1,)) for d, group in enumerate(groups) for k, value in enumerate(group)]
    (found,) = point_summaries(trials, [Metric("lat", unit="ms", summary="mean")], ["lat"]).values()
    return _holds(found["lat"], 1.0)

"""Simulated series for the intervals of summaries: each function simulates one point and tells whether its interval holds the truth."""

import math
import random
from collections.abc import Callable
from statistics import NormalDist

from truths.comparisons import numbers

from wke.judge.statistics.statistics import Summary, summarise

EULER = 0.5772156649015329
DIGAMMA = {2.0: 1 - EULER, 0.5: -EULER - 2 * math.log(2)}
"""The mean of the logarithms of values with a gamma distribution."""


def mean_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of the mean holds the true mean."""
    if condition.startswith("AR1"):
        return _holds(summarise(_rounds(luck, numbers(condition)[1], n), "mean"), 10.0)
    draw, truth, _ = _distribution(luck, condition)
    return _holds(summarise([draw() for _ in range(n)], "mean"), truth)


def geometric_mean_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of the geometric mean holds the true one."""
    draw, _, truth = _distribution(luck, condition)
    return _holds(summarise([draw() for _ in range(n)], "geometric-mean"), truth)


def median_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of the median holds the true one."""
    draw, _, _ = _distribution(luck, condition)
    return _holds(summarise([draw() for _ in range(n)], "median"), _median(condition))


SIMULATIONS = {
    ("2.1", "coverage: mean; t"): mean_covers,
    ("2.1", "coverage: geometric mean; t on logs"): geometric_mean_covers,
    ("2.1", "coverage: median; order statistics"): median_covers,
}


def _holds(summary: Summary, truth: float) -> bool:
    return summary.low is not None and summary.high is not None and summary.low <= truth <= summary.high


def _distribution(luck: random.Random, condition: str) -> tuple[Callable[[], float], float, float]:
    """Return what draws a value, and the true mean and geometric mean."""
    seen = numbers(condition)
    if condition.startswith("lognormal"):
        return lambda: math.exp(luck.gauss(0, seen[0])), math.exp(seen[0] ** 2 / 2), 1.0
    if condition.startswith("gamma"):
        return lambda: luck.gammavariate(seen[0], 1), seen[0], math.exp(DIGAMMA[seen[0]])
    if condition.startswith("Pareto"):
        return lambda: luck.paretovariate(seen[0]), seen[0] / (seen[0] - 1), math.exp(1 / seen[0])
    if condition.startswith("10 + t3"):
        return lambda: 10 + luck.gauss(0, 1) / math.sqrt(luck.gammavariate(1.5, 2) / 3), 10.0, math.nan
    share, more, noise = seen
    level = lambda: 1 + more if luck.random() < share else 1.0  # noqa: E731
    return lambda: level() * math.exp(luck.gauss(0, noise)), (1 + share * more) * math.exp(noise**2 / 2), (1 + more) ** share


def _median(condition: str) -> float:
    """Return the true median of a distribution."""
    seen = numbers(condition)
    if condition.startswith("lognormal"):
        return 1.0
    if condition.startswith("Pareto"):
        return 2 ** (1 / seen[0])
    share, _, noise = seen
    return math.exp(noise * NormalDist().inv_cdf(0.5 / (1 - share)))  # the values at more are beyond it


def _rounds(luck: random.Random, correlation: float, n: int) -> list[float]:
    """Return values around 10 each of which resembles the one before it."""
    values = [luck.gauss(0, 1)]
    for _ in range(n - 1):
        values.append(correlation * values[-1] + luck.gauss(0, math.sqrt(1 - correlation**2)))
    return [10 + value for value in values]

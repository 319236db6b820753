"""Simulated climbs: by how much the best value's results are too high, at first and when it is measured again.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters. The hill is a parabola over 16 values.
"""

import math
import random
from collections.abc import Callable
from statistics import fmean

from truths.comparisons import numbers
from truths.intervals import _holds

from wke.describe.experiment.experiment import FRESH
from wke.judge.policies.again import Again, measured_again
from wke.judge.policies.search import Advice, next_value

VALUES = range(16)


def height(value: int) -> float:
    """Return the true height at a value."""
    return 1 - 0.003 * (value - 11) ** 2


def too_high(luck: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - the condition has both numbers
    """Return by how much the best value's mean is too high, as a share of its true height."""
    return fmean(_excess(luck, condition) for _ in range(series))


def covers(luck: random.Random, condition: str, n: int) -> bool:  # noqa: ARG001 - the condition has both numbers
    """Tell whether the interval of the fresh rounds holds the true height of the best value."""
    advice, again = _climb(luck, condition)
    return advice.best is not None and again.summary is not None and _holds(again.summary, height(advice.best))


SIMULATIONS = {("2.6", "climb: coverage"): covers}
OF_ALL = {("2.6", "climb: best is too high by"): too_high}


def _excess(luck: random.Random, condition: str) -> float:
    advice, again = _climb(luck, condition)
    assert advice.best is not None
    assert advice.mean is not None
    assert again.summary is not None
    if condition.endswith("first data"):
        return advice.mean / height(advice.best) - 1
    if condition.endswith("5 fresh rounds"):
        return again.summary.centre / height(advice.best) - 1
    near = [value for value in VALUES if abs(value - advice.best) <= 1]
    others = {value: _geometric_mean(_trials(luck, condition, FRESH)(value)) for value in near if value != advice.best}
    fresh = others | {advice.best: again.summary.centre}
    top = max(fresh, key=lambda value: fresh[value])
    return fresh[top] / height(top) - 1


def _climb(luck: random.Random, condition: str) -> tuple[Advice[int], Again]:
    """Climb to the top, and measure it again."""
    n = int(numbers(condition.partition(";")[2])[0])
    trials, tried = _trials(luck, condition, n), dict[int, list[float]]()
    while (advice := next_value(tried, VALUES)).next is not None:
        tried[advice.next] = trials(advice.next)
    assert advice.best is not None
    fresh = {advice.best: dict(enumerate(_trials(luck, condition, FRESH)(advice.best)))}
    return advice, measured_again(advice.best, fresh, 0, better="higher", kind="geometric-mean")


def _trials(luck: random.Random, condition: str, n: int) -> Callable[[int], list[float]]:
    """Return what measures a value in `n` trials."""
    sd = numbers(condition.partition(";")[2])[1]
    return lambda value: [height(value) * math.exp(luck.gauss(0, sd)) for _ in range(n)]


def _geometric_mean(values: list[float]) -> float:
    return math.exp(fmean(map(math.log, values)))

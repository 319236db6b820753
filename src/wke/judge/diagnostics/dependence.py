"""Rounds that depend on each other: each resembles the one before it, so that intervals are too narrow.

Theory. Neighbouring rounds that are alike make von Neumann's ratio small: the squares of the steps from round to round, beside those of
the distances from the mean. Independent rounds are below the critical value in 5 % of series. One value per round stands for all points,
because what drifts (heat, a neighbour) moves them together.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from wke.judge.diagnostics.observed import Hint, Observed, Values
from wke.judge.statistics.statistics import mean
from wke.values import dataclass

FEWEST = 5
LOWEST = (
    *(0.823, 0.891, 0.935, 0.979, 1.023, 1.063, 1.097, 1.130, 1.154, 1.183, 1.206, 1.227, 1.246, 1.266, 1.287, 1.300, 1.314, 1.329),
    *(1.343, 1.354, 1.366, 1.379, 1.387, 1.400, 1.408, 1.417),
)
"""The 5 % points for 5 to 30 rounds."""
COVERED = ((0.3, 0.87), (0.6, 0.68), (0.9, 0.32))
"""How often 95 % intervals held the true value in simulated series, by the correlation of neighbouring rounds."""


@dataclass(frozen=True, slots=True)
class Dependent(Hint):
    """The `rounds` are more alike from one to the next than independent ones: von Neumann's `ratio` is below `critical`.

    Intervals of such series held the true value in the share `covered`.
    """

    rounds: int
    ratio: float
    critical: float
    covered: float


def dependence(observed: Observed) -> Iterator[Dependent]:
    """Tell whether the rounds of a metric depend on each other; unknown below five complete rounds."""
    values = round_means(observed) if observed.in_rounds else []
    if len(values) < FEWEST:
        return
    ratio, least = von_neumann(values), critical(len(values))
    if ratio is not None and ratio < least:
        correlation = 1 - ratio / 2
        yield Dependent(observed.metric, len(values), ratio, least, min(COVERED, key=lambda row: abs(row[0] - correlation))[1])


def round_means(observed: Observed) -> list[float]:
    """Return one value per round that has all points, in the order of time.

    It is the mean over the points of the logarithm less its mean at the point; of the value itself if one is 0 or less.
    """
    positive = all(min(here.numbers) > 0 for here in observed.points)
    tables = [_by_round(here, positive=positive) for here in observed.points]
    complete = set[int].intersection(*map(set, tables)) if tables else set()
    if not complete:
        return []
    began: dict[int, int] = {}
    for one in (one for here in observed.points for one in here.trials):
        began[one.iteration] = min(one.started_ns, began.get(one.iteration, one.started_ns))
    order = sorted(complete, key=lambda k: (began[k], k))
    centres = [mean([table[k] for k in order]) for table in tables]
    return [mean([table[k] - centre for table, centre in zip(tables, centres, strict=True)]) for k in order]


def _by_round(here: Values, *, positive: bool) -> dict[int, float]:
    numbers = map(math.log, here.numbers) if positive else here.numbers
    return {one.iteration: value for one, value in zip(here.trials, numbers, strict=True)}


def von_neumann(values: Sequence[float]) -> float | None:
    """Return the squares of the steps beside those of the distances from the mean; None where values do not vary."""
    centre = mean(values)
    squares = math.fsum((value - centre) ** 2 for value in values)
    return math.fsum((b - a) ** 2 for a, b in pairwise(values)) / squares if squares > 0 else None


def critical(n: int) -> float:
    """Return the 5 % point of the ratio of n >= 5 independent values; beyond 30 by the normal distribution."""
    if n < FEWEST + len(LOWEST):
        return LOWEST[n - FEWEST]
    return 2 - 1.645 * math.sqrt(4 * (n - 2) / ((n - 1) * (n + 1)))

"""Values in two groups: now one speed, now another, such as a cache that is sometimes cold. Their mean is a value that never occurs.

Theory. Of all ways to split the sorted values in two, the largest t statistic tells how clearly they form two groups. It has its own
distribution, simulated for independent normal values. Each point is tested, so the chance of a false hint is shared among the points: it is
5 % for all points of a metric together, and never more than 1 % at one.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from wke.judge.diagnostics.observed import Hint, Observed, Place, logarithms
from wke.values import dataclass

FEWEST = 5
LEVELS = (0.01, 0.001, 0.0001)
CRITICAL = {
    5: (14.90, 32.27, 66.29),
    6: (11.58, 20.67, 36.76),
    7: (10.13, 16.14, 25.41),
    8: (9.49, 14.11, 20.43),
    9: (9.10, 12.94, 18.09),
    10: (8.93, 12.09, 16.35),
    11: (8.82, 11.56, 15.27),
    12: (8.82, 11.38, 14.54),
    13: (8.86, 11.17, 14.00),
    14: (8.90, 11.06, 13.47),
    15: (8.96, 10.97, 13.21),
    16: (9.01, 10.94, 12.97),
    17: (9.13, 10.97, 13.09),
    18: (9.19, 10.97, 12.79),
    19: (9.30, 10.99, 12.83),
    20: (9.39, 11.01, 12.76),
    21: (9.50, 11.07, 12.73),
    22: (9.58, 11.11, 12.62),
    23: (9.69, 11.16, 12.77),
    24: (9.79, 11.24, 12.62),
    25: (9.91, 11.29, 12.82),
    26: (10.00, 11.40, 12.76),
    27: (10.09, 11.46, 12.81),
    28: (10.19, 11.56, 12.92),
    29: (10.30, 11.63, 12.94),
    30: (10.39, 11.69, 13.04),
    35: (10.86, 12.15, 13.25),
    40: (11.33, 12.51, 13.69),
    50: (12.24, 13.35, 14.35),
    60: (13.07, 14.10, 15.21),
    80: (14.56, 15.59, 16.51),
}
"""For numbers of values: the t statistics that so many independent normal values exceed with the chances LEVELS."""
LAST = max(CRITICAL)


@dataclass(frozen=True, slots=True)
class ValueGroup:
    """Values of a point that belong together: how many, and their median."""

    n: int
    middle: float


@dataclass(frozen=True, slots=True)
class TwoGroups(Hint):
    """The values at a point lie in two groups, by the `statistic`, which is above `critical`; `points` are the points with two groups."""

    point: Place
    low: ValueGroup
    high: ValueGroup
    statistic: float
    critical: float
    points: int


def clusters(observed: Observed) -> Iterator[TwoGroups]:
    """Tell at which point the values of a metric lie in two groups most clearly; unknown below five values."""
    tested = [here for here in observed.points if len(here.numbers) >= FEWEST]
    level = LEVELS[sum(0.05 / max(1, len(tested)) < each for each in LEVELS[:-1])]
    found = []
    for here in tested:
        values = sorted(here.numbers)
        statistic, split = widest_split(logarithms(values))
        bound = critical(len(values), level)
        if statistic > bound and _is_apart(values, split):
            low, high = ValueGroup(split, values[(split - 1) // 2]), ValueGroup(len(values) - split, values[(split + len(values)) // 2])
            found.append(TwoGroups(observed.metric, here.point, low, high, statistic, bound, 0))
    if found:
        clearest = max(found, key=lambda one: one.statistic / one.critical)
        yield TwoGroups(observed.metric, clearest.point, clearest.low, clearest.high, clearest.statistic, clearest.critical, len(found))


def _is_apart(values: Sequence[float], split: int) -> bool:
    """Tell whether the groups are further apart than the values can be told apart: whole numbers that are 5 or 6 are not two groups."""
    steps = [b - a for a, b in pairwise(values) if b > a]
    return values[split] - values[split - 1] > 2 * min(steps)


def widest_split(ordered: Sequence[float]) -> tuple[float, int]:
    """Return the largest t statistic of all splits of sorted values, and the size of the lower part; infinite if parts do not vary."""
    n = len(ordered)
    if ordered[0] == ordered[-1]:
        return 0.0, n // 2
    middle = ordered[n // 2]
    values = [value - middle for value in ordered]
    total, all_squares = math.fsum(values), math.fsum(value * value for value in values)
    best, split, below, squares = 0.0, n // 2, 0.0, 0.0
    for k in range(1, n):
        below += values[k - 1]
        squares += values[k - 1] ** 2
        within = squares - below * below / k + (all_squares - squares) - (total - below) ** 2 / (n - k)
        apart = (total - below) / (n - k) - below / k
        floor = 1e-24 * all_squares
        statistic = math.inf if within <= floor else apart / math.sqrt(within / (n - 2) * (1 / k + 1 / (n - k)))
        if apart > 0 and statistic > best:
            best, split = statistic, k
    return best, split


def critical(n: int, level: float = LEVELS[0]) -> float:
    """Return the statistic that n >= 5 independent values exceed with the chance `level`, one of LEVELS.

    Between known numbers it lies on a line, beyond the last one it grows with the root of n, which is more than it does.
    """
    place = LEVELS.index(level)
    if n > LAST:
        return CRITICAL[LAST][place] * math.sqrt(n / LAST)
    before, after = max(k for k in CRITICAL if k <= n), min(k for k in CRITICAL if k >= n)
    share = (n - before) / (after - before) if after > before else 0.0
    return CRITICAL[before][place] + share * (CRITICAL[after][place] - CRITICAL[before][place])

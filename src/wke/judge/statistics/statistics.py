"""Summaries of observations: a centre, and an interval that says how exact it is.

One value is one trial: the parts of a trial (requests, machines) depend on one another and are joined before. Intervals are two-sided with
equal tails. An interval that too few trials cannot give is None.
"""

import math
import statistics
import sys
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain, repeat

from wke.describe.expression.units import is_time
from wke.values import dataclass

KINDS = ("mean", "geometric-mean", "median")
POOLED = "pooled"
"""The kind of a quantile of all values that all trials recorded: judge/statistics/tails.py."""
LARGEST = sys.float_info.max
LARGEST_LOG = math.log(LARGEST)


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of `n` trials: `centre` is their mean, geometric mean or median; `low` and `high` bound the true one at `confidence`.

    Equal values have no spread: then both bounds are the centre. A `pooled` quantile may have a lower bound alone; the
    smallest of its trials recorded so many `values`. If trials shared `deployments`, centre and bounds are those of the centres of these.
    """

    n: int
    centre: float
    low: float | None
    high: float | None
    kind: str
    confidence: float = 0.95
    values: int = 0
    deployments: int | None = None

    @property
    def marked(self) -> bool:
        """Whether this should be a geometric mean and is not, because a value is 0 or less: then it is the mean, without an interval."""
        return self.kind == "mean" and self.n > 1 and self.low is None

    @property
    def clipped(self) -> bool:
        """Whether the interval of a mean ends at 0, because its values cannot be negative."""
        return self.kind == "mean" and self.low == 0.0 and self.high is not None and self.high > 2 * self.centre

    @property
    def half_width(self) -> float | None:
        """Half the interval's width, None without an interval."""
        return None if self.low is None or self.high is None else self.high / 2 - self.low / 2

    @property
    def precision(self) -> float | None:
        """Half the interval's width as a share of the centre: infinite around 0, None without an interval."""
        half = self.half_width
        if half is None or not half:
            return half
        return half / abs(self.centre) if self.centre else math.inf


def summarise(values: Sequence[float], kind: str, confidence: float = 0.95) -> Summary:
    """Return the summary of `values`, at least one and all finite.

    "mean": Student's t. "geometric-mean": Student's t on the logarithms; values of which one is 0 or less get a `marked` mean instead. Both
    have an interval from n = 2. "median": order statistics, without assumptions about the distribution; at 95 % it has an interval from
    n = 6. The interval of values of which none is negative does not reach below 0. Raises ValueError.
    """
    n = len(values)
    if not values:
        raise ValueError("nothing to summarise: there are no values")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("cannot summarise values that are not finite numbers")
    if kind not in KINDS:
        raise ValueError(f'"{kind}" is not a kind of summary; there are {", ".join(KINDS)}')
    if min(values) == max(values):
        bound = None if n == 1 or (kind == "median" and order_ranks(n, 0.5, confidence) is None) else values[0]
        return Summary(n, float(values[0]), bound, bound, kind, confidence)
    if kind == "median":
        return Summary(n, *_median(values, confidence), kind, confidence)
    if kind == "mean":
        centre, low, high = _mean(values, confidence)
        return Summary(n, centre, low if min(values) < 0 else max(0.0, low), high, kind, confidence)
    if min(values) <= 0:
        return Summary(n, mean(values), None, None, "mean", confidence)
    centre, low, high = (math.exp(min(log, LARGEST_LOG)) for log in _mean([math.log(value) for value in values], confidence))
    return Summary(n, centre, low, high, kind, confidence)


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value, off by one unit in the last place at most: equal values are their own mean."""
    n = len(values)
    try:
        first = math.fsum(values) / n
        return first + math.fsum(chain(values, repeat(-first, n))) / n  # sums are exact, so the second term is the rounding of the first
    except OverflowError:
        return float(statistics.mean(values))


def usual_kind(unit: str) -> str:
    """Return the default kind of a metric with this unit: a geometric mean for times, rates and ratios, else a mean.

    A rate has a unit with a slash ("1/s", "MB/s"); a ratio has no unit, or "x".
    """
    return "geometric-mean" if "/" in unit or unit in {"", "x"} or is_time(unit) else "mean"


def order_ranks(n: int, quantile: float, confidence: float) -> tuple[int, int] | None:
    """Return ranks (j, k), counted from 1: the j-th and the k-th of the sorted values bound the quantile. None when n is too small.

    The number of values below the true quantile is binomial, so each tail is at most (1 - confidence) / 2, exactly.
    """
    from scipy.special import bdtr  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    tail = (1 - confidence) / 2
    below = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, quantile))  # the first k with P(B <= k) > tail
    above = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, 1 - quantile))
    return None if below == 0 or above == 0 else (below, n + 1 - above)


def _mean(values: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """Return the mean of at least two values, rounded once, and the ends of its interval."""
    from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    n = len(values)
    centre = mean(values)
    deviation = math.hypot(*(value - centre for value in values)) / math.sqrt(n - 1)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * deviation / math.sqrt(n)
    return centre, max(-LARGEST, centre - half), min(LARGEST, centre + half)


def _median(values: Sequence[float], confidence: float) -> tuple[float, float | None, float | None]:
    ordered, n = sorted(values), len(values)
    centre = mean((ordered[(n - 1) // 2], ordered[n // 2]))
    ranks = order_ranks(n, 0.5, confidence)
    return (centre, None, None) if ranks is None else (centre, ordered[ranks[0] - 1], ordered[ranks[1] - 1])

"""Summaries of observations: a centre, and an interval that says how exact it is.

One value is one trial: the parts of a trial (requests, machines) depend on one another and are joined before. Intervals are two-sided with
equal tails. An interval that too few trials cannot give is None.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("mean", "geometric-mean", "median")


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of `n` trials: `centre` is their mean, geometric mean or median; `low` and `high` bound the true one at `confidence`."""

    n: int
    centre: float
    low: float | None
    high: float | None
    kind: str
    confidence: float = 0.95

    @property
    def half_width(self) -> float | None:
        """Half the interval's width, None without an interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def precision(self) -> float | None:
        """Half the interval's width as a share of the centre: infinite around 0, None without an interval."""
        half = self.half_width
        if half is None or not half:
            return half
        return half / abs(self.centre) if self.centre else math.inf


def summarise(values: Sequence[float], kind: str, confidence: float = 0.95) -> Summary:
    """Return the summary of `values`, at least one and all finite.

    "mean": Student's t. "geometric-mean": Student's t on the logarithms; every value must be positive. Both have an interval from n = 2.
    "median": order statistics, without assumptions about the distribution; at 95 % it has an interval from n = 6. Raises ValueError.
    """
    if not values:
        raise ValueError("nothing to summarise: there are no values")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("cannot summarise values that are not finite numbers")
    if kind == "mean":
        return Summary(len(values), *_mean(values, confidence), kind, confidence)
    if kind == "geometric-mean":
        if min(values) <= 0:
            raise ValueError(f"a geometric mean needs positive values, but one is {min(values):g}")
        centre, low, high = _mean([math.log(value) for value in values], confidence)
        if low is not None and high is not None:
            low, high = math.exp(low), math.exp(high)
        return Summary(len(values), math.exp(centre), low, high, kind, confidence)
    if kind == "median":
        return Summary(len(values), *_median(values, confidence), kind, confidence)
    raise ValueError(f'"{kind}" is not a kind of summary; there are {", ".join(KINDS)}')


def usual_kind(unit: str, values: Sequence[float]) -> str:
    """Return the default kind of a metric: a geometric mean for rates and ratios if all values are positive, else a mean.

    A rate has a unit with a slash ("1/s", "MB/s"); a ratio has no unit, or "x".
    """
    multiplies = "/" in unit or unit in {"", "x"}
    return "geometric-mean" if multiplies and values and min(values) > 0 else "mean"


def order_ranks(n: int, quantile: float, confidence: float) -> tuple[int, int] | None:
    """Return ranks (j, k), counted from 1: the j-th and the k-th of the sorted values bound the quantile. None when n is too small.

    The number of values below the true quantile is binomial, so each tail is at most (1 - confidence) / 2, exactly.
    """
    from scipy.special import bdtr  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    tail = (1 - confidence) / 2
    below = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, quantile))  # the first k with P(B <= k) > tail
    above = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, 1 - quantile))
    return None if below == 0 or above == 0 else (below, n + 1 - above)


def _mean(values: Sequence[float], confidence: float) -> tuple[float, float | None, float | None]:
    from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    n = len(values)
    centre = math.fsum(values) / n
    if n == 1:
        return centre, None, None
    deviation = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * deviation / math.sqrt(n)
    return centre, centre - half, centre + half


def _median(values: Sequence[float], confidence: float) -> tuple[float, float | None, float | None]:
    ordered, n = sorted(values), len(values)
    centre = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    ranks = order_ranks(n, 0.5, confidence)
    return (centre, None, None) if ranks is None else (centre, ordered[ranks[0] - 1], ordered[ranks[1] - 1])

"""Summaries of observations: a centre, and an interval that says how well the trials fix it.

One value is one trial: the parts of a trial (requests, machines) depend on one another and are joined before they come here. Intervals are
two-sided with equal tails. What a few trials cannot tell is not told: an interval that does not exist is None.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("mean", "geometric-mean", "median")


@dataclass(frozen=True, slots=True)
class Summary:
    """What `n` trials say: `centre` is their mean, geometric mean or median; `low` and `high` bound the true one at `confidence`."""

    n: int
    centre: float
    low: float | None
    high: float | None
    kind: str
    confidence: float = 0.95

    @property
    def half_width(self) -> float | None:
        """Half the interval's width, None where there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def precision(self) -> float | None:
        """Half the interval's width as a share of the centre: infinite around 0, None where there is no interval."""
        half = self.half_width
        if half is None or not half:
            return half
        return half / abs(self.centre) if self.centre else math.inf


def summarise(values: Sequence[float], kind: str, confidence: float = 0.95) -> Summary:
    """Return the summary of `values`, at least one and all finite.

    "mean": Student's t. "geometric-mean": Student's t on the logarithms; every value must be positive. Both have an interval from n = 2.
    "median": order statistics, free of assumptions about the distribution; at 95 % it has an interval from n = 6. Raises ValueError.
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
    raise ValueError(f'"{kind}" is no kind of summary: known are {", ".join(KINDS)}')


def usual_kind(unit: str, values: Sequence[float]) -> str:
    """Return the kind that fits a metric nobody chose one for: rates and ratios multiply, so their mean is geometric where it exists.

    A rate has a unit with a stroke ("1/s", "MB/s"), a ratio has none at all or "x".
    """
    multiplies = "/" in unit or unit in {"", "x"}
    return "geometric-mean" if multiplies and values and min(values) > 0 else "mean"


def order_ranks(n: int, quantile: float, confidence: float) -> tuple[int, int] | None:
    """Return ranks (j, k), counted from 1, such that the sorted values' j-th and k-th bound the quantile; None when n is too small.

    The number of values below the true quantile is binomial, so each tail is at most (1 - confidence) / 2, exactly.
    """
    from scipy.special import bdtr  # noqa: PLC0415 - 0.2 s, only where statistics are asked for

    tail = (1 - confidence) / 2
    below = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, quantile))  # the first k with P(B <= k) > tail
    above = bisect_right(range(n), tail, key=lambda k: bdtr(k, n, 1 - quantile))
    return None if below == 0 or above == 0 else (below, n + 1 - above)


def _mean(values: Sequence[float], confidence: float) -> tuple[float, float | None, float | None]:
    from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only where statistics are asked for

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

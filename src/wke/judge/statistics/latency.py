"""What a histogram of one trial says. What too few values cannot tell is refused, not guessed."""

import math
from fractions import Fraction

import numpy as np

from wke.keep.output.histogram import Histogram

TAIL = 0.025
STATISTICS = ("mean", "min", "max", "count")


def fewest(quantile: float, tail: float = TAIL) -> int:
    """Return how many values it takes at least for some value among them to lie beyond the quantile with a probability of 1 - `tail`.

    From so many on, an interval for the quantile has two ends (judge/statistics/statistics.py). It is the least for values that do not
    depend on one another, which requests to one system do: more are better.
    """
    inner = max(quantile, 1 - quantile)
    n = max(1, math.ceil(math.log(tail) / math.log(inner)))
    return n + 1 if inner**n > tail else n


def quantile(histogram: Histogram, share: float) -> int:
    """Return the value that at least this share of all values does not exceed: the upper end of its bucket; ValueError for too few."""
    total, needed = histogram.total, fewest(share)
    if total < needed:
        raise ValueError(f"{total} values do not tell a quantile of {share:g}: that takes {needed} at least")
    rank = math.ceil(Fraction(repr(share)) * total)
    return int(histogram.highs[np.searchsorted(np.cumsum(histogram.counts), rank)])


def statistic(histogram: Histogram, name: str) -> float:
    """Return one of STATISTICS; ValueError when nothing was counted. A mean takes each value for the middle of its bucket."""
    if name == "count":
        return histogram.total
    if not histogram.total:
        raise ValueError("no value was recorded")
    if name == "mean":
        middles = histogram.lows + (histogram.highs - histogram.lows + 1) // 2
        return float(np.dot(middles.astype(np.float64), histogram.counts.astype(np.float64))) / histogram.total
    return int(histogram.lows.min() if name == "min" else histogram.highs[-1])

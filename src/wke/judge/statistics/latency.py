"""Quantiles and other statistics of the histogram of one trial. Too few values for a quantile are an error."""

import math
from fractions import Fraction

import numpy as np

from wke.keep.output.histogram import Histogram

TAIL = 0.025
STATISTICS = ("mean", "min", "max", "count")


def fewest(quantile: float, tail: float = TAIL) -> int:
    """Return the smallest number of values of which some lie beyond the quantile with a probability of 1 - `tail`.

    With this many an interval for the quantile has two ends (judge/statistics/statistics.py). The number is for independent values.
    Requests to one system depend on one another, so more values are better.
    """
    inner = max(quantile, 1 - quantile)
    n = max(1, math.ceil(math.log(tail) / math.log(inner)))
    return n + 1 if inner**n > tail else n


def quantile(histogram: Histogram, share: float) -> int:
    """Return the upper end of the bucket of the quantile `share`; raise ValueError for too few values."""
    total, needed = histogram.total, fewest(share)
    if total < needed:
        raise ValueError(f"{total} values are too few for a quantile of {share:g}, which needs at least {needed}")
    rank = math.ceil(Fraction(repr(share)) * total)
    return int(histogram.highs[np.searchsorted(np.cumsum(histogram.counts), rank)])


def statistic(histogram: Histogram, name: str) -> float:
    """Return one of STATISTICS; raise ValueError for an empty histogram. A mean counts each value as the middle of its bucket."""
    if name == "count":
        return histogram.total
    if not histogram.total:
        raise ValueError("no value was recorded")
    if name == "mean":
        middles = histogram.lows + (histogram.highs - histogram.lows + 1) // 2
        return float(np.dot(middles.astype(np.float64), histogram.counts.astype(np.float64))) / histogram.total
    return int(histogram.lows.min() if name == "min" else histogram.highs[-1])

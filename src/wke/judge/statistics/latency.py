"""Quantiles and other statistics of what one trial recorded, as a histogram or value by value. Too few for a quantile are an error."""

import math
from fractions import Fraction

from wke.describe.toml.wording import counted
from wke.keep.output.histogram import Histogram
from wke.keep.output.rawvalues import RawValues

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


def quantile(recorded: Histogram | RawValues, share: float) -> float:
    """Return the quantile `share`, of a histogram the upper end of its bucket; raise ValueError for too few values."""
    total, needed = recorded.total, fewest(share)
    if total < needed:
        too_few = f"{counted(total, 'value')} {'is' if total == 1 else 'are'} too few"
        raise ValueError(f"{too_few} for a quantile of {share:g}, which needs at least {needed}")
    return recorded.at(math.ceil(Fraction(repr(share)) * total))


def statistic(recorded: Histogram | RawValues, name: str) -> float:
    """Return one of STATISTICS; raise ValueError where no value was recorded."""
    if name == "count":
        return recorded.total
    if not recorded.total:
        raise ValueError("no value was recorded")
    if name == "mean":
        return recorded.mean
    if name == "max":
        return recorded.at(recorded.total)
    return recorded.at(1) if isinstance(recorded, RawValues) else int(recorded.lows.min())

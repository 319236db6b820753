"""Coordinated omission: a closed loop sends no requests while it waits, so a stall costs it few slow values instead of many.

It is avoided by load at a fixed rate, with latencies from the intended start. It can be suspected from a standstill that is too long for
chance (standstill.py). It can be corrected, as an estimate, where the pace of the loop is known: a value that is longer than the expected
interval stands for requests that would have been sent meanwhile and waited for the rest of it.
"""

import math

import numpy as np

from wke.keep.output.histogram import Histogram, merge
from wke.keep.output.rawvalues import MOST_VALUES, RawValues

ROUNDING = 1e-12
"""A value that is a multiple of the interval stays one, although both are rounded."""


def corrected(values: Histogram | RawValues, interval: float) -> Histogram | RawValues:
    """Return values with those that a closed loop omitted, which would have sent a request in each expected interval: an estimate.

    The `interval` is in the unit of the values. A value v counts with v - interval, v - 2 interval and so on, down to the interval. Raise
    ValueError for an interval that makes too many values of it.
    """
    if not (math.isfinite(interval) and interval > 0):
        raise ValueError(f"the expected interval must be more than 0, and it is {interval:g}")
    highs = (values.highs if isinstance(values, Histogram) else values.ordered).astype(np.float64)
    repeats = np.maximum(np.floor(highs / interval * (1 + ROUNDING)), 1)  # with the value itself
    if repeats.sum() > MOST_VALUES:
        raise ValueError(f"an expected interval of {interval:g} makes more than {MOST_VALUES} values of them")
    times = repeats.astype(np.int64)
    steps = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    if isinstance(values, RawValues):
        return RawValues(np.sort(np.repeat(values.ordered, times) - steps * interval))
    less = np.rint(steps * interval).astype(np.int64)
    lows, tops = np.repeat(values.lows, times) - less, np.repeat(values.highs, times) - less
    return merge([Histogram(np.maximum(lows, 0), np.maximum(tops, 0), np.repeat(values.counts, times), values.lowest, values.digits)])

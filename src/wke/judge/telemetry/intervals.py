"""The intervals of an HDR log as time series: how many values each has, quantiles and the largest one."""

from collections.abc import Iterable

import numpy as np

from wke.describe.experiment.timeseries import TimeSeries
from wke.judge.statistics.latency import quantile, statistic
from wke.judge.telemetry.placement import Clock, on_our_clock
from wke.keep.output.hdrlog import MILLISECONDS, Interval

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def interval_series(intervals: Iterable[Interval], clock: Clock, released_ns: int) -> dict[str, TimeSeries]:
    """Return the series of a log from a machine with that clock; the sample of an interval is at its end.

    Their names are `count`, `max` and those of QUANTILES, after a tag `READ:count`. A quantile is left out where too few values were
    recorded to tell it, and an interval of which the log does not say when it was. Values are in the unit that the log tells, "" if it
    does not. Raises ValueError with what is wrong with the log.
    """
    samples: dict[str, dict[float, float]] = {}
    units = set(MILLISECONDS)
    for interval in intervals:
        if interval.end_s is None:
            continue
        at_ns = int(on_our_clock(np.array([round(interval.end_s * 1e9)], np.int64), clock)[0])
        before = f"{interval.tag}:" if interval.tag else ""
        if interval.histogram.total:
            units &= interval.units
        for name, value in _figures(interval):
            samples.setdefault(before + name, {})[(at_ns - released_ns) / 1e9] = value
    unit = units.pop() if len(units) == 1 else ""
    of = {name: "" if name.endswith("count") else unit for name in samples}
    return {name: TimeSeries(of[name], *zip(*sorted(found.items()), strict=True)) for name, found in samples.items()}


def _figures(interval: Interval) -> Iterable[tuple[str, float]]:
    histogram = interval.histogram
    yield "count", float(histogram.total)
    if histogram.total:
        yield "max", statistic(histogram, "max")
    for name, share in QUANTILES.items():
        try:
            yield name, quantile(histogram, share)
        except ValueError:
            continue

"""Curves of recorded values as marks: quantiles by their share, or shares by the value that covers them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.latency import fewest
from wke.judge.statistics.statistics import Summary
from wke.judge.statistics.tails import pool_of, summary_of
from wke.keep.trials.trials import Recorded
from wke.tell.figures.panels import Mark

PER_DECADE = 24
"""How many marks a curve has from one nine to the next."""
DECADES = 6
FIRST = 0.1
"""The quantile at which a curve of quantiles begins."""
MARKED = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
"""The quantiles that have a marker."""
CDF_BEGIN, CDF_END = 0.01, 0.999
"""A curve of shares begins and ends at these quantiles: few values beyond them would take most of the axis."""


def quantile_marks(metric: Metric, recorded: Sequence[Recorded]) -> Iterator[Mark]:
    """Yield a mark for each quantile that the values of at least one trial are enough for: its x is the share of values below."""
    pool, unit = pool_of([[one] for one in recorded])
    for share in _shares(pool.whole.total):
        yield Mark(share, _scaled(metric, unit, summary_of(pool.quantile(share))))


def share_marks(metric: Metric, recorded: Sequence[Recorded]) -> Iterator[Mark]:
    """Yield a mark for each of many values: its x is the value, and its centre the share of values that it covers."""
    pool, unit = pool_of([[one] for one in recorded])
    upper = [share for share in _shares(pool.whole.total) if share <= CDF_END]
    lower = [round(1 - share, 9) for share in upper if 0.5 < share <= 1 - CDF_BEGIN]
    values = dict.fromkeys(pool.quantile(share).value for share in sorted({*lower, *upper}))
    for value in values:
        yield Mark(metric.scaled(value, unit), pool.covered(value))


def _shares(total: int) -> Iterator[float]:
    """Yield the shares whose quantiles so many values are enough for, from a tenth on; those with a marker exactly."""
    steps = [1 - 10 ** (-step / PER_DECADE) for step in range(1, DECADES * PER_DECADE)]
    for share in sorted({round(share, 9) for share in (*steps, *MARKED) if share >= FIRST}):
        if total >= fewest(share):
            yield share


def _scaled(metric: Metric, unit: str, summary: Summary) -> Summary:
    centre, low, high = (None if end is None else metric.scaled(end, unit) for end in (summary.centre, summary.low, summary.high))
    return replace(summary, centre=centre or 0.0, low=low, high=high)

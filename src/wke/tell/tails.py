"""What to know of the quantiles in a table: of which values they are, what both ends of an interval take, and what closed loops hide."""

import re
from collections.abc import Iterable, Iterator, Mapping

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.units import is_time
from wke.judge.statistics.statistics import POOLED, Summary
from wke.judge.summary.pointtable import PointTable
from wke.tell.words import counted

PERCENTILE = re.compile(r"(?:.*[-_.])?p(?:5|[6-9][0-9]?|[1-4][0-9]|[1-9][0-9]{1,5})(?:\.[0-9]+)?")
"""Names of metrics that are a quantile of the latencies of each trial."""


def tail_notes(table: PointTable) -> Iterator[str]:
    """Yield sentences on the quantiles in a table, one for all metrics that it is true of."""
    summaries = {name: [row.summaries[name] for row in table.rows if name in row.summaries] for name in table.units}
    declared = {metric.name: metric for metric in table.metrics}
    shown = {name: declared.get(name, Metric(name)) for name, found in summaries.items() if found}
    for name, metric in shown.items():
        if summaries[name][0].kind == POOLED:
            yield from _plan(metric, summaries[name])
    yield from _unpooled(shown.values(), {name: found[0].kind for name, found in summaries.items() if found})
    yield from _closed(shown.values(), table)


def _unpooled(metrics: Iterable[Metric], kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield which quantiles are means of the quantiles of single trials."""
    by_kind: dict[str, list[str]] = {}
    for metric in metrics:
        kind = kinds[metric.name]
        if kind != POOLED and (metric.source or PERCENTILE.fullmatch(metric.field or metric.name)):
            by_kind.setdefault(kind.replace("-", " "), []).append(metric.name)
    for kind, names in by_kind.items():
        yield f"{', '.join(names)}: {kind} of the quantiles of single trials; that of all values is higher if few are beyond it"


def _closed(metrics: Iterable[Metric], table: PointTable) -> Iterator[str]:
    """Yield which latencies are of a closed loop, and which of them are corrected."""
    shown = [metric for metric in metrics if is_closed(metric, table)]
    for interval in dict.fromkeys(metric.expected_interval for metric in shown if metric.expected_interval):
        names = _names(metric for metric in shown if metric.expected_interval == interval)
        yield f"{names}: an estimate, corrected for requests that a closed loop did not send; expected interval {interval}"
    if names := _names(metric for metric in shown if not metric.expected_interval):
        yield f"{names}: of a closed loop, which sends nothing while it waits: after a standstill the tail is higher than that"


def is_closed(metric: Metric, table: PointTable) -> bool:
    """Return whether a metric is a latency of a closed loop."""
    return metric.expected_interval is not None or (table.closed and is_time(metric.unit) and (metric.merges or metric.from_ is not None))


def _plan(metric: Metric, summaries: list[Summary]) -> Iterator[str]:
    """Yield what both ends of an interval would take, if points lack one."""
    lacking = [one for one in summaries if one.high is None]
    if not lacking:
        return
    from wke.judge.statistics.tails import plans  # noqa: PLC0415 - numpy, which pooling has loaded

    (trials, values), *others = plans(metric.quantile or 0.0)
    least = min(lacking, key=lambda one: (one.n, one.values))
    more = " or ".join(f"{trials} of {values:,}" for trials, values in others)
    have = f"there are {counted(least.n, 'trial')} of {least.values:,}"
    yield f"{metric.name}: an interval with two ends takes {trials} trials of {values:,} values, or {more}; {have}"


def _names(metrics: Iterable[Metric]) -> str:
    return ", ".join(metric.name for metric in metrics)

"""What to know of the quantiles in a table: of which values they are, what both ends of an interval take, and what closed loops hide."""

import re
from collections.abc import Iterable, Iterator, Mapping

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.units import is_time
from wke.describe.toml.wording import counted
from wke.judge.statistics.statistics import POOLED, Summary
from wke.judge.summary.pointtable import PointTable

PERCENTILE = re.compile(r"(?:.*[-_.])?p(?:5|[6-9][0-9]?|[1-4][0-9]|[1-9][0-9]{1,5})(?:\.[0-9]+)?")
"""Names of metrics that are a quantile of the latencies of each trial."""


def tail_notes(table: PointTable) -> Iterator[str]:
    """Yield sentences on the quantiles in a table, one for all metrics that it is true of."""
    summaries = {name: [row.summaries[name] for row in table.rows if name in row.summaries] for name in table.units}
    declared = {metric.name: metric for metric in table.metrics}
    shown = {name: declared.get(name, Metric(name)) for name, found in summaries.items() if found}
    lacking: dict[float, dict[str, Summary]] = {}
    for name, metric in shown.items():
        for one in summaries[name]:
            if one.kind == POOLED and one.high is None:
                least = lacking.setdefault(metric.quantile or 0.0, {}).setdefault(name, one)
                lacking[metric.quantile or 0.0][name] = min(least, one, key=lambda each: (each.n, each.values))
    yield from _plans(lacking)
    yield from _unpooled(shown.values(), {name: found[0].kind for name, found in summaries.items() if found})
    yield from loop_notes(shown.values(), closed=table.closed)


def _unpooled(metrics: Iterable[Metric], kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield which quantiles are means of the quantiles of single trials."""
    by_kind: dict[str, list[str]] = {}
    for metric in metrics:
        kind = kinds[metric.name]
        if kind != POOLED and (metric.source or PERCENTILE.fullmatch(metric.field or metric.name)):
            by_kind.setdefault(kind.replace("-", " "), []).append(metric.name)
    for kind, names in by_kind.items():
        yield f"{', '.join(names)}: {kind} of the quantiles of single trials; that of all values is higher if few are beyond it"


def loop_notes(metrics: Iterable[Metric], *, closed: bool) -> Iterator[str]:
    """Yield which latencies are of a closed loop, as a load with `closed` is, and which of them are corrected."""
    shown = [metric for metric in metrics if is_closed(metric, closed=closed)]
    for interval in dict.fromkeys(metric.expected_interval for metric in shown if metric.expected_interval):
        names = _names(metric for metric in shown if metric.expected_interval == interval)
        yield f"{names}: an estimate, corrected for requests that a closed loop did not send; expected interval {interval}"
    if names := _names(metric for metric in shown if not metric.expected_interval):
        yield f"{names}: of a closed loop: it sends nothing while it waits, so a standstill hardly shows"


def is_closed(metric: Metric, *, closed: bool) -> bool:
    """Return whether a metric is a latency of a closed loop, as a load with `closed` is."""
    return metric.expected_interval is not None or (closed and is_time(metric.unit) and (metric.merges or metric.from_ is not None))


def _plans(lacking: Mapping[float, Mapping[str, Summary]]) -> Iterator[str]:
    """Yield what both ends of an interval would take, by quantile, for metrics of which points lack one: each with its worst point."""
    for quantile, metrics in lacking.items():
        from wke.judge.statistics.tails import plans  # noqa: PLC0415 - numpy, which pooling has loaded

        (trials, values), *others = plans(quantile)
        least = min(metrics.values(), key=lambda one: (one.n, one.values))
        more = " or ".join(f"{trials} of {values:,}" for trials, values in others)
        have = f"there {'is' if least.n == 1 else 'are'} {counted(least.n, 'trial')} of {least.values:,}"
        yield f"{', '.join(metrics)}: an interval with two ends takes {trials} trials of {values:,} values, or {more}; {have}"


def _names(metrics: Iterable[Metric]) -> str:
    return ", ".join(metric.name for metric in metrics)

"""The histograms that tasks left: read, merged, and evaluated for an experiment's metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wke.describe.experiment.metrics import Metric, Report
from wke.describe.expression.units import convert
from wke.describe.toml.wording import labelled, quoted
from wke.judge.statistics.latency import quantile, statistic
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.output.hdrlog import HdrLog, log_text, read_log
from wke.keep.output.histogram import Histogram, merge
from wke.keep.output.logs import collected_files
from wke.records import TaskName


@dataclass(frozen=True, slots=True)
class Histograms:
    """What the histograms in an attempt's `folder` say; each set of them is read once, whatever is asked of it."""

    folder: Path
    merged: dict[tuple[object, ...], HdrLog] = field(default_factory=dict)

    def ask(self, metric: Metric, tasks: Sequence[TaskName]) -> Report:
        """Return a metric's value and unit; raise ValueError saying why there is none."""
        log = self._of(metric, tasks)
        if metric.statistic == "count":
            return float(log.histogram.total), metric.unit
        try:
            asked = statistic(log.histogram, metric.statistic) if metric.statistic else quantile(log.histogram, metric.quantile or 0.0)
        except ValueError as error:
            raise ValueError(f"{labelled(tasks)}: {error}") from None
        if isinstance(metric.scale, int | float):
            return asked * metric.scale, metric.unit
        unit = metric.scale or log.unit
        value = convert(asked, unit, metric.unit) if unit else None
        if value is None:
            raise ValueError(f'{quoted(metric.hdr or "")} does not tell in which unit values were recorded; write scale = "ns", or "us"')
        return value, metric.unit

    def keep(self, metrics: Sequence[Metric]) -> None:
        """Write what was merged into the folder, under the name of the first metric that asked for it."""
        with disk_errors(self.folder):
            for key, log in self.merged.items():
                metric = next(metric for metric in metrics if _key(metric) == key)
                path = self.folder / "histograms" / f"{metric.name}.hlog"
                private_folder(path.parent)
                unit = metric.scale if isinstance(metric.scale, str) else log.unit if metric.scale is None else None
                path.write_text(log_text(log.histogram, unit, f"wke: {metric.hdr}, merged"))
                path.chmod(0o600)

    def _of(self, metric: Metric, tasks: Sequence[TaskName]) -> HdrLog:
        key = _key(metric)
        if key not in self.merged:
            units: set[str | None] = set()

            def each() -> Iterator[Histogram]:
                for task in tasks:
                    for log in self._logs(metric, task):
                        if log.histogram.total:
                            units.add(log.unit)
                        yield log.histogram

            histogram = merge(each())
            self.merged[key] = HdrLog(histogram, units.pop() if len(units) == 1 else None)
        return self.merged[key]

    def _logs(self, metric: Metric, task: TaskName) -> Iterator[HdrLog]:
        files = collected_files(self.folder, task, metric.hdr or "")
        if not files:
            raise ValueError(f"{labelled([task])} left no {metric.hdr} in $WKE_DIR")
        for name, path in files:
            try:
                yield read_log(path, metric.tag)
            except ValueError as error:
                raise ValueError(f"{name} of {labelled([task])}: {error}") from None


def _key(metric: Metric) -> tuple[object, ...]:
    """Return what identifies the histograms that a metric reads."""
    return metric.hdr, metric.tag, metric.on, metric.step

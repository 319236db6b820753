"""What tasks left in files: histograms, raw values and output of load generators, evaluated for an experiment's metrics."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.quantity import Report
from wke.describe.expression.units import convert
from wke.describe.generators.generators import yielded
from wke.describe.toml.wording import labelled, quoted
from wke.judge.statistics.latency import quantile, statistic
from wke.judge.statistics.omission import corrected
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.output.distribution import distribution, encode
from wke.keep.output.hdrlog import HdrLog, log_text, read_log
from wke.keep.output.histogram import Histogram, merge
from wke.keep.output.logs import collected_files
from wke.keep.output.rawvalues import Numbers, RawValues, read_values
from wke.records import TaskName
from wke.values import dataclass

LARGEST_OUTPUT = 1 << 26


@dataclass(frozen=True, slots=True)
class Recorded:
    """The values of all files that a metric reads; `unit` is theirs, None if it is not known, and then `why` says why."""

    values: Histogram | RawValues
    unit: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recordings:
    """What the files in the `folder` of an attempt at a `point` say; each set of them is read once, whatever is asked of it."""

    folder: Path
    point: Mapping[str, object] = field(default_factory=dict)
    read: dict[tuple[object, ...], Recorded] = field(default_factory=dict)

    def ask(self, metric: Metric, tasks: Sequence[TaskName]) -> Report:
        """Return a metric's value and unit; raise ValueError saying why there is none."""
        if metric.from_ is not None:
            return self._yielded(metric, tasks[0])
        recorded = self._of(metric, tasks)
        if metric.statistic == "count":
            return float(recorded.values.total), metric.unit
        try:
            asked = statistic(recorded.values, metric.statistic) if metric.statistic else quantile(recorded.values, metric.quantile or 0.0)
        except ValueError as error:
            raise ValueError(f"{labelled(tasks)}: {error}") from None
        value = metric.scaled(asked, _unit(metric, recorded))
        if value is None:
            raise _unknown_unit(metric, recorded)
        return value, metric.unit

    def distributions(self, metrics: Sequence[Metric]) -> dict[str, tuple[str, bytes]]:
        """Return how the recorded values are distributed that were asked for quantiles, each with its unit, by their sources."""
        found = {metric.source: (metric, self.read[_key(metric)]) for metric in metrics if metric.source and _key(metric) in self.read}
        return {source: (_unit(metric, one) or "", encode(distribution(one.values))) for source, (metric, one) in found.items() if source}

    def keep(self, metrics: Sequence[Metric]) -> None:
        """Write the histograms that were merged into the folder, under the name of the first metric that asked for it."""
        with disk_errors(self.folder):
            for key, recorded in self.read.items():
                if not isinstance(recorded.values, Histogram):
                    continue
                metric = next(metric for metric in metrics if _key(metric) == key)
                path = self.folder / "histograms" / f"{metric.name}.hlog"
                private_folder(path.parent)
                unit = metric.scale if isinstance(metric.scale, str) else recorded.unit if metric.scale is None else None
                how = f", corrected for omission, expected interval {metric.expected_interval}" if metric.expected_interval else ""
                path.write_text(log_text(recorded.values, unit, f"wke: {metric.hdr}, merged{how}"))
                path.chmod(0o600)

    def _of(self, metric: Metric, tasks: Sequence[TaskName]) -> Recorded:
        key = _key(metric)
        if key not in self.read:
            if metric.expected_interval is not None:
                self.read[key] = self._corrected(metric, tasks)
            else:
                self.read[key] = self._raw(metric, tasks) if metric.raw is not None else self._merged(metric, tasks)
        return self.read[key]

    def _corrected(self, metric: Metric, tasks: Sequence[TaskName]) -> Recorded:
        """Return the values of all tasks, corrected for requests that a closed loop omitted."""
        recorded = self._of(replace(metric, expected_interval=None), tasks)
        interval, own = metric.interval(self.point)
        unit = _unit(metric, recorded)
        if isinstance(metric.scale, int | float):
            wanted = convert(interval, own, metric.unit)
            wanted = None if wanted is None else wanted / metric.scale
        else:
            wanted = None if unit is None else convert(interval, own, unit)
        if wanted is None:
            raise _unknown_unit(metric, recorded)
        return replace(recorded, values=corrected(recorded.values, wanted))

    def _merged(self, metric: Metric, tasks: Sequence[TaskName]) -> Recorded:
        """Return the histograms of all tasks as one, in the unit that all logs tell."""
        told: dict[str | None, TaskName] = {}

        def each() -> Iterator[Histogram]:
            for task in tasks:
                for name, path in self._files(metric, task):
                    with _named(name, task):
                        log: HdrLog = read_log(path, metric.tag)
                    if log.histogram.total:
                        told.setdefault(log.unit, task)
                    yield log.histogram

        histogram = merge(each())
        return Recorded(histogram, next(iter(told)) if len(told) == 1 else None, _disagreement(told))

    def _raw(self, metric: Metric, tasks: Sequence[TaskName]) -> Recorded:
        """Return the values of all tasks, in the metric's scale or else its unit."""
        unit = metric.scale if isinstance(metric.scale, str) else metric.unit

        def each() -> Iterator[Numbers]:
            for task in tasks:
                for name, path in self._files(metric, task):
                    with _named(name, task):
                        yield read_values(path, metric.column, "" if isinstance(metric.scale, int | float) else unit)

        return Recorded(RawValues.of(each()), unit)

    def _yielded(self, metric: Metric, task: TaskName) -> Report:
        """Return a metric of what a load generator left in a file."""
        files = self._files(metric, task)
        if len(files) > 1:
            raise ValueError(f"{labelled([task])} left {len(files)} files {metric.file}; name one of them")
        name, path = files[0]
        with _named(name, task):
            if path.stat().st_size > LARGEST_OUTPUT:
                raise ValueError(f"it is larger than {LARGEST_OUTPUT} bytes")
            return yielded(metric.from_ or "", metric.field or metric.name, path.read_bytes())

    def _files(self, metric: Metric, task: TaskName) -> Sequence[tuple[str, Path]]:
        files = collected_files(self.folder, task, metric.path or "")
        if not files:
            raise ValueError(f"{labelled([task])} left no {metric.path} in $WKE_DIR")
        return files


@contextmanager
def _named(file: str, task: TaskName) -> Iterator[None]:
    """Name a file in what is wrong with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file} of {labelled([task])}: {error}") from None


def _unit(metric: Metric, recorded: Recorded) -> str | None:
    """Return the unit of recorded values: the metric's scale, or what files tell; a scale that is a factor has none."""
    return metric.scale if isinstance(metric.scale, str) else None if metric.scale is not None else recorded.unit


def _unknown_unit(metric: Metric, recorded: Recorded) -> ValueError:
    return ValueError(f'{quoted(metric.path or "")} {recorded.why}; write scale = "ns", "us" or "ms"')


def _disagreement(told: Mapping[str | None, TaskName]) -> str:
    """Return why the unit of recorded values is not known, given each unit that a log told with the first task that left it."""
    if len(told) < 2:
        return "does not tell in which unit values were recorded"
    units = (f"{unit or 'an unknown unit'} on {labelled([task])}" for unit, task in told.items())
    return f"tells different units of recorded values: {', '.join(units)}"


def _key(metric: Metric) -> tuple[object, ...]:
    """Return what identifies the values that a metric reads."""
    unit = None if metric.raw is None else metric.scale or metric.unit
    interval = (metric.expected_interval, metric.scale, metric.unit) if metric.expected_interval else None
    return metric.path, metric.tag, metric.column, unit, metric.on, metric.step, interval

"""The shape of the entries of [metrics] in an experiment file."""

import re
from typing import Annotated, Literal

from wke.describe.experiment.logpattern import compile_log, has_unit
from wke.describe.expression.parser import parse_calculation
from wke.describe.expression.quantity import quantity
from wke.describe.expression.units import is_known
from wke.describe.generators.generators import GENERATORS
from wke.describe.toml.shape import After, Before, Bounds, FlawError, NonEmpty, TableModel
from wke.describe.toml.wording import quoted, shown
from wke.documents import TomlValue
from wke.errors import did_you_mean

_ALONE = (
    ("value", ("log", "join", "on", "step", "hdr", "raw", "from_"), "metrics that are read; this metric is computed"),
    ("value", ("telemetry", "scrape"), "metrics that are read; this metric is computed"),
    ("hdr", ("log", "join", "raw", "from_"), "metrics in output; histograms are always merged"),
    ("raw", ("log", "join", "from_"), "metrics in output; raw values are always merged"),
    ("from_", ("log",), "metrics without a load generator"),
    ("telemetry", ("log", "hdr", "raw", "from_", "scrape"), "metrics of other sources"),
    ("scrape", ("log", "hdr", "raw", "from_", "step"), "metrics of other sources; what was scraped belongs to machines"),
)
_ONLY_WITH = (
    (("quantile", "scale", "expected_interval"), ("hdr", "raw"), "metrics of histograms and raw values", 'hdr = "out/*.hlog"'),
    (("statistic",), ("hdr", "raw", "telemetry", "scrape"), "metrics of histograms, raw values and telemetry", 'hdr = "out/*.hlog"'),
    (("tag",), ("hdr",), "metrics of histograms", 'hdr = "out/*.hlog"'),
    (("column",), ("raw",), "metrics of raw values", 'raw = "out/*.csv"'),
    (("field", "file"), ("from_",), "metrics of load generators", 'from = "wrk"'),
)


def collected(value: str) -> str:
    """Return a path in a task's own folder; raise FlawError for other paths."""
    if value.startswith("/") or not value.strip("/") or ".." in value.split("/"):
        raise FlawError("must be in the task's own folder, $WKE_DIR", 'write a path in it, such as "out/*.log"')
    return value


def _series(value: str) -> str:
    if re.fullmatch(r"[^\s]+", value) is None:
        raise FlawError("must be the name of a series, such as cpu or disk.sda.written")
    return value


def _log_pattern(value: str) -> str:
    compile_log(value)
    return value


def _calculation(value: str) -> str:
    parse_calculation(value)
    return value


def _interval(value: str) -> str:
    """Accept a positive quantity or a calculation."""
    try:
        number, _ = quantity(value)
    except ValueError:
        parse_calculation(value)
        return value
    if number <= 0:
        raise FlawError(f"must be more than 0, not {shown(value)}", 'write expected-interval = "10ms"')
    return value


def _scale(value: TomlValue) -> str | float:
    """Accept a unit or a positive number."""
    if isinstance(value, str) and is_known(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise FlawError(f"must be a unit or a positive number, not {shown(value)}", 'write scale = "us", or 0.001')
    return value


def _column(value: TomlValue) -> str | int:
    """Accept the name of a column or its position."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FlawError(f"must be the name of a column or its position from 1, not {shown(value)}")
    return value


def _generator(value: str) -> str:
    if value not in GENERATORS:
        raise FlawError(f"wke does not read the output of {quoted(value)}", did_you_mean(value, GENERATORS))
    return value


class MetricEntry(TableModel):
    """Where a metric comes from. The key is its name."""

    value: Annotated[NonEmpty, After(_calculation)] | None = None
    """An expression that computes it for each trial from other metrics and parameters, such as `cpu / throughput`."""
    log: Annotated[NonEmpty, After(_log_pattern)] | None = None
    """A regular expression with one group around the number, or with `{value}` for it and `{unit}` for its unit, such as
    `p99: {value}{unit}`; the last match counts. Without it, tasks report the metric by name."""
    join: Literal["sum", "mean", "min", "max", "median"] | None = None
    """How the values of several tasks become one; required if there are several."""
    unit: str = ""
    """Its unit; values reported in another unit are converted."""
    better: Literal["higher", "lower"] | None = None
    """Which direction is better; `hill-climb` searches in it."""
    on: NonEmpty | None = None
    """A selector: read it only from tasks on these machines."""
    step: NonEmpty | None = None
    """Read it from the tasks of this target instead of the measured step."""
    hdr: Annotated[NonEmpty, After(collected)] | None = None
    """Files in each task's $WKE_DIR, such as `out/*.hlog`: HdrHistogram logs or single histograms. Those of all tasks are merged."""
    raw: Annotated[NonEmpty, After(collected)] | None = None
    """Files in each task's $WKE_DIR with recorded values: one number per line, or a `column`. Those of all tasks are merged."""
    column: Annotated[str | int, Before(_column, str | int)] | None = None
    """The column of CSV files, by its name in the first line, or by its position from 1; or the key of JSON lines."""
    from_: Annotated[NonEmpty, After(_generator)] | None = None
    """The load generator whose output has it, such as `wrk`. See [load generators](generators.md)."""
    field: NonEmpty | None = None
    """What the load generator calls it, such as `p99`; by default the metric's name."""
    file: Annotated[NonEmpty, After(collected)] | None = None
    """The file in each task's $WKE_DIR with the load generator's output; by default its standard output is read."""
    quantile: Annotated[float, Bounds(over=0, at_most=0.999999)] | None = None
    """The quantile, such as 0.99, that becomes the metric's value. It is refused if too few values were recorded to tell."""
    statistic: Literal["mean", "min", "max", "count", "total"] | None = None
    """A statistic of the recorded values, instead of a quantile; `count` is their number. Of telemetry: `mean` (the default), `min`, `max`,
    or `total`, by how much a counter grew in the measured window."""
    telemetry: Annotated[NonEmpty, After(_series)] | None = None
    """A series of [telemetry](../howto/telemetry.md), over the measured window. With `step` it is that of the step's tasks, such as
    `memory`. Without it, it is that of the machines `on`, such as `cpu`, or `disk.*.written`, where all that match are added up. Counters
    become rates."""
    scrape: NonEmpty | None = None
    """A series of what is scraped, in the same way: the name of a sample with its labels, or without them if there is one."""
    scale: Annotated[str | float, Before(_scale, str | float)] | None = None
    """The unit of recorded values, such as `us`, or a factor for them. By default, the Interval_Max of an HDR log tells; raw values are in
    the metric's unit."""
    tag: NonEmpty | None = None
    """Use only the intervals of a log with this tag."""
    expected_interval: Annotated[NonEmpty, After(_interval)] | None = None
    """For a closed loop of known pace: how often each connection would send a request if nothing stood still, such as `10ms`, or a
    calculation with parameters, whose number is in the metric's unit. Values are corrected for requests that were not sent meanwhile:
    the metric is an [estimate](../statistics.md#latencies-that-were-never-measured)."""
    summary: Literal["mean", "geometric-mean", "median", "pooled"] | None = None
    """How the trials of a point become one number; by default `pooled` for a `quantile`, which is then that of all recorded values of all
    trials, `geometric-mean` for other times, rates and ratios, else `mean`."""

    def check(self) -> None:
        """Refuse keys that do not go together."""
        self._check_sources()
        series = self.telemetry or self.scrape
        if self.statistic in {"min", "max"} and "*" in (series or ""):
            raise FlawError("cannot be the extreme of a sum of series", "name one of them, or remove it", ("statistic",))
        if self.statistic == ("total" if series is None else "count"):
            hint = f"write mean, min, max or {'count' if series is None else 'total'}"
            raise FlawError(f"{quoted(self.statistic)} is for other metrics", hint, ("statistic",))
        self._check_recorded()
        if self.log is not None and has_unit(self.log) and not self.unit:
            raise FlawError(
                "unit is missing: the output says in which unit each value is", 'write unit = "ms", to which they are converted'
            )

    def _check_recorded(self) -> None:
        """Refuse keys that make no sense for recorded values."""
        if self.summary == "pooled" and self.quantile is None:
            raise FlawError("is for quantiles of recorded values", 'write quantile = 0.99, or summary = "mean"', ("summary",))
        if self.expected_interval is not None and self.statistic == "count":
            raise FlawError("is not for a count", "remove it", ("expected-interval",))
        if (self.hdr is not None or self.raw is not None) and (self.quantile is None) == (self.statistic is None):
            raise FlawError("must have exactly one of quantile and statistic", 'write quantile = 0.99, or statistic = "mean"')

    def _check_sources(self) -> None:
        """Refuse keys of another source than the metric's."""
        for way, keys, what in _ALONE:
            for key in filter(self.given.__contains__, keys if getattr(self, way) is not None else ()):
                raise FlawError(f"is for {what}", f"remove it, or {way.rstrip('_')}", (key.rstrip("_"),))
        for names, ways, what, hint in _ONLY_WITH:
            for key in filter(self.given.__contains__, names if all(getattr(self, way) is None for way in ways) else ()):
                raise FlawError(f"is for {what}", f"write {hint}", (key.replace("_", "-"),))

"""The shape of an experiment file, its short forms spelled out. What its words mean together is experiment.py's business."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from wke.describe.cluster.clusterfile import Duration, Share
from wke.describe.configuration.configfile import AnyScalar
from wke.describe.experiment.metrics import compile_log
from wke.describe.experiment.plot import Filter, read_argument, read_filter, read_filters
from wke.describe.expression.equation import read_expression
from wke.describe.expression.expression import Expression
from wke.describe.expression.parser import parse_calculation, parse_condition
from wke.describe.expression.units import is_known
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, NonEmpty, TableModel
from wke.describe.toml.wording import shown
from wke.documents import TomlValue


def _file_name(value: str) -> str:
    if not value or re.search(r"[/\0\n]", value) or value.startswith("."):
        raise FlawError("becomes part of file names: it must not be empty, begin with a dot or hold a slash")
    return value


def _number_or_template(value: TomlValue) -> str:
    """Accept a whole number where text is expected: `3` is short for the template "3"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FlawError(f'must be a whole number or a template such as "{{num-clients}}", not {shown(value)}')
    return str(value)


def _log_pattern(value: str) -> str:
    compile_log(value)
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value.encode())
    except re.error as error:
        raise FlawError(f"is not a regular expression: {error}") from None
    return value


def _expressions(value: TomlValue) -> tuple[Expression, ...]:
    """Turn a column, an equation or a list of them into expressions."""
    if isinstance(value, list):
        return tuple(read_expression(one, (index,)) for index, one in enumerate(value))
    return (read_expression(value),)


def _normaliser(value: TomlValue) -> str | Filter:
    """Accept a column's name or a filter."""
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, dict):
        raise FlawError(f"must be a column or a table, not {shown(value)}", 'write { key = "engine", value = "old" } to divide by its mean')
    return read_filter(value, ())


def _listed(value: TomlValue) -> TomlValue:
    """Turn one text into a list of one."""
    return [value] if isinstance(value, str) else value


def _as_iterations(value: TomlValue) -> TomlValue:
    """Turn a number of iterations into the table that it is short for."""
    if isinstance(value, bool) or not isinstance(value, int | dict):
        raise FlawError(f'must be a whole number or {{ min = 5, max = 30, precision = "5%" }}, not {shown(value)}')
    if isinstance(value, dict):
        return value
    if value < 1:
        raise FlawError(f"must be at least 1, not {value}")
    return {"max": value}


def _condition(value: TomlValue) -> Expression:
    """Read a text as a condition."""
    if not isinstance(value, str):
        raise FlawError(f"must be a condition in quotes, not {shown(value)}", "write when = \"engine == 'old'\"")
    return parse_condition(value)


def _calculation(value: str) -> str:
    parse_calculation(value)
    return value


def _scale(value: TomlValue) -> str | float:
    """Accept a unit or a positive number."""
    if isinstance(value, str) and is_known(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise FlawError(f"must be a unit or a positive number, not {shown(value)}", 'write scale = "us", or 0.001')
    return value


def _collected(value: str) -> str:
    if value.startswith("/") or not value.strip("/") or ".." in value.split("/"):
        raise FlawError("must lie in the task's own folder, $WKE_DIR", 'write a path in it, such as "out/*.log"')
    return value


def _labels(value: TomlValue) -> TomlValue:
    """Turn labels in the order of the values into a table under their positions."""
    if isinstance(value, list):
        return dict(enumerate(value))
    if not isinstance(value, dict):
        raise FlawError(f"must be a list of labels or a table from value to label, not {shown(value)}")
    return value


FileName = Annotated[str, After(_file_name)]
Count = Annotated[str, Before(_number_or_template, int | str)]
Limit = Annotated[Duration, Bounds(over=0)]
Scale = Literal["linear", "log", "symlog"]
Style = Literal["whitegrid", "darkgrid", "white", "dark", "ticks"]
Corner = Literal[
    "best",
    "upper right",
    "upper left",
    "lower left",
    "lower right",
    "right",
    "center left",
    "center right",
    "lower center",
    "upper center",
    "center",
]


class IterationsEntry(TableModel):
    """How many trials of each point count: so many, or as many as it takes."""

    min: Annotated[int, Bounds(at_least=2)] = 5
    """After so many rounds the intervals are looked at first, then every 5 rounds."""
    max: Annotated[int, Bounds(at_least=1)]
    """After so many rounds the series ends in any case."""
    precision: Annotated[Share, Bounds(over=0)] | None = None
    """The series ends when two looks in a row find every point's intervals narrow: half of one is at most this share of its centre."""
    of: Annotated[Items[NonEmpty], Before(_listed, str | list[str])] = ()
    """The metrics whose intervals are looked at; by default those that plots show on their y-axis, and all where none does."""

    def check(self) -> None:
        """Refuse what excludes itself."""
        if (self.precision is not None or "min" in self.given) and self.min > self.max:
            raise FlawError(f"is less than min, which is {self.min}", None, ("max",))


IterationsForm = Annotated[IterationsEntry, Before(_as_iterations, int | IterationsEntry)]


class ExperimentSection(TableModel):
    """What holds for the experiment as a whole."""

    name: FileName | None = None
    """Its name in the store and of its files; by default the experiment file's name without .toml."""
    about: str = ""
    """One line for people."""
    configuration: NonEmpty | None = None
    """The folder of the project whose targets the steps run. Needed with [[steps]]."""
    iterations: IterationsForm = IterationsEntry(max=1)
    """How many trials of each point count: a number (1 if left out), or `{ min = 5, max = 30, precision = "5%" }`, as many as it takes."""
    warmups: Annotated[int, Bounds(at_least=0)] = 0
    """How many trials of each point run before them and do not count."""
    order: Literal["interleaved", "sequential"] | None = None
    """Interleaved: each round runs every point once, in random order. Sequential (the default of benchmark scripts): point by point."""
    seed: int | None = None
    """What the random order follows from; by default chosen once and stored with the series."""
    cooldown: Duration = 0.0
    """Pause between two trials."""
    budget: Limit | None = None
    """How long all its trials may take, such as `6h`. First come the ends and middles of ranges, then what lies between (`min` rounds each,
    5 unless iterations says otherwise), then more iterations where intervals are widest."""
    baseline: Mapping[str, AnyScalar] = {}
    """Parameters and their values, such as `{ engine = "old" }`: every point is compared, round by round, with the one that has these."""
    threshold: Annotated[Share, Bounds(at_least=0)] = 0.0
    """Differences from the baseline of at most this share do not matter, such as `2%`."""
    files: Items[NonEmpty] = ()
    """What results depend on although no script holds it, by paths in the project: a file's bytes count as a script's do, such as those of
    a program that scripts start; of a folder it is stored what git says of it."""


class ReadyEntry(TableModel):
    """How to tell that a background step answers."""

    port: Count | None = None
    """A TCP port that accepts connections, asked on each of the step's machines."""
    log: Annotated[NonEmpty, After(_pattern)] | None = None
    """A regular expression; each task has written a line in which it is found."""
    target: NonEmpty | None = None
    """A target that succeeds on each of the step's machines; it is run again until it does."""
    within: Limit = 20.0
    """Longer than this, and the trial has timed out."""

    def check(self) -> None:
        """Refuse all but exactly one way."""
        if sum(way is not None for way in (self.port, self.log, self.target)) != 1:
            raise FlawError("must have exactly one of port, log and target", 'write { port = 6379, within = "20s" }')


class ExcludeEntry(TableModel):
    """Points that make no sense."""

    when: Annotated[Expression, Before(_condition, str)]
    """A condition on parameters, such as `engine == 'old' and num-clients > 32`. Points where it is true are left out."""


class CheckEntry(TableModel):
    """What must hold for a trial to count."""

    that: Annotated[Expression, Before(_condition, str)]
    """A condition on metrics and parameters, such as `errors == 0`. Else the trial is invalid: kept, and repeated at most twice."""


class StepEntry(TableModel):
    """One step of a trial."""

    target: NonEmpty
    """What to run; `copy-data` copies its option `source`, a path here, to `destination` on the machines (their home folder)."""
    on: NonEmpty = "all"
    """A selector: where."""
    background: bool = False
    """Start it and go on; it is stopped when the trial ends, or what its scope names. If it ends before, the trial has failed."""
    scope: Literal["deploy", "point", "trial"] = "trial"
    """How often it runs: `trial`, in every trial; `point`, once when a point is visited; `deploy`, only when a parameter or the machines
    that it names change, or an earlier step ran again. What it did stands until then. Steps that run less often come first."""
    ready: ReadyEntry | None = None
    """When the next step may begin. Only with background = true."""
    options: Mapping[str, AnyScalar] = {}
    """The target's options; values may be templates."""
    measure: bool = False
    """Its tasks start at one instant and metrics are read from their output. Exactly one step is measured."""
    multiply: Count = "1"
    """How many tasks run on each machine."""
    timeout: Limit | None = None
    """A task that takes longer is stopped and has timed out."""
    prelude: NonEmpty | None = None
    """Used instead of the default one; `none` for none."""
    collect: Annotated[Items[Annotated[str, After(_collected)]], Before(_listed, str | list[str])] = ()
    """Files in each task's $WKE_DIR, such as `out/*.log`, that are copied to the trial's folder; one that is missing fails the trial."""


class MetricEntry(TableModel):
    """Where a metric comes from. Its name is its key."""

    value: Annotated[NonEmpty, After(_calculation)] | None = None
    """What it is computed of, trial by trial: other metrics and parameters, such as `cpu / throughput`. Then nothing is read for it."""
    log: Annotated[NonEmpty, After(_log_pattern)] | None = None
    """A regular expression with one group, around the number; the last match counts. Without it, tasks report the metric by name."""
    join: Literal["sum", "mean", "min", "max", "median"] | None = None
    """How the values of several tasks become one. Needed when there are several."""
    unit: str = ""
    """Its unit; a value that is reported in another one is converted."""
    better: Literal["higher", "lower"] | None = None
    """Which way is better: `hill-climb` climbs there."""
    on: NonEmpty | None = None
    """A selector: read it from the tasks of these machines only."""
    step: NonEmpty | None = None
    """Read it from the tasks of this target instead of the measured step's."""
    hdr: Annotated[NonEmpty, After(_collected)] | None = None
    """Files in each task's $WKE_DIR, such as `out/*.hlog`: HdrHistogram's logs, or single histograms. Those of all tasks are merged."""
    quantile: Annotated[float, Bounds(over=0, at_most=0.999999)] | None = None
    """The share of values, such as 0.99, that the metric's value is not exceeded by. Refused where too few were recorded to tell."""
    statistic: Literal["mean", "min", "max", "count"] | None = None
    """Of a histogram, instead of a quantile."""
    scale: Annotated[str | float, Before(_scale, str | float)] | None = None
    """What one recorded value is: a unit such as "us", or the number it is multiplied by; by default told by the log's Interval_Max."""
    tag: NonEmpty | None = None
    """Only the intervals of a log that have this tag."""
    summary: Literal["mean", "geometric-mean", "median"] | None = None
    """How a point's trials become one number; by default geometric-mean for rates and ratios, else mean."""

    def check(self) -> None:
        """Refuse to read what is computed, or in two ways."""
        for key in ("log", "join", "on", "step", "hdr") if self.value is not None else ():
            if key in self.given:
                raise FlawError("is for metrics that are read; this one is computed", "remove it, or value", (key,))
        for key in ("log", "join") if self.hdr is not None else ():
            if key in self.given:
                raise FlawError("is for metrics in output; histograms are merged before they are asked", "remove it, or hdr", (key,))
        for key in ("quantile", "statistic", "scale", "tag") if self.hdr is None else ():
            if key in self.given:
                raise FlawError("is for metrics of histograms", 'write hdr = "out/*.hlog"', (key,))
        if self.hdr is not None and (self.quantile is None) == (self.statistic is None):
            raise FlawError("must have exactly one of quantile and statistic", 'write quantile = 0.99, or statistic = "mean"')


class FilterEntry(TableModel):
    """Which trials a plot shows: those where a column has a value."""

    key: NonEmpty
    """A parameter or a metric."""
    value: AnyScalar | list[AnyScalar]
    """The value that it has in what is drawn, or a list of values of which it has one."""


class EquationEntry(TableModel):
    """Two columns, numbers or equations joined by an operation, trial by trial."""

    op: Literal["mul", "div", "add", "sub"]
    """What is done with them."""
    left: "str | float | EquationEntry"
    """A column, a number or an equation."""
    right: "str | float | EquationEntry"
    """A column, a number or an equation."""


class PlotEntry(TableModel):
    """One figure."""

    type: Literal["line", "bar", "script"] = "line"
    """Lines with error bars, groups of bars, or what a script of yours draws."""
    label: FileName | None = None
    """Part of the files' names, NAME_LABEL; needed for all plots but one."""
    title: str | None = None
    """Written above the figure."""
    x_axis: NonEmpty | None = None
    """A parameter that varies, or a metric: then each point of the experiment is one mark, at the metric's mean."""
    y_axis: Annotated[Items[Expression], Before(_expressions, str | EquationEntry | list[str | EquationEntry])] = ()
    """A metric, an expression such as `throughput / num-clients`, or a list of these: one panel each. Tables
    `{ op = "div", left = "throughput", right = "num-clients" }` are accepted too, as wke 0.1 has them."""
    sort_by: NonEmpty | None = None
    """Another parameter that varies, or a metric: one line or bar group for each of its values."""
    sort_labels: Annotated[Mapping[str | int, str], Before(_labels, list[str] | Mapping[str, str])] = {}
    """How these values are called: a list in their order, or a table from value to label."""
    filter_by: Annotated[Items[Filter], Before(read_filters, FilterEntry | list[FilterEntry])] = ()
    """Draw only trials where a column has a value, `{ key = "engine", value = "new" }`, or all columns of a list have theirs."""
    maximize_by: NonEmpty | None = None
    """Draw, for each x and group, only the trials with that value of this column whose mean of the first y is the highest."""
    normalize_by: Annotated[str | Filter, Before(_normaliser, str | FilterEntry)] | None = None
    """Divide each trial's y by its value of this column; given `{ key, value }`, by the mean of the trials that it picks, x by x."""
    x_label: str | None = None
    """Instead of the name of the x-axis."""
    y_label: Annotated[Items[str], Before(_listed, str | list[str])] = ()
    """Instead of the metric's name and unit; a list has one for each panel."""
    x_scale: Scale = "linear"
    """How the x-axis is divided."""
    y_scale: Scale = "linear"
    """How the y-axis is divided."""
    set_xticks: bool = False
    """Put a tick at every x where something was measured, however many there are."""
    legend_location: Corner | None = None
    """Where in the axes the legend stands, as matplotlib calls it; by default above them."""
    font_size: Annotated[float, Bounds(over=2.0, at_most=100.0)] | None = None
    """Size of the text in points; by default 8."""
    plot_scale: Annotated[float, Bounds(over=0.0, at_most=20.0)] = 1.0
    """Size of the figure, as a multiple of a column of a paper (3.5 inches)."""
    style: Style = "whitegrid"
    """What is behind the data: a white or grey (dark) ground, with or without a grid."""
    path: NonEmpty | None = None
    """The script of a plot of type script; it runs on the controller, in the project's folder."""
    args: Items[Annotated[str, After(read_argument)]] = ()
    """Its arguments: `@PLOT_NAME` the file it draws, `@EXPFOLDER:0` the log folder of the results' first row, `@VALUE:0:COLUMN` a value."""

    def check(self) -> None:
        """Refuse a plot of a script without one, and any other without axes."""
        if self.type == "script":
            if self.path is None:
                raise FlawError("path is missing", 'a plot of type script is drawn by one: path = "plots/draw.py"')
            return
        missing = [name for name, value in (("x-axis", self.x_axis), ("y-axis", self.y_axis)) if not value]
        if missing:
            raise FlawError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", "name the columns that the figure shows"
            )
        for name, value in (("path", self.path), ("args", self.args)):
            if value:
                raise FlawError("is only for a plot of type script", 'write type = "script", or remove it', key=(name,))


class ExperimentFile(TableModel, others=True):
    """All of an experiment file. Tables of other names are sub-parameters, if some table names them so."""

    experiment: ExperimentSection = ExperimentSection()
    """What holds for the experiment as a whole."""
    parameters: Mapping[str, TomlValue] = {}
    """NAME = a value, a list or a range; later ones vary faster. `sub-parameters` names tables that are chosen one after the other.
    `hill-climb = true` in the range of the last one tries only the values that lead to its best."""
    exclude: Items[ExcludeEntry] = ()
    """Points that make no sense."""
    classes: Mapping[str, Count] = {}
    """CLASS = a number or a template: the trial uses only so many of its first machines."""
    steps: Items[StepEntry] = ()
    """What a trial does, in order."""
    metrics: Mapping[str, MetricEntry] = {}
    """NAME = where the number comes from."""
    checks: Items[CheckEntry] = ()
    """What must hold for a trial to count."""
    plots: Items[PlotEntry] = ()
    """The figures."""

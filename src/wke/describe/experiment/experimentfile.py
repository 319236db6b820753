"""The shape of an experiment file. The forms of its values are in forms.py, checks that involve several keys in experimentcheck.py."""

from collections.abc import Mapping
from typing import Annotated, Literal

from wke.describe.cluster.clusterfile import Duration, Share
from wke.describe.configuration.configfile import AnyScalar
from wke.describe.experiment.experiment import LOOKS, STORE_LIMIT
from wke.describe.experiment.forms import (
    as_iterations,
    condition,
    enough_rounds,
    expressions,
    figure_style,
    figure_width,
    file_name,
    labels,
    listed,
    normaliser,
    url_path,
)
from wke.describe.experiment.metricfile import MetricEntry
from wke.describe.experiment.plot import FORMATS, KEYS, Filter, Format, read_argument, read_filters
from wke.describe.experiment.stepfile import Count, Limit, StepEntry
from wke.describe.experiment.telemetryfile import TelemetrySection
from wke.describe.experiment.verdictfile import VerdictsSection
from wke.describe.expression.expression import Expression
from wke.describe.expression.quantity import size_bytes
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, Most, Name, NonEmpty, TableModel
from wke.documents import TomlValue

FileName = Annotated[str, After(file_name)]
Scale = Literal["linear", "log", "symlog"]
PlotType = Literal["line", "bar", "box", "percentiles", "cdf", "heatmap", "impact", "order", "capacity", "timeline", "script"]
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
    """How many trials of each point count: a fixed number, or enough for a precision or for verdicts."""

    min: Annotated[int, Bounds(at_least=2)] = 5
    """The intervals are checked after this number of rounds, then every 5 rounds."""
    max: Annotated[int, Bounds(at_least=1)]
    """The series ends after this number of rounds at the latest."""
    precision: Annotated[Share, Bounds(over=0)] | None = None
    """The series ends when two checks in a row find all intervals narrow: half of an interval is at most this share of its centre."""
    of: Annotated[Items[NonEmpty], Before(listed, str | list[str])] = ()
    """The metrics whose intervals are checked; by default those on the y-axes of plots, or all if no plot shows any."""
    until: Literal["decided"] | None = None
    """`decided`: the series ends when every comparison with the baseline has a verdict, at the latest after `max` rounds (5, 10, 20, 40 or
    80). It looks after 5, 10, 20, 40 and 80 rounds."""

    def check(self) -> None:
        """Refuse a maximum below the minimum."""
        if (self.precision is not None or "min" in self.given) and self.min > self.max:
            raise FlawError(f"is less than min, which is {self.min}", None, ("max",))
        if self.until is None:
            return
        if self.max not in LOOKS:
            raise FlawError(
                f"must be 5, 10, 20, 40 or 80 with until, not {self.max}", "the series is looked at after so many rounds", ("max",)
            )
        for key in ("precision", "min", "of"):
            if key in self.given:
                raise FlawError(
                    "does not go with until, which looks at the verdicts after 5, 10, 20, 40 and 80 rounds", "remove one", (key,)
                )


IterationsForm = Annotated[IterationsEntry, Before(as_iterations, int | IterationsEntry)]


class ExperimentSection(TableModel):
    """Settings of the whole experiment."""

    name: FileName | None = None
    """The name of the series in the store and of its files; by default the file's name without `.toml`."""
    about: str = ""
    """A one-line description."""
    configuration: Name | None = None
    """The project's folder whose targets the steps run. Required with [[steps]]."""
    iterations: IterationsForm = IterationsEntry(max=1)
    """How many trials of each point count: a number (default 1), or `{ min = 5, max = 30, precision = "5%" }` to repeat until precise,
    or `{ until = "decided", max = 80 }` until every comparison with the baseline has a verdict."""
    warmups: Annotated[int, Bounds(at_least=0)] = 0
    """How many trials of each point run first and do not count."""
    order: Literal["interleaved", "sequential"] | None = None
    """`interleaved`: each round runs every point once, in random order. `sequential` (default for benchmark scripts): point by point."""
    fresh_rounds: Annotated[int, After(enough_rounds)] | None = None
    """In how many rounds the best values, chosen by `hill-climb` or the `maximize-by` of a plot, are measured again with their neighbours,
    because what chose them is too good: at least 5, or 0 for none. By default as many as they had, at least 5."""
    redeploy: Literal["round"] | None = None
    """`round`: steps with a scope run again in every round, so that intervals include how deployments differ. By default a deployment that
    all points share stays for the whole series."""
    seed: int | None = None
    """The seed of the random order; by default chosen once and stored with the series."""
    cooldown: Duration = 0.0
    """The pause between two trials."""
    step_timeout: Limit | None = None
    """The `timeout` of steps that have none, except those in the background. How long all trials may take is `budget`."""
    stop_after: Annotated[int, Bounds(at_least=0)] = 5
    """The series stops when this many trials in a row fail in the same step with the same outcome; 0: never."""
    store_limit: Annotated[int, Before(size_bytes, str | int)] = STORE_LIMIT
    """`wke results` warns when the files of all attempts in the store are larger than this, such as `50GB`; 0: never."""
    budget: Limit | None = None
    """How long all trials may take, such as `6h`. First run the ends and middles of ranges, then the points between (`min` rounds each, by
    default 5), then more iterations where intervals are widest."""
    baseline: Mapping[str, AnyScalar] = {}
    """Parameters and values, such as `{ engine = "old" }`: every point is compared, round by round, with the point that has them."""
    threshold: Annotated[Share, Bounds(at_least=0)] = 0.0
    """Differences from the baseline up to this share, such as `2%`, are ignored."""
    files: Items[NonEmpty] = ()
    """Further files that results depend on, such as a program that scripts start; paths start at the project's folder. A file counts by its
    content, as scripts do; for a folder, its state in git is stored."""


class ExcludeEntry(TableModel):
    """Points to leave out."""

    when: Annotated[Expression, Before(condition, str)]
    """A condition on parameters, such as `engine == 'old' and num-clients > 32`. Points for which it is true are left out."""


class CheckEntry(TableModel):
    """A condition that trials should meet."""

    that: Annotated[Expression, Before(condition, str)]
    """A condition on metrics and parameters, such as `errors == 0`."""
    judges: Literal["measurement", "system"] = "measurement"
    """What it judges. `measurement`: a trial for which it does not hold is invalid: it does not count, and is repeated at most twice.
    `system`: such a trial counts, is shown as broken, and is not repeated."""


class ScrapeEntry(TableModel):
    """A program that exposes its metrics by HTTP for Prometheus. They are stored with each trial. Its identity does not depend on it."""

    on: NonEmpty = "all"
    """A selector: the machines that ask their own port. Those that do not take part in a trial are left out."""
    port: Annotated[int, Bounds(at_least=1, at_most=65535)]
    """The port, at the machine's internal address or on its loopback."""
    path: Annotated[NonEmpty, After(url_path)] = "/metrics"
    """What to ask for."""
    every: Annotated[Duration, Bounds(at_least=0.1)] = 1.0
    """The time from one scrape to the next."""
    keep: Annotated[Items[NonEmpty], Before(listed, str | list[str])] = ("*",)
    """Patterns such as `etcd_disk_*`: only samples whose name, without labels, matches one of them are stored."""


class FilterEntry(TableModel):
    """Selects trials by the value of a column."""

    key: NonEmpty
    """The column: a parameter or a metric."""
    value: AnyScalar | list[AnyScalar]
    """The value of the column, or a list of values."""


class EquationEntry(TableModel):
    """An operation on two columns, numbers or equations, computed for each trial."""

    op: Literal["mul", "div", "add", "sub"]
    """The operation."""
    left: "str | float | EquationEntry"
    """A column, a number or an equation."""
    right: "str | float | EquationEntry"
    """A column, a number or an equation."""


class PlotEntry(TableModel):
    """One figure."""

    type: PlotType = "line"
    """`line`, `bar`: summaries with error bars; `box`: every trial as a dot, with quartiles; `percentiles`, `cdf`: all recorded values of a
    metric with `quantile`; `heatmap`: a cell for each value of `x-axis` and `sort-by`; `impact`: by how much each parameter moves a metric;
    `order`: trials in the order in which they ran; `capacity`: what a search found; `timeline`: telemetry and time series of a trial;
    `script`: drawn by your own script."""
    label: FileName | None = None
    """Part of the files' names, `NAME_LABEL`. Only one plot may be without a label."""
    title: str | None = None
    """A title above the figure."""
    x_axis: NonEmpty | None = None
    """A parameter that varies, or a metric; for a metric, each point of the experiment is one mark at the metric's mean."""
    y_axis: Annotated[Items[Expression], Before(expressions, str | EquationEntry | list[str | EquationEntry])] = ()
    """A metric, an expression such as `throughput / num-clients`, or a list of these: one panel each. Tables
    `{ op = "div", left = "throughput", right = "num-clients" }` are accepted too, as wke 0.1 has them."""
    sort_by: NonEmpty | None = None
    """Another parameter that varies, or a metric: one line or bar group per value."""
    sort_labels: Annotated[Mapping[str | int, str], Before(labels, list[str] | Mapping[str, str])] = {}
    """Labels for these values: a list in their order, or a table from value to label."""
    facet_by: NonEmpty | None = None
    """A third parameter that varies, or a metric: one panel per value, side by side."""
    filter_by: Annotated[Items[Filter], Before(read_filters, FilterEntry | list[FilterEntry])] = ()
    """Draw only trials in which a column has a value: `{ key = "engine", value = "new" }`, or a list of filters, all of which apply."""
    maximize_by: NonEmpty | None = None
    """For each x, group and facet, draw only the trials with the value of this column that has the highest mean of the first y."""
    normalize_by: Annotated[str | Filter, Before(normaliser, str | FilterEntry)] | None = None
    """Divide each trial's y by its value of this column; with `{ key, value }`, by the trial of the same round and x
    that is selected so."""
    x_label: str | None = None
    """The label of the x-axis, instead of the column's name."""
    y_label: Annotated[Items[str], Before(listed, str | list[str])] = ()
    """The label of the y-axis, instead of the metric's name and unit; a list has one label per panel."""
    x_scale: Scale = "linear"
    """The scale of the x-axis."""
    y_scale: Scale = "linear"
    """The scale of the y-axis."""
    set_xticks: bool = False
    """Put a tick at every measured x, even if there are many."""
    offset: Annotated[float, Bounds(at_least=0.0, at_most=100.0)] | None = None
    """The distance between neighbouring lines at one x, in points, so that error bars stand side by side; by default 5 if they overlap."""
    legend_location: Corner | None = None
    """The place of the legend in the axes, in matplotlib's words; by default it is above them."""
    font_size: Annotated[float, Bounds(over=2.0, at_most=100.0)] | None = None
    """The size of the text in points; by default 8."""
    plot_scale: Annotated[float, Bounds(over=0.0, at_most=20.0)] = 1.0
    """The size of the figure, as a multiple of a paper's column (3.5 inches). `width` sets the exact width."""
    width: Annotated[float, Before(figure_width, str)] | None = None
    """The width of the whole figure: that of a column of "acm", "ieee", "usenix" or "springer", of both columns of "acm-wide", "ieee-wide"
    or "usenix-wide", "springer-column" or "springer-wide" in journals, or a length such as "8.5cm"."""
    palette: Literal["colour", "grey"] = "colour"
    """Colours that can be told apart in grey too (the first four by their lightness, all by their markers), or shades of grey."""
    formats: Annotated[Items[Format], Before(listed, str | list[str])] = FORMATS
    """The files to write: the figure as `pdf`, `svg`, `png` or `pgf` (for LaTeX), its data as `csv`, or as a table for LaTeX (`tex`) or
    Markdown (`md`)."""
    caption: Literal["inside", "beside"] = "inside"
    """Where the text is that says what is drawn: below the axes, or for LaTeX in a file NAME.caption.tex."""
    trial: NonEmpty | None = None
    """The trial that a `timeline` shows, by the beginning of its id; by default the first that counts and that `filter-by` keeps."""
    columns: Annotated[Items[NonEmpty], Before(listed, str | list[str])] = ()
    """What a `timeline` shows: columns of telemetry such as `cpu.busy` (`*` stands for any text), and time series that scripts wrote; by
    default processors, memory, disks, networks and all that scripts wrote."""
    style: Annotated[str, After(figure_style)] = "whitegrid"
    """The background: "whitegrid", "darkgrid", "white", "dark" or "ticks"; or a style of matplotlib: your own file such as
    "paper.mplstyle", or one that comes with matplotlib, such as "ggplot.mplstyle". Settings in a `matplotlibrc` hold too."""
    path: NonEmpty | None = None
    """The script of a plot of type `script`; it runs on the controller in the project's folder."""
    args: Items[Annotated[str, After(read_argument)]] = ()
    """Its arguments: `@PLOT_NAME` is the file to draw, `@EXPFOLDER:0` the log folder of the first row, `@VALUE:0:COLUMN` a value."""

    def check(self) -> None:
        """Require a script for plots of type script, and of all others the keys that they have, and no others."""
        if self.type == "script":
            if self.path is None:
                raise FlawError("path is missing", 'name the script that draws the plot: path = "plots/draw.py"')
            return
        keys = KEYS[self.type]
        if missing := [name for name in keys.needs if not getattr(self, name.replace("-", "_"))]:
            raise FlawError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", "name the columns that the figure shows"
            )
        for name, reason in keys.lacks.items():
            if name.replace("-", "_") in self.given:
                raise FlawError(f"is not for a plot of type {self.type}, {reason}", "remove it", key=(name,))
        if keys.one_y and len(self.y_axis) > 1:
            raise FlawError(f"must be one metric in a plot of type {self.type}", "write a plot for each, with labels", key=("y-axis",))
        for name, value in (("path", self.path), ("args", self.args)):
            if value:
                raise FlawError("is only for a plot of type script", 'write type = "script", or remove it', key=(name,))


class ExperimentFile(TableModel, others=True):
    """All of an experiment file. Other tables are sub-parameters, if `sub-parameters` names them."""

    experiment: ExperimentSection = ExperimentSection()
    """Settings of the whole experiment."""
    parameters: Mapping[str, TomlValue] = {}
    """NAME = a value, a list or a range; later ones vary faster. `sub-parameters` names tables to choose one after the other.
    `hill-climb = true` in the range of the last parameter searches its best value instead of trying all.
    `{ find = "max", while = "p99 < 10ms", from = 100, to = "1M" }` searches the largest value at which a condition holds: see
    [capacity](../howto/capacity.md)."""
    exclude: Annotated[Items[ExcludeEntry], Most()] = ()
    """Points to leave out."""
    classes: Mapping[str, Count] = {}
    """CLASS = a number or a template: the trial uses only this number of machines of the class, the first ones. If it is 0, steps on
    the class are skipped; points for which the cluster has too few machines are left out."""
    steps: Annotated[Items[StepEntry], Most()] = ()
    """The steps of a trial, in order."""
    metrics: Annotated[Mapping[str, MetricEntry], Most()] = {}
    """NAME = where the metric comes from."""
    checks: Annotated[Items[CheckEntry], Most()] = ()
    """Conditions that trials must meet to count."""
    scrape: Annotated[Items[ScrapeEntry], Most()] = ()
    """Programs whose metrics are stored with each trial."""
    telemetry: TelemetrySection = TelemetrySection()
    """What is recorded of the machines while a trial runs."""
    verdicts: VerdictsSection = VerdictsSection()
    """RULE = from which values on a trial is suspect or invalid, or `{ off = "REASON" }`. Results do not depend on it."""
    plots: Annotated[Items[PlotEntry], Most()] = ()
    """The figures."""

"""A plot: which figure shows what of an experiment's trials. What it draws is described here; `tell/figures` draws it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from wke.describe.experiment.point import meant, point_key, value_key
from wke.describe.experiment.sweep import Point, Sweep, Value
from wke.describe.expression.equation import divided, over
from wke.describe.expression.expression import Expression
from wke.describe.toml.shape import FlawError, Key, present_spelling
from wke.describe.toml.wording import shown
from wke.documents import TomlValue
from wke.errors import did_you_mean
from wke.values import dataclass

CURVES = frozenset({"percentiles", "cdf"})
"""Types of plots that show the recorded values of a metric, all of them."""
Format = Literal["pdf", "svg", "png", "pgf", "csv", "tex", "md"]
FORMATS: tuple[Format, ...] = ("pdf", "svg", "png", "csv")
"""The files of a plot by default. The first three have the names that projects for wke 0.1 expect."""
VALUE, FOLDER, NAME = "@VALUE:", "@EXPFOLDER:", "@PLOT_NAME"


@dataclass(frozen=True, slots=True)
class PlotKeys:
    """Which keys a type of plot needs, and which it does not take, each with the reason; with `one_y` it shows one metric only."""

    needs: tuple[str, ...] = ("x-axis", "y-axis")
    lacks: Mapping[str, str] = field(default_factory=dict)
    one_y: bool = False


def _lacking(reason: str, *keys: str) -> dict[str, str]:
    return dict.fromkeys(keys, reason)


_OF_A_TRIAL = _lacking("which shows several trials", "trial", "columns")
_OF_SUMMARIES = ("x-axis", "maximize-by", "normalize-by", "set-xticks", "offset")
_OF_SCALES = ("x-scale", "y-scale", "facet-by")
_RECORDED = _lacking("whose lines are recorded values", *_OF_SUMMARIES) | _OF_A_TRIAL
KEYS: Mapping[str, PlotKeys] = {
    "line": PlotKeys(lacks=_OF_A_TRIAL),
    "bar": PlotKeys(lacks=_OF_A_TRIAL),
    "box": PlotKeys(lacks=_OF_A_TRIAL | _lacking("whose boxes stand side by side", "offset")),
    "percentiles": PlotKeys(("y-axis",), _RECORDED | {"x-scale": "which has its own"}),
    "cdf": PlotKeys(("y-axis",), _RECORDED, one_y=True),
    "heatmap": PlotKeys(
        ("x-axis", "sort-by", "y-axis"),
        _OF_A_TRIAL | _lacking("whose cells are all of one size", "offset", "set-xticks", "x-scale", "legend-location"),
    ),
    "impact": PlotKeys(
        ("y-axis",),
        _OF_A_TRIAL | _lacking("which shows all parameters that vary", *_OF_SUMMARIES, *_OF_SCALES, "sort-by", "sort-labels"),
    ),
    "order": PlotKeys(("y-axis",), _OF_A_TRIAL | _lacking("whose x-axis is the order of execution", *_OF_SUMMARIES, *_OF_SCALES)),
    "capacity": PlotKeys(
        (),
        _OF_A_TRIAL
        | _lacking("which has the axes and groups of the search", "y-axis", *_OF_SUMMARIES[1:], "facet-by", "sort-by", "sort-labels"),
    ),
    "timeline": PlotKeys(
        (),
        _lacking("which shows one trial over time", *_OF_SUMMARIES, *_OF_SCALES, "y-axis", "sort-by", "sort-labels"),
    ),
}
"""Every type of plot that is drawn by a file of that name in tell/figures/kinds."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps the trials whose column `key` has one of `values`."""

    key: str
    values: tuple[Value, ...]

    def keeps(self, columns: Mapping[str, object]) -> bool:
        """Return whether a trial with these columns is kept."""
        return value_key(columns.get(self.key)) in map(value_key, self.values)


@dataclass(frozen=True, slots=True)
class Script:
    """A program of the user's that draws the figure.

    In its arguments `@EXPFOLDER:i` stands for the log folder of the i-th row of the results, `@VALUE:i:column` for a value of that row
    (rows count from 0, from the end when negative), and `@PLOT_NAME`, also as a part, for the file that the figure is expected in.
    """

    path: str
    args: tuple[str, ...] = ()

    def columns(self) -> Iterator[tuple[int, str]]:
        """Yield the columns whose values arguments ask for, with the positions of the arguments."""
        for position, arg in enumerate(self.args):
            if arg.startswith(VALUE):
                yield position, arg.split(":", 2)[2]


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure: a panel for each expression of `y_axis` and value of the column `facet_by`, a line or bar group for each of `sort_by`.

    A column is a parameter or a metric. `sort_labels` maps a value's text to its label; only trials that all of `filter_by` keep are
    drawn. `maximize_by` keeps, for each x, group and facet, the trials of that column's value whose mean of the first y is the highest.
    `normalize_by` is a column that every y is divided by, trial by trial; or a filter, and every y is divided by the mean y of the trials
    that it keeps, of the same x, group and facet (apart from the column that the filter is on). `offset` is the distance of groups at one
    x, in points; None to choose it. A plot of type "script" has `script` and no axes; which axes others have is in KEYS.

    `width_in` is the width of the whole figure; without it, a panel is as wide as a paper's column, times `plot_scale`. A plot of type
    "timeline" shows one `trial`, by the beginning of its id, or the first that the filters keep; and `columns` of its telemetry.

    For projects of wke 0.1 these stay as they are: `sort_by` (there `group-by`), tables as equations, `set_xticks`, `legend_location`,
    `font_size`, `plot_scale` as a multiple of 3.5 inches, the five `style`s, scripts with their placeholders, and files NAME_LABEL.pdf.
    """

    type: str
    x_axis: str = ""
    y_axis: tuple[Expression, ...] = ()
    label: str | None = None
    title: str | None = None
    sort_by: str | None = None
    sort_labels: Mapping[str, str] = field(default_factory=dict)
    facet_by: str | None = None
    filter_by: tuple[Filter, ...] = ()
    maximize_by: str | None = None
    normalize_by: str | Filter | None = None
    x_label: str | None = None
    y_label: tuple[str, ...] = ()
    x_scale: str = "linear"
    y_scale: str = "linear"
    set_xticks: bool = False
    offset: float | None = None
    legend_location: str | None = None
    font_size: float | None = None
    plot_scale: float = 1.0
    style: str = "whitegrid"
    script: Script | None = None
    width_in: float | None = None
    palette: str = "colour"
    formats: tuple[Format, ...] = FORMATS
    caption: str = "inside"
    trial: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def baseline(self) -> Filter | None:
        """The filter of the trials whose mean every y is divided by, if there is one."""
        return self.normalize_by if isinstance(self.normalize_by, Filter) else None

    def named(self) -> Iterator[str]:
        """Yield every parameter and metric that the plot names."""
        yield from (name for name in (self.x_axis, self.sort_by, self.facet_by, self.maximize_by) if name)
        yield from (name for y in self.y_axis for name in y.names)
        yield from (kept.key for kept in self.filter_by)
        if self.normalize_by is not None:
            yield self.normalize_by if isinstance(self.normalize_by, str) else self.normalize_by.key
        if self.script is not None:
            yield from (name for _, name in self.script.columns())


@dataclass(frozen=True, slots=True)
class Contest:
    """What `maximize-by` asks: which of the `values` of `parameter` has the highest mean of `y`, at each setting of the parameters `of`.

    `y` is divided by the column `divisor`, if there is one. Only points and trials that all of `kept` keep take part.
    """

    parameter: str
    values: tuple[Value, ...]
    of: tuple[str, ...]
    y: Expression
    divisor: str | None = None
    kept: tuple[Filter, ...] = ()

    def goal(self, columns: Mapping[str, object]) -> Expression:
        """Return what is looked at in results with these columns."""
        y = over(self.y, columns)
        return divided(y, self.divisor) if self.divisor else y

    def keeps(self, columns: Mapping[str, object]) -> bool:
        """Return whether a trial with these columns takes part."""
        return all(one.keeps(columns) for one in self.kept)

    def settings(self, points: Sequence[Point]) -> list[tuple[Point, list[tuple[Point, ...]]]]:
        """Return each setting that has several values, with its points: those of one value after another, in the order of the values."""
        places = {value_key(value): place for place, value in enumerate(self.values)}
        found: dict[Hashable, tuple[Point, dict[int, list[Point]]]] = {}
        for point in points:
            place = places.get(value_key(point.get(self.parameter)))
            if place is not None and all(one.key not in point or one.keeps(point) for one in self.kept):
                setting = {name: point[name] for name in self.of if name in point}
                found.setdefault(point_key(setting), (setting, {}))[1].setdefault(place, []).append(point)
        return [(setting, [tuple(there[place]) for place in sorted(there)]) for setting, there in found.values() if len(there) > 1]


def contest_of(plot: Plot, sweep: Sweep) -> Contest | None:
    """Return what the `maximize-by` of a plot asks; None without one, or where a metric is maximised by or stands on an axis."""
    of = tuple(name for name in (plot.x_axis, plot.sort_by, plot.facet_by) if name)
    name = plot.maximize_by
    if name is None or name not in sweep.varied or not set(of) <= set(sweep.names) or not plot.y_axis:
        return None
    values = tuple(sorted(sweep.values(name), key=lambda value: (1, 0.0) if isinstance(value, str) else (0, float(value))))
    kept = tuple(
        replace(one, values=tuple(value for written in one.values for value in meant(written, sweep.values(one.key)) or [written]))
        for one in plot.filter_by
    )
    return Contest(name, values, of, plot.y_axis[0], plot.normalize_by if isinstance(plot.normalize_by, str) else None, kept)


def read_filters(form: TomlValue) -> tuple[Filter, ...]:
    """Return the filters of `{ key, value }` or a list of such tables, all of which must match; raise FlawError for other forms."""
    if isinstance(form, list):
        return tuple(read_filter(one, (index,)) for index, one in enumerate(form))
    return (read_filter(form, ()),)


def read_filter(form: TomlValue, key: Key) -> Filter:
    """Return the filter of `{ key = "column", value = 1 }`, or of `value = [1, 2]` for one of several; raise FlawError for other forms."""
    example = 'a filter is { key = "engine", value = "new" }'
    if not isinstance(form, Mapping):
        raise FlawError(f"must be a table, not {shown(form)}", example, key)
    for name in form:
        if present_spelling(name) not in {"key", "value"}:
            raise FlawError("unknown key", did_you_mean(name, ["key", "value"]), (*key, name))
    for name in ("key", "value"):
        if name not in form:
            raise FlawError(f"{name} is missing", example, key)
    column, value = form["key"], form["value"]
    if not isinstance(column, str) or not column:
        raise FlawError(f"must be the name of a column, not {shown(column)}", None, (*key, "key"))
    values = value if isinstance(value, list) and value else [value]
    for index, one in enumerate(values):
        if not isinstance(one, bool | int | float | str):
            place = (*key, "value", index) if isinstance(value, list) and value else (*key, "value")
            raise FlawError(f"must be text, a number, true or false, not {shown(one)}", None, place)
    return Filter(column, tuple(values))


def read_argument(text: str) -> str:
    """Return an argument of a script unchanged; raise FlawError if its macro is malformed."""
    kind = next((kind for kind in (VALUE, FOLDER) if text.startswith(kind)), None)
    parts = text.split(":", 2)
    if kind == VALUE and not (len(parts) == 3 and _is_row(parts[1]) and parts[2]):
        raise FlawError(f"{text} must be @VALUE:ROW:COLUMN", "rows count from 0: @VALUE:0:throughput")
    if kind == FOLDER and not _is_row(text.removeprefix(FOLDER)):
        raise FlawError(f"{text} must be @EXPFOLDER:ROW", "rows count from 0: @EXPFOLDER:0")
    return text


def _is_row(text: str) -> bool:
    return text.removeprefix("-").isdecimal()

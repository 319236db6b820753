"""Checks of the plots in an experiment file: unknown columns, values that never occur, two plots of the same name.

A benchmark script's experiment file says neither which metrics there are nor all parameters; its columns are checked when it is drawn.
"""

from collections.abc import Callable, Iterator, Sequence

from wke.describe.experiment.experimentfile import PlotEntry
from wke.describe.experiment.plot import CURVES, Filter, Plot
from wke.describe.experiment.point import meant
from wke.describe.experiment.sweep import Sweep, value_text
from wke.describe.toml.limits import name_excess
from wke.describe.toml.wording import counted, quoted, shown
from wke.errors import Location, Problem, did_you_mean
from wke.values import dataclass

At = Callable[..., Location]


@dataclass(frozen=True, slots=True)
class KnownColumns:
    """The columns that a plot may show: the parameters of a sweep, and metrics, some of them quantiles of `recorded` values."""

    sweep: Sweep
    metrics: Sequence[str]
    recorded: Sequence[str] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.sweep.names, *self.metrics)


def label_problems(name: str, plots: Sequence[Plot], at: At) -> Iterator[Problem]:
    """Find plots whose files would have the same name, or one that is too long; `name` is that of the experiment."""
    seen: set[str | None] = set()
    for index, plot in enumerate(plots):
        if plot.label in seen:
            what = "a second plot has no label" if plot.label is None else f"a second plot has the label {quoted(plot.label)}"
            key = () if plot.label is None else ("label",)
            yield Problem(what, at("plots", index, *key), "labels are part of file names: give each plot its own")
        seen.add(plot.label)
        if plot.label is not None and not name_excess(plot.label) and name_excess(f"{name}_{plot.label}"):
            yield Problem("is too long together with the name of the experiment", at("plots", index, "label"), "shorten one of the two")


def plot_problems(plots: Sequence[Plot], entries: Sequence[PlotEntry], columns: KnownColumns, at: At) -> Iterator[Problem]:
    """Check that plots show what the experiment varies and observes; `entries` are the plots in the file."""
    for index, (plot, entry) in enumerate(zip(plots, entries, strict=True)):

        def here(*key: str | int, index: int = index) -> Location:
            return at("plots", index, *key)

        if plot.type == "capacity" and columns.sweep.searched is None:
            yield Problem("is of type capacity, and no parameter is searched", here("type"), 'write find = "max" in [parameters]')
        yield from _axis_problems(plot, columns, here)
        yield from _y_problems(plot, columns, here)
        yield from _curve_problems(plot, columns, here)
        yield from _label_list_problems(plot, entry, columns.sweep, here)
        yield from _filter_problems(plot, columns, here)
        yield from _script_problems(plot, columns, here)


def _axis_problems(plot: Plot, columns: KnownColumns, at: At) -> Iterator[Problem]:
    """Check that the x-axis and groups of a figure are different columns that vary."""
    sweep = columns.sweep
    taken: dict[str, str] = {}
    named = {"x-axis": plot.x_axis, "sort-by": plot.sort_by, "facet-by": plot.facet_by, "maximize-by": plot.maximize_by}
    for axis, name in named.items():
        if name and (other := taken.setdefault(name, axis)) != axis:
            yield Problem(f"is {'the x-axis' if other == 'x-axis' else other} already", at(axis), "name another parameter, or remove it")
        elif name and name not in sweep.varied and name not in columns.metrics:
            what = f"parameter {quoted(name)} does not vary" if name in sweep.names else f"there is no parameter {quoted(name)}"
            yield Problem(what, at(axis), did_you_mean(name, sweep.varied))


def _y_problems(plot: Plot, columns: KnownColumns, at: At) -> Iterator[Problem]:
    for position, y in enumerate(plot.y_axis):
        noun, known = ("column", columns.names) if y.name is None else ("metric", columns.metrics)
        key = ("y-axis", position) if len(plot.y_axis) > 1 else ("y-axis",)
        for name in y.names:
            if name not in known:
                yield Problem(f"there is no {noun} {quoted(name)}", at(*key), did_you_mean(name, known))
    divisor = plot.normalize_by
    if isinstance(divisor, str) and divisor not in columns.names:
        yield Problem(f"there is no column {quoted(divisor)}", at("normalize-by"), did_you_mean(divisor, columns.names))
    if len(plot.y_label) > 1 and len(plot.y_label) != len(plot.y_axis):
        what = f"must be {len(plot.y_axis)} labels, not {len(plot.y_label)}"
        yield Problem(what, at("y-label"), "give one per panel of y-axis, or one text for all")


def _curve_problems(plot: Plot, columns: KnownColumns, at: At) -> Iterator[Problem]:
    """Check that a curve is of recorded values."""
    for position, y in enumerate(plot.y_axis if plot.type in CURVES else ()):
        if y.name not in columns.recorded and set(y.names) <= set(columns.names):
            what = f"{y.printed()} is not a quantile of histograms or raw values, which a plot of type {plot.type} shows"
            key = ("y-axis", position) if len(plot.y_axis) > 1 else ("y-axis",)
            yield Problem(
                what, at(*key), did_you_mean(y.printed(), columns.recorded) or "such a metric has hdr or raw, and quantile = 0.99"
            )


def _label_list_problems(plot: Plot, entry: PlotEntry, sweep: Sweep, at: At) -> Iterator[Problem]:
    if plot.sort_by and plot.sort_by not in sweep.names:
        return  # the values of a metric are not known
    values = sweep.values(plot.sort_by or "")
    listed = [key for key in entry.sort_labels if isinstance(key, int)]
    if listed and len(listed) != len(values):
        hint = f"give one label for each of {', '.join(map(value_text, values))}" if values else "they name the values of sort-by"
        yield Problem(f"must be {counted(len(values), 'label')}, not {len(listed)}", at("sort-labels"), hint)
    texts = [value_text(value) for value in values]
    for text in plot.sort_labels:
        if text not in texts:
            yield Problem(f"{plot.sort_by or 'no parameter'} is never {text}", at("sort-labels", text), did_you_mean(text, texts))


def _filter_problems(plot: Plot, columns: KnownColumns, at: At) -> Iterator[Problem]:
    """Check that filters name columns and values that exist."""
    several = len(plot.filter_by) > 1
    for index, kept in enumerate(plot.filter_by):
        place = ("filter-by", index) if several else ("filter-by",)
        yield from _selection_problems(kept, columns, lambda *key, place=place: at(*place, *key))
    if plot.baseline is not None:
        yield from _selection_problems(plot.baseline, columns, lambda *key: at("normalize-by", *key))


def _selection_problems(kept: Filter, columns: KnownColumns, at: At) -> Iterator[Problem]:
    sweep = columns.sweep
    if kept.key in columns.metrics:
        return
    if kept.key not in sweep.names:
        yield Problem(f"there is no parameter {quoted(kept.key)}", at("key"), did_you_mean(kept.key, sweep.names))
        return
    for value in kept.values:
        if not meant(value, sweep.values(kept.key)):
            known = map(value_text, sweep.values(kept.key))
            yield Problem(f"{kept.key} is never {shown(value)}", at("value"), did_you_mean(value_text(value), known))


def _script_problems(plot: Plot, columns: KnownColumns, at: At) -> Iterator[Problem]:
    if plot.script is None:
        return
    for position, name in plot.script.columns():
        if name not in columns.names:
            yield Problem(f"there is no column {quoted(name)}", at("args", position), did_you_mean(name, columns.names))

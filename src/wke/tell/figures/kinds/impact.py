"""Impact: by how much each parameter moves a metric, one bar for each parameter, the strongest first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import point_key
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.statistics.impact import EntangledError, Impact, Impacts, PointValue, impacts
from wke.tell.figures.axes import STEPS, Numbers, scaled_ticks, set_scale, set_ticks, write_numbers
from wke.tell.figures.caption import interval_said, summaries_of
from wke.tell.figures.drawing import panel_label, undefined_text, values_of
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Dot, Drawing, Group, Mark, Panel
from wke.tell.figures.rows import expressions, shows
from wke.tell.figures.scales import AxisScale
from wke.tell.figures.source import Source
from wke.tell.figures.style import DARK, look
from wke.tell.figures.table import DataTable
from wke.tell.tables import shown
from wke.tell.terminal.sanitize import visible
from wke.tell.words import worded

RATIO, DIFFERENCE = "ratio", "difference"
ROW, LETTERS = 0.27, 30


def _make(source: Source) -> Drawing:
    """Return a panel for each y, with a mark for each parameter: a ratio of the means at two of its values, or their difference."""
    made = [_panel(source, position) for position in range(len(source.plot.y_axis))]
    panels = tuple(panel for panel, _ in made)
    rows = max(len(panel.marks) for panel in panels)
    return Drawing(
        panels=panels,
        xs=tuple(dict.fromkeys(mark.x for panel in panels for mark in panel.marks)),
        x_label=source.plot.x_label or "",
        group_title="",
        height=max(0.4, ROW * rows + 0.12),
        notes=tuple(note for panel, found in made if found for note in _notes(panel, found, alone=len(panels) == 1)),
    )


def _panel(source: Source, position: int) -> tuple[Panel, Impacts | None]:
    pairs, unit = values_of(source, position)
    name = worded(expressions(source.plot)[position].printed())
    undefined = undefined_text(source, position, len(pairs))
    panel = Panel(name, panel_label(source.plot, position, unit), RATIO, (), undefined)
    if not pairs:
        return panel, None
    try:
        found = impacts([PointValue(row.point, row.round, value) for row, value in pairs], source.experiment.parameters.names)
    except EntangledError as error:
        planned = [point for point in source.experiment.parameters.points() if shows(source.plot, point)]
        if len({point_key(row.point) for row, _ in pairs}) < len(planned):
            return replace(panel, undefined=f"{name}: not every point has a trial yet"), None
        hint = "filter-by one value of one of them, or measure all combinations"
        raise InputError(f"a plot of type impact shows {name}, but {error}", hint=hint) from None
    group = Group("", tuple(map(_mark, found.of)))
    return replace(panel, kind=RATIO if found.ratios else DIFFERENCE, groups=(group,), scale=_scale(found)), found


def _mark(one: Impact) -> Mark:
    share = () if one.share is None else (Dot(one.share, one.parameter),)
    return Mark(f"{worded(one.parameter)}: {shown(one.high)} / {shown(one.low)}", one.summary, dots=share)


def _scale(found: Impacts) -> AxisScale:
    """Return a logarithmic axis for ratios, on which twice and half are equally far from 1."""
    return AxisScale("log") if found.ratios else AxisScale()


def _notes(panel: Panel, found: Impacts, *, alone: bool) -> Iterator[str]:
    of = "" if alone else f" of {panel.name}"
    if found.combined is not None and found.noise is not None:
        parts = [f"{worded(one.parameter)} {one.share or 0:.0%}" for one in found.of]
        parts += [f"combinations {found.combined:.0%}"] if len(found.of) > 1 else []
        what = "logarithms" if found.ratios else "values"
        shares = ", ".join([*parts, f"rounds and chance {found.noise:.0%}"]).replace("%", "\u00a0%")
        yield f"Shares of the variance of {what}{of}: {shares}."
    if found.incomplete:
        yield f"Left out{of}: {counted(found.incomplete, 'round')} without a value at every point."


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    kinds = {panel.kind for panel in drawing.panels if panel.marks}
    means = "how many times as large the geometric mean is" if kinds == {RATIO} else "by how much larger the mean is"
    means = means if len(kinds) == 1 else "by what factor or how much larger the mean is"
    whole = summaries_of(drawing)
    rounds = sorted({one.n for one in whole})
    of = " to ".join(dict.fromkeys([str(rounds[0]), str(rounds[-1])])) + (" round" if rounds[-1] == 1 else " rounds")
    text = f"Bars: {means} with the first value of a parameter as with the second, over all values of the others, {of}"
    yield f"{text}{interval_said(whole, 'whiskers')}."
    yield "The two values are those farthest apart in these trials, so small effects are too large by chance."


def _draw(axes: Axes, panel: Panel, _: Drawing) -> Sequence[Artist]:
    base = 1.0 if panel.kind == RATIO else 0.0
    set_scale(axes.set_xscale, panel.scale)
    axes.grid(visible=False)
    axes.axvline(base, color=DARK, linewidth=0.6, zorder=1)
    for row, mark in enumerate(panel.marks):
        centre = mark.summary.centre
        axes.barh(row, centre - base, left=base, height=0.56, color=look(0).colour, zorder=2)
        if mark.reach is not None:
            reach = [[end] for end in mark.reach]
            axes.errorbar(centre, row, xerr=reach, fmt="none", ecolor=DARK, elinewidth=0.9, capsize=2.2, capthick=0.9, zorder=3)
    return ()


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, _: Plot) -> None:
    """Write which values are compared beside each bar, and below the axis what a bar is."""
    (panel,) = panels
    axes.set_ylabel("")
    axes.yaxis.set_minor_locator(NullLocator())
    labels = [_folded(visible(str(mark.x))) for mark in panel.marks]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelbottom=True)
    axes.set_xlabel(drawing.x_label or (f"{panel.name}: ratio" if panel.kind == RATIO else f"{panel.label}: difference"))
    ends = [end for mark in panel.marks for end in (mark.summary.centre, mark.summary.low, mark.summary.high) if end is not None]
    if not ends:
        axes.set_xticks([])
    elif panel.kind == RATIO:
        low, high = min([1.0, *ends]), max([1.1, *ends])
        room = (high / low) ** 0.05
        low, high = (low / room if low < 1 else 1.0), high * room
        axes.set_xlim(low, high)
        set_ticks(axes.xaxis, scaled_ticks(low, high, panel.scale), (low, high))
        write_numbers(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
        axes.xaxis.set_major_formatter(Numbers())


def _folded(text: str) -> str:
    """Return the label of a bar in two lines: the parameter, and its values."""
    name, _, values = text.partition(": ")
    return "\n".join(part if len(part) <= LETTERS else f"{part[: LETTERS - 1]}…" for part in (name, values) if part)


def _table(drawing: Drawing) -> DataTable:
    """Return a row for each parameter: what it does, over how many rounds, and its share of the variance."""
    header = ("panel", "parameter: first / second value", "effect", "centre", "low", "high", "rounds", "share of variance")
    rows = (
        (panel.label, mark.x, panel.kind, mark.summary.centre, mark.summary.low, mark.summary.high, mark.summary.n, _share(mark))
        for panel in drawing.panels
        for mark in panel.marks
    )
    return DataTable(header, tuple(rows))


def _share(mark: Mark) -> float | None:
    return next((dot.value for dot in mark.dots), None)


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, table=_table, joined=False, crossed=False)

"""Order of execution: each trial when it ran, relative to the other trials at its point; outliers and failures are marked."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import point_key
from wke.judge.diagnostics.outliers import FAR, outliers
from wke.judge.statistics.statistics import Summary, summarise
from wke.keep.trials.trials import INTERRUPTED, RUNNING
from wke.tell.figures.axes import STEPS, finish_numbers, finish_y, write_numbers
from wke.tell.figures.drawing import kind_of_summary, panel_label, summaries, undefined_text, values_of
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Dot, Drawing, Group, Mark, Panel
from wke.tell.figures.rows import Row, expressions, shows
from wke.tell.figures.source import Source
from wke.tell.figures.style import CROSSED, DARK, look
from wke.tell.figures.table import dots_table
from wke.tell.words import worded

FAILED, RELATIVE = "failed or invalid", "relative"


def _make(source: Source) -> Drawing:
    """Return a mark for each trial, at its place in the order of execution: its value divided by the summary of its point."""
    drawing = summaries(source)
    ended = [one for one in source.attempts if not one.warmup and one.outcome not in {INTERRUPTED, RUNNING}]
    ran = [one for one in ended if shows(source.plot, {**one.point, **one.observations})]
    places = {one.id: place for place, one in enumerate(sorted(ran, key=lambda one: (one.started_ns, one.id)), 1)}
    failed = [places[one.id] for one in ran if not one.ok]
    panels = tuple(_panel(source, drawing, position, places, failed) for position in range(len(source.plot.y_axis)))
    xs = tuple(sorted({mark.x for panel in panels for mark in panel.marks if isinstance(mark.x, int)}))
    label = source.plot.x_label or "trial, in the order of execution"
    return replace(drawing, panels=panels, xs=xs, x_label=label, measured=False, height=0.8)


def _panel(source: Source, drawing: Drawing, position: int, places: dict[str, int], failed: Sequence[int]) -> Panel:
    plot = source.plot
    pairs, unit = values_of(source, position)
    kind = kind_of_summary(source, expressions(plot)[position], unit)
    shown, relative = _relative(pairs, kind)
    name = worded(expressions(plot)[position].printed())
    label = panel_label(plot, position, unit, f"{name}, relative" if relative else "")
    groups = []
    for group in drawing.panels[position].groups:
        ids = {dot.name for mark in group.marks for dot in mark.dots}
        mine = sorted((places[row.id], value, row) for row, value in shown if row.id in ids)
        groups.append(
            Group(group.label or ("ended well" if failed else ""), tuple(_mark(place, value, kind, row) for place, value, row in mine))
        )
    if failed and source.rows:
        floor = min((value for _, value in shown), default=0.0)
        lost = tuple(Mark(place, Summary(0, floor, None, None, FAILED)) for place in failed)
        groups.append(Group(FAILED, lost))
    undefined = undefined_text(source, position, len(pairs))
    return Panel(name, label, RELATIVE if relative else kind, tuple(groups), undefined)


def _mark(place: int, value: float, kind: str, row: Row) -> Mark:
    return Mark(place, Summary(1, value, None, None, kind), suspect=row.suspect, dots=(Dot(value, row.id, row.suspect),))


def _relative(pairs: Sequence[tuple[Row, float]], kind: str) -> tuple[list[tuple[Row, float]], bool]:
    """Return trials with their values divided by the summary of their point; as they are if a summary is not positive."""
    at: dict[object, list[float]] = {}
    for row, value in pairs:
        at.setdefault(point_key(row.point), []).append(value)
    centres = {key: summarise(values, kind).centre for key, values in at.items()}
    if any(centre <= 0 for centre in centres.values()):
        return list(pairs), False
    return [(row, value / centres[point_key(row.point)]) for row, value in pairs], True


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> list[Artist]:
    if panel.marks and panel.kind == RELATIVE:
        axes.axhline(1.0, color=DARK, linewidth=0.6, zorder=1)
    drawn = [_draw_group(axes, group, drawing, index) for index, group in enumerate(panel.groups)]
    marks = [mark for mark in panel.marks if mark.summary.n]
    values = [mark.summary.centre for mark in marks]
    far = [at for at, is_far in enumerate(outliers(values)) if is_far]
    ring: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 7.0, "markerfacecolor": "none", "color": DARK}
    axes.plot([drawing.place(marks[at].x) for at in far], [values[at] for at in far], markeredgewidth=0.8, zorder=4, **ring)
    return drawn or [Line2D([], [])]


def _draw_group(axes: Axes, group: Group, drawing: Drawing, index: int) -> Artist:
    """Draw a dot for each trial, crossed if it is suspect; strokes at the bottom for those without a value."""
    looks = look(index)
    places, values = [drawing.place(mark.x) for mark in group.marks], [mark.summary.centre for mark in group.marks]
    if group.label == FAILED:
        stroke: dict[str, Any] = {"linestyle": "", "marker": "|", "markersize": 6.0, "color": DARK, "clip_on": False}
        return axes.plot(places, [0.03] * len(places), transform=axes.get_xaxis_transform(), **stroke)[0]
    (dots,) = axes.plot(places, values, linestyle="", marker=looks.marker, color=looks.colour, markersize=3.2, zorder=3)
    suspect = [at for at, mark in enumerate(group.marks) if mark.suspect]
    if suspect:
        axes.plot([places[at] for at in suspect], [values[at] for at in suspect], **{**CROSSED, "markersize": 5.5})
    return dots


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    relative = any(panel.kind == RELATIVE for panel in drawing.panels)
    yield "Dots: single trials" + (", each divided by the summary of all trials at its point." if relative else ".")
    found = [[mark.summary.centre for mark in panel.marks if mark.summary.n] for panel in drawing.panels]
    if count := sum(sum(outliers(values)) for values in found):
        yield f"Ringed: {count} more than {FAR:g} standard deviations from the median (estimated by the median deviation)."
    if any(group.label == FAILED for panel in drawing.panels for group in panel.groups):
        yield "Below: trials that failed or are invalid, and have no value here."


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, _: Plot) -> None:
    finish_y(axes, panels)
    if drawing.xs:
        finish_numbers(axes, drawing, curve=True)
        last = max(map(drawing.place, drawing.xs))
        axes.set_xlim(1 - 0.03 * last, last * 1.03 + math.ulp(last))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS, integer=True))
        write_numbers(axes.xaxis)


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, table=dots_table, joined=False)

"""Lines: one for each group, with an error bar or a band for each interval."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import value_key
from wke.tell.figures.axes import POINTS_PER_INCH, finish_x, finish_y, length_pt
from wke.tell.figures.caption import summaries_of, summaries_said, without_interval
from wke.tell.figures.drawing import scaled, summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Group, Mark, Panel
from wke.tell.figures.source import Source
from wke.tell.figures.style import CROSSED, look

BESIDE_PT = 5.0  # the distance at which error bars with their end marks stand beside one another
SHARE = 0.7  # of the distance between two places on the x-axis, that groups side by side may take


def make_lines(source: Source) -> Drawing:
    """Return a mark for each x of each group; groups stand apart as the plot says, else if their error bars overlap."""
    plot, drawing = source.plot, scaled(source.plot, summaries(source))
    apart = not drawing.measured and not drawing.banded and any(map(_overlaps, drawing.panels))
    offset = BESIDE_PT if apart else 0.0
    return replace(drawing, offset=0.0 if drawing.measured else offset if plot.offset is None else plot.offset)


def _overlaps(panel: Panel) -> bool:
    """Return whether error bars of two groups overlap at an x."""
    places: dict[Hashable, list[tuple[float, float]]] = {}
    for mark in panel.marks:
        if mark.summary.low is not None and mark.summary.high is not None:
            places.setdefault(value_key(mark.x), []).append((mark.summary.low, mark.summary.high))
    return any(after[0] <= before[1] for here in places.values() for before, after in pairwise(sorted(here)))


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    yield from summaries_said(drawing, "Points", "bands" if drawing.banded else "bars", every=drawing.every)
    yield from without_interval(summaries_of(drawing))
    if drawing.offset:
        yield "Groups stand side by side at each x."


def draw_lines(axes: Axes, panel: Panel, drawing: Drawing) -> list[Line2D]:
    """Draw `panel` as lines, a point of one trial hollow; return what stands for each group in the legend."""
    beside = _beside(axes, drawing, len(panel.groups))
    return [_draw_line(axes, group, drawing, index, beside[index]) for index, group in enumerate(panel.groups)]


def _beside(axes: Axes, drawing: Drawing, count: int) -> list[Transform]:
    """Return the transformations that put groups side by side, as far as there is room between two places on the x-axis."""
    at = axes.xaxis.get_transform().transform([drawing.place(x) for x in drawing.xs]).tolist()
    nearest = min((right - left for left, right in pairwise(at)), default=0.0) / (at[-1] - at[0]) if len(at) > 1 else 1.0
    step = min(drawing.offset, SHARE * length_pt(axes) * nearest / max(count, 1))
    shifts = [(index - (count - 1) / 2) * step / POINTS_PER_INCH for index in range(count)]
    inches = axes.figure.dpi_scale_trans
    return [axes.transData + ScaledTranslation(shift, 0.0, inches) if shift else axes.transData for shift in shifts]


def _draw_line(axes: Axes, group: Group, drawing: Drawing, index: int, beside: Transform) -> Line2D:
    looks = look(index)
    colour = looks.colour
    drawn: dict[str, Any] = {"color": colour, "marker": looks.marker, "markeredgewidth": 0.9, "clip_on": False, "transform": beside}
    ys = [mark.summary.centre for mark in group.marks]
    (line,) = axes.plot(_places(group.marks, drawing), ys, linestyle=looks.dash, markevery=drawing.every, zorder=3, **drawn)
    single = [mark for mark in group.marks if mark.summary.n == 1]
    if single:
        axes.plot(_places(single, drawing), [m.summary.centre for m in single], linestyle="", markerfacecolor="white", zorder=4, **drawn)
    suspect = [mark for mark in group.marks if mark.suspect]
    if suspect:
        axes.plot(_places(suspect, drawing), [m.summary.centre for m in suspect], transform=beside, **CROSSED)
    _draw_intervals(axes, group.marks, drawing, colour, beside)
    _draw_across(axes, group.marks, colour)
    return line


def _draw_intervals(axes: Axes, marks: Sequence[Mark], drawing: Drawing, colour: str, beside: Transform) -> None:
    if drawing.banded:
        nothing = math.nan, math.nan
        ends = [(mark.summary.centre, *(mark.reach or nothing)) for mark in marks]
        lows, highs = [centre - down for centre, down, _ in ends], [centre + up for centre, _, up in ends]
        axes.fill_between(_places(marks, drawing), lows, highs, color=colour, alpha=0.2, linewidth=0, zorder=2)
        return
    known = [(mark, reach) for mark in marks if (reach := mark.reach) is not None]
    if known:
        centres = [mark.summary.centre for mark, _ in known]
        reaches = [list(ends) for ends in zip(*(reach for _, reach in known), strict=True)]
        looks: dict[str, Any] = {"fmt": "none", "ecolor": colour, "elinewidth": 0.9, "capsize": 2.2, "capthick": 0.9, "zorder": 2.5}
        axes.errorbar(_places([mark for mark, _ in known], drawing), centres, yerr=reaches, transform=beside, **looks)


def _draw_across(axes: Axes, marks: Sequence[Mark], colour: str) -> None:
    """Draw the intervals along an x-axis that shows a metric."""
    for mark in marks:
        across = mark.across
        if across is not None and across.low is not None and across.high is not None:
            reach = [[across.centre - across.low], [across.high - across.centre]]
            axes.errorbar(across.centre, mark.summary.centre, xerr=reach, fmt="none", ecolor=colour, elinewidth=0.6, zorder=2.5)


def _places(marks: Sequence[Mark], drawing: Drawing) -> list[float]:
    return [drawing.place(mark.x) for mark in marks]


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    finish_y(axes, panels)
    finish_x(axes, plot, drawing)


KIND = Kind(make=make_lines, said=_said, draw=draw_lines, finish=_finish)

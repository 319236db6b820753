"""Bars: a cluster for each place on the x-axis, a bar for each group, a whisker for each interval."""

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import value_key
from wke.tell.figures.axes import finish_categories, finish_x, finish_y
from wke.tell.figures.caption import summaries_of, summaries_said, without_interval
from wke.tell.figures.drawing import summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Panel
from wke.tell.figures.style import CROSSED, DARK, look

CLUSTER = 0.8  # the share of the space between two places that a cluster takes


def draw_bars(axes: Axes, panel: Panel, drawing: Drawing) -> list[Patch]:
    """Draw `panel` as bars from zero, a bar of one trial hollow; return what stands for each group in the legend."""
    width, legend = CLUSTER / max(len(panel.groups), 1), []
    for index, group in enumerate(panel.groups):
        looks = look(index)
        shift = (index - (len(panel.groups) - 1) / 2) * width
        places = [drawing.positions[value_key(mark.x)] + shift for mark in group.marks]
        heights = [mark.summary.centre for mark in group.marks]
        # A hatch has the colour of the edges: white edges give white lines, and a gap between neighbours.
        edges: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.6, "hatch": looks.hatch}
        legend.append(Patch(facecolor=looks.colour, **edges))
        bars = axes.bar(places, heights, width, color=looks.colour, zorder=2, **edges)
        for bar, mark, place in zip(bars, group.marks, places, strict=True):
            summary = mark.summary
            if summary.n == 1:
                bar.set(facecolor="white", edgecolor=looks.colour, linewidth=0.9)
            if mark.suspect:
                axes.plot([place], [summary.centre], **CROSSED)
            if mark.reach is not None:
                reach = [[end] for end in mark.reach]
                axes.errorbar(
                    place, summary.centre, yerr=reach, fmt="none", ecolor=DARK, elinewidth=0.9, capsize=2.2, capthick=0.9, zorder=3
                )
    return legend


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    yield from summaries_said(drawing, "Bars", "whiskers")
    yield from without_interval(summaries_of(drawing))


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    finish_y(axes, panels, from_zero=True)
    if drawing.xs:
        finish_categories(axes, drawing, ticks=False)
    else:
        finish_x(axes, plot, drawing)


KIND = Kind(make=summaries, said=_said, draw=draw_bars, finish=_finish)

"""Boxes and dots: every trial as a dot, and where there are enough of them a box from the lower to the upper quartile."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import value_key
from wke.tell.figures.axes import finish_categories, finish_x, finish_y, length_pt
from wke.tell.figures.caption import summaries_of, trials_said
from wke.tell.figures.drawing import summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Mark, Panel
from wke.tell.figures.style import CROSSED, Look, look
from wke.tell.figures.table import dots_table

CLUSTER = 0.8  # the share of the space between two places that a cluster takes
BOX = 0.62  # the share of its place in the cluster that a box takes
DOTS = 0.72  # the share of a box that its dots take
SMALLEST_PT, LARGEST_PT = 2.2, 3.6  # of dots
FEWEST = 5
"""From so many trials on there is a box: quartiles of fewer are hardly more than the trials themselves."""


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> list[Artist]:
    width = CLUSTER / max(len(panel.groups), 1)
    size = _dot_size(axes, drawing, BOX * width)
    for index, group in enumerate(panel.groups):
        shift = (index - (len(panel.groups) - 1) / 2) * width
        for mark in group.marks:
            _draw_mark(axes, mark, drawing.positions[value_key(mark.x)] + shift, look(index), width=BOX * width, size=size)
    return _keys(panel, drawing)


def _keys(panel: Panel, drawing: Drawing) -> list[Artist]:
    """Return what stands for the groups: boxes, or dots where no mark has enough trials for a box."""
    if any(len(mark.dots) >= FEWEST for each in drawing.panels for mark in each.marks):
        return [Patch(facecolor=_pale(look(at).colour), edgecolor=look(at).colour) for at in range(len(panel.groups))]
    return [Line2D([], [], linestyle="", marker=look(at).marker, color=look(at).colour) for at in range(len(panel.groups))]


def _draw_mark(axes: Axes, mark: Mark, place: float, looks: Look, *, width: float, size: float) -> None:
    """Draw a box, and trials in the order in which they ran, from left to right, so that equal ones do not hide each other."""
    values, colour = [dot.value for dot in mark.dots], looks.colour
    if len(values) >= FEWEST:
        low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
        ends = [place - width / 2, place + width / 2]
        axes.fill_between(ends, low, high, facecolor=_pale(colour), edgecolor=colour, linewidth=0.8, zorder=2)
        axes.plot(ends, [middle, middle], marker="", color=colour, linewidth=1.4, solid_capstyle="butt", zorder=4.5)
    steps = np.linspace(-DOTS / 2, DOTS / 2, len(values)) if len(values) > 1 else np.zeros(1)
    places = (place + steps * width).tolist()
    edge: dict[str, Any] = {"markersize": size, "markeredgecolor": "white", "markeredgewidth": 0.2}
    axes.plot(places, values, linestyle="", marker=looks.marker, color=colour, zorder=4, **edge)
    suspect = [(at, dot.value) for at, dot in zip(places, mark.dots, strict=True) if dot.suspect]
    if suspect:
        axes.plot(*zip(*suspect, strict=True), **{**CROSSED, "markersize": 5.0})


def _dot_size(axes: Axes, drawing: Drawing, width: float) -> float:
    """Return a size of dots, in points, at which those in the fullest box of this width hardly overlap."""
    most = max((len(mark.dots) for panel in drawing.panels for mark in panel.marks), default=1)
    room = DOTS * width * length_pt(axes) / max(len(drawing.xs), 1) / max(most - 1, 1)
    return min(max(room, SMALLEST_PT), LARGEST_PT)


def _pale(colour: str) -> str:
    """Return a colour that is three quarters white."""
    red, green, blue = (1 - (1 - part) / 4 for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    summaries = summaries_of(drawing)
    text = f"Dots: single trials ({trials_said(summaries)} at each x), in the order in which they ran"
    if any(summary.n >= FEWEST for summary in summaries):
        text += "; boxes: quartiles; lines: medians"
    yield f"{text}."
    if any(summary.n < FEWEST for summary in summaries):
        yield f"No box: fewer than {FEWEST} trials."


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    finish_y(axes, panels, dots=True)
    if drawing.xs:
        finish_categories(axes, drawing, ticks=False)
        for at in range(1, len(drawing.xs)):
            axes.axvline(at - 0.5, color="#dddddd", linewidth=0.5, zorder=0)
    else:
        finish_x(axes, plot, drawing)


KIND = Kind(make=summaries, said=_said, draw=_draw, finish=_finish, table=dots_table)

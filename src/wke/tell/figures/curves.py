"""Curves of recorded values: one line for each group, with a band.

A curve is a line of marks. Where there are too few trials or values for an interval with two ends, the line is dashed, and its band ends at
the line: the quantile is at least the lower end.
"""

import math
from collections.abc import Callable, Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from wke.judge.statistics.tails import SHARE
from wke.tell.figures.curvemarks import MARKED
from wke.tell.figures.panels import Group, Mark, Panel
from wke.tell.figures.style import look

NEAR = 0.1
"""By how much the share of a mark may be less than that of its marker, as a share of what is left to 1."""


def draw_curves(axes: Axes, panel: Panel, place: Callable[[object], float]) -> list[Line2D]:
    """Draw a curve for each group, whose marks are at these places on the x-axis."""
    return [_draw_curve(axes, group, [place(mark.x) for mark in group.marks], index) for index, group in enumerate(panel.groups)]


def _draw_curve(axes: Axes, group: Group, places: Sequence[float], index: int) -> Line2D:
    looks, marks = look(index), group.marks
    colour = looks.colour
    centres = [mark.summary.centre for mark in marks]
    known = [mark.summary.high is not None and mark.summary.low is not None for mark in marks]
    beyond = [
        centre if not whole or not all(known[at : at + 2]) else math.nan
        for at, (centre, whole) in enumerate(zip(centres, known, strict=True))
    ]
    reaches = [(centre, *(mark.reach or (0.0, 0.0))) for centre, mark in zip(centres, marks, strict=True)]
    axes.fill_between(
        places, [c - down for c, down, _ in reaches], [c + up for c, _, up in reaches], color=colour, alpha=0.2, linewidth=0, zorder=2
    )
    axes.plot(places, beyond, linestyle=(0, (2, 1.5)), marker="", color=colour, zorder=3)
    solid = [centre if whole else math.nan for centre, whole in zip(centres, known, strict=True)]
    axes.plot(places, solid, linestyle=looks.dash, marker="", color=colour, zorder=3)
    shown = sorted(set(_marked(marks)))
    at_x, at_y = [places[at] for at in shown], [centres[at] for at in shown]
    axes.plot(at_x, at_y, linestyle="", marker=looks.marker, color=colour, clip_on=False, zorder=4)
    return Line2D([], [], linestyle=looks.dash, marker=looks.marker, color=colour)


def _marked(marks: Sequence[Mark]) -> Iterator[int]:
    """Yield the places of the marks that have a marker: those of the shares MARKED, as far as the curve goes."""
    shares = [mark.summary.centre if mark.summary.kind == SHARE else float(str(mark.x)) for mark in marks]
    for share in MARKED:
        if marks and share <= shares[-1] + NEAR * (1 - share):
            yield min(range(len(marks)), key=lambda at: abs(shares[at] - share))

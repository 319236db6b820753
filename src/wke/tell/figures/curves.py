"""Curves of recorded values: quantiles by their share, and how many values a value covers; one line for each group, with a band.

A curve is a line of marks. Where there are too few trials or values for an interval with two ends, the line is dashed, and its band ends at
the line: the quantile is at least the lower end.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wke.judge.statistics.tails import SHARE
from wke.tell.figures.curvemarks import FIRST, MARKED
from wke.tell.figures.panels import Drawing, Group, Mark, Panel
from wke.tell.figures.style import COLOURS, DASHES, MARKERS

NEAR = 0.1
"""By how much the share of a mark may be less than that of its marker, as a share of what is left to 1."""


def draw_percentiles(axes: Axes, panel: Panel, drawing: Drawing) -> list[Line2D]:
    """Draw quantiles on an axis on which each further nine takes as much room as the one before."""
    drawn = [
        _draw_curve(axes, group, [_nines(float(str(mark.x))) for mark in group.marks], index) for index, group in enumerate(panel.groups)
    ]
    ends = [_nines(float(str(x))) for x in drawing.xs]
    axes.set_xlim(_nines(FIRST), max(ends, default=2.0) + 0.05)
    ticks = [share for share in MARKED if _nines(share) <= max(ends, default=2.0) + 0.05]
    axes.xaxis.set_major_locator(FixedLocator([_nines(share) for share in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{100 * (1 - 10**-at):.7g} %"))
    return drawn


def draw_shares(axes: Axes, panel: Panel, drawing: Drawing) -> list[Line2D]:
    """Draw the share of values that each value covers."""
    return [_draw_curve(axes, group, [drawing.place(mark.x) for mark in group.marks], index) for index, group in enumerate(panel.groups)]


def _draw_curve(axes: Axes, group: Group, places: Sequence[float], index: int) -> Line2D:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    dash: Any = DASHES[index // len(COLOURS) % len(DASHES)]
    marks = group.marks
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
    axes.plot(places, beyond, linestyle=(0, (2, 1.5)), color=colour, zorder=3)
    solid = [centre if whole else math.nan for centre, whole in zip(centres, known, strict=True)]
    axes.plot(places, solid, linestyle=dash, color=colour, zorder=3)
    shown = sorted(set(_marked(marks)))
    axes.plot(
        [places[at] for at in shown], [centres[at] for at in shown], linestyle="", marker=marker, color=colour, clip_on=False, zorder=4
    )
    return Line2D([], [], linestyle=dash, marker=marker, color=colour)


def _marked(marks: Sequence[Mark]) -> Iterator[int]:
    """Yield the places of the marks that have a marker: those of the shares MARKED, as far as the curve goes."""
    shares = [mark.summary.centre if mark.summary.kind == SHARE else float(str(mark.x)) for mark in marks]
    for share in MARKED:
        if marks and share <= shares[-1] + NEAR * (1 - share):
            yield min(range(len(marks)), key=lambda at: abs(shares[at] - share))


def _nines(share: float) -> float:
    return -math.log10(1 - share)

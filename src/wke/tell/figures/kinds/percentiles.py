"""Percentiles: all quantiles of the recorded values, on an axis on which each further nine takes as much room as the one before."""

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wke.describe.experiment.plot import Plot
from wke.tell.figures.axes import LETTER, finish_y, length_pt
from wke.tell.figures.caption import curves_said
from wke.tell.figures.curvemarks import FIRST, MARKED, quantile_marks
from wke.tell.figures.curves import draw_curves
from wke.tell.figures.drawing import Pairs, Summarising, summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Mark, Panel
from wke.tell.figures.source import Source

GAP = 0.6  # between the labels of ticks, in letters


def _make(source: Source) -> Drawing:
    return summaries(source, _marks, x_label="quantile")


def _marks(_: Source, how: Summarising, pairs: Pairs) -> Iterator[Mark]:
    if pairs and how.pooled:
        yield from quantile_marks(how.pooled, how.recorded(pairs))


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    yield from curves_said(drawing, "Lines: quantiles of {}")


def _draw(axes: Axes, panel: Panel, _: Drawing) -> list[Line2D]:
    return draw_curves(axes, panel, _nines)


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, _: Plot) -> None:
    finish_y(axes, panels)
    end = max(map(_nines, drawing.xs), default=2.0) + 0.05
    axes.set_xlim(_nines(FIRST), end)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(axes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _text(at)))


def _ticks(axes: Axes) -> list[float]:
    """Return the ticks whose labels have room beside each other; those of the tail come first."""
    first, end = axes.get_xlim()
    letter = LETTER * float(axes.xaxis.get_major_ticks(1)[0].label1.get_fontsize()) * (end - first) / length_pt(axes)
    chosen: list[float] = []
    for at in sorted((_nines(share) for share in MARKED), reverse=True):
        if at <= end and (not chosen or chosen[-1] - at >= letter * (GAP + (len(_text(at)) + len(_text(chosen[-1]))) / 2)):
            chosen.append(at)
    return chosen[::-1]


def _text(nines: float) -> str:
    return f"{100 * (1 - 10**-nines):.7g} %"


def _nines(share: object) -> float:
    return -math.log10(1 - float(str(share)))


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, crossed=False)

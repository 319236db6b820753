"""Percentiles: all quantiles of the recorded values, on an axis on which each further nine takes as much room as the one before."""

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wke.describe.experiment.plot import Plot
from wke.tell.figures.axes import finish_y
from wke.tell.figures.caption import curves_said
from wke.tell.figures.curvemarks import FIRST, MARKED, quantile_marks
from wke.tell.figures.curves import draw_curves
from wke.tell.figures.drawing import Pairs, Summarising, summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Mark, Panel
from wke.tell.figures.source import Source


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
    axes.xaxis.set_major_locator(FixedLocator([_nines(share) for share in MARKED if _nines(share) <= end]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{100 * (1 - 10**-at):.7g} %"))


def _nines(share: object) -> float:
    return -math.log10(1 - float(str(share)))


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, crossed=False)

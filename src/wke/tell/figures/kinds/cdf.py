"""Distribution functions: the share of all recorded values that is at most as large as each value."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from wke.describe.experiment.plot import Plot
from wke.tell.figures.axes import STEPS, finish_numbers, finish_x, finish_y
from wke.tell.figures.caption import curves_said
from wke.tell.figures.curvemarks import share_marks
from wke.tell.figures.curves import draw_curves
from wke.tell.figures.drawing import Pairs, Summarising, scaled, summaries, value_label
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Mark, Panel
from wke.tell.figures.source import Source


def _make(source: Source) -> Drawing:
    unit = source.units.get(source.plot.y_axis[0].name or "")
    return scaled(source.plot, summaries(source, _marks, x_label=value_label(unit), y_label="share of values"))


def _marks(_: Source, how: Summarising, pairs: Pairs) -> Iterator[Mark]:
    if pairs and how.pooled:
        yield from share_marks(how.pooled, how.recorded(pairs))


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    yield from curves_said(drawing, "Lines: how many of {} are at most as large as x")


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> list[Line2D]:
    return draw_curves(axes, panel, drawing.place)


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    finish_y(axes, panels)
    if drawing.xs and panels[0].scale.kind == "linear":
        axes.set_ylim(0.0, 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    if drawing.xs:
        finish_numbers(axes, drawing, all_ticks=plot.set_xticks, curve=True)
    else:
        finish_x(axes, plot, drawing)


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, crossed=False)

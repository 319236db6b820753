"""What a kind of figure is. Each kind is one file in kinds/, named as the type of its plots, with an object KIND; no list of them is here.

Which keys such a plot has in an experiment file is a line of KEYS in describe/experiment/plot.py.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from wke.describe.experiment.plot import Plot
from wke.tell.figures.panels import Drawing, Panel
from wke.tell.figures.source import Source
from wke.tell.figures.table import DataTable, marks_table
from wke.values import dataclass

KINDS = "wke.tell.figures.kinds"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure. Everything else (panels, legend, title, caption, files) is the same for all kinds.

    `make` returns what a plot shows, as values, without a caption. It raises InputError where the trials do not fit the plot.
    `said` yields the sentences that say what is drawn, when something is.
    `draw` draws one panel, and returns what stands for each of its groups in the legend; nothing for a figure without a legend.
    `finish` sets scales, limits and ticks of a panel, of which the given panels share the y-axis.
    `table` returns the data that are drawn.
    A kind that is not `joined` has no mark of several points. One that is not `crossed` does not cross marks with suspect trials. One that
    is not `of_series` does not show how complete a series is.
    """

    make: Callable[[Source], Drawing]
    said: Callable[[Plot, Drawing], Iterator[str]]
    draw: Callable[[Axes, Panel, Drawing], Sequence[Artist]]
    finish: Callable[[Axes, Sequence[Panel], Drawing, Plot], None]
    table: Callable[[Drawing], DataTable] = marks_table
    joined: bool = True
    crossed: bool = True
    of_series: bool = True


def kind_of(name: str) -> Kind:
    """Return the kind of figure that plots of type `name`, one of KEYS, have."""
    return cast("Kind", import_module(f"{KINDS}.{name}").KIND)

"""How figures look: sized for a column of a paper, readable without colour, the same bytes for the same data."""

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text

from wke.describe.experiment.plot import Plot
from wke.tell.terminal.sanitize import visible

# The colours of Okabe and Ito, which are distinct for all kinds of colour vision; markers and hatches repeat the distinction.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
HATCHES = ("", "/////", "......", "xxxxx", "\\\\\\\\\\", "-----", "+++++", "|||||")
DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)))
GREY, DARK = "#6a6a6a", "#303030"

WIDTH_IN, PANEL_HEIGHT_IN, FONT_PT = 3.5, 2.15, 8.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a figure: size of its text, scale of its width (1.0 is one column), place of the legend, background.

    Without a place the legend is above the axes. The background is "whitegrid", "darkgrid", "white", "dark" or "ticks".
    """

    font_pt: float = FONT_PT
    scale: float = 1.0
    legend_location: str | None = None
    style: str = "whitegrid"


def layout_of(plot: Plot) -> Layout:
    """Return the layout that a plot asks for."""
    return Layout(plot.font_size or FONT_PT, plot.plot_scale, plot.legend_location, plot.style)


def settings(layout: Layout) -> dict[Any, Any]:
    """Return the settings of matplotlib for all figures; they replace the user's settings, so that figures look the same everywhere."""
    font_pt, style = layout.font_pt, layout.style
    is_dark = style.startswith("dark")
    return {
        "axes.grid": style.endswith("grid"),
        "axes.grid.axis": "y",
        "axes.facecolor": "#eaeaf2" if is_dark else "white",
        "grid.color": "white" if is_dark else "#dddddd",
        "xtick.major.size": 4.5 if style == "ticks" else 2.5,
        "ytick.major.size": 4.5 if style == "ticks" else 2.5,
        "pdf.fonttype": 42,  # publishers refuse Type 3 fonts
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "wke",  # ids do not change from run to run
        "font.family": "DejaVu Sans",
        "font.size": font_pt,
        "text.parse_math": False,  # a dollar sign in a name is a dollar sign
        "axes.titlesize": font_pt + 1,
        "axes.labelsize": font_pt,
        "xtick.labelsize": font_pt - 1,
        "ytick.labelsize": font_pt - 1,
        "legend.fontsize": font_pt - 1,
        "legend.title_fontsize": font_pt - 1,
        "legend.frameon": False,
        "legend.handlelength": 2.0,
        "legend.columnspacing": 1.3,
        "legend.borderaxespad": 0.2,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.edgecolor": DARK,
        "axes.axisbelow": True,
        "grid.linewidth": 0.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.size": 1.5,
        "ytick.minor.size": 1.5,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.2,
        "hatch.linewidth": 0.5,
        "figure.constrained_layout.h_pad": 0.045,
        "figure.constrained_layout.w_pad": 0.045,
    }


def tick_text(value: float, _position: int | None = None) -> str:
    """Return a number for an axis, with thousands separated and no superfluous digits."""
    if value and not 1e-5 <= abs(value) < 1e9:
        return f"{value:g}".replace("-", "\u2212")
    text = f"{value:,.8f}".rstrip("0").rstrip(".") if abs(value) < 10_000 else f"{value:,.0f}"
    return ("0" if text == "-0" else text).replace("-", "\u2212").replace(",", "\u2009" if abs(value) >= 10_000 else "")


def finish_texts(figure: Figure) -> Figure:
    """Make all texts of a figure safe to print: an SVG file holds them as they are. Return the figure."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and not text.get_text().isprintable():
            text.set_text(visible(text.get_text()))
    return figure

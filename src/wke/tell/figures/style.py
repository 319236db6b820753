"""How figures look: sized for a column of a paper, readable without colour, the same bytes for the same data."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from wke.describe.experiment.plot import Plot
from wke.values import dataclass

# The colours of Okabe and Ito, which are distinct for all kinds of colour vision; markers and hatches repeat the distinction.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
HATCHES = ("", "/////", "......", "xxxxx", "\\\\\\\\\\", "-----", "+++++", "|||||")
DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)))
GREY, DARK = "#6a6a6a", "#303030"
CROSSED: Mapping[str, Any] = {"linestyle": "", "marker": "x", "color": DARK, "markersize": 7.0, "clip_on": False, "zorder": 5}
"""How a mark with suspect trials is crossed."""

MOST_DECIMALS = 16  # those of a float
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
        "text.parse_math": False,  # a $ is a $
        "svg.hashsalt": "wke",  # ids do not change from run to run
        "font.family": "DejaVu Sans",
        "font.size": font_pt,
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


def legend_columns(labels: Sequence[str], layout: Layout, width_in: float) -> int:
    """Return how many labels have room beside each other in a figure of this width."""
    longest = max(len(line) for label in labels for line in label.split("\n")) + 6  # the handle and the gap are six letters wide
    return max(1, min(len(labels), int(width_in * 0.85 * 72 / (layout.font_pt - 1) / 0.58 / longest)))


def tick_text(value: float, _position: int | None = None) -> str:
    """Return a number for an axis, with thousands separated and no superfluous digits."""
    if value and not 1e-5 <= abs(value) < 1e9:
        return _signed(f"{value:g}")
    text = f"{value:,.8f}".rstrip("0").rstrip(".") if abs(value) < 10_000 else f"{value:,.0f}"
    return _signed("0" if text == "-0" else text).replace(",", "\u2009" if abs(value) >= 10_000 else "")


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return numbers for one axis, all with as many decimals as it takes to tell them apart and to be right."""
    texts, decimals = [tick_text(value) for value in values], 0
    ordered = sorted(set(values))
    near = 0.01 * min((right - left for left, right in pairwise(ordered)), default=math.inf)
    while any(abs(_read(text) - value) > near for text, value in zip(texts, values, strict=True)) and decimals < MOST_DECIMALS:
        decimals += 1
        form = f",.{decimals}f" if max(map(abs, values)) < 1e9 and decimals < 10 else f".{decimals}e"
        texts = [_signed(f"{value:{form}}").replace(",", "\u2009") for value in values]
    return texts


def _read(text: str) -> float:
    return float(text.replace("\u2009", "").replace("\u2212", "-"))


def _signed(text: str) -> str:
    return text.replace("-", "\u2212")

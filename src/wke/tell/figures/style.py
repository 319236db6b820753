"""How figures look: sized for a column of a paper, readable without colour, the same bytes for the same data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from cycler import cycler

from wke.describe.experiment.forms import STYLES
from wke.describe.experiment.plot import Plot
from wke.tell.figures.usersettings import user_settings
from wke.values import dataclass

COLOURS = ("#00507F", "#D55E00", "#56B4E9", "#000000", "#009E73", "#E69F00", "#CC79A7", "#7F7F7F")
"""After Okabe and Ito, distinct for all kinds of colour vision. The lightness of the first four differs, too: they are distinct in grey.

Markers, dashes and hatches repeat the distinction.
"""
GREYS = ("#000000", "#6E6E6E", "#A6A6A6", "#3C3C3C", "#8A8A8A", "#C0C0C0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
HATCHES = ("", "/////", "......", "xxxxx", "\\\\\\\\\\", "-----", "+++++", "|||||")
DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)))
GREY_DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (7, 1.5)), (0, (2, 1)))
GREY, DARK = "#6a6a6a", "#303030"
CROSSED: Mapping[str, Any] = {"linestyle": "", "marker": "x", "color": DARK, "markersize": 7.0, "clip_on": False, "zorder": 5}
"""How a mark with suspect trials is crossed."""

MOST_DECIMALS = 16  # those of a float
WIDTH_IN, PANEL_HEIGHT_IN, FONT_PT = 3.5, 2.15, 8.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a figure: size of its text, scale of its width (1.0 is one column), place of the legend, background.

    Without a place the legend is above the axes. The background is "whitegrid", "darkgrid", "white", "dark" or "ticks". With `width_in` the
    figure is as wide as that. `own` are settings of matplotlib that the user made.
    """

    font_pt: float = FONT_PT
    scale: float = 1.0
    legend_location: str | None = None
    style: str = STYLES[0]
    width_in: float | None = None
    palette: str = "colour"
    captioned: bool = True
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """How one group looks: the same in all panels and in the legend."""

    colour: str
    marker: str
    dash: Any
    hatch: str


def look(index: int) -> Look:
    """Return how the group with this index looks, by the settings of matplotlib that hold now: a user's colours come first."""
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()
    colours, markers, dashes = cycle.get("color", COLOURS), cycle.get("marker", MARKERS), cycle.get("linestyle", ())
    dash = dashes[index % len(dashes)] if dashes else DASHES[index // len(colours) % len(DASHES)]
    return Look(colours[index % len(colours)], markers[index % len(markers)], dash, HATCHES[index % len(HATCHES)])


def layout_of(plot: Plot) -> Layout:
    """Return the layout that a plot asks for; InputError for a style that there is not."""
    own = user_settings(plot.style)
    font_pt = plot.font_size or float(own.get("font.size", FONT_PT))
    style = plot.style if plot.style in STYLES else STYLES[0]
    return Layout(font_pt, plot.plot_scale, plot.legend_location, style, plot.width_in, plot.palette, plot.caption == "inside", own)


def settings(layout: Layout) -> dict[Any, Any]:
    """Return the settings of matplotlib for a figure: ours, then the user's. What publishers and readers of files need is last."""
    return {**_ours(layout), **layout.own, "font.size": layout.font_pt, **NEEDED}


def _ours(layout: Layout) -> dict[Any, Any]:
    font_pt, style = layout.font_pt, layout.style
    is_dark = style.startswith("dark")
    colours = cycler(color=GREYS, linestyle=GREY_DASHES) if layout.palette == "grey" else cycler(color=COLOURS)
    return {
        "axes.prop_cycle": colours,
        "axes.grid": style.endswith("grid"),
        "axes.grid.axis": "y",
        "axes.facecolor": "#eaeaf2" if is_dark else "white",
        "grid.color": "white" if is_dark else "#dddddd",
        "xtick.major.size": 4.5 if style == "ticks" else 2.5,
        "ytick.major.size": 4.5 if style == "ticks" else 2.5,
        "font.family": "DejaVu Sans",
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


NEEDED: Mapping[str, Any] = {
    "pdf.fonttype": 42,  # publishers refuse Type 3 fonts
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "wke",  # ids do not change from run to run
    "text.parse_math": False,  # a $ is a $
    "text.usetex": False,
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

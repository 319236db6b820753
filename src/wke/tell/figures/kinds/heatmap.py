"""Heat maps: a cell for each value of two parameters, shaded by the summary of its trials, with its number where there is room."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import value_key
from wke.tell.figures.axes import STEPS, Numbers, finish_categories, length_pt, scaled_ticks
from wke.tell.figures.caption import summaries_of, summaries_said
from wke.tell.figures.drawing import summaries
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Panel
from wke.tell.figures.source import Source
from wke.tell.figures.style import CROSSED, tick_text
from wke.tell.terminal.sanitize import visible
from wke.tell.words import worded

COLOURS = "cividis"
"""From dark blue to yellow, evenly in lightness: it reads the same in grey and for all kinds of colour vision."""
LETTER = 0.62  # its width, as a share of the font's size
ROW = 0.26  # the height of a row, as a share of a panel's


def _make(source: Source) -> Drawing:
    """Return a group for each row. The scale of the axes is that of categories; `y_scale` is the scale of the colours."""
    drawing = summaries(source)
    rows = len(drawing.panels[0].groups)
    return replace(drawing, height=min(1.6, max(0.75, ROW * rows + 0.2)))


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> Sequence[Artist]:
    axes.grid(visible=False)
    values = np.full((len(panel.groups), max(len(drawing.xs), 1)), math.nan)
    for row, group in enumerate(panel.groups):
        for mark in group.marks:
            values[row, drawing.positions[value_key(mark.x)]] = mark.summary.centre
    if panel.groups and drawing.xs:
        edges = np.arange(len(drawing.xs) + 1) - 0.5, np.arange(len(panel.groups) + 1) - 0.5
        mesh = axes.pcolormesh(
            *edges, np.ma.masked_invalid(values), cmap=COLOURS, norm=_norm(panel, drawing), edgecolors="white", linewidth=0.8
        )
        if panel is _last_beside(panel, drawing):
            _add_bar(axes, mesh, panel)
        _write(axes, panel, values, drawing, mesh)
    return ()


def _alike(panel: Panel, drawing: Drawing) -> list[Panel]:
    """Return the panels of the same metric, whose colours mean the same."""
    return [one for one in drawing.panels if one.name == panel.name]


def _last_beside(panel: Panel, drawing: Drawing) -> Panel:
    return _alike(panel, drawing)[-1]


def _norm(panel: Panel, drawing: Drawing) -> Normalize:
    values = [mark.summary.centre for one in _alike(panel, drawing) for mark in one.marks]
    low, high = min(values), max(values)
    if panel.scale.kind == "log" and low < high:
        return LogNorm(low, high)
    return Normalize(low, high) if low < high else Normalize(low - 0.5 * abs(low) - 0.5, high + 0.5 * abs(high) + 0.5)


def _add_bar(axes: Axes, mesh: Any, panel: Panel) -> None:
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.06, aspect=14)
    bar.outline.set_visible(False)
    bar.set_label(panel.label)
    if isinstance(mesh.norm, LogNorm):
        bar.locator = FixedLocator(scaled_ticks(*bar.ax.get_ylim(), panel.scale))
        bar.minorlocator = NullLocator()
    else:
        bar.locator = MaxNLocator(3, steps=STEPS)
    bar.formatter = Numbers()
    bar.ax.tick_params(length=2)
    bar.update_ticks()


def _write(axes: Axes, panel: Panel, values: Any, drawing: Drawing, mesh: Any) -> None:
    """Write the number of each cell into it, where all have room; cross those with suspect trials, hatch those without a value."""
    texts = {at: tick_text(float(f"{values[at]:.3g}")) for at in np.ndindex(values.shape) if np.isfinite(values[at])}
    size = float(axes.xaxis.label.get_fontsize()) - 2
    room = 0.95 * length_pt(axes) / values.shape[1]
    fits = max(map(len, texts.values()), default=0) * LETTER * size < room
    for (row, column), text in texts.items() if fits else ():
        colour = _ink(mesh, values[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    for row, column in zip(*np.nonzero(~np.isfinite(values)), strict=True):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor="#bbbbbb", hatch="////", linewidth=0))
    for row, group in enumerate(panel.groups):
        for mark in group.marks:
            if mark.suspect:
                column, colour = drawing.positions[value_key(mark.x)], _ink(mesh, mark.summary.centre)
                axes.plot([column + 0.32], [row + 0.3], **{**CROSSED, "markersize": 4.0, "color": colour})


def _ink(mesh: Any, value: float) -> str:
    """Return the colour in which text on the cell of a value can be read."""
    return "white" if float(np.dot(mesh.to_rgba(value)[:3], (0.299, 0.587, 0.114))) < 0.55 else "black"


def _said(_: Plot, drawing: Drawing) -> Iterator[str]:
    yield from summaries_said(drawing, "Cells", "")
    whole = len(drawing.xs) * sum(len(panel.groups) for panel in drawing.panels)
    if len(summaries_of(drawing)) < whole:
        yield "Hatched: no value."


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, plot: Plot) -> None:
    labels = [visible(group.label) for group in panels[0].groups]
    if drawing.xs:
        finish_categories(axes, drawing, ticks=False)
        axes.set_xlim(-0.5, len(drawing.xs) - 0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(-0.5, max(len(labels), 1) - 0.5)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if axes.get_ylabel():
        axes.set_ylabel(worded(plot.sort_by or ""))


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish)

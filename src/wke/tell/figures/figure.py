"""From a plot and the trials to files: the figure for papers and screens, its data, and for LaTeX its caption."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.errors import Problem
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.files.disk import write_atomically
from wke.keep.trials.trials import StoredAttempt
from wke.tell.exports.markup import latex_text
from wke.tell.figures.axes import set_scale
from wke.tell.figures.canvas import FIGURES, render
from wke.tell.figures.caption import scale_problems
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.kind import kind_of
from wke.tell.figures.panels import Drawing
from wke.tell.figures.style import FONT_PT, GREY, PANEL_HEIGHT_IN, WIDTH_IN, Layout, layout_of, legend_columns
from wke.tell.figures.table import table_text

TABLES = ("csv", "tex", "md")
CAPTION = "caption.tex"
MOST_COLUMNS = 3  # more facets go to further rows
NARROW_IN, NARROW_COLUMNS = 4.5, 2  # in a figure that is narrower, titles and ticks of three would overlap
LEGEND_LETTERS = 48  # longer labels are folded
FACET_WIDTH = 0.67  # of a paper's column
LOWEST_IN, TALLEST_IN = 1.45, 2.4  # a panel beside others, and one across two columns
INK_PT = 2  # by how much the text of captions is smaller


def draw(
    plot: Plot, trials: Sequence[StoredAttempt], path: Path, experiment: Experiment, telemetry: Mapping[str, TrialTelemetry] = {}
) -> tuple[list[Path], list[Problem]]:
    """Draw `plot` of `trials` and write it to `path` with the suffixes of the plot's formats, each file whole or not at all.

    Return the files, and what a person should know of them. Raises InputError when the plot does not fit the trials.
    """
    kind, drawing, layout = kind_of(plot.type), make_drawing(plot, trials, experiment, telemetry), layout_of(plot)
    rendered = render(lambda: _figure(plot, drawing, layout), layout, [one for one in plot.formats if one in FIGURES])
    files = dict(rendered.files)
    table = kind.table(drawing)
    files |= {form: table_text(table, form).encode("utf-8", "replace") for form in plot.formats if form in TABLES}
    if not layout.captioned:
        files[CAPTION] = f"{latex_text(drawing.footnote)}%\n".encode("utf-8", "replace")
    written = []
    for suffix, data in files.items():
        written.append(path.with_name(f"{path.name}.{suffix}"))
        write_atomically(written[-1], data)
    return written, [*scale_problems(drawing), *rendered.notes]


def _figure(plot: Plot, drawing: Drawing, layout: Layout) -> Figure:
    columns = _columns(drawing, layout)
    width, panel_height = _size(drawing, layout, columns)
    note = textwrap.fill(drawing.footnote, int(width * 72 / (layout.font_pt - INK_PT) / 0.53)) if layout.captioned else ""
    title = textwrap.fill(drawing.title, int(width * 72 / (layout.font_pt + 1) / 0.64), replace_whitespace=False)
    lines = 0.2 * bool(title) + 0.15 * title.count("\n") + 0.3 * bool(plot.sort_by) + 0.12 * (note.count("\n") + 1)
    text_height = lines * layout.font_pt / FONT_PT
    rows = -(-drawing.facets // columns) * (len(drawing.panels) // drawing.facets)
    figure = Figure(figsize=(width, panel_height * rows + text_height), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[0.001, *[1.0] * rows])
    top = figure.add_subplot(grid[0, :])  # the legend and the title stand on it
    top.set_axis_off()
    handles = _draw_panels(figure, grid, plot, drawing)
    figure.align_ylabels()
    _add_legend(figure.axes[1] if layout.legend_location else top, handles, drawing, layout, width)
    if title:
        figure.suptitle(title, fontsize=layout.font_pt + 1, fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=layout.font_pt - INK_PT, color=GREY, linespacing=1.25)
    return figure


def _size(drawing: Drawing, layout: Layout, columns: int) -> tuple[float, float]:
    """Return the width of a figure and the height of a panel, in inches."""
    if layout.width_in is not None:
        height = layout.width_in / columns * PANEL_HEIGHT_IN / WIDTH_IN
        return layout.width_in, min(max(height, LOWEST_IN), TALLEST_IN) * drawing.height
    wide = WIDTH_IN * layout.scale * (1 if columns == 1 else columns * FACET_WIDTH)
    return wide, PANEL_HEIGHT_IN * layout.scale * drawing.height


def _columns(drawing: Drawing, layout: Layout) -> int:
    """Return how many facets stand side by side; four make a square."""
    narrow = layout.width_in is not None and layout.width_in < NARROW_IN
    return 2 if drawing.facets == 4 else min(drawing.facets, NARROW_COLUMNS if narrow else MOST_COLUMNS)


def _draw_panels(figure: Figure, grid: Any, plot: Plot, drawing: Drawing) -> Sequence[Artist]:
    """Draw all panels, those of one y in rows; return what stands for the groups."""
    handles: Sequence[Artist] = ()
    kind = kind_of(plot.type)
    columns = grid.ncols
    rows = -(-drawing.facets // columns)
    for index, panel in enumerate(drawing.panels):
        y, facet = divmod(index, drawing.facets)
        row, column = divmod(facet, columns)
        axes = figure.add_subplot(grid[1 + y * rows + row, column])
        set_scale(axes.set_xscale, drawing.x_scale)
        handles = kind.draw(axes, panel, drawing)
        axes.set_title(panel.title)
        if not panel.marks:
            empty = "no value" if panel.undefined else "no trial yet"
            axes.text(0.5, 0.5, empty, transform=axes.transAxes, ha="center", va="center", color=GREY)
        if column == 0:
            axes.set_ylabel(panel.label)
        else:
            axes.tick_params(labelleft=False)
        if index + columns >= len(drawing.panels) or (facet + columns >= drawing.facets and rows > 1):
            axes.set_xlabel(drawing.x_label)
        else:
            axes.tick_params(labelbottom=False)
        kind.finish(axes, drawing.panels[y * drawing.facets : (y + 1) * drawing.facets], drawing, plot)
        if not drawing.xs:
            axes.set_xticks([])
    return handles


def _add_legend(axes: Axes, handles: Sequence[Artist], drawing: Drawing, layout: Layout, width: float) -> None:
    """Draw the legend: on top of the axes, where it hides no data, unless the layout gives a place inside."""
    labels = [textwrap.fill(group.label, LEGEND_LETTERS, replace_whitespace=False) for group in drawing.panels[0].groups]
    if not any(labels) or not handles:
        return
    columns = legend_columns(labels, layout, width)
    above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.0), "ncols": columns}
    place: dict[str, Any] = {"loc": layout.legend_location} if layout.legend_location else above
    axes.legend(handles, labels, title=drawing.group_title or None, **place)

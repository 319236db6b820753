"""From a plot and the trials to files: PDF and SVG for papers, PNG for screens.

Matplotlib is used through its objects, never through pyplot: there is no window and no global state, and no display is needed. The same
trials give the same bytes: there are no dates and no random ids.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.errors import InputError, Problem, TargetError
from wke.keep.files.disk import write_atomically
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.axes import cuts_an_interval, finish_x, finish_y
from wke.tell.figures.bars import draw_bars
from wke.tell.figures.drawing import Drawing, make_drawing
from wke.tell.figures.lines import draw_lines
from wke.tell.figures.script import run_script
from wke.tell.figures.style import FONT_PT, GREY, PANEL_HEIGHT_IN, WIDTH_IN, Layout, finish_texts, layout_of, settings

METADATA: Mapping[str, Mapping[str, str | None]] = {
    "pdf": {"Creator": "wke", "CreationDate": None},
    "svg": {"Creator": "wke", "Date": None},
    "png": {"Software": "wke"},
}
KINDS = {"line": draw_lines, "bar": draw_bars}


def stem(folder: Path, name: str, plot: Plot) -> Path:
    """Return the path of a plot's files without the suffix: `folder`/NAME or `folder`/NAME_LABEL."""
    return folder / (f"{name}_{plot.label}" if plot.label else name)


def draw(plot: Plot, trials: Sequence[StoredAttempt], path: Path, experiment: Experiment) -> list[Path]:
    """Draw `plot` of `trials` and write it to `path` with the suffixes .pdf, .svg and .png, each whole or not at all; return the files.

    A plot of type "script" is drawn by its script, which chooses the format. Raises InputError when the plot does not fit the trials, and
    TargetError when its script fails.
    """
    if plot.script is not None:
        return run_script(plot.script, trials, path.with_name(f"{path.name}.pdf"))
    drawing, layout = make_drawing(plot, trials, experiment), layout_of(plot)
    written = []
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings(layout))
        figure = _figure(plot, drawing, layout)
        for suffix, metadata in METADATA.items():
            data = io.BytesIO()
            figure.savefig(data, format=suffix, dpi=160, metadata=dict(metadata))
            written.append(path.with_name(f"{path.name}.{suffix}"))
            write_atomically(written[-1], data.getvalue())
    return written


@dataclass(frozen=True, slots=True)
class Drawn:
    """The files of the plots of an experiment, in their order, and the problems of plots that could not be drawn."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def draw_all(experiment: Experiment, trials: Sequence[StoredAttempt], folder: Path) -> Drawn:
    """Draw every plot of an experiment into `folder`; a plot that cannot be drawn is a problem at its place in the file, not an error."""
    files: list[Path] = []
    problems: list[Problem] = []
    for index, plot in enumerate(experiment.plots):
        try:
            files += draw(plot, trials, stem(folder, experiment.name, plot), experiment)
        except (InputError, TargetError) as error:
            problems += [replace(problem, where=problem.where or experiment.at("plots", index)) for problem in error.problems]
    return Drawn(tuple(files), tuple(problems))


def _figure(plot: Plot, drawing: Drawing, layout: Layout) -> Figure:
    width, height = WIDTH_IN * layout.scale, PANEL_HEIGHT_IN * layout.scale
    cut = " Intervals that leave the axes are cut." if any(map(cuts_an_interval, drawing.panels)) else ""
    note = textwrap.fill(drawing.footnote + cut, int(width * 72 / (layout.font_pt - 2) / 0.53))
    text_height = (0.2 * bool(plot.title) + 0.3 * bool(plot.sort_by) + 0.12 * (note.count("\n") + 1)) * layout.font_pt / FONT_PT
    figure = Figure(figsize=(width, height * len(drawing.panels) + text_height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(drawing.panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(panels, drawing.panels, strict=True):
        KINDS[plot.type](axes, panel, drawing)
        finish_y(axes, panel, plot)
        axes.set_ylabel(panel.label)
        if not panel.marks:
            axes.set_yticks([])
            axes.text(
                0.5, 0.5, "no value" if panel.undefined else "no trial yet", transform=axes.transAxes, ha="center", va="center", color=GREY
            )
    finish_x(panels[-1], plot, drawing)
    panels[-1].set_xlabel(drawing.x_label)
    figure.align_ylabels()
    _add_legend(panels[0], drawing, layout)
    if plot.title:
        figure.suptitle(plot.title, fontsize=layout.font_pt + 1, fontweight="bold")
    figure.supxlabel(note, x=0.01, ha="left", fontsize=layout.font_pt - 2, color=GREY, linespacing=1.25)
    return finish_texts(figure)


def _add_legend(axes: Axes, drawing: Drawing, layout: Layout) -> None:
    """Draw the legend: above the axes, where it hides no data, unless the layout gives a place inside."""
    handles, labels = axes.get_legend_handles_labels()
    if not any(labels):
        return
    longest = max(map(len, labels)) + 6  # the handle and the gap are six letters wide
    columns = max(1, min(len(labels), int(WIDTH_IN * layout.scale * 0.85 * 72 / (layout.font_pt - 1) / 0.58 / longest)))
    above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": columns}
    place: dict[str, Any] = {"loc": layout.legend_location} if layout.legend_location else above
    axes.legend(handles, labels, title=drawing.group_title or None, **place)

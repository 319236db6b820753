"""Kinds of figures: each is found by its file, looks as it did, and has the data that it shows beside it."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import madeup
import numpy as np
import pytest
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from support import ys

from wke.describe.experiment.experimentfile import PlotType
from wke.describe.experiment.plot import KEYS, Plot
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.errors import InputError
from wke.tell.figures import kinds
from wke.tell.figures.canvas import render
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.figure import _figure, draw
from wke.tell.figures.kind import kind_of
from wke.tell.figures.panels import Drawing
from wke.tell.figures.style import Layout
from wke.tell.figures.table import table_text

GOLDEN = Path(__file__).parent / "golden"
FACTOR = 2  # golden images are smaller than the figures
MOST_MEAN, MOST_FAR = 2.0, 0.01
"""By how much shades of grey (0 to 255) may differ on average, and how many pixels by more than FAR."""
FAR = 64


def drawing_of(plot: Plot, folder: Path) -> Drawing:
    """Return what a plot shows of the made-up series; a timeline shows the telemetry of its first trial."""
    found = madeup.trials()
    first = next(trial for trial in found if trial.ok)
    return make_drawing(plot, found, madeup.EXPERIMENT, madeup.telemetry(folder / "telemetry", first.id) if plot.type == "timeline" else {})


def pixels(plot: Plot, folder: Path) -> np.ndarray:
    """Return a figure in shades of grey, and smaller."""
    drawing = drawing_of(plot, folder)
    layout = Layout()
    picture = image.imread(io.BytesIO(render(lambda: _figure(plot, drawing, layout), layout, ["png"]).files["png"]))
    grey = (255 * picture[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(np.float64)
    height, width = (side // FACTOR * FACTOR for side in grey.shape)
    small: np.ndarray = grey[:height, :width].reshape(height // FACTOR, FACTOR, width // FACTOR, FACTOR).mean(axis=(1, 3))
    return small


def write_goldens(folder: Path) -> None:
    """Draw the golden images again: `python -c "import test_kinds; ..."` in this folder; look at them before you commit them."""
    GOLDEN.mkdir(exist_ok=True)
    for name, plot in madeup.PLOTS.items():
        image.imsave(
            GOLDEN / f"{name}.png", pixels(plot, folder).astype(np.uint8), cmap="gray", vmin=0, vmax=255, metadata={"Software": None}
        )


def test_a_kind_is_one_file() -> None:
    """The files in kinds/, the types in KEYS and those that an experiment file may have are the same; each file has its KIND."""
    files = {path.stem for path in Path(str(kinds.__file__)).parent.glob("*.py")} - {"__init__"}
    assert (
        files == set(KEYS) == {*get_args(PlotType)} - {"script"} == {*madeup.PLOTS, "capacity"}
    )  # which needs a search: test_capacity_figure.py
    assert [name for name in files if kind_of(name).draw is None] == []


@pytest.mark.parametrize("name", madeup.PLOTS)
def test_every_kind_looks_as_it_did(name: str, tmp_path: Path) -> None:
    """Within a tolerance for other versions of matplotlib and its fonts."""
    seen = pixels(madeup.PLOTS[name], tmp_path)
    golden = 255 * image.imread(GOLDEN / f"{name}.png")[..., 0]
    assert seen.shape == golden.shape
    difference = np.abs(seen - golden)
    assert difference.mean() < MOST_MEAN
    assert (difference > FAR).mean() < MOST_FAR


@pytest.mark.parametrize("name", madeup.PLOTS)
def test_every_kind_is_drawn_from_nothing_to_all(name: str, tmp_path: Path) -> None:
    """Before there is a trial, and without a warning."""
    files, notes = draw(replace(madeup.PLOTS[name], formats=("svg", "csv")), [], tmp_path / name, madeup.EXPERIMENT)
    assert ([path.suffix[1:] for path in files], notes) == (["svg", "csv"], [])
    assert "No trial has been completed yet." in make_drawing(madeup.PLOTS[name], [], madeup.EXPERIMENT).footnote


def rows_of(plot: Plot, drawing: Drawing) -> list[dict[str, str]]:
    """Return the rows of the CSV file beside a figure."""
    return list(csv.DictReader(io.StringIO(table_text(kind_of(plot.type).table(drawing), "csv"))))


def axes_of(plot: Plot, drawing: Drawing) -> list[Axes]:
    """Return the axes of the panels."""
    return _figure(plot, drawing, Layout()).axes[1 : 1 + len(drawing.panels)]


def drawn_ys(axes: Axes) -> Iterator[float]:
    """Yield the y of every point of lines, and the height of every bar."""
    for line in axes.lines:
        yield from np.asarray(line.get_ydata(), dtype=float).tolist()
    yield from (bar.get_height() for bar in axes.patches if hasattr(bar, "get_height"))
    yield from (bar.get_width() + bar.get_x() for bar in axes.patches if hasattr(bar, "get_width"))


@pytest.mark.parametrize("name", ["line", "bar", "box", "percentiles", "cdf", "order", "timeline", "impact"])
def test_the_csv_has_what_is_drawn(name: str, tmp_path: Path) -> None:
    """Each value in the file is in its panel, to the last digit but rounding, with all its digits."""
    plot = madeup.PLOTS[name]
    drawing = drawing_of(plot, tmp_path)
    rows, column = rows_of(plot, drawing), "value" if name in {"box", "order", "timeline"} else "centre"
    panels = {
        (panel.label.replace("\n", " "), panel.title): list(drawn_ys(axes))
        for panel, axes in zip(drawing.panels, axes_of(plot, drawing), strict=True)
    }
    assert len(rows) > 5 or name == "impact"
    for row in rows:
        shown = panels[row["panel"], row.get("facet", "")]
        assert any(math.isclose(float(row[column]), y, rel_tol=1e-9) for y in shown), row


def test_the_csv_of_a_heat_map_has_its_cells(tmp_path: Path) -> None:
    """Each cell with its row and column."""
    plot = madeup.PLOTS["heatmap"]
    drawing = drawing_of(plot, tmp_path)
    cells = {(row["facet"], row["group"], row["x"]): float(row["centre"]) for row in rows_of(plot, drawing)}
    assert len(cells) == 16
    for panel, axes in zip(drawing.panels, _figure(plot, drawing, Layout()).axes[1:], strict=False):
        shown = np.asarray(axes.collections[0].get_array(), dtype=float).reshape(2, 4)
        assert [[cells[panel.title, group, str(x)] for x in (1, 2, 4, 8)] for group in ("old", "new")] == shown.tolist()


def test_suspect_trials_are_crossed_and_named(tmp_path: Path) -> None:
    """In boxes the dot, in heat maps the cell, in the order of execution the trial; and the caption and the CSV say so."""
    for name in ("box", "heatmap", "order", "line", "bar"):
        plot = madeup.PLOTS[name]
        drawing = drawing_of(plot, tmp_path)
        crosses = sum(len(line.get_xdata()) for axes in axes_of(plot, drawing) for line in axes.lines if line.get_marker() == "x")
        suspect = [row for row in rows_of(plot, drawing) if row["suspect"] == "true"]
        assert (crosses, "Crossed: with suspect trials (1 of " in drawing.footnote) == (len(suspect), True), name
        assert len(suspect) == (2 if name == "line" else 1), name


def test_a_box_needs_five_trials(tmp_path: Path) -> None:
    """Quartiles of fewer are hardly more than the trials; the dots are there all the same."""
    plot = madeup.PLOTS["box"]
    few = [trial for trial in madeup.trials() if trial.iteration < 4]
    drawing = make_drawing(plot, few, madeup.EXPERIMENT)
    assert "boxes" not in drawing.footnote
    assert "No box: fewer than 5 trials." in drawing.footnote
    assert axes_of(plot, drawing)[0].collections[:] == []
    assert "boxes: quartiles; lines: medians" in drawing_of(plot, tmp_path).footnote
    for shown, key in ((drawing, Line2D), (drawing_of(plot, tmp_path), Patch)):
        legend = _figure(plot, shown, Layout()).axes[0].get_legend()
        assert legend is not None
        assert [isinstance(one, key) for one in legend.legend_handles] == [True, True]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_colour_bar_of_a_heat_map_has_several_ticks(scale: str, tmp_path: Path) -> None:
    """With one number a colour means nothing, also where all values lie in one decade."""
    plot = replace(madeup.PLOTS["heatmap"], y_scale=scale)
    bar = _figure(plot, drawing_of(plot, tmp_path), Layout()).axes[-1]
    low, high = bar.get_ylim()
    assert sum(low <= tick <= high for tick in bar.get_yticks()) >= 2


def test_the_order_of_execution_shows_outliers_and_failures(tmp_path: Path) -> None:
    """Each trial divided by its point's summary, at its place in the order; the one that is far off is ringed, the failed one has its place."""
    plot = madeup.PLOTS["order"]
    drawing = drawing_of(plot, tmp_path)
    rows = rows_of(plot, drawing)
    assert [int(row["x"]) for row in sorted(rows, key=lambda row: int(row["x"]))] == [n for n in range(1, 97) if n != 71]
    assert [group.label for group in drawing.panels[0].groups] == ["old", "new", "failed or invalid"]
    assert [mark.x for mark in drawing.panels[0].groups[2].marks] == [71]
    rings = [line for line in axes_of(plot, drawing)[0].lines if line.get_markerfacecolor() == "none"]
    assert 42 in rings[0].get_xdata()
    assert "Ringed: " in drawing.footnote
    assert "Below: trials that failed or are invalid" in drawing.footnote


def test_impact_names_both_values_and_shares(tmp_path: Path) -> None:
    """The strongest first, with the two values that were compared; the caption has the shares and the warning."""
    drawing = drawing_of(madeup.PLOTS["impact"], tmp_path)
    assert [mark.x for mark in drawing.panels[0].marks] == ["threads: 8 / 1", "engine: new / old", "size: small / large"]
    assert "Shares of the variance of logarithms: threads" in drawing.footnote
    assert "Left out: 1 round without a value at every point." in drawing.footnote
    assert "small effects are too large by chance" in drawing.footnote
    kept = [point for point in madeup.SWEEP.points() if (point["engine"] == "new") == (point["size"] == "large")]
    apart = [trial for trial in madeup.trials() if trial.point in kept]
    assert "not every point has a trial yet" in make_drawing(madeup.PLOTS["impact"], apart, madeup.EXPERIMENT).footnote
    left_out = frozenset(point_key(point) for point in madeup.SWEEP.points() if point not in kept)
    together = replace(madeup.EXPERIMENT, parameters=replace(madeup.SWEEP, left_out=left_out))
    with pytest.raises(InputError, match="engine and size vary together"):
        make_drawing(madeup.PLOTS["impact"], apart, together)


def test_a_timeline_shows_the_named_trial(tmp_path: Path) -> None:
    """By the beginning of its id; one that there is not, and one without telemetry, are errors that say what to do."""
    found = madeup.trials()
    over_time = madeup.telemetry(tmp_path / "t", found[3].id)
    drawing = make_drawing(Plot("timeline", trial=found[3].id, columns=("cpu.busy",)), found, madeup.EXPERIMENT, over_time)
    (panel,) = drawing.panels
    assert (panel.label, [group.label for group in panel.groups]) == ("cpu.busy\n(cores)", ["node1"])
    assert {round(mark.summary.centre, 6) for mark in panel.marks} >= {1.0, 0.5}
    assert f"trial {found[3].id}" in drawing.footnote
    assert "Shaded: the measured step." in drawing.footnote
    assert "Not shown: the clock of node2 is not known" in drawing.footnote
    for plot, words in (
        (Plot("timeline", trial="nothing"), 'trial = "nothing", but no trial'),
        (Plot("timeline"), "has no telemetry and no time series"),
        (Plot("timeline", trial=found[3].id, columns=("gpu",)), "has no column gpu while it is shown"),
    ):
        with pytest.raises(InputError, match=words):
            make_drawing(plot, found, madeup.EXPERIMENT, over_time)


HOSTILE = (r"\input{/etc/passwd}", "$x_1$ & <script>alert(1)</script>", "100% #{~^}", "\u202eevil\x1b[31m")


def test_hostile_names_are_harmless_in_every_format(tmp_path: Path) -> None:
    """Names of parameters, values and trials are neither markup nor commands: in SVG, PGF, LaTeX, Markdown and CSV they are text."""
    experiment = replace(madeup.EXPERIMENT, parameters=Sweep((Parameter("engine", HOSTILE), Parameter(r"\par", (1, 2)))))
    base = madeup.trials()[0]
    found = [
        replace(base, id=f"{engine}-{n}-{k}", point={"engine": engine, r"\par": n}, iteration=k)
        for k in range(2)
        for engine in HOSTILE
        for n in (1, 2)
    ]
    formats = ("svg", "pgf", "tex", "md", "csv")
    for plot in (
        Plot("box", r"\par", ys("throughput"), sort_by="engine", formats=formats, caption="beside"),
        Plot("heatmap", r"\par", ys("throughput"), sort_by="engine", formats=formats),
        Plot("impact", y_axis=ys("throughput"), formats=formats),
        Plot("order", y_axis=ys("throughput"), sort_by="engine", formats=formats),
    ):
        files = {path.name.partition(".")[2]: path.read_text() for path in draw(plot, found, tmp_path / plot.type, experiment)[0]}
        drawn = ET.fromstring(files["svg"])
        assert not [one for one in drawn.iter() if one.tag.endswith("script")]
        for text in (files["pgf"], files["tex"]):
            assert r"\input{" not in text
            assert r"$x_1$" not in text
            assert "\x1b" not in text
        assert "<script" not in files["md"]
        assert all("\u202e" not in text for name, text in files.items() if name != "csv")

"""Axes and captions: every axis can be read, holds what is drawn, and the caption says what that is."""

import errno
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import FORMATS, Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.keep.files import disk
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.caption import scale_problems
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.figure import _figure
from wke.tell.figures.files import draw_figures
from wke.tell.figures.panels import Drawing
from wke.tell.figures.style import Layout, tick_texts

LINE = Plot("line", "x", ys("ops"), sort_by="op")


def made(plot: Plot, values: dict[tuple[str, object], tuple[float, ...]]) -> tuple[Experiment, list[StoredAttempt]]:
    """Return an experiment and its trials, from the values of each group and x."""
    groups, xs = (tuple(dict.fromkeys(key[place] for key in values)) for place in (0, 1))
    sweep = Sweep((Parameter("op", groups), Parameter("x", xs)))
    experiment = Experiment("s", Path("s.toml"), iterations=2, parameters=sweep, metrics=(Metric("ops", summary="mean"),), plots=(plot,))
    return experiment, [
        StoredAttempt(f"{key}-{k}", "s", 1, {"op": key[0], "x": key[1]}, k, False, "ok", "", 0, 1.0, {"ops": value}, {"ops": ""}, Path())
        for key, several in values.items()
        for k, value in enumerate(several)
    ]


def drawn(plot: Plot, values: dict[tuple[str, object], tuple[float, ...]]) -> tuple[Drawing, Axes]:
    experiment, trials = made(plot, values)
    drawing = make_drawing(plot, trials, experiment)
    return drawing, _figure(plot, drawing, Layout()).axes[1]


def labels(axes: Axes, name: str = "y") -> list[str]:
    """Return the texts of the ticks that are seen."""
    axis, (low, high) = (axes.yaxis, axes.get_ylim()) if name == "y" else (axes.xaxis, axes.get_xlim())
    return axis.get_major_formatter().format_ticks([tick for tick in axis.get_majorticklocs() if low <= tick <= high])


@pytest.mark.parametrize("kind", ["line", "bar"])
@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
@pytest.mark.parametrize(
    "ends", [(100, 118), (1e6, 1e6 + 0.5), (0.001, 5e6), (7, 7), (3e-9, 8e-9), (90, 450), (1e-100, 1e100), (0, 118), (-5, 2000), (0, 0)]
)
def test_every_axis_has_readable_ticks(kind: str, scale: str, ends: tuple[float, float]) -> None:
    """At least two, as a rule from three to twelve, all different, whatever the values; and every value is on the axis."""
    drawing, axes = drawn(replace(LINE, type=kind, y_scale=scale), {("a", 1): (ends[0],), ("a", 2): (ends[1],)})
    texts = labels(axes)
    fewest = 1 if ends == (0, 0) else 2 if kind == "bar" or scale == "symlog" or ends[0] == ends[1] else 3
    assert fewest <= len(set(texts)) == len(texts) <= 12, texts
    low, high = axes.get_ylim()
    assert all(low <= mark.summary.centre <= high for mark in drawing.panels[0].marks)
    logarithmic = "log" if min(ends) > 0 and scale == "log" else "symlog" if scale != "linear" else "linear"
    assert axes.get_yscale() == logarithmic


def test_ticks_that_differ_have_texts_that_differ() -> None:
    """As many decimals as it takes, for all of them."""
    assert tick_texts([1e6, 1e6 + 0.25]) == ["1\u2009000\u2009000.00", "1\u2009000\u2009000.25"]
    assert tick_texts([100_000, 100_002.5]) == ["100\u2009000.0", "100\u2009002.5"]
    assert tick_texts([-0.5, 0, 20000]) == ["\u22120.5", "0", "20\u2009000"]


def test_a_log_axis_with_a_0_says_what_it_is_instead() -> None:
    """In the caption, and as a note with what to write; it is never silently linear."""
    values = {("a", x): (7.0 * x, 7.5 * x) for x in (0, 1, 100)}
    drawing, axes = drawn(replace(LINE, x_scale="log", y_scale="log"), values)
    assert (axes.get_xscale(), axes.get_yscale()) == ("symlog", "symlog")
    assert "The x-axis is linear up to 1: a log scale has no 0. The y-axis is linear up to 1: a log scale has no 0." in drawing.footnote
    assert [(problem.what[:15], "symlog" in (problem.hint or "")) for problem in scale_problems(drawing)] == [
        ('x-scale = "log"', True),
        ('y-scale = "log"', True),
    ]
    assert list(scale_problems(drawn(replace(LINE, x_scale="symlog", y_scale="symlog"), values)[0])) == []


@pytest.mark.parametrize(("kind", "scale"), [("line", "linear"), ("line", "log"), ("line", "symlog"), ("bar", "linear"), ("bar", "log")])
def test_the_axis_holds_all_bars(kind: str, scale: str) -> None:
    """However wide intervals are; one that a log scale cannot hold ends at the axis, and the caption says so."""
    drawing, axes = drawn(replace(LINE, type=kind, y_scale=scale), {("a", 1): (100.0, 300.0), ("a", 2): (100.0, 101.0)})
    low, high = axes.get_ylim()
    for mark in drawing.panels[0].marks:
        assert low <= (mark.summary.low or 0) or (mark.summary.low or 0) <= 0 < low
        assert (mark.summary.high or 0) <= high
    reaches_0 = any((mark.summary.low or 0) <= 0 for mark in drawing.panels[0].marks)
    assert ("Intervals that reach 0 end at the axis." in drawing.footnote) == (scale == "log" and reaches_0)


THREE = {(group, x): (100.0 + n, 104.0 + n) for n, group in enumerate("abc") for x in (1, 2, 4)}
APART = {(group, x): (100.0 * 10**n, 101.0 * 10**n) for n, group in enumerate("ab") for x in (1, 2)}


@pytest.mark.parametrize(
    ("values", "offset", "distance"), [(THREE, None, 5), (THREE, 0.0, 0), (THREE, 2.0, 2), (APART, None, 0), (APART, 3.0, 3)]
)
def test_groups_whose_bars_overlap_stand_side_by_side(values: dict, offset: float | None, distance: float) -> None:
    """By default where bars overlap, else as far as the plot says; marks, lines and bars move together, and the caption says so."""
    drawing, axes = drawn(replace(LINE, offset=offset), values)
    shown = [line for line in axes.lines if line.get_marker() in {"o", "s", "^"}]
    places = [line.get_transform().transform([(1.0, 100.0)])[0][0] for line in shown]
    gaps = [(right - left) / axes.figure.dpi * 72 for left, right in pairwise(places)]
    assert gaps == pytest.approx([distance] * (len(shown) - 1))
    assert ("Groups stand side by side at each x." in drawing.footnote) == (distance > 0)


@pytest.mark.parametrize(
    ("count", "words", "every"),
    [
        (16, "Points: mean of 2 trials; bars: 95", 1),
        (17, "Points: mean of 2 trials, every second one marked; bands: 95", 2),
        (24, "Points: mean of 2 trials, every second one marked; bands: 95", 2),
        (40, "Points: mean of 2 trials, one in 3 marked; bands: 95", 3),
    ],
)
def test_the_caption_says_what_many_points_look_like(count: int, words: str, every: int) -> None:
    """Bars or bands, and which points have a marker: exactly as they are drawn."""
    drawing, axes = drawn(LINE, {("a", x): (100.0 + x, 101.0 + x) for x in range(count)})
    assert drawing.footnote.startswith(words)
    assert axes.lines[0].get_markevery() == every
    assert (len(axes.containers) == 0) == ("bands" in words)


def test_facets_share_their_groups_and_axes() -> None:
    """A panel for each value, in the order of the file; a group that one of them lacks keeps its colour in the others."""
    values = {("a", 1): (1.0,), ("b", 1): (2.0,), ("b", 2): (500.0,)}
    drawing, axes = drawn(replace(LINE, x_axis="op", sort_by=None, facet_by="x"), values)
    assert [(panel.title, [mark.x for mark in panel.marks]) for panel in drawing.panels] == [("x = 1", ["a", "b"]), ("x = 2", ["b"])]
    grouped, _ = drawn(replace(LINE, facet_by="x", x_axis="ops", y_axis=ys("ops")), values)
    assert [[(group.label, len(group.marks)) for group in panel.groups] for panel in grouped.panels] == [
        [("a", 1), ("b", 1)],
        [("a", 0), ("b", 1)],
    ]
    assert axes.get_ylim() == axes.figure.axes[2].get_ylim()


def test_whatever_goes_wrong_with_a_figure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line with the figure's name; the others are drawn, and nothing is raised."""
    experiment, trials = made(LINE, {("a", 1): (1.7e308, 1.7e308), ("b", 1): (5.0, 5.0)})
    plots = (LINE, replace(LINE, label="fine", y_axis=ys("x")))
    seen = draw_figures(replace(experiment, plots=plots), trials, tmp_path / "plots")
    assert [path.name for path in seen.files] == [f"s_fine.{suffix}" for suffix in FORMATS]
    (problem,) = seen.problems
    assert problem.what.startswith(f"{tmp_path}/plots/s was not drawn: ValueError: ")
    assert "\n" not in problem.what
    (tmp_path / "file").write_text("")
    fine = replace(experiment, plots=plots[1:])
    assert "file" in draw_figures(fine, trials, tmp_path / "file").problems[0].what

    def is_full(path: Path, data: bytes, **_: bool) -> None:
        with disk.disk_errors(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("wke.tell.figures.figure.write_atomically", is_full)
    assert "is full" in draw_figures(fine, trials, tmp_path / "plots").problems[0].what


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("count", [2, 5])
def test_error_bars_side_by_side_are_inside_the_axis(scale: str, count: int) -> None:
    """However many groups stand beside one another at the first and the last x."""
    values = {(group, x): (100.0 + n, 104.0 + n) for n, group in enumerate("abcde"[:count]) for x in (1, 2, 40)}
    _, axes = drawn(replace(LINE, x_scale=scale), values)
    low, high = axes.get_window_extent().x0, axes.get_window_extent().x1
    for line in axes.lines:
        places = line.get_transform().transform(line.get_xydata())[:, 0]
        assert places.min() >= low
        assert places.max() <= high

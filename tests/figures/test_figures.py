"""Figures: what they show as values, and that the files are what papers and reviewers ask for."""

import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import FORMATS, Filter, Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.errors import InputError
from wke.keep.output.distribution import distribution, encode
from wke.keep.output.rawvalues import RawValues
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.figure import draw
from wke.tell.figures.files import stem
from wke.tell.figures.style import tick_text

EXPERIMENT = Experiment(
    "scale",
    Path("scale.toml"),
    iterations=3,
    parameters=Sweep((Parameter("num-clients", (1, 2, 16)), Parameter("engine", ("old", "new")))),
    metrics=(Metric("throughput", unit="1/s"), Metric("p99", unit="ms")),
)
LINES = Plot("line", "num-clients", ys("throughput"), sort_by="engine")


def trials(iterations: int = 3) -> list[StoredAttempt]:
    found = []
    for k in range(iterations):
        for point in EXPERIMENT.parameters.points():
            speed = float(str(point["num-clients"])) * (100 + 3 * k) * (2 if point["engine"] == "new" else 1)
            seen = {"throughput": speed, "p99": 5000 / speed}
            uid = f"{point['num-clients']}{point['engine']}-{k}"
            found.append(
                StoredAttempt(uid, "scale", 1, point, k, False, "ok", "", 0, 1.0, seen, {"throughput": "1/s", "p99": "ms"}, Path())
            )
    return found


def test_a_line_for_each_value_in_the_order_of_the_file() -> None:
    """Groups follow the parameter's values as the experiment lists them, points follow their numbers, each has its trials."""
    drawing = make_drawing(LINES, trials()[::-1], EXPERIMENT)
    (panel,) = drawing.panels
    assert (panel.label, drawing.x_label, drawing.group_title, drawing.numeric) == ("throughput (1/s)", "num clients", "engine", True)
    assert [(group.label, [(mark.x, mark.summary.n) for mark in group.marks]) for group in panel.groups] == [
        ("old", [(1, 3), (2, 3), (16, 3)]),
        ("new", [(1, 3), (2, 3), (16, 3)]),
    ]
    assert panel.groups[0].marks[2].summary.centre == pytest.approx((1600 * 1648 * 1696) ** (1 / 3))
    assert drawing.footnote == "Points: geometric mean of 3 trials; bars: 95\u00a0% confidence interval."


@pytest.mark.parametrize(
    ("plot", "kept", "footnote"),
    [
        (LINES, [], "No trial has been completed yet. 0 of 18 trials."),
        (LINES, trials(1), "Points: geometric mean of 1 trial. One trial has no interval. 6 of 18 trials."),
        (
            replace(LINES, type="bar", y_axis=ys("throughput", "p99")),
            trials()[:10],
            (
                "Bars: geometric mean of 1–2 trials; whiskers: 95\u00a0% confidence interval. "
                "Hollow: one trial, no interval. 10 of 18 trials."
            ),
        ),
        (
            replace(LINES, sort_by=None),
            trials(),
            "Points: geometric mean of 6 trials; bars: 95\u00a0% confidence interval. Joined over different engine.",
        ),
        (
            replace(LINES, sort_by=None, filter_by=(Filter("engine", ("new",)),)),
            trials()[:6],
            "Points: geometric mean of 1 trial. One trial has no interval. Only engine = new. 3 of 9 trials.",
        ),
    ],
)
def test_the_footnote_says_what_is_drawn(plot: Plot, kept: list[StoredAttempt], footnote: str) -> None:
    """What a mark is, of how many trials, what the whiskers are, what was joined, how much is still missing."""
    assert make_drawing(plot, kept, EXPERIMENT).footnote == footnote


def test_a_median_without_interval_says_why() -> None:
    """Fewer than six trials: points without whiskers, and a sentence."""
    experiment = replace(EXPERIMENT, metrics=(Metric("throughput", unit="1/s", summary="median"),))
    assert make_drawing(LINES, trials(), experiment).footnote == (
        "Points: median of 3 trials. A median of fewer than 6 trials has no interval."
    )


def test_what_does_not_count_is_not_drawn() -> None:
    """Warm-ups, failed trials, second attempts and values that are no numbers leave the figure as it is."""
    first = trials()[0]
    noise = [
        replace(first, id="w", warmup=True, observations={"throughput": 1e9}),
        replace(first, id="f", outcome="failed(1)", observations={"throughput": 1e9}),
        replace(first, attempt=2, observations={"throughput": 1e9}),
    ]
    assert make_drawing(LINES, [*trials(), *noise], EXPERIMENT).panels == make_drawing(LINES, trials(), EXPERIMENT).panels


def test_labels_of_the_user_win() -> None:
    """Labels of axes and groups replace the names; a list of y-labels has one for each panel, a single one is for all."""
    plot = replace(LINES, x_label="Clients", y_label=("Operations per second",), sort_labels={"old": "as published"})
    drawing = make_drawing(plot, trials(), EXPERIMENT)
    assert (drawing.x_label, drawing.panels[0].label, [group.label for group in drawing.panels[0].groups]) == (
        "Clients",
        "Operations per second",
        ["as published", "new"],
    )
    for labels, shown in {(): ["throughput (1/s)", "p99 (ms)"], ("a",): ["a", "a"], ("a", "b"): ["a", "b"]}.items():
        both = make_drawing(replace(plot, y_axis=ys("throughput", "p99"), y_label=labels), trials(), EXPERIMENT)
        assert [panel.label for panel in both.panels] == shown


@pytest.mark.parametrize(
    ("plot", "words", "hint"),
    [
        (replace(LINES, y_axis=ys("througput")), 'y-axis = "througput"', 'did you mean "throughput"?'),
        (replace(LINES, x_axis="clients"), 'x-axis = "clients"', 'did you mean "num-clients"?'),
        (replace(LINES, sort_by="engin"), 'sort-by = "engin"', 'did you mean "engine"?'),
        (replace(LINES, maximize_by="engin"), 'maximize-by = "engin"', 'did you mean "engine"?'),
        (replace(LINES, normalize_by=Filter("engin", ("old",))), 'normalize-by = "engin"', 'did you mean "engine"?'),
        (replace(LINES, filter_by=(Filter("engin", ("old",)),)), 'filter-by = "engin"', 'did you mean "engine"?'),
        (replace(LINES, y_axis=ys("p9 * 2")), 'y-axis = "p9"', 'did you mean "p99"?'),
        (replace(LINES, normalize_by="engine"), 'column "engine", which holds no numbers', "sort by it, or filter by it"),
        (replace(LINES, x_axis="p99", normalize_by=Filter("engine", ("old",))), 'x-axis = "p99", which is measured', None),
    ],
)
def test_a_column_that_no_trial_has_is_an_error(plot: Plot, words: str, hint: str) -> None:
    """A misspelt column is named, with the nearest one that exists."""
    with pytest.raises(InputError, match=words) as caught:
        make_drawing(plot, trials(), EXPERIMENT)
    assert caught.value.problems[0].hint == hint


PLOTS = {
    "line": LINES,
    "bar": replace(LINES, type="bar"),
    "panels": replace(LINES, y_axis=ys("throughput", "p99"), x_scale="log", y_scale="log", title="A & B <$100"),
    "log-bar": replace(LINES, type="bar", y_scale="log", y_axis=ys("p99")),
    "words": replace(LINES, x_axis="engine", sort_by="num-clients"),
    "single": replace(LINES, sort_by=None),
    "measured": replace(LINES, x_axis="p99"),
    "symlog": replace(LINES, x_scale="symlog", y_scale="symlog", style="darkgrid"),
    "looks": replace(LINES, style="ticks", set_xticks=True, legend_location="best", font_size=12.0, plot_scale=0.5),
    "facets": replace(LINES, y_axis=ys("throughput", "p99"), sort_by=None, facet_by="engine", title="Two engines"),
    "facet-bars": replace(LINES, type="bar", x_axis="engine", sort_by=None, facet_by="num-clients"),
    "computed": replace(LINES, y_axis=ys("throughput / num-clients", "p99"), normalize_by=Filter("engine", ("old",))),
}


@pytest.mark.parametrize(
    ("name", "count"), [(name, 3) for name in PLOTS] + [(name, count) for name in ("line", "log-bar") for count in (0, 1)]
)
def test_all_files_whatever_is_there(tmp_path: Path, name: str, count: int) -> None:
    """Every kind of plot is drawn, without a warning, from no trial to all of them, and nothing else is left in the folder."""
    files, notes = draw(PLOTS[name], trials(count), tmp_path / "plots" / name, EXPERIMENT)
    assert notes == []
    assert [path.name for path in files] == [f"{name}.{suffix}" for suffix in FORMATS]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(files)
    pdf, svg, png, csv = (path.read_bytes() for path in files)
    assert csv.startswith(b"panel,facet,group,x,trials,centre,low,high,summary,suspect\n")
    assert (pdf[:5], svg[:5], png[:4]) == (b"%PDF-", b"<?xml", b"\x89PNG")


def test_fonts_are_embedded_as_publishers_ask_and_text_is_text(tmp_path: Path) -> None:
    """The PDF has TrueType fonts (type 42) and none of type 3; the SVG keeps its words; the PNG has 160 dots an inch."""
    pdf, svg, png = (path.read_bytes() for path in draw(PLOTS["panels"], trials(), tmp_path / "a", EXPERIMENT)[0][:3])
    plain = pdf + b"".join(_inflated(stream) for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL))
    assert b"/FontFile2" in plain
    assert b"/Type3" not in plain
    assert ">num clients</text>" in svg.decode()
    assert ">A &amp; B &lt;$100</text>" in svg.decode()
    assert b"pHYs" + (6299).to_bytes(4, "big") in png


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_the_same_trials_give_the_same_bytes(tmp_path: Path) -> None:
    """Another process, another day and the trials in another order: every byte is the same."""
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\nfrom pathlib import Path\n"
        "from dataclasses import replace\nfrom test_figures import EXPERIMENT, FORMATS, PLOTS, draw, trials\ndraw(replace(PLOTS['panels'], formats=FORMATS + ('pgf', 'tex', 'md')), trials()[::-1], Path('b'), EXPERIMENT)"
    )
    subprocess.run(
        [sys.executable, "-c", script, Path(__file__).parent, Path(__file__).parent.parent],
        cwd=tmp_path,
        check=True,
        env={"SOURCE_DATE_EPOCH": "1", "HOME": str(tmp_path)},
    )
    for path in draw(replace(PLOTS["panels"], formats=(*FORMATS, "pgf", "tex", "md")), trials(), tmp_path / "a", EXPERIMENT)[0]:
        assert path.read_bytes() == (tmp_path / f"b{path.suffix}").read_bytes(), path.suffix


def test_a_layout_scales_the_figure(tmp_path: Path) -> None:
    """Twice the scale, twice the width in dots: 3.5 inches at 160 dots an inch, then seven."""
    for scale in (1.0, 2.0):
        plot = replace(LINES, plot_scale=scale, legend_location="upper left")
        png = draw(plot, trials(), tmp_path / "a", EXPERIMENT)[0][2].read_bytes()
        assert int.from_bytes(png[16:20], "big") == 560 * scale


def test_no_window_no_pyplot() -> None:
    """Drawing needs no display: pyplot is never imported."""
    script = "import sys, wke.tell.figures.figure; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(("label", "name"), [(None, "scale"), ("wide", "scale_wide")])
def test_files_are_called_by_series_and_label(label: str | None, name: str) -> None:
    """NAME or NAME_LABEL, in the folder of plots."""
    assert stem(Path("plots"), "scale", replace(LINES, label=label)) == Path("plots") / name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5.0, "5"),
        (0.25, "0.25"),
        (-2.5, "−2.5"),
        (9999.0, "9999"),
        (10000.0, "10\u2009000"),
        (2.5e6, "2\u2009500\u2009000"),
        (1e12, "1e+12"),
    ],
)
def test_tick_text(value: float, text: str) -> None:
    """Numbers on axes are plain, their thousands set apart from ten thousand on."""
    assert tick_text(value) == text


def recorded(count: int, size: int) -> list[StoredAttempt]:
    """Return trials of two engines that recorded whole milliseconds: 1 to `size`, and in every other trial one more."""
    found = []
    for engine in ("old", "new"):
        for k in range(count):
            values = np.arange(1.0, size + 1) + k % 2
            data = {"p99": ("ms", encode(distribution(RawValues(values))))}
            trial = StoredAttempt(
                f"{engine}-{k}", "s", 1, {"engine": engine}, k, False, "ok", "", 0, 1.0, {"p99": 9.0}, {"p99": "ms"}, Path()
            )
            found.append(replace(trial, recorded=data))
    return found


CURVES = replace(
    EXPERIMENT,
    iterations=20,
    parameters=Sweep((Parameter("engine", ("old", "new")),)),
    metrics=(Metric("p99", raw="out/*.csv", quantile=0.99, unit="ms"),),
)
PERCENTILES = Plot("percentiles", y_axis=ys("p99"), sort_by="engine")


def test_curves_of_recorded_values() -> None:
    """Quantiles end where there are too few values for one, shares with the quantile 0.999; bands have two ends by plan only."""
    drawing = make_drawing(PERCENTILES, recorded(20, 1000), CURVES)
    (panel,) = drawing.panels
    assert (panel.label, drawing.x_label, [group.label for group in panel.groups]) == ("latency (ms)", "quantile", ["old", "new"])
    at = {mark.x: mark.summary for mark in panel.groups[0].marks}
    assert (at[0.5].centre, at[0.9].centre, at[0.99].centre, max(at) > 0.9998) == (501, 901, 991, True)
    assert (at[0.9].low, at[0.9].high) == (901, 902)
    assert at[0.99].low is not None
    assert at[0.99].high is None
    assert "bands: 95\u00a0% confidence interval of each point; dashed: too few trials or values for its upper end." in drawing.footnote

    shares = make_drawing(replace(PERCENTILES, type="cdf"), recorded(20, 1000), CURVES)
    (panel,) = shares.panels
    assert (panel.label, shares.x_label) == ("share of values", "latency (ms)")
    at = {mark.x: mark.summary for mark in panel.groups[0].marks}
    assert at[501.0].centre == pytest.approx(0.5005)
    assert [round(end or 0, 3) for end in (at[501.0].low, at[501.0].high)] == [0.5, 0.501]
    assert (min(at), max(at)) == (11, 1000)


def test_curves_are_drawn(tmp_path: Path) -> None:
    """With bands, and for one trial in facets; one whose values are not stored is refused."""
    shares = replace(PERCENTILES, type="cdf", sort_by=None, facet_by="engine", style="darkgrid")
    for plot, count in ((PERCENTILES, 20), (shares, 1)):
        written, notes = draw(plot, recorded(count, 400), tmp_path / plot.type, CURVES)
        assert (len(written), notes) == (4, [])
        with pytest.raises(InputError, match="the recorded values of p99 are not stored with all trials"):
            make_drawing(plot, [replace(trial, recorded={}) for trial in recorded(2, 400)], CURVES)


def test_marks_of_quantiles_are_pooled() -> None:
    """A point shows the quantile of all values, with a lower end alone where the plan has no upper one; computed ys are of single trials."""
    (panel,) = make_drawing(Plot("line", "engine", ys("p99")), recorded(4, 1000), CURVES).panels
    (group,) = panel.groups
    assert [(mark.summary.kind, mark.summary.centre, mark.summary.high) for mark in group.marks] == [("pooled", 991, None)] * 2
    assert [mark.reach and mark.reach[1] for mark in group.marks] == [0.0, 0.0]
    corrected = replace(CURVES, metrics=(replace(CURVES.metrics[0], expected_interval="10ms"),))
    said = "p99: an estimate, corrected for requests that a closed loop did not send; expected interval 10ms."
    assert said in make_drawing(PERCENTILES, recorded(4, 1000), corrected).footnote
    (panel,) = make_drawing(Plot("line", "engine", ys("p99 / 3")), recorded(4, 1000), CURVES).panels
    assert {mark.summary.centre for mark in panel.marks} == {3.0}

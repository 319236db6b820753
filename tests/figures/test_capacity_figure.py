"""Figures of searches: every trial, the limit, the line and the interval; the frontier; the smallest sizes."""

import math
import re
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.forms import WIDTHS
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.expression.expression import named
from wke.describe.search.searchform import read_search
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Seen
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.figures import figure
from wke.tell.figures.canvas import render
from wke.tell.figures.drawing import make_drawing
from wke.tell.figures.kinds.capacity import FAILS, FRONTIER, HOLDS, RatePanel, SizePanel
from wke.tell.figures.style import Layout

METRICS = (Metric("p99", unit="ms"), Metric("requests"))
LARGEST = read_search({"find": "max", "while": "p99 < 10ms", "from": 100, "to": "1M", "completions": "requests"})
SMALLEST = read_search({"find": "min", "while": "p99 < 10ms", "from": 1, "to": 4})
RATES = Experiment(
    "x", Path("x.toml"), parameters=Sweep((Parameter("n", (1, 2)), Parameter("rate", LARGEST.values, search=LARGEST))), metrics=METRICS
)
SIZES = Experiment(
    "x",
    Path("x.toml"),
    iterations=3,
    parameters=Sweep((Parameter("rate", (7000, 22_000)), Parameter("n", SMALLEST.values, search=SMALLEST))),
    metrics=METRICS,
)


def measured(experiment: Experiment) -> list[StoredAttempt]:
    """Return the trials of a search of queues, n of which serve 10,000 requests/s each."""
    policy, found = policy_of(experiment), dict[str, StoredAttempt]()
    planned = [
        PlannedTrial(f"{point}{k}", point, k, warmup=False, position=0)
        for point in experiment.parameters.points()
        for k in range(experiment.iterations)
    ]
    while True:
        more = policy.wanted(planned, Seen(found))
        planned += [PlannedTrial(f"{one.point}{one.iteration}", one.point, one.iteration, warmup=False, position=0) for one in more]
        due = policy.next_trials(planned, Seen(found))
        if not due:
            return list(found.values())
        for trial in due:
            load = float(str(trial.point["rate"])) / 13_000 / float(str(trial.point["n"]))
            p99 = 2.3 / (1 - load) * math.exp(0.01 * math.sin(9000 * load)) if load < 1 else 5000.0
            seen = {"p99": p99, "requests": 40_000.0}
            found[trial.id] = StoredAttempt(trial.id, "x", 1, trial.point, trial.iteration, False, "ok", "", 0, 1.0, seen, {}, Path())


def test_every_trial_is_a_mark() -> None:
    """Hollow where the condition does not hold; the caption has the answers; a further answer is drawn for each setting."""
    trials, plot = measured(RATES), Plot("capacity", "rate", (named("p99"),))
    drawing = make_drawing(plot, trials, RATES)
    (panel,) = drawing.panels
    assert isinstance(panel, RatePanel)
    assert len(panel.marks) == len(trials) == 24
    assert {mark.summary.kind for mark in panel.marks} == {HOLDS, FAILS}
    assert all((mark.summary.centre < panel.limit) is (mark.summary.kind == HOLDS) for mark in panel.marks)
    assert panel.limit == pytest.approx(10.0)
    assert "n=1: 10,000 requests/s (95 %: " in drawing.footnote.replace("9,990", "10,000").replace("9,980", "10,000")
    assert render(lambda: figure._figure(plot, drawing, Layout()), Layout(), ["svg"]).files["svg"]


def test_the_frontier_has_a_mark_for_each_answer() -> None:
    """With another parameter on the x-axis, the marks are the capacities, with their intervals."""
    drawing = make_drawing(Plot("capacity", "n", (named("p99"),)), measured(RATES), RATES)
    (panel,) = drawing.panels
    assert panel.kind == FRONTIER
    assert [mark.x for mark in panel.marks] == [1, 2]
    assert [mark.summary.centre for mark in panel.marks] == pytest.approx([10_000, 20_000], rel=0.02)
    assert all(mark.reach for mark in panel.marks)


def test_the_smallest_sizes() -> None:
    """Cells that were tried, and the least size for each load."""
    plot = Plot("capacity", "rate", (named("p99"),))
    drawing = make_drawing(plot, measured(SIZES), SIZES)
    (panel,) = drawing.panels
    assert isinstance(panel, SizePanel)
    assert panel.least == (((7000.0, 1.0), (22_000.0, 3.0)),)
    assert render(lambda: figure._figure(plot, drawing, Layout()), Layout(), ["svg"]).files["svg"]


def test_it_is_as_wide_as_a_column_with_embedded_fonts(tmp_path: Path) -> None:
    """At the width of an ACM column the page is 241.15 points of TeX wide, and its fonts are TrueType; the data stand beside it."""
    plot = Plot("capacity", "rate", (named("p99"),), width_in=WIDTHS["acm"], formats=("pdf", "csv"))
    pdf, csv = (path.read_bytes() for path in figure.draw(plot, measured(RATES), tmp_path / "capacity", RATES)[0])
    width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)[1])  # type: ignore[index]
    assert width / 72 * 72.27 == pytest.approx(241.15, abs=0.05)
    assert b"/CIDFontType2" in pdf or b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert len(csv.splitlines()) > 24


def test_without_a_search_there_is_nothing_to_draw() -> None:
    """The plot says so."""
    experiment = Experiment("x", Path("x.toml"), parameters=Sweep((Parameter("n", (1, 2)),)), metrics=METRICS)
    with pytest.raises(InputError, match="no parameter is searched"):
        make_drawing(Plot("capacity", "n", (named("p99"),)), [], experiment)

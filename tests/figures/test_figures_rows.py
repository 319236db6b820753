"""What a plot takes from the trials: equations, what it maximises and normalises by, an x-axis that is measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Filter, Plot
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.toml.limits import FRESH_FROM
from wke.errors import InputError
from wke.judge.statistics.statistics import summarise
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.drawing import Drawing, make_drawing

UNITS = {"ops": "1/s", "lat": "ms"}
METRICS = (Metric("ops", unit="1/s"), Metric("lat", unit="ms"))
SWEEP = Sweep((Parameter("engine", ("old", "new")), Parameter("threads", (1, 2)), Parameter("n", (4, 8))))
EXPERIMENT = Experiment("x", Path("x.toml"), iterations=2, parameters=SWEEP, metrics=METRICS)
PLOT = Plot("line", "n", ys("ops"), sort_by="engine")

OPS = {  # engine, threads, n: the two iterations
    ("old", 1, 4): (10.0, 12.0),
    ("old", 1, 8): (20.0, 22.0),
    ("old", 2, 4): (11.5, 11.5),
    ("old", 2, 8): (15.0, 15.0),
    ("new", 1, 4): (30.0, 30.0),
    ("new", 1, 8): (10.0, 50.0),
    ("new", 2, 4): (20.0, 20.0),
    ("new", 2, 8): (31.0, 31.0),
}


def trials() -> list[StoredAttempt]:
    return [
        StoredAttempt(
            f"{engine}{threads}{n}-{k}",
            "x",
            1,
            {"engine": engine, "threads": threads, "n": n},
            k,
            False,
            "ok",
            "",
            0,
            1.0,
            {"ops": ops, "lat": 1000 / ops},
            UNITS,
            Path(),
        )
        for (engine, threads, n), both in OPS.items()
        for k, ops in enumerate(both)
    ]


def shown(drawing: Drawing, panel: int = 0) -> dict[str, list[tuple[object, int, float]]]:
    return {
        group.label: [(mark.x, mark.summary.n, round(mark.summary.centre, 6)) for mark in group.marks]
        for group in drawing.panels[panel].groups
    }


def test_equations_are_computed_before_they_are_summarised() -> None:
    """The summary of a product of two columns is that of the trials' products, interval included, and not the product of summaries."""
    plot = replace(PLOT, y_axis=ys("ops * (ops * n)"), filter_by=(Filter("threads", (1,)),))
    drawing = make_drawing(plot, trials(), EXPERIMENT)
    (panel,) = drawing.panels
    assert panel.groups[0].marks[0].summary == summarise([10.0 * 10 * 4, 12.0 * 12 * 4], "mean")
    assert (panel.name, panel.label, panel.kind) == ("ops × (ops × n)", "ops × (ops × n)", "mean")
    assert drawing.footnote == (
        "Points: mean of 2 trials; bars: 95\u00a0% confidence interval. Groups stand side by side at each x. Only threads = 1."
    )


def test_an_equation_keeps_a_unit_it_can_tell() -> None:
    """Throughput by clients is still a rate, and so summarised."""
    (panel,) = make_drawing(replace(PLOT, y_axis=ys("ops / n")), trials(), EXPERIMENT).panels
    assert (panel.label, panel.kind) == ("ops / n (1/s)", "geometric-mean")


def test_a_trial_whose_equation_has_no_value_is_left_out() -> None:
    """A division by zero is no point of the figure."""
    first, *others = trials()
    broken = [replace(first, observations={"ops": 0.0, "lat": 1.0}), *others]
    drawing = make_drawing(replace(PLOT, y_axis=ys("lat / ops"), filter_by=(Filter("threads", (1,)),)), broken, EXPERIMENT)
    assert [n for _, n, _ in shown(drawing)["old"]] == [1, 2]
    assert "lat ÷ ops: no value in 1 of 8 trials (divides by 0)." in drawing.footnote.replace("lat / ops", "lat ÷ ops")


def test_what_is_undefined_everywhere_is_said() -> None:
    """Where no trial has a value, the figure gives the reason instead of claiming that no trial has ended; also after dividing by a mean."""
    plot, zero = replace(PLOT, y_axis=ys("lat / (ops - ops)")), Filter("engine", ("old",))
    drawing = make_drawing(plot, trials(), EXPERIMENT)
    assert drawing.footnote.startswith("lat / (ops \u2212 ops): no value in 16 of 16 trials (divides by 0).")
    zeros = [replace(trial, observations={"ops": 0.0, "lat": 1.0}) for trial in trials()]
    drawing = make_drawing(replace(PLOT, normalize_by=zero), zeros, EXPERIMENT)
    assert drawing.footnote.startswith("ops: no value in 16 of 16 trials (there is nothing to divide by in the round, or it is 0).")


def test_the_kind_of_summary_does_not_depend_on_values() -> None:
    """A value of 0 at one point marks that point, which has no interval; all others stay as they are, and the figure says it."""
    first, *others = trials()
    plain = make_drawing(PLOT, [first, *others], EXPERIMENT)
    drawing = make_drawing(PLOT, [replace(first, observations={"ops": 0.0}), *others], EXPERIMENT)
    marks = list(zip(plain.panels[0].marks, drawing.panels[0].marks, strict=True))
    assert drawing.panels[0].kind == "geometric-mean"
    assert [new.summary.marked for old, new in marks if old != new] == [True]
    assert "No interval where a value is 0 or less: the mean (1 of 4 marks)." in drawing.footnote


def test_maximize_by_keeps_the_best_value_at_each_x_of_each_group() -> None:
    """Per x and group only the trials of the threads with the highest mean of the first y are there: in other panels too."""
    drawing = make_drawing(replace(PLOT, y_axis=ys("ops", "lat"), maximize_by="threads", type="bar"), trials(), EXPERIMENT)
    wanted = {("old", 4): 2, ("old", 8): 1, ("new", 4): 1, ("new", 8): 2}
    for position, column in enumerate((lambda ops: ops, lambda ops: 1000 / ops)):
        for group in drawing.panels[position].groups:
            for mark in group.marks:
                values = OPS[group.label, wanted[group.label, mark.x], mark.x]
                assert mark.summary == summarise([column(ops) for ops in values], drawing.panels[position].kind)
    assert "At the threads with the highest mean ops; chosen by these trials, so it is too high by chance." in drawing.footnote
    assert "Joined" not in drawing.footnote


def fresh(*places: tuple[str, int, int], ops: float) -> list[StoredAttempt]:
    """Return trials of two fresh rounds at these points."""
    some = [one for one in trials() if (one.point["engine"], one.point["threads"], one.point["n"]) in places]
    return [replace(one, id=f"{one.id}f", iteration=FRESH_FROM + one.iteration, observations={"ops": ops + one.iteration}) for one in some]


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ([("old", 1, 4)], "; 3 of 4 are shown by the trials that chose them, too high by chance."),
        ([("old", 1, 4), ("old", 1, 8), ("new", 1, 4), ("new", 2, 8)], "."),
    ],
    ids=["one mark", "all marks"],
)
def test_maximize_by_shows_the_winners_as_fresh_rounds_measured_them(measured: list[tuple[str, int, int]], said: str) -> None:
    """The first results choose, though a neighbour is better in fresh rounds; where the winner has fresh results, these alone are shown."""
    winners = [("old", 2, 4) if place == ("old", 1, 4) else place for place in measured]
    more = [*fresh(*winners, ops=9.0), *fresh(("old", 1, 4), ops=99.0)]
    drawing = make_drawing(replace(PLOT, maximize_by="threads"), [*trials(), *more], EXPERIMENT)
    marks = {(label, x): (n, centre) for label, seen in shown(drawing).items() for x, n, centre in seen}
    again = (2, round(summarise([9.0, 10.0], "geometric-mean").centre, 6))
    assert {place for place, mark in marks.items() if mark == again} == {(engine, n) for engine, _, n in winners}
    assert f"At the threads with the highest mean ops, measured again in fresh rounds{said}" in drawing.footnote
    maximising = replace(EXPERIMENT, plots=(PLOT, replace(PLOT, maximize_by="threads")))
    plain = make_drawing(PLOT, [*trials(), *more], maximising)
    assert shown(plain) == shown(make_drawing(PLOT, trials(), EXPERIMENT))


def test_maximize_by_without_groups() -> None:
    """All trials of an x compete."""
    drawing = make_drawing(replace(PLOT, sort_by=None, maximize_by="engine", filter_by=(Filter("threads", (2,)),)), trials(), EXPERIMENT)
    assert shown(drawing) == {"": [(4, 2, 20.0), (8, 2, 31.0)]}


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        (Filter("engine", ("old",)), {"old": [(4, 2, 1.0), (8, 2, 1.0)], "new": [(4, 2, round(20 / 11.5, 6)), (8, 2, round(31 / 15, 6))]}),
        (Filter("n", (4,)), {"old": [(4, 2, 1.0), (8, 2, round(15 / 11.5, 6))], "new": [(4, 2, 1.0), (8, 2, 1.55)]}),
    ],
    ids=["another group", "another x"],
)
def test_normalize_by_a_value_divides_within_rounds(baseline: Filter, expected: object) -> None:
    """Each y is divided by that of the baseline in its round: of the same x when it is a group, of the same group when it is an x."""
    drawing = make_drawing(replace(PLOT, filter_by=(Filter("threads", (2,)),), normalize_by=baseline), trials(), EXPERIMENT)
    assert shown(drawing) == expected
    assert drawing.panels[0].label == "ops, relative"
    assert f"Divided by {baseline.key} = {baseline.values[0]} in the same round." in drawing.footnote


def test_what_rounds_have_in_common_cancels() -> None:
    """A mark is the summary of the ratios, with the spread of both; a round without a baseline has no ratio, and no unit changes it."""
    values = {("new", 0): 30.0, ("new", 1): 66.0, ("new", 2): 33.0, ("old", 0): 10.0, ("old", 1): 20.0}
    found = [
        replace(trials()[0], id=f"{engine}-{k}", point={"engine": engine, "threads": 1, "n": 4}, iteration=k, observations={"ops": ops})
        for (engine, k), ops in values.items()
    ]
    for kind in ("mean", None):
        experiment = replace(EXPERIMENT, metrics=(Metric("ops", unit="B", summary=kind),))
        drawing = make_drawing(replace(PLOT, normalize_by=Filter("engine", ("old",))), found, experiment)
        assert [mark.summary for mark in drawing.panels[0].groups[1].marks] == [summarise([3.0, 3.3], kind or "geometric-mean")]


def test_the_baseline_itself_is_exactly_one() -> None:
    """Its mean is of the same kind as that which the figure shows."""
    plot = replace(PLOT, filter_by=(Filter("threads", (1,)),), normalize_by=Filter("engine", ("new",)))
    for kind in ("mean", "geometric-mean"):
        experiment = replace(EXPERIMENT, metrics=(Metric("ops", unit="1/s", summary=kind),))
        assert [mark.summary.centre for mark in make_drawing(plot, trials(), experiment).panels[0].groups[1].marks] == pytest.approx([1, 1])


def test_without_a_baseline_nothing_is_relative_to_it() -> None:
    """Where the baseline has not run yet, there is no mark."""
    kept = [trial for trial in trials() if trial.point["engine"] == "new" or trial.point["n"] == 4]
    drawing = make_drawing(replace(PLOT, filter_by=(Filter("threads", (2,)),), normalize_by=Filter("engine", ("old",))), kept, EXPERIMENT)
    assert [x for x, _, _ in shown(drawing)["new"]] == [4]


def test_normalize_by_a_column_divides_trial_by_trial() -> None:
    """It is the equation y / column."""
    plain = make_drawing(replace(PLOT, normalize_by="n"), trials(), EXPERIMENT)
    assert plain == make_drawing(replace(PLOT, y_axis=ys("ops / n")), trials(), EXPERIMENT)


def test_filters_must_all_hold() -> None:
    """Several filters, several values, and filters of metrics; true is not 1, 1.0 is 1."""
    for filters, count in (
        ((Filter("threads", (2,)), Filter("n", (4,))), 2),
        ((Filter("threads", (2,)), Filter("n", (4, 8))), 4),
        ((Filter("threads", (2.0,)), Filter("ops", (11.5, 15.0))), 4),
        ((Filter("threads", (True,)),), 0),
    ):
        panel = make_drawing(replace(PLOT, filter_by=filters), trials(), EXPERIMENT).panels[0]
        assert sum(mark.summary.n for mark in panel.groups[0].marks) == count if count else panel.groups == ()


def test_a_measured_x_has_a_mark_for_each_point() -> None:
    """Trials of one point stand at the mean of their x, with its interval, in the order of the experiment's points: a curve may turn back."""
    drawing = make_drawing(replace(PLOT, x_axis="ops", y_axis=ys("lat"), filter_by=(Filter("threads", (2,)),)), trials(), EXPERIMENT)
    old, _new = drawing.panels[0].groups
    assert [mark.x for mark in old.marks] == [11.5, 15.0]
    assert (drawing.x_label, drawing.numeric, drawing.measured, "Joined" in drawing.footnote) == ("ops (1/s)", True, True, False)
    turned = [replace(trial, observations={**trial.observations, "ops": 100 - trial.observations["ops"]}) for trial in trials()]
    back = make_drawing(replace(PLOT, x_axis="ops", y_axis=ys("lat"), filter_by=(Filter("threads", (1,)),)), turned[::-1], EXPERIMENT)
    assert [mark.x for mark in back.panels[0].groups[0].marks] == [89.0, 79.0]
    assert [mark.across for mark in back.panels[0].groups[0].marks] == [summarise([88.0, 90.0], "mean"), summarise([78.0, 80.0], "mean")]


def test_groups_may_be_measured() -> None:
    """A metric with few values sorts as a parameter does."""
    marked = [replace(trial, observations={**trial.observations, "leaders": float(k % 2)}) for k, trial in enumerate(trials())]
    drawing = make_drawing(replace(PLOT, sort_by="leaders"), marked, EXPERIMENT)
    assert [group.label for group in drawing.panels[0].groups] == ["0.0", "1.0"]


def test_a_climb_says_how_many_points_it_tried() -> None:
    """Nobody knows beforehand how many trials a search takes."""
    climbed = replace(EXPERIMENT, parameters=Sweep((*SWEEP.loops[:2], Parameter("n", (4, 8, 16, 32), climb=True))))
    assert make_drawing(PLOT, trials(), climbed).footnote.endswith("8 of 16 points tried.")


def test_a_column_whose_name_reads_as_an_expression() -> None:
    """Results of benchmark scripts may have a column "ops/s": it is drawn and labelled as that column."""
    named = [replace(trial, observations={"ops/s": trial.observations["ops"]}, units={}) for trial in trials()]
    (panel,) = make_drawing(replace(PLOT, y_axis=ys("ops/s")), named, replace(EXPERIMENT, metrics=())).panels
    assert panel.name == "ops/s"
    assert len(panel.marks) > 0


def test_units_that_do_not_fit_are_an_error() -> None:
    """A sum of a rate and a time is refused instead of drawn."""
    with pytest.raises(InputError, match=r"a plot computes ops \+ lat, but a number in 1/s and a number in ms cannot be added"):
        make_drawing(replace(PLOT, y_axis=ys("ops + lat")), trials(), EXPERIMENT)


def test_values_that_python_holds_equal_are_different_marks_and_groups() -> None:
    """Each of true, 1 and "1" has its own bar and line with its own trials; a filter keeps the one that it names."""
    values = (True, 1, "1")
    experiment = replace(EXPERIMENT, parameters=Sweep((Parameter("v", values),)))
    points = [{"v": value} for value in values for _ in range(2)]
    mine = [
        replace(trial, id=f"{k}", point=point, observations={"ops": float(k)})
        for k, (trial, point) in enumerate(zip(trials(), points, strict=False))
    ]
    bars = make_drawing(Plot("bar", "v", ys("ops")), mine, experiment)
    (group,) = bars.panels[0].groups
    assert [(repr(mark.x), mark.summary.n) for mark in group.marks] == [("True", 2), ("1", 2), ("'1'", 2)]
    assert [bars.place(mark.x) for mark in group.marks] == [0, 1, 2]
    lines = make_drawing(Plot("line", "ops", ys("ops"), sort_by="v"), mine, experiment)
    assert [len(group.marks) for group in lines.panels[0].groups] == [1, 1, 1]
    kept = make_drawing(Plot("bar", "v", ys("ops"), filter_by=(Filter("v", (True,)),)), mine, experiment)
    assert list(map(repr, kept.xs)) == ["True"]

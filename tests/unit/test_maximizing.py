"""What plots with `maximize-by` choose is measured again, in fresh rounds that no other policy's rounds know of."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Filter, Plot, contest_of
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.plan import running_order
from wke.describe.toml.limits import FRESH_FROM
from wke.judge.policies.choose import policy_of
from wke.judge.policies.maximizing import AgainOutlook, Best, Maximizing
from wke.judge.policies.policy import Outlook, Seen
from wke.judge.statistics.comparison import Question
from wke.judge.statistics.statistics import summarise
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.outlooks import plan_lines, start_text, to_run_text

SWEEP = Sweep((Parameter("engine", ("old", "new")), Parameter("threads", (8, 1, 2, 4))))
PLOT = Plot("line", "engine", ys("ops"), maximize_by="threads")
EXPERIMENT = Experiment(
    "x", Path("x.toml"), iterations=2, parameters=SWEEP, plots=(PLOT,), metrics=(Metric("ops", unit="1/s", better="higher"),)
)
HEIGHTS = {
    ("old", 1): 10.0,
    ("old", 2): 20.0,
    ("old", 4): 30.0,
    ("old", 8): 25.0,
    ("new", 1): 50.0,
    ("new", 2): 40.0,
    ("new", 4): 30.0,
    ("new", 8): 20.0,
}
AGAIN = {("old", 2), ("old", 4), ("old", 8), ("new", 1), ("new", 2)}
Height = Callable[[PlannedTrial], float]


def place(trial: PlannedTrial | StoredAttempt) -> tuple[str, int]:
    return str(trial.point["engine"]), int(str(trial.point["threads"]))


def height(trial: PlannedTrial) -> float:
    """Return what a trial observes: that of its point, a little less in fresh rounds and a little more in later ones."""
    return HEIGHTS[place(trial)] - (0.5 if trial.fresh else 0.0) + 0.01 * (trial.iteration % 1000)


def plan_of(experiment: Experiment) -> list[PlannedTrial]:
    turns = running_order(experiment, experiment.parameters.points(), 3)
    return [
        PlannedTrial(f"{point['engine']}{point['threads']}-{turn.iteration}", point, turn.iteration, turn.warmup, at)
        for at, (turn, point) in enumerate(turns)
    ]


def result(trial: PlannedTrial, ops: float) -> StoredAttempt:
    units = {"ops": "1/s"}
    return StoredAttempt(trial.id, "x", 1, trial.point, trial.iteration, trial.warmup, "ok", "", 0, 1.0, {"ops": ops}, units, Path())


def run(
    experiment: Experiment, stored: dict[str, StoredAttempt] | None = None, *, ops: Height = height, at_most: int = 1000
) -> tuple[list[PlannedTrial], list[str], dict[str, StoredAttempt]]:
    """Run a series as the runner does; return its plan, the trials that ran, in order, and what is stored."""
    planned, policy, ran, stored = plan_of(experiment), policy_of(experiment), list[str](), stored if stored is not None else {}
    while len(ran) < at_most and (batch := policy.next_trials(planned, Seen(stored, spent_s=1.0 * len(stored)))):
        for trial in sorted(batch, key=lambda one: one.position)[: at_most - len(ran)]:
            ran.append(trial.id)
            stored[trial.id] = result(trial, ops(trial))
    return planned, ran, stored


def fresh_of(stored: Mapping[str, StoredAttempt]) -> Counter[tuple[str, int]]:
    return Counter(place(one) for one in stored.values() if one.fresh)


@pytest.mark.parametrize("order", ["interleaved", "sequential"])
def test_winners_and_their_neighbours_are_measured_again_in_rounds(order: str) -> None:
    """After all first trials, five rounds of each winner and its neighbours in the order of the values, whatever the order of the plan."""
    planned, ran, stored = run(replace(EXPERIMENT, order=order))
    assert len([trial for trial in planned if not trial.fresh]) == 16
    assert [stored[name].fresh for name in ran] == [False] * 16 + [True] * 25
    assert fresh_of(stored) == dict.fromkeys(AGAIN, 5)
    assert [stored[name].iteration - FRESH_FROM for name in ran[16:]] == [number for number in range(5) for _ in range(5)]


@pytest.mark.parametrize("pieces", [[1, 2, 13, 1, 4], [16, 24], [15, 3, 3]])
def test_an_interrupted_series_goes_on_where_it_stood(pieces: list[int]) -> None:
    """It runs the very same trials in the same order."""
    _, whole, _ = run(EXPERIMENT)
    stored, parts = dict[str, StoredAttempt](), list[str]()
    for piece in [*pieces, 1000]:
        parts += run(EXPERIMENT, stored, at_most=piece)[1]
    assert parts == whole


def test_more_iterations_choose_again_and_keep_what_was_measured() -> None:
    """Further rounds run at all points, fresh rounds of the same winner count still, and there are as many as rounds that chose it."""
    _, _, stored = run(EXPERIMENT)
    _, more, _ = run(replace(EXPERIMENT, iterations=7), stored)
    assert [stored[name].fresh for name in more] == [False] * 5 * 8 + [True] * 2 * 5
    assert fresh_of(stored) == dict.fromkeys(AGAIN, 7)


def test_the_first_results_choose_and_the_fresh_ones_are_shown() -> None:
    """A neighbour that is better in fresh rounds does not win; tables have fresh results of the winner and its neighbours alone."""
    planned, _, stored = run(EXPERIMENT, ops=lambda trial: 99.0 if trial.fresh and place(trial) == ("new", 2) else height(trial))
    policy, seen = policy_of(EXPERIMENT), Seen(stored)
    old, new = [one for one in policy.findings(planned, seen) if isinstance(one, Best)]
    assert (old.value, new.value) == (4, 1)
    assert old.again is not None
    assert old.again.summary == summarise([29.5 + 0.01 * k for k in range(5)], "geometric-mean")
    assert finding_text(old, ()) == (
        'best threads at engine="old": 4 with a mean ops of 29.520 [29.500, 29.540] in 5 fresh rounds (30.01 when it was chosen)'
    )
    assert finding_text(new, ()).endswith(
        " in 5 fresh rounds (50 when it was chosen); 2 is better there: search again with more iterations"
    )
    table = point_table(list(stored.values()), EXPERIMENT.metrics, SWEEP.points(), policy)
    rows = {(row.point["engine"], row.point["threads"]): row for row in table.rows}
    assert {one: row.n for one, row in rows.items()} == {one: 5 if one in AGAIN else 2 for one in HEIGHTS}
    assert rows["old", 4].summaries["ops"] == old.again.summary


def test_comparisons_use_the_rounds_of_all_points() -> None:
    """A winner whose baseline is not measured again is compared all the same, in as many rounds as the others."""
    experiment = replace(EXPERIMENT, iterations=6, baseline={"threads": 8})
    _, _, stored = run(experiment, ops=lambda trial: height(trial) * (1 + 0.001 * ((5 * trial.position) % 7)))
    question = Question({"threads": 8}, 0.0, 6)
    table = point_table(list(stored.values()), EXPERIMENT.metrics, SWEEP.points(), policy_of(experiment), question)
    assert {one.n for one in table.comparisons} == {6}


def test_the_plan_says_beforehand_how_many_trials_that_is() -> None:
    """Three values of each setting in five rounds at the most; then what the winners' neighbours come to; then nothing."""
    planned, _, stored = run(EXPERIMENT)
    policy, first = policy_of(EXPERIMENT), {name: one for name, one in stored.items() if not one.fresh}
    before, chosen, over = (policy.outlook(planned, Seen(some)) for some in ({}, first, stored))
    assert before == AgainOutlook(16, 46, Outlook(16, 16), 30, 0, ("threads",))
    assert (chosen.due, chosen.at_most, chosen.exact, over.due, over.at_most) == (25, 25, True, 0, 0)
    line = "then the best threads and its neighbours are measured again, in fresh rounds: at most 30 trials (fresh-rounds)"
    assert list(plan_lines(before)) == [line]
    assert (to_run_text(before, ""), to_run_text(chosen, ", about 25 s")) == (
        "16, then at most 30 in fresh rounds",
        "25 in fresh rounds, about 25 s",
    )
    assert start_text(before, 16, 0, 16, 3) == (
        "16 trials to run; 0 of 16 are stored already and reused; seed 3, then at most 30 in fresh rounds"
    )
    assert start_text(chosen, 25, 16, 16, 3) == "25 trials to run, which measure the best threads and its neighbours again; 16 are stored"
    assert start_text(over, 0, 41, 16, 3) == (
        "nothing to run: all 16 trials are stored and nothing they depend on has changed, and 25 trials of fresh rounds"
    )


def test_fresh_rounds_are_as_many_as_the_file_says() -> None:
    """None, or another number; without them the choice is told, and called too good."""
    none, seven = (replace(EXPERIMENT, fresh_rounds=rounds) for rounds in (0, 7))
    assert not isinstance(policy_of(none), Maximizing)
    assert len(run(none)[1]) == 16
    assert set(fresh_of(run(seven)[2]).values()) == {7}


def test_with_a_precision_the_fresh_rounds_follow_the_last_look() -> None:
    """They are as many as the rounds that the winner had, and looks do not see them."""
    experiment = replace(EXPERIMENT, iterations=40, stopping=Stopping(0.2, ("ops",), 3))
    planned, ran, stored = run(experiment)
    assert [stored[name].fresh for name in ran] == [False] * 8 * 8 + [True] * 8 * 5
    assert policy_of(experiment).precisions(SWEEP.points(), list(stored.values()))[0].n == 8
    assert policy_of(experiment).next_trials(planned, Seen(stored)) == []


def test_a_budget_keeps_a_third_for_fresh_rounds() -> None:
    """The rounds of all points use two thirds of the time, and the fresh ones what is left."""
    experiment = replace(EXPERIMENT, iterations=40, budget=Budget(90.0, 2, ("ops",)))
    _, ran, stored = run(experiment)
    fresh = [stored[name].fresh for name in ran]
    assert fresh == sorted(fresh)
    assert (fresh.count(False), len(fresh)) == (60, 60 + sum(fresh_of(stored).values()))
    assert 25 <= fresh.count(True) <= 30


def test_some_points_alone_choose_nothing_from_a_part_of_a_setting() -> None:
    """With --only, a setting that is there as a whole is measured again; one of which a value is missing is not."""
    planned, policy = plan_of(EXPERIMENT), policy_of(EXPERIMENT)
    stored = {trial.id: result(trial, height(trial)) for trial in planned if not trial.fresh}
    whole = policy.next_trials([trial for trial in planned if trial.point["engine"] == "old"], Seen(stored))
    part = policy.next_trials([trial for trial in planned if trial.point["threads"] != 8], Seen(stored))
    assert (Counter(map(place, whole)), part) == (dict.fromkeys(AGAIN - {("new", 1), ("new", 2)}, 5), [])


def test_a_setting_without_a_result_has_no_winner() -> None:
    """Failed trials choose nothing, and a value that never gave a result cannot win."""
    planned, policy = plan_of(EXPERIMENT), policy_of(EXPERIMENT)
    stored = {trial.id: result(trial, height(trial)) for trial in planned if not trial.fresh and place(trial) in {("new", 2), ("new", 8)}}
    due = policy.next_trials(planned, Seen(stored, tried={trial.id for trial in planned if not trial.fresh}))
    assert Counter(map(place, due)) == dict.fromkeys([("new", 1), ("new", 2), ("new", 4)], 5)


@pytest.mark.parametrize(
    ("plot", "asked"),
    [
        (replace(PLOT, filter_by=(Filter("threads", (1, 2, 4.0)),)), {"old": 4, "new": 1}),
        (replace(PLOT, filter_by=(Filter("engine", ("old",)),)), {"old": 4}),
        (replace(PLOT, normalize_by="threads"), {"old": 1, "new": 1}),
        (replace(PLOT, filter_by=(Filter("threads", (8,)),)), {}),
        (replace(PLOT, x_axis="ops"), None),
        (replace(PLOT, maximize_by="ops"), None),
        (replace(PLOT, maximize_by=None), None),
    ],
    ids=["values", "settings", "divided", "one value", "a measured axis", "by a metric", "nothing"],
)
def test_what_a_plot_asks(plot: Plot, asked: Mapping[str, int] | None) -> None:
    """Filters and divisors count as in the figure; where nothing is chosen among values of a parameter, nothing is measured again."""
    experiment = replace(EXPERIMENT, plots=(plot,))
    assert (contest_of(plot, SWEEP) is None) == (asked is None)
    policy = policy_of(experiment)
    assert isinstance(policy, Maximizing) == (asked is not None)
    if isinstance(policy, Maximizing):
        _, _, stored = run(experiment)
        assert {best.setting["engine"]: best.value for best in policy.bests(stored.values())} == asked


def test_a_climb_measures_its_own_winners() -> None:
    """A plot that maximises over a climbed range asks for nothing more."""
    climbed = replace(EXPERIMENT, parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("threads", (1, 2), climb=True))))
    assert climbed.contests == ()

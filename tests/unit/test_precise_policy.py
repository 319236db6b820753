"""Stopping when precise: when a series ends, that interruptions do not change it, and what is said of it."""

import math
import random
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.experiment import Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Parameter, Point, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Outlook, Seen
from wke.judge.policies.precise import Precise, PreciseOutlook, Undecided, rounds_wanted
from wke.judge.statistics.statistics import summarise
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.tables import table_json, text_table

RULE = Stopping(0.05, ("ops",), min=5)
EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    iterations=30,
    stopping=RULE,
    warmups=1,
    parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("size", (7,)))),
    metrics=(Metric("ops", unit="1/s"), Metric("lat", unit="ms")),
)
POLICY = Precise(RULE, EXPERIMENT.metrics, EXPERIMENT.parameters.points(), EXPERIMENT.iterations)


@pytest.mark.parametrize(
    ("precise", "ends"),
    [
        ({5, 10}, 10),
        ({5, 15, 20}, 20),
        ({5, 15, 25}, 30),
        (set(), 30),
        ({25, 30}, 30),
    ],
)
def test_two_looks_in_a_row_end_a_series(precise: Collection[int], ends: int) -> None:
    """One alone may be luck; each look is only taken when its rounds are complete."""
    complete, looks = 0, []
    while (wanted := rounds_wanted(RULE, 30, complete, precise.__contains__)) > complete:
        looks.append(wanted)
        complete = wanted
    assert looks == list(range(5, ends + 1, 5))


def test_the_last_rounds_need_no_look() -> None:
    """What is left after the last look that fits runs in one go."""
    assert rounds_wanted(RULE, 12, 10, lambda _: False) == 12


@cache
def planned() -> tuple[PlannedTrial, ...]:
    """Return the plan of the experiment, in running order."""
    turns = running_order(EXPERIMENT, EXPERIMENT.parameters.points(), 7)
    return tuple(
        PlannedTrial(f"{point['engine']}-{'w' * turn.warmup}{turn.iteration}", point, turn.iteration, turn.warmup, position)
        for position, (turn, point) in enumerate(turns)
    )


@cache
def luck(trial: str) -> float:
    """Return a number from the standard normal distribution that depends on nothing but the trial's id."""
    return random.Random(trial).gauss(0, 1)


def ran(trial: PlannedTrial, spread: float, outcome: str = "ok") -> StoredAttempt:
    """Return the trial as it is stored: its value depends on nothing but its id."""
    ops = 1000 * math.exp(spread * luck(trial.id))
    seen = {"ops": ops, "lat": 5.0} if outcome == "ok" else {}
    return StoredAttempt(
        trial.id, "x", 1, trial.point, trial.iteration, trial.warmup, outcome, "", 0, 1.0, seen, dict.fromkeys(seen, ""), Path()
    )


def run_on(stored: dict[str, StoredAttempt], spread: float, limit: int = 1000, broken: str = "") -> dict[str, StoredAttempt]:
    """Run what is due, batch after batch, until nothing is or so many have run; trials of the engine `broken` fail."""
    stored, attempted = dict(stored), set[str]()
    while batch := POLICY.next_trials(planned(), Seen(stored, attempted))[: limit - len(attempted)]:
        attempted |= {trial.id for trial in batch}
        stored |= {trial.id: ran(trial, spread) for trial in batch if trial.point["engine"] != broken}
    return stored


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([0.001, 0.05, 0.08, 0.2, 0.5]), st.lists(st.integers(1, 25), max_size=6))
def test_an_interrupted_series_ends_where_the_whole_one_does(spread: float, pieces: list[int]) -> None:
    """Killed after any number of trials and begun again, it runs the very same trials."""
    whole = run_on({}, spread)
    stored: dict[str, StoredAttempt] = {}
    for piece in pieces:
        stored = run_on(stored, spread, piece)
    assert run_on(stored, spread).keys() == whole.keys()
    rounds = POLICY.rounds(planned(), Seen(whole))
    assert len(whole) == 2 * (rounds + 1)
    if rounds < EXPERIMENT.iterations:
        assert all(point.enough for point in POLICY.precisions(POLICY.points, tuple(whole.values())))


def test_a_point_that_always_fails_does_not_hold_the_others_up() -> None:
    """The others decide; where nothing succeeds, nothing is precise."""
    assert len(run_on({}, 0.001, broken="new")) == 10 + 1
    assert POLICY.rounds(planned(), Seen({}, {trial.id for trial in planned()})) == 30


def test_all_rounds_without_a_rule() -> None:
    """A number of iterations is a number of rounds."""
    fixed = replace(EXPERIMENT, stopping=None)
    assert policy_of(fixed).outlook(planned(), Seen({})) == Outlook(2 * 31, 2 * 31)


def values(*, old: list[float], new: list[float]) -> tuple[StoredAttempt, ...]:
    points: dict[str, Point] = {str(point["engine"]): point for point in EXPERIMENT.parameters.points()}
    return tuple(
        StoredAttempt(f"{engine}-{k}", "x", 1, points[engine], k, False, "ok", "", 0, 1.0, {"ops": value}, {"ops": "1/s"}, Path())
        for engine, seen in (("old", old), ("new", new))
        for k, value in enumerate(seen)
    )


def test_what_is_said() -> None:
    """Which points are precise, which are not and by how much; a number is never rounded in favour."""
    old, new = [100.0, 101.0, 99.0], [100.0, 150.0]
    seen = POLICY.precisions(POLICY.points, values(old=old, new=new))
    summary = summarise(old, "geometric-mean")
    assert summary.high is not None
    assert summary.low is not None
    assert seen[0].shares["ops"] == (summary.high - summary.low) / 2 / summary.centre
    assert [point.enough for point in seen] == [True, False]


def test_the_outlook() -> None:
    """The trials that are missing for the next look, and for all rounds; until that look nothing is decided."""
    assert POLICY.outlook(planned(), Seen({})) == PreciseOutlook(12, 62, RULE)
    assert POLICY.findings(planned(), Seen({})) == (Undecided(12, 5),)
    done = Seen(run_on({}, 0.001))
    assert POLICY.outlook(planned(), done) == PreciseOutlook(0, 40, RULE)


def test_the_table_says_it_too() -> None:
    """A column with what was asked in its title; numbers unrounded in JSON, and what is endless is null."""
    table = point_table(values(old=[100.0, 100.0], new=[100.0]), EXPERIMENT.metrics, EXPERIMENT.parameters.points(), POLICY)
    assert text_table(table).header == ("engine", "n", "ops (1/s)", "lat (ms)", "within ±5 %")
    assert [row[-1] for row in text_table(table).cells] == ["reached: ops ±0 %", "not reached: ops unknown"]
    rows = table_json(table)["rows"]
    assert isinstance(rows, list)
    assert [row["precision"] for row in rows] == [
        {"wanted": 0.05, "reached": True, "shares": {"ops": 0.0}},
        {"wanted": 0.05, "reached": False, "shares": {"ops": None}},
    ]

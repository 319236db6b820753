"""Climbing in an experiment: one search for each setting of the other parameters, and what is said of it."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Point, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.choose import policy_of
from wke.judge.policies.climbing import Climbing, ClimbOutlook
from wke.judge.policies.policy import Seen
from wke.judge.statistics.statistics import summarise
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.terminal.findings import finding_text

EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("seconds", (5,)), Parameter("n", (1, 2, 3, 4, 5), climb=True))),
    metrics=(Metric("ops", better="higher"), Metric("lat", better="lower")),
    plots=(Plot("line", "n", ys("ops"), sort_by="engine"),),
)
VARIED = EXPERIMENT.parameters.varied
POLICY = Climbing("n", *ys("ops"), "higher", EXPERIMENT.metrics, EXPERIMENT.parameters.points())
PEAKS: Mapping[object, int] = {"old": 2, "new": 5}


def height(point: Point) -> float:
    return 100.0 - 10 * abs(int(point["n"]) - PEAKS[point["engine"]])


def test_each_setting_has_a_search_of_its_own() -> None:
    """Batch after batch, every search wants one point, until each has found its own best."""
    finished: dict[int, tuple[Point, list[float]]] = {}
    batches: list[list[str]] = []
    while wanted := [climb.next for climb in POLICY.climbs(finished.values()) if climb.next is not None]:
        batches.append([f"{point['engine']}{point['n']}" for point in wanted])
        finished |= {len(finished) + k: (point, [height(point)]) for k, point in enumerate(wanted)}
    assert batches == [["old1", "new1"], ["old2", "new2"], ["old4", "new4"], ["old3", "new5"]]
    assert [finding_text(climb, VARIED) for climb in POLICY.climbs(finished.values())] == [
        'climb along n at engine="old": tried 1, 2, 3, 4; best 2 with a mean ops of 100; over: neither neighbour of the best value is better',
        (
            'climb along n at engine="new": tried 1, 2, 4, 5; best 5 with a mean ops of 100; '
            "over: the best value is the last of the range, and the one before is no better"
        ),
    ]


def test_each_search_has_the_points_of_its_range() -> None:
    """Together the searches have all points, each those that differ in the climbed parameter only, in the order of the range."""
    climbs = POLICY.climbs([])
    assert [[(point["engine"], point["n"]) for point in climb.points] for climb in climbs] == [
        [("old", n) for n in range(1, 6)],
        [("new", n) for n in range(1, 6)],
    ]


def test_what_is_said_on_the_way() -> None:
    """Nothing yet, what is next, and doubt where there is a valley."""
    points = {point["n"]: point for point in EXPERIMENT.parameters.points() if point["engine"] == "old"}
    texts = [
        finding_text(POLICY.climbs([(points[n], values) for n, values in tried.items()])[0], VARIED)
        for tried in ({}, {1: [7.0]}, {1: [7.0], 2: [1.0], 4: [5.0]}, {1: [], 2: []})
    ]
    assert texts == [
        'climb along n at engine="old": tried nothing yet; next 1: the range begins here',
        'climb along n at engine="old": tried 1; best 1 with a mean ops of 7; next 2: it has not become worse yet',
        (
            'climb along n at engine="old": tried 1, 2, 4; best 1 with a mean ops of 7; '
            "over: the best value is the first of the range, and the next one is worse\n"
            "  there is more than one hill: 2 is worse than values on both sides of it, so a better one may be hidden"
        ),
        'climb along n at engine="old": tried 1, 2; next 4: it has not become worse yet',
    ]


def result(point: Point, ops: float) -> StoredAttempt:
    return StoredAttempt(str(point["n"]), "x", 1, point, 0, False, "ok", "", 0, 1.0, {"ops": ops}, {"ops": ""}, Path())


@pytest.mark.parametrize(("goal", "mean"), [("ops", 12.0), ("ops / n", 4.0)])
def test_the_goal_is_computed_from_metrics_and_parameters(goal: str, mean: float) -> None:
    """A trial's observation of the goal is a metric, or what a plot's equation makes of metrics and parameters."""
    points: tuple[Point, ...] = ({"n": 3}, {"n": 5})
    planned = [PlannedTrial(str(point["n"]), point, 0, warmup=False, position=k) for k, point in enumerate(points)]
    (climb,) = Climbing("n", *ys(goal), "higher", (), points).findings(planned, Seen({"3": result(points[0], 12.0)}))
    assert (climb.advice.best, climb.advice.mean, climb.next) == (3, mean, {"n": 5})


def test_the_way_to_the_best_value() -> None:
    """Both searches run one point each, all its repetitions and its warm-up; a failed trial gives nothing but does not hold a search up."""
    planned = [
        PlannedTrial(f"{point['engine']}{point['n']}{kind}", point, 0, warmup=kind == "w", position=0)
        for point in EXPERIMENT.parameters.points()
        for kind in ("w", "a", "b")
    ]
    assert policy_of(EXPERIMENT) == POLICY
    first = POLICY.next_trials(planned, Seen({}))
    assert [trial.id for trial in first] == ["old1w", "old1a", "old1b", "new1w", "new1a", "new1b"]
    assert POLICY.outlook(planned, Seen({})) == ClimbOutlook(6, 30, "n")
    tried = {trial.id for trial in first}
    assert [trial.id for trial in POLICY.next_trials(planned, Seen({}, tried - {"new1b"}))] == ["old2w", "old2a", "old2b", "new1b"]


def test_a_table_has_the_points_that_were_tried() -> None:
    """In the order of the file; a point counts as tried as soon as it has a trial, whatever its outcome."""
    points = EXPERIMENT.parameters.points()
    failed = [replace(result(points[k], 1.0), outcome="failed(1)") for k in (7, 2)]
    assert POLICY.visited(points, failed) == (points[2], points[7])
    table = point_table(failed, EXPERIMENT.metrics, points, POLICY)
    assert [row.point for row in table.rows] == [points[2], points[7]]


@pytest.mark.parametrize(("broken", "best"), [([], 2), ([2], 1), ([1, 2], None)])
def test_a_value_at_which_the_system_is_broken_is_not_the_best(broken: list[int], best: int | None) -> None:
    """It counts as worse than all others, whatever its goal; the search does not go on above it for that reason."""
    points: tuple[Point, ...] = ({"n": 1}, {"n": 2})
    planned = [PlannedTrial(str(point["n"]), point, 0, warmup=False, position=k) for k, point in enumerate(points)]
    stored = {str(point["n"]): result(point, 10.0 * point["n"]) for point in points}
    seen = Seen({name: replace(one, why="p99 is 149 ms") if int(name) in broken else one for name, one in stored.items()})
    (climb,) = Climbing("n", *ys("ops"), "higher", (), points).findings(planned, seen)
    assert climb.advice.best == best


def series(iterations: int = 2) -> list[PlannedTrial]:
    """Return the plan of a climb of one engine: rounds of all points, and the fresh ones."""
    experiment = replace(EXPERIMENT, iterations=iterations)
    points = [point for point in EXPERIMENT.parameters.points() if point["engine"] == "old"]
    turns = running_order(experiment, points, 3)
    return [
        PlannedTrial(f"{point['n']}-{turn.iteration}", point, turn.iteration, turn.warmup, at) for at, (turn, point) in enumerate(turns)
    ]


def observed(trial: PlannedTrial, fresh: Mapping[int, float]) -> StoredAttempt:
    """Return a result: the height of the hill, or in fresh rounds what is given, with a little noise."""
    n, noise = int(str(trial.point["n"])), random.Random(trial.id).gauss(0, 0.1)
    ops = (fresh.get(n, 100.0) if trial.fresh else height({**trial.point})) + noise
    return replace(result({**trial.point}, ops), id=trial.id, iteration=trial.iteration)


def climbed(fresh: Mapping[int, float]) -> tuple[list[PlannedTrial], dict[str, StoredAttempt]]:
    """Run a climb to its end; return its plan and what is stored."""
    planned, stored = series(), dict[str, StoredAttempt]()
    while batch := POLICY.next_trials(planned, Seen(stored)):
        stored |= {trial.id: observed(trial, fresh) for trial in batch}
    return planned, stored


@pytest.mark.parametrize(
    ("fresh", "said"),
    [
        ({1: 80.0, 2: 97.0, 3: 90.0}, ""),
        ({1: 80.0, 2: 97.0, 3: 97.02}, "; not told apart from 3"),
        ({1: 99.0, 2: 97.0, 3: 80.0}, "; 1 is better there: search again with more iterations"),
    ],
)
def test_the_best_value_is_measured_again(fresh: Mapping[int, float], said: str) -> None:
    """Five rounds of it and its neighbours, round by round; the winner stays the one that was chosen, whatever neighbours do there."""
    planned, stored = climbed(fresh)
    again = [one for one in stored.values() if one.fresh]
    assert Counter(int(str(one.point["n"])) for one in again) == {1: 5, 2: 5, 3: 5}
    assert [one.iteration for one in again] == sorted(one.iteration for one in again)
    climb = POLICY.findings(planned, Seen(stored))[0]
    assert climb.again is not None
    assert climb.again.summary is not None
    values = [one.observations["ops"] for one in again if one.point["n"] == 2]
    assert (climb.advice.best, climb.again.summary) == (2, summarise(values, "geometric-mean"))
    assert f" in 5 fresh rounds ({climb.advice.mean:.4g} when it was chosen){said}; over: " in finding_text(climb, VARIED)
    table = point_table(list(stored.values()), EXPERIMENT.metrics, [one.point for one in planned[:5]], POLICY)
    assert {row.point["n"]: row.n for row in table.rows} == {1: 5, 2: 5, 3: 5, 4: 2}
    assert POLICY.outlook(planned, Seen(stored)).due == 0


def test_before_the_fresh_rounds_the_first_mean_is_called_too_good() -> None:
    """The outlook counts the fresh rounds of three values; while some are missing, the finding says how many."""
    planned, stored = climbed({2: 97.0})
    first = {name: one for name, one in stored.items() if not one.fresh}
    assert POLICY.outlook(planned, Seen({})) == ClimbOutlook(2, 2 * 5 + 5 * 3, "n", 15)
    assert POLICY.outlook(planned, Seen(first)).due == 15
    climb = POLICY.findings(planned, Seen(first))[0]
    assert "when it was chosen, which is too good; 15 trials to measure it again" in finding_text(climb, VARIED)

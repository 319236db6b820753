"""Climbing in an experiment: one search for each setting of the other parameters, and what is said of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from support import ys

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.sweep import Parameter, Point, Sweep
from wke.judge.policies.climbing import climb_text, climbs, goal_of

EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("seconds", (5,)), Parameter("n", (1, 2, 3, 4, 5), climb=True))),
    metrics=(Metric("ops", better="higher"), Metric("lat", better="lower")),
    plots=(Plot("line", "n", ys("ops"), sort_by="engine"),),
)
PEAKS: Mapping[object, int] = {"old": 2, "new": 5}


def height(point: Point) -> float:
    return 100.0 - 10 * abs(int(point["n"]) - PEAKS[point["engine"]])


def test_each_setting_has_a_search_of_its_own() -> None:
    """Batch after batch, every search wants one point, until each has found its own best."""
    finished: dict[int, tuple[Point, list[float]]] = {}
    batches: list[list[str]] = []
    while wanted := [climb.next for climb in climbs(EXPERIMENT, finished.values()) if climb.next is not None]:
        batches.append([f"{point['engine']}{point['n']}" for point in wanted])
        finished |= {len(finished) + k: (point, [height(point)]) for k, point in enumerate(wanted)}
    assert batches == [["old1", "new1"], ["old2", "new2"], ["old4", "new4"], ["old3", "new5"]]
    assert [climb_text(climb, EXPERIMENT) for climb in climbs(EXPERIMENT, finished.values())] == [
        'climb along n at engine="old": tried 1, 2, 3, 4; best 2 with a mean ops of 100; over: neither neighbour of the best value is better',
        (
            'climb along n at engine="new": tried 1, 2, 4, 5; best 5 with a mean ops of 100; '
            "over: the best value is the last of the range, and the one before is no better"
        ),
    ]


def test_what_is_said_on_the_way() -> None:
    """Nothing yet, what is next, and doubt where there is a valley."""
    points = {point["n"]: point for point in EXPERIMENT.parameters.points() if point["engine"] == "old"}
    texts = [
        climb_text(climbs(EXPERIMENT, [(points[n], values) for n, values in tried.items()])[0], EXPERIMENT)
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


def test_nothing_is_climbed_unless_asked() -> None:
    """An experiment without hill-climb has no search."""
    assert climbs(Experiment("x", Path("x.toml"), parameters=Sweep((Parameter("n", (1, 2)),))), []) == ()


@pytest.mark.parametrize(("y", "value"), [("ops", 12.0), ("ops / n", 4.0)])
def test_the_goal_is_computed_of_a_trial(y: object, value: float) -> None:
    """Of its metrics and its parameters."""
    experiment = Experiment("x", Path("x.toml"), plots=(Plot("line", "n", ys(y)),))
    assert goal_of(experiment, {"ops": 12.0, "n": 3}) == value

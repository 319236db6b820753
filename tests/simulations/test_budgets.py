"""Series with a budget, simulated: interrupted anywhere they run the same trials, and their intervals are honest."""

import math
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import EXPERIMENT, World

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.judge.statistics.statistics import summarise

FEWER = replace(
    EXPERIMENT,
    iterations=12,
    budget=Budget(450.0, 3, ("ops",)),
    parameters=Sweep((Parameter("engine", ("old", "new")), Parameter("size", (1, 2, 8)))),
)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 20), max_size=6),
    st.sampled_from([0.01, 0.1, 0.5]),
    st.booleans(),
    st.sampled_from([None, 0.05]),
)
def test_an_interrupted_series_goes_on_as_the_whole_one_does(pieces: list[int], spread: float, paired: bool, wish: float | None) -> None:  # noqa: FBT001 - drawn
    """The very same trials in the same order, wherever it was interrupted."""
    experiment = replace(
        FEWER, baseline={"engine": "old"} if paired else {}, stopping=Stopping(wish, ("ops",), 3) if wish is not None else None
    )

    def noisy(point: Mapping[str, object]) -> float:
        return spread * (3 if point["size"] == 8 else 1)

    whole, parts = World(experiment, spread=noisy).run(), World(experiment, spread=noisy)
    for piece in pieces:
        parts.run(piece)
    assert parts.run().ran == whole.ran


def covered(experiment: Experiment, series: int) -> float:
    """Return how many of the intervals of so many series of equal points hold the true value."""
    held = total = 0
    for seed in range(series):
        world = World(experiment, spread=lambda _: 0.1, seed=seed).run()
        for point in experiment.parameters.points():
            summary = summarise([t.observations["ops"] for t in world.stored.values() if t.point == point], "geometric-mean")
            held += (summary.low or 0) <= 1000 <= (summary.high or math.inf)
            total += 1
    return held / total


def test_intervals_hold_the_truth_nearly_as_often_as_they_should() -> None:
    """Those that looked narrow by luck get no more trials and stay too narrow; docs/decisions/0018 says how much that is."""
    assert 0.9 < covered(replace(EXPERIMENT, budget=Budget(800.0, 5, ("ops",))), 30) < 0.98

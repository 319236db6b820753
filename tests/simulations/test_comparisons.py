"""Comparisons of simulated series: how often equals count as different."""

import math
import random
from pathlib import Path

from wke.judge.statistics.comparison import compare
from wke.keep.trials.trials import StoredAttempt


def stored(engine: str, iteration: int, value: float, **more: object) -> StoredAttempt:
    point = {"engine": engine, **more}
    return StoredAttempt(f"{point}-{iteration}", "x", 1, point, iteration, False, "ok", "", 0, 1.0, {"ops": value}, {"ops": "1/s"}, Path())


def beside(factor: float, seed: int, threshold: float, noise: float = 0.02) -> str:
    """Return the verdict on a system that takes `factor` times as long as the old one, by ten rounds."""
    luck = random.Random(seed)
    trials = [
        stored(engine, k, 100 * (factor if engine == "new" else 1) * math.exp(luck.gauss(0, noise)))
        for k in range(10)
        for engine in ("old", "new")
    ]
    (one,) = compare(trials, ["ops"], [{"engine": "new"}], {"engine": "old"}, threshold)
    return one.verdict


def test_what_lies_within_the_threshold_is_not_different() -> None:
    """A difference as large as the threshold is called larger in at most 5 % of cases, a smaller one never; a larger one is found."""
    for factor in (1.05, 1 / 1.05):
        verdicts = [beside(factor, seed, 0.05) for seed in range(1000)]
        assert sum(verdict in {"higher", "lower"} for verdict in verdicts) <= 50
    assert {beside(1.02, seed, 0.05) for seed in range(200)} <= {"same", "inconclusive"}
    assert [beside(1.01, seed, 0.05) for seed in range(200)].count("same") > 180
    assert [beside(1.11, seed, 0.05) for seed in range(200)].count("higher") > 190
    assert [beside(0.9, seed, 0.05) for seed in range(200)].count("lower") > 190

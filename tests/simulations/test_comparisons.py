"""Comparisons of simulated series: how often a difference as large as the threshold counts as larger."""

import math
import random

from wke.judge.statistics.pairs import Effect, Pair, effect_of


def beside(factor: float, seed: int, threshold: float, noise: float = 0.02) -> Effect:
    """Return what ten rounds say of a system that takes `factor` times as long as the old one."""
    luck = random.Random(seed)
    pairs = [Pair(100 * factor * math.exp(luck.gauss(0, noise)), 100 * math.exp(luck.gauss(0, noise))) for _ in range(10)]
    return effect_of(pairs, threshold)


def test_what_lies_within_the_threshold_is_not_different() -> None:
    """A difference as large as the threshold is called larger in at most 5 % of cases, a smaller one never; a larger one is found."""
    for factor in (1.05, 1 / 1.05):
        seen = [beside(factor, seed, 0.05) for seed in range(1000)]
        assert sum(one.p <= 0.05 for one in seen) <= 50
        assert sum(one.within for one in seen) <= 50
    assert all(beside(1.02, seed, 0.05).p > 0.05 for seed in range(200))
    assert sum(beside(1.01, seed, 0.05).within for seed in range(200)) > 180
    for factor, direction in ((1.11, 1), (0.9, -1)):
        found = [one for one in (beside(factor, seed, 0.05) for seed in range(200)) if one.p <= 0.05]
        assert len(found) > 190
        assert {one.direction for one in found} == {direction}

"""Wilcoxon's signed rank for paired differences: the exact chance, and the interval of Walsh averages that belongs to it.

Differences of 0 say nothing of a direction: the test drops them. Equal sizes share their mean rank, so ranks are doubled to stay whole.
The distribution of the rank sum is that over all signs, computed exactly for the ranks at hand.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

LEVEL = 0.05


def doubled_ranks(sizes: Sequence[float], tolerance: float = 0.0) -> list[int]:
    """Return twice the rank of each size, counted from the smallest; sizes within `tolerance` of the next are equal."""
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    ranks = [0] * len(sizes)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and sizes[order[end]] - sizes[order[end - 1]] <= tolerance:
            end += 1
        for index in order[start:end]:
            ranks[index] = start + 1 + end
        start = end
    return ranks


def signed_rank(differences: Sequence[float], tolerance: float = 0.0) -> tuple[float, int]:
    """Return the two-sided chance of a rank sum at least so far from its mean, and its direction: 1, -1, or 0 for neither."""
    kept = [difference for difference in differences if abs(difference) > tolerance]
    ranks = doubled_ranks([abs(difference) for difference in kept], tolerance)
    positive = sum(rank for rank, difference in zip(ranks, kept, strict=True) if difference > 0)
    total = sum(ranks)
    direction = (2 * positive > total) - (2 * positive < total)
    tail = math.fsum(_chances(ranks)[: min(positive, total - positive) + 1])
    return min(1.0, 2 * tail), direction


def walsh_interval(differences: Sequence[float], level: float = LEVEL) -> tuple[float, float | None, float | None]:
    """Return the median of the Walsh averages (the means of all pairs, each with itself too), and an interval that misses with `level`.

    At 5 % there is one from n = 6, at 1 % from n = 8.
    """
    averages = sorted((a + b) / 2 for place, a in enumerate(differences) for b in differences[place:])
    centre = (averages[(len(averages) - 1) // 2] + averages[len(averages) // 2]) / 2
    drop = walsh_drop(len(differences), level)
    return (centre, averages[drop - 1], averages[-drop]) if drop else (centre, None, None)


@cache
def walsh_drop(n: int, level: float = LEVEL) -> int:
    """Return which Walsh average, from either end, bounds the interval of n differences; 0 where there is no such interval."""
    chances = accumulate(_chances(range(1, n + 1)))
    return next(drop for drop, chance in enumerate(chances) if chance > level / 2)


def _chances(ranks: Sequence[int]) -> list[float]:
    """Return, for each sum from 0 on, the chance that the ranks with a positive sign have it when all signs are equally likely."""
    import numpy as np  # noqa: PLC0415 - 0.1 s, only where statistics are asked for

    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        shifted = chances[:-rank].copy()
        chances[rank:] += shifted
        chances /= 2
    return [float(chance) for chance in chances]

"""Coarseness: which points of a sweep come first, so that few trials already show its shape."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from wke.describe.experiment.point import point_key


def coarseness(points: Sequence[Mapping[str, object]], kept: Collection[str] = ()) -> dict[object, int]:
    """Return the level of each point, by its key: 0 comes first.

    The values of a parameter that are all numbers are ranked by halving their range; a point has the highest level of its numbers. Values
    that are not numbers, and those of the parameters `kept`, have level 0.
    """
    ranks: dict[tuple[str, object], int] = {}
    for name in {name: None for point in points for name in point}:
        values = {point[name] for point in points if name in point}
        if name not in kept and all(type(value) in {int, float} for value in values):
            ordered = sorted(values, key=lambda value: float(str(value)))
            ranks |= {(name, value): level for value, level in zip(ordered, halving(len(ordered)), strict=True)}
    return {point_key(point): max((ranks.get(item, 0) for item in point.items()), default=0) for point in points}


def halving(count: int) -> tuple[int, ...]:
    """Return the level of each of `count` values in a row: 0 for both ends and the middle, then level by level what lies between."""
    levels = dict.fromkeys((0, (count - 1) // 2, count - 1), 0)
    while len(levels) < count:
        level = max(levels.values()) + 1
        levels |= {(a + b) // 2: level for a, b in pairwise(sorted(levels)) if b - a > 1}
    return tuple(levels[at] for at in range(count))

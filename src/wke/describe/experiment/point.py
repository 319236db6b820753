"""Which points are the same: the one rule for all tables, figures, files and comparisons.

Python holds `true`, `1` and `1.0` to be equal, but scripts get different texts for them. So two values are the same if they are of the same
type and are written alike, and two points are the same if they set the same parameters to the same values.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

V = TypeVar("V")


def value_key(value: object) -> Hashable:
    """Return a key that is equal for values that are the same, and for no others."""
    return type(value).__name__, str(value)


def point_key(point: Mapping[str, object]) -> Hashable:
    """Return a key that is equal for points that are the same, in whatever order they name their parameters, and for no others."""
    return frozenset((name, type(value).__name__, str(value)) for name, value in point.items())


def distinct(values: Iterable[V]) -> list[V]:
    """Return values in their order, each once."""
    return list({value_key(value): value for value in values}.values())


def meant(value: object, known: Iterable[V]) -> list[V]:
    """Return which known values a written one means: the same one, else the numbers that are equal to it, as 1 is to 1.0."""
    values = distinct(known)
    same = [one for one in values if value_key(one) == value_key(value)]
    return same or [one for one in values if _is_number(one) and _is_number(value) and one == value]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

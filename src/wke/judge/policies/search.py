"""Hill climbing: which value of a range to try next, so that few trials find the best one.

Assumption: along the range the true means rise strictly to the best value and fall strictly after it. Either part may be missing, and
several values in a row may share the top. Then the search finds a best value after at most 1 + 3 log2 n of n values. Where the assumption
does not hold, it ends on a value none of whose tried neighbours is better; that value need not be the best of all.

The search starts at the first value of the range, so the range should start at its harmless end. Steps double in length while the mean
gets better or stays the same. The first value that is worse closes a bracket around the best one so far. Then the middle of the larger gap
beside the best value is tried, until both neighbours of the best value have been tried. A mean gets more exact with more repetitions of
each value: neighbours that differ by less than the spread between trials need more repetitions, not another search.

Nothing is remembered between calls: the values tried decide what is next, so an interrupted search continues where it was.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from enum import StrEnum
from statistics import mean
from typing import Generic, TypeVar

from wke.values import dataclass

V = TypeVar("V", bound=Hashable)


class Why(StrEnum):
    """Why a search tries a value next, or why it is over."""

    START = "start"
    NOT_WORSE_YET = "not-worse-yet"
    MAYBE_BEFORE = "maybe-before"
    UNTRIED_AFTER = "untried-after"
    UNTRIED_BEFORE = "untried-before"
    ONE_VALUE = "one-value"
    FIRST_IS_BEST = "first-is-best"
    LAST_IS_BEST = "last-is-best"
    NEIGHBOURS_ARE_WORSE = "neighbours-are-worse"
    NO_RESULT = "no-result"


@dataclass(frozen=True, slots=True)
class Advice(Generic[V]):
    """Where a search is: the value to try `next`, None when it is over; the `best` one so far with its `mean`, if any; and `why`.

    `tried` are the values tried so far, in the order of the range. A `valley` is a value that is worse than values on both sides of it:
    there is more than one hill.
    """

    next: V | None
    best: V | None
    mean: float | None
    tried: tuple[V, ...]
    why: Why
    valley: V | None = None

    @property
    def over(self) -> bool:
        """True when there is nothing more to try."""
        return self.next is None


def next_value(tried: Mapping[V, Sequence[float]], values: Sequence[V], better: str = "higher") -> Advice[V]:
    """Return which of `values`, in their order, to try next; `tried` maps each value tried so far to the observations of its trials.

    A value all of whose trials failed has no observation and is worse than all others. No value is proposed twice. `better` is "higher" or
    "lower". Values in `tried` that are not in the range are ignored. Raises ValueError for an empty range.
    """
    if not values:
        raise ValueError("there is no value to try")
    places = list(dict.fromkeys(values))
    sign = -1.0 if better == "lower" else 1.0
    heights = {place: _height(tried[value], sign) for place, value in enumerate(places) if value in tried}
    place, why = _next_place(heights, len(places))
    top = min(heights, key=lambda at: (-heights[at], at), default=None)
    found = top is not None and heights[top] > -math.inf
    return Advice(
        next=None if place is None else places[place],
        best=places[top] if found and top is not None else None,
        mean=sign * heights[top] if found and top is not None else None,
        tried=tuple(places[at] for at in sorted(heights)),
        why=why if found or place is not None else Why.NO_RESULT,
        valley=_valley([(places[at], tried[places[at]]) for at in sorted(heights)], sign),
    )


def _height(observations: Sequence[float], sign: float) -> float:
    seen = _finite(observations)
    return sign * mean(seen) if seen else -math.inf


def _finite(observations: Sequence[float]) -> list[float]:
    return [one for one in observations if math.isfinite(one)]


def _next_place(heights: Mapping[int, float], count: int) -> tuple[int | None, Why]:
    """Return the place to try next, and why. Of equal tops the last one counts, so that the search crosses a level stretch."""
    if not heights:
        return 0, Why.START
    top = max(heights, key=lambda at: (heights[at], at))
    left = max((at for at in heights if at < top), default=None)
    right = min((at for at in heights if at > top), default=None)
    if right is None and top < count - 1:
        step = 1 if left is None else 2 * (top - left)
        return min(top + step, count - 1), Why.NOT_WORSE_YET
    if left is None and top > 0:
        return 0, Why.MAYBE_BEFORE
    left_gap = 0 if left is None else top - left
    right_gap = 0 if right is None else right - top
    if max(left_gap, right_gap) <= 1:
        return None, _ending(left, right)
    if right_gap >= left_gap:
        return top + right_gap // 2, Why.UNTRIED_AFTER
    return top - left_gap // 2, Why.UNTRIED_BEFORE


def _ending(left: int | None, right: int | None) -> Why:
    if left is None and right is None:
        return Why.ONE_VALUE
    if left is None:
        return Why.FIRST_IS_BEST
    if right is None:
        return Why.LAST_IS_BEST
    return Why.NEIGHBOURS_ARE_WORSE


def _valley(rows: Sequence[tuple[V, Sequence[float]]], sign: float) -> V | None:
    """Return the first value all of whose observations are worse than all those of a value before it and of a value after it, if any."""
    seen = [(value, [sign * one for one in _finite(observations)]) for value, observations in rows if _finite(observations)]
    for place, (value, here) in enumerate(seen):
        before = any(min(other) > max(here) for _, other in seen[:place])
        after = any(min(other) > max(here) for _, other in seen[place + 1 :])
        if before and after:
            return value
    return None

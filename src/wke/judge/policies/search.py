"""Hill climbing: which value of a range to try next, so that few trials find the best one.

Assumption: along the range the true means rise strictly to the best value and fall strictly from there on (either part may be missing,
and several values in a row may share the top). Then the search finds a best value after at most 1 + 3 log2 n of n values. Where the
assumption does not hold it ends on a value none of whose tried neighbours is better, which need not be the best of all.

The search starts at the first value of the range, so let that be the gentle end. It takes steps of doubling length while the mean gets
better or stays the same. The first value that is worse closes a bracket around the best one so far; then the middle of the larger gap
beside the best value is tried, until both neighbours of the best value have been. Repetitions are what makes a mean of a value: to tell
neighbours apart whose difference is smaller than the spread between trials takes more of them, not another search.

Nothing is remembered between calls: what has been tried decides what is next, so an interrupted search goes on where it stood.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Advice(Generic[V]):
    """What a search says: the value to try `next`, None when it is over; the `best` one so far with its `mean`, if any; and `why`.

    `tried` are the values that were tried, in the order of the range. `doubt` says what speaks against the assumption of one hill.
    """

    next: V | None
    best: V | None
    mean: float | None
    tried: tuple[V, ...]
    why: str
    doubt: str = ""

    @property
    def over(self) -> bool:
        """Tell whether there is nothing more to try."""
        return self.next is None


def next_value(tried: Mapping[V, Sequence[float]], values: Sequence[V], better: str = "higher") -> Advice[V]:
    """Return which of `values`, in their order, to try after those of `tried` were, each with what its trials gave.

    A value all of whose trials failed has no observation and is worse than all others. A value is never proposed twice. `better` is
    "higher" or "lower". Values that are not in the range (any more) are left out. Raises ValueError for an empty range.
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
        why=why if found or place is not None else "no value gave a result",
        doubt=_doubt([(places[at], tried[places[at]]) for at in sorted(heights)], sign),
    )


def _height(observations: Sequence[float], sign: float) -> float:
    seen = _finite(observations)
    return sign * math.fsum(seen) / len(seen) if seen else -math.inf


def _finite(observations: Sequence[float]) -> list[float]:
    return [one for one in observations if math.isfinite(one)]


def _next_place(heights: Mapping[int, float], count: int) -> tuple[int | None, str]:
    """Return the place to try next, and why. Of equal tops the last one counts, so that a level stretch is crossed and not camped on."""
    if not heights:
        return 0, "the range begins here"
    top = max(heights, key=lambda at: (heights[at], at))
    left = max((at for at in heights if at < top), default=None)
    right = min((at for at in heights if at > top), default=None)
    if right is None and top < count - 1:
        step = 1 if left is None else 2 * (top - left)
        return min(top + step, count - 1), "it has not become worse yet"
    if left is None and top > 0:
        return 0, "what comes before may be better"
    left_gap = 0 if left is None else top - left
    right_gap = 0 if right is None else right - top
    if max(left_gap, right_gap) <= 1:
        return None, _ending(left, right)
    if right_gap >= left_gap:
        return top + right_gap // 2, "the best so far has untried values after it"
    return top - left_gap // 2, "the best so far has untried values before it"


def _ending(left: int | None, right: int | None) -> str:
    if left is None and right is None:
        return "the range has one value"
    if left is None:
        return "the best value is the first of the range, and the next one is worse"
    if right is None:
        return "the best value is the last of the range, and the one before is no better"
    return "neither neighbour of the best value is better"


def _doubt(rows: Sequence[tuple[V, Sequence[float]]], sign: float) -> str:
    """Return a sentence when there is a valley: a value all of whose observations are worse than all of one before and one after it."""
    seen = [(value, [sign * one for one in _finite(observations)]) for value, observations in rows if _finite(observations)]
    for place, (value, here) in enumerate(seen):
        before = any(min(other) > max(here) for _, other in seen[:place])
        after = any(min(other) > max(here) for _, other in seen[place + 1 :])
        if before and after:
            return f"there is more than one hill: {value} is worse than values on both sides of it, so a better one may be hidden"
    return ""

"""The smallest size of a system at which it holds, for each of several loads.

Theory. A size that is too small for a load is too small for all higher loads, so the search for a load begins at the answer for the load
below it: at most as many cells (load, size) are tried as there are loads and sizes. A cell holds if most of its trials do. Where a load is
close to what a size just holds, trials dissent, and the neighbour may be right: the answer is "m or m + 1" there (Henning and Hasselbring
2022). Nothing is remembered between calls.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from wke.values import dataclass

L = TypeVar("L", bound=Hashable)
S = TypeVar("S", bound=Hashable)

TRIALS = 3
"""How many trials each cell has."""


@dataclass(frozen=True, slots=True)
class Demand(Generic[L, S]):
    """The `least` size that holds a `load`: None where no size is enough, or, if it is not `known` yet, none has been found.

    `below` and `above` are the sizes next to it that may be the answer as well, because a trial dissented. It is `sure` if none did.
    """

    load: L
    least: S | None
    below: S | None
    above: S | None
    known: bool
    sure: bool


@dataclass(frozen=True, slots=True)
class Walk(Generic[L, S]):
    """How far a search is: the cell to try `next`, None when it is over, and the demand of each load."""

    next: tuple[L, S] | None
    demands: tuple[Demand[L, S], ...]


def walk(loads: Sequence[L], sizes: Sequence[S], cells: Mapping[tuple[L, S], Sequence[bool]], trials: int = TRIALS) -> Walk[L, S]:
    """Return how far the search is, given whether the trials of each cell held; loads and sizes are in ascending order.

    The cell `next` is tried until it has `trials` results; more of them do not count. Raises ValueError without a size.
    """
    if not sizes:
        raise ValueError("there is no size to try")
    found: list[Demand[L, S]] = []
    at = 0
    for place, load in enumerate(loads):
        first = at
        while at < len(sizes):
            seen = cells.get((load, sizes[at]), ())[:trials]
            if len(seen) < trials:
                unknown = (Demand[L, S](each, None, None, None, known=False, sure=False) for each in loads[place:])
                return Walk((load, sizes[at]), (*found, *unknown))
            if _holds(seen):
                break
            at += 1
        before = cells[load, sizes[at - 1]][:trials] if at > first else ()
        here = cells[load, sizes[at]][:trials] if at < len(sizes) else ()
        above = sizes[at + 1] if not all(here) and at + 1 < len(sizes) else None
        below = sizes[at - 1] if any(before) else None
        sure = all(here) and not any(before)
        found.append(Demand(load, sizes[at] if here else None, below, above, known=True, sure=sure))
    return Walk(None, tuple(found))


def _holds(seen: Sequence[bool]) -> bool:
    return 2 * sum(seen) > len(seen)

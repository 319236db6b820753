"""MSER-5: how many windows at the beginning to leave out, so that a start-up bias is gone and as little as possible is lost.

The values are joined to means of five windows. Of all cuts in the first half, the best one makes the mean of the rest most certain: the sum
of squares around it, divided by the square of the number of means, is least (White 1997).
"""

from collections.abc import Sequence

from wke.values import dataclass

LEAST_WINDOWS = 300
"""A cut is of use from this number of windows on."""
_JOINED = 5


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How many `windows` to leave out. With `past_half` a cut in the second half were better still: the windows may never be steady."""

    windows: int
    past_half: bool


def warm_up(values: Sequence[float]) -> WarmUp:
    """Return the cut for the values of successive windows, at least 25; raise ValueError for fewer."""
    m = len(values) // _JOINED
    if m < _JOINED:
        raise ValueError(f"{len(values)} windows are too few for MSER-5")
    means = [sum(values[start : start + _JOINED]) / _JOINED for start in range(0, _JOINED * m, _JOINED)]
    centre = sum(means) / m
    errors = [0.0] * m  # by the number of means that are left out
    total = squares = 0.0
    for cut in range(m - 1, -1, -1):
        value, left = means[cut] - centre, m - cut
        total, squares = total + value, squares + value * value
        errors[cut] = max(0.0, squares - total * total / left) / (left * left)
    best = min(range(m // 2 + 1), key=errors.__getitem__)
    of_all = min(range(m - _JOINED + 1), key=errors.__getitem__)
    return WarmUp(_JOINED * best, of_all > m / 2)

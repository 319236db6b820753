"""Outliers: values that lie far from the others, by a measure that a few of them cannot shift (Iglewicz and Hoaglin 1993).

They are marked and looked at. They count all the same: leaving out what looks wrong would make intervals too narrow.
"""

from collections.abc import Sequence
from statistics import median

FEWEST = 8
"""Of fewer values none is called an outlier."""
FAR = 3.5
NORMAL = 0.6745
"""The median absolute deviation of normal values, in standard deviations."""
EVEN = 1e-9
"""Values that differ from the centre by a smaller share of it are equal: the rest is rounding."""


def outliers(values: Sequence[float]) -> tuple[bool, ...]:
    """Return which of some finite values are outliers; none where more than half of them are equal.

    Values of several points are given as ratios to the centres of their points.
    """
    if len(values) < FEWEST:
        return (False,) * len(values)
    centre = median(values)
    spread = median(abs(value - centre) for value in values)
    least = max(FAR * spread / NORMAL, EVEN * abs(centre))
    return tuple(spread > 0 and abs(value - centre) > least for value in values)

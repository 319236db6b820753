"""The scale of an axis, as values: what was asked for, if the axis can show all values so."""

import math
from collections.abc import Sequence

from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class AxisScale:
    """The scale of an axis: "linear", "log", or "symlog", which is linear between -`threshold` and `threshold`.

    It `gave_way` if a logarithmic axis was asked for, which has no place for a 0.
    """

    kind: str = "linear"
    base: int = 10
    threshold: float = 1.0
    gave_way: bool = False


LINEAR = AxisScale()


def axis_scale(wanted: str, values: Sequence[float], *, in_twos: bool = False) -> AxisScale:
    """Return the scale for values. With `in_twos`, values that are all powers of two are counted in these, not in tens."""
    if wanted == "linear" or not values:
        return LINEAR
    gave_way = wanted == "log" and min(values) <= 0
    sizes = [abs(value) for value in values if value] or [1.0]
    base = 2 if in_twos and all(math.log2(size).is_integer() for size in sizes) else 10
    return AxisScale("symlog" if gave_way else wanted, base, float(base) ** math.floor(math.log(min(sizes), base) + 1e-9), gave_way)

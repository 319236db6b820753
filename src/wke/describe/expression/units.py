"""Units of metrics: which of them measure the same thing, and conversions between these."""

from fractions import Fraction


def _family(*scales: tuple[str, int]) -> dict[str, Fraction]:
    """Return the factor of each unit, from scales such as ("B kB MB", 1000), where each unit is 1000 times the one before."""
    return {unit: Fraction(base) ** power for units, base in scales for power, unit in enumerate(units.split())}


_BYTES = _family(("B kB MB GB TB", 1000), ("B KB", 1000), ("B KiB MiB GiB TiB", 1024))
_BITS = _family(("bit kbit Mbit Gbit Tbit", 1000), ("bit Kbit", 1000))

FAMILIES = (
    _family(("ns us ms s", 1000), ("ns µs", 1000), ("ns μs", 1000)) | {"min": Fraction(60 * 10**9), "h": Fraction(3600 * 10**9)},
    _BYTES,
    _BITS,
    {f"{unit}/s": worth for unit, worth in _BYTES.items()},
    {f"{unit}/s": worth for unit, worth in _BITS.items()},
    _family(("1/s k/s M/s G/s", 1000), ("/s", 1), ("ops/s", 1)),
    _family(("% 1", 100)),
)


def is_known(unit: str) -> bool:
    """Return whether a unit can be converted."""
    return any(unit in family for family in FAMILIES)


def convert(value: float, unit: str, to: str) -> float | None:
    """Return a value in another unit, rounded once; None if the two do not measure the same thing."""
    if unit == to:
        return value
    for family in FAMILIES:
        if unit in family and to in family:
            return float(Fraction(value) * family[unit] / family[to])
    return None

"""Units of metrics: which of them measure the same thing, and conversions between these."""

from fractions import Fraction


def _family(*scales: tuple[str, int]) -> dict[str, Fraction]:
    """Return the factor of each unit, from scales such as ("B kB MB", 1000), where each unit is 1000 times the one before."""
    return {unit: Fraction(base) ** power for units, base in scales for power, unit in enumerate(units.split())}


_BYTES = _family(("B kB MB GB TB", 1000), ("B KB", 1000), ("B KiB MiB GiB TiB", 1024))
_BITS = _family(("bit kbit Mbit Gbit Tbit", 1000), ("bit Kbit", 1000))

_TIMES = _family(("ns us ms s", 1000), ("ns µs", 1000), ("ns μs", 1000)) | {"min": Fraction(60 * 10**9), "h": Fraction(3600 * 10**9)}

_ENERGIES = _family(("nJ uJ mJ J kJ MJ", 1000))
_POWERS = _family(("nW uW mW W kW MW", 1000))

_DATA = (_BYTES, _BITS, *({f"{unit}/s": worth for unit, worth in family.items()} for family in (_BYTES, _BITS)))

FAMILIES = (
    _TIMES,
    *_DATA,
    _family(("1/s k/s M/s G/s", 1000), ("/s", 1), ("ops/s", 1)),
    _family(("% 1", 100), ("% cores", 100)),
    _ENERGIES,
    _POWERS,
)

_DIMENSIONS: tuple[tuple[dict[str, Fraction], str, tuple[int, ...]], ...] = (
    (_TIMES, "s", (1, 0, 0, 0)),
    (_BYTES, "B", (0, 1, 0, 0)),
    (_BITS, "bit", (0, 0, 1, 0)),
    (_ENERGIES, "J", (0, 0, 0, 1)),
    (FAMILIES[3], "B/s", (-1, 1, 0, 0)),
    (FAMILIES[4], "bit/s", (-1, 0, 1, 0)),
    (FAMILIES[5], "1/s", (-1, 0, 0, 0)),
    (_POWERS, "W", (-1, 0, 0, 1)),
    (FAMILIES[6], "1", (0, 0, 0, 0)),
)
"""For each family, its main unit, and what that is in seconds, bytes, bits and joules: the powers of these."""


_SPELLINGS = {
    spelling: unit
    for unit, spellings in {
        "ns": "nsec nsecs nanosecond nanoseconds",
        "us": "µs μs usec usecs microsecond microseconds",
        "ms": "msec msecs millisecond milliseconds",
        "s": "sec secs second seconds",
        "min": "mins minute minutes",
        "h": "hr hrs hour hours",
        "B": "byte bytes",
        "bit": "bits",
        "kbit": "kbits Kbits",
        "Mbit": "Mbits",
        "Gbit": "Gbits",
        "bit/s": "bps",
        "kbit/s": "kbps Kbps",
        "Mbit/s": "Mbps",
        "Gbit/s": "Gbps",
        "1/s": "/s ops/s op/s req/s requests/s queries/s transactions/s tps qps iops IOPS",
        "%": "percent",
        "cores": "core",
        "J": "joule joules",
        "W": "watt watts",
    }.items()
    for spelling in spellings.split()
}


def spelled(unit: str) -> str:
    """Return a unit as wke spells it: `s` for `sec`, `MB/s` for `MB/sec`, `1/s` for `ops/sec`."""
    count, slash, per = unit.partition("/")
    if slash and per in {"sec", "second"}:
        per = "s"
    if slash:
        return _SPELLINGS.get(f"{count}/{per}", f"{_SPELLINGS.get(count, count)}/{per}")
    return _SPELLINGS.get(unit, unit)


def is_known(unit: str) -> bool:
    """Return whether a unit can be converted."""
    unit = spelled(unit)
    return any(unit in family for family in FAMILIES)


def is_time(unit: str) -> bool:
    """Return whether a unit is one of time."""
    return spelled(unit) in _TIMES


def is_amount(unit: str) -> bool:
    """Return whether a unit is one of time or data, which programs scale to the size of the number."""
    unit = spelled(unit)
    return any(unit in family for family in (_TIMES, *_DATA))


def convert(value: float, unit: str, to: str) -> float | None:
    """Return a value in another unit, rounded once; None if the two do not measure the same thing."""
    if unit == to:
        return value
    unit, to = spelled(unit), spelled(to)
    if unit == to:
        return value
    for family in FAMILIES:
        if unit in family and to in family:
            return float(Fraction(value) * family[unit] / family[to])
    return None


def combined(left: str, right: str, *, divided: bool) -> tuple[float, str] | None:
    """Return the unit of a product or a quotient of two units, and the factor for its number; None if it is no unit that is known.

    Joules per second are watts, cores per request per second are seconds per request.
    """
    first, second = _dimensions(spelled(left)), _dimensions(spelled(right))
    if first is None or second is None:
        return None
    (worth, powers), (other, others) = first, second
    sign = -1 if divided else 1
    wanted = tuple(power + sign * more for power, more in zip(powers, others, strict=True))
    unit = next((unit for _, unit, powers in _DIMENSIONS if powers == wanted), None)
    return None if unit is None else (float(worth / other if divided else worth * other), "" if unit == "1" else unit)


def _dimensions(unit: str) -> tuple[Fraction, tuple[int, ...]] | None:
    return next(((family[unit] / family[main], powers) for family, main, powers in _DIMENSIONS if unit in family), None)

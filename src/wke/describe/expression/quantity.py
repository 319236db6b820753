"""Quantities as people write them: "200ms", "256M", "1Gbit", "5%". Every function raises ValueError with a message for the user."""

import math
import re
from collections.abc import Mapping

from wke.describe.toml.wording import shown

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("", 1024), ("i", 1024), ("iB", 1024), ("B", 1000))
}
_BITS = {f"{letter}bit": 1000**power for power, letter in enumerate(("", "K", "M", "G", "T"))}


def seconds(value: object) -> float:
    """Return a duration in seconds, from a number of seconds or a text with a unit from ns to d (m is minutes)."""
    return _amount(value, _SECONDS, "a duration", '"200ms", "5s" or "2h"')


def size_bytes(value: object) -> int:
    """Return a size in bytes: K, M, G, T (also Ki, KiB) are powers of 1024 as in memory limits, KB, MB, GB, TB of 1000."""
    return round(_amount(value, _BYTES, "a size", '"64K", "256M" or "1GB"'))


def rate_bits(value: object) -> int:
    """Return a rate in bits per second: bit, Kbit, Mbit, Gbit, Tbit are powers of 1000, as for network links."""
    text = value.removesuffix("/s") if isinstance(value, str) else value
    return round(_amount(text, _BITS, "a rate", '"10Mbit" or "1Gbit"', written=value))


def fraction(value: object) -> float:
    """Return a share between 0 and 1, from a number or a text in per cent."""
    share = _amount(value, {"%": 0.01}, "a share", '"5%" or 0.05')
    if share > 1:
        msg = f"must be a share between 0 and 1 (100%), not {value}"
        raise ValueError(msg)
    return share


def _amount(value: object, units: Mapping[str, float], noun: str, examples: str, *, written: object = None) -> float:
    """Return a non-negative number times its unit; the case of a unit matters only if two units differ in nothing else."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([^\s\d]*)\s*", value)
        unit = match and _unit(match[2], units)
        if match and unit is not None:
            return float(match[1]) * unit
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    msg = f"must be {noun} such as {examples}, not {shown(value if written is None else written)}"
    raise ValueError(msg)


def _unit(text: str, units: Mapping[str, float]) -> float | None:
    """Return the factor of a unit, 1 for no unit, None for an unknown one."""
    if not text or text in units:
        return units.get(text, 1)
    return next((factor for unit, factor in units.items() if unit.lower() == text.lower()), None)

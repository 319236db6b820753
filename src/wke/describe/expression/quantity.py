"""Quantities as people and programs write them: "200ms", "1m3s", "256M", "1.2e+06 ops/sec", "5%". The one reader of numbers with units.

Files have units of their own for sizes and rates (K is 1024 bytes, Kbit 1000 bits per second). What programs print is a number and a unit
of `units`. Every function raises ValueError with a message for the user.
"""

import math
import re
from collections.abc import Mapping
from mmap import mmap

from wke.describe.toml.limits import LONGEST_S
from wke.describe.toml.wording import quoted, shown

Report = tuple[float, str]
"""A number and its unit."""
Text = bytes | mmap
"""What a task wrote."""

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?"
UNIT = r"(?:%|[A-Za-zµμ]+(?:/[A-Za-z]+)?|/s)"
DURATION = r"(?:[0-9]+(?:\.[0-9]*)?(?:ms|us|µs|μs|ns|h|m|s)){2,}"
"""Several numbers with units of time, from hours to nanoseconds, as Go prints them: 1h2m3.5s."""

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("", 1024), ("i", 1024), ("iB", 1024), ("B", 1000))
}
_BITS = {f"{letter}bit": 1000**power for power, letter in enumerate(("", "K", "M", "G", "T"))}
_NANOSECONDS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 1000, "µs": 1000, "μs": 1000, "ns": 1}

_QUANTITY = re.compile(rf"({NUMBER})(?:({UNIT})|\s+([^\s0-9.+-].*))?")
_DURATION = re.compile(rf"([+-]?)({DURATION})")
_PART = re.compile(r"([0-9.]+)([a-zµμ]+)")
_LONGEST_NUMBER = 400
_LONGEST_DURATION = 80
LONGEST_QUOTE = 80


def quantity(text: str) -> tuple[float, str]:
    """Return the number and the unit of a text such as "3.4 ms", "350us" or "12"; a duration such as "1m3s" is in seconds.

    Raises ValueError with the text that is no finite number.
    """
    written = text.strip()
    if len(written) > _LONGEST_NUMBER:
        raise ValueError(f"{excerpt(written)}, not a number")
    duration = _DURATION.fullmatch(written)
    if duration and (whole := whole_duration(duration[2])) is not None:
        return -whole if duration[1] == "-" else whole, "s"
    match = _QUANTITY.fullmatch(written)
    if match is None:
        number(written.partition(" ")[0])
        raise ValueError(f"{excerpt(written)}, not a number")
    return number(match[1]), match[2] or match[3] or ""


def whole_duration(text: str) -> float | None:
    """Return the seconds of a text of the form DURATION, rounded once; None where its units do not become smaller."""
    from fractions import Fraction  # noqa: PLC0415 - it takes long to import, and few durations are written so

    parts = [(Fraction(amount), _NANOSECONDS[unit]) for amount, unit in _PART.findall(text[:_LONGEST_DURATION])]
    sizes = [size for _, size in parts]
    if sizes != sorted(set(sizes), reverse=True) or len(text) > _LONGEST_DURATION:
        return None
    return float(sum(amount * size for amount, size in parts) / 10**9)


def number(text: str) -> float:
    """Return a finite decimal number; raise ValueError with the text that is there instead."""
    digits = text.strip() if len(text) <= _LONGEST_NUMBER else ""
    value = float(digits) if re.fullmatch(NUMBER, digits) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{excerpt(text)}, not a {'finite ' if math.isinf(value) else ''}number")
    return value


def excerpt(text: str) -> str:
    """Return the beginning of a text in quotes."""
    return quoted(text[:LONGEST_QUOTE].strip()) + ("…" if len(text) > LONGEST_QUOTE else "")


def seconds(value: object) -> float:
    """Return a duration in seconds, from a number of seconds or a text with units from ns to d (m is minutes), such as 1m30s."""
    whole = whole_duration(value.strip()) if isinstance(value, str) and re.fullmatch(DURATION, value.strip()) else None
    duration = _amount(value, _SECONDS, "a duration", '"200ms", "5s" or "2h"') if whole is None else whole
    if duration > LONGEST_S:
        msg = f"must be a duration of at most {LONGEST_S / 86400:.0f}d, not {shown(value)}"
        raise ValueError(msg)
    return duration


def size_bytes(value: object) -> int:
    """Return a size in bytes: K, M, G, T (also Ki, KiB) are powers of 1024 as in memory limits, KB, MB, GB, TB of 1000."""
    return round(_amount(value, _BYTES, "a size", '"64K", "256M" or "1GB"'))


def rate_bits(value: object) -> int:
    """Return a rate in bits per second: bit, Kbit, Mbit, Gbit, Tbit are powers of 1000, as for network links."""
    text = value.removesuffix("/s") if isinstance(value, str) else value
    return round(_amount(text, _BITS, "a rate", '"10Mbit" or "1Gbit"', written=value))


def rate_bytes(value: object) -> int:
    """Return a rate in bytes per second, from a size and "/s"."""
    text = value.strip().removesuffix("/s") if isinstance(value, str) else value
    return round(_amount(text, _BYTES, "a rate", '"50MB/s" or "1MiB/s"', written=value))


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
        if match and unit is not None and math.isfinite(amount := float(match[1]) * unit):
            return amount
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    msg = f"must be {noun} such as {examples}, not {shown(value if written is None else written)}"
    raise ValueError(msg)


def _unit(text: str, units: Mapping[str, float]) -> float | None:
    """Return the factor of a unit, 1 for no unit, None for an unknown one."""
    if not text or text in units:
        return units.get(text, 1)
    return next((factor for unit, factor in units.items() if unit.lower() == text.lower()), None)

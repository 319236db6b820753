"""Counts, durations, points, observations and cells of tables as text."""

from collections.abc import Mapping

from wke.describe.toml.limits import FRESH_FROM


def seconds(value: float) -> str:
    """Return a duration as text: 0.42 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if value < 10:
        return f"{value:.2f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def skew_words(skew_ns: int, bound_ns: int) -> str:
    """Return between which bounds a start skew is: `0.21 to 0.29 ms`."""
    low, high = ((skew_ns + sign * bound_ns) / 1e6 for sign in (-1, 1))
    return f"{max(0.0, low):.2f} to {high:.2f} ms" if bound_ns else f"{high:.2f} ms"


def size_words(size: float) -> str:
    """Return a size as text: 512 B, 1.2 kB, 34 MB, in powers of 1000."""
    units = ("B", "kB", "MB", "GB", "TB")
    index = 0
    while size >= 999.5 and index < len(units) - 1:
        size, index = size / 1000, index + 1
    return f"{size:.1f} {units[index]}" if 0 < size < 9.95 and index else f"{size:.0f} {units[index]}"


def worded(name: str) -> str:
    """Return a column's name as words: `num clients`."""
    return name.replace("-", " ").replace("_", " ")


def turn_words(iteration: int, *, warmup: bool) -> str:
    """Return which turn of its point a trial is: `iteration 1`, `warm-up 1` or `fresh round 1`."""
    if iteration >= FRESH_FROM:
        return f"fresh round {iteration - FRESH_FROM + 1}"
    return f"{'warm-up' if warmup else 'iteration'} {iteration + 1}"


def point_words(point: Mapping[str, object], iteration: int, *, warmup: bool) -> str:
    """Return a trial as text: `num-clients=4 engine=old, warm-up 1`."""
    values = " ".join(f"{name}={value}" for name, value in point.items())
    return f"{values}, {turn_words(iteration, warmup=warmup)}".lstrip(", ")


def observation_words(values: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Return observations as text: `throughput 1,234 1/s, p99 3.41 ms`."""
    return ", ".join(f"{name} {value_words(value)}{' ' + units[name] if units.get(name) else ''}" for name, value in values.items())


def value_words(value: float) -> str:
    """Return a value to four digits, whole ones in full, with thousands apart from 1,000 on: the rule for all values that are told."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e12 else f"{value:.4g}"


def is_number(cell: str) -> bool:
    """Return whether a cell begins like a number, or is empty: it is set to the right and stays whole."""
    return cell[:1].isdigit() or cell[:1] in "-+–"

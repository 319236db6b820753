"""Time series of a task: its lines `wke: @SECONDS name=value unit`, each of which has samples of one or more series.

SECONDS counts from the release of the measured step. A load generator writes how many requests were `due`, `sent` and `done` in the window
that ends then, as `lag` the 99th percentile of how late it sent them, and as `load-cpu` the share of the processor time that it can use at
most which it used; what it does not write is unknown.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import field

from wke.describe.expression.quantity import Report, Text, number, quantity
from wke.describe.expression.units import convert, is_time
from wke.values import dataclass

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
COUNTS, LAG, CPU = ("due", "sent", "done"), "lag", "load-cpu"
"""The names that are reserved for load generators."""

_MARK = b"wke:"
_FORM = "which is not of the form wke: @SECONDS name=value unit"


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """The samples of one name in the order of time, of each moment the last one; `times` are seconds since the measured step's release."""

    unit: str
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SampleLines:
    """The samples of a task's output, line by line."""

    found: dict[str, dict[float, float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def add(self, line: bytes) -> None:
        """Take a line; raise ValueError with what is wrong with it, and take nothing of it then."""
        at, *fields = line[len(_MARK) :].decode(errors="replace").split()
        try:
            seconds = number(at[1:])
        except ValueError:
            seconds = -1.0
        if seconds < 0 or not fields:
            raise ValueError(_FORM)
        samples = {name: self._in_unit(name, *report) for name, report in _reports(fields)}
        for name, (value, unit) in samples.items():
            self.units.setdefault(name, unit)
            self.found.setdefault(name, {})[seconds] = value

    def series(self) -> dict[str, TimeSeries]:
        """Return each name's samples."""
        return {name: TimeSeries(self.units[name], *zip(*sorted(found.items()), strict=True)) for name, found in self.found.items()}

    def _in_unit(self, name: str, value: float, unit: str) -> Report:
        """Return a sample in the unit of its series, which is that of the first one."""
        if name in COUNTS and (unit or value < 0 or math.floor(value) != value):
            raise ValueError(f"where {name} is not a number of requests")
        if name == LAG and (value < 0 or not is_time(unit)):
            raise ValueError(f"where {name} is not a time")
        if name == CPU and (value < 0 or convert(value, unit, "%") is None):
            raise ValueError(f"where {name} is not a share")
        first = self.units.get(name, unit)
        converted = convert(value, unit or first, first)
        if converted is None:
            raise ValueError(f"where {name} is in {unit}, and before it was in {first or 'no unit'}")
        return converted, first


def is_sample(line: bytes) -> bool:
    """Return whether a marked line has samples, and not a report."""
    return line[len(_MARK) :].lstrip(b" \t").startswith(b"@")


def marked_lines(text: Text) -> Iterator[bytes]:
    """Yield the lines that start with `wke:`. Every byte is looked at once, however long the lines are."""
    at = text.find(_MARK)
    while at >= 0:
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        if at == 0 or text[at - 1] == ord("\n"):
            yield text[at:end]
        at = text.find(_MARK, end)


def read_time_series(text: Text) -> dict[str, TimeSeries]:
    """Return the time series in a task's output, by name; lines that are malformed, of which no trial is ok, are left out."""
    lines = SampleLines()
    for line in filter(is_sample, marked_lines(text)):
        try:
            lines.add(line)
        except ValueError:
            continue
    return lines.series()


def _reports(fields: list[str]) -> Iterator[tuple[str, Report]]:
    """Yield each name with its value and unit, from fields such as "done=120", "lag=1.5", "ms"."""
    pairs: list[list[str]] = []
    for one in fields:
        if "=" in one:
            pairs.append([one])
        elif pairs and len(pairs[-1]) == 1:
            pairs[-1].append(one)
        else:
            raise ValueError(_FORM)
    for pair, *unit in pairs:
        name, _, value = pair.partition("=")
        if not NAME.fullmatch(name) or not value or "=" in value:
            raise ValueError(_FORM)
        try:
            yield name, (number(value), unit[0]) if unit else quantity(value)
        except ValueError as error:
            raise ValueError(f"where the value is {error}") from None

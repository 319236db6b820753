"""Files of HdrHistogram: interval logs (.hlog), and single encoded histograms as bytes or as a line of text. Read in bounded memory."""

import base64
import binascii
import math
import re
from collections.abc import Iterator
from pathlib import Path

from wke.keep.output.histogram import Histogram, decode, encode, is_encoded, merge
from wke.values import dataclass

LONGEST = 1 << 24
"""The longest line, or single histogram, that is read."""

MILLISECONDS = {"ns": 1_000_000, "us": 1_000}
"""How many recorded values are a millisecond, the unit in which a log states the largest value of each interval.

Some writers (those for C and Rust) state the value as it was recorded, whatever its unit: then the unit is not known.
"""

_TAG = re.compile(rb"Tag=([^,]*),")


@dataclass(frozen=True, slots=True, eq=False)
class HdrLog:
    """All intervals of a file as one histogram; `unit` is that of the recorded values, None if not all intervals tell it."""

    histogram: Histogram
    unit: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Interval:
    histogram: Histogram
    largest: str = ""


def read_log(path: Path, tag: str | None = None) -> HdrLog:
    """Return the values in a file, or only those with a `tag`. Raise ValueError with what is wrong with the file, and in which line."""
    units = set(MILLISECONDS)

    def counted() -> Iterator[Histogram]:
        for interval in _intervals(path, tag):
            if len(interval.histogram.highs):
                units.intersection_update(_units(interval))
            yield interval.histogram

    histogram = merge(counted())
    return HdrLog(histogram, units.pop() if len(units) == 1 else None)


def log_text(histogram: Histogram, unit: str | None, about: str) -> str:
    """Return an interval log with one interval that is the whole histogram; `about` becomes a comment."""
    top = int(histogram.highs[-1]) if len(histogram.highs) else 0
    largest = top / MILLISECONDS[unit] if unit in MILLISECONDS else math.nan  # values that are not times have no largest time
    return (
        f"#[Histogram log format version 1.3]\n#[{about}]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
        f"0.000,0.000,{largest:.3f},{base64.b64encode(encode(histogram)).decode()}\n"
    )


def _intervals(path: Path, tag: str | None) -> Iterator[_Interval]:
    with path.open("rb") as file:
        if is_encoded(file.peek(4)[:4]):
            data = file.read(LONGEST + 1)
            if len(data) > LONGEST:
                raise ValueError(f"it is larger than {LONGEST} bytes, too much for one histogram")
            try:
                yield _Interval(decode(data))
            except ValueError as error:
                raise ValueError(f"it {error}") from None
            return
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            try:
                yield from _of_line(line, tag)
            except ValueError as error:
                raise ValueError(f"line {number} {error}") from None


def _of_line(line: bytes, tag: str | None) -> Iterator[_Interval]:
    """Yield the interval of one line, if it has one: `[Tag=NAME,]start,length,largest,histogram`, or a histogram alone."""
    if len(line) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} bytes")
    text = line.strip()
    if not text or text.startswith((b"#", b'"')):
        return
    named = _TAG.match(text)
    if named:
        text = text[named.end() :]
    fields = text.split(b",")
    if len(fields) not in {1, 4}:
        raise ValueError("is not of the form start,length,largest,histogram")
    if tag is not None and (named[1].decode(errors="replace") if named else "") != tag:
        return
    try:
        data = base64.b64decode(fields[-1].strip(), validate=True)
    except binascii.Error:
        raise ValueError("has no histogram: it is cut short, or no base64") from None
    yield _Interval(decode(data), fields[2].decode(errors="replace").strip() if len(fields) == 4 else "")


def _units(interval: _Interval) -> Iterator[str]:
    """Yield the units in which the largest recorded value agrees with the line, as precisely as the line states it."""
    match = re.fullmatch(r"[0-9]{1,15}(?:\.([0-9]{0,9}))?", interval.largest)
    if match is None:
        return
    stated, half = float(match[0]), 0.51 * 10.0 ** -len(match[1] or "")
    low, high = int(interval.histogram.lows[-1]), int(interval.histogram.highs[-1])
    for unit, per_millisecond in MILLISECONDS.items():
        if low / per_millisecond - half <= stated <= high / per_millisecond + half:
            yield unit

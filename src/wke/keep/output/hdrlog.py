"""Files of HdrHistogram: interval logs (.hlog), and single encoded histograms as bytes or as a line of text. Read in bounded memory."""

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from wke.keep.output.histogram import Histogram, decode, encode, is_encoded, merge
from wke.values import dataclass

LONGEST = 1 << 24
"""The longest line, or single histogram, that is read."""

MILLISECONDS = {"ns": 1_000_000, "us": 1_000}
"""How many recorded values are a millisecond, the unit in which a log states the largest value of each interval.

Some writers (those for C and Rust) state the value as it was recorded, whatever its unit: then the unit is not known.
"""

YEAR_S = 365 * 86400.0
_BEGUN = re.compile(rb"#\[(BaseTime|StartTime): ([0-9]{1,12}(?:\.[0-9]{0,9})?)")
_SECONDS = re.compile(rb"[0-9]{1,12}(?:\.[0-9]{0,9})?")
_TAG = re.compile(rb"Tag=([^,]*),")


@dataclass(frozen=True, slots=True, eq=False)
class HdrLog:
    """All intervals of a file as one histogram; `unit` is that of the recorded values, None if not all intervals tell it."""

    histogram: Histogram
    unit: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """One interval of a log, with its `tag`, "" for none. It ends at `end_s`, in seconds since the epoch, None if the log does not tell."""

    histogram: Histogram
    tag: str = ""
    end_s: float | None = None
    largest: str = ""

    @property
    def units(self) -> frozenset[str]:
        """The units in which recorded values agree with what the line says of them."""
        return frozenset(_units(self))


def read_log(path: Path, tag: str | None = None) -> HdrLog:
    """Return the values in a file, or only those with a `tag`. Raise ValueError with what is wrong with the file, and in which line."""
    units = set(MILLISECONDS)

    def counted() -> Iterator[Histogram]:
        for interval in read_intervals(path, tag):
            if len(interval.histogram.highs):
                units.intersection_update(interval.units)
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


def read_intervals(path: Path, tag: str | None = None) -> Iterator[Interval]:
    """Yield the intervals of a file, or only those with a `tag`. Raise ValueError with what is wrong with the file, and in which line."""
    with path.open("rb") as file:
        if is_encoded(file.peek(4)[:4]):
            data = file.read(LONGEST + 1)
            if len(data) > LONGEST:
                raise ValueError(f"it is larger than {LONGEST} bytes, too much for one histogram")
            try:
                yield Interval(decode(data))
            except ValueError as error:
                raise ValueError(f"it {error}") from None
            return
        number, begun_s = 0, dict[bytes, float]()
        while line := file.readline(LONGEST + 1):
            number += 1
            try:
                if heading := _BEGUN.match(line):
                    begun_s[heading[1]] = float(heading[2])
                yield from _of_line(line, tag, begun_s)
            except ValueError as error:
                raise ValueError(f"line {number} {error}") from None


def _of_line(line: bytes, tag: str | None, begun_s: Mapping[bytes, float]) -> Iterator[Interval]:
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
    name = named[1].decode(errors="replace") if named else ""
    if len(fields) == 1:
        yield Interval(decode(data), name)
    else:
        yield Interval(decode(data), name, _end_s(fields[0], fields[1], begun_s), fields[2].decode(errors="replace").strip())


def _end_s(start: bytes, length: bytes, begun_s: Mapping[bytes, float]) -> float | None:
    """Return when an interval ended. Its start counts from the BaseTime of the log; without one from its StartTime, or from the epoch."""
    if not (_SECONDS.fullmatch(start.strip()) and _SECONDS.fullmatch(length.strip())):
        return None
    since_s = float(start)
    if b"BaseTime" in begun_s or since_s < begun_s.get(b"StartTime", 0.0) - YEAR_S:
        since_s += begun_s.get(b"BaseTime", begun_s.get(b"StartTime", 0.0))
    return since_s + float(length) if since_s > YEAR_S else None


def _units(interval: Interval) -> Iterator[str]:
    """Yield the units in which the largest recorded value agrees with the line, as precisely as the line states it."""
    match = re.fullmatch(r"[0-9]{1,15}(?:\.([0-9]{0,9}))?", interval.largest)
    if match is None:
        return
    stated, half = float(match[0]), 0.51 * 10.0 ** -len(match[1] or "")
    low, high = int(interval.histogram.lows[-1]), int(interval.histogram.highs[-1])
    for unit, per_millisecond in MILLISECONDS.items():
        if low / per_millisecond - half <= stated <= high / per_millisecond + half:
            yield unit

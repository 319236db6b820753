"""A load generator whose output wke can read, and what all readers need.

A reader takes all that one task printed, or a file that it left, and returns the fields in it, each with its unit. Where a report is
printed several times, the last one counts. What is not there is left out: nothing is guessed.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from wke.describe.expression.quantity import Report, Text, number, quantity
from wke.values import dataclass

Json = object
LATENCIES = ("latency-mean", "latency-min", "latency-max")
MOST_DOCUMENTS = 100
_OBJECT = re.compile(r"^\s*(?=\{)", re.MULTILINE)
PERCENTILE = re.compile(r"(?:.*-)?p[0-9]{1,2}(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Generator:
    """A load generator. `fields` are the units of what it may print beside `latency-mean`, `latency-max`, `p99` and the like.

    With `latencies=False` it prints none of these.
    If it `splits` its report, by operation or direction, there are also fields such as `set-p99`; those without the prefix are there if
    the report has one part only. `reads` says which forms of its output are read.
    """

    name: str
    reads: str
    read: Callable[[Text], Mapping[str, Report]]
    fields: Mapping[str, str] = field(default_factory=dict)
    splits: bool = False
    latencies: bool = True

    def unit(self, name: str) -> str | None:
        """Return the unit of a field, None if there is no such field."""
        every = (*self.fields, *(LATENCIES if self.latencies else ()))
        base = next((one for one in every if name == one or (self.splits and name.endswith(f"-{one}"))), None)
        if base is not None:
            return self.fields.get(base, "ms")
        return "ms" if self.latencies and PERCENTILE.fullmatch(name) and (self.splits or "-" not in name) else None

    @property
    def fields_text(self) -> str:
        """All fields."""
        return f"{', '.join((*self.fields, *LATENCIES))} and p99 and the like" if self.latencies else ", ".join(self.fields)

    def better(self, name: str) -> str | None:
        """Return which direction of a field is better, None if neither is."""
        higher = name.endswith(("throughput", "bandwidth"))
        lower = PERCENTILE.fullmatch(name) or name.endswith((*LATENCIES, "errors", "retransmits", "jitter", "loss"))
        return "higher" if higher else "lower" if lower else None


def last(pattern: str, text: Text) -> re.Match[bytes] | None:
    """Return the last match of a pattern in which ^ and $ match at line ends."""
    found = deque(re.finditer(pattern.encode(), text, re.MULTILINE), maxlen=1)
    return found[0] if found else None


def plain(pattern: str, text: Text, unit: str = "") -> Iterator[Report]:
    """Yield the number in the group of a pattern's last match, in `unit`; nothing without a match."""
    if match := last(pattern, text):
        yield number(match[1].decode()), unit


def measured(pattern: str, text: Text) -> Iterator[Report]:
    """Yield the quantity in the group of a pattern's last match, such as 1.52ms; nothing without a match."""
    if match := last(pattern, text):
        yield quantity(match[1].decode())


def since(pattern: str, text: Text) -> Text:
    """Return a text from the last match of a pattern on, which begins a report: so that the fields are those of one report."""
    begin = last(pattern, text)
    return text[begin.start() :] if begin else text


def document(text: Text) -> Mapping[str, Json] | None:
    """Return the last JSON object in a text that begins a line; None if it has none."""
    first = re.search(rb"^\s*(?=\{)", text, re.MULTILINE)
    if first is None:
        return None
    rest, found, at = text[first.end() :].decode(errors="replace"), None, 0
    for _ in range(MOST_DOCUMENTS):
        try:
            found, at = json.JSONDecoder().raw_decode(rest, at)
        except (ValueError, RecursionError):
            at += 1
        following = _OBJECT.search(rest, at)
        if following is None:
            break
        at = following.end()
    return found if isinstance(found, dict) else None


def inside(found: Json, *path: str) -> Json:
    """Return what is at a path of keys in a JSON value, None where nothing is."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def told(unit: str, found: Json, *path: str) -> Iterator[Report]:
    """Yield the number at a path of keys, in `unit`; nothing where no number is."""
    value = inside(found, *path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield number(repr(value)), unit


def named(**found: Iterator[Report]) -> dict[str, Report]:
    """Return the fields that are there, each with its first report; `_` in a name stands for `-`."""
    every = ((name.replace("_", "-"), next(reports, None)) for name, reports in found.items())
    return {name: report for name, report in every if report is not None}


def joined(parts: Mapping[str, Mapping[str, Report]]) -> dict[str, Report]:
    """Return the fields of all parts of a report, each with its part's name before it; those of the only part without it, too."""
    every = {f"{part.lower()}-{name}": report for part, fields in parts.items() for name, report in fields.items()}
    return every | (dict(next(iter(parts.values()))) if len(parts) == 1 else {})


def percentile(text: str) -> str:
    """Return the field of a percentile such as "99.900"."""
    return f"p{text.rstrip('0').rstrip('.') if '.' in text else text}"

"""The text in which programs expose their metrics: Prometheus' format (version 0.0.4) and OpenMetrics, read line by line.

A sample is `name{label="value",...} number`, perhaps with a time and an exemplar behind it, which are not read. A counter, and what a
histogram or a summary counts and adds up, only grows; all else is a gauge. The unit is what OpenMetrics declares, or what the name ends in,
as Prometheus has it: `_seconds` and `_bytes`.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate

from wke.keep.telemetry.columns import Kind
from wke.values import dataclass

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:.]*)[ \t]*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+([^ \t]+)(?:[ \t].*)?')
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\]|\\.)*")\s*(?:,|$)')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?[Ii]nf(?:inity)?|[Nn]a[Nn]")
MOST_SERIES = 20_000
_UNITS = {"_seconds": "s", "_bytes": "B"}
_DECLARED = {"seconds": "s", "bytes": "B"}
_TOTAL, _SUM, _COUNT, _BUCKET = "_total", "_sum", "_count", "_bucket"
_PARTS = {"counter": (_TOTAL,), "histogram": (_SUM, _COUNT, _BUCKET), "summary": (_SUM, _COUNT)}
"""The endings of the names that count, by the type of the metric; a counter has its bare name too."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """One sample: `name` has its labels, in the order in which they are written."""

    name: str
    value: float
    kind: Kind
    unit: str


class Exposition:
    """Reads texts of one program; `keep` are shell patterns for the names, without labels, of the samples that are wanted."""

    def __init__(self, keep: Sequence[str]) -> None:
        self._wanted = re.compile("|".join(translate(pattern) for pattern in keep) or r"\Z.")
        self._seen: dict[str, Exposed | None] = {}  # what stands before a number -> what it was the last time, None if it is not wanted

    def read(self, text: str) -> list[Exposed]:
        """Return the wanted samples in the text; raise ValueError with the line that is not one."""
        types: dict[str, str] = {}
        units: dict[str, str] = {}
        found: list[Exposed] = []
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("#"):
                _, what, *rest = [*line.split(None, 3), "", ""]
                if what in {"TYPE", "UNIT"} and len(rest) > 1:
                    (types if what == "TYPE" else units)[rest[0]] = rest[1].strip()
                continue
            before, _, value = line.rpartition(" ")
            if before in self._seen and _NUMBER.fullmatch(value):
                sample = self._seen[before]
                if sample is not None:
                    found.append(Exposed(sample.name, float(value), sample.kind, sample.unit))
            elif line.strip():
                found += self._read_line(line, types, units, number)
            if len(found) > MOST_SERIES:
                raise ValueError(f"it exposes more than {MOST_SERIES} series; name fewer in keep")
        return found

    def _read_line(self, line: str, types: dict[str, str], units: dict[str, str], number: int) -> Iterator[Exposed]:
        match = _SAMPLE.fullmatch(line.strip("\r \t"))
        if match is None:
            raise ValueError(f"line {number} of the answer is no sample: {line.strip()[:80]!r}")
        sample = _exposed(match, types, units, number) if self._wanted.match(match[1]) else None
        if len(self._seen) < MOST_SERIES and match.end(3) == len(line):  # nothing behind the number, and no blanks before the name
            self._seen[line[: match.start(3) - 1]] = sample
        if sample is not None:
            yield sample


def _exposed(match: "re.Match[str]", types: dict[str, str], units: dict[str, str], number: int) -> Exposed:
    name, labels, value = match.groups()
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"line {number} of the answer has {value[:80]!r} where a number should be")
    family, ending = _family(name, types)
    of = types.get(family, "")
    kind: Kind = "counter" if ending in _PARTS.get(of, ()) or (of == "counter" and not ending) else "gauge"
    unit = "" if ending in {_COUNT, _BUCKET} else _unit(family.removesuffix(_TOTAL), units.get(family, ""))
    spelled = ",".join(f"{label}={text}" for label, text in _labels(labels, number)) if labels else ""
    return Exposed(f"{name}{{{spelled}}}" if spelled else name, float(value), kind, unit)


def _family(name: str, types: dict[str, str]) -> tuple[str, str]:
    """Return the metric that a sample belongs to, and what its name has behind that metric's."""
    if name in types:
        return name, ""
    for ending in (_TOTAL, _SUM, _COUNT, _BUCKET):
        if name.endswith(ending) and ending in _PARTS.get(types.get(name.removesuffix(ending), ""), ()):
            return name.removesuffix(ending), ending
    return name, ""


def _unit(family: str, declared: str) -> str:
    if declared:
        return _DECLARED.get(declared, declared)
    return next((unit for ending, unit in _UNITS.items() if family.endswith(ending)), "")


def _labels(text: str, number: int) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError(f"line {number} of the answer has labels that are none: {text[:80]!r}")
        yield match[1], match[2]
        at = match.end()

"""Names that users give to what is stored or compared: their grammar. `series/resolve.py` looks them up.

    scale                     a series, or a trial by the start of its id, or a results folder
    scale:rate=100            the points of a series with this value; several values are joined by commas
    rate=100,engine=old       points of the series that the command is about
    git:v1.2                  a commit, by any name that git knows
    experiments/scale.toml    the series of an experiment file
    old/results               a results folder

A value in double quotes may contain commas: `scale:workload="a,b=c"`.
"""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

from wke.describe.experiment.point import distinct, meant, value_key
from wke.describe.experiment.sweep import Value, value_text
from wke.errors import InputError, did_you_mean
from wke.values import dataclass

GIT = "git:"
_VALUE = re.compile(r'\s*(?P<name>[^=,"\s]+)\s*=(?:"(?P<quoted>[^"]*)"|(?P<plain>(?!")(?:[^,]|,(?![^=,"\s]+=))*))(?:,|$)')

Point = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Word:
    """Anything else: a series, the start of a trial's id, or a folder."""

    text: str


@dataclass(frozen=True, slots=True)
class PointsOf:
    """The points that have these values, of the named series or of the one that the command is about (None)."""

    series: str | None
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GitRef:
    """A commit, by any name that git knows."""

    ref: str


@dataclass(frozen=True, slots=True)
class FileOf:
    """The series of an experiment file."""

    path: Path


@dataclass(frozen=True, slots=True)
class FolderOf:
    """A folder with results."""

    path: Path


GivenName = Word | PointsOf | GitRef | FileOf | FolderOf


def parse_name(text: str) -> GivenName:
    """Return what a name is by its form; raise InputError when it has none of the forms above."""
    if not text.strip():
        raise InputError("a name is missing", hint="give a series, SERIES:PARAMETER=VALUE, a trial, git:COMMIT or a results folder")
    if text.startswith(GIT):
        if text == GIT:
            raise InputError(f"{text} names no commit", hint=f"write {GIT}HEAD, {GIT}v1.2 or {GIT}3f2a91c")
        return GitRef(text.removeprefix(GIT))
    if text.endswith(".toml"):
        return FileOf(Path(text))
    series, colon, values = text.partition(":")
    if colon and "=" in values and "=" not in series:
        return PointsOf(series, parse_values(values, text))
    if "=" in text:
        return PointsOf(None, parse_values(text, text))
    return FolderOf(Path(text)) if "/" in text or text in {".", ".."} else Word(text)


def parse_values(text: str, given: str) -> dict[str, str]:
    """Return the values in `name=value,name=value`; raise InputError, which starts with what was `given`, for other texts."""
    values: dict[str, str] = {}
    at = 0
    while at < len(text) or not values:
        match = _VALUE.match(text, at)
        if match is None:
            raise InputError(f"{given}: {text[at:] or 'nothing'} is not PARAMETER=VALUE", hint="write rate=100, or rate=100,engine=old")
        if match["name"] in values:
            raise InputError(f"{given}: {match['name']} is given twice")
        values[match["name"]] = match["plain"] if match["quoted"] is None else match["quoted"]
        at = match.end()
    return values


def merged_values(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Return the values of all uses of an option; raise InputError when one is no assignment, or a parameter is given twice."""
    values: dict[str, str] = {}
    for text in texts:
        for name, value in parse_values(text, f"{flag} {text}").items():
            if name in values:
                raise InputError(f"{flag} {text}: {name} is given twice")
            values[name] = value
    return values


def points_with(points: Iterable[Point], values: Mapping[str, str], given: str) -> tuple[Point, ...]:
    """Return the points that have all these values; raise InputError, which starts with what was `given`, when there is none."""
    known = tuple(points)
    wanted: dict[str, frozenset[Hashable]] = {}
    for name, text in values.items():
        written = distinct(_value(point[name]) for point in known if name in point)
        if not written:
            names = dict.fromkeys(name for point in known for name in point)
            raise InputError(f'{given}: there is no parameter "{name}"', hint=did_you_mean(name, names))
        wanted[name] = frozenset(map(value_key, _written_as(text, written)))
        if not wanted[name]:
            raise InputError(f"{given}: {name} is never {text}", hint=did_you_mean(text, map(value_text, written)))

    def has(point: Point) -> list[bool]:
        return [name in point and value_key(_value(point[name])) in keys for name, keys in wanted.items()]

    found = tuple(point for point in known if all(has(point)))
    if not found:
        hint = _nearest_hint(max(known, key=lambda point: sum(has(point))), values)
        raise InputError(f"{given}: no point has all these values together", hint=hint)
    return found


def _written_as(text: str, values: Sequence[Value]) -> list[Value]:
    """Return the values that are written as this text, else the numbers that are equal to it, as 100.0 is to 100."""
    same = [value for value in values if value_text(value) == text]
    try:
        return same or meant(float(text), values)
    except ValueError:
        return []


def _value(value: object) -> Value:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _nearest_hint(nearest: Point, values: Mapping[str, str]) -> str:
    return "the nearest is " + ",".join(f"{name}={value_text(_value(nearest[name]))}" for name in values if name in nearest)

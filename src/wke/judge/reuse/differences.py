"""Differences between the inputs of two trials, as text: why a stored result does not count."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from wke.documents import Json
from wke.keep.trials.trials import Inputs
from wke.values import dataclass

Script = Callable[[str], str | None]
"""Returns the text of a script by its digest, None if it is not stored."""

FILES = ("script", "prelude", "module", "files")
KINDS = {"steps": "step", "metrics": "metric", "scheme": "scheme of identities", "beside": "the other revision"}
NOUNS = {
    "files": "file",
    "scheme": "the scheme of identities",
    "checks": "the checks",
    "metrics": "metric",
    "cluster": "the cluster",
    "beside": "the other revision",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One place where inputs differ; the values are JSON. A script has the same place in every step."""

    place: tuple[str, ...]
    before: str
    now: str

    @property
    def kind(self) -> str:
        """Return the kind of change as a clause, such as `script changed`."""
        head, last = self.place[0], self.place[-1]
        if head == "files" and last != head:
            return f"file {last} changed"
        if head in FILES:
            return f"{last} changed"
        if head == "point":
            return f"parameter {'.'.join(self.place[1:])} changed"
        if _is_rendered(self.place):
            return f"rendered file {self.place[3]} changed"
        if head == "steps" and "options" in self.place[:-1]:
            return f"option {last} changed"
        return f"{KINDS.get(head, head)} changed"

    @property
    def is_new_metric(self) -> bool:
        """Whether a metric was added; an earlier result has no value for it."""
        return self.place[0] == "metrics" and self.before == "null"


def changes(before: Inputs, now: Inputs) -> tuple[Change, ...]:
    """Return the places where the inputs of two trials differ."""
    return tuple(
        Change(path[-1:] if _is_script(path) else path, json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
        for path, old, new in paths(before["depends"], now["depends"])
    )


def nearest(of: Inputs, among: Mapping[str, Inputs]) -> str | None:
    """Return the name of the first inputs that differ from `of` in the fewest places; None if there are none."""
    return min(among, key=lambda name: sum(1 for _ in paths(among[name]["depends"], of["depends"])), default=None)


def differences(before: Inputs, now: Inputs, script: Script) -> Iterator[str]:
    """Yield a phrase for every difference. For a script whose text is stored, the changed lines follow the phrase."""
    names: Sequence[str] = now.get("targets", ())
    for path, old, new in paths(before["depends"], now["depends"]):
        text = f"{_place(path, names)} was {_value(old)}, is {_value(new)}"
        if (_is_script(path) or _is_rendered(path)) and old is not None and new is not None:
            text = "\n".join([f"{_place(path, names)} changed", *_diff(script(old), script(new))])
        yield text


def paths(old: Json, new: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json, Json]]:
    """Yield the places where two values differ, as deep as both have the same keys."""
    if path[-1:] == ("options",):
        old, new = dict(old or ()), dict(new or ())
    if isinstance(old, list) and isinstance(new, list) and path == ("steps",) and len(old) == len(new):
        old, new = ({str(k): value for k, value in enumerate(values)} for values in (old, new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*new, *old)):
            yield from paths(old.get(name), new.get(name), (*path, str(name)))
    elif old != new:
        yield path, old, new


def _is_script(path: tuple[str, ...]) -> bool:
    return path[0] == "steps" and path[-1] in FILES and not {"options", "environment"} & set(path)


def _is_rendered(path: tuple[str, ...]) -> bool:
    """Return whether a place is the digest of a rendered file, behind its path and its machines."""
    return len(path) == 5 and path[0] == "steps" and path[2] == "rendered"


def _place(path: tuple[str, ...], targets: Sequence[str]) -> str:
    head, *rest = path
    if head == "point":
        return f"parameter {'.'.join(rest)}"
    if head == "steps" and rest:
        step = int(rest[0])
        name = targets[step] if step < len(targets) else f"step {step}"
        return f"{name}: {' '.join(('option' if word == 'options' else word) for word in rest[1:]) or 'the step'}"
    return " ".join((NOUNS.get(head, head), *rest))


def _value(value: Json) -> str:
    return "missing" if value is None else value if isinstance(value, str) else json.dumps(value)


def _diff(old: str | None, new: str | None) -> Iterator[str]:
    if old is not None and new is not None:
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=1)
        yield from (f"  {line}" for line in list(lines)[2:])

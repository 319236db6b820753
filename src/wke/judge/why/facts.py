"""Facts that differ between two results: inputs, versions, machines, software. They are not statistical: they differ, or they do not."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import chain

from wke.documents import Json
from wke.judge.reuse.differences import FILES, paths
from wke.keep.machines.fingerprint import INFORM, PARTS, Reference
from wke.keep.trials.trials import Inputs
from wke.keep.trials.versions import Version
from wke.values import dataclass


class FactKind(IntEnum):
    """What a fact is about, in the order of the ranking: what people change on purpose comes first."""

    VERSION = 1
    SCRIPT = 2
    FILE = 3
    OPTION = 4
    LIMIT = 5
    LINK = 6
    STEP = 7
    TAKES_PART = 8
    MACHINE = 9
    METRIC = 10
    ADDRESS = 11
    PRODUCT = 12
    SOFTWARE = 13

    @property
    def decides(self) -> bool:
        """Whether a result may depend on it; other facts only inform."""
        return self < FactKind.ADDRESS


@dataclass(frozen=True, slots=True)
class FactDifference:
    """A fact `name` that has other values in the candidate than in the `baseline`; none where it is missing.

    `where` are machines, or the step's target; of a script the values are digests. Several values mean that it changed within one side.
    """

    kind: FactKind
    name: str
    where: tuple[str, ...]
    baseline: tuple[str, ...]
    candidate: tuple[str, ...]


Parameters = Mapping[str, tuple[str, str]]
"""Parameters in which the two differ because that was asked for: the baseline's and the candidate's value."""


def input_facts(baseline: Inputs, candidate: Inputs, asked: Parameters) -> Iterator[FactDifference]:
    """Yield how the inputs of two trials differ, without what follows from the parameters that were `asked` for."""
    targets: Sequence[str] = candidate.get("targets", ())
    earlier: Sequence[str] = baseline.get("targets", ())
    if len(targets) != len(earlier):
        yield FactDifference(FactKind.STEP, "steps", (), (", ".join(earlier),), (", ".join(targets),))
    differing = paths(baseline.get("depends", {}), candidate.get("depends", {}))
    for path, old, new in chain.from_iterable(_deeper(*each) for each in differing):
        before, now = _text(old), _text(new)
        kind, name, where = _input(path, targets)
        if kind is not None and not _follows(before, now, asked):
            yield FactDifference(kind, name, where, _values(before), _values(now))


def _deeper(path: tuple[str, ...], old: Json, new: Json) -> Iterable[tuple[tuple[str, ...], Json, Json]]:
    """Return a difference, or that of each part where one side has no limits or links at all."""
    return paths(old or {}, new or {}, path) if path[-1] == "limits" or path[:-1] == ("cluster", "links") else [(path, old, new)]


def _input(path: Sequence[str], targets: Sequence[str]) -> tuple[FactKind | None, str, tuple[str, ...]]:
    """Return what a place of the inputs is about, its name and where it is; no kind for what is no fact of the run."""
    head, *rest = path
    match head:
        case "cluster":
            return _cluster(rest)
        case "steps" if rest and rest[0].isdecimal():
            number = int(rest[0])
            return _step(rest[1:], targets[number] if number < len(targets) else f"step {number}")
        case _:
            kind = {"files": FactKind.FILE, "metrics": FactKind.METRIC, "checks": FactKind.METRIC}.get(head)
            return kind, " ".join(rest) or head, ()


def _cluster(rest: Sequence[str]) -> tuple[FactKind, str, tuple[str, ...]]:
    match rest:
        case ("machines", machine):
            return FactKind.TAKES_PART, machine, (machine,)
        case ("machines", machine, "limits", *name):
            return FactKind.LIMIT, " ".join(name) or "limits", (machine,)
        case ("machines", machine, name, *_):
            return FactKind.ADDRESS, name, (machine,)
        case ("links", *name):
            return FactKind.LINK, " ".join(name) or "links", ()
    return FactKind.TAKES_PART, " ".join(rest) or "cluster", ()


def _step(rest: Sequence[str], target: str) -> tuple[FactKind, str, tuple[str, ...]]:
    match rest:
        case ("options" | "environment", *name):
            return FactKind.OPTION, " ".join(name) or rest[0], (target,)
        case (what,) if what in FILES:
            return FactKind.SCRIPT, what, (target,)
    return FactKind.STEP, " ".join(rest) or "step", (target,)


def _text(value: Json) -> str | None:
    if isinstance(value, Mapping) and value.keys() == {"secret"}:
        return f"secret {str(value['secret'])[:8]}"
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)


def _values(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


def _follows(before: str | None, now: str | None, asked: Parameters) -> bool:
    """Tell whether one text becomes the other when the value of a parameter in it is replaced."""
    if before is None or now is None:
        return False
    replaced = ((rf"(?<![\w.]){re.escape(old)}(?![\w.])", new) for old, new in asked.values() if old)
    return any(now == new.join(re.split(pattern, before)) for pattern, new in replaced)


def version_facts(baseline: Iterable[Version], candidate: Iterable[Version]) -> Iterator[FactDifference]:
    """Yield which versions of software differ; a machine that could not tell is left out."""
    said = [_said(side) for side in (baseline, candidate)]
    yield from _grouped(FactKind.VERSION, *said)


def _said(versions: Iterable[Version]) -> dict[tuple[str, str], dict[str, None]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for version in versions:
        if not version.problem:
            found.setdefault((version.name, version.machine), {})[version.said] = None
    return found


Facts = Mapping[tuple[str, str], Collection[str]]
"""Values by the fact's name and the machine."""


def _grouped(kind: FactKind, baseline: Facts, candidate: Facts) -> Iterator[FactDifference]:
    """Yield what differs on machines for which both sides are known; one that differs alike on several machines once."""
    groups: defaultdict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (name, machine), now in candidate.items():
        before = baseline.get((name, machine), ())
        if before and set(before) != set(now):
            groups[name, tuple(before), tuple(now)].append(machine)
    for (name, earlier, now_), machines in groups.items():
        yield FactDifference(kind, name, tuple(machines), earlier, now_)


def machine_facts(baseline: Iterable[Reference], candidate: Iterable[Reference]) -> Iterator[FactDifference]:
    """Yield which facts of machines of the same name differ, those that decide first.

    A fact that one side does not have was unknown at that time; a disk or an interface was not there.
    """
    sides = [_facts(side) for side in (baseline, candidate)]
    both = {machine for _, machine in sides[0]} & {machine for _, machine in sides[1]}
    for here, there in (sides, sides[::-1]):
        here.update({key: {"missing": None} for key in there if key[1] in both and key[0].startswith(PARTS) and key not in here})
    found = list(_grouped(FactKind.MACHINE, *sides))
    yield from (each for each in found if each.name not in INFORM)
    for each in found:
        if each.name in INFORM:
            yield FactDifference(FactKind.PRODUCT, each.name, each.where, each.baseline, each.candidate)


def _facts(references: Iterable[Reference]) -> dict[tuple[str, str], dict[str, None]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for reference in references:
        for (machine, _), facts in reference.items():
            for name, value in facts.items():
                found.setdefault((name, machine), {})[value] = None
    return found


def software_facts(baseline: Mapping[str, object], candidate: Mapping[str, object]) -> Iterator[FactDifference]:
    """Yield how the software that ran on the controller differs: wke, Python, the commit of the project."""
    for name in ("wke", "python", "git"):
        before, now = (_software(side.get(name)) for side in (baseline, candidate))
        if before and now and before != now:
            yield FactDifference(FactKind.SOFTWARE, name, (), (before,), (now,))


def _software(value: object) -> str:
    if isinstance(value, Mapping):
        commit, changed = str(value.get("commit", ""))[:12], value.get("uncommitted")
        return f"{commit} with changes {str(changed)[:8]}" if commit and changed else commit
    return str(value or "")

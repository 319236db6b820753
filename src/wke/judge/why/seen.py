"""What a trial says about each aspect: one number for each machine or task, over a part of the measured step.

The number is a mean over time, so that how samples follow one another (they trend, they resemble their neighbours) has no say in how sure
a difference is. That is decided by how the numbers of trials scatter.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from statistics import fmean

from wke.judge.telemetry.course import Figures, Window
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.verdicts.uses import EMULATION_HOST, TASK
from wke.judge.why.aspect import Aspect, AspectFormula
from wke.judge.why.aspects import ASPECTS, DURATION, FOREIGN, WAY, exposed_aspect
from wke.keep.telemetry.columns import HOST, THIS_MACHINE, Column

LEAST_KNOWN = 0.5
"""A mean counts if the column is known for this share of the window; it is compared with others like it, so that small gaps do no harm."""
LOOPBACK = "net.lo."
SCRAPE, PERF = "scrape.", "perf."
BUCKETS = re.compile(r"_(bucket|created)(\{|$)")
NEEDED = ("cpu.busy", "cpu.irq", "cpu.softirq", "cpu.capacity", "memory.total", "tcp.sent")
STEP = "the measured step"
Key = tuple[Aspect, str]
"""An aspect, and the place where it is seen: a machine, the computer that carries machines, `TARGET on MACHINE`, or STEP."""
Known = Mapping[str, Figures]


def seen_of(telemetry: TrialTelemetry, window: Window, ways_s: Mapping[str, float]) -> dict[Key, float]:
    """Return the numbers of a trial, of which the `ways_s` to its machines are known; what is not known is left out."""
    found: dict[Key, float] = {(WAY, machine): seconds for machine, seconds in ways_s.items()}
    if telemetry.window is not None:
        found[DURATION, STEP] = telemetry.window.seconds
    host: Known = {}
    busy: list[float] = []
    for machine in telemetry.machines:
        known = _known(telemetry, machine, window)
        own = _of(known, THIS_MACHINE)
        host = host or _of(known, HOST)
        busy += [own["cpu.busy"].mean] if "cpu.busy" in own else []
        found |= _of_machine(machine, own, known)
    if host:
        foreign = _foreign(host, busy) if len(busy) == len(telemetry.machines) else {}
        found |= _values(EMULATION_HOST, host, foreign, "machine")
    return found


def _of_machine(machine: str, own: Known, known: Mapping[Column, Figures]) -> dict[Key, float]:
    """Return the numbers of a machine and of its tasks, and what programs on it expose."""
    used = [figures.mean * figures.covered for column, figures in known.items() if column.task is not None and column.name == "cpu"]
    found: dict[Key, float] = dict(_values(machine, own, _foreign(own, used) if used else {}, "machine"))
    for place, figures in _tasks(known).items():
        found |= _values(place, figures, {}, "task")
    return found | {(aspect, machine): value for aspect, value in _exposed(known)}


def _known(telemetry: TrialTelemetry, machine: str, window: Window) -> dict[Column, Figures]:
    columns = [column for column in telemetry.columns(machine) if _is_wanted(column.scope, column.name)]
    return {column: each for column, each in telemetry.figures(machine, columns, window).items() if each.covered >= LEAST_KNOWN}


def _of(known: Mapping[Column, Figures], scope: str) -> dict[str, Figures]:
    return {column.name: figures for column, figures in known.items() if column.scope == scope}


def _tasks(known: Mapping[Column, Figures]) -> dict[str, dict[str, Figures]]:
    """Return the figures of tasks by their place; those of several copies are added up."""
    found: defaultdict[str, dict[str, Figures]] = defaultdict(dict)
    for column, figures in known.items():
        if column.task is not None:
            mine = found[f"{column.task.target} on {column.task.machine}"]
            before = mine.get(column.name)
            mine[column.name] = figures if before is None else _sum(before, figures)
    return found


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(one.mean + other.mean, one.least + other.least, one.most + other.most, min(one.covered, other.covered), one.unit)


def _foreign(known: Known, used: Iterable[float]) -> dict[str, float]:
    """Return how many processors work for no program of the trial, nor for devices."""
    busy = known.get("cpu.busy")
    if busy is None:
        return {}
    devices = sum(known[name].mean for name in ("cpu.irq", "cpu.softirq") if name in known)
    return {FOREIGN: max(0.0, busy.mean - devices - sum(used))}


def _values(place: str, known: Known, derived: Mapping[str, float], of: str) -> Iterator[tuple[Key, float]]:
    """Yield what the aspects of a machine or task come to."""
    for aspect, names in _chosen(tuple(known), of) if known else ():
        value = _value(aspect, [getattr(known[name], aspect.statistic) for name in names], derived)
        per = AspectFormula.of(aspect.what).per
        whole = known[per].mean if per in known else 0.0
        if value is not None and (not per or whole > 0):
            yield (aspect, place), value / whole if per else value


TOGETHER: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": sum, "most": max, "mean": fmean}


def _value(aspect: Aspect, parts: Sequence[float], derived: Mapping[str, float]) -> float | None:
    formula = AspectFormula.of(aspect.what)
    parts = [*parts, *(derived[name] for name in formula.patterns if name in derived)]
    return TOGETHER[formula.join](parts) if parts else 0.0 if aspect.absent_is_0 else None


@lru_cache(maxsize=1 << 10)
def _chosen(names: tuple[str, ...], of: str) -> tuple[tuple[Aspect, tuple[str, ...]], ...]:
    """Return the aspects of machines or tasks, each with those of the columns that it is made of; most machines have the same columns."""
    aspects = [aspect for aspect in ASPECTS if aspect.of == of]
    return tuple((aspect, tuple(name for name in names if _matches(name, AspectFormula.of(aspect.what).patterns))) for aspect in aspects)


@lru_cache(maxsize=1 << 14)
def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _exposed(known: Mapping[Column, Figures]) -> Iterator[tuple[Aspect, float]]:
    """Yield what programs expose and what processors count, with its aspect: of durations and sizes that are summed, the mean."""
    mine = {column.name: (column, figures) for column, figures in known.items() if _is_exposed(column.scope, column.name)}
    for name, (column, figures) in mine.items():
        base, total, labels = name.partition("_sum")
        count = mine.get(f"{base}_count{labels}")
        if total and count is not None:
            if count[1].mean > 0:
                yield exposed_aspect(base + labels, _unit(base, "")), figures.mean / count[1].mean
        elif name.replace("_count", "_sum", 1) not in mine or name.replace("_count", "_sum", 1) == name:
            yield exposed_aspect(name, _unit(name, "/s" if column.kind == "counter" else "")), figures.mean


def _unit(name: str, per: str) -> str:
    """Return the unit that a name for Prometheus ends with, by its conventions."""
    plain = name.partition("{")[0].removesuffix("_total")
    if plain.endswith("_bytes"):
        return f"B{per}"
    return f"1{per}" if per else "s" if plain.endswith("_seconds") else "1"


def _is_exposed(scope: str, name: str) -> bool:
    return (scope.startswith(SCRAPE) and not BUCKETS.search(name)) or (scope == THIS_MACHINE and name.startswith(PERF))


@lru_cache(maxsize=1 << 14)
def _is_wanted(scope: str, name: str) -> bool:
    if _is_exposed(scope, name) or name.startswith(LOOPBACK):
        return not name.startswith(LOOPBACK)
    kind = "task" if scope.startswith(TASK) else "machine" if scope in {THIS_MACHINE, HOST} else ""
    patterns = (AspectFormula.of(aspect.what).patterns for aspect in ASPECTS if aspect.of == kind)
    return bool(kind) and (name in NEEDED or any(_matches(name, each) for each in patterns))

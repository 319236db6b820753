"""What machines and tasks use now, from two readings of their counters; which are the most loaded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from wke.records import MachineUsage
from wke.values import dataclass

GAUGES = ("cpu.capacity", "memory.used", "memory.total", "load.1")
TIMES = ("cpu.busy",)
MICROSECONDS = 1e6
LOAD_UNIT = 100
MOST_NAMES = 4096
ADDED = ("cpu", "cpus", "memory", "memory_total", "read", "written", "received", "sent")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a machine used over about the last second; None is unknown.

    `cpu` of its `cpus` processors were busy; `memory` of `memory_total` bytes are in use. `read`, `written` (disks), `received` and `sent`
    (network) are bytes per second. `load` is the mean number of waiting and running threads over a minute, `pressure` the share of the time
    in which some thread waited for the resource that it maps to (cpu, memory, io). `problem` says why nothing is known.
    """

    machine: str
    cpu: float | None = None
    cpus: float | None = None
    memory: float | None = None
    memory_total: float | None = None
    read: float | None = None
    written: float | None = None
    received: float | None = None
    sent: float | None = None
    load: float | None = None
    pressure: Mapping[str, float] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TaskUsage:
    """What one task uses: busy processors over about the last second, resident memory in bytes, threads and processes."""

    machine: str
    target: str
    copy: int
    cpu: float | None
    memory: int
    threads: int
    processes: int

    @property
    def name(self) -> str:
        """The target, with the number of the copy unless it is the first."""
        return f"{self.target}.{self.copy}" if self.copy else self.target or "–"


def is_of_use(name: str) -> bool:
    """Tell whether `usage_between` reads a column of that name."""
    return name in GAUGES or name in TIMES or _traffic(name) is not None or _pressure(name) is not None


def usage_between(machine: str, before: Mapping[str, int | None], after: Mapping[str, int | None], elapsed_s: float) -> Usage:
    """Return what a machine used between two rows, given as the values of columns by their names; None is a value that is not known.

    A counter that has no value in the row before, as that of a device that is new, says nothing yet.
    """

    def grown(name: str) -> float | None:
        first, last = before.get(name), after.get(name)
        return None if first is None or last is None or elapsed_s <= 0 else max(0, last - first) / elapsed_s

    def gauge(name: str, unit: float = 1) -> float | None:
        value = after.get(name)
        return None if value is None else value / unit

    def traffic(kind: str) -> float | None:
        known = [rate for name in after if _traffic(name) == kind and (rate := grown(name)) is not None]
        return sum(known) if known else None

    waits = {resource: grown(name) for name in after if (resource := _pressure(name))}
    cpu = grown("cpu.busy")
    return Usage(
        machine,
        None if cpu is None else cpu / MICROSECONDS,
        gauge("cpu.capacity", MICROSECONDS),
        gauge("memory.used"),
        gauge("memory.total"),
        traffic("read"),
        traffic("written"),
        traffic("received"),
        traffic("sent"),
        gauge("load.1", LOAD_UNIT),
        {resource: min(1.0, waited / MICROSECONDS) for resource, waited in waits.items() if waited is not None} or None,
    )


@lru_cache(MOST_NAMES)
def _traffic(name: str) -> str | None:
    """Return what a column of a disk or a network card counts: read, written, received or sent. The loopback is none of them."""
    words = name.split(".")
    if words[0] == "disk" and words[-1] in {"read", "written"}:
        return words[-1]
    return words[-1] if words[0] == "net" and words[-1] in {"received", "sent"} and words[1] != "lo" else None


@lru_cache(MOST_NAMES)
def _pressure(name: str) -> str | None:
    """Return the resource for which a column says how long some thread waited."""
    words = name.split(".")
    return words[1] if len(words) == 3 and words[0] == "pressure" and words[2] == "some" else None


def of_record(record: MachineUsage) -> Usage:
    """Return what a record says."""
    memory = (record.memory, record.memory_total)
    return Usage(record.machine, record.cpu, record.cpus, *memory, received=record.received, sent=record.sent)


def share(part: float | None, whole: float | None) -> float | None:
    """Return a part as a share of the whole; None where one of them is unknown."""
    return None if part is None or not whole else part / whole


def both(one: float | None, other: float | None) -> float | None:
    """Return a sum in which an unknown part counts as nothing; None where both are unknown."""
    return None if one is None and other is None else (one or 0) + (other or 0)


MEASURES: Mapping[str, Callable[[Usage], float | None]] = {
    "cpu": lambda usage: share(usage.cpu, usage.cpus),
    "memory": lambda usage: share(usage.memory, usage.memory_total),
    "disk": lambda usage: both(usage.read, usage.written),
    "network": lambda usage: both(usage.received, usage.sent),
}
"""What machines can be sorted by, besides their names."""
BY_NAME = "name"


def sorted_machines(usages: Iterable[Usage], by: str) -> list[Usage]:
    """Return machines, those that use most first, and those of which nothing is known last; by name, in the order given."""
    if by == BY_NAME:
        return list(usages)
    measure = MEASURES[by]

    def key(usage: Usage) -> tuple[bool, float]:
        value = measure(usage)
        return not usage.problem, -1.0 if value is None else value

    return sorted(usages, key=key, reverse=True)


def sorted_tasks(tasks: Iterable[TaskUsage], by: str) -> list[TaskUsage]:
    """Return tasks, those that use most memory or else processor time first; by name, in the order of their machines and names."""
    if by == BY_NAME:
        return list(tasks)
    return sorted(tasks, key=lambda task: task.memory if by == "memory" else task.cpu or 0.0, reverse=True)


def total(usages: Sequence[Usage]) -> Usage:
    """Return what machines use together, without a name; pressure is that of the machine that suffers most, load is left out."""

    def added(name: str) -> float | None:
        known = [value for usage in usages if (value := getattr(usage, name)) is not None]
        return sum(known) if known else None

    worst: dict[str, float] = {}
    for usage in usages:
        for resource, value in (usage.pressure or {}).items():
            worst[resource] = max(worst.get(resource, 0.0), value)
    cpu, cpus, memory, memory_total, read, written, received, sent = map(added, ADDED)
    return Usage("", cpu, cpus, memory, memory_total, read, written, received, sent, pressure=worst or None)

"""How much of what they have machines, their computers and tasks used in a window: the shares from which a limit is found."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from wke.judge.telemetry.course import Figures, Window
from wke.judge.verdicts.limit import Resource, Share
from wke.records import TaskName

DISKS = "disk.*.busy"
SHARE_COLUMNS = (DISKS, "disk.written", "disk.capacity", "pressure.io.some")
EDGE = 0.1
"""The share of a window that is left out at each end: there a load begins, and ends."""
STEADY = (0.95, 1.05)
"""The cores that a program uses in which one of several threads is always busy, and no other."""


def inner(window: Window) -> Window:
    """Return a window without its ends."""
    edge_ns = round(EDGE * (window.end_ns - window.start_ns))
    return Window(window.start_ns + edge_ns, window.end_ns - edge_ns)


def machine_shares(place: str, seen: Mapping[str, Figures], carried: float | None = None) -> Iterator[Share]:
    """Yield what was used of a machine, by the figures of its columns; of a computer, of which emulated machines use `carried` cores."""
    busy, cores = _mean(seen, "cpu.busy"), _mean(seen, "cpu.capacity")
    if busy is not None and cores:
        yield Share(place, Resource.PROCESSORS, busy / cores, round(cores, 3), None if carried is None else min(carried, busy) / cores)
    total, used, available = _mean(seen, "memory.total"), seen.get("memory.used"), seen.get("memory.available")
    if total and (used or available):
        yield Share(place, Resource.MEMORY, 1 - available.least / total if available else used.most / total if used else 0.0)
    for name in seen:
        if fnmatchcase(name, DISKS):
            yield Share(f"disk {name.split('.', 1)[1].rpartition('.')[0]} of {place}", Resource.DISK, seen[name].mean)
    waited, written, rate = _mean(seen, "pressure.io.some"), _mean(seen, "disk.written"), _mean(seen, "disk.capacity")
    if waited is not None:
        yield Share(place, Resource.DISK_WAIT, waited)
    if written is not None and rate:
        yield Share(place, Resource.WRITING, written / rate, rate)


def task_share(task: TaskName, seen: Mapping[str, Figures], cores: float | None) -> Iterator[Share]:
    """Yield what a task used of the processors that its threads can use, unless that is all `cores` of its machine."""
    cpu, threads = _mean(seen, "cpu"), seen["threads"].most if "threads" in seen else 0.0
    if cpu is None or not threads or cores is None or cores <= 1:
        return
    place = f"{task.target} on {task.machine}"
    if threads < cores:
        yield Share(place, Resource.THREADS, cpu / threads, threads)
    elif STEADY[0] <= cpu <= STEADY[1]:
        yield Share(place, Resource.ONE_THREAD, min(1.0, cpu), 1.0)


def _mean(seen: Mapping[str, Figures], name: str) -> float | None:
    return seen[name].mean if name in seen else None

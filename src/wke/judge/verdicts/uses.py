"""What machines and tasks did in the measured window, by their telemetry. What is not known of most of the window is left out."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field, replace
from fnmatch import fnmatchcase

import numpy as np

from wke.judge.telemetry.course import Course, Figures, Window, edges
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.telemetry.undisturbed import Undisturbed
from wke.judge.verdicts.limit import Share
from wke.judge.verdicts.machineuse import MachineUse
from wke.judge.verdicts.processes import TaskUse
from wke.judge.verdicts.shares import SHARE_COLUMNS, inner, machine_shares, task_share
from wke.keep.telemetry.columns import HOST, THIS_MACHINE, Column
from wke.records import TaskName
from wke.values import dataclass

SECOND_NS = 1_000_000_000
TASK = "task."
EMULATION_HOST = "the computer"
"""What the computer that carries emulated machines is called."""
MACHINE_COLUMNS = (
    *("cpu.busy", "cpu.irq", "cpu.softirq", "cpu.steal", "cpu.capacity", "memory.available", "memory.used", "memory.total"),
    *("cpu.agent", "cpu.controller", "boot", "swap.in", "swap.out", "pressure.memory.some", "throttled.cores"),
)
SELDOM = ("cpu.agent", "cpu.controller", "boot", "swap.in", "swap.out", "throttled.cores")
"""What is read once or twice a second: of a short window only a part is known, and what happened in that is told."""
TASK_COLUMNS = ("cpu", "threads")
Gaps = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Uses:
    """What is known of `machines`, of the `hosts` of emulated ones, and of background `tasks`.

    `generators` maps each machine to the cores that its measured tasks used, and those that they could use.
    `shares` are how much was used of what there is, in the middle of the window.
    """

    machines: tuple[MachineUse, ...] = ()
    hosts: tuple[MachineUse, ...] = ()
    tasks: tuple[TaskUse, ...] = ()
    generators: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()

    @property
    def owners(self) -> tuple[MachineUse, ...]:
        """The computers whose processors are not shared with other machines of ours: hosts instead of the machines that they carry."""
        carried = bool(self.hosts)
        return self.hosts if carried else self.machines


def uses_of(
    telemetry: TrialTelemetry,
    measured: AbstractSet[TaskName],
    backgrounds: AbstractSet[TaskName],
    *,
    machines: Collection[str] | None = None,
    disturbed: Sequence[tuple[float, float]] = (),
) -> Uses:
    """Return what machines and tasks did in the measured window: the `machines` that take part, by default all that have telemetry.

    What they did while the window was `disturbed`, in seconds since its start, is left out.
    """
    if telemetry.window is None:
        return Uses()
    rest = Undisturbed(telemetry.window, disturbed)
    window = rest.window(telemetry.window)
    seen = _with_neighbours([_seen(telemetry, name, window, rest) for name in telemetry.machines])
    hosts = _hosts(seen, window)
    taking_part = [each.use for each in seen if machines is None or each.use.machine in machines]
    return Uses(
        machines=tuple(taking_part),
        hosts=hosts,
        tasks=tuple(use for each in seen for use in each.background(backgrounds)),
        generators={each.use.machine: each.generator(measured) for each in seen if not measured.isdisjoint(each.tasks)},
        shares=_shares([replace(each, window=inner(window)) for each in seen], machines, hosts[0].own if hosts else None),
    )


def _hosts(seen: "Sequence[_Seen]", window: Window) -> tuple[MachineUse, ...]:
    """Return what the computer did that carries emulated machines, of which each has its telemetry; nothing if none is emulated."""
    hosts = [each.figures(HOST) for each in seen if any(column.scope == HOST for column in each.courses)]
    busy = [each.use.busy for each in seen]
    carried = sum(each for each in busy if each is not None) if None not in busy else None
    return (_machine(EMULATION_HOST, hosts[0], _added(carried, hosts[0], "cpu.controller"), window),) if hosts else ()


def _with_neighbours(seen: "Sequence[_Seen]") -> "list[_Seen]":
    """Return machines of which those that share a kernel count as their own what the trial and wke use of it through any of them."""
    together: dict[float, list[_Seen]] = {}
    for each in seen:
        if each.boot is not None and each.use.own is not None:
            together.setdefault(each.boot, []).append(each)
    found = []
    for each in seen:
        neighbours = together.get(each.boot, []) if each.boot is not None else []
        own = sum(one.use.own or 0.0 for one in neighbours) + max((one.controller for one in neighbours), default=0.0)
        found.append(replace(each, use=replace(each.use, own=own)) if neighbours else each)
    return found


def _added(own: float | None, seen: Mapping[str, Figures], column: str) -> float | None:
    """Return the cores that are ours with those of another column, where these are known."""
    return own if column not in seen else (own or 0.0) + seen[column].mean


def _shares(seen: "Sequence[_Seen]", machines: Collection[str] | None, carried: float | None) -> tuple[Share, ...]:
    """Return how much was used of machines, of the computer that carries them, and of what each task can use."""
    found: list[Share] = []
    for each in seen if machines is None else (one for one in seen if one.use.machine in machines):
        found += machine_shares(each.use.machine, each.figures(THIS_MACHINE))
        found += (share for task in each.tasks for share in task_share(task, each.figures(task), each.use.cores))
    hosts = [each.figures(HOST) for each in seen if any(column.scope == HOST for column in each.courses)]
    return (*found, *(share for host in hosts[:1] for share in machine_shares(EMULATION_HOST, host, carried)))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The courses of a machine in the window, and what they come to."""

    courses: Mapping[Column, Course]
    window: Window
    use: MachineUse
    boot: float | None = None
    controller: float = 0.0

    @property
    def tasks(self) -> Collection[TaskName]:
        return dict.fromkeys(column.task for column in self.courses if column.task is not None)

    def figures(self, whose: str | TaskName) -> dict[str, Figures]:
        """Return the figures of the columns of a scope or a task that are known for most of the window, or SELDOM read, by name."""
        mine = {column.name: course for column, course in self.courses.items() if whose in {column.scope, column.task}}
        known = {name: course.over(self.window) for name, course in mine.items()}
        return {name: figures for name, figures in known.items() if figures is not None and (figures.counts or name in SELDOM)}

    def background(self, backgrounds: AbstractSet[TaskName]) -> Iterable[TaskUse]:
        """Yield what is known of background tasks."""
        return (use for task in self.tasks if task in backgrounds and (use := self.task(task)) is not None)

    def task(self, task: TaskName) -> TaskUse | None:
        """Return what a task used in each window of one second; None unless that is known of all of them."""
        course = next((course for column, course in self.courses.items() if column.task == task and column.name == "cpu"), None)
        if course is None:
            return None
        means = course.means(edges(self.window, SECOND_NS))
        return None if np.isnan(means).any() else TaskUse(f"{task.target} on {task.machine}", means.tolist())

    def generator(self, measured: AbstractSet[TaskName]) -> tuple[float | None, float]:
        """Return the cores that measured tasks used, and those that they could use: a thread can use one, and there are not more cores."""
        mine = [self.figures(task) for task in self.tasks if task in measured]
        if not all("cpu" in figures for figures in mine):
            return None, 1.0
        cpu, threads = sum(each["cpu"].mean for each in mine), sum(each["threads"].most if "threads" in each else 1.0 for each in mine)
        usable = max(threads, math.ceil(cpu))  # threads that live for less than a sample are not counted
        return cpu, min(usable, self.use.cores or usable)


def _seen(telemetry: TrialTelemetry, name: str, window: Window, rest: Undisturbed) -> _Seen:
    wanted = [column for column in telemetry.columns(name) if _is_wanted(column)]
    courses = {column: rest.course(course) for column, course in telemetry.courses(name, wanted).items()}
    bare = _Seen(courses, window, MachineUse(name))
    cpu = [course.over(window) for column, course in bare.courses.items() if column.scope.startswith(TASK) and column.name == "cpu"]
    parts = [used.mean * used.covered for used in cpu if used is not None]  # a task that ran for a part of the window used nothing else
    figures = bare.figures(THIS_MACHINE)
    own = _added(sum(parts) if parts else None, figures, "cpu.agent")
    boot = figures["boot"].most if "boot" in figures else None
    gaps = _gaps((course for column, course in bare.courses.items() if column.task is None), window)
    return replace(
        bare, use=_machine(name, figures, own, window, gaps), boot=boot, controller=_added(0.0, figures, "cpu.controller") or 0.0
    )


def _is_wanted(column: Column) -> bool:
    if column.scope.startswith(TASK):
        return column.name in TASK_COLUMNS
    return column.name in MACHINE_COLUMNS or any(fnmatchcase(column.name, pattern) for pattern in SHARE_COLUMNS)


def _machine(name: str, seen: Mapping[str, Figures], own: float | None, window: Window, gaps: Gaps = (None, None, None)) -> MachineUse:
    def mean(column: str) -> float | None:
        return seen[column].mean if column in seen else None

    def grown(column: str) -> float | None:
        return seen[column].mean * seen[column].covered * window.seconds if column in seen else None

    cores, busy, steal = mean("cpu.capacity"), mean("cpu.busy"), mean("cpu.steal")
    total, available, used = mean("memory.total"), seen.get("memory.available"), seen.get("memory.used")
    least = None
    if total:
        least = available.least / total if available else 1 - used.most / total if used else None
    swaps = [size for column in ("swap.in", "swap.out") if (size := grown(column)) is not None]
    interrupts = [seen[column].mean for column in ("cpu.irq", "cpu.softirq") if column in seen]
    hot = grown("throttled.cores")
    return MachineUse(
        name,
        cores=cores,
        busy=busy,
        own=own,
        interrupts=sum(interrupts),
        steal=steal / cores if steal is not None and cores else None,
        hot=None if hot is None else round(hot),
        available=least,
        swapped=sum(swaps) if swaps else None,
        waiting=mean("pressure.memory.some"),
        gap=gaps[0],
        sampled=gaps[1],
        every=gaps[2],
    )


def _gaps(courses: Iterable[Course], window: Window) -> Gaps:
    """Return the longest time without a sample in seconds, the share of the samples that were taken, and the usual time between two.

    All are None without samples. All columns of a machine are sampled together, so one course has the times of all.
    """
    course = next((each for each in courses if len(each.values)), None)
    if course is None:
        return None, None, None
    all_times = np.unique(np.concatenate([course.starts_ns, course.ends_ns]))
    times = all_times[(all_times > window.start_ns) & (all_times < window.end_ns)]
    steps = np.diff(np.concatenate([[window.start_ns], times, [window.end_ns]]))
    usual = float(np.median(np.diff(all_times)))
    return float(steps.max()) / 1e9, min(1.0, (len(times) + 1) * usual / (window.end_ns - window.start_ns)), usual / 1e9

"""Usage: what machines and tasks used of processors, memory, disks and networks in a window, in a few figures that fit on a line."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from wke.judge.telemetry.course import Course, Figures, Numbers, Whole, Window, edges, summed
from wke.judge.telemetry.spans import Span
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import HOST, SCRIPT, THIS_MACHINE, Column
from wke.records import TaskName
from wke.values import dataclass

SECOND_NS = 1_000_000_000
LOOPBACK = "net.lo."
SLICES, SHORTEST_SLICE_NS = 12, 200_000_000
PARTS = {  # part of a WindowUsage -> the names of its columns, which are added up; a name without a device comes before those with one
    "cpu": ("cpu.busy",),
    "cores": ("cpu.capacity",),
    "memory": ("memory.used",),
    "memory_total": ("memory.total",),
    "read": ("disk.read", "disk.*.read"),
    "written": ("disk.written", "disk.*.written"),
    "received": ("net.*.received",),
    "sent": ("net.*.sent",),
}
TASK_PARTS = ("cpu", "memory", "read", "written")


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """Figures of a window by part, without those of which nothing is known: processors in cores, memory in bytes, the rest in bytes/s.

    The mean is over the window, and `most` is the highest mean over a second of it. The parts `of_host` are of the computer that carries
    the machine, because the machine's own are not known. `cores` are the processors in use in each of up to SLICES slices of the window,
    NaN where that is not known.
    """

    figures: Mapping[str, Figures]
    of_host: frozenset[str] = frozenset()
    cores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialUsage:
    """What machines and tasks used in the measured window of a trial, or, if it has none, while its tasks ran.

    `damage` tells what could not be read, in sentences.
    """

    window: Window
    is_measured: bool
    machines: Mapping[str, WindowUsage]
    tasks: Mapping[TaskName, WindowUsage]
    damage: tuple[str, ...] = ()


def trial_usage(telemetry: TrialTelemetry) -> TrialUsage | None:
    """Return what machines and tasks used; None without telemetry, and for a trial of which no task ran."""
    if not telemetry.spans or not (telemetry.machines or telemetry.damage):
        return None
    whole = Window(min(span.start_ns for span in telemetry.spans), max(span.end_ns for span in telemetry.spans))
    window = telemetry.window or whole
    machines: dict[str, WindowUsage] = {}
    tasks: dict[TaskName, WindowUsage] = {}
    for machine in telemetry.machines:
        columns = telemetry.columns(machine)
        chosen = {part: usage_columns(columns, part) for part in PARTS}
        of_tasks = {column for column in columns if column.task is not None and column.name in TASK_PARTS and column.scope != SCRIPT}
        courses = telemetry.courses(machine, of_tasks.union(*chosen.values()))
        machines[machine] = machine_usage(chosen, courses, window)
        tasks |= task_usages({column: course for column, course in courses.items() if column in of_tasks}, telemetry.spans, window)
    return TrialUsage(window, telemetry.window is not None, machines, tasks, telemetry.damage)


def machine_usage(chosen: Mapping[str, Sequence[Column]], courses: Mapping[Column, Course], window: Window) -> WindowUsage:
    """Return what a machine used in a window, by the PARTS, for which columns were `chosen`."""
    figures = {part: _together([courses[column] for column in columns if column in courses], window) for part, columns in chosen.items()}
    of_host = frozenset(part for part, columns in chosen.items() if any(column.scope == HOST for column in columns))
    cores = _slices([courses[column] for column in chosen["cpu"] if column in courses], window)
    return WindowUsage({part: each for part, each in figures.items() if each is not None}, of_host, cores)


def task_usages(courses: Mapping[Column, Course], spans: Sequence[Span], window: Window) -> dict[TaskName, WindowUsage]:
    """Return what each task used in the part of a window in which it ran, by the TASK_PARTS."""
    ran = {span.task: span for span in spans if span.task is not None}
    found: dict[TaskName, dict[str, Figures]] = {}
    cores: dict[TaskName, tuple[float, ...]] = {}
    for column, course in courses.items():
        span = ran.get(column.task) if column.task else None
        shared = Window(max(window.start_ns, span.start_ns), min(window.end_ns, span.end_ns)) if span else window
        figures = _together([course], shared) if shared.start_ns < shared.end_ns else None
        if column.task is not None and figures is not None:
            found.setdefault(column.task, {})[column.name] = figures
            cores |= {column.task: _slices([course], window)} if column.name == "cpu" else {}
    return {task: WindowUsage(parts, cores=cores.get(task, ())) for task, parts in found.items()}


def usage_columns(columns: Iterable[Column], part: str) -> list[Column]:
    """Return the columns that are added up for a part of a machine's usage: the machine's, else its host's; none if it has none."""
    for scope in (THIS_MACHINE, HOST):
        for pattern in PARTS[part]:
            mine = [column for column in columns if column.scope == scope and fnmatchcase(column.name, pattern)]
            found = [column for column in mine if not column.name.startswith(LOOPBACK)]
            if found:
                return found
    return []


def usage_means(courses: Sequence[Course], edges_ns: Whole) -> Numbers:
    """Return the sum of courses between edges; one that was not known at all adds nothing, such as of a device that came later."""
    known = [course for course in courses if len(course.values)]
    return summed(known, edges_ns) if known else np.full(len(edges_ns) - 1, np.nan)


def _slices(courses: Sequence[Course], window: Window) -> tuple[float, ...]:
    step_ns = max(SHORTEST_SLICE_NS, (window.end_ns - window.start_ns) // SLICES)
    return tuple(usage_means(courses, edges(window, step_ns)).tolist()) if courses else ()


def _together(courses: Sequence[Course], window: Window) -> Figures | None:
    marks = edges(window, SECOND_NS)
    means, lengths = usage_means(courses, marks), np.diff(marks).astype(np.float64)
    known = ~np.isnan(means)
    if not known.any():
        return None
    within = means[known]
    covered = float(lengths[known].sum() / lengths.sum())
    return Figures(float(np.average(within, weights=lengths[known])), float(within.min()), float(within.max()), covered, courses[0].unit)

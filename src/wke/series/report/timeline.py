"""The timeline of a trial, as the page reads it: all series as they are, or six series of each machine as the extremes of 100 parts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wke.documents import Json
from wke.judge.telemetry.course import Course, Figures, Whole, Window
from wke.judge.telemetry.outline import drawn, outlines, together
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.telemetry.windowusage import usage_columns
from wke.keep.telemetry.columns import HOST, SCRIPT, THIS_MACHINE, Column
from wke.tell.page.packing import Packer, coded
from wke.values import dataclass

PARTS = 100
"""Of a trial that is shown as extremes."""
MOST_LINES = 20_000
MS_NS, SECOND_NS = 1_000_000, 1_000_000_000
MOST_SHOWN = 4
MIB, MB = 2**-20, 1e-6
UNITS = {"cores": ("% of a core", 100.0), "B": ("MiB", MIB), "B/s": ("MB/s", MB)}


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """A row of the timeline: its title, unit, and the factor that gives it."""

    title: str
    unit: str
    factor: float


ROWS: Mapping[str, TimelineRow] = {
    "cpu": TimelineRow("Processor", "% of a core", 100.0),
    "memory": TimelineRow("Memory", "MiB", MIB),
    "read": TimelineRow("Disk read", "MB/s", MB),
    "written": TimelineRow("Disk written", "MB/s", MB),
    "received": TimelineRow("Network received", "MB/s", MB),
    "sent": TimelineRow("Network sent", "MB/s", MB),
}
"""The six series of a machine, by the part of its usage."""
FIRST = ("Processor", "Disk written", "Network received")


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One line of a row: whose it is, and the machine's class."""

    owner: str
    name: str
    row: TimelineRow
    group: str


LineCourse = tuple[TimelineLine, Course]


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """What the timeline has beside telemetry: when the trial was, which steps ran in the background, and the class of each machine."""

    window: Window
    background: frozenset[int]
    classes: Mapping[str, str]


def overview(telemetry: TrialTelemetry, times: TrialTimes) -> Mapping[str, Json]:
    """Return six series of each machine, each as the extremes of PARTS parts of the trial."""
    edges_ns = np.linspace(times.window.start_ns, times.window.end_ns, PARTS + 1).astype(np.int64)
    packer = Packer()
    middles = _milliseconds((edges_ns[:-1] + edges_ns[1:]) // 2, times)
    columns = []
    for machine in telemetry.machines:
        chosen, clock = _chosen(telemetry, machine), telemetry.clocks.get(machine)
        readings = telemetry.stored.read(machine, {column for some in chosen.values() for column in some}) if clock else {}
        for part, found in outlines(chosen, readings, clock or (), edges_ns, telemetry.window).items():
            row = _row(part, chosen[part][0])
            low, high = coded(row.factor * found.least, row.factor * found.most)
            places = {"t": packer.add(middles), "at": packer.add(low.raw), "hi": packer.add(high.raw)}
            line = TimelineLine(machine, part, row, times.classes.get(machine, ""))
            columns.append({**_about(line, found.figures), "n": PARTS, **places, "scale": low.scale, "base": low.base})
    return packer.packed(_description(telemetry, times, columns, full=False))


def whole(telemetry: TrialTelemetry, times: TrialTimes) -> Mapping[str, Json]:
    """Return all series of machines, tasks and programs with all their values."""
    packer = Packer()
    columns = []
    for line, course in (*_task_lines(telemetry, times), *_machine_lines(telemetry, times), *_other_lines(telemetry, times)):
        at_ns, values = drawn(course, times.window)
        (found,) = coded(line.row.factor * values)
        places = {"t": packer.add(_milliseconds(at_ns, times)), "at": packer.add(found.raw)}
        columns.append(
            {
                **_about(line, course.over(telemetry.window) if telemetry.window else None),
                "n": len(values),
                **places,
                "scale": found.scale,
                "base": found.base,
            }
        )
    return packer.packed(_description(telemetry, times, columns[:MOST_LINES], full=True))


# -- lines


def _machine_lines(telemetry: TrialTelemetry, times: TrialTimes) -> Iterator[LineCourse]:
    """Yield the series of ROWS of each machine."""
    for machine in telemetry.machines:
        chosen = _chosen(telemetry, machine)
        courses = telemetry.courses(machine, {column for columns in chosen.values() for column in columns})
        for part, columns in chosen.items():
            found = [courses[column] for column in columns if column in courses and len(courses[column].values)]
            if found:
                yield TimelineLine(machine, part, _row(part, columns[0]), times.classes.get(machine, "")), together(found)


def _chosen(telemetry: TrialTelemetry, machine: str) -> dict[str, list[Column]]:
    return {part: usage_columns(telemetry.columns(machine), part) for part in ROWS}


def _task_lines(telemetry: TrialTelemetry, times: TrialTimes) -> Iterator[LineCourse]:
    """Yield what tasks wrote of themselves, such as requests in each second."""
    for machine in telemetry.machines:
        yield from _plain_lines(telemetry, times, machine, [one for one in telemetry.columns(machine) if one.scope == SCRIPT])


def _other_lines(telemetry: TrialTelemetry, times: TrialTimes) -> Iterator[LineCourse]:
    """Yield the series of each machine that no line of ROWS shows as they are."""
    for machine in telemetry.machines:
        shown = {columns[0] for columns in _chosen(telemetry, machine).values() if len(columns) == 1}
        rest = [one for one in telemetry.columns(machine) if one.scope != SCRIPT and one not in shown]
        yield from _plain_lines(telemetry, times, machine, rest)


def _plain_lines(telemetry: TrialTelemetry, times: TrialTimes, machine: str, columns: Sequence[Column]) -> Iterator[LineCourse]:
    for column, course in telemetry.courses(machine, columns).items():
        if not len(course.values):
            continue
        task, unit = column.task, UNITS.get(course.unit, ("" if course.unit == "1" else course.unit, 1.0))
        if column.kind == "counter" and course.unit == "1":
            unit = ("% of the time", 100.0)
        owner = machine if task is None else f"{task.target} on {machine}{f'.{task.copy}' if task.copy else ''}"
        yield TimelineLine(owner, column.name, TimelineRow(_title(column), *unit), times.classes.get(machine, "")), course


def _row(part: str, column: Column) -> TimelineRow:
    """Return the row of a part of a machine's usage; that of its host has a row of its own."""
    row = ROWS[part]
    return TimelineRow(f"{row.title}, host", row.unit, row.factor) if column.scope == HOST else row


def _title(column: Column) -> str:
    if column.scope == SCRIPT:
        return column.name
    if column.task is not None:
        return f"{column.name} of tasks"
    return column.name if column.scope == THIS_MACHINE else f"{column.name} ({column.scope})"


# -- the description


def _about(line: TimelineLine, figures: Figures | None) -> dict[str, Json]:
    """Return what a line is, and what it comes to in the measured window, if enough is known of that."""
    known = figures is not None and figures.counts
    mean, most = (_short(line.row.factor * value) for value in (figures.mean, figures.most)) if figures and known else (None, None)
    return {
        "machine": line.owner,
        "name": line.name,
        "title": line.row.title,
        "row": line.row.title,
        "unit": line.row.unit,
        "group": line.group,
        "mean": mean,
        "most": most,
    }


def _description(telemetry: TrialTelemetry, times: TrialTimes, columns: Sequence[Mapping[str, Json]], *, full: bool) -> dict[str, Json]:
    rows = dict.fromkeys(str(column["row"]) for column in columns)
    written = dict.fromkeys(
        str(column["row"]) for column in columns if column["row"] == column["name"] and column["machine"] not in telemetry.machines
    )
    seconds = partial(_seconds, times)
    measured = telemetry.window
    return {
        "end": seconds(times.window.end_ns),
        "measured": [seconds(measured.start_ns), seconds(measured.end_ns)] if measured else None,
        "full": full,
        "steps": [
            [span.name, seconds(span.start_ns), seconds(span.end_ns), _kind(span.step, times, measured=span.measured)]
            for span in telemetry.spans
            if span.kind == "step"
        ],
        "columns": list(columns),
        "show": [row for row in dict.fromkeys((*list(written)[:2], *FIRST, *rows)) if row in rows][:MOST_SHOWN],
    }


def _kind(step: int, times: TrialTimes, *, measured: bool) -> str:
    if measured:
        return "measured"
    return "background" if step in times.background else ""


def _milliseconds(at_ns: Whole, times: TrialTimes) -> NDArray[np.uint32]:
    return np.maximum(0, (at_ns - times.window.start_ns) // MS_NS).astype("<u4")


def _seconds(times: TrialTimes, at_ns: int) -> float:
    return round((at_ns - times.window.start_ns) / SECOND_NS, 3)


def _short(value: float) -> float:
    return float(f"{value:.5g}") if np.isfinite(value) else 0.0

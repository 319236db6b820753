"""Timelines: what machines did during one trial, and the time series that scripts wrote, on one axis of time."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from wke.describe.experiment.plot import Plot
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.judge.statistics.statistics import Summary
from wke.judge.summary.pointtable import varied
from wke.judge.telemetry.course import Course, Whole, Window, edges
from wke.judge.telemetry.trial import TrialTelemetry
from wke.judge.telemetry.windowusage import usage_columns, usage_means
from wke.keep.telemetry.columns import SCRIPT, Column
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.axes import STEPS, write_numbers
from wke.tell.figures.chosen import shown_trial
from wke.tell.figures.kind import Kind
from wke.tell.figures.panels import Drawing, Group, Mark, Panel
from wke.tell.figures.source import Source
from wke.tell.figures.style import look
from wke.tell.figures.table import DataTable
from wke.tell.tables import shown
from wke.values import dataclass

MOST_LINES = 8
"""With more lines in a panel, there is one of their median, and a band from the lowest to the highest."""
MOST_STEPS, SHORTEST_NS = 240, 100_000_000
BESIDE = 0.15
"""How much is shown before and after the measured window, as a share of its length."""
MEAN, MEDIAN = "mean", "median over machines"
PARTS: Mapping[str, tuple[str, ...]] = {
    "processors": ("cpu",),
    "memory": ("memory",),
    "disk": ("read", "written"),
    "network": ("received", "sent"),
}
"""What is shown by default -> the parts of the usage of a machine that are added up."""
PREFIXES = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))
SHADE, HEIGHT = "#f6ecca", 0.42


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a panel: whose it is, its unit, and the means between the edges."""

    label: str
    unit: str
    means: np.ndarray


def _make(source: Source) -> Drawing:
    trial = shown_trial(source.plot, source.attempts, source.experiment)
    if trial is None:
        return Drawing((Panel("", "", MEAN, ()),), (), "time (s)", "")
    telemetry = source.telemetry.get(trial.id)
    whole = _range(telemetry) if telemetry else None
    if telemetry is None or whole is None or not telemetry.machines:
        raise InputError(f"trial {trial.id} has no telemetry and no time series", hint="a plot of another trial: trial, or filter-by")
    at = edges(whole, max(SHORTEST_NS, (whole.end_ns - whole.start_ns) // MOST_STEPS))
    window = telemetry.window or whole
    times = ((at[:-1] + at[1:]) / 2 - window.start_ns) / 1e9
    found = _known_lines(trial, telemetry, source.plot.columns, at)
    labels = list(dict.fromkeys(line.label for lines in found.values() for line in lines))
    start, end, last = ((one - window.start_ns) / 1e9 for one in (whole.start_ns, whole.end_ns, window.end_ns))
    label = "time since the start of the measured step (s)" if telemetry.window else "time (s)"
    return Drawing(
        panels=tuple(_panel(name, lines, labels, times) for name, lines in found.items()),
        xs=(start, end),
        x_label=source.plot.x_label or label,
        group_title="",
        height=HEIGHT,
        spans=((0.0, last, "measured"),) if telemetry.window else (),
        notes=tuple(_notes(source, trial, telemetry, times, labels)),
    )


def _known_lines(trial: StoredAttempt, telemetry: TrialTelemetry, wanted: Sequence[str], at: Whole) -> dict[str, list[_Line]]:
    """Return the lines of the panels of which something is known; raise InputError if there are none."""
    lines = _lines(telemetry, wanted, at)
    found = {name: each for name, each in lines.items() if any(np.isfinite(one.means).any() for one in each)}
    if not found:
        known = sorted({column.name for machine in telemetry.machines for column in telemetry.columns(machine)})
        hint = f"it has {', '.join(known[:8])} and so on" if known else None
        raise InputError(f"trial {trial.id} has no column {', '.join(wanted)} while it is shown", hint=hint)
    return found


def _range(telemetry: TrialTelemetry) -> Window | None:
    """Return the measured window with something of what is before and after it; all steps if none was measured."""
    window, spans = telemetry.window, telemetry.spans
    if not spans:
        return window
    first, last = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    if window is None:
        return Window(first, last) if first < last else None
    beside = int(BESIDE * (window.end_ns - window.start_ns))
    return Window(max(first, window.start_ns - beside), max(window.end_ns, min(last, window.end_ns + beside)))


def _lines(telemetry: TrialTelemetry, wanted: Sequence[str], at: Whole) -> dict[str, list[_Line]]:
    """Return the lines of each panel: of the columns that are wanted, or of the usual ones."""
    found: dict[str, list[_Line]] = {}
    for machine in telemetry.machines:
        columns = telemetry.columns(machine)
        panels = _wanted(columns, wanted) if wanted else _usual(columns)
        courses = telemetry.courses(machine, {column for each in panels.values() for column in each})
        for name, chosen in panels.items():
            known = {column: courses[column] for column in chosen if column in courses}
            lines = _added(machine, known, at) if name in PARTS and not wanted else _single(machine, known, at)
            found.setdefault(name, []).extend(lines)
    return found


def _usual(columns: Sequence[Column]) -> dict[str, list[Column]]:
    parts = {name: [column for part in parts for column in usage_columns(columns, part)] for name, parts in PARTS.items()}
    written = {
        column.name: [one for one in columns if one.scope == SCRIPT and one.name == column.name]
        for column in columns
        if column.scope == SCRIPT
    }
    return parts | written


def _wanted(columns: Sequence[Column], wanted: Sequence[str]) -> dict[str, list[Column]]:
    return {pattern: [column for column in columns if fnmatchcase(column.name, pattern)] for pattern in wanted}


def _added(machine: str, courses: Mapping[Column, Course], at: Whole) -> list[_Line]:
    """Return the sum of what is the same on several devices of a machine."""
    return [_Line(machine, next(iter(courses.values())).unit, usage_means(list(courses.values()), at))] if courses else []


def _single(machine: str, courses: Mapping[Column, Course], at: Whole) -> list[_Line]:
    """Return a line for each column; with the task and the column's name if a machine has several."""
    several = len(courses) > 1
    names = {
        column: " ".join([machine, *([column.task.target] if column.task else []), column.name]) if several else machine
        for column in courses
    }
    return [_Line(names[column], course.unit, course.means(at)) for column, course in courses.items()]


def _panel(name: str, lines: Sequence[_Line], labels: Sequence[str], times: np.ndarray) -> Panel:
    """Return a panel with a group for each label, or one for the median of all."""
    unit = lines[0].unit
    alike = [line for line in lines if line.unit == unit]
    highest = max((float(np.nanmax(np.abs(line.means))) for line in alike if np.isfinite(line.means).any()), default=0.0)
    prefix, factor = next((one for one in reversed(PREFIXES) if highest >= one[1]), PREFIXES[0]) if unit in {"B", "B/s"} else PREFIXES[0]
    label = f"{name}\n({prefix}{unit})" if unit not in {"1", ""} else name
    values = {line.label: line.means / factor for line in alike}
    if len(labels) > MOST_LINES:
        return Panel(name, label, MEDIAN, (Group("median", _spread(np.array(list(values.values())), times)),))
    return Panel(name, label, MEAN, tuple(Group(one, _marks(values.get(one), times)) for one in labels))


def _marks(means: np.ndarray | None, times: np.ndarray) -> tuple[Mark, ...]:
    if means is None:
        return ()
    known = np.isfinite(means)
    return tuple(
        Mark(time, Summary(1, value, None, None, MEAN)) for time, value in zip(times[known].tolist(), means[known].tolist(), strict=True)
    )


def _spread(values: np.ndarray, times: np.ndarray) -> tuple[Mark, ...]:
    known = np.isfinite(values).any(axis=0)
    low, middle, high = np.nanpercentile(values[:, known], (0, 50, 100), axis=0)
    many = np.isfinite(values[:, known]).sum(axis=0)
    columns = (column.tolist() for column in (times[known], many, middle, low, high))
    return tuple(Mark(time, Summary(n, centre, lowest, highest, MEDIAN)) for time, n, centre, lowest, highest in zip(*columns, strict=True))


def _notes(source: Source, trial: StoredAttempt, telemetry: TrialTelemetry, times: np.ndarray, labels: Sequence[str]) -> Iterator[str]:
    point = ", ".join(
        f"{name} = {shown(trial.point[name])}" for name in varied(source.experiment.parameters.points()) if name in trial.point
    )
    suspect = " (suspect)" if trial.suspect else "" if trial.ok else f" ({trial.outcome})"
    step = f"{times[1] - times[0]:.2g} s" if len(times) > 1 else "all of it"
    lines = f"median of {counted(len(labels), 'line')}, band: lowest to highest; means" if len(labels) > MOST_LINES else "Means"
    yield f"{lines[0].upper()}{lines[1:]} over {step}; trial {trial.id}{suspect}{': ' if point else ''}{point}."
    if telemetry.window:
        yield "Shaded: the measured step."
    yield from (f"Not shown: {said}." for said in telemetry.damage)


def _said(_: Plot, __: Drawing) -> Iterator[str]:
    yield from ()


def _draw(axes: Axes, panel: Panel, drawing: Drawing) -> list[Artist]:
    for start, end, _ in drawing.spans:
        axes.axvspan(start, end, color=SHADE, linewidth=0, zorder=0)
    drawn: list[Artist] = []
    for index, group in enumerate(panel.groups):
        looks, (times, centres) = look(index), _broken(group.marks)
        axes.plot(times, centres, marker="", color=looks.colour, linestyle=looks.dash, linewidth=0.9, zorder=3)
        if panel.kind == MEDIAN:
            ends = [(mark.summary.low or 0.0, mark.summary.high or 0.0) for mark in group.marks]
            xs = [float(str(mark.x)) for mark in group.marks]
            axes.fill_between(
                xs, [low for low, _ in ends], [high for _, high in ends], color=looks.colour, alpha=0.2, linewidth=0, zorder=2
            )
        drawn.append(Line2D([], [], color=looks.colour, linestyle=looks.dash, linewidth=0.9))
    return drawn


def _broken(marks: Sequence[Mark]) -> tuple[list[float], list[float]]:
    """Return times and values of a line that is broken where nothing is known."""
    points = [(float(str(mark.x)), mark.summary.centre) for mark in marks]
    step = min((right[0] - left[0] for left, right in pairwise(points)), default=0.0)
    found: list[tuple[float, float]] = []
    for point in points:
        if found and point[0] - found[-1][0] > 1.8 * step:
            found.append((found[-1][0], float("nan")))
        found.append(point)
    return [time for time, _ in found], [value for _, value in found]


def _finish(axes: Axes, panels: Sequence[Panel], drawing: Drawing, _: Plot) -> None:
    marks = [mark for panel in panels for mark in panel.marks]
    values = [end for mark in marks for end in (mark.summary.centre, mark.summary.high) if end is not None]
    lowest = min((mark.summary.centre for mark in marks), default=0.0)
    axes.set_ylim(min(0.0, 1.08 * lowest), 1.08 * max(values, default=0.0) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=STEPS))
    write_numbers(axes.yaxis)
    if drawing.xs:
        axes.set_xlim(*map(drawing.place, drawing.xs))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
        write_numbers(axes.xaxis)


def _table(drawing: Drawing) -> DataTable:
    """Return a row for each line and time; with the lowest and highest of all lines where the median is shown."""
    header = ("panel", "line", "seconds", "value", "low", "high")
    rows = (
        (panel.label.replace("\n", " "), group.label, mark.x, mark.summary.centre, mark.summary.low, mark.summary.high)
        for panel in drawing.panels
        for group in panel.groups
        for mark in group.marks
    )
    return DataTable(header, tuple(rows))


KIND = Kind(make=_make, said=_said, draw=_draw, finish=_finish, table=_table, joined=False, of_series=False)

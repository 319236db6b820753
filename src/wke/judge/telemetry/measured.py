"""Metrics of telemetry: what a series of a machine or a task comes to in the measured window.

A series that is not known for enough of the window has no value, and the reason is told; nothing is guessed.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from wke.describe.experiment.metrics import Metric
from wke.describe.toml.wording import labelled, quoted
from wke.errors import did_you_mean
from wke.judge.telemetry.course import LEAST_COVERED, LONGEST_STEP, Course, Window, course_unit
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import HOST, SCRIPT, THIS_MACHINE, Column
from wke.records import TaskName

WHOLE_MACHINE = {"cpu": "cpu.busy", "memory": "memory.used"}
"""What the names of a task's series mean for a machine."""
MOST_NAMES = 12
FEWEST_STEPS = 10
"""A counter is sampled at least so often in a window that counts: what grew beside its edges must not matter."""
_TOTALS = {"W": "J", "cores": "s", "1": "s", "1/s": "", "/s": ""}
_PLAIN = {"1": "", "/s": "1/s"}
_SCRAPED = "scrape."


def measured(metric: Metric, machine: str, task: TaskName | None, telemetry: TrialTelemetry) -> tuple[float, str]:
    """Return a metric's value for a task, or for a machine, and its unit; raise ValueError saying why there is none."""
    whose = machine if task is None else labelled([task])
    window = telemetry.window
    if window is None:
        raise ValueError("there is no measured window: its step was not released, or the clocks are not known")
    if not telemetry.columns(machine):
        raise ValueError(f"there is no telemetry of {machine}")
    columns = _columns(metric, machine, task, telemetry)
    if metric.scrape is not None:
        _check_ports(machine, columns, telemetry)
    courses = telemetry.courses(machine, columns)
    if len(courses) < len(columns):
        raise ValueError(f"the clock of {machine} is not known")
    values = [_value(metric, column, course, window, whose) for column, course in courses.items()]
    units = {unit for _, unit in values}
    if len(units) > 1:
        raise ValueError(f"{quoted(metric.series)} of {whose} is in several units: {', '.join(sorted(units))}")
    return sum(value for value, _ in values), units.pop()


def _columns(metric: Metric, machine: str, task: TaskName | None, telemetry: TrialTelemetry) -> Sequence[Column]:
    """Return the columns that a metric means: one, or those that match a pattern."""
    theirs = {_name(column, metric): column for column in telemetry.columns(machine) if _is_of(column, metric, task)}
    name = metric.series
    if metric.telemetry is not None and task is None:
        above, host, own = name.rpartition(f"{HOST}.")
        name = f"{above}{host}{WHOLE_MACHINE.get(own, own)}"
    found = [column for known, column in theirs.items() if known == name or fnmatchcase(known, name)]
    if not found and metric.scrape is not None:
        found = [column for known, column in theirs.items() if known.partition("{")[0] == name]
        if len(found) > 1:
            raise ValueError(f"{machine} exposes {len(found)} series {quoted(name)}; write one with its labels, or {quoted(name + '{*')}")
    if not found:
        whose = machine if task is None else labelled([task])
        raise ValueError(f"{whose} has no series {quoted(metric.series)}; {_suggestion(metric.series, sorted(theirs))}")
    return found


def _check_ports(machine: str, found: Sequence[Column], telemetry: TrialTelemetry) -> None:
    """Raise ValueError if one of the series that were found was scraped from several ports."""
    scraped = [column for column in telemetry.columns(machine) if column.scope.startswith(_SCRAPED)]
    for column in found:
        ports = dict.fromkeys(each.scope.removeprefix(_SCRAPED) for each in scraped if each.name == column.name)
        if len(ports) > 1:
            raise ValueError(f"several ports of {machine} expose {quoted(column.name)}: {', '.join(ports)}")


def _suggestion(name: str, names: Sequence[str]) -> str:
    """Return the name that was meant, or the names there are."""
    if not names:
        return "it has none at all"
    hint = did_you_mean(name, names)
    return hint if hint.startswith("did") else f"it has {', '.join(names[:MOST_NAMES])}{', …' if len(names) > MOST_NAMES else ''}"


def _is_of(column: Column, metric: Metric, task: TaskName | None) -> bool:
    """Return whether a column belongs to what a metric is read from."""
    if metric.scrape is not None:
        return column.scope.startswith(_SCRAPED)
    return (column.task == task and column.scope != SCRIPT) if task is not None else column.scope in {THIS_MACHINE, HOST}


def _name(column: Column, metric: Metric) -> str:
    return f"{HOST}.{column.name}" if column.scope == HOST and metric.scrape is None else column.name


def _value(metric: Metric, column: Column, course: Course, window: Window, whose: str) -> tuple[float, str]:
    """Return what a course comes to in the window, in a unit that users know."""
    what = f"{quoted(column.name)} of {whose}"
    figures = course.over(window)
    known = 0.0 if figures is None else figures.covered - _uncertain(course, window)
    if figures is None or known < LEAST_COVERED:
        raise ValueError(f"{what} is known for {known:.0%} of the measured {window.seconds:.3g} s, and {LEAST_COVERED:.0%} are needed")
    if column.kind == "counter" and window.end_ns - window.start_ns < FEWEST_STEPS * _usual_ns(course):
        what = f"the measured {window.seconds:.3g} s are too short for {what}, which is sampled every {_usual_ns(course) / 1e9:.3g} s"
        raise ValueError(f"{what}; {FEWEST_STEPS} samples are needed")
    if metric.statistic == "total":
        if column.kind != "counter":
            raise ValueError(f"{what} is a state, which has no total")
        unit = course_unit(column)[0]
        return figures.mean * window.seconds, _TOTALS.get(unit, unit.removesuffix("/s"))
    if metric.statistic in {"min", "max"}:
        if _has_gap(course, window):
            raise ValueError(f"samples of {what} are missing in the measured window, so its {metric.statistic} is not known")
        return _plain(column, figures.least if metric.statistic == "min" else figures.most, figures.unit)
    return _plain(column, figures.mean, figures.unit)


def _uncertain(course: Course, window: Window) -> float:
    """Return the share of the window in a gap across an edge of it: how much of what grew then belongs to the window is not known."""
    starts, ends = course.starts_ns, course.ends_ns
    across = ((starts < window.start_ns) & (ends > window.start_ns)) | ((starts < window.end_ns) & (ends > window.end_ns))
    gaps = across & (ends - starts > LONGEST_STEP * _usual_ns(course))
    inside = np.minimum(ends[gaps], window.end_ns) - np.maximum(starts[gaps], window.start_ns)
    return float(inside.sum() / (window.end_ns - window.start_ns))


def _has_gap(course: Course, window: Window) -> bool:
    """Return whether a mean in the window is one of a much longer time than usual, which hides extremes."""
    inside = (course.ends_ns > window.start_ns) & (course.starts_ns < window.end_ns)
    return bool(((course.ends_ns - course.starts_ns)[inside] > LONGEST_STEP * _usual_ns(course)).any())


def _usual_ns(course: Course) -> float:
    """Return the usual time between two samples."""
    return float(np.median(course.ends_ns - course.starts_ns))


def _plain(column: Column, value: float, unit: str) -> tuple[float, str]:
    """Return a value in a unit that users know: a share of the time is in per cent."""
    return (100 * value, "%") if column.kind == "counter" and unit == "1" else (value, _PLAIN.get(unit, unit))

"""Telemetry as a Chrome trace, which chrome://tracing and Perfetto show: spans of steps and tasks, and series as counters below them."""

import json
from collections.abc import Iterator, Sequence
from math import isfinite

from wke.judge.telemetry.course import Course, Window
from wke.judge.telemetry.spans import Span
from wke.keep.telemetry.columns import THIS_MACHINE, Column
from wke.records import TaskName
from wke.tell.exports.telemetry.chosen import TelemetryExport

TRIAL = 1
"""The process that stands for the trial; the machines follow it."""


def chrome_trace(export: TelemetryExport) -> Iterator[str]:
    """Yield the object in pieces. Times are in microseconds since the first span began, or the epoch without spans; counters are rates."""
    telemetry = export.telemetry
    start_ns = min((span.start_ns for span in telemetry.spans), default=0)
    machines = dict.fromkeys((*_machines(telemetry.spans), *telemetry.machines))
    processes = {machine: TRIAL + 1 + index for index, machine in enumerate(machines)}
    told = {"trial": telemetry.trial, "attempt": telemetry.attempt, "series": telemetry.series, "start-ns": start_ns}
    events = [_named(TRIAL, f"trial {telemetry.trial}"), *(_named(number, machine) for machine, number in processes.items())]
    if telemetry.window is not None:
        events.append(_complete("measured window", (TRIAL, 0), telemetry.window, start_ns))
    events += _spans(telemetry.spans, processes, start_ns)
    yield json.dumps({"displayTimeUnit": "ms", "otherData": told}).removesuffix("}") + ', "traceEvents": [\n'
    yield ",\n".join(map(json.dumps, events))
    for machine in export.wanted_machines():
        for column, course in telemetry.courses(machine, export.columns(machine)).items():
            yield from (f",\n{json.dumps(event)}" for event in _counts(column, course, processes[machine], start_ns))
    yield "\n]}\n"


def _machines(spans: Sequence[Span]) -> list[str]:
    return [span.task.machine for span in spans if span.task is not None]


def _named(process: int, name: str) -> dict[str, object]:
    return {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}


def _complete(name: str, place: tuple[int, int], reach: Window | Span, start_ns: int, **told: object) -> dict[str, object]:
    """Return something that has a start and an end, in a process and a thread."""
    about = {"ph": "X", "name": name, "cat": "wke", "pid": place[0], "tid": place[1], "args": told}
    return about | {"ts": (reach.start_ns - start_ns) / 1e3, "dur": (reach.end_ns - reach.start_ns) / 1e3}


def _spans(spans: Sequence[Span], processes: dict[str, int], start_ns: int) -> Iterator[dict[str, object]]:
    """Yield each span in a thread of its own, which has a name; the threads of a machine are in the order of their starts."""
    used: dict[int, int] = {}
    for span in spans:
        process = TRIAL if span.task is None else processes[span.task.machine]
        thread = used[process] = used.get(process, 0) + 1
        name = f"{span.step} {span.name}{_copy_mark(span.task)}"
        yield {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": name}}
        yield _complete(name, (process, thread), span, start_ns, measured=span.measured, outcome=span.outcome)


def _counts(column: Column, course: Course, process: int, start_ns: int) -> Iterator[dict[str, object]]:
    """Yield the value of a course where it begins to hold."""
    task = column.task
    scope = f"{task.step} {task.target}{_copy_mark(task)} " if task else "" if column.scope == THIS_MACHINE else f"{column.scope} "
    for at_ns, value in zip(course.starts_ns.tolist(), course.values.tolist(), strict=True):
        if isfinite(value):
            at_us = (at_ns - start_ns) / 1e3
            yield {"ph": "C", "name": f"{scope}{column.name}", "pid": process, "ts": at_us, "args": {course.unit: value}}


def _copy_mark(task: TaskName | None) -> str:
    """Return what tells the copies of a task on one machine apart."""
    return f".{task.copy}" if task is not None and task.copy else ""

"""Spans: when steps and tasks of a trial ran, and its measured window, on the controller's clock."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from wke.judge.telemetry.course import Window
from wke.judge.telemetry.placement import Clock, on_our_clock
from wke.keep.trials.details import StoredTask
from wke.records import TaskName
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """When a step ran, or a `task` of it; a step runs from the start of its first task to the end of its last."""

    kind: Literal["step", "task"]
    name: str
    step: int
    start_ns: int
    end_ns: int
    measured: bool = False
    task: TaskName | None = None
    outcome: str = ""


def spans_of(tasks: Sequence[StoredTask], clocks: Mapping[str, Clock], measured: int | None) -> tuple[Span, ...]:
    """Return the spans of tasks and of their steps, of which number `measured` is the measured one, in the order of their starts.

    Tasks that never were a process, and those on machines whose clock is not known, have none.
    """
    ran = [task for task in tasks if task.ended_ns > task.started_ns and clocks.get(task.name.machine)]
    spans = []
    for task in ran:
        start_ns, end_ns = on_our_clock(np.array([task.started_ns, task.ended_ns]), clocks[task.name.machine]).tolist()
        name, step = task.name.target, task.name.step
        spans.append(Span("task", name, step, start_ns, end_ns, step == measured, task.name, task.outcome))
    by_step: dict[int, list[Span]] = {}
    for span in spans:
        by_step.setdefault(span.step, []).append(span)
    for step, theirs in by_step.items():
        start_ns, end_ns = min(span.start_ns for span in theirs), max(span.end_ns for span in theirs)
        spans.append(Span("step", theirs[0].name, step, start_ns, end_ns, step == measured))
    return tuple(sorted(spans, key=lambda span: (span.start_ns, span.kind, span.step)))


def measured_window(spans: Sequence[Span], released_ns: int | None) -> Window | None:
    """Return the time from the release of the measured step to the end of its last task; None if none of its tasks ran."""
    ends = [span.end_ns for span in spans if span.measured]
    return None if released_ns is None or not ends or max(ends) <= released_ns else Window(released_ns, max(ends))

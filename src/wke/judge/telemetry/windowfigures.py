"""Figures of a window for many columns at once: what `course_of(...).over(window)` gives for each, in a tenth of the time.

The columns of a machine are sampled together, so that one array holds them all. A column that needs more care (values that are not known, a
counter that started again, a task that began later) goes the long way.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from wke.judge.telemetry.course import LONGEST_STEP, RESTARTED, Figures, Numbers, Whole, Window, course_of, course_unit
from wke.judge.telemetry.placement import Clock, on_our_clock
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.records import TaskName


def window_figures(
    readings: Mapping[Column, Readings], clock: Clock, window: Window, begun_ns: Mapping[TaskName, int]
) -> dict[Column, Figures]:
    """Return the figures of columns with times on a machine's clock, on which tasks began as `begun_ns` says; nothing for unknown ones."""
    together: dict[bytes, list[Column]] = {}
    for column, each in readings.items():
        together.setdefault(each.times_ns.tobytes(), []).append(column)
    found: dict[Column, Figures] = {}
    for columns in together.values():
        times = on_our_clock(readings[columns[0]].times_ns, clock)
        values = np.stack([readings[column].values for column in columns])
        plain = _plain(columns, times, values, window, begun_ns)
        for column, row in zip(columns, values, strict=True):
            if column not in plain:
                begun = begun_ns.get(column.task) if column.task else None
                figures = course_of(column, Readings(times, row), begun).over(window)
                found |= {} if figures is None else {column: figures}
        for kind in ("counter", "gauge"):
            rows = [index for index, column in enumerate(columns) if column.kind == kind and column in plain]
            found |= _figures([columns[index] for index in rows], times, values[rows], window) if rows else {}
    return found


def _plain(columns: Sequence[Column], times: Whole, values: Numbers, window: Window, begun_ns: Mapping[TaskName, int]) -> set[Column]:
    """Return the columns that are known at all times and have grown from the first of them."""
    if len(times) < 2 or not (np.diff(times) > 0).all():
        return set()
    known = ~np.isnan(values).any(axis=1)
    restarted = (values[:, 1:] < RESTARTED * values[:, :-1]).any(axis=1)
    late = {task for task, at_ns in begun_ns.items() if at_ns < times[0]} if window.start_ns < times[0] else set()
    plain = known & (~restarted | np.array([column.kind == "gauge" for column in columns]))
    return {column for column, is_plain in zip(columns, plain.tolist(), strict=True) if is_plain and column.task not in late}


def _figures(columns: Sequence[Column], times: Whole, values: Numbers, window: Window) -> dict[Column, Figures]:
    """Return the figures of plain columns of one kind."""
    starts, ends, steps = times[:-1], times[1:], np.diff(times)
    inside = (ends > window.start_ns) & (starts < window.end_ns)
    if columns[0].kind == "gauge":
        inside &= steps <= LONGEST_STEP * np.median(steps)
        numbers = values[:, 1:]
    else:
        numbers = 1e9 * np.diff(np.maximum.accumulate(values, axis=1), axis=1) / steps
    weights = (np.minimum(ends, window.end_ns) - np.maximum(starts, window.start_ns))[inside].astype(np.float64)
    whole = float(weights.sum())
    if not whole:
        return {}
    part = numbers[:, inside]
    means, least, most = part @ weights / whole, part.min(axis=1), part.max(axis=1)
    covered = min(1.0, whole / (window.end_ns - window.start_ns))
    found = {}
    for column, mean, lowest, highest in zip(columns, means.tolist(), least.tolist(), most.tolist(), strict=True):
        unit, factor = course_unit(column)
        found[column] = Figures(factor * mean, factor * lowest, factor * highest, covered, unit)
    return found

"""The outline of courses: what it takes to draw them, whole or as the extremes of a hundred parts.

The columns of a machine are sampled together, so that one array holds them all; that takes a fifth of the time. Columns that need more care
(values that are not known, a counter that started again, gaps) go the long way, one course after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from wke.judge.telemetry.course import LONGEST_STEP, RESTARTED, Course, Figures, Numbers, Whole, Window, course_of, course_unit
from wke.judge.telemetry.placement import Clock, on_our_clock
from wke.judge.telemetry.windowusage import usage_means
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.values import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The extremes of a sum of columns in each part of a trial, and its figures in the measured window; NaN or None where unknown."""

    least: Numbers
    most: Numbers
    figures: Figures | None


def outlines(
    groups: Mapping[str, Sequence[Column]], readings: Mapping[Column, Readings], clock: Clock, edges_ns: Whole, window: Window | None
) -> dict[str, Outline]:
    """Return the outlines of the sums of groups of columns of a machine, whose `readings` have times on its `clock`; without empty ones."""
    known = {name: [readings[one] for one in columns if one in readings] for name, columns in groups.items()}
    some = [one for found in known.values() for one in found]
    first = some[0].times_ns if some else np.empty(0, np.int64)
    times = on_our_clock(first, clock) if some else first
    is_even = len(times) > 1 and bool((np.diff(times) > 0).all()) and all(np.array_equal(first, one.times_ns) for one in some)
    is_even = is_even and bool((np.diff(times) <= LONGEST_STEP * np.median(np.diff(times))).all())
    ends = _Ends.of(times, edges_ns, window) if is_even else None
    found = {}
    for name, columns in groups.items():
        mine = [(one, readings[one]) for one in columns if one in readings]
        values = _plain([column for column, _ in mine], [one.values for _, one in mine], times) if ends is not None and mine else None
        if ends is not None and values is not None:
            found[name] = ends.outline(values, course_unit(mine[0][0])[0])
        elif mine:
            courses = [course_of(column, Readings(on_our_clock(one.times_ns, clock), one.values)) for column, one in mine]
            with_values = [one for one in courses if len(one.values)]
            if with_values:
                course = together(with_values)
                found[name] = Outline(*extremes(course, edges_ns), course.over(window) if window else None)
    return found


def together(courses: Sequence[Course]) -> Course:
    """Return the sum of at least one course, where all that are known at all are known."""
    first = courses[0]
    if all(np.array_equal(first.starts_ns, one.starts_ns) and np.array_equal(first.ends_ns, one.ends_ns) for one in courses[1:]):
        return replace(first, values=np.sum([one.values for one in courses], axis=0))
    marks = np.unique(np.concatenate([side for one in courses for side in (one.starts_ns, one.ends_ns)]))
    values = usage_means(courses, marks)
    known = ~np.isnan(values)
    return Course(first.unit, marks[:-1][known], marks[1:][known], values[known])


def extremes(course: Course, edges_ns: Whole) -> tuple[Numbers, Numbers]:
    """Return the least and the most value between each edge and the next; NaN where nothing is known."""
    return _extremes(course.values, *_overlapping(course.starts_ns, course.ends_ns, edges_ns))


def drawn(course: Course, window: Window) -> tuple[Whole, Numbers]:
    """Return the values in a window, each in the middle of its time, and NaN between two times that do not meet."""
    inside = (course.ends_ns > window.start_ns) & (course.starts_ns < window.end_ns)
    starts, ends, values = course.starts_ns[inside], course.ends_ns[inside], course.values[inside]
    gaps = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    times = np.insert(starts + (ends - starts) // 2, gaps, (ends[gaps - 1] + starts[gaps]) // 2)
    return np.clip(times, window.start_ns, window.end_ns), np.insert(values, gaps, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Where the values between samples that follow one another evenly belong: to which parts, and with which weight to the window."""

    first: Whole
    last: Whole
    weights: Numbers | None
    seconds_ns: int

    @classmethod
    def of(cls, times: Whole, edges_ns: Whole, window: Window | None) -> "_Ends":
        starts, ends = times[:-1], times[1:]
        weights = None
        if window is not None:
            weights = np.clip(np.minimum(ends, window.end_ns) - np.maximum(starts, window.start_ns), 0, None).astype(np.float64)
        return cls(*_overlapping(starts, ends, edges_ns), weights, window.end_ns - window.start_ns if window else 0)

    def outline(self, values: Numbers, unit: str) -> Outline:
        least, most = _extremes(values, self.first, self.last)
        if self.weights is None or not self.weights.any():
            return Outline(least, most, None)
        inside, covered = values[self.weights > 0], float(self.weights.sum())
        figures = Figures(
            float(values @ self.weights) / covered, float(inside.min()), float(inside.max()), min(1.0, covered / self.seconds_ns), unit
        )
        return Outline(least, most, figures)


def _plain(columns: Sequence[Column], values: Sequence[Numbers], times: Whole) -> Numbers | None:
    """Return the sum of what columns come to between samples; None if one of them is not known at all times, or started again."""
    total = np.zeros(len(times) - 1)
    for column, numbers in zip(columns, values, strict=True):
        if np.isnan(numbers).any():
            return None
        _, factor = course_unit(column)
        if column.kind == "gauge":
            total += factor * numbers[1:]
            continue
        steps = np.diff(numbers)
        if (steps < 0).any():
            if (numbers[1:] < RESTARTED * numbers[:-1]).any():
                return None
            steps = np.diff(np.maximum.accumulate(numbers))
        total += factor * 1e9 * steps / np.diff(times)
    return total


def _overlapping(starts: Whole, ends: Whole, edges_ns: Whole) -> tuple[Whole, Whole]:
    """Return the first stretch that reaches into each part, and the one after the last."""
    return np.searchsorted(ends, edges_ns[:-1], side="right"), np.searchsorted(starts, edges_ns[1:], side="left")


def _extremes(values: Numbers, first: Whole, last: Whole) -> tuple[Numbers, Numbers]:
    known = last > first
    least, most = np.full(len(first), np.nan), np.full(len(first), np.nan)
    if known.any():
        at = np.column_stack([first[known], last[known]]).reshape(-1)
        padded = np.append(values, 0.0)  # so that a part may end with the last value
        least[known], most[known] = (extreme.reduceat(padded, at)[::2] for extreme in (np.minimum, np.maximum))
    return least, most

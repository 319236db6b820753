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
    ends = _Ends.of(list(readings.values()), clock, edges_ns, window)
    found = {}
    for name, columns in groups.items():
        mine = {one: readings[one] for one in columns if one in readings}
        values = ends.sums(mine) if ends is not None and mine else None
        if ends is not None and values is not None:
            found[name] = ends.outline(values, course_unit(next(iter(mine)))[0])
        elif outline := _long_way(mine, clock, edges_ns, window):
            found[name] = outline
    return found


def _long_way(readings: Mapping[Column, Readings], clock: Clock, edges_ns: Whole, window: Window | None) -> Outline | None:
    placed = {column: Readings(on_our_clock(one.times_ns, clock), one.values) for column, one in readings.items()}
    courses = [course for column, one in placed.items() if len((course := course_of(column, one)).values)]
    if not courses:
        return None
    course = together(courses)
    return Outline(*extremes(course, edges_ns), course.over(window) if window else None)


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

    times: Whole
    first: Whole
    last: Whole
    weights: Numbers | None
    seconds_ns: int

    @classmethod
    def of(cls, readings: Sequence[Readings], clock: Clock, edges_ns: Whole, window: Window | None) -> "_Ends | None":
        """Return them for columns with the same times, None for others, and if time stands still or samples are missing."""
        times = readings[0].times_ns if readings else np.empty(0, np.int64)
        if len(times) < 2 or not all(np.array_equal(times, one.times_ns) for one in readings):
            return None
        times = on_our_clock(times, clock)
        steps = np.diff(times)
        if (steps <= 0).any() or (steps > LONGEST_STEP * np.median(steps)).any():
            return None
        starts, ends = times[:-1], times[1:]
        weights = None
        if window is not None:
            weights = np.clip(np.minimum(ends, window.end_ns) - np.maximum(starts, window.start_ns), 0, None).astype(np.float64)
        return cls(times, *_overlapping(starts, ends, edges_ns), weights, window.end_ns - window.start_ns if window else 0)

    def sums(self, readings: Mapping[Column, Readings]) -> Numbers | None:
        """Return what columns come to together between samples; None if one of them is not known at all times, or started again."""
        total = np.zeros(len(self.times) - 1)
        for column, one in readings.items():
            values = _plain(column, one.values, self.times)
            if values is None:
                return None
            total += values
        return total

    def outline(self, values: Numbers, unit: str) -> Outline:
        least, most = _extremes(values, self.first, self.last)
        if self.weights is None or not self.weights.any():
            return Outline(least, most, None)
        inside, covered = values[self.weights > 0], float(self.weights.sum())
        figures = Figures(
            float(values @ self.weights) / covered, float(inside.min()), float(inside.max()), min(1.0, covered / self.seconds_ns), unit
        )
        return Outline(least, most, figures)


def _plain(column: Column, numbers: Numbers, times: Whole) -> Numbers | None:
    _, factor = course_unit(column)
    if np.isnan(numbers).any():
        return None
    if column.kind == "gauge":
        return factor * numbers[1:]
    steps = np.diff(numbers)
    if (steps < 0).any():
        if (numbers[1:] < RESTARTED * numbers[:-1]).any():
            return None
        steps = np.diff(np.maximum.accumulate(numbers))
    return factor * 1e9 * steps / np.diff(times)


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

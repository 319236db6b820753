"""Courses without the times that a fault disturbed, as if these had not been: what was before is followed by what came after."""

from collections.abc import Sequence

import numpy as np

from wke.judge.telemetry.course import Course, Whole, Window


class Undisturbed:
    """Takes times out of courses and windows: those from and until seconds after the start of `window`, in order and apart."""

    def __init__(self, window: Window, disturbed: Sequence[tuple[float, float]]) -> None:
        self._edges = np.array([window.start_ns + round(edge * 1e9) for span in disturbed for edge in span], np.int64)
        lengths = self._edges[1::2] - self._edges[::2]
        after = np.cumsum(lengths)
        self._lost = np.column_stack([after - lengths, after]).reshape(-1)

    def window(self, window: Window) -> Window:
        """Return what is left of a window."""
        start, end = self._places(np.array([window.start_ns, window.end_ns], np.int64))
        return Window(int(start), int(end))

    def course(self, course: Course) -> Course:
        """Return what is left of a course."""
        starts, ends = self._places(course.starts_ns), self._places(course.ends_ns)
        left = ends > starts
        return Course(course.unit, starts[left], ends[left], course.values[left])

    def _places(self, times_ns: Whole) -> Whole:
        """Return each time without what was taken out before it."""
        if not len(self._edges) or not len(times_ns):
            return times_ns
        base = self._edges[0]  # floats hold differences exactly
        lost: Whole = np.rint(np.interp(times_ns - base, self._edges - base, self._lost)).astype(np.int64)
        return times_ns - lost

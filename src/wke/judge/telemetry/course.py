"""Courses: the values of a column over time, on the controller's clock, and what they come to in a window.

A counter gives its rate between one sample and the next: the mean rate, whatever happened between. A counter that falls by more than half
started again, and how much it grew meanwhile is unknown. A smaller fall is a kernel's inexactness (`iowait` has it); the counter then
stays where it was. A gauge has the value of a sample since the sample before, unless that is much longer ago than usual.

Nothing is guessed: what is not known is left out, and every figure comes with the share of the window in which the course is known.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wke.keep.telemetry.columns import SCRIPT, Column
from wke.keep.telemetry.reader import Readings
from wke.values import dataclass

Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]

LEAST_COVERED = 0.9
"""A figure of a window counts if the course is known for this share of it."""
LONGEST_STEP = 5
"""A gauge is unknown between two samples that are so many times as far apart as usual."""
RESTARTED = 0.5
TIMES = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
JOULES = {"nJ": 1e-9, "uJ": 1e-6, "mJ": 1e-3, "J": 1.0}


@dataclass(frozen=True, slots=True)
class Window:
    """A time on the controller's clock, in nanoseconds since the epoch."""

    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Figures:
    """What a course comes to in a window: the mean over the time in which it is known, its extremes, the share that is `covered`."""

    mean: float
    least: float
    most: float
    covered: float
    unit: str

    @property
    def counts(self) -> bool:
        """Whether enough of the window is known."""
        return self.covered >= LEAST_COVERED


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """From `starts_ns[k]` to `ends_ns[k]` the mean value is `values[k]`, in `unit`. Stretches follow one another and do not overlap."""

    unit: str
    starts_ns: Whole
    ends_ns: Whole
    values: Numbers

    def over(self, window: Window) -> Figures | None:
        """Return the figures of a window; None if nothing is known of it."""
        within, weights = self._within(window)
        if not weights.any():
            return None
        mean = float(np.average(within, weights=weights))
        covered = float(weights.sum() / (window.end_ns - window.start_ns))
        return Figures(mean, float(within.min()), float(within.max()), min(covered, 1.0), self.unit)

    def quantile(self, window: Window, share: float) -> float | None:
        """Return the value that the course does not exceed for `share` of the known time of a window; None if nothing is known."""
        within, weights = self._within(window)
        if not weights.any():
            return None
        order = np.argsort(within)
        reached = np.cumsum(weights[order])
        return float(within[order][min(np.searchsorted(reached, share * reached[-1]), len(order) - 1)])

    def means(self, edges_ns: Whole) -> Numbers:
        """Return the mean between each edge and the next; NaN where less than half of that time is known."""
        if not len(self.values):
            return np.full(len(edges_ns) - 1, np.nan)
        base = int(edges_ns[0])
        knots = np.column_stack([self.starts_ns - base, self.ends_ns - base]).reshape(-1)
        lengths = (self.ends_ns - self.starts_ns).astype(np.float64)
        sums, known = (np.diff(np.interp(edges_ns - base, knots, _climb(part))) for part in (self.values * lengths, lengths))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(known >= np.diff(edges_ns) / 2, sums / known, np.nan)

    def _within(self, window: Window) -> tuple[Numbers, Numbers]:
        """Return the values in a window, and for how long each holds there."""
        first = np.searchsorted(self.ends_ns, window.start_ns, side="right")
        last = np.searchsorted(self.starts_ns, window.end_ns, side="left")
        starts, ends = (np.clip(side[first:last], window.start_ns, window.end_ns) for side in (self.starts_ns, self.ends_ns))
        return self.values[first:last], (ends - starts).astype(np.float64)


def course_of(column: Column, readings: Readings, begun_ns: int | None = None) -> Course:
    """Return the course of a column whose times are on the controller's clock.

    A counter that is known to have begun at 0 at `begun_ns`, as a task's is, has a rate from there on.
    """
    times, values = _forward(readings.times_ns, readings.values)
    unit, factor = course_unit(column)
    if column.kind == "gauge":
        return _gauge(unit, times, factor * values)
    if begun_ns is not None and len(times) and begun_ns < times[0]:
        times, values = np.concatenate([[begun_ns], times]), np.concatenate([[0.0], values])
    restarts = np.flatnonzero(values[1:] < RESTARTED * values[:-1]) + 1
    for start, end in zip([0, *restarts], [*restarts, len(values)], strict=True) if len(values) else ():
        np.maximum.accumulate(values[start:end], out=values[start:end])
    steps = np.diff(times)
    known = np.ones(len(steps), bool)
    known[restarts - 1] = False
    return Course(unit, times[:-1][known], times[1:][known], factor * 1e9 * np.diff(values)[known] / steps[known])


def rate_of(readings: Readings, begun_ns: int) -> Course:
    """Return the rate of numbers of events, each of which counts those since the sample before; the first one counts from `begun_ns` on."""
    counter = Column(SCRIPT, "", "1", "counter")
    return course_of(counter, Readings(readings.times_ns, np.cumsum(readings.values)), begun_ns)


def course_unit(column: Column) -> tuple[str, float]:
    """Return the unit of a column's course, and the factor that gives it: cores for processor time, a share for other times, watts, B/s.

    A unit such as 1/100 is a factor.
    """
    unit = column.unit
    if column.kind == "counter" and unit in JOULES:
        return "W", JOULES[unit]
    time = unit if column.kind == "counter" else unit.removesuffix("/s") if unit.endswith("/s") else ""
    if time in TIMES:
        return "cores" if column.name.split(".")[0] == "cpu" else "1", TIMES[time]
    whole, slash, parts = unit.partition("/")
    factor = 1 / int(parts) if slash and whole == "1" and parts.isdecimal() and int(parts) else 1.0
    plain = "1" if factor != 1.0 else unit
    if column.kind == "gauge":
        return plain, factor
    return ("1/s" if plain == "1" else f"{plain}/s"), factor


def edges(window: Window, step_ns: int) -> Whole:
    """Return the edges of a window's steps; the last step is longer if they do not fit."""
    count = max(1, (window.end_ns - window.start_ns) // step_ns)
    return np.append(window.start_ns + step_ns * np.arange(count, dtype=np.int64), window.end_ns)


def summed(courses: Sequence[Course], edges_ns: Whole) -> Numbers:
    """Return the sum of several courses between each edge and the next; NaN where one of them is unknown."""
    total = np.zeros(len(edges_ns) - 1)
    for course in courses:
        total += course.means(edges_ns)
    return total


def _forward(times: Whole, values: Numbers) -> tuple[Whole, Numbers]:
    """Return the known values, without those that are not later than all before them, as after a clock was set back."""
    known = ~np.isnan(values)
    times, values = times[known], values[known]
    later = np.ones(len(times), bool)
    later[1:] = times[1:] > np.maximum.accumulate(times)[:-1]
    return times[later], values[later]


def _gauge(unit: str, times: Whole, values: Numbers) -> Course:
    steps = np.diff(times)
    known = steps <= LONGEST_STEP * np.median(steps) if len(steps) else np.ones(0, bool)
    return Course(unit, times[:-1][known], times[1:][known], values[1:][known])


def _climb(parts: Numbers) -> Numbers:
    """Return the sum before and after each part."""
    after = np.cumsum(parts)
    return np.column_stack([after - parts, after]).reshape(-1)

"""The telemetry of one trial: what machines and tasks did, on the controller's clock, beside its steps, tasks and measured window."""

import re
from collections.abc import Collection, Mapping
from dataclasses import field

import numpy as np

from wke.describe.experiment.timeseries import COUNTS, TimeSeries
from wke.judge.telemetry.course import Course, Figures, Window, course_of, rate_of
from wke.judge.telemetry.placement import Clock, on_our_clock
from wke.judge.telemetry.spans import Span
from wke.judge.telemetry.windowfigures import window_figures
from wke.keep.telemetry.columns import SCRIPT, Column
from wke.keep.telemetry.reader import Readings, StoredTelemetry
from wke.records import TaskName
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class TrialTelemetry:
    """Telemetry of an attempt at a trial.

    `window` is from the release of the measured step to the end of its last task, None if it was never released. A machine whose clock is
    not among `clocks` has no courses. `written` are the time series that tasks wrote themselves, or left as interval logs;
    they count from the start of the window.
    """

    trial: str
    attempt: int
    series: str
    stored: StoredTelemetry
    scrapes: StoredTelemetry
    clocks: Mapping[str, Clock]
    spans: tuple[Span, ...]
    window: Window | None
    written: Mapping[TaskName, Mapping[str, TimeSeries]] = field(default_factory=dict)

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines that have telemetry, in the order of their names, with numbers in them as numbers."""
        return tuple(sorted({*self.stored.machines, *self.scrapes.machines, *(task.machine for task in self.written)}, key=_by_name))

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be read, in sentences: of the files as far as they were asked for, and the machines that cannot be placed."""
        unplaced = [f"the clock of {machine} is not known, so its telemetry is of no known time" for machine in self._unplaced()]
        return (*self.stored.damage, *self.scrapes.damage, *unplaced)

    def columns(self, machine: str) -> tuple[Column, ...]:
        """Return the columns of a machine: its telemetry, what was scraped there, and what its tasks wrote."""
        return (*self.stored.columns(machine), *self.scrapes.columns(machine), *self._written(machine))

    def readings(self, machine: str, columns: Collection[Column]) -> dict[Column, Readings]:
        """Return the samples of several columns, with times on the controller's clock; none for a machine that cannot be placed."""
        clock = self.clocks.get(machine)
        if not clock:
            return {}
        found = self.stored.read(machine, columns) | self.scrapes.read(machine, columns)
        placed = {column: Readings(on_our_clock(each.times_ns, clock), each.values) for column, each in found.items()}
        return placed | {column: each for column, each in self._written(machine).items() if column in columns}

    def courses(self, machine: str, columns: Collection[Column]) -> dict[Column, Course]:
        """Return the courses of several columns, which are decoded together; none for a machine that cannot be placed.

        What load generators count of requests is a rate: each sample counts those since the one before, or since the window began.
        """
        begun = {span.task: span.start_ns for span in self.spans if span.task is not None}
        found = self.readings(machine, columns)
        return {column: self._course(column, each, begun.get(column.task) if column.task else None) for column, each in found.items()}

    def _course(self, column: Column, readings: Readings, begun_ns: int | None) -> Course:
        if column.scope == SCRIPT and column.name in COUNTS and self.window is not None:
            return rate_of(readings, self.window.start_ns)
        return course_of(column, readings, begun_ns)

    def figures(self, machine: str, columns: Collection[Column], window: Window) -> dict[Column, Figures]:
        """Return the figures of a window for several columns that tasks did not write; none for a machine that cannot be placed."""
        clock = self.clocks.get(machine)
        if not clock:
            return {}
        found = self.stored.read(machine, columns) | self.scrapes.read(machine, columns)
        return window_figures(found, clock, window, {span.task: span.start_ns for span in self.spans if span.task is not None})

    def _written(self, machine: str) -> dict[Column, Readings]:
        """Return the series that the tasks on a machine wrote, with times on the controller's clock."""
        if self.window is None:
            return {}
        found = {}
        for task, series in self.written.items():
            for name, one in series.items() if task.machine == machine else ():
                times_ns = self.window.start_ns + np.rint(np.array(one.times) * 1e9).astype(np.int64)
                found[Column(SCRIPT, name, one.unit or "1", "gauge", task, floating=True)] = Readings(times_ns, np.array(one.values))
        return found

    def _unplaced(self) -> list[str]:
        return [machine for machine in self.machines if not self.clocks.get(machine)]


def _by_name(name: str) -> list[str | int]:
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"(\d+)", name))]

"""The clocks of a session's machines: read before and after a measured step, whose tasks start at one instant, and while it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from wke.act.connection.clock import Clock
from wke.act.session.clockreadings import Until, read_clocks
from wke.act.session.connections import Connections
from wke.act.session.waiting import cancel_all
from wke.act.steadyclock import CLOCK, is_step
from wke.describe.configuration.step import PlannedStep
from wke.errors import MachineError
from wke.judge.clocks import BESIDE, FEW_BESIDE, RAW_PPM, SLEWED_PPM, ahead_ns, enough, few, start_skew
from wke.records import ClockReading, MachineClock, Note, Release, Sink, StartedTogether, TaskEnded
from wke.values import dataclass

EVERY_S = 10.0  # between two readings while a step is measured
FRESH_NS = 100_000_000  # a clock that was read this recently is not read again
MOST_TOLD = 4


@dataclass(frozen=True, slots=True)
class _Measured:
    """A measured step: when its tasks were released, the readings of clocks since just before that, and the machines of its tasks."""

    released_ns: int
    readings: Mapping[str, list[ClockReading]]
    machines: frozenset[str]
    drift_ppm: int


class Clocks:
    """Reads the clocks of machines over their connections; `now` is ours, in nanoseconds.

    `bystanders` are machines without a task of the measured step whose clocks are read, too: with few probes, as they matter less.
    """

    def __init__(self, connections: Connections, now: Callable[[], int], emit: Sink, drift_ppm: int = RAW_PPM) -> None:
        self.bystanders: Sequence[str] = ()
        self._connections = connections
        self._now = now
        self._emit = emit
        self._drift_ppm = drift_ppm
        self._latest: dict[str, tuple[Clock, int, ClockReading]] = {}  # with the epoch of our clock
        self._agreed: dict[int, dict[str, list[ClockReading]]] = {}  # the readings from before a step
        self._measured: dict[int, _Measured] = {}
        self._walls: dict[str, int] = {}  # by how much the machines' wall clocks were ahead of their steady ones

    async def agree(self, step: PlannedStep, staging_ns: int) -> Release:
        """Choose an instant a little ahead for the step's tasks, whose staging took that long. Raises MachineError without contact."""
        names = [m.name for m in step.machines]
        others = await self._read([name for name in self.bystanders if name not in names], few, FEW_BESIDE, FRESH_NS)
        clocks = await self._read(names, enough, BESIDE, FRESH_NS)
        for name in names:
            if name not in clocks:
                raise MachineError(f"machine {name}: {self._connections[name].why}")
        CLOCK.step()
        self._walls = {name: self._connections[name].clock.wall_ahead_ns for name in clocks}
        self._agreed[step.index] = {name: [reading] for name, reading in (clocks | others).items()}
        return Release(self._now() + ahead_ns(staging_ns, len(step.tasks()), clocks.values()), clocks)

    def note(self, step: PlannedStep, release: Release) -> None:
        """Remember when a step's tasks were released, until it is `measured`. Another command may have agreed on that, by its own clock."""
        ours, theirs = self._agreed.pop(step.index, None), {name: [reading] for name, reading in release.clocks.items()}
        drift_ppm = SLEWED_PPM if ours is None else self._drift_ppm
        self._measured[step.index] = _Measured(release.at_ns, theirs if ours is None else ours, frozenset(theirs), drift_ppm)

    @asynccontextmanager
    async def watched(self, step: PlannedStep) -> AsyncIterator[None]:
        """Read the clocks every EVERY_S for as long as the block lasts, if the step is measured."""
        measured = self._measured.get(step.index)
        all_of_them = measured.readings if measured else {}
        readings = {name: found for name, found in all_of_them.items() if not self._connections[name].clock.is_ours}
        watching = [asyncio.ensure_future(self._watch(readings))] if readings else []
        try:
            yield
        finally:
            await cancel_all(watching)

    async def measured(self, step: PlannedStep, ends: Iterable[TaskEnded]) -> Mapping[str, MachineClock]:
        """Read the clocks again after a measured step and report how far apart its tasks began; return the clocks, {} for other steps."""
        measured = self._measured.pop(step.index, None)
        if measured is None:
            return {}
        after = await self._read(measured.machines, enough, BESIDE) | await self._read(
            measured.readings.keys() - measured.machines, few, FEW_BESIDE
        )
        self._tell_steps(step, after, self._now() - measured.released_ns)
        for name, reading in after.items():
            measured.readings[name].append(reading)
        clocks = {name: MachineClock(_distinct(found), measured.drift_ppm) for name, found in measured.readings.items()}
        skew = start_skew(ends, clocks)
        if skew is not None:
            at = step.index, step.target.name, measured.released_ns
            self._emit(StartedTogether(*at, skew.skew_ns, skew.bound_ns, skew.first, skew.last, clocks))
        return clocks

    async def _watch(self, readings: Mapping[str, list[ClockReading]]) -> None:
        until = partial(few, machines=len(readings))
        while True:
            await asyncio.sleep(EVERY_S)
            for name, reading in (await self._read(readings, until, FEW_BESIDE)).items():
                readings[name].append(reading)

    def _tell_steps(self, step: PlannedStep, machines: Iterable[str], since_ns: int) -> None:
        """Tell whose wall clock was set while a step ran; times here are steady, but those that its scripts took may be wrong."""
        ahead = {name: self._connections[name].clock.wall_ahead_ns - self._walls[name] for name in machines if name in self._walls}
        steps = {"this computer": CLOCK.step()} | {name: change for name, change in ahead.items() if is_step(change, since_ns)}
        told = [f"on {name} by {change / 1e9:+.1f} s" for name, change in steps.items() if change]
        if told:
            more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
            where = f"{', '.join(told[:MOST_TOLD])}{more}"
            self._emit(
                Note(f"while {step.target.name} ran, the clock was set {where}; wke's durations are right, those of scripts may not be")
            )

    async def _read(self, names: Iterable[str], until: Until, beside: int, fresh_ns: int = 0) -> dict[str, ClockReading]:
        """Read machines' clocks as `read_clocks` does. A clock that was read less than `fresh_ns` ago is not read again."""
        found: dict[str, ClockReading] = {}
        stale: dict[str, Clock] = {}
        for name in names:
            clock = self._connections[name].clock
            *of, known = self._latest.get(name, (clock, CLOCK.epoch, None))
            if known is not None and of == [clock, CLOCK.epoch] and 0 <= self._now() - known.at_ns < fresh_ns:
                found[name] = known
            else:
                stale[name] = clock
        fresh = await read_clocks(stale, until, beside, self._drift_ppm)
        self._latest |= {name: (stale[name], CLOCK.epoch, reading) for name, reading in fresh.items()}
        return found | fresh


def _distinct(readings: Iterable[ClockReading]) -> tuple[ClockReading, ...]:
    """Return one reading for each moment, in order of time."""
    return tuple(reading for _, reading in sorted({reading.at_ns: reading for reading in readings}.items()))

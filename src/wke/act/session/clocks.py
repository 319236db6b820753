"""The clocks of a session's machines: read before and after a measured step, whose tasks start at one instant."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from wke.act.session.connections import Connections
from wke.act.session.waiting import cancel_all
from wke.act.steadyclock import CLOCK, is_step
from wke.describe.configuration.step import PlannedStep
from wke.errors import MachineError
from wke.judge.clocks import ahead_ns, start_skew
from wke.records import ClockReading, MachineClock, Note, Release, Sink, StartedTogether, TaskEnded

FRESH_NS = 100_000_000  # a clock that was read this recently is not read again: the line between two readings shows what it gained since
CLOCKS_AT_ONCE = 4  # more of them would wait for each other here, and their round trips would seem longer than they are
MOST_TOLD = 4
CLOCK_PATIENCE_S = 0.01  # then the next one begins all the same: these machines are far away


class Clocks:
    """Reads the clocks of machines over their connections; `now` is ours, in nanoseconds."""

    def __init__(self, connections: Connections, now: Callable[[], int], emit: Sink) -> None:
        self._connections = connections
        self._now = now
        self._emit = emit
        self._latest: dict[str, ClockReading] = {}
        self._releases: dict[int, Release] = {}
        self._walls: dict[str, int] = {}  # by how much the machines' wall clocks were ahead of their steady ones

    async def agree(self, step: PlannedStep, staging_ns: int) -> Release:
        """Choose an instant a little ahead for the step's tasks, whose staging took that long. Raises MachineError without contact."""
        clocks = await self._read([m.name for m in step.machines], FRESH_NS)
        CLOCK.step()
        self._walls = {name: self._connections[name].clock.wall_ahead_ns for name in clocks}
        return Release(self._now() + ahead_ns(staging_ns, len(step.tasks()), clocks.values()), clocks)

    def note(self, step: PlannedStep, release: Release) -> None:
        """Remember when a step's tasks were released, until it is `measured`."""
        self._releases[step.index] = release

    async def measured(self, step: PlannedStep, ends: Iterable[TaskEnded]) -> Mapping[str, MachineClock]:
        """Read the clocks again after a measured step and report how far apart its tasks began; return the clocks, {} for other steps."""
        release = self._releases.pop(step.index, None)
        if release is None:
            return {}
        names = [name for name in release.clocks if not self._connections[name].lost.is_set()]
        try:
            after = await self._read(names)
        except MachineError:  # lost just now: the readings from before have to do
            after = {}
        self._tell_steps(step, after, self._now() - release.at_ns)
        clocks = {name: MachineClock(before, after.get(name)) for name, before in release.clocks.items()}
        skew = start_skew(ends, clocks)
        if skew is not None:
            target = step.target.name
            self._emit(StartedTogether(step.index, target, release.at_ns, skew.skew_ns, skew.bound_ns, skew.first, skew.last, clocks))
        return clocks

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

    async def _read(self, names: Iterable[str], fresh_ns: int = 0) -> dict[str, ClockReading]:
        """Read machines' clocks, a few at a time; raise MachineError when contact with one is lost.

        A clock that was read less than `fresh_ns` ago is not read again.
        """
        now_ns, wanted = self._now(), tuple(names)
        known = {name: clock for name in wanted if (clock := self._latest.get(name)) and 0 <= now_ns - clock.at_ns < fresh_ns}
        readings: dict[str, asyncio.Task[ClockReading]] = {}
        busy: set[asyncio.Task[ClockReading]] = set()
        try:
            for name in wanted:
                if name in known:
                    continue
                readings[name] = asyncio.create_task(self._connections[name].clock.read())
                busy.add(readings[name])
                if len(busy) >= CLOCKS_AT_ONCE:
                    _, busy = await asyncio.wait(busy, timeout=CLOCK_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            self._latest.update({name: await read for name, read in readings.items()})
            return {name: self._latest[name] for name in wanted}
        finally:
            await cancel_all(readings.values())

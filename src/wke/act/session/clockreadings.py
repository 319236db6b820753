"""Reading the clocks of many machines: a few at a time, and those behind a relay by the relay, whose own clock is read then."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from wke.act.connection.clock import Clock
from wke.act.session.waiting import cancel_all
from wke.errors import MachineError
from wke.judge.clocks import Probe, through, wide_ones
from wke.records import ClockReading

AT_ONCE = 4  # clocks; more of them would wait for each other here, and their round trips would seem longer than they are,
APART_NS = 250_000  # unless a round trip is so long that each has this time for itself
PATIENCE_S = 0.01  # then the next one begins all the same: these machines are far away
RELAYS_AT_ONCE = 8  # whose clocks are read, and then, while these have not drifted far, those below them
WORTH_A_RELAY = 4  # machines behind it; fewer are read as exactly, and as soon, without it

Until = Callable[[Sequence[Probe]], bool]


async def read_clocks(clocks: Mapping[str, Clock], until: Until, beside: int, drift_ppm: int) -> dict[str, ClockReading]:
    """Read clocks, each by probes `until` there are enough; machines with which contact is lost are left out.

    A relay probes the machines right below it `beside` times each. Its clock and theirs may drift apart by `drift_ppm`.
    """
    turns = _Turns()
    parts: list[asyncio.Task[dict[str, ClockReading]]] = []
    found: dict[str, ClockReading] = {}
    groups: defaultdict[int | None, dict[str, Clock]] = defaultdict(dict)
    for name, clock in clocks.items():
        groups[clock.relay][name] = clock
    try:
        relays = [(relay, group) for relay, group in groups.items() if relay is not None and len(group) >= WORTH_A_RELAY]
        for first in range(0, len(relays), RELAYS_AT_ONCE):
            some = relays[first : first + RELAYS_AT_ONCE]
            owns = [await turns.begin(next(iter(group.values())).of_relay(relay, until)) for relay, group in some]
            await asyncio.gather(*owns, return_exceptions=True)
            parts = [asyncio.create_task(_through(*one, own, beside, drift_ppm)) for one, own in zip(some, owns, strict=True)]
            for part in parts:
                found |= await part
        wide = wide_ones(found)
        reads = {name: await turns.begin(clock.read(until)) for name, clock in clocks.items() if name not in found or name in wide}
        for name, read in reads.items():
            with suppress(MachineError):
                found[name] = min(await read, found.get(name, read.result()), key=lambda one: one.bound_ns)
        return found
    finally:
        await cancel_all([*turns.readings, *parts])


async def _through(
    relay: int, group: Mapping[str, Clock], own: Awaitable[ClockReading], beside: int, drift_ppm: int
) -> dict[str, ClockReading]:
    """Return the readings of the machines below a relay that it could make."""
    try:
        reading = await own
    except MachineError:  # perhaps only the machine is lost through which it was asked
        return {}
    probes = await asyncio.gather(*(clock.beside(relay, beside) for clock in group.values()), return_exceptions=True)
    for probe in probes:
        if isinstance(probe, BaseException) and not isinstance(probe, MachineError):
            raise probe
    return {name: through(reading, probe, drift_ppm) for name, probe in zip(group, probes, strict=True) if isinstance(probe, Probe)}


class _Turns:
    """Begins readings so that they do not wait for each other."""

    def __init__(self) -> None:
        self.readings: list[asyncio.Task[ClockReading]] = []
        self._busy: set[asyncio.Task[ClockReading]] = set()
        self._at_once = AT_ONCE

    async def begin(self, reading: Awaitable[ClockReading]) -> asyncio.Task[ClockReading]:
        """Begin a reading, and return when the next one may."""
        task = asyncio.ensure_future(reading)
        self.readings.append(task)
        self._busy.add(task)
        if len(self._busy) >= self._at_once:
            done, self._busy = await asyncio.wait(self._busy, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            ways_ns = [2 * one.result().bound_ns for one in done if one.exception() is None]
            if ways_ns:
                self._at_once = max(AT_ONCE, min(ways_ns) // APART_NS)
        return task

"""Our clock: durations whatever is done to the wall clock, and whoever sets one is told about."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from wke.act.session import clocks
from wke.act.session.clocks import Clocks
from wke.act.session.connections import Connections
from wke.act.steadyclock import SteadyClock
from wke.describe.configuration.step import PlannedStep
from wke.records import ClockReading, Note, Record

SECOND = 1_000_000_000


class Clock:
    """A wall clock and a monotonic one, both set by hand."""

    def __init__(self) -> None:
        self.wall_ns, self.monotonic_ns = 5_000 * SECOND, 7 * SECOND
        self.steady = SteadyClock(lambda: self.wall_ns, lambda: self.monotonic_ns)

    def go_on(self, ns: int, stepped_ns: int = 0) -> None:
        self.monotonic_ns += ns
        self.wall_ns += ns + stepped_ns


@pytest.mark.parametrize("stepped_ns", [3 * SECOND, -3600 * SECOND])
def test_durations_do_not_depend_on_the_wall_clock(stepped_ns: int) -> None:
    """A step of the wall clock is told once, changes no duration, and is followed between measurements."""
    clock = Clock()
    began = clock.steady.now()
    assert began == clock.wall_ns
    clock.go_on(10 * SECOND, stepped_ns)
    assert clock.steady.now() - began == 10 * SECOND
    assert (clock.steady.step(), clock.steady.step()) == (stepped_ns, 0)
    clock.steady.catch_up()
    assert clock.steady.now() == clock.wall_ns


def test_a_slewed_clock_is_not_a_step() -> None:
    """What daemons correct slowly is not told, however long it takes, and times keep their distances."""
    clock = Clock()
    for _ in range(100):
        clock.go_on(60 * SECOND, 30_000_000)
        assert clock.steady.step() == 0
    assert clock.steady.now() - 5_000 * SECOND == 6_000 * SECOND


def test_a_step_during_a_measurement_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here and on machines, with its size, once the measured step is over."""
    here, told = Clock(), list[Record]()
    monkeypatch.setattr(clocks, "CLOCK", here.steady)

    class MachineClock:
        wall_ahead_ns, is_ours, relay = 0, False, None

        async def read(self, until: object) -> ClockReading:
            return ClockReading(0, 0, here.steady.now())

    machines = {name: SimpleNamespace(clock=MachineClock(), lost=asyncio.Event()) for name in ("m0", "m1")}
    target = SimpleNamespace(name="load")
    step = cast("PlannedStep", SimpleNamespace(index=0, target=target, machines=[SimpleNamespace(name=n) for n in machines], tasks=list))

    async def measure() -> None:
        session = Clocks(cast("Connections", machines), here.steady.now, told.append)
        session.note(step, await session.agree(step, 0))
        here.go_on(10 * SECOND, 3 * SECOND)
        machines["m1"].clock.wall_ahead_ns -= 3600 * SECOND
        machines["m0"].clock.wall_ahead_ns += 1_000_000
        await session.measured(step, [])

    with asyncio.Runner() as runner:
        runner.run(measure())
    where = "on this computer by +3.0 s, on m1 by -3600.0 s"
    assert told == [Note(f"while load ran, the clock was set {where}; wke's durations are right, those of scripts may not be")]

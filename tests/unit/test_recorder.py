"""The recorder of trials' telemetry, with machines that say what a test tells them to."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder
from wke.act.telemetry.recorder import Recorder
from wke.agent.protocol import ProtocolError
from wke.agent.sampler import chunk
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.errors import MachineError
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import TELEMETRY
from wke.keep.telemetry.reader import read_telemetry
from wke.records import MachineUsage, Note, Record, TaskName

SECOND = 10**9
NOW = 50 * SECOND + 1
BUSY = ("machine", "cpu.busy", "us", "counter")
TASK = ("task.7", "memory", "B", "gauge")


class Machine:
    """A connection whose machine's clock is what a test says."""

    def __init__(self, name: str, now_ns: int = 100 * SECOND) -> None:
        self.machine, self.now_ns = name, now_ns
        self.link = SimpleNamespace(machine_now_ns=lambda: self.now_ns)
        self.lost, self.tasks, self.telemetry = asyncio.Event(), SimpleNamespace(names={7: TaskName(0, "serve", name)}), self
        self.orders: list[WatchOrder] = []

    async def watch(self, order: WatchOrder, receive) -> None:
        self.orders.append(order)
        if self.lost.is_set():
            raise MachineError("gone")
        self.receive = receive

    def says(self, *at_s: float, epoch: int = 1, columns: int = 1, **now: int) -> None:
        """Send a chunk with rows at these moments, in which every column is 5."""
        times = [int(SECOND * at) for at in at_s]
        payload = chunk([times, *[[5] * len(times)] * columns])
        self.receive(SentChunk(epoch, len(times), times[0], times[-1], payload, now))


def recorder(machines: list[Machine], provider: str = "ssh", *, watched: bool = False, **rules: object) -> tuple[Recorder, list[Record]]:
    told: list[Record] = []
    place = SimpleNamespace(is_here=provider == "local", now=lambda: NOW)
    session = SimpleNamespace(connections=machines, machines={machine.machine: None for machine in machines}, place=place)
    return Recorder(session, TelemetryRules(**rules), told.append, watched=watched), told


def stored(folder: Path, machine: str) -> dict[Column, list[tuple[float, float]]]:
    """Return what was stored of a machine: for each column (seconds, value) of its rows."""
    telemetry = read_telemetry(folder)
    assert not telemetry.damage
    series = {column: telemetry.series(machine, column) for column in telemetry.columns(machine)} if machine in telemetry.machines else {}
    return {c: [(at / SECOND, value) for at, value in zip(s.times_ns.tolist(), s.values.tolist(), strict=True)] for c, s in series.items()}


def test_a_trial_has_what_falls_into_it(tmp_path: Path) -> None:
    """Each trial's file declares its columns itself; what was sent before, or read before it began, is in none; tasks have their names."""
    a, b = Machine("a"), Machine("b")
    one, told = recorder([a, b], watched=True)
    asyncio.run(one.attach())
    asyncio.run(one.attach())
    assert [len(machine.orders) for machine in (a, b)] == [1, 1]
    a.receive(SentColumns(1, (BUSY,), ("perf is missing",)))
    a.says(99, cpu=1500, cpus=2000, memory=7)
    assert told == [Note("telemetry: perf is missing", "a"), MachineUsage("a", 99 * SECOND, 1.5, 2.0, 7, None, None, None)]
    busy, memory = Column("machine", "cpu.busy", "us", "counter"), Column("task.7", "memory", "B", "gauge", TaskName(0, "serve", "b"))
    with one.recording(tmp_path / "1", NOW):
        a.says(98, 99.5)
        a.says(99.5, 100.5)
        b.receive(SentColumns(1, (BUSY,)))
        b.says(101)
        b.receive(SentColumns(2, (BUSY, TASK)))
        b.says(101.5, epoch=2, columns=2)
    a.now_ns = b.now_ns = 110 * SECOND
    with one.recording(tmp_path / "2", NOW):
        a.says(110.5)
        b.says(111, epoch=2, columns=2)
    assert stored(tmp_path / "1", "a") == {busy: [(99.5, 5), (100.5, 5)]}
    assert stored(tmp_path / "1", "b") == {busy: [(101, 5), (101.5, 5)], memory: [(101.5, 5)]}
    assert stored(tmp_path / "2", "b") == {busy: [(111, 5)], memory: [(111, 5)]}
    assert [record for record in told if isinstance(record, Note)] == [Note("telemetry: perf is missing", "a")]


@pytest.mark.parametrize(("display", "rows"), [("none", 4), ("live", 2)])
def test_orders_are_aligned_and_the_host_is_read_once(display: str, rows: int) -> None:
    """Machines begin chunks at the same times of the controller's clock; of emulated ones, one tells what their host does.

    Chunks are shorter while a person sees what machines use.
    """
    a, b = Machine("a"), Machine("b", 70 * SECOND)
    one, _ = recorder([a, b], "local", watched=display == "live", every_s=0.5, perf=("cycles",))
    asyncio.run(one.attach())
    (first,), (second,) = a.orders, b.orders
    assert (first.scopes, second.scopes) == (("machine", "task", "host"), ("machine", "task"))
    assert (first.shared, first.interval_s, first.perf) == (True, 0.5, ("cycles",))
    assert (first.at_ns - a.now_ns, second.at_ns - b.now_ns) == (-1, -1)  # it is a nanosecond after a multiple of either
    assert first.head()["rows"] == rows
    assert first.head()["shared"] is True


def test_nothing_is_recorded_where_that_is_not_wanted(tmp_path: Path) -> None:
    """`every = false`: no machine is asked, and there is no file."""
    a = Machine("a")
    one, told = recorder([a], every_s=0.0)
    asyncio.run(one.attach())
    with one.recording(tmp_path / "1", NOW):
        pass
    assert (a.orders, told, (tmp_path / "1").exists()) == ([], [], False)


def test_a_machine_that_was_lost_is_asked_again_and_its_gap_is_told(tmp_path: Path) -> None:
    """A new connection is a new watch. A trial is not failed: it ends with a sentence on what is missing."""
    lost = Machine("a")
    machines = [lost]
    one, told = recorder(machines)
    asyncio.run(one.attach())
    lost.lost.set()
    asyncio.run(one.attach())
    machines[:] = [new := Machine("a")]
    with one.recording(tmp_path / "1", NOW):
        asyncio.run(one.attach())
        new.receive(SentColumns(1, (BUSY,)))
        new.says(100.5)
        new.says(104, 105)
        new.says(106)
    assert [str(note.text) for note in told if isinstance(note, Note)] == ["the telemetry of this trial lacks up to 3.5 s on a"]
    assert len(next(iter(stored(tmp_path / "1", "a").values()))) == 4
    with one.recording(tmp_path / "2", NOW - 30 * SECOND):  # of a trial that another command began
        new.says(101)
    assert told[-1] == Note("the telemetry of this trial lacks up to 31.0 s on a")


def test_a_disk_that_fails_costs_the_telemetry_only(tmp_path: Path) -> None:
    """The file cannot be made: the trial goes on, and is told once."""
    a = Machine("a")
    one, told = recorder([a])
    asyncio.run(one.attach())
    a.receive(SentColumns(1, (BUSY,)))
    (tmp_path / TELEMETRY).symlink_to("/dev/full")
    with one.recording(tmp_path, NOW):
        a.says(101)
        a.says(102)
    (note,) = [record for record in told if isinstance(record, Note)]
    assert note.text.startswith("the telemetry of this trial is not complete: ")


@pytest.mark.parametrize("column", [("machine", "x" * 300, "us", "counter"), ("machine", "x", "u" * 300, "gauge")])
def test_columns_that_are_none_break_the_connection(column: tuple[str, str, str, str]) -> None:
    """What an honest agent does not send is an error of the protocol."""
    a = Machine("a")
    one, _ = recorder([a])
    asyncio.run(one.attach())
    with pytest.raises(ProtocolError):
        a.receive(SentColumns(1, (column,)))

"""The recorder: what the machines of a series tell of themselves, all the time; what falls into a trial is stored in its folder.

Machines sample as long as they are connected, because to start and stop that would make each trial dearer. Chunks are stored as they come.
A trial never fails because of its telemetry: what is missing is a gap, which is told.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from functools import lru_cache
from pathlib import Path

from wke.act.connection.connection import Connection
from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder, rows_of
from wke.act.session.session import Session
from wke.agent.protocol import ProtocolError
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.errors import MachineError, StoreError
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.writer import TelemetryWriter
from wke.records import MachineUsage, Note, Sink, TaskName
from wke.values import dataclass

SECOND_NS = 1_000_000_000
CHUNK_S, WATCHED_CHUNK_S = 2.0, 1.0
"""How much time a chunk spans: half as many are cheaper, but latest figures come with each."""
FLUSH_NS = 5 * SECOND_NS  # what a killed command loses
GAP_NS = 2 * SECOND_NS  # a longer time without a row is told
MOST_TOLD = 4
PER_CORE = 1000
TASK = "task."


class Recorder:
    """Has the machines of a session sampled, as `rules` say, and hands their latest figures and what is to be told to `sink`.

    Figures are handed on once a second, if they are `watched`.
    """

    def __init__(self, session: Session, rules: TelemetryRules, sink: Sink, *, watched: bool = False) -> None:
        self._session = session
        self._rules = rules
        self._sink = sink
        self._watched = watched
        self._chunk_s = WATCHED_CHUNK_S if watched else CHUNK_S
        self._controller = our_process()
        self._streams: dict[str, _Stream] = {}
        self._trial: _Trial | None = None

    async def attach(self) -> None:
        """Begin to sample the machines that are not sampled yet: those that were connected since the last call."""
        if not self._rules.every_s:
            return
        fresh = {}
        for connection in self._session.connections:
            stream = self._streams.get(connection.machine)
            if (stream is None or stream.connection is not connection) and not connection.lost.is_set():
                fresh[connection.machine] = _Stream(connection, self._take)
        self._streams |= fresh
        await asyncio.gather(*(stream.begin(self._order(stream.connection)) for stream in fresh.values()))

    @contextmanager
    def recording(self, folder: Path, began_ns: int) -> Iterator[None]:
        """Store what comes while the block runs in the folder of an attempt that began then; what is missing since is told at the end."""
        if not self._rules.every_s:
            yield
            return
        passed_ns = self._session.place.now() - began_ns
        starts = {connection.machine: connection.link.machine_now_ns() - passed_ns for connection in self._session.connections}
        self._trial = trial = _Trial(TelemetryWriter(folder), starts)
        try:
            yield
        finally:
            self._trial = None
            for note in trial.close():
                self._sink(note)

    def _order(self, connection: Connection) -> WatchOrder:
        """Return what a machine is to read. Of machines that share a computer only one reads what that computer does.

        All machines begin their chunks at the same times of our clock, so that these arrive together: waking up for each costs more than
        to store it.
        """
        chunk_ns = int(SECOND_NS * self._rules.every_s) * rows_of(self._chunk_s, self._rules.every_s)
        place = self._session.place
        shared = place.is_here
        scopes = ("machine", "task", *(("host",) if shared and connection.machine == next(iter(self._session.machines)) else ()))
        now_ns = place.now()
        at_ns = connection.link.machine_now_ns() - now_ns % chunk_ns
        return WatchOrder(self._rules.every_s, at_ns, scopes, shared, self._rules.perf, self._chunk_s, self._controller)

    def _take(self, stream: "_Stream", report: SentColumns | SentChunk) -> None:
        machine = stream.connection.machine
        if isinstance(report, SentColumns):
            for note in report.notes:
                self._sink(Note(f"telemetry: {note}", machine))
            return
        if self._watched:
            self._sink(_usage(machine, report))
        if self._trial is not None:
            self._trial.take(stream, report)


def our_process() -> str:
    """Return the kernel and the namespace of this process, and its id there; "" if these are not known."""
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{kernel} {Path('/proc/self/ns/pid').readlink()} {os.getpid()}"
    except OSError:
        return ""


class _Stream:
    """What one connection sends; `columns` are those of its chunks now."""

    def __init__(self, connection: Connection, take: Callable[["_Stream", SentColumns | SentChunk], None]) -> None:
        self.connection = connection
        self.columns: tuple[Column, ...] = ()
        self._take = take

    async def begin(self, order: WatchOrder) -> None:
        """Have the machine sampled; without contact it is not."""
        with suppress(MachineError):
            await self.connection.telemetry.watch(order, self._receive)

    def _receive(self, report: SentColumns | SentChunk) -> None:
        if isinstance(report, SentColumns):
            names = self.connection.tasks.names
            of_tasks = any(scope.startswith(TASK) for scope, *_ in report.columns)
            self.columns = tuple(_column(*words, names) for words in report.columns) if of_tasks else _columns(report.columns)
        self._take(self, report)


@dataclass(slots=True)
class _Trial:
    """A trial's file, which gets what machines send that is not from before `starts`, on their clocks."""

    writer: TelemetryWriter
    starts: Mapping[str, int]
    declared: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    last_ns: dict[str, int] = field(default_factory=dict)
    gaps_ns: dict[str, int] = field(default_factory=dict)
    flushed_ns: int = 0
    failure: str = ""

    def take(self, stream: _Stream, chunk: SentChunk) -> None:
        """Store a chunk, unless the disk failed before."""
        machine = stream.connection.machine
        if self.failure or chunk.at_ns < self.starts.get(machine, 0):
            return
        gap_ns = chunk.first_ns - self.last_ns.get(machine, self.starts.get(machine, chunk.first_ns))
        if gap_ns > GAP_NS:
            self.gaps_ns[machine] = self.gaps_ns.get(machine, 0) + gap_ns
        self.last_ns[machine] = chunk.at_ns
        try:
            if self.declared.get(machine) is not stream.columns:
                self.declared[machine] = stream.columns
                self.writer.columns(machine, chunk.epoch, stream.columns)
            self.writer.chunk(machine, chunk.epoch, chunk.rows, chunk.payload)
            if chunk.at_ns - self.flushed_ns > FLUSH_NS:
                self.flushed_ns = chunk.at_ns
                self.writer.flush()
        except StoreError as error:
            self.failure = str(error)
        except ValueError as error:
            raise ProtocolError(str(error)) from None

    def close(self) -> Iterator[Note]:
        """Write what is left, and return what is missing."""
        try:
            self.writer.close()
        except StoreError as error:
            self.failure = self.failure or str(error)
        if self.failure:
            yield Note(f"the telemetry of this trial is not complete: {self.failure}")
        if self.gaps_ns:
            longest_s = max(self.gaps_ns.values()) / SECOND_NS
            more = f" and {len(self.gaps_ns) - MOST_TOLD} more" if len(self.gaps_ns) > MOST_TOLD else ""
            where = f"{', '.join(list(self.gaps_ns)[:MOST_TOLD])}{more}"
            yield Note(f"the telemetry of this trial lacks up to {longest_s:.1f} s on {where}")


@lru_cache(maxsize=1 << 6)
def _columns(columns: tuple[tuple[str, str, str, str], ...]) -> tuple[Column, ...]:
    """Return columns of which none is of a task: many machines have the same."""
    return tuple(_column(*words, {}) for words in columns)


def _column(scope: str, name: str, unit: str, kind: str, tasks: Mapping[int, TaskName]) -> Column:
    channel = scope.removeprefix(TASK)
    task = tasks.get(int(channel)) if scope.startswith(TASK) and channel.isdecimal() else None
    try:
        return Column.of(scope, f"{name} {unit} {kind}", task)
    except ValueError as error:
        raise ProtocolError(str(error)) from None


def _usage(machine: str, chunk: SentChunk) -> MachineUsage:
    now = chunk.now
    cpu, cpus = now.get("cpu"), now.get("cpus")
    return MachineUsage(
        machine,
        chunk.at_ns,
        None if cpu is None else cpu / PER_CORE,
        None if cpus is None else cpus / PER_CORE,
        now.get("memory"),
        now.get("memory-total"),
        now.get("received"),
        now.get("sent"),
    )

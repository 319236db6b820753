"""The loads of machines, ten times per second, written to `loads.csv` in a log folder while a block runs."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from wke.act.connection.connection import Connection
from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder
from wke.act.session.session import Session
from wke.act.steadyclock import CLOCK
from wke.act.telemetry.chunks import decode
from wke.act.telemetry.loadrows import LoadRows
from wke.errors import MachineError, StoreError
from wke.judge.loads import EvenLoads, is_wanted
from wke.keep.output.telemetry import Load, LoadsFile, Recording, write_recording
from wke.records import Sample
from wke.values import dataclass

INTERVAL_S = 0.1
FUTURE_NS = 5_000_000_000  # clocks that were compared do not disagree by that much


@asynccontextmanager
async def sampling(
    session: Session, folder: Path, *, interval_s: float = INTERVAL_S, machines: Iterable[str] | None = None
) -> AsyncIterator[None]:
    """Record the loads of connected machines, by default all of the session's, while the block runs (see keep/output/telemetry.py).

    All sample at the same instants, as far as their clocks can be compared. A machine that cannot be asked, or is lost, has empty fields
    from then on, also when the session connects to it again. Raises StoreError: at once when the folder cannot be written or has a
    recording, but when the disk fails later only at the end, because a measurement must not fail for its telemetry.
    """
    connections = [session.connection(name) for name in (session.machines if machines is None else machines)]
    names = [connection.machine for connection in connections]
    start_ns = CLOCK.now()
    recorder = _Recorder(LoadsFile(folder, names), LoadRows(names, start_ns, int(1e9 * interval_s)), interval_s)
    streams = [_Stream(connection, recorder) for connection in connections]
    try:
        whereabouts = dict(zip(names, await asyncio.gather(*(stream.begin(start_ns, interval_s) for stream in streams)), strict=True))
        kernels, networks = ({name: where[kind] for name, where in whereabouts.items()} for kind in ("kernel", "network"))
        write_recording(folder, Recording(start_ns, interval_s, kernels, networks))
        yield
    finally:
        await asyncio.gather(*(stream.end() for stream in streams))
        recorder.end()
    if recorder.failure is not None:
        raise recorder.failure


@dataclass(slots=True)
class _Recorder:
    """Puts loads into rows and rows into the file, until that fails."""

    file: LoadsFile
    rows: LoadRows
    interval_s: float
    failure: StoreError | None = None

    def take(self, machine: str, at_ns: int, load: Load | None) -> None:
        self._write(self.rows.add(machine, at_ns, load))

    def end(self) -> None:
        self._write(self.rows.finish())
        try:
            self.file.close()
        except StoreError as error:
            self.failure = self.failure or error

    def _write(self, rows: list[tuple[int, dict[str, Load]]]) -> None:
        try:
            for number, loads in rows if self.failure is None else ():
                self.file.append(number * self.interval_s, loads)
        except StoreError as error:
            self.failure = error


class _Stream:
    """One machine's samples, put on the controller's clock."""

    def __init__(self, connection: Connection, recorder: _Recorder) -> None:
        self._connection = connection
        self._recorder = recorder
        self._channel: int | None = None
        self._offset_ns = 0
        self._columns = SentColumns(0, ())
        self._wanted: dict[str, int] = {}  # the place of each column that loads are computed from
        self._loads = EvenLoads(0, 1)

    async def begin(self, start_ns: int, interval_s: float) -> dict[str, str]:
        """WatchOrder samples at `start_ns` and every `interval_s` after it; return the kernel and network they are of, if known."""
        self._loads = EvenLoads(start_ns, int(1e9 * interval_s))
        try:
            self._offset_ns = (await self._connection.clock.read()).offset_ns
            answer = await self._connection.telemetry.watch(WatchOrder(interval_s, start_ns + self._offset_ns), self._take)
        except MachineError:
            return {"kernel": "", "network": ""}
        self._channel = answer.channel
        return {kind: str(answer.head.get(kind, "")) for kind in ("kernel", "network")}

    async def end(self) -> None:
        if self._channel is not None:
            await self._connection.telemetry.finish(self._channel)

    def _take(self, report: SentColumns | SentChunk) -> None:
        if isinstance(report, SentColumns):
            self._columns = report
            names = [name if scope == "machine" else "" for scope, name, _, _ in report.columns]
            self._wanted = {name: place for place, name in enumerate(names) if is_wanted(name)}
            return
        times, values = decode(report, len(self._columns.columns), tuple(self._wanted.values()))
        for row, at_ns in enumerate(times):
            self._take_row(at_ns - self._offset_ns, {name: values[k][row] for k, name in enumerate(self._wanted)})

    def _take_row(self, at_ns: int, numbers: dict[str, int | None]) -> None:
        if at_ns > CLOCK.now() + FUTURE_NS:
            return  # its clock has jumped: following it would close the rows of all machines up to that time
        machine = self._connection.machine
        if reached := self._loads.add(Sample(machine, at_ns, numbers)):
            self._recorder.take(machine, *reached)

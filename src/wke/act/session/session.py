"""A session: open connections to machines, the steps that run on them, and the background steps that go on until it is cleared.

The connections stay open for the whole command; `clear` ends what a trial left running, so that the next one starts on quiet machines.
What steps with a scope did may stay.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.handshakes import Handshakes
from wke.act.connection.openfiles import allow_connections
from wke.act.connection.opening import open_connection
from wke.act.connection.task import RunningTask
from wke.act.providers.provider import Place
from wke.act.session.readiness import LogWatch
from wke.act.session.tasks import task_specs
from wke.describe.cluster.cluster import Machine
from wke.describe.configuration.step import PlannedStep, Ready
from wke.describe.toml.wording import labelled
from wke.errors import MachineError, Problem
from wke.judge.clocks import ahead_ns, start_skew
from wke.records import (
    ClockReading,
    MachineClock,
    Note,
    Record,
    Release,
    Sink,
    StartedTogether,
    StepReady,
    StepStarted,
    TaskEnded,
)

if TYPE_CHECKING:
    from wke.act.connection.transfer import Copied, OnProgress

PING_PAUSE_S = 0.05  # between two runs of a `ready.target` that says no
FRESH_NS = 100_000_000  # a clock that was read so lately is not read again: whatever it gained since, the line between two readings shows
CLOCKS_AT_ONCE = 4  # more of them would wait for each other here, and their ways would seem longer than they are
CLOCK_PATIENCE_S = 0.01  # then the next one begins all the same: these machines are far away
LOCK_WAIT_S = 10.0  # what a killed controller left is gone sooner


@dataclass(slots=True)
class Background:
    """A step that goes on, by its index, and the first of its tasks that ended although nobody asked it to."""

    step: int
    tasks: list[RunningTask]
    watchers: list[asyncio.Task[None]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    first_end: TaskEnded | None = None


class Session:
    """Run planned steps on the machines of a place. Use as `async with Session(place, machines, sink) as session`.

    With a `holder`, words for whose they are, it has the machines alone: each is locked until nothing of the session is left there.
    """

    def __init__(self, place: Place, machines: Iterable[Machine], sink: Sink, *, holder: str | None = None) -> None:
        self.place = place
        self._holder = holder
        self.machines = {m.name: m for m in machines}
        self._sink = sink
        self._connections: dict[str, Connection] = {}
        self._examined: dict[str, Connection] = {}
        self._backgrounds: list[Background] = []
        self._watches: list[LogWatch] = []
        self._collected: dict[int, list[RunningTask]] = {}  # the tasks of steps whose files are wanted
        self._scoped: dict[int, list[RunningTask]] = {}  # the tasks of steps that may outlast their trial
        self._reopened = False  # a machine that was lost has lost what steps with a scope did there
        self._released: dict[int, Release] = {}
        self._clocks: dict[str, ClockReading] = {}  # the latest of each machine

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._close()

    @contextmanager
    def reporting_to(self, sink: Sink) -> Iterator[None]:
        """Send records to `sink` instead, for as long as the block lasts."""
        usual, self._sink = self._sink, sink
        try:
            yield
        finally:
            self._sink = usual

    def fingerprints(self) -> dict[str, dict[str, object]]:
        """Return what each connected machine said of itself, by its name."""
        return {name: connection.hello.facts() for name, connection in self._connections.items()}

    async def examine(self) -> dict[Machine, dict[str, str]]:
        """Return the fingerprint of each machine that was connected since the last time. Needs a holder.

        Raises MachineError when contact is lost.
        """
        fresh = {name: connection for name, connection in self._connections.items() if self._examined.get(name) is not connection}
        facts = await asyncio.gather(*(connection.examine() for connection in fresh.values()))
        self._examined |= fresh
        return {self.machines[name]: found for name, found in zip(fresh, facts, strict=True)}

    def connection(self, machine: str) -> Connection:
        """Return the connection to a machine that `connect` opened."""
        return self._connections[machine]

    def _emit(self, record: Record) -> None:
        for watch in self._watches:
            watch(record)
        self._sink(record)

    # -- connections

    async def connect(self, machines: Iterable[Machine] | None = None) -> None:
        """Open a connection to each of `machines` (by default all of the session's) that has none or has lost it.

        Machines that were not of the session are from now on. Raises MachineError naming all that cannot be reached.
        """
        wanted = {m.name: m for m in machines} if machines is not None else self.machines
        self.machines |= wanted
        missing = [machine for machine in wanted.values() if self._is_missing(machine.name)]
        allow_connections(len(self._connections) + len(missing))
        problems: list[Problem] = []

        async def open_one(machine: Machine, handshakes: Handshakes) -> None:
            try:
                async with handshakes.turn(machine.name):
                    self._connections[machine.name] = await self._open(machine)
            except MachineError as error:
                problems.extend(error.problems)

        with Handshakes(len(missing), self.place.cluster.connect_limit, self._emit) as handshakes:
            async with asyncio.TaskGroup() as group:
                for machine in missing:
                    group.create_task(open_one(machine, handshakes))
        if problems:
            raise MachineError(*problems)

    def _is_missing(self, machine: str) -> bool:
        connection = self._connections.get(machine)
        return connection is None or connection.lost.is_set()

    async def _open(self, machine: Machine) -> Connection:
        old = self._connections.pop(machine.name, None)
        if old is not None:
            self._reopened = bool(self._scoped) or self._reopened
            await old.close()
        cluster = self.place.cluster
        return await open_connection(
            machine.name,
            self.place.transports[machine.name],
            deadline_s=cluster.connect_timeout_s,
            lease_s=cluster.lease_s,
            made=self._make,
        )

    def _make(self, machine: str, lease_s: float) -> Connection:
        """Return a connection that is to be opened."""
        return self.place.connection(machine, lease_s, self._claim(machine))

    def _claim(self, machine: str) -> Claim | None:
        if self._holder is None:
            return None
        return Claim(self.place.locks[machine], self._holder, min(LOCK_WAIT_S, self.place.cluster.connect_timeout_s / 2))

    async def clear(self, keep: int = 0) -> None:
        """Stop every background step and all that any task left running, everywhere; the connections stay open.

        The first `keep` steps stay as they are, with all that they started; these have a scope.
        """
        self._reopened = self._reopened and keep > 0
        await self._stop_backgrounds(keep)
        self._collected = {step: tasks for step, tasks in self._collected.items() if step < keep}
        self._scoped = {step: tasks for step, tasks in self._scoped.items() if step < keep}
        kept = [task for tasks in self._scoped.values() for task in tasks]
        await self._sweep(lambda connection: connection.clear(keep=[t for t in kept if t.name.machine == connection.machine]))

    @property
    def intact(self) -> bool:
        """True when no contact was lost and no background step ended by itself, since all was cleared."""
        return self.broken is None and not self._reopened and not any(self._is_missing(name) for name in self.machines)

    async def hold(self, attempt: str, detach: Callable[[Mapping[str, str]], None], agree: Callable[[Release], None]) -> None:
        """Begin an attempt. Here it ends with this command, so nobody has to be told what it takes to find it again."""

    async def let_go(self) -> None:
        """End the attempt: its result is stored."""

    def pause(self) -> None:
        """Read no more from any machine until `resume`. Machines are kept, and what tasks say waits there."""
        for connection in self._connections.values():
            connection.pause()

    def resume(self) -> None:
        """Read on."""
        for connection in self._connections.values():
            connection.resume()

    async def _close(self) -> None:
        self.resume()
        await self._stop_backgrounds()
        await self._sweep(Connection.close)
        self._connections.clear()

    async def _sweep(self, stop: Callable[[Connection], Awaitable[tuple[str, ...]]]) -> None:
        async def one(connection: Connection) -> None:
            leftovers = await stop(connection)
            if leftovers:
                self._emit(Note("stopped what was left running: " + ", ".join(leftovers), connection.machine))

        async with asyncio.TaskGroup() as group:
            for connection in self._connections.values():
                group.create_task(one(connection))

    # -- copies

    async def send(
        self, machines: Iterable[str], source: str | Path, destination: str, *, progress: "OnProgress | None" = None
    ) -> "tuple[Copied, ...]":
        """Copy a file or a folder to several machines at once, as `Connection.send` does to one; return what each got, in that order.

        A machine that fails does not stop the others. Raises MachineError naming all that failed.
        """
        from wke.act.connection.transfer import Digests  # noqa: PLC0415 - as in connection.py

        digests = Digests()
        sends = [self._connections[name].send(source, destination, progress=progress, digests=digests) for name in machines]
        return _all_or_error(await asyncio.gather(*sends, return_exceptions=True))

    async def copy(self, step: PlannedStep) -> str:
        """Copy what a step says to its machines; return what is wrong, "" if nothing. Raises MachineError when contact is lost."""
        copy, names = step.copy, [m.name for m in step.machines]
        assert copy is not None
        self._emit(StepStarted(step.index, step.target.name, tuple(names), len(names)))
        if copy.has_changed:
            return f"{copy.source} has changed since this command began; the same command goes on with what it is now"
        try:
            await self.send(names, copy.source, copy.destination)
        except MachineError as error:
            if any(self._connections[name].lost.is_set() for name in names):
                raise
            return f"{step.target.name}: {error}"
        return ""

    async def receive(self, machine: str, source: str, destination: str | Path, *, progress: "OnProgress | None" = None) -> "Copied":
        """Copy a file or a folder from a machine, as `Connection.receive` does."""
        return await self._connections[machine].receive(source, destination, progress=progress)

    async def collect(
        self, machines: Iterable[str], source: str, folder: Path, *, progress: "OnProgress | None" = None
    ) -> "tuple[Copied, ...]":
        """Copy a file or a folder from several machines at once, each into `folder`/MACHINE/; raise MachineError naming all that failed."""
        receives = [self.receive(name, source, f"{folder / name}/", progress=progress) for name in machines]
        return _all_or_error(await asyncio.gather(*receives, return_exceptions=True))

    async def fetch(self, step: PlannedStep, folder: Path) -> tuple[str, ...]:
        """Copy the files that a step's tasks were to leave into the trial's folder; return what is wrong with them, in words.

        Raises MachineError when contact is lost.
        """
        from wke.keep.output.logs import files_folder, not_left  # noqa: PLC0415 - which wke run has no need of

        async def one(task: RunningTask) -> str:
            connection, place = self._connections[task.name.machine], files_folder(folder, task.name)
            try:
                await connection.fetch(task, place, step.collect)
            except MachineError as error:
                if connection.lost.is_set():
                    raise
                return f"the files of {labelled([task.name])} cannot be collected: {error}"
            return not_left(folder, task.name, step.collect)

        tasks = self._collected.get(step.index, []) if step.background else self._collected.pop(step.index, [])
        found = await asyncio.gather(*map(one, tasks))
        return tuple(filter(None, found))

    # -- steps

    async def run(self, step: PlannedStep) -> tuple[TaskEnded, ...]:
        """Run a foreground step to its end and return how each task ended, in the plan's order.

        When a task of a background step ends meanwhile, the step is stopped: what it does then is not what was asked for. `broken` tells.
        """
        running = await self._start(step)
        waits = [asyncio.ensure_future(task.wait()) for task in running]
        finished = asyncio.gather(*waits)
        alarms = [asyncio.ensure_future(b.ended.wait()) for b in self._backgrounds]
        try:
            await _first_of(finished, *alarms)
            if not finished.done():
                await asyncio.gather(*(task.stop() for task in running))
            ends = tuple(await finished)
        finally:
            await _cancel([finished, *waits, *alarms])
        await self.measured(step, ends)
        return ends

    async def start(self, step: PlannedStep) -> bool:
        """Start a background step; return True when it is ready, False when it is not in time or one of its tasks ended instead."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        with self._watching(step) as watch:
            background = Background(step.index, await self._start(step))
            background.watchers = [asyncio.create_task(_watch(background, task)) for task in background.tasks]
            self._backgrounds.append(background)
            alarm = asyncio.ensure_future(background.ended.wait())
            ready = asyncio.ensure_future(self._wait_ready(step, step.ready, watch))
            try:
                await _first_of(alarm, ready, timeout_s=step.ready.within_s if step.ready else None)
                is_ready = ready.done() and ready.result() and not alarm.done()
            finally:
                await _cancel([alarm, ready])
        if is_ready and step.ready:
            self._emit(StepReady(step.index, step.target.name, loop.time() - began))
        return is_ready

    async def launch(self, step: PlannedStep) -> tuple[RunningTask, ...]:
        """Start a step's tasks and leave them to the caller, who waits for them or stops them: neither `run` nor `broken` looks at them."""
        return tuple(await self._start(step))

    @contextmanager
    def _watching(self, step: PlannedStep) -> Iterator[LogWatch | None]:
        """Show the step's output to a watch, if a line in it is waited for."""
        if step.ready is None or step.ready.log is None:
            yield None
            return
        watch = LogWatch(step.ready.log, step.tasks())
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    @property
    def broken(self) -> TaskEnded | None:
        """The first task of a background step that ended although nobody asked it to, if any did."""
        return next((b.first_end for b in self._backgrounds if b.first_end is not None), None)

    async def _start(self, step: PlannedStep) -> list[RunningTask]:
        names = tuple(m.name for m in step.machines)
        self._emit(StepStarted(step.index, step.target.name, names, len(step.tasks()), step.background, step.measure))
        users = {name: self._user(self.machines[name]) for name in names}
        began = asyncio.get_running_loop().time()
        starts = [self._connections[spec.name.machine].start(spec, self._emit, held=step.measure) for spec in task_specs(step, users)]
        tasks = list(await asyncio.gather(*starts))
        if step.measure:
            await self._release(step, tasks, began)
        if step.collect:
            self._collected[step.index] = tasks
        if step.scope != "trial":
            self._scoped[step.index] = tasks
        return tasks

    def _user(self, machine: Machine) -> str:
        return machine.username or self.place.cluster.username or self._connections[machine.name].hello.user

    async def _release(self, step: PlannedStep, tasks: Sequence[RunningTask], began: float) -> None:
        """Release all tasks, whose staging began then, at one instant; each machine is told by its own clock."""
        for task in tasks:
            await task.staged.wait()
        self._released[step.index] = release = await self._agree(step, int(1e9 * (asyncio.get_running_loop().time() - began)))
        for task in tasks:
            machine = task.name.machine
            self._connections[machine].release(task, release.at_ns + release.clocks[machine].offset_ns)

    async def _agree(self, step: PlannedStep, staging_ns: int) -> Release:
        """Agree on an instant a little ahead."""
        clocks = await self._read_clocks([m.name for m in step.machines], FRESH_NS)
        return Release(self.place.now() + ahead_ns(staging_ns, len(step.tasks()), clocks.values()), clocks)

    async def measured(self, step: PlannedStep, ends: Iterable[TaskEnded]) -> Mapping[str, MachineClock]:
        """Read the clocks again after a measured step and tell how far apart its tasks began; return the clocks, of other steps none."""
        release = self._released.pop(step.index, None)
        if release is None:
            return {}
        names = [name for name in release.clocks if not self._connections[name].lost.is_set()]
        try:
            after = await self._read_clocks(names)
        except MachineError:  # lost just now: what is known from before has to do
            after = {}
        clocks = {name: MachineClock(before, after.get(name)) for name, before in release.clocks.items()}
        skew = start_skew(ends, clocks)
        if skew is not None:
            target = step.target.name
            self._emit(StartedTogether(step.index, target, release.at_ns, skew.skew_ns, skew.bound_ns, skew.first, skew.last, clocks))
        return clocks

    async def _read_clocks(self, names: Iterable[str], fresh_ns: int = 0) -> dict[str, ClockReading]:
        """Read machines' clocks, a few at a time; raise MachineError when contact with one is lost.

        One that was read less than `fresh_ns` ago is not read again.
        """
        now_ns, wanted = self.place.now(), tuple(names)
        known = {name: clock for name in wanted if (clock := self._clocks.get(name)) and 0 <= now_ns - clock.at_ns < fresh_ns}
        readings: dict[str, asyncio.Task[ClockReading]] = {}
        busy: set[asyncio.Task[ClockReading]] = set()
        try:
            for name in wanted:
                if name in known:
                    continue
                readings[name] = asyncio.create_task(self._connections[name].clock())
                busy.add(readings[name])
                if len(busy) >= CLOCKS_AT_ONCE:
                    _, busy = await asyncio.wait(busy, timeout=CLOCK_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            self._clocks.update({name: await read for name, read in readings.items()})
            return {name: self._clocks[name] for name in wanted}
        finally:
            await _cancel(readings.values())

    async def _wait_ready(self, step: PlannedStep, ready: Ready | None, watch: LogWatch | None) -> bool:
        """Return whether the step answers on all its machines; the caller sets the deadline."""
        if ready is None:
            return True
        if watch is not None:
            return await watch.seen.wait()
        if ready.port is not None:
            port = int(ready.port)
            asked = [self._connections[m.name].wait_port(port, m.internal_addr, ready.within_s) for m in step.machines]
            return all(await asyncio.gather(*asked))
        if step.ready_step is not None:
            while not all(end.outcome.ok for end in await self.run(step.ready_step)):  # noqa: ASYNC110 - nobody would set an event
                await asyncio.sleep(PING_PAUSE_S)
        return True

    async def _stop_backgrounds(self, keep: int = 0) -> None:
        backgrounds = [b for b in self._backgrounds if b.step >= keep]
        self._backgrounds = [b for b in self._backgrounds if b.step < keep]
        await _cancel([watcher for b in backgrounds for watcher in b.watchers])
        await asyncio.gather(*(task.stop() for b in backgrounds for task in b.tasks))


def _all_or_error(results: "Iterable[Copied | BaseException]") -> "tuple[Copied, ...]":
    """Return the results; raise MachineError with the problems of all machines that failed, or what else went wrong."""
    copied: list[Copied] = []
    problems: list[Problem] = []
    for result in results:
        if isinstance(result, MachineError):
            problems += result.problems
        elif isinstance(result, BaseException):
            raise result
        else:
            copied.append(result)
    if problems:
        raise MachineError(*problems)
    return tuple(copied)


async def _watch(background: Background, task: RunningTask) -> None:
    end = await task.wait()
    background.first_end = background.first_end or end
    background.ended.set()


async def _first_of(*waits: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Return when the first of them is done, or the time is up."""
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)


async def _cancel(waits: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel and wait for each; their results no longer matter."""
    pending = list(waits)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)

"""An onlooker: sees what machines and the tasks on them use now, beside whatever runs there. It claims nothing and stops nothing.

Each machine is looked at on its own: one that cannot be reached, or is lost, is tried again after a while and keeps no other waiting.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import field
from functools import partial
from typing import cast

from wke.act.connection.connection import Connection
from wke.act.connection.openfiles import allow_connections
from wke.act.connection.opening import open_connection
from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder
from wke.act.connection.untrusted import number_of, shown
from wke.act.providers.place import Place
from wke.act.session.connections import problems_of
from wke.act.telemetry.chunks import decode
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.errors import MachineError, WkeError
from wke.judge.usage import TaskUsage, Usage, is_of_use, usage_between
from wke.values import dataclass

MOST_EACH_SECOND = 500  # machines: of more of them, numbers come less often
FIND_S = 1.0
AGAIN_S = 5.0  # after contact was lost, or a machine could not be reached
FIRST_NUMBERS = 5  # intervals; numbers need two rows, and are shown as long
CONNECTING, BEGINNING, SILENT = "connecting", "no numbers yet", "no numbers now: it does not answer"
HOST = "host"
LONGEST_COPY = 10
Find = Callable[[], Place | None]


@dataclass(slots=True)
class Sight:
    """What is seen of a machine. `problem` says why that is nothing; `settled` is set once there are numbers, or a problem."""

    machine: str
    usage: Usage | None = None
    host: Usage | None = None
    tasks: tuple[TaskUsage, ...] = ()
    problem: str = CONNECTING
    error: MachineError | None = None
    looks: int = 0
    shown_s: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self, error: MachineError) -> None:
        """See nothing any more."""
        self.usage, self.host, self.tasks, self.looks, self.error = None, None, (), 0, error
        self.problem = error.problems[0].what.removeprefix(f"machine {self.machine}: ")
        self.settled.set()

    def show(self, usage: Usage | None, host: Usage | None) -> None:
        """See numbers."""
        self.usage, self.host, self.problem, self.error = usage, host, "", None
        self.shown_s = time.monotonic()
        self._settle()

    def look(self, tasks: tuple[TaskUsage, ...]) -> None:
        """See tasks; how much processor time they use is known from the second look on."""
        self.tasks = tasks
        self.looks += 1
        self._settle()

    def _settle(self) -> None:
        if self.usage is not None and self.looks > 1:
            self.settled.set()


class Onlooker:
    """What is seen of machines; see `looking_at`."""

    def __init__(self, find: Find, machines: Iterable[MachineSpec], names: Collection[str], *, are_shared: bool) -> None:
        self._names = names
        self._find = find
        self._are_shared = are_shared
        self._place: Place | None = None
        self._found_s = -FIND_S
        self._sights = {machine.name: Sight(machine.name) for machine in machines}
        self._interval_s = max(1.0, len(self._sights) / MOST_EACH_SECOND)

    def usages(self) -> list[Usage]:
        """Return what each machine uses, or why that is not known, in their order."""
        return [self._fresh(sight) or Usage(name, problem=sight.problem or SILENT) for name, sight in self._sights.items()]

    def hosts(self) -> list[Usage]:
        """Return what the computer uses that carries emulated machines, if it does."""
        return [sight.host for sight in self._sights.values() if sight.host is not None and self._fresh(sight)][:1]

    def _fresh(self, sight: Sight) -> Usage | None:
        """Return what a machine uses, unless its last numbers are old: it may hang."""
        return sight.usage if time.monotonic() - sight.shown_s < FIRST_NUMBERS * self._interval_s else None

    def tasks(self) -> list[TaskUsage]:
        """Return what the tasks use, in the order of the machines."""
        return [task for sight in self._sights.values() if sight.problem or self._fresh(sight) for task in sight.tasks]

    def failure(self) -> MachineError | None:
        """Return why machines cannot be reached now; None when all are, or may be soon."""
        errors = [sight.error for sight in self._sights.values() if sight.error is not None]
        return MachineError(*problems_of(errors)) if errors else None

    def sees_nothing(self) -> bool:
        """Tell that no machine could be reached."""
        return all(sight.error is not None for sight in self._sights.values())

    async def settle(self) -> None:
        """Wait until each machine has numbers, or cannot be reached."""
        for sight in self._sights.values():
            await sight.settled.wait()

    async def follow(self, machine: MachineSpec, turn: asyncio.Semaphore) -> None:
        """Look at a machine until this is cancelled."""
        sight = self._sights[machine.name]
        while True:
            connection = None
            try:
                async with turn:
                    connection = await self._open(machine)
                await self._look(connection, sight)
            except WkeError as error:
                sight.lose(error if isinstance(error, MachineError) else MachineError(*error.problems))
            except ProtocolError as error:
                sight.lose(MachineError(f"machine {machine.name}: {error}"))
            finally:
                if connection is not None:
                    await connection.close(grace_s=0)  # nothing of ours runs there
            await asyncio.sleep(AGAIN_S)

    def _found(self) -> Place | None:
        """Return the place, looked for at most once a second: it takes a moment for each of its machines."""
        now = time.monotonic()
        if now - self._found_s > FIND_S:
            self._place, self._found_s = self._find(), now
        return self._place

    async def _open(self, machine: MachineSpec) -> Connection:
        place = self._found()
        if place is None or machine.name not in place.transports:
            raise MachineError(f"machine {machine.name}: not up")
        return await open_connection(
            machine.name,
            place.transports[machine.name],
            deadline_s=place.cluster.connect_timeout_s,
            lease_s=place.cluster.lease_s,
            python=machine.python,
            made=partial(_unclaimed, place),
        )

    async def _look(self, connection: Connection, sight: Sight) -> None:
        """Look at a connected machine until contact is lost; raise MachineError then."""
        first = next(iter(self._sights)) == connection.machine
        scopes = ("machine", "host") if self._are_shared and first else ("machine",)
        sight.problem = BEGINNING
        rows = _Rows(connection.machine, sight)
        await connection.telemetry.watch(WatchOrder(self._interval_s, 0, scopes, self._are_shared), rows.take)
        before: dict[str, int] = {}
        at_ns = 0
        asyncio.get_running_loop().call_later(FIRST_NUMBERS * self._interval_s, sight.settled.set)
        while True:
            frame = await connection.questions.ask(frames.LOOK, {})
            elapsed_s, at_ns = (number_of(frame.head, "at") - at_ns) / 1e9 if at_ns else 0.0, number_of(frame.head, "at")
            tasks, before = self._tasks_of(connection.machine, frame, before, elapsed_s)
            sight.look(tasks)
            await asyncio.sleep(self._interval_s)

    def _tasks_of(
        self, machine: str, frame: Frame, before: Mapping[str, int], elapsed_s: float
    ) -> tuple[tuple[TaskUsage, ...], dict[str, int]]:
        """Return the tasks that a machine tells of, and the processor time of each by its marker.

        Machines that are plain processes of one computer see one another's tasks: those of another machine of the cluster are left out.
        """
        tasks, times = [], {}
        for target, of, copy, marker, cpu_ms, memory, threads, processes in map(_checked, cast("list[object]", frame.head["tasks"])):
            if of == machine or of not in self._names:
                times[marker] = cpu_ms
                cpu = max(0, cpu_ms - before[marker]) / 1000 / elapsed_s if marker in before and elapsed_s > 0 else None
                tasks.append(TaskUsage(machine, shown(target), int(copy) if copy.isdecimal() else 0, cpu, memory, threads, processes))
        return tuple(tasks), times


@asynccontextmanager
async def looking_at(find: Find, machines: Sequence[MachineSpec], cluster: ClusterSpec, *, are_shared: bool) -> AsyncIterator[Onlooker]:
    """Look at machines of a cluster until the block is left.

    `find` returns the place where they are, None while they are nowhere; it is asked again whenever one is to be reached. What the kernel
    counts is their host's if machines `are_shared`, as those that are emulated on one computer.
    """
    allow_connections(len(machines))
    onlooker = Onlooker(find, machines, {machine.name for machine in cluster.machines}, are_shared=are_shared)
    turn = asyncio.Semaphore(cluster.connect_limit)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(onlooker.follow(machine, turn)) for machine in machines]
        try:
            yield onlooker
        finally:
            for task in tasks:
                task.cancel()


class _Rows:
    """Takes the rows of one machine, and shows what it used between the last two."""

    def __init__(self, machine: str, sight: Sight) -> None:
        self._machine = machine
        self._sight = sight
        self._columns = 0
        self._places: list[tuple[int, str, str]] = []  # the place, scope and name of each column that is of use
        self._at_ns = 0
        self._last: dict[str, dict[str, int | None]] = {}

    def take(self, news: SentColumns | SentChunk) -> None:
        if isinstance(news, SentColumns):
            self._columns = len(news.columns)
            self._places = [(place, scope, name) for place, (scope, name, _, _) in enumerate(news.columns) if is_of_use(name)]
            return
        times, series = decode(news, self._columns, [place for place, _, _ in self._places])
        for row, at_ns in enumerate(times):
            values: dict[str, dict[str, int | None]] = {"machine": {}, "host": {}}
            for (_, scope, name), column in zip(self._places, series, strict=True):
                values.setdefault(scope, {})[name] = column[row]
            if self._last:
                elapsed_s = (at_ns - self._at_ns) / 1e9
                usage = usage_between(self._machine, self._last["machine"], values["machine"], elapsed_s)
                host = usage_between(HOST, self._last["host"], values["host"], elapsed_s) if values["host"] else None
                self._sight.show(usage, host)
            self._at_ns, self._last = at_ns, values


def _unclaimed(place: Place, machine: str, lease_s: float) -> Connection:
    return place.connection(machine, lease_s, None)


def _checked(task: object) -> tuple[str, str, str, str, int, int, int, int]:
    """Return a task as it was sent; raise ProtocolError when it is none."""
    match task:
        case [str(target), str(machine), str(copy), str(marker), int(cpu), int(memory), int(threads), int(processes)]:
            if min(cpu, memory, threads, processes) >= 0 and len(copy) < LONGEST_COPY:
                return target, machine, copy, marker, cpu, memory, threads, processes
    raise ProtocolError(f"not a task: {task!r:.100}")

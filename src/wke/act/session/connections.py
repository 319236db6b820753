"""The connections of a session: opened once, a limited number at a time, and open until the session ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.handshakes import Handshakes
from wke.act.connection.openfiles import allow_connections
from wke.act.connection.opening import open_connection
from wke.act.connection.transport import SshTransport
from wke.act.connection.untrusted import Left
from wke.act.providers.place import Place
from wke.act.session.detacher import Detacher
from wke.describe.cluster.cluster import MachineSpec
from wke.errors import MachineError, Problem
from wke.records import Connected, Note, Sink
from wke.values import dataclass

if TYPE_CHECKING:
    from wke.act.kept.keeping import KeptConnections

LOCK_WAIT_S = 10.0  # what a killed controller left is gone sooner
WAKE_S = 3.0  # for an agent that has waited to answer


@dataclass(frozen=True, slots=True)
class Manner:
    """How connections are opened: made by `detacher`; with a `holder`, text that says who measures, each machine is locked.

    Records go to `emit`; `reopened` is called before a machine whose contact was lost is connected again.
    """

    detacher: Detacher
    holder: str | None
    emit: Sink
    reopened: Callable[[], None]


class Connections:
    """The connections to `machines` of a place, by the machines' names."""

    def __init__(self, place: Place, machines: Iterable[MachineSpec], manner: Manner) -> None:
        self.machines = {m.name: m for m in machines}
        self._place = place
        self._manner = manner
        self._connections: dict[str, Connection] = {}
        self._examined: dict[str, Connection] = {}
        self._opening: dict[str, Connection] = {}
        self._survivors: dict[str, tuple[str, ...]] = {}
        self._keeping = _keeping(place, manner)

    def __getitem__(self, machine: str) -> Connection:
        return self._connections[machine]

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections.values())

    async def open(self, machines: Iterable[MachineSpec] | None = None) -> None:
        """Open a connection to each of `machines` (by default all) that has none or has lost it.

        New machines belong to the session from now on. Raises MachineError naming all that cannot be reached.
        """
        wanted = {m.name: m for m in machines} if machines is not None else self.machines
        self.machines |= wanted
        missing = [machine for machine in wanted.values() if self.is_missing(machine.name)]
        allow_connections(len(self._connections) + len(missing), self._place.files_each)
        if self._keeping is not None:
            await self._take_kept(self._keeping, [machine for machine in missing if machine.name not in self._connections])
            missing = [machine for machine in missing if self.is_missing(machine.name)]
        errors: list[MachineError] = []

        async def open_one(machine: MachineSpec, handshakes: Handshakes) -> None:
            try:
                async with handshakes.turn(machine.name):
                    self._connections[machine.name] = await self._open(machine)
            except MachineError as error:
                errors.append(error)

        limit = self._place.cluster.connect_limit
        with Handshakes(len(missing), limit, self._manner.emit, self._has_logged_in) as handshakes:
            async with asyncio.TaskGroup() as group:
                for machine in missing:
                    group.create_task(open_one(machine, handshakes))
        if errors:
            raise MachineError(*problems_of(errors))

    def is_missing(self, machine: str) -> bool:
        """Tell whether there is no connection to a machine, or a lost one."""
        connection = self._connections.get(machine)
        return connection is None or connection.lost.is_set()

    def fingerprints(self) -> dict[str, dict[str, object]]:
        """Return what each connected machine said about itself, by its name."""
        return {name: connection.hello.facts() for name, connection in self._connections.items()}

    async def examine(self) -> dict[MachineSpec, dict[str, str]]:
        """Return the fingerprint of each machine that was connected since the last call. Needs a holder.

        Raises MachineError when contact is lost.
        """
        fresh = {name: connection for name, connection in self._connections.items() if self._examined.get(name) is not connection}
        facts = await asyncio.gather(*(connection.examine() for connection in fresh.values()))
        self._examined |= fresh
        return {self.machines[name]: found for name, found in zip(fresh, facts, strict=True)}

    def pause(self) -> None:
        """Read no more from any machine until `resume`. Machines are not given up meanwhile, and what tasks write waits there."""
        for connection in self:
            connection.pause()

    def resume(self) -> None:
        """Read on."""
        for connection in self:
            connection.resume()

    async def sweep(self, stop: Callable[[Connection], Awaitable[Left]]) -> None:
        """Stop something on all machines at once, and report what had been left running, which `stop` returns; see `check_clean`."""
        self._survivors.clear()

        async def one(connection: Connection) -> None:
            left = await stop(connection)
            stopped = [name for name in left.running if name not in left.survivors]
            if stopped:
                self._manner.emit(Note("stopped what was left running: " + ", ".join(stopped), connection.machine))
            if left.survivors:
                self._survivors[connection.machine] = left.survivors

        async with asyncio.TaskGroup() as group:
            for connection in self:
                group.create_task(one(connection))

    def check_clean(self) -> None:
        """Raise MachineError if the last sweep could not stop everything: what runs there would disturb, and is not ours to stop."""
        if self._survivors:
            hint = "stop it there yourself (sudo kill PID), and let the target that starts it stop it when it ends or gets SIGTERM"
            words = {machine: f"could not be stopped on {machine}: {', '.join(names)}" for machine, names in self._survivors.items()}
            raise MachineError(*(Problem(what, hint=hint if machine == max(words) else None) for machine, what in sorted(words.items())))

    async def close(self) -> None:
        """Stop everything everywhere and close all connections, or keep them for the next command."""
        await self.sweep(self._end)
        if self._keeping is not None:
            self._keeping.close()
        self._connections.clear()

    async def _take_kept(self, keeping: "KeptConnections", machines: Sequence[MachineSpec]) -> None:
        """Go on with those connections to machines that were kept and still answer."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def wake(machine: str, connection: Connection) -> None:
            try:
                await connection.wake(WAKE_S)
            except MachineError as error:
                del self._connections[machine]
                keeping.drop(machine)
                await connection.abort()
                self._manner.emit(Note(f"connected anew: the connection that was kept does not answer: {error.problems[0].what}", machine))
            else:
                self._manner.emit(Connected(machine, loop.time() - began))

        async with asyncio.TaskGroup() as group:
            for kept in keeping.take(machines):
                self._connections[kept.machine] = connection = self._make(kept.machine, self._place.cluster.lease_s)
                connection.take(kept.pipes, kept.waiting)
                group.create_task(wake(kept.machine, connection))

    async def _end(self, connection: Connection) -> Left:
        """Stop everything on a machine, then keep its connection for the next command, or close it."""
        left = Left()
        if self._keeping is not None and self._keeping.is_on:
            left, kept = await connection.leave()
            if kept is not None:
                self._keeping.give(connection.machine, *kept)
                return left
        more = await connection.close()
        return Left(tuple(dict.fromkeys(left.running + more.running)), tuple(dict.fromkeys(left.survivors + more.survivors)))

    async def _open(self, machine: MachineSpec) -> Connection:
        old = self._connections.pop(machine.name, None)
        if old is not None:
            if self._keeping is not None:
                self._keeping.drop(machine.name)
            self._manner.reopened()
            await old.close()
        cluster = self._place.cluster
        return await open_connection(
            machine.name,
            self._place.transports[machine.name],
            deadline_s=cluster.connect_timeout_s,
            lease_s=cluster.lease_s,
            python=machine.python,
            begun=self._place.begun.pop(machine.name, None),
            made=self._make,
        )

    def _make(self, machine: str, lease_s: float) -> Connection:
        def notify(text: str) -> None:
            self._manner.emit(Note(text, machine))

        self._opening[machine] = connection = self._manner.detacher.connection(machine, lease_s, self._claim(machine), notify)
        return connection

    def _has_logged_in(self, machine: str) -> bool:
        """Tell whether a machine that is being connected has accepted our login; only ssh logs in."""
        is_ssh = isinstance(self._place.transports[machine], SshTransport)
        return is_ssh and machine in self._opening and self._opening[machine].link.wire.input_was_taken

    def _claim(self, machine: str) -> Claim | None:
        if self._manner.holder is None:
            return None
        return Claim(self._place.locks[machine], self._manner.holder, min(LOCK_WAIT_S, self._place.cluster.connect_timeout_s / 2))


def problems_of(errors: Sequence[MachineError]) -> tuple[Problem, ...]:
    """Return what is wrong with machines that cannot be reached; those whose keys are not known are told together."""
    from wke.act.connection.diagnosis import UnknownKeyError  # noqa: PLC0415 - only when something failed, here and below

    unknown = [error for error in errors if isinstance(error, UnknownKeyError)]
    others = tuple(problem for error in errors if error not in unknown for problem in error.problems)
    if not unknown:
        return others
    from wke.act.connection.hostkeys import together  # noqa: PLC0415

    return others + together(unknown)


def _keeping(place: Place, manner: Manner) -> "KeptConnections | None":
    """Return what keeps the connections to a place, None if nothing does: connections that hold a machine's lock end with their command."""
    terms = place.keeping
    if terms is None or not terms.keep_s or manner.holder is not None:
        return None
    from wke.act.kept.keeping import KeptConnections  # noqa: PLC0415 - only where connections are kept

    return KeptConnections(terms, manner.emit)

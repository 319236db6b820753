"""A session whose trial outlives it: what runs on the machines goes on when the controller is killed, cut off, or told to leave."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self, cast

from wke.act.connection.connection import Connection
from wke.act.connection.opening import open_connection
from wke.act.connection.resumable import LastingConnection
from wke.act.providers.provider import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import Machine
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.errors import MachineError, Problem
from wke.records import Note, Release, Sink

REMEMBER_NS = 200_000_000  # from agreeing on a start to the start: what is agreed is first put on our disk


@dataclass(frozen=True, slots=True)
class Detachment:
    """For how long machines go on without us, and whether who is asked to end (Ctrl-C, SIGTERM, SIGHUP) `leaves` the trial running.

    With `attempt`, that is taken up: `folders` are the work folders in which its machines have it, `release` is when its measured step was
    to begin, if that had been agreed on.
    """

    lease_s: float
    leaves: bool
    attempt: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)
    release: Release | None = None


class DetachedSession(Session):
    """A session over lasting connections. When it ends, `left` tells whether a trial was left running."""

    def __init__(self, place: Place, machines: Iterable[Machine], sink: Sink, detachment: Detachment, *, holder: str | None = None) -> None:
        super().__init__(place, machines, sink, holder=holder)
        self.left = False
        self._detachment = detachment
        self._folders = dict(detachment.folders)
        self._attempt = detachment.attempt
        self._agree_on: Callable[[Release], None] = lambda _: None
        self._is_open = False
        self._clears = False

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._is_open = True
        return self

    def _make(self, machine: str, lease_s: float) -> Connection:  # noqa: ARG002 - that of a trial that does not outlive us
        notify = partial(self._note, machine)
        folder = self._folders.pop(machine, "")
        return LastingConnection(machine, self._detachment.lease_s, folder=folder, notify=notify, claim=self._claim(machine))

    def _note(self, machine: str, text: str) -> None:
        self._emit(Note(text, machine))

    def _lasting(self) -> list[LastingConnection]:
        return [cast("LastingConnection", self._connections[name]) for name in self.machines if name in self._connections]

    def folders(self) -> dict[str, str]:
        """Return where each machine has its work folder: with that, another controller can take it up."""
        return {connection.machine: connection.hello.workfolder for connection in self._lasting()}

    async def hold(self, attempt: str, detach: Callable[[Mapping[str, str]], None], agree: Callable[[Release], None]) -> None:
        """Begin an attempt on all machines, or go on with the one that is taken up; from now on its tasks outlive us.

        For who may take it up, `detach` gets the machines' work folders before that, and `agree` the common start of the measured step
        before it begins: clocks cannot be read afterwards.
        """
        detach(self.folders())
        self._agree_on = agree
        await self._hold(attempt)

    async def let_go(self) -> None:
        """End the attempt: nothing outlives us."""
        await self._hold("")

    async def _hold(self, attempt: str) -> None:
        self._attempt, self._clears = attempt, False
        await asyncio.gather(*(connection.hold(attempt) for connection in self._lasting()))

    def obstacle(self, trial: Trial) -> str:
        """Say in words why the attempt cannot be taken up as if nothing had happened; "" when it can."""
        missing = [connection.machine for connection in self._lasting() if connection.held.attempt != self._attempt]
        if missing:
            return f"it was left running, but {', '.join(missing)} had stopped it: the lease had run out, or the machine was restarted"
        if any(connection.held.cleared for connection in self._lasting()):
            return "it was over and its machines were cleared, but its result was not stored"
        held = {connection.machine: connection.held for connection in self._lasting()}
        tasks = [task for step in trial.steps if step.measure for task in step.tasks()]
        begun = [held[task.machine].has_begun(task) for task in tasks]
        if any(begun) and not all(begun):
            return "contact was lost while its measured step was being started: only some of the tasks had begun"
        return ""

    async def copy(self, step: PlannedStep) -> str:
        """Copy what a step says, unless a later step has begun in an attempt that is taken up: that may have changed what is there."""
        begun = [int(key.partition("/")[0]) for connection in self._lasting() for key in connection.held.tasks]
        return "" if any(index > step.index for index in begun) else await super().copy(step)

    async def _agree(self, step: PlannedStep, staging_ns: int) -> Release:
        if self._detachment.release is not None:
            return self._detachment.release
        agreed = await super()._agree(step, staging_ns)
        release = replace(agreed, at_ns=agreed.at_ns + REMEMBER_NS)
        self._agree_on(release)
        return release

    @property
    def leaves(self) -> bool:
        """True when to end now means to leave a trial running: one whose end has not begun, on purpose or for want of all machines."""
        task = asyncio.current_task()
        asked = self._detachment.leaves and task is not None and task.cancelling() > 0
        return bool(self._attempt) and not self._clears and (asked or not self._is_open)

    async def clear(self, keep: int = 0) -> None:
        """Stop what runs, unless it is left running."""
        if not self.leaves:
            self._clears = True
            await super().clear(keep)

    async def _close(self) -> None:
        self.left = self.leaves
        if not self.left:
            await super()._close()
            return
        for background in self._backgrounds:
            for watcher in background.watchers:
                watcher.cancel()
        await asyncio.gather(*(connection.leave() for connection in self._lasting()))


async def abandon(place: Place, folders: Mapping[str, str]) -> None:
    """Stop what was left running on machines, all at once, in the work folders given; who has stopped already is content.

    Raises MachineError naming those that cannot be reached. A machine that the cluster does not have any more is not asked.
    """
    limit = asyncio.Semaphore(place.cluster.connect_limit)
    problems: list[Problem] = []

    async def one(machine: str, folder: str) -> None:
        made = partial(LastingConnection, folder=folder, notify=lambda _: None)
        deadline_s, lease_s = place.cluster.connect_timeout_s, place.cluster.lease_s
        try:
            async with limit:
                connection = await open_connection(machine, place.transports[machine], deadline_s=deadline_s, lease_s=lease_s, made=made)
                await connection.close()
        except MachineError as error:
            problems.extend(error.problems)

    async with asyncio.TaskGroup() as group:
        for machine in folders.keys() & place.transports.keys():
            group.create_task(one(machine, folders[machine]))
    if problems:
        raise MachineError(*problems)

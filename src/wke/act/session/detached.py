"""Trials that outlive their session: tasks keep running on the machines when the controller is killed, cut off, or told to leave."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import partial

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.opening import open_connection
from wke.act.connection.resumable import AnchorResumer
from wke.act.providers.place import Place
from wke.act.session.detacher import Agree, Notify
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.errors import MachineError, Problem
from wke.records import Release
from wke.values import dataclass

REMEMBER_NS = 200_000_000  # between agreeing on a start and the start: what was agreed is written to our disk first


@dataclass(frozen=True, slots=True)
class Detachment:
    """How long machines go on without us, and whether a signal that ends us (Ctrl-C, SIGTERM, SIGHUP) `leaves` the trial running.

    With `attempt`, that one is attached to: `folders` are the work folders in which its machines have it, `release` is the common start of
    its measured step if that had been agreed on.
    """

    lease_s: float
    leaves: bool
    attempt: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)
    release: Release | None = None


class TrialDetacher:
    """Lets the trial of a session outlive it, by connections that resume. At its end `left` tells whether a trial keeps running."""

    def __init__(self, detachment: Detachment) -> None:
        self.left = False
        self.resumers: dict[str, AnchorResumer] = {}
        self._detachment = detachment
        self._folders = dict(detachment.folders)
        self._connections: dict[str, Connection] = {}
        self._attempt = detachment.attempt
        self._agree_on: Callable[[Release], None] = lambda _: None
        self._is_ending = False

    def connection(self, machine: str, lease_s: float, claim: Claim | None, notify: Notify) -> Connection:  # noqa: ARG002 - it has its own
        """Return a connection that resumes, to be opened; it attaches to what the machine has of the attempt."""
        resumer = AnchorResumer(self._detachment.lease_s, self._folders.get(machine, ""), notify)
        connection = Connection(machine, resumer.heartbeat_lease_s, claim, resumer=resumer)
        self.resumers[machine], self._connections[machine] = resumer, connection
        return connection

    async def hold(self, attempt: str, detach: Callable[[Mapping[str, str]], None], agree: Callable[[Release], None]) -> None:
        """Begin an attempt on all machines, or continue the one that was attached to; from now on its tasks outlive us."""
        detach({machine: connection.hello.workfolder for machine, connection in self._connections.items()})
        self._agree_on = agree
        await self._hold(attempt)

    async def let_go(self) -> None:
        """End the attempt: nothing outlives us."""
        await self._hold("")

    async def _hold(self, attempt: str) -> None:
        self._attempt, self._is_ending = attempt, False
        self._folders.clear()
        await asyncio.gather(*(resumer.hold(attempt) for resumer in self.resumers.values()))

    def obstacle(self, trial: Trial) -> str:
        """Return why the attempt cannot be continued as if nothing had happened, "" when it can."""
        missing = sorted(machine for machine, resumer in self.resumers.items() if resumer.held.attempt != self._attempt)
        if missing:
            return f"it was left running, but {', '.join(missing)} had stopped it: the lease had run out, or the machine was restarted"
        if any(resumer.held.cleared for resumer in self.resumers.values()):
            return "it was over and its machines were cleared, but its result was not stored"
        tasks = [task for step in trial.steps if step.measure for task in step.tasks()]
        begun = [self.resumers[task.machine].held.has_begun(task) for task in tasks]
        if any(begun) and not all(begun):
            return "contact was lost while its measured step was being started: only some of the tasks had begun"
        return ""

    def skips(self, step: PlannedStep) -> bool:
        """Tell whether a later step has begun on any machine: it may have changed what the step copied."""
        begun = [int(key.partition("/")[0]) for resumer in self.resumers.values() for key in resumer.held.tasks]
        return any(index > step.index for index in begun)

    async def agreed(self, agree: Agree) -> Release:
        """Return what had been agreed on before; else agree now, and remember that before the start."""
        if self._detachment.release is not None:
            return self._detachment.release
        agreed = await agree()
        release = replace(agreed, at_ns=agreed.at_ns + REMEMBER_NS)
        self._agree_on(release)
        return release

    def leaves(self, *, is_open: bool) -> bool:
        """Tell whether the trial is left running: if its end has not begun, and a signal says so or some machines cannot be reached."""
        task = asyncio.current_task()
        asked = self._detachment.leaves and task is not None and task.cancelling() > 0
        self.left = bool(self._attempt) and not self._is_ending and (asked or not is_open)
        self._is_ending = self._is_ending or not self.left
        return self.left

    async def leave(self) -> None:
        """Close all connections and leave the machines as they are."""
        await asyncio.gather(*(resumer.leave() for resumer in self.resumers.values()))


async def abandon(place: Place, folders: Mapping[str, str]) -> None:
    """Stop what was left running on machines, all at once, in the work folders given; machines that already stopped are ignored.

    Raises MachineError naming those that cannot be reached. A machine that the cluster no longer has is not asked.
    """
    limit = asyncio.Semaphore(place.cluster.connect_limit)
    problems: list[Problem] = []

    def made(folder: str, machine: str, lease_s: float) -> Connection:
        resumer = AnchorResumer(lease_s, folder, lambda _: None)
        return Connection(machine, resumer.heartbeat_lease_s, resumer=resumer)

    async def one(machine: str, folder: str) -> None:
        deadline_s, lease_s = place.cluster.connect_timeout_s, place.cluster.lease_s
        try:
            async with limit:
                made_here = partial(made, folder)
                connection = await open_connection(
                    machine, place.transports[machine], deadline_s=deadline_s, lease_s=lease_s, made=made_here
                )
                await connection.close()
        except MachineError as error:
            problems.extend(error.problems)

    async with asyncio.TaskGroup() as group:
        for machine in folders.keys() & place.transports.keys():
            group.create_task(one(machine, folders[machine]))
    if problems:
        raise MachineError(*problems)

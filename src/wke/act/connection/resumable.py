"""Connections that resume: their tasks outlive the wire that carries them, and the controller.

On the machine an anchor (agent/anchor.py) stands between the agent and us. It keeps what tasks say in a journal; we read that, and know
of each task how far we have read. When the wire breaks we open another one and read on from there. A task has a key, and the machine starts
no key twice: a controller that repeats a trial's steps under the same attempt gets the records of what has happened, and then what happens
next.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import cast

from wke.act.connection.link import Link, Outlive
from wke.act.connection.questions import Questions
from wke.act.connection.task import RunningTask
from wke.act.connection.tasks import Order, Tasks
from wke.act.connection.telemetry import Telemetry
from wke.act.connection.untrusted import number_of, text_of
from wke.agent import frames
from wke.agent.protocol import Decoder, Frame, ProtocolError
from wke.errors import MachineError
from wke.records import TaskName
from wke.values import dataclass

PATIENCE_S = 30.0  # without a sign of life, until the wire is taken to be broken
ATTACH_S = 30.0
LAST_ATTACH_S = 10.0  # only to tell the machine to stop
LEAVE_S = 3.0  # until the machine has heard what was said before
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
KEY_AND_NAME = 2
REPORTS = (frames.STAGED, frames.STARTED, frames.OUTPUT, frames.ENDED)


@dataclass(frozen=True, slots=True)
class Held:
    """What an anchor holds: the attempt, the channels of its tasks by their keys, those that began, and whether all were stopped then."""

    attempt: str = ""
    tasks: Mapping[str, int] = field(default_factory=dict)
    begun: Collection[int] = ()
    cleared: bool = False

    def has_begun(self, task: TaskName) -> bool:
        """Tell whether a task has been a process there."""
        return self.tasks.get(_key(task, 0)) in self.begun


@dataclass(slots=True)
class Follow:
    """How far we have read the journal of the task with that key."""

    key: str
    offset: int = 0
    decoder: Decoder = field(default_factory=lambda: Decoder(frames.CONTROLLER))


class AnchorResumer:
    """Lets a connection survive broken wires: it is lost only when the machine has stopped everything.

    `lease_s` is how long the machine goes on without us; `folder` is the work folder of an agent to attach to, if it still exists (`held`
    tells). `notify` is called with a sentence when contact is lost and when it is back.
    """

    def __init__(self, lease_s: float, folder: str, notify: Callable[[str], None]) -> None:
        self.outlive: Outlive | None = Outlive(lease_s, folder)
        self.handlers: Mapping[int, Callable[[Frame], None]] = {frames.JOURNAL: self._read_on}
        self.held = Held()
        self._lease_s = lease_s
        self._notify = notify
        self._attempt = ""
        self._counts: Counter[TaskName] = Counter()
        self._follows: dict[int, Follow] = {}
        self._handing_over = asyncio.Lock()  # held while another wire takes the place of the old one
        self._attaching: asyncio.Task[None] | None = None
        self._is_finishing = False

    @property
    def heartbeat_lease_s(self) -> float:
        """How long a wire may be silent until it is taken to be broken."""
        return min(PATIENCE_S, self._lease_s)

    def serve(self, link: Link, questions: Questions, tasks: Tasks, telemetry: Telemetry) -> None:
        """Be the resumer of the connection with these parts."""
        self._link, self._questions, self._tasks, self._telemetry = link, questions, tasks, telemetry

    # -- attempts

    async def hold(self, attempt: str) -> None:
        """Begin an attempt, or end it with "": tasks that are started from now on belong to it, and those of another are forgotten.

        Only while an attempt is held do the machine's tasks outlive us.
        """
        if attempt != self.held.attempt:
            self.held = Held(attempt)
        self._attempt = attempt
        self._counts.clear()
        self._link.tell(frames.HOLD, 0, {"attempt": attempt})
        await self._link.wire.drain()

    async def leave(self) -> None:
        """Close the connection and leave on the machine what runs there; what was said before still arrives."""
        self._link.is_closed = True
        await self._stop_attaching()
        await self._link.hang_up(LEAVE_S if self._link.is_attached else 0)

    # -- what a connection asks of its resumer

    def hello(self, frame: Frame) -> None:
        """Learn from a greeting what the anchor holds."""
        self.held = _held(frame)
        self._link.channels = max(self._link.channels, *self.held.tasks.values(), 0)
        self._tasks.know_scripts(_scripts(frame))

    async def hand_over(self, task: RunningTask, order: Order) -> None:
        """Order a new task, or follow the one that the machine has by the same key."""
        key = _key(task.name, self._counts[task.name])
        self._counts[task.name] += 1
        async with self._handing_over:
            known = self.held.tasks.get(key)
            if known is not None:
                self._tasks.move(task, known)
            self._follows[task.channel] = Follow(key)
            if known is None:
                await order(key)
            else:
                self._link.tell(frames.FOLLOW, known, {"from": 0})

    def resumes(self, why: str) -> bool:
        """Begin to attach again, unless the connection is at its end."""
        if self._is_finishing or self._link.is_closed or not self._link.is_attached:
            return False
        self._link.detach()
        if self._attaching is None or self._attaching.done():
            self._notify(f"contact is lost ({why}); tasks keep running there, and we try again")
            loop = asyncio.get_running_loop()
            self._attaching = loop.create_task(self._attach_again(loop.time()))
        return True

    async def finish(self) -> None:
        """Stop attaching. Without contact try once more to get it, because no one else will tell the machine to stop."""
        self._is_finishing = True
        await self._stop_attaching()
        link = self._link
        if link.is_closed or link.is_attached or link.gave_up:
            return
        try:
            async with asyncio.timeout(LAST_ATTACH_S):
                await self._attach()
        except (MachineError, OSError, TimeoutError):
            self._notify(f"out of reach: what runs there ends by itself, at the latest {self._lease_s:g} s after contact was lost")
        else:
            link.lost.clear()

    # -- a broken wire

    async def _attach_again(self, lost_at: float) -> None:
        """Attach as soon as that works; give up when the machine has stopped everything."""
        link, loop = self._link, asyncio.get_running_loop()
        folder = link.hello.workfolder
        pause = FIRST_PAUSE_S
        while not link.is_attached:
            try:
                await self._attach()
            except (MachineError, OSError, TimeoutError) as error:
                if loop.time() - lost_at > self._lease_s:
                    link.give_up(f"out of reach for longer than its lease of {self._lease_s:g} s: {error}")
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        if link.hello.workfolder != folder:
            link.give_up("it has stopped everything that ran there: it was restarted, or its agent ended")
            return
        self._notify("contact again; nothing of what was written there is lost")

    async def _attach(self) -> None:
        """Open another wire to our anchor and go on where we stopped. Raises OSError, MachineError or TimeoutError."""
        async with self._handing_over:
            folder = self._link.hello.workfolder
            async with asyncio.timeout(ATTACH_S):
                await self._link.reopen()
            if self._link.hello.workfolder == folder:
                await self._go_on()

    async def _go_on(self) -> None:
        """Say again what may not have arrived, and ask for what we have not heard."""
        link = self._link
        link.tell(frames.PING, 0, {})  # it may be long since the last heartbeat
        if self.held.attempt != self._attempt:
            link.tell(frames.HOLD, 0, {"attempt": self._attempt})
        for task in list(self._tasks.running.values()):
            follow = self._follows.get(task.channel)
            if follow is None:
                continue  # it is handed over as soon as we are done
            if follow.key in self.held.tasks:
                link.tell(frames.FOLLOW, task.channel, {"from": follow.offset})
            else:
                await self._tasks.order(task, follow.key)
            if task.released_at_ns is not None:
                self._tasks.release(task, task.released_at_ns)
            if task.stop_sent:
                link.tell(frames.STOP, task.channel, {})
        self._telemetry.repeat()
        self._questions.repeat()

    async def _stop_attaching(self) -> None:
        if self._attaching is not None:
            self._attaching.cancel()
            await asyncio.gather(self._attaching, return_exceptions=True)

    # -- the journal

    def _read_on(self, frame: Frame) -> None:
        """Take a piece of a task's journal."""
        follow = self._follows.get(frame.channel)
        if follow is None or frame.channel not in self._tasks.running:
            return  # it was let go
        if number_of(frame.head, "at") != follow.offset:
            raise ProtocolError(f"{frame} does not continue where we stopped, at {follow.offset}")
        follow.offset += len(frame.payload)
        for report in follow.decoder.frames(frame.payload):
            if report.channel != frame.channel or report.kind not in REPORTS:
                raise ProtocolError(f"{report} is not for the journal of a task")
            self._tasks.report(report)
        if frame.channel not in self._tasks.running:
            del self._follows[frame.channel]


def _held(hello: Frame) -> Held:
    """Return what a HELLO says about what is held; raise ProtocolError when that is not what an anchor says."""
    head = hello.head
    if not head.keys() >= {"attempt", "tasks", "begun", "cleared", "scripts"}:
        raise ProtocolError(f"{hello} does not come from an anchor")
    tasks, begun = cast("dict[str, int]", head["tasks"]), cast("list[int]", head["begun"])
    return Held(text_of(head, "attempt"), tasks, frozenset(begun), head["cleared"] is True)


def _key(task: TaskName, start: int) -> str:
    """Return the key by which a machine knows a task that is started for the time `start`, from 0."""
    return f"{task.step}/{task.target}/{task.copy}/{start}"


def _scripts(hello: Frame) -> set[tuple[str, str]]:
    """Return which scripts the agent has for certain; raise ProtocolError when that is not what an anchor says."""
    scripts = cast("list[list[str]]", hello.head["scripts"])
    if any(len(pair) != KEY_AND_NAME for pair in scripts):
        raise ProtocolError(f"{hello} has scripts without a name")
    return {(key, name) for key, name in scripts}

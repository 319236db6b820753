"""A connection that lasts: its tasks outlive the wire that carries it, and the controller.

On the machine an anchor (agent/anchor.py) stands between the agent and us. It keeps what tasks say in a journal; we read that, and know
of each task up to which byte. When the wire breaks we open another and read on from there. A task has a key, and the machine starts none
twice: whoever goes through a trial's steps again under the same attempt gets the records of what has happened, and what happens next.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.task import GRACE_S, RunningTask, TaskSpec
from wke.act.connection.wire import Wire
from wke.agent import protocol
from wke.agent.protocol import Decoder, Frame, ProtocolError
from wke.errors import MachineError
from wke.records import Record, TaskName

PATIENCE_S = 30.0  # without a sign of life, until the wire is taken to be broken
ATTACH_S = 30.0
LAST_ATTACH_S = 10.0  # only to say that it is over
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
SAID = (protocol.STAGED, protocol.STARTED, protocol.OUTPUT, protocol.ENDED)


@dataclass(frozen=True, slots=True)
class Held:
    """What an anchor has: the attempt, the channels of its tasks by their keys, those that began, and whether all were stopped then."""

    attempt: str = ""
    tasks: Mapping[str, int] = field(default_factory=dict)
    begun: Collection[int] = ()
    cleared: bool = False

    def has_begun(self, task: TaskName) -> bool:
        """Tell whether a task has been a process there."""
        return self.tasks.get(_key(task, 0)) in self.begun


@dataclass(slots=True)
class Follow:
    """How far we have read what a task said, and what it takes to start and to release it, should that not have arrived."""

    key: str
    spec: TaskSpec
    held: bool
    released_at_ns: int | None = None
    offset: int = 0
    decoder: Decoder = field(default_factory=Decoder)


class LastingConnection(Connection):
    """A talk with one machine that survives broken wires; `lost` is set only when the machine has stopped everything.

    `lease_s` is how long it goes on without us; `folder` is the work folder of an agent to take up, if there still is one (`held` tells).
    `notify` hears in words when contact is lost and found again.
    """

    def __init__(self, machine: str, lease_s: float, *, folder: str, notify: Callable[[str], None], claim: Claim | None = None) -> None:
        super().__init__(machine, min(PATIENCE_S, lease_s), claim)
        self.held = Held()
        self._outlive_s = lease_s
        self._folder = folder
        self._notify = notify
        self._way: tuple[Sequence[str], Mapping[str, str], str] | None = None
        self._attached = False
        self._attaches = False  # another wire is being opened
        self._is_final = False  # what breaks now is broken for good
        self._gave_up = False
        self._attempt = ""
        self._counts: Counter[TaskName] = Counter()
        self._follows: dict[int, Follow] = {}
        self._questions: dict[int, Callable[[], None]] = {}
        self._handing_over = asyncio.Lock()  # not while another wire takes the place of the old
        self._attaching: asyncio.Task[None] | None = None

    async def hold(self, attempt: str) -> None:
        """Begin an attempt, or end it with "": tasks that are started from now on belong to it, those of another are forgotten.

        Only while an attempt is held do the machine's tasks outlive us.
        """
        if attempt != self.held.attempt:
            self.held = Held(attempt)
        self._attempt = attempt
        self._counts.clear()
        self.tell(protocol.HOLD, 0, {"attempt": attempt})
        await self._wire.drain()

    async def leave(self) -> None:
        """Close the connection and leave on the machine what runs there."""
        self._closed = True
        await self._stop_attaching()
        await self._hang_up(0)

    async def close(self, grace_s: float = GRACE_S) -> tuple[str, ...]:
        """Stop everything and end the agent, as ever; without contact try once to get it, for nobody else will come."""
        await self._stop_attaching()
        if not (self._closed or self._attached or self._gave_up):
            with contextlib.suppress(MachineError, OSError, TimeoutError):
                async with asyncio.timeout(LAST_ATTACH_S):
                    await self._attach()
                self.lost.clear()
        if not (self._closed or self._attached or self._gave_up):
            self._notify(f"out of reach: what runs there ends by itself, at the latest {self._outlive_s:g} s after contact was lost")
        return await super().close(grace_s)

    async def greet(self, transport: Sequence[str], environment: Mapping[str, str], python: str) -> None:
        """Start the agent, or take up the one in our work folder, and wait for its first word. Raises OSError, or MachineError."""
        self._way = transport, environment, python
        await super().greet(transport, environment, python)

    def _extras(self) -> dict[str, bool]:
        return super()._extras() | {"outliving": True}

    def _opening(self) -> dict[str, object]:
        return super()._opening() | {"lease": self._outlive_s, "outlive": self._folder}

    # -- tasks

    async def _hand_over(self, task: RunningTask, spec: TaskSpec, *, held: bool, **more: object) -> None:
        name = spec.name
        key = _key(name, self._counts[name])
        self._counts[name] += 1
        async with self._handing_over:
            known = self.held.tasks.get(key)
            if known is not None:
                del self._tasks[task.channel]
                task.channel = known
                self._tasks[known] = task
            self._follows[task.channel] = Follow(key, spec, held)
            if known is not None:
                self.tell(protocol.FOLLOW, known, {"from": 0})
            else:
                await super()._hand_over(task, spec, held=held, key=key, **more)

    def release(self, task: RunningTask, at_ns: int) -> None:
        """Let a task that is held start at `at_ns` on the machine's clock; one that was released before goes by that."""
        if task.channel in self._follows:  # else it has ended already, before we came
            self._follows[task.channel].released_at_ns = at_ns
        super().release(task, at_ns)

    def _read_on(self, frame: Frame) -> None:
        """Take a piece of a task's journal."""
        follow = self._follows.get(frame.channel)
        if follow is None or frame.channel not in self._tasks:
            return  # it was let go
        if frame.head.get("at") != follow.offset:
            raise ProtocolError(f"{frame} does not go on where we stood, at {follow.offset}")
        follow.offset += len(frame.payload)
        for said in follow.decoder.frames(frame.payload):
            if said.channel != frame.channel or said.kind not in SAID:
                raise ProtocolError(f"{said} is not for the journal of a task")
            self._report(said)
        if frame.channel not in self._tasks:
            del self._follows[frame.channel]

    def _emit(self, task: RunningTask, record: Record) -> None:
        self._is_final = True  # when the record cannot be kept, another wire is no help
        super()._emit(task, record)
        self._is_final = self.lost.is_set()

    # -- a broken wire

    def tell(self, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        """Send a frame; what cannot be sent now is, as far as it still matters, when there is contact again."""
        if self._attached:
            super().tell(kind, channel, head, payload)

    def _patience_s(self, within_s: float) -> float:
        return super()._patience_s(within_s) + self._outlive_s

    async def _asked(self, kind: int, channel: int, send: Callable[[], None], within_s: float = 0) -> Frame:
        self._questions[channel] = send
        try:
            return await super()._asked(kind, channel, send, within_s)
        finally:
            self._questions.pop(channel, None)

    def _receive(self, frame: Frame) -> None:
        if frame.kind == protocol.HELLO and not self._greeted.done():
            self.held = _held(frame)
            self._channels = max(self._channels, *self.held.tasks.values(), 0)
            self._scripts = _scripts(frame)
            super()._receive(frame)
            self._attached = True
        elif frame.kind == protocol.JOURNAL:
            self._read_on(frame)
        else:
            self._is_final = self._is_final or frame.kind == protocol.BROKEN
            super()._receive(frame)

    def _lose(self, why: str) -> None:
        if self._attaches and not self._greeted.done():
            self._wire.abandon()
            self._greeted.set_exception(MachineError(why))
            return
        if self._is_final or self._closed or not self._attached:
            self._attached = False
            super()._lose(why)
            return
        self._attached = False
        self._wire.abandon()
        self._heart.stop()
        self._notify(f"contact is lost ({why}); what runs there goes on, and we try again")
        self._attaching = self._loop.create_task(self._attach_again(self._loop.time()))

    async def _attach_again(self, lost_at: float) -> None:
        """Attach as soon as that works; give up when the machine has stopped everything."""
        folder = self.hello.workfolder
        pause = FIRST_PAUSE_S
        while not self._attached:
            try:
                await self._attach()
            except (MachineError, OSError, TimeoutError) as error:
                if self._loop.time() - lost_at > self._outlive_s:
                    self._give_up(f"out of reach for longer than its lease of {self._outlive_s:g} s: {error}")
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        if self.hello.workfolder != folder:
            self._give_up("it has stopped all that ran there: it was restarted, or its agent ended")
            return
        self._notify("contact again; nothing of what was said there is lost")

    def _give_up(self, why: str) -> None:
        self._is_final = self._gave_up = True
        self._lose(why)

    async def _attach(self) -> None:
        """Open another wire to our anchor and go on where we stood. Raises OSError, MachineError or TimeoutError."""
        assert self._way is not None
        async with self._handing_over:
            folder = self._folder = self.hello.workfolder
            await self._wire.end(0)
            self._greeted = self._loop.create_future()
            self._takes_compiled = True
            self._wire = Wire(self._receive, self._lose)
            self._attaches = True
            try:
                async with asyncio.timeout(ATTACH_S):
                    await self.greet(*self._way)
            finally:
                self._attaches = False
            if self.hello.workfolder == folder:
                await self._go_on()

    async def _go_on(self) -> None:
        """Say again what may not have arrived, and ask for what we have not heard."""
        self.tell(protocol.PING, 0, {})  # it may be long since the last heartbeat
        if self.held.attempt != self._attempt:
            self.tell(protocol.HOLD, 0, {"attempt": self._attempt})
        for task in list(self._tasks.values()):
            follow = self._follows.get(task.channel)
            if follow is None:
                continue  # it is about to be handed over, as soon as we are through
            if follow.key in self.held.tasks:
                self.tell(protocol.FOLLOW, task.channel, {"from": follow.offset})
            else:
                await super()._hand_over(task, follow.spec, held=follow.held, key=follow.key)
            if follow.released_at_ns is not None:
                super().release(task, follow.released_at_ns)
            if task.stop_sent:
                self.tell(protocol.STOP, task.channel, {})
        for send in self._questions.values():
            send()

    async def _stop_attaching(self) -> None:
        if self._attaching is not None:
            self._attaching.cancel()
            await asyncio.gather(self._attaching, return_exceptions=True)


def _held(hello: Frame) -> Held:
    """Return what a HELLO says about what is held; raise ProtocolError when that is not what an anchor says."""
    attempt, tasks, begun, cleared = (hello.head.get(name) for name in ("attempt", "tasks", "begun", "cleared"))
    if not isinstance(attempt, str) or not isinstance(tasks, dict) or not isinstance(begun, list):
        raise ProtocolError(f"{hello} does not come from an anchor")
    if any(type(channel) is not int for channel in (*tasks.values(), *begun)):
        raise ProtocolError(f"{hello} has tasks without a channel")
    return Held(attempt, tasks, frozenset(begun), cleared is True)


def _key(task: TaskName, start: int) -> str:
    """Return what a machine knows the task by, when that is started for the time `start`, from 0."""
    return f"{task.step}/{task.target}/{task.copy}/{start}"


def _scripts(hello: Frame) -> set[tuple[str, str]]:
    """Return which scripts the agent has for sure."""
    scripts = hello.head.get("scripts")
    return {(str(pair[0]), str(pair[1])) for pair in scripts if isinstance(pair, list)} if isinstance(scripts, list) else set()

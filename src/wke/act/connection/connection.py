"""The controller's end of a connection to one machine's agent: tasks in, records out.

What the agent says is read as fast as the sink takes it: the sink is called at once, for every record, from the event loop, so a slow
disk slows the script down and nothing piles up here. One machine's nonsense or silence ends its own connection only: its running tasks
end `lost`, and that they are gone from the machine is the affair of the guardian there.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wke.act.connection import bootstrap
from wke.act.connection.claim import Claim
from wke.act.connection.heartbeat import Heart
from wke.act.connection.hello import Hello, read_hello
from wke.act.connection.task import GRACE_S, RunningTask, TaskSpec, script_key
from wke.act.connection.transport import SshTransport, command_line, process_environment
from wke.act.connection.untrusted import end_of, facts_of, number_of, text_of, texts_of
from wke.act.connection.wire import Wire
from wke.agent import protocol
from wke.agent.protocol import Frame, ProtocolError, encode
from wke.errors import MachineError
from wke.judge.clocks import Probe, enough, reading
from wke.records import ClockReading, MetricsWritten, Outcome, OutcomeKind, Output, Record, Sink, TaskEnded, TaskStarted

if TYPE_CHECKING:
    from wke.act.connection.transfer import Channel, Copied, Digests, OnProgress

ANSWER_S = 3.0  # beyond the grace, for an answer to come back
STUBBORN_S = 10.0  # so long an agent tries to kill what does not die
EXIT_S = 5.0
SILENT_EXIT_S = 1.0  # for a machine that does not answer any more
EXAMINE_S = 10.0
PART_SIZE = 1 << 19
OUR_PYTHON = "{}.{}.".format(*sys.version_info)
ANSWERS = {
    protocol.PING: protocol.PONG,
    protocol.WAIT_PORT: protocol.PORT,
    protocol.WATCH: protocol.WATCHED,
    protocol.CLEAR: protocol.CLEARED,
    protocol.BYE: protocol.FAREWELL,
    protocol.EXAMINE: protocol.EXAMINED,
}


class Connection:
    """A talk with one machine. Made by `open_connection` (opening.py); `lost` is set when contact is lost, and `why` then says how."""

    hello: Hello

    def __init__(self, machine: str, lease_s: float, claim: Claim | None = None, *, now: Callable[[], int] = time.time_ns) -> None:
        self.machine = machine
        self._now = now
        self._claim = claim
        self.lost = asyncio.Event()
        self.why = ""
        self._lease_s = lease_s
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(self._receive, self._lose)
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._tasks: dict[int, RunningTask] = {}
        self._answers: dict[int, tuple[int, asyncio.Future[Frame]]] = {}  # channel -> the kind that answers, and who waits
        self._watchers: dict[int, Callable[[Frame], None]] = {}
        self._copies: dict[int, Channel] = {}
        self._channels = 0
        self._scripts: set[tuple[str, str]] = set()
        self._brought: set[tuple[str, ...]] = set()  # modules of the agent that it did not start with
        self._takes_compiled = True
        self._offset_ns = 0
        self._closed = False
        self._heart = Heart(lease_s, beat=partial(self.tell, protocol.PING, 0, {}), heard_at=lambda: self._wire.heard_at, fail=self._lose)

    # -- what a session asks for

    async def start(self, spec: TaskSpec, sink: Sink, *, held: bool = False) -> RunningTask:
        """Hand a task to the machine; it starts there at once, or is staged and `held` until `release`.

        Returns as soon as the machine's input has room: whether the task could be started, its records tell. Without contact it ends
        `unreachable`.
        """
        task = RunningTask(partial(self._stop, spec.grace_s), self._channel(), spec.name, sink)
        if self._closed or self.lost.is_set():
            self._end(task, self._vanished(task, OutcomeKind.UNREACHABLE))
            return task
        self._tasks[task.channel] = task
        try:
            await self._hand_over(task, spec, held=held)
            if held:
                self._expect(task, "staging", task.staged.is_set, 0)
            if spec.timeout_s is not None:
                self._expect(task, "end", task.end.done, spec.timeout_s + spec.grace_s)
        except asyncio.CancelledError:
            self._tasks.pop(task.channel, None)
            raise
        return task

    async def _hand_over(self, task: RunningTask, spec: TaskSpec, *, held: bool, **more: object) -> None:
        script = await self._put(spec.content, spec.name.target)
        prelude = None if spec.prelude is None else await self._put(spec.prelude, "prelude")
        order: dict[str, object] = {
            "script": script,
            "name": spec.name.target,
            "arguments": list(spec.arguments),
            "environment": dict(spec.environment),
            "workdir": spec.workdir,
            "prelude": prelude,
            "timeout": spec.timeout_s,
            "grace": spec.grace_s,
            "held": held,
            "kept": spec.kept,
            **more,
        }
        self.tell(protocol.START, task.channel, order)
        await self._wire.drain()

    def release(self, task: RunningTask, at_ns: int) -> None:
        """Let a task that is held start at `at_ns` on the machine's clock."""
        self.tell(protocol.RELEASE, task.channel, {"at": at_ns})

    async def wait_port(self, port: int, address: str, within_s: float) -> bool:
        """Tell whether something listens on `port` of `address` or of loopback, as seen from the machine, within that time.

        Raises MachineError without contact, as `clock` does.
        """
        answer = await self._ask(protocol.WAIT_PORT, {"port": port, "address": address, "within": within_s}, within_s=within_s)
        return answer.head.get("answered") is True

    async def clock(self) -> ClockReading:
        """Compare the clocks by many probes, one after the other: it takes so many times the way there and back."""
        probes: list[Probe] = []
        sent_ns = 0
        channel = self._channel()

        def send() -> None:
            nonlocal sent_ns
            sent_ns = self._now()
            self.tell(protocol.PING, channel, {})

        def hear(pong: Frame) -> None:
            probes.append(Probe(sent_ns, number_of(pong.head, "at"), self._now()))
            if enough(probes):
                self._answer(pong)
            else:
                send()

        self._watchers[channel] = hear
        try:
            await self._asked(protocol.PING, channel, send)
        finally:
            del self._watchers[channel]
        return reading(probes)

    async def examine(self) -> dict[str, str]:
        """Have the machine read its fingerprint. Needs a claim, which brings along what that takes; raises MachineError without contact."""
        return facts_of((await self._ask(protocol.EXAMINE, {}, within_s=EXAMINE_S)).head)

    async def watch(self, interval_s: float, at_ns: int, receive: Callable[[Frame], None]) -> Frame:
        """Have the machine sample its probes at `at_ns` on its clock and every `interval_s` after it, until `unwatch` of the channel.

        `receive` gets each sample's frame as it comes, and raises ProtocolError when it is none. The answer, which is returned, says whose
        numbers these are. Raises MachineError without contact.
        """
        channel = self._channel()
        self._watchers[channel] = receive
        try:
            return await self._ask(protocol.WATCH, {"interval": interval_s, "at": at_ns}, channel=channel)
        except BaseException:
            self.unwatch(channel)
            raise

    def unwatch(self, channel: int) -> None:
        """Let the machine take no more samples on that channel, and drop those on their way."""
        if self._watchers.pop(channel, None) is not None:
            self.tell(protocol.UNWATCH, channel, {})

    async def send(
        self, source: str | Path, destination: str, *, progress: "OnProgress | None" = None, digests: "Digests | None" = None
    ) -> "Copied":
        """Copy a file or a folder to the machine; where it lands and what is kept, `act.transfer` says.

        What is there already is not sent again. Raises InputError for what is wrong here and MachineError for what is wrong there.
        """
        from wke.act.connection.transfer import send  # noqa: PLC0415 - takes long to import and is rarely wanted, here and below

        return await send(self._copy(), source, destination, progress, digests)

    async def receive(
        self, source: str, destination: str | Path, *, progress: "OnProgress | None" = None, digests: "Digests | None" = None
    ) -> "Copied":
        """Copy a file or a folder from the machine, in the same way as `send`."""
        from wke.act.connection.transfer import receive  # noqa: PLC0415

        return await receive(self._copy(), source, destination, progress, digests)

    async def fetch(self, task: RunningTask, destination: str | Path, only: Sequence[str]) -> "Copied":
        """Copy what matches the patterns `only` from the $WKE_DIR of a task, whose spec must say that it is `kept`, into a folder."""
        source = f"{self.hello.workfolder}/task-{task.channel}/."
        from wke.act.connection.transfer import receive  # noqa: PLC0415

        return await receive(self._copy(), source, f"{destination}/", only=only)

    def _copy(self) -> "Channel":
        from wke.act.connection.transfer import Channel  # noqa: PLC0415

        if self._closed or self.lost.is_set():
            raise MachineError(f"machine {self.machine}: {self.why or 'the connection is closed'}")
        self._wire.widen()
        channel = self._channel()
        self._copies[channel] = copy = Channel(self.machine, partial(self._tell_of_copy, channel), self._wire.drain)
        return copy

    def pause(self) -> None:
        """Read no more until `resume`: what tasks say has to wait, their machine is kept."""
        self._wire.pause()

    def resume(self) -> None:
        """Read on."""
        self._wire.resume()

    async def clear(
        self, grace_s: float = GRACE_S, *, task: RunningTask | None = None, keep: Collection[RunningTask] = ()
    ) -> tuple[str, ...]:
        """Stop every task (or only `task`) and all that it left running, also after it ended; return the names of what was left.

        Those of `keep` stay with what they started, and so does the connection.
        """
        if self._closed:
            return ()
        try:
            head: dict[str, object] = {"grace": grace_s} if task is None else {"grace": grace_s, "task": task.channel}
            if keep:
                head["keep"] = [kept.channel for kept in keep]
            answer = await self._ask(protocol.CLEAR, head, within_s=grace_s)
        except MachineError:
            return ()
        return texts_of(answer.head, "leftovers")

    async def close(self, grace_s: float = GRACE_S) -> tuple[str, ...]:
        """Stop everything, end the agent and return the names of what tasks had left running. Needs no contact and may be called again."""
        first, self._closed = not self._closed, True
        leftovers: tuple[str, ...] = ()
        patience_s = SILENT_EXIT_S
        try:
            if first and not self.lost.is_set():
                answer = await asyncio.wait_for(self._ask(protocol.BYE, {"grace": grace_s}, channel=0), grace_s + ANSWER_S)
                leftovers, patience_s = texts_of(answer.head, "leftovers"), EXIT_S
        except (MachineError, TimeoutError):
            pass
        finally:
            await self._hang_up(patience_s)
        return leftovers

    # -- beginning and end

    async def greet(self, transport: Sequence[str], environment: Mapping[str, str], python: str) -> None:
        """Start the agent and wait for its first word. Raises OSError, or MachineError when it breaks off."""
        program = bootstrap.command(python, replace=isinstance(transport, SshTransport))
        self._wire.start(command_line(transport, program), process_environment(transport))
        opening = self._opening() | {"environment": dict(environment)}
        self._wire.send(bootstrap.package(**self._extras()) + encode(protocol.OPEN, 0, opening))
        await self._greeted
        self._heart.start()

    def _extras(self) -> dict[str, bool]:
        """Return what the agent shall be able to do from the start, in the words of `bootstrap.package`."""
        return {"claiming": self._claim is not None}

    def _opening(self) -> dict[str, object]:
        """Return what the first frame says."""
        opening: dict[str, object] = {"token": os.urandom(8).hex(), "lease": self._lease_s}
        if self._claim is not None:
            opening["claim"] = self._claim.facts()
        return opening

    async def abort(self) -> str:
        """Give up on a connection that never came about; return the words of the process that carried it."""
        self._closed = True
        await self._hang_up(0)
        return self._wire.words

    async def _hang_up(self, within_s: float) -> None:
        self._heart.stop()
        try:
            await self._wire.end(within_s)
        finally:
            self._let_go("the connection was closed")

    def _lose(self, why: str) -> None:
        """Contact is lost, for the reason given."""
        words = self._wire.words.strip()
        self.why = f"{why}: {words.splitlines()[-1]}" if words else why
        self._wire.abandon()
        self._heart.stop()
        if not self._closed:
            self.lost.set()
        self._let_go(self.why)

    def _let_go(self, why: str) -> None:
        """End what still waits for this machine."""
        self.why = self.why or why
        if not self._greeted.done():
            self._greeted.set_exception(MachineError(why))
            self._greeted.exception()
        answers, self._answers = self._answers, {}
        for _, answer in answers.values():
            if not answer.done():
                answer.set_exception(MachineError(f"machine {self.machine}: {why}"))
        for task in list(self._tasks.values()):
            self._end(task, self._vanished(task, OutcomeKind.LOST))
        copies, self._copies = self._copies, {}
        for copy in copies.values():
            copy.lose(why)

    # -- to the agent

    def tell(self, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        """Send a frame, and before it what the agent needs to understand it."""
        needed = bootstrap.NEEDED.get(kind)
        if needed is not None and needed not in self._brought:
            self._brought.add(needed)
            self._wire.send(encode(protocol.MODULES, 0, {}, bootstrap.bundle(needed, compiled=self._takes_compiled)))
        self._wire.send(encode(kind, channel, head, payload))

    def _tell_of_copy(self, channel: int, kind: int, head: dict[str, object], payload: bytes = b"") -> None:
        self.tell(kind, channel, head, payload)

    async def _put(self, content: bytes, name: str) -> str:
        """Make sure the machine has that script and return its key."""
        key = script_key(content)
        if (key, name) not in self._scripts:
            for offset in range(0, len(content) or 1, PART_SIZE):
                self.tell(protocol.PUT, 0, {"script": key, "name": name, "offset": offset}, content[offset : offset + PART_SIZE])
                if len(content) > PART_SIZE:
                    await self._wire.drain()
            self._scripts.add((key, name))
        return key

    def _stop(self, grace_s: float, task: RunningTask) -> None:
        self.tell(protocol.STOP, task.channel, {})
        self._expect(task, "end", task.end.done, grace_s)

    def _expect(self, task: RunningTask, what: str, came: Callable[[], bool], within_s: float) -> None:
        """Give up the machine when it does not report what an honest agent does within so many seconds."""
        paused_s = self._wire.paused_s
        patience: asyncio.TimerHandle

        def overdue() -> None:
            nonlocal paused_s, patience
            if came() or self.lost.is_set():
                return
            unheard_s = self._wire.paused_s - paused_s
            if unheard_s > 0:  # it may have reported long ago
                paused_s += unheard_s
                patience = self._loop.call_later(unheard_s, overdue)
            else:
                self._give_up(f"it did not report the {what} of {task.name.target} in time")

        patience = self._loop.call_later(self._patience_s(within_s), overdue)
        task.end.add_done_callback(lambda _: patience.cancel())

    def _give_up(self, why: str) -> None:
        """Have no more to do with a machine that lives and does not do what every machine must."""
        self._lose(why)

    def _patience_s(self, within_s: float) -> float:
        """Return how long to wait for what an honest agent does within so many seconds, the network being cut for a lease at most."""
        return within_s + STUBBORN_S + self._lease_s

    async def _ask(self, kind: int, head: dict[str, object], *, channel: int | None = None, within_s: float = 0) -> Frame:
        """Send a question and return the answer, which an honest agent gives within `within_s`.

        Raises MachineError when contact is lost meanwhile, or no answer comes: that is lost contact too.
        """
        channel = self._channel() if channel is None else channel
        return await self._asked(kind, channel, lambda: self.tell(kind, channel, head), within_s)

    async def _asked(self, kind: int, channel: int, send: Callable[[], None], within_s: float = 0) -> Frame:
        if self.lost.is_set():
            raise MachineError(f"machine {self.machine}: {self.why}")
        answer: asyncio.Future[Frame] = self._loop.create_future()
        self._answers[channel] = ANSWERS[kind], answer
        send()
        try:
            async with asyncio.timeout(self._patience_s(within_s)):
                return await answer
        except TimeoutError:
            self._give_up(f"it did not answer ({protocol.KINDS[kind - 1]}) in time")
            raise MachineError(f"machine {self.machine}: {self.why}") from None
        finally:
            self._answers.pop(channel, None)

    def _channel(self) -> int:
        self._channels = self._channels % 0xFFFFFFFF + 1
        return self._channels

    # -- from the agent

    def _receive(self, frame: Frame) -> None:
        """Take one frame; raise ProtocolError when an honest agent would not send it now."""
        if frame.channel > self._channels:
            raise ProtocolError(f"{frame} is about something that was never asked for")
        if frame.kind == protocol.HELLO and not self._greeted.done():
            self.hello = read_hello(frame.head)
            self._brought.clear()
            self._takes_compiled = self._takes_compiled and self.hello.python.startswith(OUR_PYTHON)
            self._offset_ns = number_of(frame.head, "at") - self._now()
            self._greeted.set_result(None)
        elif frame.kind == protocol.SOURCE and not self._greeted.done() and self._takes_compiled:
            self._takes_compiled = False
            self._wire.send(bootstrap.sources(**self._extras()))
        elif frame.kind == protocol.BROKEN:
            self._lose(f"the agent gave up: {text_of(frame.head, 'why')}")
        elif frame.kind in (protocol.STARTED, protocol.OUTPUT, protocol.ENDED, protocol.STAGED):
            self._report(frame)
        elif frame.kind in (protocol.PORT, protocol.WATCHED, protocol.CLEARED, protocol.FAREWELL, protocol.EXAMINED):
            self._answer(frame)
        elif frame.kind in (protocol.SAMPLE, protocol.PONG):
            self._watchers.get(frame.channel, _drop)(frame)
        elif frame.channel in self._copies:
            if self._copies[frame.channel].take(frame):
                del self._copies[frame.channel]
        else:
            raise ProtocolError(f"{frame} is not for a controller")

    def _answer(self, frame: Frame) -> None:
        """Hand an answer to who waits for it; one that nobody waits for any more is dropped."""
        if frame.kind in (protocol.CLEARED, protocol.FAREWELL):
            texts_of(frame.head, "leftovers")
        elif frame.kind == protocol.EXAMINED:
            facts_of(frame.head)
        kind, answer = self._answers.get(frame.channel, (frame.kind, None))
        if frame.kind != kind:
            raise ProtocolError(f"{frame} does not answer what was asked")
        if answer is not None and not answer.done():
            answer.set_result(frame)

    def _report(self, frame: Frame) -> None:
        task = self._tasks.get(frame.channel)
        head = frame.head
        if task is None:
            raise ProtocolError(f"{frame} is about a task that does not run")
        if frame.kind == protocol.ENDED:
            end = end_of(head, task.name)
            if head.get("began") is True:
                self._note_start(task, frame, end.started_ns)
            self._end(task, end)
        elif (frame.kind == protocol.OUTPUT) is (task.started_ns is None):
            raise ProtocolError(f"{frame} does not come in order")
        elif frame.kind == protocol.STAGED:
            task.staged.set()
        elif frame.kind == protocol.STARTED:
            self._note_start(task, frame, number_of(head, "at"))
        elif (stream := head.get("stream")) in (1, 2):
            self._emit(task, Output(task.name, number_of(head, "stream"), frame.payload, number_of(head, "at")))
        elif stream == protocol.METRICS:
            self._emit(task, MetricsWritten(task.name, frame.payload))
        else:
            raise ProtocolError(f"{frame} names no stream: {stream!r}")

    def _note_start(self, task: RunningTask, frame: Frame, at_ns: int) -> None:
        if task.started_ns is not None:
            raise ProtocolError(f"{frame} does not come in order")
        task.started_ns = at_ns
        self._emit(task, TaskStarted(task.name, at_ns))

    def _emit(self, task: RunningTask, record: Record) -> None:
        """Give a record to the task's sink; when that fails, the failure is what waiting for the task tells."""
        try:
            task.sink(record)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who waits
            self._tasks.pop(task.channel, None)
            if not task.end.done():
                task.end.set_exception(error)
                task.end.exception()
            self._lose(f"its records could not be kept: {error}")

    def _end(self, task: RunningTask, record: TaskEnded) -> None:
        self._tasks.pop(task.channel, None)
        task.staged.set()
        self._emit(task, record)
        if not task.end.done():
            task.end.set_result(record)

    def _vanished(self, task: RunningTask, kind: OutcomeKind) -> TaskEnded:
        """Return the end of a task that the machine did not tell; times are estimates on its clock."""
        now = self._now() + self._offset_ns
        return TaskEnded(task.name, Outcome(kind), task.started_ns or now, now, "", self.why or "the connection is closed")


def _drop(_: Frame) -> None:
    """Let pass what nobody waits for any more."""

"""The tasks of a connection: handed to the machine, released, stopped; their records go to their sinks.

A sink is called at once, from the event loop, for every record: a slow disk slows the script down, and nothing piles up here.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial

from wke.act.connection.link import Link
from wke.act.connection.questions import Questions
from wke.act.connection.task import GRACE_S, RunningTask, TaskSpec, script_key
from wke.act.connection.untrusted import Left, end_of, left_of, number_of
from wke.act.masking import Masking
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.describe.configuration.loadmodule import FILE
from wke.errors import MachineError
from wke.records import MetricsWritten, Outcome, OutcomeKind, Output, Record, Sink, TaskEnded, TaskName, TaskStarted

PART_SIZE = 1 << 19
SMALL = 1 << 14  # bytes that a pipe takes if there is room
FEW_WORDS = 1 << 12
DENIED = re.compile(rb"Permission denied|can't cd to")
SHUT_OUT = 'only the login may enter $WKE_DIR; for a program of another user: chmod 711 "$(dirname "$WKE_DIR")" "$WKE_DIR"'
MOST_OUTPUT = 1 << 36  # bytes of one task; beyond that it is no output, but a way to fill the disk

Order = Callable[[str | None], Awaitable[None]]
"""Sends a task's order to the machine; with a key the machine knows the task by that and starts it once only."""
HandOver = Callable[[RunningTask, Order], Awaitable[None]]


class Tasks:
    """What runs on one machine for us. `hand_over(task, order)` decides whether a new task has to be ordered.

    `running` is by channel; `names` has also the tasks that ended, until all are cleared.
    """

    def __init__(self, link: Link, questions: Questions, hand_over: HandOver) -> None:
        self.running: dict[int, RunningTask] = {}
        self.names: dict[int, TaskName] = {}
        self.longest_grace_s = GRACE_S  # of all tasks so far: what they left running has that time, too
        self.masking = Masking()
        self._link = link
        self._questions = questions
        self._hand_over = hand_over
        self._stopped: set[int] = set()  # the channels of tasks that we asked to stop
        self._scripts: set[tuple[str, str]] = set()  # key and name of those that the machine has
        kinds = (frames.STAGED, frames.STARTED, frames.OUTPUT, frames.ENDED)
        self.handlers: Mapping[int, Callable[[Frame], None]] = dict.fromkeys(kinds, self.report)

    async def start(self, spec: TaskSpec, sink: Sink, *, held: bool = False) -> RunningTask:
        """Hand a task to the machine; it starts there at once, or is staged and `held` until `release`.

        Returns as soon as the machine's input has room; the task's records tell whether it could be started. Without contact it ends
        `unreachable`.
        """
        task = RunningTask(spec, self._link.new_channel(), sink, self._stop, held=held)
        if self._link.is_closed or self._link.lost.is_set():
            self._end(task, self._vanished(task, OutcomeKind.UNREACHABLE))
            return task
        self.running[task.channel] = task
        self.names[task.channel] = task.name
        self.longest_grace_s = max(self.longest_grace_s, spec.grace_s)
        try:
            await self._hand_over(task, partial(self.order, task))
            if held:
                self._expect(task, "staging", task.staged.is_set, 0)
            if spec.timeout_s is not None:
                self._expect(task, "end", task.end.done, spec.timeout_s + spec.grace_s)
        except asyncio.CancelledError:
            self.running.pop(task.channel, None)
            raise
        return task

    def takes_at_once(self, spec: TaskSpec) -> bool:
        """Tell whether `start` is not going to wait for the machine's input."""
        return len(spec.content) + len(spec.module or b"") <= SMALL and self._link.wire.has_room

    def release(self, task: RunningTask, at_ns: int) -> None:
        """Let a task that is held start at `at_ns` on the machine's clock."""
        task.released_at_ns = at_ns
        self._link.tell(frames.RELEASE, task.channel, {"at": at_ns})

    async def clear(
        self, grace_s: float = GRACE_S, *, task: RunningTask | None = None, keep: Collection[RunningTask] = (), scripts: bool = False
    ) -> Left:
        """Stop every task (or only `task`) and all that it left running, even after it ended; return what was left.

        Those of `keep` stay with what they started, and so does the connection. `grace_s` is for a single task and for what is of none.
        With `scripts`, the machine forgets those that it got.
        """
        if self._link.is_closed:
            return Left()
        head: dict[str, object] = {"grace": grace_s} if task is None else {"grace": grace_s, "task": task.channel}
        if keep:
            head["keep"] = [kept.channel for kept in keep]
        if scripts:
            head["scripts"] = True
            self._scripts.clear()
        self._stopped |= ({task.channel} if task is not None else self.running.keys()) - {kept.channel for kept in keep}
        try:
            answer = await self._questions.ask(frames.CLEAR, head, within_s=max(grace_s, self.longest_grace_s))
            if task is None:
                self.names = {kept.channel: kept.name for kept in keep}
            return left_of(answer.head)
        except MachineError:
            return Left()

    # -- for whoever attaches again

    async def order(self, task: RunningTask, key: str | None = None) -> None:
        """Tell the machine to start a task, after sending the scripts that it does not have."""
        spec = task.spec
        script = await self._put(spec.content, spec.name.target)
        if spec.module is not None:
            await self._put(spec.module, FILE, beside=script)
        prelude = None if spec.prelude is None else await self._put(spec.prelude, "prelude")
        head: dict[str, object] = {
            "script": script,
            "name": spec.name.target,
            "arguments": list(spec.arguments),
            "environment": dict(spec.environment),
            "workdir": spec.workdir,
            "prelude": prelude,
            "timeout": spec.timeout_s,
            "grace": spec.grace_s,
            "stop-signal": spec.stop_signal,
            "held": task.held,
            "kept": spec.kept,
        }
        if key is not None:
            head["key"] = key
        self._link.tell(frames.START, task.channel, head)
        await self._link.wire.drain()

    def move(self, task: RunningTask, channel: int) -> None:
        """Go on with a task on the channel under which the machine knows it."""
        del self.running[task.channel]
        task.channel = channel
        self.running[channel] = task
        self.names[channel] = task.name

    def know_scripts(self, scripts: Iterable[tuple[str, str]]) -> None:
        """Take note of the scripts that the machine has, by key and name; it has no others."""
        self._scripts = set(scripts)

    async def _put(self, content: bytes, name: str, *, beside: str | None = None) -> str:
        """Make sure the machine has that script, or that file beside the script of a key, and return the key."""
        key = script_key(content) if beside is None else beside
        if (key, name) not in self._scripts:
            for offset in range(0, len(content) or 1, PART_SIZE):
                part = content[offset : offset + PART_SIZE]
                self._link.tell(frames.PUT, 0, {"script": key, "name": name, "offset": offset}, part)
                if len(content) > PART_SIZE:
                    await self._link.wire.drain()
            self._scripts.add((key, name))
        return key

    # -- deadlines

    def _stop(self, task: RunningTask) -> None:
        self._stopped.add(task.channel)
        self._link.tell(frames.STOP, task.channel, {})
        self._expect(task, "end", task.end.done, task.spec.grace_s)

    def _expect(self, task: RunningTask, what: str, came: Callable[[], bool], within_s: float) -> None:
        """Give the machine up when it does not report what an honest agent reports within that time."""
        link, loop = self._link, asyncio.get_running_loop()
        paused_s = link.wire.paused_s
        patience: asyncio.TimerHandle

        def overdue() -> None:
            nonlocal paused_s, patience
            if came() or link.lost.is_set():
                return
            unheard_s = link.wire.paused_s - paused_s
            if unheard_s > 0:  # it may have reported long ago
                paused_s += unheard_s
                patience = loop.call_later(unheard_s, overdue)
            else:
                link.give_up(f"it did not report the {what} of {task.name.target} in time")

        patience = loop.call_later(link.patience_s(within_s), overdue)
        task.end.add_done_callback(lambda _: patience.cancel())

    # -- reports

    def report(self, frame: Frame) -> None:
        """Take a frame about a task; raise ProtocolError when an honest agent would not send it now."""
        task, head = self.running.get(frame.channel), frame.head
        if task is None:
            raise ProtocolError(f"{frame} is about a task that does not run")
        if frame.kind == frames.ENDED:
            self._take_end(task, frame)
        elif (frame.kind == frames.OUTPUT) is (task.started_ns is None):
            raise ProtocolError(f"{frame} does not come in order")
        elif frame.kind == frames.STAGED:
            task.staged.set()
        elif frame.kind == frames.STARTED:
            self._note_start(task, frame, number_of(head, "at"))
        elif number_of(head, "stream") == frames.METRICS:
            self._take_metrics(task, frame)
        else:
            self._take_output(task, frame)

    def _take_end(self, task: RunningTask, frame: Frame) -> None:
        end = end_of(frame.head, task.name)
        if self._was_given_up(task, end):
            self._link.lose("the machine no longer hears us, and stopped its tasks")
            return
        if frame.head.get("began") is True:
            self._note_start(task, frame, end.started_ns)
        if task.started_ns not in {None, end.started_ns}:
            raise ProtocolError(f"{frame} tells another start than {task.started_ns}")
        if task.is_shut_out and not end.outcome.ok:
            end = replace(end, detail="; ".join(filter(None, (end.detail, SHUT_OUT))))
        self._end(task, end)

    def _was_given_up(self, task: RunningTask, end: TaskEnded) -> bool:
        """Tell whether the machine stopped a task unasked: half of a pipe broke, and it can still speak."""
        return end.outcome.kind is OutcomeKind.CANCELLED and self._link.ends_with_us and task.channel not in self._stopped

    def lose(self) -> None:
        """End all tasks: contact is lost."""
        for task in list(self.running.values()):
            self._end(task, self._vanished(task, OutcomeKind.LOST))

    def _take_output(self, task: RunningTask, frame: Frame) -> None:
        stream, data = number_of(frame.head, "stream"), frame.payload
        task.output_size += len(data)
        task.last_output = data
        if len(data) < FEW_WORDS and DENIED.search(data) and os.fsencode(self._link.hello.workfolder) in data:
            task.is_shut_out = True
        self._emit(task, Output(task.name, stream, data, number_of(frame.head, "at")))
        if task.output_size > MOST_OUTPUT:
            self._link.give_up(f"{task.name.target} wrote more than {MOST_OUTPUT >> 30} GiB")

    def _take_metrics(self, task: RunningTask, frame: Frame) -> None:
        """Pass on what a task reported; an honest agent sends no more than MOST_METRICS of it."""
        task.metrics_size += len(frame.payload)
        if task.metrics_size > frames.MOST_METRICS:
            raise ProtocolError(f"{frame} brings more metrics than {frames.MOST_METRICS} bytes")
        self._emit(task, MetricsWritten(task.name, frame.payload))

    def _note_start(self, task: RunningTask, frame: Frame, at_ns: int) -> None:
        if task.started_ns is not None:
            raise ProtocolError(f"{frame} does not come in order")
        task.started_ns = at_ns
        self._emit(task, TaskStarted(task.name, at_ns))

    def _emit(self, task: RunningTask, record: Record) -> None:
        """Give a record to the task's sink; an error of the sink becomes the result of waiting for the task."""
        try:
            for each in self.masking.masked(record):
                task.sink(each)
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting caller gets it
            self.running.pop(task.channel, None)
            if not task.end.done():
                task.end.set_exception(error)
                task.end.exception()
            self._link.lose(f"its records could not be kept: {error}")

    def _end(self, task: RunningTask, record: TaskEnded) -> None:
        self.running.pop(task.channel, None)
        self._stopped.discard(task.channel)
        task.staged.set()
        self._emit(task, record)
        if not task.end.done():
            task.end.set_result(record)

    def _vanished(self, task: RunningTask, kind: OutcomeKind) -> TaskEnded:
        """Return the end of a task that the machine did not report; its times are estimates on the machine's clock."""
        now = self._link.machine_now_ns()
        return TaskEnded(task.name, Outcome(kind), task.started_ns or now, now, "", self._link.why or "the connection is closed")

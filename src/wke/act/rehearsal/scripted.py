"""Scripted machines: connections whose far end is functions of ours, for rehearsals and tests. No process runs, and none is needed.

The controller is the real one, down to the frames: `ScriptedWire.tell` gets what the machine would get, and the frames with which the
machine would answer go where those from a wire go. What takes time there takes it on the event loop's clock (see timelapse.py).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from wke.act.connection.claim import Claim
from wke.act.connection.clock import Clock
from wke.act.connection.connection import Connection
from wke.act.connection.files import Files
from wke.act.connection.link import Link
from wke.act.connection.task import RunningTask
from wke.act.connection.transfer import Copied, Digests, OnProgress, SharedSource
from wke.act.connection.wire import Wire
from wke.act.providers.place import Place
from wke.act.rehearsal.timelapse import BEGINNING_NS, TimelapseLoop
from wke.act.session.tasks import option_variable
from wke.agent import frames
from wke.agent.protocol import Frame
from wke.agent.sender import wanted
from wke.agent.tree import FILE, Entry
from wke.describe.cluster.cluster import ClusterSpec
from wke.documents import Json
from wke.errors import InputError, MachineError, did_you_mean
from wke.judge.clocks import Probe, enough
from wke.keep.files.disk import write_atomically
from wke.records import ClockReading, OutcomeKind
from wke.values import dataclass

FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class Asked:
    """What a machine is asked to run: copy `copy` of a target with its arguments, `at_s` seconds after the rehearsal began."""

    machine: str
    target: str
    copy: int
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    at_s: float

    def option(self, name: str) -> str:
        """Return the value of one of the target's options as its script would get it."""
        return self.environment[option_variable(name)]


@dataclass(frozen=True, slots=True)
class Said:
    """What the script does: what it writes to its outputs and to $WKE_METRICS, and the content of the `files` it leaves in $WKE_DIR.

    All of this is there as soon as it starts. It ends with `code` after `lasts_s` seconds; with `FOREVER` it runs until it is stopped.
    """

    output: str = ""
    errors: str = ""
    metrics: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    code: int = 0
    lasts_s: float = 1.0


Play = Mapping[str, Callable[[Asked], Said]]
"""For every target, a function that tells what its script does. A function that raises ConnectionError loses the machine."""


@dataclass(frozen=True, slots=True)
class PlayedMachine:
    """A machine's part in a play; `files` holds what its tasks leave, by their channels."""

    machine: str
    play: Play
    now: Callable[[], int]
    files: dict[int, Mapping[str, bytes]] = field(default_factory=dict)


def scripted_place(cluster: ClusterSpec, play: Play, loop: TimelapseLoop) -> Place:
    """Return a place where every machine of `cluster` is scripted, in the time of `loop`."""
    nothing: dict[str, Sequence[str]] = {machine.name: () for machine in cluster.machines}
    locks = {machine.name: machine.name for machine in cluster.machines}
    return Place(cluster, nothing, nothing, locks=locks, connection=partial(scripted_connection, play, loop.now_ns), now=loop.now_ns)


def scripted_connection(play: Play, now: Callable[[], int], machine: str, lease_s: float, claim: Claim | None = None) -> Connection:
    """Return a connection to a scripted machine, not yet opened."""
    part = PlayedMachine(machine, play, now)
    connection = Connection(machine, lease_s, claim, make_wire=partial(ScriptedWire, part), now=now)
    connection.clock = ScriptedClock(connection.link, connection.questions, now)
    connection.files = ScriptedFiles(connection.link, part.files)
    return connection


class ScriptedClock(Clock):
    """The machine's clock is ours."""

    is_ours = True

    async def read(self, until: Callable[[Sequence[Probe]], bool] = enough) -> ClockReading:  # noqa: ARG002
        """Return that it does not differ."""
        return ClockReading(0, 0, self._now())


class ScriptedFiles(Files):
    """The files of a scripted machine: only what its tasks leave, `left` by their channels."""

    keeps = False

    def __init__(self, link: Link, left: Mapping[int, Mapping[str, bytes]]) -> None:
        super().__init__(link)
        self._left = left

    async def send(
        self,
        source: str | Path,  # noqa: ARG002 - nothing of it is kept
        destination: str,  # noqa: ARG002
        *,
        progress: OnProgress | None = None,  # noqa: ARG002
        shared: SharedSource | None = None,  # noqa: ARG002
    ) -> Copied:
        """Accept a file or a folder, and keep nothing of it."""
        return Copied(self._link.machine, 0, 0, 0)

    async def receive(
        self,
        source: str,  # noqa: ARG002 - it has none
        destination: str | Path,  # noqa: ARG002
        *,
        progress: OnProgress | None = None,  # noqa: ARG002
        digests: Digests | None = None,  # noqa: ARG002
    ) -> Copied:
        """Raise MachineError."""
        raise MachineError(f"machine {self._link.machine} is scripted: it has no files")

    async def fetch(self, task: RunningTask, destination: str | Path, only: Sequence[str]) -> Copied:
        """Write those of a task's files that are wanted into a folder."""
        patterns = [pattern.strip("/").encode().split(b"/") for pattern in only]
        files = self._left.get(task.channel, {})
        kept = {name: data for name, data in files.items() if wanted(Entry(name.encode(), FILE, 0, 0), patterns)}
        for name, data in kept.items():
            write_atomically(Path(destination, name), data)
        return Copied(self._link.machine, len(kept), 0, sum(map(len, kept.values())))


class ScriptedWire(Wire):
    """The machine itself: hears frames and answers them."""

    can_break = False

    def __init__(self, part: PlayedMachine, receive: Callable[[Frame], None], broken: Callable[[str], None]) -> None:
        super().__init__(receive, broken)
        self._machine = part.machine
        self._play = part.play
        self._now = part.now
        self._files = part.files
        self._answer = receive
        self._lose = broken
        self._is_lost = False
        self._staged: dict[int, tuple[Said, float]] = {}  # tasks that have not begun, and how long each may take
        self._begun: dict[int, int] = {}  # tasks that run, and since when
        self.handlers: dict[int, Callable[[int, dict[str, Json]], None]] = {
            frames.START: self._stage,
            frames.RELEASE: self._release,
            frames.STOP: lambda channel, _: self._finish(channel, OutcomeKind.CANCELLED),
            frames.CLEAR: partial(self._clear, frames.CLEAR),
            frames.BYE: partial(self._clear, frames.BYE),
            frames.WAIT_PORT: lambda channel, _: self._say(frames.PORT, channel, answered=bool(self._begun)),
            frames.WATCH: lambda channel, _: self._say(frames.WATCHED, channel, kernel="", network=""),
            frames.UNWATCH: lambda channel, _: self._say(frames.UNWATCHED, channel),
            frames.LOOK: lambda channel, _: self._say(frames.SEEN, channel, at=self._now(), tasks=[]),
            frames.EXAMINE: lambda channel, _: self._say(frames.EXAMINED, channel, facts={"kernel": "scripted"}),
            frames.SCRAPE: lambda channel, _: self._say(frames.SCRAPED, channel, at=self._now(), why="a scripted machine has no ports"),
        }

    def start(self, *_: object, **__: object) -> None:
        """Greet the controller."""
        texts = {"python": "3", "hostname": self._machine, "user": "root", "home": "/root", "uname": "scripted", "workfolder": "/nowhere"}
        self._loop.call_soon(lambda: self._say(frames.HELLO, 0, **texts, cpus=1, pid=1, at=self._now()))

    def tell(self, kind: int, channel: int, head: dict[str, Json], payload: bytes = b"") -> None:  # noqa: ARG002 - of scripts
        """Hear a frame as the machine would, and answer it."""
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(channel, head)

    def abandon(self) -> None:
        """Play no more."""
        self._is_lost = True

    def _say(self, kind: int, channel: int, payload: bytes = b"", /, **head: object) -> None:
        self._answer(Frame(kind, channel, head, payload))

    def _stage(self, channel: int, head: dict[str, Json]) -> None:
        environment = head["environment"]
        at_s = (self._now() - BEGINNING_NS) / 1e9
        asked = Asked(self._machine, head["name"], int(environment["WKE_COPY"]), tuple(head["arguments"]), environment, at_s)
        if asked.target not in self._play:
            raise InputError(f'target "{asked.target}" is not scripted', hint=did_you_mean(asked.target, self._play))
        try:
            said = self._play[asked.target](asked)
        except ConnectionError as error:
            self._lose(str(error) or "its script says so")
            return
        if not isinstance(said, Said) or not 0 <= said.code <= frames.HIGHEST_CODE:
            raise InputError(f'the function of target "{asked.target}" returned {said!r}', hint="return a Said with a code from 0 to 255")
        self._staged[channel] = said, math.inf if head["timeout"] is None else head["timeout"]
        self._files[channel] = said.files
        if head["held"]:
            self._say(frames.STAGED, channel)
        else:
            self._loop.call_soon(self._begin, channel)

    def _release(self, channel: int, head: dict[str, Json]) -> None:
        self._loop.call_later(max(0, head["at"] - self._now()) / 1e9, self._begin, channel)

    def _clear(self, question: int, channel: int, head: dict[str, Json]) -> None:
        kept = set(head.get("keep", ()))
        for running in [head["task"]] if "task" in head else {*self._staged, *self._begun} - kept:
            self._finish(running, OutcomeKind.CANCELLED)
        for gone in self._files.keys() - kept:
            del self._files[gone]
        self._say(frames.ANSWERS[question], channel, leftovers=[])

    def _begin(self, channel: int) -> None:
        if channel not in self._staged or self._is_lost:
            return  # stopped before
        said, timeout_s = self._staged.pop(channel)
        self._begun[channel] = at_ns = self._now()
        self._say(frames.STARTED, channel, at=at_ns)
        for stream, text in ((1, said.output), (2, said.errors), (frames.METRICS, said.metrics)):
            if text:
                self._say(frames.OUTPUT, channel, text.encode(), stream=stream, at=at_ns)
        kind = OutcomeKind.FAILED if said.code else OutcomeKind.OK
        if timeout_s < said.lasts_s:
            self._loop.call_later(timeout_s, self._finish, channel, OutcomeKind.TIMED_OUT)
        elif said.lasts_s < math.inf:
            self._loop.call_later(said.lasts_s, self._finish, channel, kind, said.code or None)

    def _finish(self, channel: int, kind: OutcomeKind, code: int | None = None) -> None:
        """End a task, unless it has ended."""
        now_ns = self._now()
        started_ns = self._begun.pop(channel, now_ns if self._staged.pop(channel, None) else None)
        if started_ns is not None and not self._is_lost:
            self._say(frames.ENDED, channel, kind=kind.value, code=code, started=started_ns, ended=now_ns, rung="", detail="")

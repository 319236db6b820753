"""Machines that are played: a connection whose far end is functions of ours, for rehearsals and tests. No process runs, none is needed.

All of the controller is the real one, down to the frames: what a machine would hear, `ScriptedConnection.tell` hears, and the frames with
which it would answer go where those from a wire go. What takes time there takes it by the event loop's clock (see timelapse.py).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.task import RunningTask
from wke.act.connection.transfer import Channel, Copied, Digests, OnProgress
from wke.act.connection.untrusted import HIGHEST_CODE
from wke.act.providers.provider import Place
from wke.act.rehearsal.timelapse import BEGINNING_NS, TimelapseLoop
from wke.act.session.tasks import option_variable
from wke.agent import protocol
from wke.agent.protocol import Frame
from wke.agent.sender import wanted
from wke.agent.tree import FILE, Entry
from wke.describe.cluster.cluster import Cluster
from wke.errors import InputError, MachineError, did_you_mean
from wke.keep.files.disk import write_atomically
from wke.records import ClockReading, OutcomeKind

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
    """What comes of it: what the script writes to its outputs and to $WKE_METRICS, and the content of the `files` it leaves in $WKE_DIR.

    All that is there as soon as it starts. It ends with `code` after `lasts_s` seconds; with `FOREVER` it goes on until it is stopped.
    """

    output: str = ""
    errors: str = ""
    metrics: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    code: int = 0
    lasts_s: float = 1.0


Play = Mapping[str, Callable[[Asked], Said]]
"""For every target that is asked for, what comes of it. A function that raises ConnectionError loses the machine."""


def scripted_place(cluster: Cluster, play: Play, loop: TimelapseLoop) -> Place:
    """Return a place where every machine of `cluster` is played, in the time of `loop`."""
    nothing: dict[str, Sequence[str]] = {machine.name: () for machine in cluster.machines}
    locks = {machine.name: machine.name for machine in cluster.machines}
    return Place(cluster, nothing, nothing, locks=locks, connection=partial(ScriptedConnection, play, loop.now_ns), now=loop.now_ns)


class ScriptedConnection(Connection):
    """A talk with a machine that is played."""

    def __init__(self, play: Play, now: Callable[[], int], machine: str, lease_s: float, claim: Claim | None = None) -> None:
        super().__init__(machine, lease_s, claim, now=now)
        self._play = play
        self._staged: dict[int, tuple[Said, float]] = {}  # tasks that were not begun, and how long each may take
        self._begun: dict[int, int] = {}  # tasks that run, and since when
        self._files: dict[int, Mapping[str, bytes]] = {}

    async def greet(self, transport: Sequence[str], environment: Mapping[str, str], python: str) -> None:  # noqa: ARG002 - nothing is started
        """Hear the first word of a machine."""
        texts = {"python": "3", "hostname": self.machine, "user": "root", "home": "/root", "uname": "played", "workfolder": "/nowhere"}
        self._receive(Frame(protocol.HELLO, 0, {**texts, "cpus": 1, "pid": 1, "at": self._now()}))

    async def clock(self) -> ClockReading:
        """Return that the machine's clock is ours."""
        return ClockReading(0, 0, self._now())

    async def fetch(self, task: RunningTask, destination: str | Path, only: Sequence[str]) -> Copied:
        """Write those of a task's files that are wanted into a folder."""
        patterns = [pattern.strip("/").encode().split(b"/") for pattern in only]
        files = self._files.get(task.channel, {})
        kept = {name: data for name, data in files.items() if wanted(Entry(name.encode(), FILE, 0, 0), patterns)}
        for name, data in kept.items():
            write_atomically(Path(destination, name), data)
        return Copied(self.machine, len(kept), 0, sum(map(len, kept.values())))

    async def send(
        self,
        source: str | Path,  # noqa: ARG002 - nothing of it is kept
        destination: str,  # noqa: ARG002
        *,
        progress: OnProgress | None = None,  # noqa: ARG002
        digests: Digests | None = None,  # noqa: ARG002
    ) -> Copied:
        """Take a file or a folder, and keep nothing of it."""
        return Copied(self.machine, 0, 0, 0)

    def _copy(self) -> Channel:
        raise MachineError(f"machine {self.machine} is played: it has no files")

    # -- the machine

    def tell(self, kind: int, channel: int, head: dict[str, Any], payload: bytes = b"") -> None:  # noqa: ARG002 - of scripts
        """Hear a frame as the machine would, and answer for it."""
        if kind == protocol.START:
            self._stage(channel, head)
        elif kind == protocol.RELEASE:
            self._loop.call_later(max(0, head["at"] - self._now()) / 1e9, self._begin, channel)
        elif kind == protocol.STOP:
            self._finish(channel, OutcomeKind.CANCELLED)
        elif kind in (protocol.CLEAR, protocol.BYE):
            kept = set(head.get("keep", ()))
            for running in [head["task"]] if "task" in head else {*self._staged, *self._begun} - kept:
                self._finish(running, OutcomeKind.CANCELLED)
            self._files = {channel: files for channel, files in self._files.items() if channel in kept}
            answer = protocol.CLEARED if kind == protocol.CLEAR else protocol.FAREWELL
            self._receive(Frame(answer, channel, {"leftovers": []}))
        elif kind == protocol.WAIT_PORT:
            self._receive(Frame(protocol.PORT, channel, {"answered": bool(self._begun)}))
        elif kind == protocol.WATCH:
            self._receive(Frame(protocol.WATCHED, channel, {}))
        elif kind == protocol.EXAMINE:
            self._receive(Frame(protocol.EXAMINED, channel, {"facts": {"kernel": "played"}}))

    def _stage(self, channel: int, head: dict[str, Any]) -> None:
        environment = head["environment"]
        at_s = (self._now() - BEGINNING_NS) / 1e9
        asked = Asked(self.machine, head["name"], int(environment["WKE_COPY"]), tuple(head["arguments"]), environment, at_s)
        if asked.target not in self._play:
            raise InputError(f'nobody plays target "{asked.target}"', hint=did_you_mean(asked.target, self._play))
        try:
            said = self._play[asked.target](asked)
        except ConnectionError as error:
            self._lose(str(error) or "the play has it so")
            return
        if not isinstance(said, Said) or not 0 <= said.code <= HIGHEST_CODE:
            raise InputError(f'target "{asked.target}" is played wrongly: it gave {said!r}', hint="return a Said with a code from 0 to 255")
        self._staged[channel] = said, math.inf if head["timeout"] is None else head["timeout"]
        self._files[channel] = said.files
        if head["held"]:
            self._receive(Frame(protocol.STAGED, channel, {}))
        else:
            self._loop.call_soon(self._begin, channel)

    def _begin(self, channel: int) -> None:
        if channel not in self._staged or self.lost.is_set():
            return  # stopped before
        said, timeout_s = self._staged.pop(channel)
        self._begun[channel] = at_ns = self._now()
        self._receive(Frame(protocol.STARTED, channel, {"at": at_ns}))
        for stream, text in ((1, said.output), (2, said.errors), (protocol.METRICS, said.metrics)):
            if text:
                self._receive(Frame(protocol.OUTPUT, channel, {"stream": stream, "at": at_ns}, text.encode()))
        kind = OutcomeKind.FAILED if said.code else OutcomeKind.OK
        if timeout_s < said.lasts_s:
            self._loop.call_later(timeout_s, self._finish, channel, OutcomeKind.TIMED_OUT)
        elif said.lasts_s < math.inf:
            self._loop.call_later(said.lasts_s, self._finish, channel, kind, said.code or None)

    def _finish(self, channel: int, kind: OutcomeKind, code: int | None = None) -> None:
        """End a task, unless it has ended."""
        now_ns = self._now()
        started_ns = self._begun.pop(channel, now_ns if self._staged.pop(channel, None) else None)
        if started_ns is not None and not self.lost.is_set():
            head: dict[str, object] = {"kind": kind.value, "code": code, "started": started_ns, "ended": now_ns, "rung": "", "detail": ""}
            self._receive(Frame(protocol.ENDED, channel, head))

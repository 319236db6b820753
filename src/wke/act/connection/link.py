"""The link to a machine's agent: starts the agent through a transport, carries frames both ways, and keeps the machine's lease.

A link begins with a greeting. When its wire breaks afterwards, the connection decides: the link is lost (`lose`), or it is opened again
(`reopen`) and carries on.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from wke.act.connection import bootstrap
from wke.act.connection.claim import Claim
from wke.act.connection.heartbeat import Heartbeat
from wke.act.connection.hello import Hello, Waiting, read_hello
from wke.act.connection.transport import SshTransport, agent_command, process_environment
from wke.act.connection.untrusted import number_of, text_of
from wke.act.connection.wire import Wire
from wke.act.pipes import Pipes
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.errors import MachineError
from wke.values import dataclass

CLOSED = "the connection was closed"
STUBBORN_S = 10.0  # how long an agent tries to kill what does not die
SHELLS_NOTE = re.compile(r"(.*: line \d+: +\d+ )?(Killed|Terminated|Hangup|Alarm clock)\b.*")  # what a shell says of its program's end
OUR_PYTHON = "{}.{}.".format(*sys.version_info)


@dataclass(frozen=True, slots=True)
class Way:
    """How an agent is started: by which transport, with which variables for its tasks, in which Python (None: the first that serves).

    The transport's process may have `begun` already, by `begin`.
    """

    transport: Sequence[str]
    environment: Mapping[str, str]
    python: str | None
    begun: Pipes | None = None


@dataclass(frozen=True, slots=True)
class Outlive:
    """Asks for tasks that run on for `lease_s` without us. `folder` is the work folder of an agent to attach to, "" for a new agent."""

    lease_s: float
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with the agent when it starts: the lease, the lock it takes, and whether tasks outlive us."""

    lease_s: float
    claim: Claim | None = None
    outlive: Outlive | None = None


@dataclass(frozen=True, slots=True)
class LinkListener:
    """Functions that a link calls from the event loop.

    `hello` gets the greeting before anyone else does, `frame` every frame after it; both raise ProtocolError for what an honest agent would
    not send. `broken` is told why the wire broke after the greeting, `lost` why the link ended for good.
    """

    hello: Callable[[Frame], None]
    frame: Callable[[Frame], None]
    broken: Callable[[str], None]
    lost: Callable[[str], None]


MakeWire = Callable[[Callable[[Frame], None], Callable[[str], None]], Wire]


class Link:
    """Carries frames to and from one agent. `lost` is set when contact is lost for good, and `why` then says how."""

    hello: Hello

    def __init__(self, machine: str, terms: Terms, listener: LinkListener, *, now: Callable[[], int], make_wire: MakeWire = Wire) -> None:
        self.machine = machine
        self.lost = asyncio.Event()
        self.why = ""
        self.is_attached = False  # greeted, and the wire has not broken since
        self.is_closed = False
        self.gave_up = False
        self._terms = terms
        self._listener = listener
        self._now = now
        self._make_wire = make_wire
        self._loop = asyncio.get_running_loop()
        self._way: Way | None = None
        self._folder = terms.outlive.folder if terms.outlive else ""  # the work folder of the agent to attach to
        self.channels = 0  # those in use so far have the numbers up to this
        self._brought: set[tuple[str, ...]] = set()  # modules of the agent that it did not start with
        self.offset_ns = 0  # how far the machine's clock is ahead of ours, about
        self._renew()
        beat = partial(self.tell, frames.PING, 0, {})
        self._heartbeat = Heartbeat(terms.lease_s, beat=beat, heard_at=lambda: self.wire.heard_at, fail=self._wire_broke)

    def _renew(self) -> None:
        self.wire = self._make_wire(self._receive, self._wire_broke)
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._takes_compiled = True

    # -- beginning and end

    async def open(self, way: Way) -> None:
        """Start the agent and wait for its greeting. Raises OSError, or MachineError when contact breaks off."""
        self._way = replace(way, begun=None)
        with_group = isinstance(way.transport, SshTransport)
        if way.begun is not None:
            self.wire.take(way.begun, with_group=with_group)
        else:
            self.wire.start(agent_command(way.transport, way.python), process_environment(way.transport), with_group=with_group)
        opening = self._opening() | {"environment": dict(way.environment)}
        self.wire.send(bootstrap.package(**self._extras()))
        self.wire.tell(frames.OPEN, 0, opening)
        await self._greeted
        if self.wire.can_break:
            self._heartbeat.start()

    def take(self, pipes: Pipes, waiting: Waiting, *, with_group: bool) -> None:
        """Go on with an agent that waits, whose transport is a process that runs. It has not shown yet that it is still there."""
        self.wire.take(pipes, with_group=with_group)
        self.hello, self._folder = waiting.hello, waiting.hello.workfolder
        self.channels, self._takes_compiled = waiting.channels, waiting.takes_compiled
        self.is_attached = True
        self._greeted.set_result(None)
        self.tell(frames.PING, 0, {})  # the lease may be old
        self._heartbeat.start()

    def release(self) -> tuple[Pipes, Waiting] | None:
        """Close the link and leave its agent waiting: return what `take` wants. None if that is not possible; nothing has changed then."""
        if not self.is_attached or self.is_closed or self._terms.claim is not None or self._terms.outlive is not None:
            return None
        pipes = self.wire.release()
        if pipes is None:
            return None
        self._heartbeat.stop()
        self.is_closed = True
        self._let_go(CLOSED)
        return pipes, Waiting(self.hello, self.channels, self._takes_compiled)

    async def reopen(self) -> None:
        """Open the link once more in the same way, on a new wire. Raises as `open` does."""
        assert self._way is not None
        await self.wire.end(0)
        self._renew()
        await self.open(self._way)

    def _opening(self) -> dict[str, object]:
        terms = self._terms
        opening: dict[str, object] = {"token": os.urandom(8).hex(), "lease": terms.lease_s}
        if terms.claim is not None:
            opening["claim"] = terms.claim.facts()
        if terms.outlive is not None:
            opening |= {"lease": terms.outlive.lease_s, "outlive": self._folder}
        return opening

    def _extras(self) -> dict[str, bool]:
        """Return what the agent must be able to do from the start, as arguments of `bootstrap.package`."""
        return {"claiming": self._terms.claim is not None, "outliving": self._terms.outlive is not None}

    async def hang_up(self, within_s: float) -> None:
        """End the wire; its process has `within_s` to end by itself."""
        self._heartbeat.stop()
        try:
            await self.wire.end(within_s)
        finally:
            self._let_go(CLOSED)

    def lose(self, why: str) -> None:
        """Give contact up for good, for the reason given and with the last complaint of the wire's process."""
        self.detach()
        self.why = self._with_complaint(why)
        if not self.is_closed:
            self.lost.set()
        self._let_go(self.why)

    def give_up(self, why: str) -> None:
        """Lose a machine that is alive and does not do what every honest agent does."""
        self.gave_up = True
        self.lose(why)

    def detach(self) -> None:
        """Stop listening and beating; `reopen` may follow."""
        self.is_attached = False
        self.wire.abandon()
        self._heartbeat.stop()

    def _with_complaint(self, why: str) -> str:
        complaint = [line for line in self.wire.words.strip().splitlines() if not SHELLS_NOTE.fullmatch(line)]
        return f"{why}: {complaint[-1]}" if complaint and not why.endswith(complaint[-1]) else why

    def _let_go(self, why: str) -> None:
        self.is_attached = False
        self.why = self.why or why
        self._refuse_greeting(why)
        self._listener.lost(why)

    def _refuse_greeting(self, why: str) -> None:
        if not self._greeted.done():
            self._greeted.set_exception(MachineError(why))
            self._greeted.exception()  # there may be no one who waits for it

    # -- to the agent

    def tell(self, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        """Send a frame, and before it the modules that the agent needs to understand it; without contact the frame is dropped."""
        if not self.is_attached:
            return
        needed = bootstrap.NEEDED.get(kind)
        if needed is not None and needed not in self._brought:
            self._brought.add(needed)
            self.wire.tell(frames.MODULES, 0, {}, bootstrap.bundle(needed, compiled=self._takes_compiled))
        self.wire.tell(kind, channel, head, payload)

    @property
    def ends_with_us(self) -> bool:
        """Whether the machine stops all tasks when it no longer hears us, though we did not close the link."""
        return self._terms.outlive is None and not self.is_closed

    def new_channel(self) -> int:
        """Return the number of a channel that is not in use."""
        self.channels = self.channels % 0xFFFFFFFF + 1
        return self.channels

    def patience_s(self, within_s: float) -> float:
        """Return how long to wait for what an honest agent does within `within_s`, if the network is cut for a lease at most."""
        outlive_s = self._terms.outlive.lease_s if self._terms.outlive else 0.0
        return within_s + STUBBORN_S + self._terms.lease_s + outlive_s

    def machine_now_ns(self) -> int:
        """Return an estimate of what the machine's clock shows now."""
        return self._now() + self.offset_ns

    # -- from the agent

    def _receive(self, frame: Frame) -> None:
        if frame.channel > self.channels:
            raise ProtocolError(f"{frame} is about something that was never asked for")
        if frame.kind == frames.BROKEN:
            self._agent_broke(text_of(frame.head, "why"))
        elif self._greeted.done():
            self._listener.frame(frame)
        elif frame.kind == frames.HELLO:
            self._greet(frame)
        elif frame.kind == frames.SOURCE and self._takes_compiled:
            self._takes_compiled = False
            self.wire.send(bootstrap.sources(**self._extras()))
        else:
            raise ProtocolError(f"{frame} came before the greeting")

    def _greet(self, frame: Frame) -> None:
        hello = read_hello(frame.head)
        self._listener.hello(frame)
        self.hello, self._folder = hello, hello.workfolder
        self._brought.clear()
        self._takes_compiled = self._takes_compiled and hello.python.startswith(OUR_PYTHON)
        self.offset_ns = number_of(frame.head, "at") - self._now()
        self.is_attached = True
        self.wire.forget_words()
        self._greeted.set_result(None)

    def _agent_broke(self, why: str) -> None:
        why = f"the agent gave up: {why}"
        if self._greeted.done():
            self.lose(why)
        else:
            self._wire_broke(why)

    def _wire_broke(self, why: str) -> None:
        if not self._greeted.done():
            self.detach()
            self._refuse_greeting(self._with_complaint(why))
        elif self.is_closed:  # the agent ends when it is told to
            self.lose(CLOSED)
        elif self.is_attached:  # else the greeting was waited for too long
            self._listener.broken(why)

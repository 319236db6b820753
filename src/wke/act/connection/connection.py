"""The controller's end of a connection to one machine's agent: tasks in, records out.

What the agent sends is read as fast as it can be kept. Nonsense or silence of one machine ends its own connection only: its running tasks
end `lost`, and the guardian on the machine stops them there.
"""

import asyncio
from collections.abc import Callable, Mapping

from wke.act.connection.claim import Claim
from wke.act.connection.clock import Clock
from wke.act.connection.files import Files
from wke.act.connection.hello import Hello, Waiting
from wke.act.connection.link import Link, LinkListener, MakeWire, Terms, Way
from wke.act.connection.questions import Questions
from wke.act.connection.resumer import NoResumer, Resumer
from wke.act.connection.task import GRACE_S
from wke.act.connection.tasks import Tasks
from wke.act.connection.telemetry import Telemetry
from wke.act.connection.untrusted import Left, facts_of, left_of, text_of
from wke.act.connection.wire import Wire
from wke.act.pipes import Pipes
from wke.act.steadyclock import CLOCK
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.errors import MachineError
from wke.values import dataclass

ANSWER_S = 3.0  # beyond the grace, for an answer to come back
EXIT_S = 5.0
SILENT_EXIT_S = 1.0  # for a machine that does not answer any more
EXAMINE_S = 10.0
NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Trace:
    """What is left of a process that was to carry a connection: its words, its exit status (None if we ended it), whether it logged in."""

    words: str = ""
    status: int | None = None
    logged_in: bool = False


@dataclass(frozen=True, slots=True)
class PortAnswer:
    """Whether something answers on a port, and the name of a `stranger` that listens there: a process that no task of ours started."""

    answered: bool
    stranger: str = ""


class Connection:
    """A live connection to one machine. Made by `open_connection` (opening.py).

    Its parts are `tasks`, `files`, `clock` and `telemetry`; `questions` and `link` carry them. `lost` is set when contact is lost for good,
    and `why` then says how.
    """

    def __init__(
        self,
        machine: str,
        lease_s: float,
        claim: Claim | None = None,
        *,
        resumer: Resumer | None = None,
        make_wire: MakeWire = Wire,
        now: Callable[[], int] = CLOCK.now,
    ) -> None:
        self.machine = machine
        self._resumer = resumer = resumer or NoResumer()
        listener = LinkListener(resumer.hello, self._receive, self._broken, self._let_go)
        self.link = link = Link(machine, Terms(lease_s, claim, resumer.outlive), listener, now=now, make_wire=make_wire)
        self.questions = Questions(link)
        self.tasks = Tasks(link, self.questions, resumer.hand_over)
        self.files = Files(link)
        self.clock = Clock(link, self.questions, now)
        self.telemetry = Telemetry(link, self.questions)
        resumer.serve(link, self.questions, self.tasks, self.telemetry)
        self.handlers: Mapping[int, Callable[[Frame], None]] = {
            **self.tasks.handlers,
            **self.questions.handlers,
            **self.files.handlers,
            **self.clock.handlers,
            **self.telemetry.handlers,
            **resumer.handlers,
        }

    @property
    def hello(self) -> Hello:
        """Who and where the agent is."""
        return self.link.hello

    @property
    def lost(self) -> asyncio.Event:
        """Set when contact is lost for good."""
        return self.link.lost

    @property
    def why(self) -> str:
        """How contact was lost."""
        return self.link.why

    async def greet(self, way: Way) -> None:
        """Start the agent and wait for its greeting. Raises OSError, or MachineError when contact breaks off."""
        await self.link.open(way)

    def take(self, pipes: Pipes, waiting: Waiting) -> None:
        """Go on with an agent that waits behind ssh, in place of `greet`; `wake` tells whether it is still there."""
        self.link.take(pipes, waiting, with_group=True)

    async def wake(self, within_s: float) -> None:
        """Return when an agent that waited has answered. Raises MachineError if it does not within that time."""
        try:
            async with asyncio.timeout(within_s):
                self.link.offset_ns = (await self.clock.read(bool)).offset_ns
        except TimeoutError:
            raise MachineError(f"machine {self.machine}: {NO_ANSWER} within {within_s:g} s") from None

    async def leave(self) -> tuple[Left, tuple[Pipes, Waiting] | None]:
        """Stop everything, and close the connection but leave the agent waiting: return what tasks had left running, and what `take` wants.

        The latter is None if not all is well; the connection has to be closed then.
        """
        left = await self.tasks.clear(scripts=True)
        is_idle = self.files.is_idle and self.telemetry.is_idle and self.questions.is_idle and not self.tasks.running
        return left, None if left.survivors or not is_idle else self.link.release()

    async def close(self, grace_s: float = GRACE_S) -> Left:
        """Stop everything, end the agent and return what tasks had left running. Needs no contact and may be called again."""
        await self._resumer.finish()
        first, self.link.is_closed = not self.link.is_closed, True
        left = Left()
        patience_s = SILENT_EXIT_S
        try:
            if first and self.link.is_attached:
                farewell = self.questions.ask(frames.BYE, {"grace": grace_s}, channel=0)
                answer = await asyncio.wait_for(farewell, grace_s + self.tasks.longest_grace_s - GRACE_S + ANSWER_S)
                left, patience_s = left_of(answer.head), EXIT_S
        except (MachineError, TimeoutError):
            pass
        finally:
            await self.link.hang_up(patience_s)
        return left

    async def abort(self) -> Trace:
        """Give up on a connection that never came about; return what is left of the process that carried it."""
        self.link.is_closed = True
        wire = self.link.wire
        status, logged_in = wire.status, wire.input_was_taken
        await self.link.hang_up(0)
        return Trace(wire.words, status, logged_in)

    def pause(self) -> None:
        """Read no more until `resume`: tasks have to wait with their output, and their machine is not given up."""
        self.link.wire.pause()

    def resume(self) -> None:
        """Read on."""
        self.link.wire.resume()

    async def wait_port(self, port: int, address: str, within_s: float) -> bool:
        """Tell whether something listens on `port` of the machine, which has that `address`, within that time, as seen from the machine.

        Raises MachineError without contact.
        """
        return (await self.listener(port, address, within_s)).answered

    async def listener(self, port: int, address: str, within_s: float = 0) -> PortAnswer:
        """Tell as `wait_port` does whether something listens on a port, and whether it is a stranger; without a time, how it is now."""
        question: dict[str, object] = {"port": port, "address": address, "within": within_s}
        head = (await self.questions.ask(frames.WAIT_PORT, question, within_s=within_s)).head
        return PortAnswer(head.get("answered") is True, text_of(head, "stranger") if "stranger" in head else "")

    async def examine(self) -> dict[str, str]:
        """Have the machine read its fingerprint. Raises MachineError without contact."""
        return facts_of((await self.questions.ask(frames.EXAMINE, {}, within_s=EXAMINE_S)).head)

    # -- what the link calls

    def _receive(self, frame: Frame) -> None:
        """Pass on one frame; raise ProtocolError when an honest agent would not send it now."""
        handler = self.handlers.get(frame.kind)
        if handler is None:
            raise ProtocolError(f"{frame} is not for a controller")
        handler(frame)

    def _broken(self, why: str) -> None:
        if not self._resumer.resumes(why):
            self.link.lose(why)

    def _let_go(self, why: str) -> None:
        """End everything that still waits for this machine."""
        self.questions.lose(why)
        self.tasks.lose()
        self.files.lose(why)

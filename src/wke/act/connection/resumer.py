"""What happens to a connection when its wire breaks. By default it is lost; resumable.py attaches again."""

from collections.abc import Callable, Mapping
from typing import Protocol

from wke.act.connection.link import Link, Outlive
from wke.act.connection.questions import Questions
from wke.act.connection.task import RunningTask
from wke.act.connection.tasks import Order, Tasks
from wke.act.connection.telemetry import Telemetry
from wke.agent.protocol import Frame


class Resumer(Protocol):
    """Decides what becomes of a connection without its wire. `outlive` is asked of the agent; `handlers` are for frames of its own."""

    outlive: Outlive | None
    handlers: Mapping[int, Callable[[Frame], None]]

    def serve(self, link: Link, questions: Questions, tasks: Tasks, telemetry: Telemetry) -> None:
        """Be the resumer of the connection with these parts. Called once, first."""

    def hello(self, frame: Frame) -> None:
        """Take the agent's greeting, the first one or another; raise ProtocolError when it does not say what it has to."""

    async def hand_over(self, task: RunningTask, order: Order) -> None:
        """Give a new task to the machine by `order`, unless the machine has it already."""

    def resumes(self, why: str) -> bool:
        """Tell whether the connection goes on although its wire has broken, and see to it."""

    async def finish(self) -> None:
        """Get ready for the end of the connection: it is about to be closed."""


class NoResumer:
    """The ordinary case: tasks end with the connection, and the connection with its wire."""

    outlive: Outlive | None = None
    handlers: Mapping[int, Callable[[Frame], None]] = {}

    def serve(self, link: Link, questions: Questions, tasks: Tasks, telemetry: Telemetry) -> None:
        """Need none of them."""

    def hello(self, frame: Frame) -> None:
        """Expect nothing of it."""

    async def hand_over(self, task: RunningTask, order: Order) -> None:  # noqa: ARG002 - it knows no task of before
        """Order it."""
        await order(None)

    def resumes(self, why: str) -> bool:  # noqa: ARG002
        """Go on with nothing."""
        return False

    async def finish(self) -> None:
        """Have nothing to do."""

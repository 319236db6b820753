"""The files of a connection: copies to and from the machine, each on a channel of its own (see transfer.py)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wke.act.connection.link import Link
from wke.act.connection.task import RunningTask
from wke.agent import frames
from wke.agent.protocol import Frame, ProtocolError
from wke.errors import MachineError

if TYPE_CHECKING:
    from wke.act.connection.transfer import Channel, Copied, Digests, OnProgress, SharedSource

COPIES = (frames.OFFER, frames.HAVE, frames.DATA, frames.COMPLETE, frames.COPIED, frames.COPY_FAILED)


class Files:
    """Copies files and folders; where they land and what is kept of them, transfer.py says."""

    keeps = True
    """Whether the machine has the files that were sent to it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._copies: dict[int, Channel] = {}
        self.handlers: Mapping[int, Callable[[Frame], None]] = dict.fromkeys(COPIES, self._take)

    async def send(
        self, source: str | Path, destination: str, *, progress: "OnProgress | None" = None, shared: "SharedSource | None" = None
    ) -> "Copied":
        """Copy a file or a folder to the machine; what is there already is not sent again. Several machines have a `shared` source.

        Raises InputError for what is wrong here and MachineError for what is wrong there.
        """
        from wke.act.connection.transfer import SharedSource, send  # noqa: PLC0415 - takes long to import and is rarely wanted, here and below

        return await send(self._channel(), shared or SharedSource(source), destination, progress)

    async def receive(
        self, source: str, destination: str | Path, *, progress: "OnProgress | None" = None, digests: "Digests | None" = None
    ) -> "Copied":
        """Copy a file or a folder from the machine, in the same way as `send`."""
        from wke.act.connection.transfer import receive  # noqa: PLC0415

        return await receive(self._channel(), source, destination, progress, digests)

    async def fetch(self, task: RunningTask, destination: str | Path, only: Sequence[str]) -> "Copied":
        """Copy what matches the patterns `only` from the $WKE_DIR of a task into a folder; the task's spec must say that it is `kept`."""
        from wke.act.connection.transfer import receive  # noqa: PLC0415

        source = f"{self._link.hello.workfolder}/task-{task.channel}/."
        return await receive(self._channel(), source, f"{destination}/", only=only)

    @property
    def is_idle(self) -> bool:
        """True if no copy is under way."""
        return not self._copies

    def lose(self, why: str) -> None:
        """End all copies: contact is lost."""
        copies, self._copies = self._copies, {}
        for copy in copies.values():
            copy.lose(why)

    def _channel(self) -> "Channel":
        from wke.act.connection.transfer import Channel  # noqa: PLC0415

        link = self._link
        if link.is_closed or link.lost.is_set():
            raise MachineError(f"machine {link.machine}: {link.why or 'the connection is closed'}")
        link.wire.widen()
        number = link.new_channel()

        def tell(kind: int, head: dict[str, object], payload: bytes = b"") -> None:
            link.tell(kind, number, head, payload)

        self._copies[number] = channel = Channel(link.machine, tell, link.wire.drain)
        return channel

    def _take(self, frame: Frame) -> None:
        copy = self._copies.get(frame.channel)
        if copy is None:
            raise ProtocolError(f"{frame} is about a copy that was not asked for")
        if copy.take(frame):
            del self._copies[frame.channel]

"""A trunk: a socket from a tree to this computer. Behind it is one machine, with its own frames, or a relay with batches of many."""

import asyncio
import socket
from collections.abc import Callable

from wke.agent import frames
from wke.agent.batch import batched, unbatched
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode
from wke.values import dataclass

READ_SIZE = 1 << 18
MUCH = 1 << 20  # bytes that wait to be written: with more than this a writer should wait until there is
LITTLE = 1 << 16
OF_MACHINES = frames.CONTROLLER + frames.TREE


@dataclass(frozen=True, slots=True)
class TrunkListener:
    """Functions that a trunk calls from the event loop: for what a machine says, and once, with the reason, when the trunk has broken."""

    said: Callable[["Trunk", int, Frame], None]
    broken: Callable[["Trunk", str], None]


class Trunk:
    """Carries frames of machines to and from one node of the tree, whose machine is `number`. `machines` are those behind it.

    What is sent while the event loop does one round of its work leaves together. `writable` is set while the socket keeps up.
    """

    def __init__(self, channel: socket.socket, decoder: Decoder, number: int, *, relays: bool, listener: TrunkListener) -> None:
        self.number = number
        self.relays = relays
        self.machines = {number}
        self.writable = asyncio.Event()
        self.writable.set()
        self._channel = channel
        self._decoder = decoder
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._told: list[tuple[int, Frame]] = []
        self._pending = bytearray()
        self._pauses = 0
        self._is_open = True
        decoder.admit(OF_MACHINES)
        self._loop.add_reader(channel, self._read)
        self._hear(b"")

    # -- to the machines

    def tell(self, number: int, frame: Frame) -> None:
        """Send a frame to a machine, together with what others are sent soon. After the trunk has broken it is dropped."""
        if not self._told:
            self._loop.call_soon(self._send)
        self._told.append((number, frame))

    def _send(self) -> None:
        told, self._told = self._told, []
        if not self._is_open:
            return
        data = b"".join(batched(told) if self.relays else [encode(one.kind, one.channel, one.head, one.payload) for _, one in told])
        if not self._pending:
            data = data[self._written(data) :]
        if data and self._is_open:
            if not self._pending:
                self._loop.add_writer(self._channel, self._write_more)
            self._pending += data
            if len(self._pending) > MUCH:
                self.writable.clear()

    def _written(self, data: bytes | bytearray) -> int:
        try:
            return self._channel.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._break(error.strerror or str(error))
            return len(data)

    def _write_more(self) -> None:
        del self._pending[: self._written(self._pending)]
        if len(self._pending) <= LITTLE:
            self.writable.set()
        if not self._pending and self._is_open:
            self._loop.remove_writer(self._channel)

    # -- from the machines

    def pause(self) -> None:
        """Read no more until `resume` was called as often. Machines have to wait."""
        self._pauses += 1
        if self._pauses == 1 and self._is_open:
            self._loop.remove_reader(self._channel)

    def resume(self) -> None:
        """Take back one `pause`."""
        self._pauses -= 1
        if not self._pauses and self._is_open:
            self._loop.add_reader(self._channel, self._read)

    def _read(self) -> None:
        try:
            data = self._channel.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error.strerror or str(error))
            return
        if data:
            self._hear(data)
        else:
            self._break("it was closed there")

    def _hear(self, data: bytes) -> None:
        try:
            for frame in self._decoder.frames(data):
                if not self._is_open:
                    return
                if not self.relays:
                    self._listener.said(self, self.number, frame)
                elif frame.kind == frames.BATCH:
                    for number, one in unbatched(frame, OF_MACHINES):
                        self._listener.said(self, number, one)
                else:
                    raise ProtocolError(f"{frame} does not come from a relay")  # noqa: TRY301
        except ProtocolError as error:
            self._break(f"something came that makes no sense: {error}")

    # -- the end

    def close(self) -> None:
        """Send and read no more; what is behind the trunk ends by itself."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
            self._channel.close()
            self.writable.set()

    def _break(self, why: str) -> None:
        if self._is_open:
            self.close()
            self._listener.broken(self, why)

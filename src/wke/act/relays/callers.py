"""Those who dial a tree: each is let in if it knows the secret, and is a caller until it has its seat."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from wke.agent import frames
from wke.agent.handshake import Admission, prepare
from wke.agent.protocol import Decoder, ProtocolError
from wke.values import dataclass

ADMIT_S = 20.0
PAUSE_S = 0.1
ACCEPTED_AT_ONCE = 64
READ_SIZE = 1 << 12


@dataclass(frozen=True, slots=True)
class CallerListener:
    """Functions that are called from the event loop: when a caller has introduced itself, and when it is no caller any more.

    `introduced` raises ProtocolError for a stranger.
    """

    introduced: Callable[["Caller", Mapping[str, object]], None]
    gone: Callable[["Caller"], None]


class Caller:
    """A socket whose other end has not its seat yet. `number` is the machine, once the caller has introduced itself."""

    def __init__(self, channel: socket.socket, secret: bytes, listener: CallerListener) -> None:
        self.number: int | None = None
        self.is_here = True
        self.channel = channel
        self.decoder = Decoder(frames.TREE)
        self._listener = listener
        self._admission = Admission(secret)
        self._loop = asyncio.get_running_loop()
        channel.setblocking(False)
        with suppress(OSError):  # it has gone already, which reading tells
            prepare(channel)
        self._handle = channel.fileno()  # which the loop looks up faster than a socket
        self._loop.add_reader(self._handle, self._hear)
        self._timer = self._loop.call_later(ADMIT_S, self.dismiss)
        self.say(self._admission.challenge)

    def say(self, data: bytes) -> None:
        """Send a few bytes, for which there is room as long as a caller is honest; else it is dismissed."""
        try:
            is_sent = self.channel.send(data) == len(data)
        except OSError:  # it has gone
            is_sent = False
        if not is_sent:
            self.dismiss()

    def wait(self, within_s: float, function: Callable[[], None]) -> None:
        """Call a function after that time unless the caller has been seated, or has gone."""
        self._timer.cancel()
        self._timer = self._loop.call_later(within_s, function)

    def rest(self) -> None:
        """Wait for as long as it takes."""
        self._timer.cancel()

    def release(self) -> None:
        """Listen no more: it is no caller any longer."""
        self.is_here = False
        self._timer.cancel()
        self._loop.remove_reader(self._handle)
        self._listener.gone(self)

    def dismiss(self) -> None:
        """Close the socket. May be called again."""
        if self.is_here:
            self.release()
            self.channel.close()

    def _hear(self) -> None:
        try:
            data = self.channel.recv(READ_SIZE)
            if not data:  # it is with its relay, or has gone
                self.dismiss()
                return
            if not self._admission.done:
                self.say(self._admission.take(data))
                data = self._admission.rest if self._admission.done else b""
            for frame in self.decoder.frames(data):
                if frame.kind != frames.NODE:
                    raise ProtocolError(f"{frame} is no introduction")  # noqa: TRY301
                self._listener.introduced(self, frame.head)
                return  # what follows is for whoever has the decoder then
        except BlockingIOError:
            pass
        except (ProtocolError, OSError):  # a stranger, or it has gone: then it is missed as one that never came
            self.dismiss()
        except Exception:
            self.dismiss()
            raise


class Door:
    """Accepts callers at a listening socket until it is closed, which dismisses those that are still callers."""

    def __init__(self, listener: socket.socket, secret: bytes, introduced: Callable[[Caller, Mapping[str, object]], None]) -> None:
        self._socket = listener
        self._secret = secret
        self._callers: set[Caller] = set()
        self._listener = CallerListener(introduced, self._callers.discard)
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._open()

    def close(self) -> None:
        """Accept no one any more: machines that dial once more shall find no one."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for caller in list(self._callers):
            caller.dismiss()

    def _open(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                channel, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:  # it has gone already, or too many files are open
                self._loop.remove_reader(self._socket)
                self._pause = self._loop.call_later(PAUSE_S, self._open)
                return
            caller = Caller(channel, self._secret, self._listener)
            if caller.is_here:
                self._callers.add(caller)

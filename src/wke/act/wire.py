"""The process that carries a connection's bytes: frames go in and come out, its complaints are kept for the diagnosis."""

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from wke.act.foreign import shown
from wke.agent.protocol import Decoder, Frame, ProtocolError

MAX_HEAD = 1 << 20
NOISE = 1 << 16  # what a machine's shell start-up files may print before the agent speaks
KEPT_WORDS = 1 << 13
PIPE_SIZE = 1 << 16  # what the kernel gives
WIDE_SIZE = 1 << 18  # for a machine that fills that
KEPT_MEMORY = 4 << 20
LAST_WORDS_S = 1.0  # from the end of the output to the end of the process, which may have a complaint
KILL_S = 2.0


class Wire(asyncio.SubprocessProtocol):
    """Calls `receive(frame)` for what comes and `broken(why)` once when no more will; never both for the same bytes."""

    def __init__(self, receive: Callable[[Frame], None], broken: Callable[[str], None]) -> None:
        self._receive = receive
        self._broken: Callable[[str], None] | None = broken
        self._decoder = Decoder(max_head=MAX_HEAD, noise=NOISE)
        self._words = b""
        self._loop = asyncio.get_running_loop()
        self._process: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._exited = asyncio.Event()
        self._wide = False
        self._writable = asyncio.Event()
        self._writable.set()
        self.heard_at = self._loop.time()

    async def start(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the process, out of reach of the terminal's signals. Raises OSError."""
        await self._loop.subprocess_exec(lambda: self, *argv, env=environment, start_new_session=True)

    @property
    def words(self) -> str:
        """The end of what the process wrote to its standard error, and what came instead of frames."""
        return "\n".join(map(shown, (self._decoder.heard + self._words).decode("utf-8", "replace").splitlines()))

    # -- to the machine

    def send(self, data: bytes) -> None:
        """Send bytes, or drop them when nobody takes them any more (`broken` tells)."""
        if self._input is not None and not self._input.is_closing():
            self._input.write(data)

    async def drain(self) -> None:
        """Return when the process has taken nearly all that was sent."""
        await self._writable.wait()

    def widen(self) -> None:
        """Get ready for much: a larger pipe from the machine wakes us less often."""
        output = self._process.get_pipe_transport(1) if self._process else None
        if output is not None and not self._wide:
            self._wide = True
            _keep_memory()
            with contextlib.suppress(OSError):  # the user has too many large ones
                fcntl.fcntl(output.get_extra_info("pipe").fileno(), fcntl.F_SETPIPE_SZ, WIDE_SIZE)

    async def end(self, within_s: float) -> None:
        """Close the input and wait for the process; kill it when that takes too long or somebody cancels.

        The machine does not need it: that the input is closed is what the agent there goes by.
        """
        self._broken = None
        if self._process is None:
            return
        if self._input is not None:
            self._input.close()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), within_s)
        finally:
            await self._kill()

    def abandon(self) -> None:
        """Hear and say no more; the process is asked to end."""
        self._broken = None
        self._writable.set()  # who waits for room learns what happened elsewhere
        if self._process is not None:
            if self._input is not None:
                self._input.close()
            for number in (1, 2):
                pipe = self._process.get_pipe_transport(number)
                if pipe is not None:
                    pipe.close()
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    async def _kill(self) -> None:
        assert self._process is not None
        if not self._exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), KILL_S)
        if self._input is not None and self._input.get_write_buffer_size():
            self._input.abort()  # closing waits for what nobody reads any more
        self._process.close()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the process."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._process = transport
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        self._input = pipe

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Hand on the frames that are complete; keep complaints."""
        if fd == 2:
            self._words = (self._words + data)[-KEPT_WORDS:]
        if fd == 2 or self._broken is None:
            return
        self.heard_at = self._loop.time()
        if len(data) == PIPE_SIZE:
            self.widen()
        try:
            for frame in self._decoder.frames(data):
                if self._broken is None:
                    return
                self._receive(frame)
        except ProtocolError as error:
            self._break(f"what it says makes no sense: {error}")
        except Exception as error:
            self._break(f"a mistake of ours: {error!r}")
            raise

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Wait a moment for the last complaint when the output has ended."""
        if fd == 1:
            self._loop.call_later(0 if self._exited.is_set() else LAST_WORDS_S, self._ended)

    def process_exited(self) -> None:
        """Note that it is over; the output may hold more, or be held open by others."""
        self._exited.set()
        output = self._process.get_pipe_transport(1) if self._process else None
        if output is None or output.is_closing():
            self._ended()
        else:
            self._loop.call_later(LAST_WORDS_S, self._ended_silently)

    def pause_writing(self) -> None:
        """Note that the process is behind."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        self._writable.set()

    def _ended_silently(self) -> None:
        if self._loop.time() - self.heard_at < LAST_WORDS_S:
            self._loop.call_later(LAST_WORDS_S, self._ended_silently)
        else:
            self._ended()

    def _ended(self) -> None:
        status = self._process.get_returncode() if self._process else None
        self._break("the connection ended" if not status else f"the connection ended with status {status}")

    def _break(self, why: str) -> None:
        broken, self._broken = self._broken, None
        self._writable.set()
        if broken is not None:
            broken(why)


@cache
def _keep_memory() -> None:
    """Have the GNU C library keep what reads need: it does after more was freed once. Page faults cost more than the reads."""
    bytes(KEPT_MEMORY)

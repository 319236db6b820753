"""The process that carries a connection's bytes: frames go in and come out; what it complains of is kept for the diagnosis."""

import asyncio
import os
import signal
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from wke.act.connection.pipedprocess import Listener, PipedProcess
from wke.act.connection.untrusted import shown
from wke.act.interrupt import wait_until_set
from wke.act.pipes import Pipes, spawn
from wke.agent import frames
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode

MAX_HEAD = 1 << 20
NOISE = 1 << 16  # what a machine's shell start-up files may print before the agent speaks
KEPT_WORDS = 1 << 13
PIPE_SIZE = 1 << 16  # what the kernel gives
WIDE_SIZES = (1 << 20, 1 << 18)  # for a machine that fills that: the first for some of them, if the user may have it
MOST_WIDEST = 16  # Linux makes all new pipes of a user small who has more than 64 MiB in pipes
KEPT_MEMORY = 4 << 20
LAST_WORDS_S = 1.0  # from the end of the output to the end of the process, which may have a complaint
KILL_S = 2.0

_widest: "weakref.WeakSet[Wire]" = weakref.WeakSet()


class Wire:
    """Calls `receive(frame)` for each frame that comes, and `broken(why)` once when no more will come; never both for the same bytes.

    `pid` is its process once that is started. A wire that cannot break needs no heartbeat.
    """

    can_break = True
    relay: int | None = None  # what carries the frames of several machines, if that can read their clocks for us

    def __init__(self, receive: Callable[[Frame], None], broken: Callable[[str], None]) -> None:
        self._receive = receive
        self._broken: Callable[[str], None] | None = broken
        self._decoder = Decoder(frames.CONTROLLER, MAX_HEAD, NOISE)
        self._words = b""
        self._loop = asyncio.get_running_loop()
        self._process: PipedProcess | None = None
        self.pid: int | None = None
        self._wide = False
        self._heard_at = self._loop.time()
        self._paused_at: float | None = None
        self._paused_s = 0.0

    def start(self, argv: list[str], environment: Mapping[bytes, bytes] | None = None, *, with_group: bool = False) -> None:
        """Start the process; with its group, processes that it starts itself are ended with it. Raises OSError."""
        self.take(spawn(argv, os.environb if environment is None else environment), with_group=with_group)

    def take(self, pipes: Pipes, *, with_group: bool = False) -> None:
        """Carry bytes by a process that runs already."""
        listener = Listener(self._hear, self._complain, self._output_ended, self._exited)
        self._process = PipedProcess(pipes, listener, with_group=with_group)
        self.pid = pipes.pid

    def release(self) -> Pipes | None:
        """Let go of the process between two frames, and return its pipes; None if that is not possible now, and nothing has changed."""
        if self._process is None or self._broken is None or not self._decoder.is_between_frames:
            return None
        pipes = self._process.release()
        if pipes is not None:
            self._process = self._broken = None
        return pipes

    @property
    def words(self) -> str:
        """The end of what the process wrote to its standard error, after what came instead of frames."""
        said = self._decoder.noise, self._words
        return "\n".join(shown(line) for part in said for line in part.decode("utf-8", "replace").splitlines())

    def forget_words(self) -> None:
        """Forget what was said so far, by start-up files perhaps: it is no reason for what happens later."""
        self._words = b""

    @property
    def status(self) -> int | None:
        """The exit status of the process; None while it runs."""
        return self._process.status if self._process is not None else None

    @property
    def input_was_taken(self) -> bool:
        """True if the process has read something: ssh does so as soon as it has logged in."""
        return self._process is not None and self._process.input_was_taken

    @property
    def heard_at(self) -> float:
        """When the machine last gave a sign of life, as far as we know; now while we do not listen."""
        return self._heard_at if self._paused_at is None else self._loop.time()

    @property
    def paused_s(self) -> float:
        """How long we did not listen, in all."""
        return self._paused_s + (0.0 if self._paused_at is None else self._loop.time() - self._paused_at)

    def pause(self) -> None:
        """Read no more from the machine, which then has to wait, until `resume`. Sending goes on."""
        if self._process is not None and self._paused_at is None:
            self._paused_at = self._loop.time()
            self._process.pause()

    def resume(self) -> None:
        """Read on."""
        if self._process is not None and self._paused_at is not None:
            self._paused_s, self._paused_at, self._heard_at = self.paused_s, None, self._loop.time()
            self._process.resume()

    # -- to the machine

    def send(self, data: bytes) -> None:
        """Send bytes; they are dropped when the process takes no more (`broken` tells)."""
        if self._process is not None:
            self._process.write(data)

    def tell(self, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        """Send a frame, or drop it as `send` does."""
        self.send(encode(kind, channel, head, payload))

    async def drain(self) -> None:
        """Return when the process has taken nearly everything that was sent."""
        if self._process is not None:
            await self._process.writable.wait()

    @property
    def has_room(self) -> bool:
        """True if `drain` would return at once."""
        return self._process is None or self._process.writable.is_set()

    def widen(self) -> None:
        """Get ready for much output: a larger pipe from the machine wakes us less often, and more is read at once."""
        if self._process is not None and not self._wide:
            self._wide = True
            _keep_memory()
            if len(_widest) < MOST_WIDEST:
                _widest.add(self)
            self._process.widen(WIDE_SIZES if self in _widest else WIDE_SIZES[1:])

    async def end(self, within_s: float) -> None:
        """Close the input and wait for the process; kill it when that takes too long or the wait is cancelled.

        The agent does not depend on the kill: it goes by the end of its input.
        """
        self._broken = None
        if self._process is None:
            return
        self._process.close_input()
        try:
            await wait_until_set(self._process.exited, within_s)
        finally:
            try:
                self._process.send_signal(signal.SIGKILL)
                await wait_until_set(self._process.exited, KILL_S)
            finally:
                self._process.close()

    def abandon(self) -> None:
        """Stop listening and sending; the process is asked to end."""
        self._broken = None
        if self._process is not None:
            self._process.close()
            self._process.send_signal(signal.SIGTERM)

    # -- from the machine

    def _hear(self, data: bytes) -> None:
        """Pass on the frames that are complete."""
        if self._broken is None:
            return
        if len(data) == PIPE_SIZE:
            self.widen()
        self._hand_on(self._decoder.frames(data))

    def _hand_on(self, arrived: Iterable[Frame]) -> None:
        """Pass on frames, which are a sign of life."""
        self._heard_at = self._loop.time()
        try:
            for frame in arrived:
                if self._broken is None:
                    return
                self._receive(frame)
        except ProtocolError as error:
            self._break(f"the machine sent something that makes no sense: {error}")
        except Exception as error:
            self._break(f"an error in wke: {error!r}")
            raise

    def _complain(self, data: bytes) -> None:
        self._words = (self._words + data)[-KEPT_WORDS:]

    def _output_ended(self) -> None:
        """Wait a moment for the last complaint after the output has ended."""
        assert self._process is not None
        self._loop.call_later(0 if self._process.exited.is_set() else LAST_WORDS_S, self._ended)

    def _exited(self) -> None:
        """End the wire soon; the output may hold more, or be held open by other processes."""
        assert self._process is not None
        if self._process.output_is_open:
            self._loop.call_later(LAST_WORDS_S, self._ended_silently)
        else:
            self._loop.call_soon(self._ended)  # after its last complaint

    def _ended_silently(self) -> None:
        if self._loop.time() - self.heard_at < LAST_WORDS_S:
            self._loop.call_later(LAST_WORDS_S, self._ended_silently)
        else:
            self._ended()

    def _ended(self) -> None:
        status = self.status
        self._break("the connection ended" if not status else f"the connection ended with status {status}")

    def _break(self, why: str) -> None:
        broken, self._broken = self._broken, None
        if self._process is not None:
            self._process.writable.set()  # a task that waits for room learns elsewhere what happened
        if broken is not None:
            broken(why)


@cache
def _keep_memory() -> None:
    """Make the GNU C library keep the memory that reads need, by freeing more than that once: page faults cost more than the reads."""
    bytes(KEPT_MEMORY)

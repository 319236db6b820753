"""A process whose standard input, output and error lead to our event loop.

It does much less than asyncio's own, which takes three transports, a dozen callbacks and (before Python 3.12) a thread per process: where a
thousand ssh clients are started, that is most of the work.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import termios
import threading
from collections.abc import Callable, Mapping
from functools import partial

from wke.values import dataclass

READ_SIZE = 1 << 18
MUCH = 1 << 16  # bytes that wait to be written: with more than this a writer should wait until there is
LITTLE = 1 << 14
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that are called from the event loop: for output, for standard error, at the end of output, and at the exit."""

    output: Callable[[bytes], None]
    complaint: Callable[[bytes], None]
    output_ended: Callable[[], None]
    exited: Callable[[], None]


class PipedProcess:
    """A process in a session of its own, out of reach of the terminal's signals. Raises OSError when it cannot be started.

    It is reaped when it ends; `status` is None until then. With its group, signals go to the processes that it starts itself, too.
    """

    def __init__(
        self, argv: list[str], listener: Listener, environment: Mapping[bytes, bytes] | None = None, *, with_group: bool = False
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._signal = os.killpg if with_group else os.kill
        self._listener = listener
        self._pid, ours, output, complaints = _spawn(argv, os.environb if environment is None else environment)
        self._status: int | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.exited = asyncio.Event()
        self._pending = bytearray()
        self._input: socket.socket | None = ours
        ours.setblocking(False)
        self._closing = False
        self._outputs: dict[int, int | None] = {1: output, 2: complaints}
        self._paused = False
        self._hear(1, listener.output, listener.output_ended)
        self._hear(2, listener.complaint, _nothing)
        self._await_exit()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    @property
    def status(self) -> int | None:
        """Its exit status, or the number of the signal that ended it as a negative one."""
        return self._status

    @property
    def output_is_open(self) -> bool:
        """True until its output has ended or was closed."""
        return self._outputs[1] is not None

    @property
    def input_was_taken(self) -> bool:
        """True if it has read all that was written to it so far, or will read no more."""
        if self._input is None:
            return True
        waiting = fcntl.ioctl(self._input, termios.TIOCOUTQ, bytes(4))
        return not self._pending and not any(waiting)

    def widen(self, size: int) -> None:
        """Make its output pipe hold that many bytes; nothing happens if the user has too many large pipes already."""
        if self._outputs[1] is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._outputs[1], fcntl.F_SETPIPE_SZ, size)

    # -- input

    def write(self, data: bytes) -> None:
        """Write, now or when there is room; bytes that are no longer read are dropped."""
        if self._input is None or self._closing:
            return
        if not self._pending:
            data = data[self._written(data) :]
        if data and self._input is not None:
            if not self._pending:
                self._loop.add_writer(self._input, self._write_more)
            self._pending += data
            if len(self._pending) > MUCH:
                self.writable.clear()

    def close_input(self) -> None:
        """End its input when all is written."""
        self._closing = True
        if not self._pending:
            self._drop_input()

    def _written(self, data: bytes | bytearray) -> int:
        """Write what can be written now and return how much that was."""
        try:
            return self._input.send(data) if self._input is not None else len(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._drop_input()
            return len(data)

    def _write_more(self) -> None:
        del self._pending[: self._written(self._pending)]
        if len(self._pending) <= LITTLE:
            self.writable.set()
        if not self._pending and self._input is not None:
            self._loop.remove_writer(self._input)
            if self._closing:
                self._drop_input()

    def _drop_input(self) -> None:
        if self._input is not None:
            self._loop.remove_writer(self._input)
            self._input.close()
            self._input = None
            self._pending.clear()
        self.writable.set()

    # -- output

    def _hear(self, number: int, hear: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        stream = self._outputs[number]
        assert stream is not None
        self._loop.add_reader(stream, self._read, number, hear, ended)

    def _read(self, number: int, hear: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        stream = self._outputs[number]
        if stream is None:
            return
        try:
            data = os.read(stream, READ_SIZE)
        except BlockingIOError:
            return
        if data:
            hear(data)
        else:
            self._drop_output(number)
            ended()

    def pause(self) -> None:
        """Leave its output where it is, so that it has to wait when the pipe is full."""
        if self._outputs[1] is not None and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._outputs[1])

    def resume(self) -> None:
        """Read its output again."""
        if self._outputs[1] is not None and self._paused:
            self._loop.add_reader(self._outputs[1], self._read, 1, self._listener.output, self._listener.output_ended)
        self._paused = False

    def _drop_output(self, number: int) -> None:
        stream, self._outputs[number] = self._outputs[number], None
        if stream is not None:
            self._loop.remove_reader(stream)
            os.close(stream)

    # -- the end

    def close(self) -> None:
        """Stop reading and writing."""
        self._drop_input()
        self._drop_output(1)
        self._drop_output(2)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        if not self.exited.is_set():
            self._signal(self._pid, number)  # the pid is still its own, because only we reap it

    def _await_exit(self) -> None:
        try:
            handle = os.pidfd_open(self._pid)
        except (OSError, AttributeError):  # a kernel before 5.3
            threading.Thread(target=self._wait, daemon=True).start()
        else:
            self._loop.add_reader(handle, partial(self._ended, handle))

    def _wait(self) -> None:
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self, handle: int | None = None) -> None:
        if handle is not None:
            self._loop.remove_reader(handle)
            os.close(handle)
        try:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:  # the program that uses us as a library ignores SIGCHLD
            self._status = 0
        self.exited.set()
        self._listener.exited()


def _spawn(argv: list[str], environment: Mapping[bytes, bytes]) -> tuple[int, socket.socket, int, int]:
    """Start a process; return its id, what leads to its input, and what comes from its output and its error. Raises OSError.

    A tenth of what subprocess.Popen takes. Nothing else of ours is inheritable, so there is nothing to close.
    """
    ours, theirs = socket.socketpair()
    output, their_output = os.pipe2(os.O_CLOEXEC)
    complaints, their_complaints = os.pipe2(os.O_CLOEXEC)
    handles = (theirs.fileno(), their_output, their_complaints)
    actions = [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(handles)]
    try:
        pid = os.posix_spawnp(argv[0], argv, environment, file_actions=actions, setsid=True, setsigdef=RESTORED)
    except BaseException:
        ours.close()
        os.close(output)
        os.close(complaints)
        raise
    finally:
        theirs.close()
        os.close(their_output)
        os.close(their_complaints)
    os.set_blocking(output, False)
    os.set_blocking(complaints, False)
    return pid, ours, output, complaints


def _nothing() -> None:
    """Do nothing about complaints that end."""

"""A process whose standard input, output and error lead to our event loop.

It does much less than asyncio's own, which takes three transports, a dozen callbacks and (before Python 3.12) a thread per process: where a
thousand ssh clients are started, that is most of the work.
"""

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import socket
import termios
import threading
from collections.abc import Callable, Sequence
from typing import cast

from wke.act.pipes import Pipes
from wke.values import dataclass

READ_SIZE = 1 << 16  # what a pipe holds that was not widened
MUCH = 1 << 16  # bytes that wait to be written: with more than this a writer should wait until there is
LITTLE = 1 << 14
FILL_S = 0.001  # in which a fast machine fills a wide pipe


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that are called from the event loop: for output, for standard error, at the end of output, and at the exit."""

    output: Callable[[bytes], None]
    complaint: Callable[[bytes], None]
    output_ended: Callable[[], None]
    exited: Callable[[], None]


class PipedProcess:
    """A process that was started (`pipes`), from now on served by the event loop.

    It is reaped when it ends; `status` is None until then, and 0 at the end of a process that is not our child. With its group, signals go
    to the processes that it starts itself, too.
    """

    def __init__(self, pipes: Pipes, listener: Listener, *, with_group: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._with_group = with_group
        self._listener = listener
        self._pid, self._handle, self._is_child = pipes.pid, pipes.handle, pipes.is_child
        self._status: int | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.exited = asyncio.Event()
        self._pending = bytearray()
        self._input: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, pipes.input)
        self._closing = False
        self._outputs: dict[int, int | None] = {1: pipes.output, 2: pipes.complaints}
        self._paused = False
        self._read_size = READ_SIZE
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

    def widen(self, sizes: Sequence[int]) -> None:
        """Make its output pipe hold as many bytes as the first of these sizes that the user may have, and read as many at once."""
        stream = self._outputs[1]
        for size in sizes if stream is not None else ():
            with contextlib.suppress(OSError):
                self._read_size = fcntl.fcntl(cast("int", stream), fcntl.F_SETPIPE_SZ, size)
                return

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
            data = os.read(stream, self._read_size)
        except BlockingIOError:
            return
        if data:
            if number == 1 and MUCH <= len(data) < self._read_size // 2:
                self._let_fill()
            hear(data)
        else:
            self._drop_output(number)
            ended()

    def _let_fill(self) -> None:
        """Leave a wide pipe alone for a moment: few large reads take much less than many small ones, and much is on its way."""
        stream = self._outputs[1]
        assert stream is not None
        self._loop.remove_reader(stream)
        self._loop.call_later(FILL_S, self._hear_again)

    def _hear_again(self) -> None:
        if self._outputs[1] is not None and not self._paused:
            self._loop.add_reader(self._outputs[1], self._read, 1, self._listener.output, self._listener.output_ended)

    def pause(self) -> None:
        """Leave its output where it is, so that it has to wait when the pipe is full."""
        if self._outputs[1] is not None and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._outputs[1])

    def resume(self) -> None:
        """Read its output again."""
        if self._paused:
            self._paused = False
            self._hear_again()

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

    def release(self) -> Pipes | None:
        """Stop serving the process and return its pipes, from which nothing is lost; None if that is not possible now."""
        output, complaints = self._outputs[1], self._outputs[2]
        if self._input is None or output is None or complaints is None or self._handle is None:
            return None
        if self._pending or self._closing or self._paused or self.exited.is_set():
            return None
        for stream in (output, complaints, self._handle):
            self._loop.remove_reader(stream)
        pipes = Pipes(self._pid, self._input.detach(), output, complaints, self._handle, is_child=self._is_child)
        self._input, self._outputs, self._handle = None, {1: None, 2: None}, None
        return pipes

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.exited.is_set() or not (self._is_child or self._lives()):
            return
        (os.killpg if self._with_group else os.kill)(self._pid, number)  # the pid is still its own: we reap it, or have just seen it alive

    def _lives(self) -> bool:
        poll = select.poll()
        poll.register(cast("int", self._handle), select.POLLIN)
        return not poll.poll(0)

    def _await_exit(self) -> None:
        if self._handle is None:  # a kernel before 5.3
            threading.Thread(target=self._wait, daemon=True).start()
        else:
            self._loop.add_reader(self._handle, self._ended)

    def _wait(self) -> None:
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        if self._handle is not None:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None
        try:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:  # another command has started it; or the program that uses us as a library ignores SIGCHLD
            self._status = 0
        self.exited.set()
        self._listener.exited()


def _nothing() -> None:
    """Do nothing about complaints that end."""

"""Non-blocking stdout and stderr for a command that holds machines: a reader that stops reading must not stop the machines.

A write to a full pipe, or to a stopped terminal (Ctrl-S), would block the whole event loop including heartbeats, until the machines' leases
run out and their tasks are ended. So writes to stdout and stderr do not block. Data that they do not take is buffered here in order. The
producer is asked to pause, and to resume once everything is written, so the buffer never holds more than was already on its way.

For this, stdout and stderr are opened again: blocking is a property of an open file, and ours are shared with other programs. Regular files
are written as usual.
"""

import asyncio
import contextlib
import fcntl
import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar, cast

T = TypeVar("T")
PIPE_SIZE = 1 << 20  # a large pipe wakes us less often


class NonblockingOutput:
    """Replaces sys.stdout and sys.stderr inside a `with` block; leaving it writes everything that was not dropped."""

    def __init__(self) -> None:
        self._pause: Callable[[], None] = _nothing
        self._resume: Callable[[], None] = _nothing
        self._kept: deque[tuple[int, memoryview]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: int | None = None
        self._drops = False
        self._error: OSError | None = None
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for name in ("stdout", "stderr"):
            stream: TextIO | None = getattr(sys, name)
            if stream is None:  # closed
                continue
            stream.flush()
            number = _opened_anew(stream)
            if number is not None:
                self._undo.callback(os.close, number)
                self._undo.callback(setattr, sys, name, stream)
                setattr(sys, name, cast("TextIO", _Face(self, stream, number)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._undo:
            self._write_the_rest()

    async def through(self, work: Coroutine[object, object, T], *, pause: Callable[[], None], resume: Callable[[], None]) -> T:
        """Do the work and pause it while the output is not read; when it is cancelled, drop output that is not read."""
        self._pause, self._resume, self._loop = pause, resume, asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._drops = True
            self._kept.clear()
            self._watch()
            self._resume()
            task.cancel()
            return await task
        finally:
            if self._watched is not None:
                self._loop.remove_writer(self._watched)
            self._loop = self._watched = None

    def send(self, number: int, data: bytes) -> None:
        """Write to a descriptor, now or as soon as it takes more. Raises OSError when its reader has gone."""
        if self._error is not None:
            raise self._error
        rest = memoryview(data)
        if not self._kept:
            rest = rest[_written(number, rest) :]
        if not rest or self._drops:
            return
        self._kept.append((number, rest))
        if self._loop is None:
            self._write_the_rest()
        elif self._watched is None:
            self._pause()
            self._watch()

    def _write_more(self) -> None:
        """Write as much of the buffer as possible without blocking; resume the producer when it is empty."""
        try:
            while self._kept:
                number, data = self._kept.popleft()
                size = _written(number, data)
                if size < len(data):
                    self._kept.appendleft((number, data[size:]))
                    break
        except OSError as error:
            self._error = error
            self._kept.clear()
        self._watch()
        if not self._kept:
            self._resume()

    def _watch(self) -> None:
        """Have the event loop call us when the first buffered data can be written."""
        wanted = self._kept[0][0] if self._kept else None
        if self._loop is None or wanted == self._watched:
            return
        if self._watched is not None:
            self._loop.remove_writer(self._watched)
        if wanted is not None:
            self._loop.add_writer(wanted, self._write_more)
        self._watched = wanted

    def _write_the_rest(self) -> None:
        """Write the whole buffer, blocking: no machine is held any more."""
        if self._error is not None:
            raise self._error
        while self._kept:
            number, data = self._kept.popleft()
            while data:
                poll = select.poll()
                poll.register(number, select.POLLOUT)
                poll.poll()
                data = data[_written(number, data) :]


class _Face:
    """Stands in for a text stream that `print` and `write` use."""

    def __init__(self, outlet: NonblockingOutput, stream: TextIO, number: int) -> None:
        self._outlet = outlet
        self._stream = stream
        self._number = number

    def write(self, text: str) -> int:
        self._outlet.send(self._number, text.encode(self._stream.encoding, self._stream.errors or "strict"))
        return len(text)

    def flush(self) -> None:
        """Do nothing: all that can be written is written at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _nothing() -> None:
    """Do nothing: there is no producer to pause."""


def _written(number: int, data: memoryview) -> int:
    """Write as much as possible without blocking; return how many bytes."""
    try:
        return os.write(number, data)
    except BlockingIOError:
        return 0


def _opened_anew(stream: TextIO) -> int | None:
    """Return a new non-blocking descriptor for the file behind a stream; None where that is impossible or not needed."""
    try:
        kind = os.fstat(stream.fileno()).st_mode
        if not (stat.S_ISFIFO(kind) or stat.S_ISCHR(kind)):
            return None
        number = os.open(f"/proc/self/fd/{stream.fileno()}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):  # not a file, as in tests; or another user's pipe
        return None
    with contextlib.suppress(OSError):  # not a pipe, or the user has too many large ones
        fcntl.fcntl(number, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    return number

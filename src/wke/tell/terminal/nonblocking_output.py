"""Where a command's words go out while it holds machines: its reader may stop reading, and machines must not have to wait for that.

A write to a pipe that is full, or to a terminal that is stopped (Ctrl-S), would stop the whole event loop, heartbeats included, until the
machines' leases run out and their tasks are ended. So stdout and stderr are written without waiting. What they do not take is kept here, in
order; whoever brings more is asked to pause, and to go on when all is written. What is kept is therefore no more than was on its way.

They are opened anew for that: not to wait is a property of an open file, and ours are shared with other programs. A file on a disk is
written as ever.
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
WIDE = 1 << 20  # a pipe that takes much at once wakes us less often


class Outlet:
    """Stands for sys.stdout and sys.stderr inside the block; when it is left, all is written that was not dropped."""

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
            stream: TextIO = getattr(sys, name)
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

    async def through(self, work: Coroutine[Any, Any, T], *, pause: Callable[[], None], resume: Callable[[], None]) -> T:
        """Do the work, which is paused while nobody reads what is written; when it is cancelled, what nobody reads is dropped."""
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
        """Write to a descriptor, now or as soon as it takes more. Raises OSError when nobody reads it any more."""
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
        """Write what is kept, as far as that goes without waiting; when nothing is left, more may come."""
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
        """Have the loop tell when the first of what is kept can be written."""
        wanted = self._kept[0][0] if self._kept else None
        if self._loop is None or wanted == self._watched:
            return
        if self._watched is not None:
            self._loop.remove_writer(self._watched)
        if wanted is not None:
            self._loop.add_writer(wanted, self._write_more)
        self._watched = wanted

    def _write_the_rest(self) -> None:
        """Wait for the reader: nothing is held any more."""
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
    """What print and write see instead of a text stream."""

    def __init__(self, outlet: Outlet, stream: TextIO, number: int) -> None:
        self._outlet = outlet
        self._stream = stream
        self._number = number

    def write(self, text: str) -> int:
        self._outlet.send(self._number, text.encode(self._stream.encoding, self._stream.errors or "strict"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back that could be written."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _nothing() -> None:
    """Pause nobody: there is nobody who brings more."""


def _written(number: int, data: memoryview) -> int:
    """Write what can be written now and return how much that was."""
    try:
        return os.write(number, data)
    except BlockingIOError:
        return 0


def _opened_anew(stream: TextIO) -> int | None:
    """Return a descriptor of our own for what a stream writes to, which never waits; None where that cannot be, or need not."""
    try:
        kind = os.fstat(stream.fileno()).st_mode
        if not (stat.S_ISFIFO(kind) or stat.S_ISCHR(kind)):
            return None
        number = os.open(f"/proc/self/fd/{stream.fileno()}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):  # not a file, as under test; or a pipe that another user made
        return None
    with contextlib.suppress(OSError):  # the user has too many large pipes, or it is none
        fcntl.fcntl(number, fcntl.F_SETPIPE_SZ, WIDE)
    return number

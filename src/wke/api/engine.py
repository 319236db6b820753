"""The event loop behind synchronous scripts: one thread of the process, in which all coroutines run.

Sessions, connections and copies live in that thread only. A script's own threads hand coroutines over and wait for their ends; they never
touch the objects there. A wait that is interrupted cancels its coroutine and returns only when that has ended, so that Ctrl-C returns with
everything stopped. A forked child has no such thread: it starts its own and leaves its parent's objects alone.
A fork waits for the lock, so that the child finds it free.
"""

import asyncio
import math
import os
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")
AWAKE_S = 0.5  # a signal that comes just before a wait does not interrupt it: Python hears of it at the next look


class Work(Generic[T]):
    """A coroutine that is handed over by `begin`; `end` becomes its result, its error, or cancelled."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[object, object, T]) -> None:
        self.end: Future[T] = Future()
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Begin it and return at once."""
        self._loop.call_soon_threadsafe(self._begin)

    def cancel(self) -> None:
        """Ask it to stop, or not to begin; `end` is done when it has."""
        self._loop.call_soon_threadsafe(self._cancel)

    def wait(self, timeout_s: float = math.inf) -> None:
        """Return when it has ended, or after `timeout_s`; what a signal raises comes from here."""
        until_s = time.monotonic() + timeout_s
        while not wait([self.end], max(0.0, min(AWAKE_S, until_s - time.monotonic()))).done and time.monotonic() < until_s:
            pass

    def result(self) -> T:
        """Wait until it has ended; return its result or raise its error."""
        self.wait()
        return self.end.result()

    def _begin(self) -> None:
        if not self.end.done():
            self._task = self._loop.create_task(self._coroutine)
            self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif not self.end.done():
            self._coroutine.close()
            self._end_cancelled()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._end_cancelled()
        elif (error := task.exception()) is not None:
            self.end.set_exception(error)
        else:
            self.end.set_result(task.result())

    def _end_cancelled(self) -> None:
        self.end.cancel()
        self.end.set_running_or_notify_cancel()


class Engine:
    """A loop in a thread that ends with the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wke", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[object, object, T]) -> Work[T]:
        """Begin it and return at once."""
        work = Work(self._loop, coroutine)
        work.begin()
        return work

    def call(self, coroutine: Coroutine[object, object, T]) -> T:
        """Return its result or raise its error; when the wait is interrupted it is cancelled and has ended before this raises."""
        work = Work(self._loop, coroutine)
        try:
            work.begin()
            return work.result()
        except BaseException:
            if not work.end.done():
                work.cancel()
                work.wait()
            raise

    @property
    def is_here(self) -> bool:
        """True in the loop's own thread, which must not wait for itself: garbage is collected in any thread."""
        return threading.current_thread() is self._thread


def engine() -> Engine:
    """Return this process's engine; the first call starts it."""
    if not _engines:
        with lock:
            if not _engines:
                _engines.append(Engine())
    return _engines[0]


def _in_child() -> None:
    _engines.clear()
    lock.release()


_engines: list[Engine] = []
lock = threading.RLock()
"""Held while something is made that a process has once; reentrant, since garbage is collected anywhere."""
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_in_child)

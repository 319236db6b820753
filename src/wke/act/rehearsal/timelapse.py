"""Time without waiting: an event loop whose clock jumps ahead wherever another loop would wait.

A sleep of an hour takes an hour by its clock but returns at once, and everything happens in the same order as if it had waited. Only timers
make time pass: work for another thread is done at once, and processes and sockets run in real time. When everything waits and no timer is
set, that is an error.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BEGINNING_NS = 1_600_000_000_000_000_000  # the date at which such a loop begins


class _Impatient(selectors.SelectSelector):
    """Looks for events, and puts the clock on by as long as it should have waited for them."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and nothing will ever happen")
            self.elapsed_s += max(0.0, timeout)
        return ready


class TimelapseLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps ahead."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Return the seconds since it began."""
        return self._impatient.elapsed_s

    def now_ns(self) -> int:
        """Return the time as nanoseconds since the epoch."""
        return BEGINNING_NS + round(self.time() * 1e9)

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:  # noqa: ARG002 - none is needed
        """Do the work here and now, which takes no time, and return a future that has its result or its error."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting caller gets it
            future.set_exception(error)
        return future

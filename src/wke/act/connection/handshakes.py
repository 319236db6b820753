"""Opening many connections: a limited number at once, with progress once per second."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from wke.records import Connected, Connecting, Note, Sink

TELL_S = 1.0
SLOW_LOGIN_S = 5.0


class Handshakes:
    """Opens `total` connections, `at_once` at a time; `sink` gets a record for each, and once per second which ones are still awaited.

    `logged_in` tells of a machine that is awaited whether ssh has logged in there.

    Use as `with Handshakes(...) as handshakes`, and `async with handshakes.turn(machine)` around what opens one.
    """

    def __init__(self, total: int, at_once: int, sink: Sink, logged_in: Callable[[str], bool]) -> None:
        self._total = total
        self._logged_in = logged_in
        self._logins: dict[str, float] = {}  # since when machines that are awaited are known to have logged in
        self._limit = asyncio.Semaphore(at_once)
        self._sink = sink
        self._begun: dict[str, float] = {}
        self._connected = 0
        self._told = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(TELL_S, self._tell)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._told:
            self._sink(Connecting(self._connected, self._total, (), 0.0))

    @asynccontextmanager
    async def turn(self, machine: str) -> AsyncIterator[None]:
        """Wait for a turn; the block then opens the connection to `machine`, or raises."""
        async with self._limit:
            began = self._begun[machine] = time.monotonic()
            try:
                yield
            finally:
                del self._begun[machine]
                login = self._logins.pop(machine, None)
        self._connected += 1
        now = time.monotonic()
        self._sink(Connected(machine, now - began))
        if login is not None and now - login > SLOW_LOGIN_S:
            self._sink(Note(f"logging in took {now - login:.0f} s: the start-up files of its login shell take that long", machine))

    def _tell(self) -> None:
        self._told = True
        now = time.monotonic()
        longest_s = now - min(self._begun.values(), default=now)
        for machine in filter(self._logged_in, self._begun):
            self._logins.setdefault(machine, now)
        self._sink(Connecting(self._connected, self._total, tuple(self._begun), longest_s, tuple(self._logins)))
        self._timer = asyncio.get_running_loop().call_later(TELL_S, self._tell)

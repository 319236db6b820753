"""The heartbeat of a connection: it renews the machine's lease and notices when the machine falls silent."""

import asyncio
from collections.abc import Callable

LONGEST_PAUSE_S = 3.0  # if only the way back is cut, a later beat still renews the lease


class Heartbeat:
    """Calls `beat()` in time for a lease of `lease_s`, or `fail(why)` when `heard_at()`, on the loop's clock, is a lease ago.

    All hearts with one lease beat at the same moments, so that hundreds of connections wake this process once.
    """

    def __init__(self, lease_s: float, *, beat: Callable[[], None], heard_at: Callable[[], float], fail: Callable[[str], None]) -> None:
        self._lease_s = lease_s
        self._pause_s = min(lease_s / 3, LONGEST_PAUSE_S)
        self._beat = beat
        self._heard_at = heard_at
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.beat_at = self._loop.time()

    def start(self) -> None:
        """Beat from now on; the lease is new."""
        self.stop()
        self.beat_at = self._loop.time()
        self._timer = self._loop.call_at(self._next(self.beat_at), self._turn)

    def stop(self) -> None:
        """Stop beating. May be called again."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        now = self._loop.time()
        we_slept = now - self.beat_at > 2 * self._pause_s
        self.beat_at = now
        left_s = self._heard_at() + self._lease_s - now
        if left_s <= 0 and not we_slept:
            self._fail(f"no sign of life for {self._lease_s:g} s: the machine hangs, or the network to it is cut")
            return
        self._beat()
        next_at = self._next(now)
        self._timer = self._loop.call_at(min(next_at, now + left_s) if left_s > 0 else next_at, self._turn)

    def _next(self, now: float) -> float:
        """Return the multiple of the pause that is about a pause from now: at least half of one, at most one and a half."""
        return (round(now / self._pause_s) + 1) * self._pause_s

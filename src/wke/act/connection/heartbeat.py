"""A connection's heart: it renews the machine's lease again and again, and notices when the machine gives no sign of life."""

import asyncio
from collections.abc import Callable

LONGEST_PAUSE_S = 3.0  # a beat that arrives after the way back was cut renews the lease once more


class Heart:
    """Calls `beat()` in time for a lease of `lease_s`, or `fail(why)` when `heard_at()`, on the loop's clock, is a lease ago."""

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
        self._timer = self._loop.call_later(self._pause_s, self._turn)

    def stop(self) -> None:
        """Beat no more; again is harmless."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        now = self._loop.time()
        we_slept = now - self.beat_at > 2 * self._pause_s
        self.beat_at = now
        left_s = self._heard_at() + self._lease_s - now
        if left_s <= 0 and not we_slept:
            self._fail(f"no sign of life for {self._lease_s:g} s: it hangs, or the way to it is cut")
            return
        self._beat()
        self._timer = self._loop.call_later(min(self._pause_s, left_s) if left_s > 0 else self._pause_s, self._turn)

"""Our own clock: nanoseconds since the epoch that advance by a clock that is neither set nor slewed, so that differences are durations.

The wall clock is read when the clock is made. When somebody sets it later, times keep their distances, and `step` tells by how much it was
set. Between measurements, `catch_up` follows it.
"""

import time
from collections.abc import Callable


def _raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


STEP_NS = 150_000_000
SLEWED = 600e-6
"""A wall clock that gains or loses at most this share is being corrected slowly, which is not a step."""


class SteadyClock:
    """A clock; `wall` and `monotonic` are what it is made of. `epoch` counts how often it followed the wall clock."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = _raw_ns) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._looked_ns = monotonic()
        self._epoch_ns = wall() - self._looked_ns
        self._ahead_ns = 0
        self.epoch = 0

    def now(self) -> int:
        """Return the time."""
        return self._epoch_ns + self._monotonic()

    def step(self) -> int:
        """Return by how much the wall clock was set since the last look, 0 if it was not."""
        ahead_ns = self._wall() - self.now()
        since_ns = self._monotonic() - self._looked_ns
        change_ns, self._ahead_ns, self._looked_ns = ahead_ns - self._ahead_ns, ahead_ns, self._looked_ns + since_ns
        return change_ns if is_step(change_ns, since_ns) else 0

    def catch_up(self) -> None:
        """Follow the wall clock if it was set. No durations are being measured meanwhile."""
        self.step()
        if abs(self._ahead_ns) > STEP_NS:
            self._epoch_ns, self._ahead_ns, self.epoch = self._epoch_ns + self._ahead_ns, 0, self.epoch + 1


def is_step(change_ns: int, within_ns: int) -> bool:
    """Return whether a wall clock that gained `change_ns` on a monotonic one was set, not slewed."""
    return abs(change_ns) > STEP_NS + SLEWED * within_ns


CLOCK = SteadyClock()

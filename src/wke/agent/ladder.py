"""Stopping processes: SIGTERM, a grace period, SIGKILL until none is left. One ladder for a task and for everything."""

import time

import _signal

from wke.agent.processes import ask_to_end, signal_all

FIRST_LOOK_S = 0.001
SLOWEST_LOOK_S = 0.05
GIVE_UP_S = 10.0


def rung(stopped):
    """Return the name of the last signal that was needed, "" when there was nothing to stop."""
    if any(p.killed for p in stopped):
        return "SIGKILL"
    return "SIGTERM" if stopped else ""


class Ladder:
    """Climbs as soon as it is made, a rung at a time, never blocking the loop.

    `find()` returns the processes that are still to go. At the end `done(stopped, survivors)` is called once, perhaps before the
    constructor returns: the processes that got a signal (see `rung`), and those that even SIGKILL did not end (they hang in the kernel, or
    belong to another user).
    """

    def __init__(self, loop, find, grace_s, done):
        self._loop = loop
        self._find = find
        self._done = done
        self._asked = {}
        self._kill_from = time.monotonic() + grace_s
        self._pause = FIRST_LOOK_S
        self._climb()

    def _climb(self):
        left = self._find()
        now = time.monotonic()
        if not left or now > self._kill_from + GIVE_UP_S:
            self._done(list(self._asked.values()), left)
            return
        new = [p for p in left if p.pid not in self._asked]
        self._asked.update((p.pid, p) for p in new)
        if now < self._kill_from:
            ask_to_end(new)
            self._loop.at(min(now + self._pause, self._kill_from), self._climb)
        else:
            signal_all(left, _signal.SIGKILL)
            for process in left:
                self._asked[process.pid].killed = True
            self._loop.at(now + self._pause, self._climb)
        self._pause = min(SLOWEST_LOOK_S, self._pause * 2)

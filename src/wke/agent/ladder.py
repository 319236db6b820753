"""Stopping processes: a signal that asks, a grace period, SIGKILL until none is left. One ladder for a task and for everything.

A process that is born after its task was asked is not asked: it may be a command of the task's handler for the signal. It lives until the
grace is over.
"""

import time

from wke.agent.processes import GIVE_UP_S, HOPELESS_S, TICK_S, ask_to_end, boot_time, kill

FIRST_LOOK_S = 0.001
SLOWEST_LOOK_S = 0.05


def rung(stopped):
    """Return the name of the last signal that was needed, "" when there was nothing to stop."""
    rungs = [p.rung for p in stopped]
    return "SIGKILL" if "SIGKILL" in rungs else rungs[0] if rungs else ""


class Ladder:
    """Climbs as soon as it is made, a rung at a time, never blocking the loop.

    `find()` returns the processes that are still to go, `manner(process)` the name of the signal that asks it and its grace in seconds. At
    the end `done(stopped, survivors)` is called once, perhaps before the constructor returns: the processes that got a signal (see `rung`),
    and those that even SIGKILL did not end (they hang in the kernel, or belong to another user).
    """

    def __init__(self, loop, find, manner, done):
        self._loop = loop
        self._find = find
        self._manner = manner
        self._done = done
        self._stopped = {}
        self._refused = set()
        self._kill_from = {}
        self._began = time.monotonic()
        self._asked_at = boot_time()
        self._pause = FIRST_LOOK_S
        self._is_first = True
        self._climb()

    def _climb(self):
        left = self._find()
        now = time.monotonic()
        for process in left:
            self._step(process, now)
        moments = [self._kill_from[p.pid] for p in left]
        hopeless = all(p.pid in self._refused for p in left)
        if not left or now > max(moments) + (HOPELESS_S if hopeless else GIVE_UP_S):
            self._done(list(self._stopped.values()), left)
            return
        self._is_first = False
        self._loop.at(min([now + self._pause] + [m for m in moments if m > now]), self._climb)
        self._pause = min(SLOWEST_LOOK_S, self._pause * 2)

    def _step(self, process, now):
        """Do what is due with a process: ask it when it is seen first, kill it when its grace is over."""
        if process.pid not in self._kill_from:
            name, grace_s = self._manner(process)
            self._kill_from[process.pid] = self._began + grace_s
            is_old = self._is_first or process.started + TICK_S <= self._asked_at
            if grace_s > 0 and is_old and ask_to_end(process, name):
                self._note(process, name)
        if now >= self._kill_from[process.pid]:
            if kill(process):
                self._note(process, "SIGKILL")
            else:
                self._refused.add(process.pid)

    def _note(self, process, rung):
        self._stopped.setdefault(process.pid, process).rung = rung

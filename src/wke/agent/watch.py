"""A watch: a sample of all probes at moments that are agreed on, again and again."""

import time

from wke.agent.probes import Probes

SHORTEST_S = 0.005


class Watch:
    """Calls `report({probe: numbers})` at `first` (on the monotonic clock) and every `interval_s` after it, until `stop`.

    Moments that were missed are left out and the others do not move, so that machines that agreed on `first` stay in step.
    """

    def __init__(self, loop, first, interval_s, report):
        self._loop = loop
        self._first = first
        self._interval_s = max(SHORTEST_S, interval_s)
        self._report = report
        self._probes = Probes()
        self._turns = -1
        self._over = False
        self._wait()

    def stop(self):
        """Take no more samples."""
        self._over = True
        self._probes.close()

    def _wait(self):
        passed = (time.monotonic() - self._first) / self._interval_s
        self._turns = max(self._turns, int(passed) if passed >= 0 else -1) + 1
        self._loop.at(self._first + self._turns * self._interval_s, self._turn)

    def _turn(self):
        if not self._over:
            self._report(self._probes.sample())
            self._wait()

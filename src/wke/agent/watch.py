"""A watch: rows of all sources at moments that are agreed on, again and again."""

import time

from wke.agent.sources import kernel_sources, network_sources

SHORTEST_S = 0.005


class Watch:
    """Has `sampler` take a row at `first` (on the monotonic clock) and every interval after it, until `stop`.

    Moments that were missed are left out and the others do not move, so that machines that agreed on `first` stay in step. `clock` gives
    the times of rows; `order` is the head of the frame that asks for them.
    """

    def __init__(self, loop, clock, first, order, sampler):
        self._loop = loop
        self._clock = clock
        self._first = first
        self._interval_s = max(SHORTEST_S, order["interval"])
        self._turns = -1
        self._over = False
        self.sampler = sampler
        self._open(order["scopes"], order.get("shared", False))
        self._wait()

    def stop(self):
        """Send the last rows, and take no more."""
        self._over = True
        self.sampler.close()

    def _open(self, scopes, is_shared):
        """Open the sources of `scopes`; what a kernel counts is the host's where machines share it."""
        found = [("host" if is_shared else "machine", kernel_sources), ("machine", network_sources)]
        for scope, make in found:
            for source in make(self._interval_s) if scope in scopes else ():
                self.sampler.add(scope, source)

    def _wait(self):
        passed = (time.monotonic() - self._first) / self._interval_s
        self._turns = max(self._turns, int(passed) if passed >= 0 else -1) + 1
        self._loop.at(self._first + self._turns * self._interval_s, self._turn)

    def _turn(self):
        if not self._over:
            self.sampler.take(self._clock())
            self._wait()

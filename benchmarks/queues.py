"""Queues whose latencies are known exactly: M/M/c, with Poisson arrivals, `c` workers and exponential times of service.

Erlang's formula C gives the share of requests that wait (Kleinrock, Queueing Systems, volume 1, 1975).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with so many `workers`; a service takes `service_s` on average."""

    workers: int
    service_s: float

    def share_waiting(self, rate: float) -> float:
        """Return the share of requests that wait at a rate (1/s) below that of all workers."""
        offered = rate * self.service_s
        term = total = 1.0
        for k in range(1, self.workers):
            term *= offered / k
            total += term
        last = term * offered / (self.workers - offered)
        return last / (total + last)

    def mean_s(self, rate: float) -> float:
        """Return the mean latency at a rate."""
        return self.service_s + self.share_waiting(rate) * self.service_s / (self.workers - rate * self.service_s)

    def share_above(self, latency_s: float, rate: float) -> float:
        """Return the share of requests with a larger latency."""
        idle, t = self.workers - rate * self.service_s - 1, latency_s / self.service_s
        if abs(idle) < 1e-9:  # the limit where the formula would divide by 0
            return math.exp(-t) * (1 + self.share_waiting(rate) * t)
        return math.exp(-t) + self.share_waiting(rate) * (math.exp(-t) - math.exp(-(1 + idle) * t)) / idle

    def quantile_s(self, quantile: float, rate: float) -> float:
        """Return a quantile of the latency at a rate."""
        return _zero(lambda latency_s: 1 - quantile - self.share_above(latency_s, rate), 0.0, 1e4 * self.service_s)

    def capacity(self, quantile: float, limit_s: float) -> float:
        """Return the rate at which a quantile of the latency is at a limit."""
        most = self.workers / self.service_s
        return _zero(lambda rate: self.quantile_s(quantile, rate) - limit_s, 0.0, most * (1 - 1e-9))


def _zero(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that rises crosses 0, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2

"""Standstills of a closed loop: a time without a completion that is too long for chance means requests that were not sent."""

import math

from wke.values import dataclass

CHANCE = 1000
"""How many times as many completions as there are may show no standstill by chance that is suspected."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """The longest time without a completion in a closed loop, in which about `missing` requests were not sent.

    It is too long for chance if these are more than `limit`.
    """

    seconds: float
    missing: float
    limit: float

    @property
    def suspected(self) -> bool:
        """Whether requests were omitted."""
        return self.missing > self.limit


def standstill(gap_s: float, completions: float, duration_s: float, connections: float) -> Standstill:
    """Return what the longest time without a completion means for a closed loop with completions in a measurement of this length."""
    rate = completions / duration_s
    limit = 2 * max(connections, math.log(CHANCE * completions)) if completions > 0 else math.inf
    return Standstill(gap_s, rate * gap_s, limit)

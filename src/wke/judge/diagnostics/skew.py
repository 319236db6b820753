"""Skewed values under an arithmetic mean: a few large ones decide it, and its interval is too short where it matters."""

import math
from collections.abc import Iterator

from wke.judge.diagnostics.observed import Hint, Observed
from wke.judge.statistics.statistics import mean
from wke.values import dataclass

MOST = 0.35
FEWEST = 4
"""Degrees of freedom below which a deviation is too uncertain to say anything."""


@dataclass(frozen=True, slots=True)
class Skewed(Hint):
    """The standard deviation of the logarithms of a metric with an arithmetic mean is `deviation`, over all points."""

    deviation: float


def skew(observed: Observed) -> Iterator[Skewed]:
    """Tell whether the mean of a metric is one of skewed values."""
    if observed.kind != "mean":
        return
    squares, freedom = 0.0, 0
    for here in observed.points:
        if min(here.numbers) > 0 and len(here.numbers) > 1:
            logs = [math.log(value) for value in here.numbers]
            centre = mean(logs)
            squares += math.fsum((log - centre) ** 2 for log in logs)
            freedom += len(logs) - 1
    if freedom >= FEWEST and (deviation := math.sqrt(squares / freedom)) > MOST:
        yield Skewed(observed.metric, deviation)

"""Variance components of trials on several deployments, and how many trials each deployment is worth.

Theory. Trials on one deployment share its peculiarities: memory layout, the leader that was elected, where data landed. So the variance
has two parts, within deployments and between them, and only several deployments show the second one. In a given time, the narrowest
interval has sqrt(cost ratio x within / between) trials on each deployment, where the cost ratio is the time of a deployment divided by that
of a trial (Kalibera and Jones 2013).
"""

import math
from collections.abc import Sequence

from wke.judge.statistics.statistics import mean
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Components:
    """An analysis of variance: sums of squares and degrees of freedom, between deployments and within them.

    `size` is the number of trials per deployment, or what stands for it if it differs.
    """

    squares_between: float
    squares_within: float
    freedom_between: int
    freedom_within: int
    size: float

    @property
    def within(self) -> float:
        """The variance of trials on one deployment."""
        return self.squares_within / self.freedom_within

    @property
    def between(self) -> float:
        """The variance of deployments, at least 0."""
        return max(0.0, (self.squares_between / self.freedom_between - self.within) / self.size)

    def best_trials(self, cost_ratio: float) -> float:
        """Return how many trials on each deployment give the narrowest interval; infinite where deployments do not differ."""
        return math.sqrt(cost_ratio * self.within / self.between) if self.between else math.inf


def components(places: Sequence[Sequence[Sequence[float]]]) -> Components | None:
    """Return the components of the values of each deployment at each place; places have different means.

    It is None unless at some place there are two deployments, and somewhere two trials on one.
    """
    between, within, freedom_between, freedom_within, sizes = 0.0, 0.0, 0, 0, 0.0
    for groups in places:
        trials = [value for group in groups for value in group]
        centre, n, d = mean(trials), len(trials), len(groups)
        means = [mean(group) for group in groups]
        between += math.fsum(len(group) * (own - centre) ** 2 for group, own in zip(groups, means, strict=True))
        within += math.fsum((value - own) ** 2 for group, own in zip(groups, means, strict=True) for value in group)
        freedom_between += d - 1
        freedom_within += n - d
        sizes += n - math.fsum(len(group) ** 2 for group in groups) / n
    if not freedom_between or not freedom_within:
        return None
    return Components(between, within, freedom_between, freedom_within, sizes / freedom_between)

"""Evidence that may be looked at after every round: an e-value for paired ratios.

Theory. For equals, the mean of e over all series is at most 1 at any time at which one stops. So e reaches 20 in at most 5 % of series of
equals, however often one looks. This one is a ratio of likelihoods of the t statistic: effects spread around 0 like a normal distribution
whose variance is 1/g of that of the logarithms of the ratios, against no effect. The price is power: it finds 5 % after about as many
rounds as the looks of looks.py do, and small effects later.

Sources: Perez-Ortiz et al. 2024; Vovk and Wang 2021 for families.
"""

import math
from collections.abc import Sequence

from wke.judge.statistics.pairs import Effect, Rule

CERTAIN = 20.0
PRIOR = 1.0


def log_e(n: int, t: float, g: float = PRIOR) -> float:
    """Return the logarithm of the e-value of n >= 2 values whose t statistic is `t`."""
    wide, v = 1 + n / g, n - 1
    return -math.log(wide) / 2 + n / 2 * (math.log1p(t * t / v) - math.log1p(t * t / (v * wide)))


def evidence(effect: Effect, threshold: float = 0.0) -> float:
    """Return the logarithm of the e-value of a difference larger than the threshold; 0 where ratios say nothing."""
    if effect.rule is not Rule.RATIO or not effect.spread:
        return 0.0
    beyond = max(0.0, abs(math.log(effect.estimate)) - math.log1p(threshold))
    return log_e(effect.n, beyond * math.sqrt(effect.n) / effect.spread)


def certain(evidences: Sequence[float], bound: float = CERTAIN) -> list[bool]:
    """Return which of several differences, given by logarithms of e-values, are certain when any false one shall be rare."""
    found = [False] * len(evidences)
    for rank, index in enumerate(sorted(range(len(evidences)), key=lambda index: -evidences[index])):
        if evidences[index] < math.log(bound * (len(evidences) - rank)):
            break
        found[index] = True
    return found

"""What pairs of values say: by how much a candidate differs from a baseline, and how likely that is for equals.

Theory. Whatever changes slowly (heat, a neighbour, a disk that fills up) affects the trials of one round alike, so the two values of each
round are compared with each other. The first of these rules that applies decides:

1. All pairs are equal: so are the two. Nothing needs to be tested.
2. All values are positive: Student's paired t on the logarithms of the ratios. Where these do not scatter, t would know more than the
   values do, for they have a resolution: then there is no interval, and the chance is that of all n ratios on one side, 2^(1-n).
3. Otherwise (zeros, signs) there are no ratios: exact signed rank of the differences, and their Walsh averages.

In 2 without scatter and in 3, values that are `separated` have a smaller chance: every value of the candidate lies beyond every value of
the baseline, which 2 of C(2n, n) arrangements do. This holds only if each ran first in some rounds; otherwise whatever alternates from
trial to trial would look separated.

With a threshold, what is tested is not whether there is a difference but whether it is larger than that: the candidate's values are moved
towards the baseline's first.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import StrEnum
from statistics import mean, median

from wke.judge.statistics.family import LEVEL
from wke.judge.statistics.signedrank import signed_rank, walsh_interval
from wke.values import dataclass

ALIKE = 1e-12
NO_SPREAD = 1e-9
POWER = 0.8
MOST_DOUBLINGS = 12


class Rule(StrEnum):
    """How two points were compared."""

    EQUAL = "equal"
    RATIO = "ratio"
    CONSTANT_RATIO = "constant ratio"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True)
class Pair:
    """The values of one round; `candidate_first` tells which trial ran first, None where that is not known."""

    candidate: float
    baseline: float
    candidate_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What n pairs say. `estimate` is a factor, or for Rule.DIFFERENCE a difference in the unit of the values.

    `low` and `high` are its interval, which misses the true value with the chance `level` that was asked for. `p` is the chance of pairs at
    least as far apart where the difference is no larger than the threshold; `direction` is 1 if the candidate is higher, -1 if lower.
    `within` is true when the whole interval lies within the threshold; `spread` is the standard deviation of the logarithms of ratios.
    """

    rule: Rule
    n: int
    estimate: float
    low: float | None
    high: float | None
    p: float
    direction: int = 0
    separated: bool = False
    within: bool = False
    spread: float | None = None

    def detectable(self, level: float = LEVEL, threshold: float = 0.0) -> float | None:
        """Return the smallest difference, as a share, that so many such rounds show in four of five cases; None where that is not known."""
        if self.spread is None:
            return None
        from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only where statistics are asked for

        both = float(stdtrit(self.n - 1, 1 - level / 2)) + float(stdtrit(self.n - 1, POWER))
        return math.expm1(min(700.0, both * self.spread / math.sqrt(self.n) + math.log1p(threshold)))

    def more_rounds(self, level: float = LEVEL, threshold: float = 0.0) -> int | None:
        """Return how many more such rounds would show a difference as large as the estimate in four of five cases.

        It is None where the estimate is within the threshold, or where more than 4000 times as many rounds would not do.
        """
        from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only where statistics are asked for

        spread, n = self.spread or 0.0, self.n
        beyond = abs(math.log(self.estimate)) - math.log1p(threshold) if spread else 0.0

        def shows(rounds: int) -> bool:
            both = float(stdtrit(rounds - 1, 1 - level / 2)) + float(stdtrit(rounds - 1, POWER))
            return both * spread <= beyond * math.sqrt(rounds)

        enough = next((n << k for k in range(1, MOST_DOUBLINGS) if beyond > 0 and shows(n << k)), None)
        return None if enough is None else 1 + bisect_left(range(n + 1, enough), True, key=shows)


def effect_of(pairs: Sequence[Pair], threshold: float = 0.0, level: float = LEVEL) -> Effect:
    """Return what the pairs, at least one, say of a difference larger than the threshold; the interval misses with `level`."""
    if all(_is_equal(pair) for pair in pairs):
        return Effect(Rule.EQUAL, len(pairs), 1.0, 1.0, 1.0, p=1.0)
    if all(pair.candidate > 0 and pair.baseline > 0 for pair in pairs):
        return _ratio(pairs, threshold, level)
    return difference_effect(pairs, threshold, level)


def _is_equal(pair: Pair) -> bool:
    return abs(pair.candidate - pair.baseline) <= ALIKE * max(abs(pair.candidate), abs(pair.baseline))


def _ratio(pairs: Sequence[Pair], threshold: float, level: float) -> Effect:
    n, allowed = len(pairs), math.log1p(threshold)
    logs = [math.log(pair.candidate) - math.log(pair.baseline) for pair in pairs]
    centre = mean(logs)
    spread = math.sqrt(math.fsum((log - centre) ** 2 for log in logs) / (n - 1)) if n > 1 else 0.0
    factor, direction, beyond = math.exp(centre), (centre > 0) - (centre < 0), abs(centre) - allowed
    if spread <= NO_SPREAD * abs(centre):
        separated = _separated(pairs, direction, lambda value: value * math.exp(-direction * allowed))
        p = _separation(n) if separated else 2.0 ** (1 - n)
        return Effect(Rule.CONSTANT_RATIO, n, factor, None, None, p if beyond > 0 else 1.0, direction, separated)
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - 0.2 s, only where statistics are asked for

    error = spread / math.sqrt(n)
    half = float(stdtrit(n - 1, 1 - level / 2)) * error
    p = min(1.0, 2 * float(stdtr(n - 1, -beyond / error)))
    within = abs(centre) + half <= allowed
    low, high = math.exp(centre - half), math.exp(min(700.0, centre + half))
    return Effect(Rule.RATIO, n, factor, low, high, p, direction, within=within, spread=spread)


def difference_effect(pairs: Sequence[Pair], threshold: float = 0.0, level: float = LEVEL) -> Effect:
    """Return what the differences of pairs, at least one, say of a difference larger than the threshold, whatever their signs."""
    allowed = threshold * abs(median(pair.baseline for pair in pairs))
    tolerance = ALIKE * max(max(abs(pair.candidate), abs(pair.baseline)) for pair in pairs)
    differences = [pair.candidate - pair.baseline for pair in pairs]
    estimate, low, high = walsh_interval(differences, level)
    within = low is not None and high is not None and max(-low, high) <= allowed
    direction = signed_rank(differences, tolerance)[1]
    separated = _separated(pairs, direction, lambda value: value - direction * allowed)
    if separated:
        p = _separation(len(pairs))
    elif allowed and direction * estimate <= allowed:
        p = 1.0
    else:
        p = signed_rank([difference - direction * allowed for difference in differences], tolerance)[0]
    return Effect(Rule.DIFFERENCE, len(pairs), estimate, low, high, p, direction, separated, within)


def _separated(pairs: Sequence[Pair], direction: int, moved: Callable[[float], float]) -> bool:
    """Tell whether the candidate's values, moved towards the baseline's, all lie beyond them, and each ran first in some rounds."""
    both_orders = {True, False} <= {pair.candidate_first for pair in pairs}
    nearest = min(direction * moved(pair.candidate) for pair in pairs)
    return both_orders and direction != 0 and nearest > max(direction * pair.baseline for pair in pairs)


def _separation(n: int) -> float:
    """Return the chance that the values of two equals are separated."""
    return 2 / math.comb(2 * n, n)

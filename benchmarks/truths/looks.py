"""Simulated series that are looked at several times: how often equals are found different, and after how many rounds differences are found.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from statistics import median

from scipy.special import nctdtr, stdtrit
from truths.comparisons import _drifting, _pairs, numbers

from wke.describe.experiment.experiment import LOOKS
from wke.judge.statistics.anytime import CERTAIN, certain, log_e
from wke.judge.statistics.family import LEVEL, holm
from wke.judge.statistics.looks import LOOK_LEVEL
from wke.judge.statistics.pairs import Effect, Pair, effect_of

SD = 0.0707
"""The standard deviation of the logarithm of a ratio, where a condition does not give another one."""
MOST = 200


def equals_by_looks(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether any look at two equals confirms a difference."""
    if condition.startswith("AR1"):
        drift = _drifting(luck, condition)
        return _found_at([_pairs(luck, n, lambda _: math.exp(next(drift)))]) is not None
    return _found_at([_pairs(luck, n, lambda _: math.exp(luck.gauss(0, 0.05)))]) is not None


def family_by_looks(luck: random.Random, condition: str, n: int) -> bool:  # noqa: ARG001 - conditions say "independent"
    """Tell whether any look confirms any of four differences between equals."""
    return _found_at([_rounds(luck, SD, n) for _ in range(4)]) is not None


def found_by_looks(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the looks find a difference."""
    factor = 1 + numbers(condition)[0]
    return _found_at([_rounds(luck, SD, n, factor)]) is not None


def rounds_by_looks(luck: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - there are 80 rounds
    """Return the median of the rounds after which the looks find a difference."""
    factor, sd = numbers(condition)
    return median(_found_at([_rounds(luck, sd, LOOKS[-1], 1 + factor)]) or math.inf for _ in range(series))


def looked_at_always(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a test after every round ever finds a difference between two equals: that is what looks are for."""
    (sd,) = numbers(condition)
    return any(abs(t) >= _five_percent(k) for k, t in _running(luck, sd, 1.0, n) if k >= 3)


def guesses_obeyed(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether "about k more rounds", obeyed until 5 % is reached, finds a difference between two equals."""
    (noise,) = numbers(condition)
    pairs = _pairs(luck, n, lambda _: math.exp(luck.gauss(0, noise)))
    rounds = 5
    while (seen := effect_of(pairs[:rounds])).p > LEVEL:
        if rounds == n:
            return False
        rounds = min(n, rounds + (seen.more_rounds() or n))
    return True


def different_by_looks(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a look finds a difference of more than 2 % where it is 2 %."""
    return _found_at([_rounds(luck, numbers(condition)[0], n, 1.02)], 0.02) is not None


def barely_the_same(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a look finds two the same within 2 % that differ by more."""
    return _same(_rounds(luck, numbers(condition)[0], n, 1.0201))


def equals_the_same(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a look finds two equals the same within 2 %."""
    return _same(_rounds(luck, numbers(condition)[0], n))


def certain_at_any_time(g: float, factor: float) -> Callable[[random.Random, str, int], bool]:
    """Return a simulation of a series whose e-value is looked at after every round."""

    def simulation(luck: random.Random, condition: str, n: int) -> bool:
        return _certain_after(luck, numbers(condition)[0], factor, n, g) is not None

    return simulation


def rounds_until_certain(g: float) -> Callable[[random.Random, str, int, int], float]:
    """Return a simulation of how many rounds the e-value needs to find 5 %."""

    def simulation(luck: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - there are 200 rounds
        return median(_certain_after(luck, numbers(condition)[0], 1.05, MOST, g) or math.inf for _ in range(series))

    return simulation


def family_at_any_time(luck: random.Random, condition: str, n: int) -> bool:  # noqa: ARG001 - conditions say "independent"
    """Tell whether e-values of four equals ever make any of them certain."""
    together = zip(*(_running(luck, SD, 1.0, n) for _ in range(4)), strict=True)
    return any(any(certain([log_e(k, t) for k, t in each])) for each in together)


def power(luck: random.Random, condition: str, n: int, series: int) -> float:  # noqa: ARG001 - exact
    """Return how often a difference as large as the smallest detectable one is found: exactly."""
    sd = 0.05
    seen = Effect(effect_of(_rounds(random.Random(1), sd, n)).rule, n, 1.0, None, None, 1.0, spread=sd)
    effect = math.log1p(seen.detectable() or 0.0) * math.sqrt(n) / sd
    return 1 - float(nctdtr(n - 1, effect, _five_percent(n))) + float(nctdtr(n - 1, effect, -_five_percent(n)))


SIMULATIONS = {
    ("3.6", "A/A; looks 5 10 20 40 80 at 1 %; one comparison"): equals_by_looks,
    ("3.6", "A/A; looks"): equals_by_looks,
    ("3.6", "A/A; looks with Holm; 4 comparisons"): family_by_looks,
    ("3.6", "found by the looks"): found_by_looks,
    ("3.6", "A/A; a look at 5 % after every round from 3 on"): looked_at_always,
    ("3.6", "A/A; 'about k more rounds' followed from 5; cap 200"): guesses_obeyed,
    ("3.6", "looks; threshold 2 %; true 2 %: different"): different_by_looks,
    ("3.6", "looks; threshold 2 %; true 2.01 %: same"): barely_the_same,
    ("3.6", "looks; threshold 2 %; equal: same"): equals_the_same,
    **{("3.7", f"A/A; e-value >= 20 at any n; g = {g}"): certain_at_any_time(g, 1.0) for g in (1, 4, 16)},
    **{("3.7", f"2 % found by the e-value; g = {g}"): certain_at_any_time(g, 1.02) for g in (1, 4, 16)},
    ("3.7", "A/A; e-values with Holm; 4 comparisons; every round"): family_at_any_time,
}
OF_ALL = {
    ("3.6", "median rounds until found by the looks"): rounds_by_looks,
    **{("3.7", f"median rounds until the e-value finds 5 %; g = {g}"): rounds_until_certain(g) for g in (1, 4, 16)},
    ("3.8", "power at the smallest detectable effect; 5 %"): power,
}


def _rounds(luck: random.Random, sd: float, n: int, factor: float = 1.0) -> list[Pair]:
    """Return rounds in which the logarithm of the ratio varies by `sd` around that of `factor`."""
    return [Pair(factor * math.exp(luck.gauss(0, sd)), 1.0) for _ in range(n)]


def _looks(n: int) -> Iterator[int]:
    return (look for look in LOOKS if look <= n)


def _found_at(comparisons: Sequence[Sequence[Pair]], threshold: float = 0.0) -> int | None:
    """Return at which look any of several comparisons is confirmed."""
    for look in _looks(len(comparisons[0])):
        if any(holm([effect_of(pairs[:look], threshold, LOOK_LEVEL).p for pairs in comparisons], LOOK_LEVEL)):
            return look
    return None


def _same(pairs: Sequence[Pair]) -> bool:
    return any(effect_of(pairs[:look], 0.02, LOOK_LEVEL).within for look in _looks(len(pairs)))


def _running(luck: random.Random, sd: float, factor: float, n: int) -> Iterator[tuple[int, float]]:
    """Yield the t statistic after each round from the second on."""
    mean, squares = 0.0, 0.0
    for k in range(1, n + 1):
        value = math.log(factor) + luck.gauss(0, sd)
        step = value - mean
        mean += step / k
        squares += step * (value - mean)
        if k > 1:
            yield k, mean * math.sqrt(k) / math.sqrt(squares / (k - 1))


def _certain_after(luck: random.Random, sd: float, factor: float, n: int, g: float) -> int | None:
    return next((k for k, t in _running(luck, sd, factor, n) if log_e(k, t, g) >= math.log(CERTAIN)), None)


@cache
def _five_percent(n: int) -> float:
    return float(stdtrit(n - 1, 1 - LEVEL / 2))

"""Simulated series for the rules of comparisons: each function simulates one series and tells whether something was found in it.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters.
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence

from wke.judge.statistics.failures import Failures
from wke.judge.statistics.family import holm
from wke.judge.statistics.pairs import Pair, difference_effect, effect_of
from wke.judge.statistics.statistics import summarise

LEVEL = 0.05


def numbers(condition: str) -> list[float]:
    """Return the numbers in a condition: "M/M/1 .5" gives 1 and 0.5; "5 %" gives 0.05."""
    found = re.findall(r"(\d*\.?\d+)( ?%)?", condition)
    return [float(number) / (100 if percent else 1) for number, percent in found]


def whole_units(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether two equals in whole units differ."""
    centre, spread = numbers(condition)
    return effect_of(_pairs(luck, n, lambda _: float(round(centre * math.exp(luck.gauss(0, spread)))))).p <= LEVEL


def whole_units_by_t_alone(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether two equals in whole units differ by a t test alone, for which differences that do not scatter are certain."""
    centre, spread = numbers(condition)
    pairs = _pairs(luck, n, lambda _: float(round(centre * math.exp(luck.gauss(0, spread)))))
    ratios = {pair.candidate / pair.baseline for pair in pairs}
    return ratios != {1.0} if len(ratios) == 1 else effect_of(pairs).p <= LEVEL


def equals_by_differences(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether two equals differ by the rule for differences."""
    return difference_effect(_pairs(luck, n, lambda _: _counted(luck, condition))).p <= LEVEL


def found_by_differences(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether what has become worse is found by the rule for differences."""

    def value(is_candidate: bool) -> float:  # noqa: FBT001
        if condition.startswith("1000"):
            throughput = luck.gauss(1000, 20)
            return throughput if not is_candidate else 0.0 if luck.random() < 0.1 else throughput / 2
        before, after = numbers(condition)
        return float(_poisson(luck, after if is_candidate else before))

    return difference_effect(_pairs(luck, n, value)).p <= LEVEL


def separated(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether all values of one of two equals lie beyond those of the other, each having run first in some rounds."""
    drift = _drifting(luck, condition)
    return difference_effect(_pairs(luck, n, lambda _: next(drift))).separated


def any_different(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether any of several equal versions differs from the first one, on machines that drift."""
    versions = int(numbers(condition)[0])
    drift, total = _drifting(luck, condition.partition("; ")[2]), n * versions
    rounds = []
    for k in range(n):
        order, values = luck.sample(range(versions), versions), [0.0] * versions
        for place, version in enumerate(order):
            rise = math.log(1.3) * (k * versions + place) / (total - 1) if "drift" in condition else 0
            values[version] = math.exp(rise + next(drift))
        rounds.append((order, values))
    chances = []
    for version in range(1, versions):
        pairs = [Pair(values[version], values[0], order.index(version) < order.index(0)) for order, values in rounds]
        chances.append(effect_of(pairs).p)
    return any(holm(chances))


def five_percent_found(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a version that is 5 % faster is found."""
    (noise,) = numbers(condition)
    return _alone(luck, noise, n, 1.05) <= LEVEL


def declared_alone(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a metric that is 5 % lower is found where it alone is in the family."""
    (noise,) = numbers(condition)
    return _alone(luck, noise, n, 0.95) <= LEVEL


def among_eight(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a metric that is 5 % lower is found among eight others, in which nothing differs."""
    (noise,) = numbers(condition)
    return holm([_alone(luck, noise, n, 0.95), *(_alone(luck, noise, n, 1.0) for _ in range(8))])[0]


def failing(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether one of two equals that fail now and then fails more often."""
    (chance,) = numbers(condition)
    here, there = (sum(luck.random() < chance for _ in range(n)) for _ in range(2))
    return Failures(here, n, there, n).p <= LEVEL


def another_day(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether a system that has not changed looks worse than on another day."""
    days, noise, threshold = numbers(condition)
    today, that_day = luck.gauss(0, days), luck.gauss(0, days)
    pairs = [Pair(math.exp(today + luck.gauss(0, noise)), math.exp(that_day + luck.gauss(0, noise))) for _ in range(n)]
    seen = effect_of(pairs, threshold)
    return seen.p <= LEVEL and seen.direction < 0


def ratios_cover(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval of the ratios within rounds holds the true one."""
    (noise,) = numbers(condition)
    seen = effect_of(_pairs(luck, n, lambda _: math.exp(luck.gauss(0, noise))))
    return seen.low is not None and seen.high is not None and seen.low <= 1 <= seen.high


def divided_by_the_mean_covers(luck: random.Random, condition: str, n: int) -> bool:
    """Tell whether the interval holds the true ratio if the baseline's mean is taken for exact: what wke does not do."""
    (noise,) = numbers(condition)
    baseline = math.fsum(luck.gauss(1, noise) for _ in range(n)) / n
    seen = summarise([luck.gauss(1, noise) / baseline for _ in range(n)], "mean")
    return seen.low is not None and seen.high is not None and seen.low <= 1 <= seen.high


SIMULATIONS = {
    ("2.7", "coverage: divided by the baseline's mean"): divided_by_the_mean_covers,
    ("2.7", "coverage: ratios within rounds"): ratios_cover,
    ("3.2", "A/A in whole units; p = 0 where nothing scatters"): whole_units_by_t_alone,
    ("3.2", "A/A in whole units; rules of 3.2"): whole_units,
    ("3.2", "A/A; differences"): equals_by_differences,
    ("3.2", "A/A; separated and both orders; two versions"): separated,
    ("3.2", "found; differences; 5 %"): found_by_differences,
    ("3.3", "A/A; any of the versions different"): any_different,
    ("3.3", "difference of 5 % found; fixed n; 5 %"): five_percent_found,
    ("3.4", "A/A; Fisher; one-sided"): failing,
    ("3.5", "-5 % found; declared metric alone"): declared_alone,
    ("3.5", "-5 % found; eight undeclared metrics in the family"): among_eight,
    ("3.9", "stored baseline: false worse"): another_day,
}


def _pairs(luck: random.Random, n: int, value: Callable[[bool], float]) -> list[Pair]:
    """Return rounds in which either of the two runs first, by chance; values are drawn in the order of the trials."""
    pairs = []
    for _ in range(n):
        candidate_first = luck.random() < 0.5
        first, second = value(candidate_first), value(not candidate_first)
        pairs.append(Pair(first, second, True) if candidate_first else Pair(second, first, False))
    return pairs


def _alone(luck: random.Random, noise: float, n: int, factor: float) -> float:
    """Return the chance by which `n` rounds tell a version that is `factor` times as fast."""
    return effect_of(_pairs(luck, n, lambda is_candidate: (factor if is_candidate else 1) * math.exp(luck.gauss(0, noise)))).p


def _counted(luck: random.Random, condition: str) -> float:
    """Return a value that may be 0 or negative."""
    seen: Sequence[float] = numbers(condition)
    if condition.startswith("Poisson"):
        return float(_poisson(luck, seen[0]))
    if condition.startswith("normal"):
        return luck.gauss(0, 1)
    if condition.endswith("lognormal"):
        return 0.0 if luck.random() < seen[0] else math.exp(luck.gauss(0, 1))
    return 0.0 if luck.random() < seen[2] else luck.gauss(seen[0], seen[1])


def _drifting(luck: random.Random, condition: str) -> Iterator[float]:
    """Yield what a machine adds to each trial: noise on a level that wanders, alternates or swings."""
    swing = re.match(r"swing of (\d+)", condition)
    phase, level, trial = luck.random(), luck.gauss(0, 0.1), 0
    while True:
        if condition.startswith("AR1"):
            yield level + luck.gauss(0, 0.05)
            level = 0.95 * level + luck.gauss(0, 0.1 * math.sqrt(1 - 0.95**2))
        elif condition.startswith("alternating"):
            yield (0.05 if trial % 2 else -0.05) + luck.gauss(0, 0.005)
        elif swing:
            yield 0.1 * math.sin(2 * math.pi * (trial / int(swing[1]) + phase)) + luck.gauss(0, 0.01)
        else:
            yield luck.gauss(0, 0.01)
        trial += 1


def _poisson(luck: random.Random, mean: float) -> int:
    """Return how many events happen where `mean` do on average."""
    events, chance = 0, luck.random()
    while chance > math.exp(-mean):
        events, chance = events + 1, chance * luck.random()
    return events

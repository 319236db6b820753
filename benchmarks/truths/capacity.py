"""Simulated searches for the largest rate at which a queue holds a limit, and for the fewest machines that hold a load.

A condition is that of truth-acceptance.csv, in its words; numbers in it are the parameters. A trial is an M/M/1 queue that is empty at
first, of which the first tenth of the requests does not count; the capacities of trials differ by a noise. A trial is overloaded if the
rule on backlogs finds that it is. Each function simulates many series and returns the share of them for which something is true.
"""

import math
import random
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from truths.comparisons import numbers

from wke.describe.experiment.verdictfile import BacklogRule
from wke.judge.statistics.capacity import Capacity, RateRange, RateTrial, search_rate
from wke.judge.statistics.demand import walk
from wke.judge.statistics.tails import rank
from wke.judge.verdicts.backlog import judge_backlog
from wke.keep.trials.judgements import Level

Many = Callable[[random.Random, str, int, int], float]
WINDOWS = 60
QUANTILE = 0.99
NEAR = 0.05
MOST_REQUESTS = 10**9
"""How many requests are simulated for one figure at the most: searches with long trials are fewer."""


def within(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the estimate is close to the capacity; a search that is refused has none that is."""
    truth = _truth(condition)
    found = _capacities(condition, n, series)
    return _share([one.estimate is not None and abs(one.estimate / truth - 1) <= NEAR for one in found])


def has_interval(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often a search gives an interval."""
    return _share([one.low is not None for one in _capacities(condition, n, series)])


def covers(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often an interval, where there is one, holds the capacity."""
    truth = _truth(condition)
    ends = [(one.low, one.high) for one in _capacities(condition, n, series)]
    return _share([low <= truth <= high for low, high in ends if low is not None and high is not None])


def promises_too_much(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the lower end of an interval, where there is one, is above the capacity."""
    truth = _truth(condition)
    return _share([one.low > truth for one in _capacities(condition, n, series) if one.low is not None])


def demand_exact(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the fewest machines that hold a load are found."""
    limit, a_machine, load = numbers(condition.partition("p99 <=")[2])
    luck, sizes = _generator(f"{condition} {n}"), range(1, 2 * math.ceil(load / a_machine))
    found = []
    for _ in range(series):
        cells: dict[tuple[float, int], list[bool]] = {}
        while (seen := walk([load], sizes, cells)).next is not None:
            cells.setdefault(seen.next, []).append(_trial(luck, load / seen.next[1], limit, n).holds)
        found.append(seen.demands[0].least == math.ceil(load / a_machine))
    return _share(found)


SIMULATIONS: Mapping[tuple[str, str], Many] = {
    ("5.4", "capacity within 5 %"): within,
    ("5.4", "interval given"): has_interval,
    ("5.4", "interval covers"): covers,
    ("5.4", "lower end above the truth"): promises_too_much,
    ("5.6", "demand exact; best of 3"): demand_exact,
}
ENOUGH = "M/M/1; p99 <= 20; capacity noise 2%; 12 trials; start 0.1", 30_000
MUST: Mapping[tuple[str, str, int], str] = {("capacity within 5 %", *ENOUGH): ">= .95", ("interval covers", *ENOUGH): ">= .90"}
"""What must hold of figures of the file in which no such condition stands."""


def most_series(condition: str, n: int) -> int:
    """Return how many series of a condition are simulated at the most."""
    trials = re.search(r"(\d+) trials", condition)
    return MOST_REQUESTS // (n * (int(trials[1]) if trials else 20))


@lru_cache
def _capacities(condition: str, n: int, series: int) -> tuple[Capacity, ...]:
    """Return what so many searches of a condition find."""
    limit, noise, trials = (_number(text, condition) for text in (r"p99 <= ([\d.]+)", r"noise ([\d.]+)", r"(\d+) trials"))
    start = _number(r"start ([\d.]+)", condition) * (_truth(condition) if "of the capacity" in condition else 1)
    luck, rates = _generator(f"{condition} {n}"), RateRange(start, trials=int(trials))
    found = []
    for _ in range(series):
        seen: list[RateTrial] = []
        while (search := search_rate(seen, rates)).next is not None:
            machine = math.exp(noise / 100 * luck.standard_normal())
            trial = _trial(luck, search.next / machine, limit * machine, n)
            seen.append(RateTrial(search.next, trial.excess, trial.holds, trial.completions))
        assert search.capacity is not None
        found.append(search.capacity)
    return tuple(found)


def _trial(luck: np.random.Generator, rate: float, limit: float, n: int) -> RateTrial:
    """Return a trial of `n` requests on a queue whose service takes 1, after a tenth that does not count.

    It counts as if each search wanted no more completions.
    """
    sent = n * 10 // 9
    arrivals = np.cumsum(luck.standard_exponential(sent)) / rate
    work = np.cumsum(luck.standard_exponential(sent))
    free = arrivals.copy()
    free[1:] -= work[:-1]
    ends = work + np.maximum.accumulate(free)
    latencies = (ends - arrivals)[sent - n :]
    place = rank(QUANTILE, len(latencies)) - 1
    excess = math.log(float(np.partition(latencies, place)[place]) / limit)
    if _overloaded(arrivals, ends):
        excess = math.inf
    return RateTrial(rate, excess, excess <= 0, max(n, 10_000))


def _overloaded(arrivals: np.ndarray, ends: np.ndarray) -> bool:
    """Tell whether the backlog grows while requests arrive."""
    edges = np.linspace(arrivals[len(arrivals) // 10], arrivals[-1], WINDOWS + 1)[1:]
    arrived, completed = (np.searchsorted(times, edges, "right") for times in (arrivals, ends))
    return judge_backlog(arrived.tolist(), completed.tolist(), BacklogRule()).level is Level.SUSPECT


def _truth(condition: str) -> float:
    return 1 - math.log(1 / (1 - QUANTILE)) / _number(r"p99 <= ([\d.]+)", condition)


def _number(pattern: str, condition: str) -> float:
    found = re.search(pattern, condition)
    assert found is not None, condition
    return float(found[1])


def _generator(seed: str) -> np.random.Generator:
    return np.random.default_rng(random.Random(seed).getrandbits(64))


def _share(found: list[bool]) -> float:
    return sum(found) / len(found) if found else math.nan

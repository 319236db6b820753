"""Simulated points for quantiles of all values of their trials, and closed loops that stand still.

A trial is an M/M/1 queue that was running before, so that its latencies are exponential, and depend on one another. Each function simulates
many points and returns the share of them for which something is true.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from truths.comparisons import numbers

from wke.judge.statistics.standstill import standstill
from wke.judge.statistics.statistics import summarise
from wke.judge.statistics.tails import Pool, Pooled, rank
from wke.keep.output.distribution import distribution
from wke.keep.output.rawvalues import RawValues

Many = Callable[[random.Random, str, int, int], float]
MOST_VALUES = 400_000_000
"""How many latencies are simulated for one figure at the most: points with many values are fewer."""


def covers(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the interval of a pooled quantile holds the true one; an end that is not known holds anything."""
    truth = _truth(condition)
    seen = _pooled(condition, n, series)
    return sum((one.low is None or one.low <= truth) and (one.high is None or truth <= one.high) for one, _, _ in seen) / len(seen)


def has_upper_end(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the values of a pool allow an upper end, whether or not the plan does."""
    seen = _pooled(condition, n, series)
    return sum(one.high is not None for one, _, _ in seen) / len(seen)


def mean_covers(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often the interval of the mean of the trials' quantiles holds the quantile of all values."""
    truth = _truth(condition)
    found = [summarise(quantiles, "mean") for _, quantiles, _ in _pooled(condition, n, series)]
    return sum((one.low or 0.0) <= truth <= (one.high or 0.0) for one in found) / len(found)


def symmetric_covers(_: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often an interval with equal shares on both sides holds the true quantile, whose upper end may be the largest value."""
    truth = _truth(condition)
    found = [low <= truth <= high for _, _, (low, high) in _pooled(condition, n, series)]
    return sum(found) / len(found)


def suspects(luck: random.Random, condition: str, n: int, series: int) -> float:
    """Return how often omission is suspected in closed loops that stand still once, or not at all."""
    connections, rate, stall_s = numbers(condition)
    generator = np.random.default_rng(luck.getrandbits(64))
    found = 0
    for _ in range(series):
        ends = np.concatenate([[0.0], np.cumsum(generator.standard_exponential(int(n * rate))) / rate])  # with all connections always busy
        ends[ends > generator.uniform(0, ends[-1])] += stall_s
        gap_s = float(np.diff(ends).max())
        found += standstill(gap_s, len(ends) - 1, float(ends[-1]), connections).suspected
    return found / series


SIMULATIONS: Mapping[tuple[str, str], Many] = {
    ("4.2", "pooled quantile: coverage; unknown end = infinite"): covers,
    ("4.2", "pooled quantile: upper end known"): has_upper_end,
    ("4.2", "mean of the trials' quantiles; t: coverage"): mean_covers,
    ("4.2", "symmetric share; largest value as upper end: coverage"): symmetric_covers,
    ("4.7", "omission suspected"): suspects,
}


def values_of(condition: str, n: int) -> int:
    """Return how many latencies one series of a condition has."""
    return n * int(_parts(condition)[1])


def _parts(condition: str) -> tuple[float, float, float]:
    """Return the load, the values of a trial, and the quantile."""
    _, load, values, quantile = numbers(condition.replace("M/M/1", "1"))
    return load, values, quantile


def _truth(condition: str) -> float:
    load, _, quantile = _parts(condition)
    return -math.log(1 - quantile) / (1 - load)


@lru_cache
def _pooled(condition: str, n: int, series: int) -> tuple[tuple[Pooled, tuple[float, ...], tuple[float, float]], ...]:
    """Return the pooled quantile of each point, the quantiles of its trials, and an interval of equal shares: figures share points."""
    load, values, quantile = _parts(condition)
    generator = np.random.default_rng(random.Random(f"{condition} {n}").getrandbits(64))
    found = []
    for _ in range(series):
        trials = [np.sort(latencies(generator, load, int(values))) for _ in range(n)]
        pool = Pool.of([distribution(RawValues(each)) for each in trials])
        pooled = pool.quantile(quantile)
        found.append((pooled, tuple(float(each[rank(quantile, len(each)) - 1]) for each in trials), _symmetric(pool, pooled)))
    return tuple(found)


def _symmetric(pool: Pool, pooled: Pooled) -> tuple[float, float]:
    """Return the quantiles of the pool at the share plus and minus its error; the largest value where there are too few."""
    below = 1 - pooled.share - pooled.error
    low = pool.whole.bucket(math.ceil(below * pooled.total))[0] if below > 0 else 0.0
    return low, pool.whole.bucket(pooled.total)[1] if pooled.high is None else pooled.high


def latencies(generator: np.random.Generator, load: float, count: int) -> NDArray[np.float64]:
    """Return the latencies of requests to a queue whose mean service takes 1 and that was in its steady state before."""
    arrivals = np.cumsum(generator.standard_exponential(count)) / load
    work = np.cumsum(generator.standard_exponential(count))
    waiting = generator.standard_exponential() / (1 - load) if generator.random() < load else 0.0
    free = arrivals.copy()
    free[1:] -= work[:-1]
    free[0] = max(free[0], waiting)
    ends: NDArray[np.float64] = work + np.maximum.accumulate(free)
    return ends - arrivals


def known_stall(stall_s: float, window_s: float, rate: float, quantile: float) -> Iterator[float]:
    """Yield a quantile of latencies from the intended start of a server that stands still once: simulated, and by its formula."""
    due = np.arange(int(window_s * rate)) / rate
    begins = window_s / 3
    latencies = np.where((due >= begins) & (due < begins + stall_s), begins + stall_s - due, 0.0)
    yield RawValues(np.sort(latencies)).at(rank(quantile, len(due)))
    yield stall_s - (1 - quantile) * window_s

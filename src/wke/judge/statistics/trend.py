"""Trends in windows of equal length: batch means, Kendall's S, and how much each value resembles the one before.

S counts the pairs of batch means that rise, less those that fall: 45 if all of ten rise. Between batches, successive values hardly depend
on one another any more if a batch is long enough. For ten batches without a trend, |S| >= 29 has a chance of .009 (exact, two-sided).
"""

from collections.abc import Sequence
from itertools import combinations
from operator import mul

BATCHES = 10
RISING = 29


def batch_means(values: Sequence[float]) -> list[float]:
    """Return the means of ten batches of equal length from the beginning, without the rest; raise ValueError below ten values."""
    length = len(values) // BATCHES
    if not length:
        raise ValueError(f"{len(values)} windows cannot make {BATCHES} batches")
    return [sum(values[start : start + length]) / length for start in range(0, BATCHES * length, length)]


def kendall_s(values: Sequence[float]) -> int:
    """Return how many pairs of values rise, less how many fall."""
    return sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))


def lag_one(values: Sequence[float]) -> float:
    """Return the autocorrelation of successive residuals from the least-squares line, at least 0; 0 where there are no residuals."""
    n = len(values)
    middle, mean = (n - 1) / 2, sum(values) / n
    squares = n * (n * n - 1) / 12
    slope = sum(map(mul, range(n), values)) - n * middle * mean
    slope = slope / squares if squares else 0.0
    residuals = [value - mean - slope * (index - middle) for index, value in enumerate(values)]
    scatter = sum(map(mul, residuals, residuals))
    return max(0.0, sum(map(mul, residuals, residuals[1:])) / scatter) if scatter > 1e-24 * n * mean * mean else 0.0

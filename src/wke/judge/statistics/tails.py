"""Quantiles of a point: of the recorded values of all its trials together, with intervals that come from the differences between trials.

Requests of one trial depend on one another, so the interval is not that of as many independent values. For the quantile of the pool, each
trial has its own share of values above it. How much these shares differ says how exact the share is, and with it the quantile: its ends are
quantiles of the pool at other shares (Woodruff 1952). The upper end of the share grows by a factor, not by a difference, because shares
of rare values are skewed. Ends of the interval are ends of buckets, outwards.

An interval with two ends needs enough trials and enough values beyond the quantile in each, by their numbers, never by the values: an upper
end that exists by luck is too low. Otherwise the quantile is known to be at least the lower end.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from wke.describe.expression.units import convert
from wke.judge.statistics.statistics import POOLED, Summary
from wke.keep.output.distribution import Distribution, decode, pool
from wke.keep.trials.trials import Recorded
from wke.values import dataclass

BEYOND: Mapping[int, int] = {20: 30, 10: 100, 5: 300}
"""For an interval with two ends: from how many trials on, how many values beyond the quantile each of them needs."""

SHARE = "share"
"""The kind of summary of the share of values that a value covers."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A quantile of several trials together.

    `trials` of them have `total` values, the smallest `fewest`. `share` of all values are in buckets above that of the quantile; `error` is
    the half-width of the share's interval. `low` and `high` are the ends of the quantile's interval, None for one that is not known.
    `two_sided` tells whether there are enough trials and values for an interval with two ends.
    """

    quantile: float
    trials: int
    total: int
    fewest: int
    value: float
    share: float
    error: float
    low: float | None
    high: float | None
    two_sided: bool


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The values of all trials of a point, from which quantiles are taken."""

    parts: tuple[Distribution, ...]
    whole: Distribution
    confidence: float = 0.95

    @classmethod
    def of(cls, parts: Sequence[Distribution], confidence: float = 0.95) -> "Pool":
        """Return the pool of the distributions of at least one trial, none of them empty."""
        return cls(tuple(parts), pool(parts), confidence)

    @property
    def fewest(self) -> int:
        """The number of values of the smallest trial."""
        return min(part.total for part in self.parts)

    def quantile(self, quantile: float) -> Pooled:
        """Return a quantile, over 0 and below 1, with its interval."""
        total = self.whole.total
        _, value = self.whole.bucket(rank(quantile, total))
        share, error = self.share_above(value)
        low = high = None
        if len(self.parts) > 1 and share > 0:
            upper = share * math.exp(error / share)
            last = total - self.whole.above(value)  # the rank of the last value that is not above: rounding must not pass it
            low = self.whole.bucket(min(last, math.ceil((1 - upper) * total)))[0] if upper < 1 else None
            lower = share - error
            high = self.whole.bucket(max(last, math.ceil((1 - lower) * total)))[1] if lower * total >= 1 else None
        enough = two_sided(len(self.parts), self.fewest, quantile)
        return Pooled(quantile, len(self.parts), total, self.fewest, value, share, error, low, high, enough)

    def covered(self, value: float) -> Summary:
        """Return the share of all values that a value covers, with its interval; without an upper end where the plan has none."""
        above, error = self.share_above(value)
        low = high = None
        if len(self.parts) > 1 and above > 0:
            low = 1 - min(1.0, above * math.exp(error / above))
            if (above - error) * self.whole.total >= 1 and above < 1 and two_sided(len(self.parts), self.fewest, 1 - above):
                high = min(1.0, 1 - above + error)
        return Summary(len(self.parts), 1 - above, low, high, SHARE, self.confidence, self.fewest)

    def share_above(self, value: float) -> tuple[float, float]:
        """Return the share of all values that are in buckets that end above `value`, and the half-width of its interval.

        The half-width of one trial is 0, because nothing is known of it.
        """
        above = np.array([part.above(value) for part in self.parts], np.float64)
        sizes = np.array([part.total for part in self.parts], np.float64)
        n, share = len(self.parts), float(above.sum() / sizes.sum())
        if n == 1:
            return share, 0.0
        from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only when statistics are needed

        spread = math.sqrt(float(np.square(above - share * sizes).sum()) / (n * (n - 1)))
        return share, float(stdtrit(n - 1, (1 + self.confidence) / 2)) * spread / float(sizes.mean())


def summary_of(pooled: Pooled, confidence: float = 0.95) -> Summary:
    """Return a quantile as the summary of its point; without an upper end if there are too few trials or values for one."""
    high = pooled.high if pooled.two_sided else None
    return Summary(pooled.trials, pooled.value, pooled.low, high, POOLED, confidence, pooled.fewest)


def pool_of(groups: Sequence[Sequence[Recorded]], confidence: float = 0.95) -> tuple[Pool, str]:
    """Return the pool of what groups of trials recorded, none of them empty, and the unit of its values: that of the first trial.

    What is compared to say how exact a quantile is, are the groups: trials that are not independent are one.
    """
    unit = groups[0][0][0]
    parts = [[decode(buckets) if own == unit else _in_unit(decode(buckets), own, unit) for own, buckets in group] for group in groups]
    return Pool.of([pool(group) if len(group) > 1 else group[0] for group in parts], confidence), unit


def _in_unit(values: Distribution, own: str, unit: str) -> Distribution:
    factor = convert(1.0, own, unit) or math.nan
    return Distribution(values.lows * factor, values.highs * factor, values.counts)


def rank(quantile: float, total: int) -> int:
    """Return the rank of a quantile among so many values, from 1: the quantile counts as the fraction that is written."""
    return math.ceil(Fraction(repr(quantile)) * total)


def two_sided(trials: int, fewest: int, quantile: float) -> bool:
    """Return whether this many trials, the smallest with `fewest` values, are enough for an interval with two ends."""
    needed = next((beyond for least, beyond in BEYOND.items() if trials >= least), None)
    return needed is not None and fewest * _beyond(quantile) >= needed


def plans(quantile: float) -> Iterator[tuple[int, int]]:
    """Yield each number of trials from which on an interval has two ends, the smallest first, with the values that each of them needs."""
    for trials, beyond in sorted(BEYOND.items()):
        yield trials, math.ceil(beyond / _beyond(quantile))


def _beyond(quantile: float) -> Fraction:
    """Return the share of values beyond a quantile, on its shorter side."""
    share = Fraction(repr(quantile))
    return min(share, 1 - share)

"""Distributions: how many recorded values of one trial lie in which buckets, as they are stored with the trial and pooled over trials.

Histograms keep their buckets. Raw values keep each value as a bucket of its own, until there are too many different ones: then buckets are
at most 0.05 % wide, half as wide as those of a histogram with three digits.

The encoding is all lower ends, upper ends and counts, deflated: the bytes of equal weight together, which makes them small.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wke.keep.files.damage import DamagedError, decoding
from wke.keep.output.histogram import Histogram
from wke.keep.output.rawvalues import RawValues
from wke.values import dataclass

MOST_VALUES = 10_000
"""Raw values with more different ones than this are put into buckets."""
SPARE_BITS = 41
"""How many of the 52 bits of a number tell values of one bucket apart: 11 are left."""
LARGEST = 1 << 28
"""The most bytes that a stored distribution may have when it is inflated."""

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """`counts[k]` values lie between `lows[k]` and `highs[k]`, both included. Sorted by `highs`, then `lows`; no count is 0."""

    lows: Numbers
    highs: Numbers
    counts: Counts

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def above(self, value: float) -> int:
        """Return how many values are in buckets that end above a value."""
        return int(self.counts[np.searchsorted(self.highs, value, side="right") :].sum())

    def bucket(self, rank: int) -> tuple[float, float]:
        """Return the ends of the bucket of a rank, from 1."""
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(self.lows[place]), float(self.highs[place])


def distribution(values: Histogram | RawValues) -> Distribution:
    """Return how values are distributed."""
    if isinstance(values, Histogram):
        return Distribution(values.lows.astype(np.float64), values.highs.astype(np.float64), values.counts)
    ordered, counts = np.unique(values.ordered, return_counts=True)
    if len(ordered) <= MOST_VALUES:
        return Distribution(ordered, ordered, counts.astype(np.int64))
    lows, highs = _bucket_ends(ordered)
    return _merged(lows, highs, counts.astype(np.int64))


def pool(parts: Sequence[Distribution]) -> Distribution:
    """Return all values of several distributions in one, every bucket as it was."""
    lows, highs, counts = (np.concatenate(each) for each in zip(*((one.lows, one.highs, one.counts) for one in parts), strict=True))
    return _merged(lows, highs, counts)


def encode(values: Distribution) -> bytes:
    """Return a distribution as bytes."""
    return zlib.compress(b"".join(_by_weight(part.astype(f"<{part.dtype.kind}8")) for part in (values.lows, values.highs, values.counts)))


def decode(data: bytes) -> Distribution:
    """Return the distribution in stored bytes. Raise DamagedError for bytes that wke cannot have written."""
    with decoding("the distribution of recorded values"):
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(data, LARGEST)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        size = len(plain) // 3
        if not stream.eof or len(plain) % 24 or not plain:
            raise DamagedError("the distribution of recorded values is cut short")
        lows, highs, counts = (_from_weights(plain[at : at + size], kind) for at, kind in ((0, "f"), (size, "f"), (2 * size, "i")))
        found = Distribution(lows.astype(np.float64), highs.astype(np.float64), counts.astype(np.int64))
        if not ((found.counts > 0).all() and (found.lows <= found.highs).all() and (np.diff(found.highs) >= 0).all()):
            raise DamagedError("the distribution of recorded values makes no sense")
        return found


def _by_weight(part: NDArray[np.generic]) -> bytes:
    return part.view(np.uint8).reshape(-1, 8).T.tobytes()


def _from_weights(data: bytes, kind: str) -> NDArray[np.generic]:
    return np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view(f"<{kind}8").ravel()


def _bucket_ends(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return the ends of the bucket of each value: its number with the last bits all 0, and all 1."""
    bits = values.view(np.int64)
    spare = np.int64((1 << SPARE_BITS) - 1)
    first, last = (bits & ~spare).view(np.float64), (bits | spare).view(np.float64)
    return np.minimum(first, last), np.maximum(first, last)


def _merged(lows: Numbers, highs: Numbers, counts: Counts) -> Distribution:
    order = np.lexsort((lows, highs))
    lows, highs, counts = lows[order], highs[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], (np.diff(highs) != 0) | (np.diff(lows) != 0)))[: len(highs)])
    return Distribution(lows[first], highs[first], np.add.reduceat(counts, first) if len(first) else counts)

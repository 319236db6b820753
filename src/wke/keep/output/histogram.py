"""Histograms in the V2 encoding of HdrHistogram: decoding, merging, encoding. Quantiles and means are in judge/statistics/latency.py.

A histogram counts values in buckets that grow with the values: `lowest` is the smallest difference that matters, `digits` how many decimal
digits of a value are kept. Merging keeps every bucket as it was, so histograms with different settings are merged exactly: a value lies
in the same bucket as before, between `lows` and `highs`.

The encoding: a header of 40 bytes, then the counts of all buckets up to the last that is not empty. Each count is a signed number in
ZigZag encoding, in groups of seven bits, the lowest first; a negative number stands for that many empty buckets. The usual, compressed
form is a header of 8 bytes followed by all of this, deflated. The input may be hostile: memory grows with the bytes that are there, never
with what a header claims.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wke.values import dataclass

Numbers = NDArray[np.int64]

PLAIN, COMPRESSED = 0x1C849303, 0x1C849304
OLDER = {0x1C849301, 0x1C849302, 0x1C849308, 0x1C849309}
OF_DOUBLES = {0x0C72120E, 0x0C72120F}
WORD = 0xF0  # bits of the cookie without a meaning in this version
MOST_BUCKETS = 1_000_000
TOO_FINE = f"has more than {MOST_BUCKETS} buckets that are not empty; record fewer significant digits"
MOST_VALUES = float(1 << 53)

_HEADER = struct.Struct(">iiiiqqd")  # cookie, length of the counts, offset, digits, lowest, highest, ratio
_OUTER = struct.Struct(">ii")  # cookie, length of what is compressed
_PIECE = 1 << 16
_LONGEST_NUMBER = 8


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of values: `counts[k]` values lie between `lows[k]` and `highs[k]`, both included. Sorted by `highs`, no count is 0."""

    lows: Numbers
    highs: Numbers
    counts: Numbers
    lowest: int = 1
    digits: int = 3

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def at(self, rank: int) -> int:
        """Return the upper end of the bucket of a rank, from 1."""
        return int(self.highs[np.searchsorted(np.cumsum(self.counts), rank)])

    @property
    def mean(self) -> float:
        """The mean of all values, of which there is at least one; each counts as the middle of its bucket."""
        middles = self.lows + (self.highs - self.lows + 1) // 2
        return float(np.dot(middles.astype(np.float64), self.counts.astype(np.float64))) / self.total


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the buckets lie for `lowest` and `digits`: the first 2 * `half` have the width of a `unit`, each further `half` doubles it."""

    lowest: int
    digits: int

    @property
    def unit_bits(self) -> int:
        return self.lowest.bit_length() - 1

    @property
    def half_bits(self) -> int:
        return max(int(2 * 10**self.digits - 1).bit_length(), 1) - 1

    def count(self, highest: int) -> int:
        """Return how many buckets values up to `highest` need."""
        doublings = max((highest >> self.unit_bits).bit_length() - (self.half_bits + 1), 0)
        return (doublings + 2) << self.half_bits

    def places(self, indices: Numbers) -> tuple[Numbers, Numbers]:
        """Return the lowest and the highest value of buckets."""
        half = 1 << self.half_bits
        doublings = np.maximum((indices >> self.half_bits) - 1, 0)
        within = np.where(indices < half, indices, (indices & (half - 1)) + half)
        shifts = doublings + self.unit_bits
        lows = within << shifts
        return lows, lows + ((np.int64(1) << shifts) - 1)

    def indices(self, values: Numbers) -> Numbers:
        """Return the bucket of each value."""
        units = values >> self.unit_bits
        bits = np.array([int(unit).bit_length() for unit in units], np.int64)
        doublings = np.maximum(bits - (self.half_bits + 1), 0)
        return (units >> doublings) + (doublings << self.half_bits)


def is_encoded(data: bytes) -> bool:
    """Tell whether a histogram of any version starts with these bytes."""
    return len(data) >= 4 and int.from_bytes(data[:4], "big") & ~WORD in {PLAIN, COMPRESSED, *OLDER, *OF_DOUBLES}


def decode(data: bytes) -> Histogram:
    """Return the histogram in `data`, compressed or not. Raise ValueError with what is wrong with it."""
    if len(data) < _OUTER.size:
        raise ValueError("is cut short")
    cookie, length = _OUTER.unpack_from(data)
    base = cookie & ~WORD
    if base in OF_DOUBLES:
        raise ValueError("holds a histogram of fractions (DoubleHistogram), which is another format")
    if base in OLDER:
        raise ValueError("is in an older encoding (V0 or V1) of HdrHistogram; write V2")
    if base not in {PLAIN, COMPRESSED}:
        raise ValueError("is no histogram of HdrHistogram")
    if base == PLAIN:
        return _decode_plain(iter([data]))
    if length < 0 or len(data) - _OUTER.size < length:
        raise ValueError("is cut short")
    return _decode_plain(_inflated(data[_OUTER.size : _OUTER.size + length]))


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Return all values of several histograms in one. Raise ValueError when there are too many buckets or values."""
    none = np.zeros(0, np.int64)
    merged = Histogram(none, none, none, lowest=0, digits=0)
    waiting: list[Histogram] = []
    size = 0
    for histogram in histograms:
        waiting.append(histogram)
        size += len(histogram.counts)
        if size > MOST_BUCKETS:
            merged, waiting, size = _merged([merged, *waiting]), [], 0
    return _merged([merged, *waiting])


def encode(histogram: Histogram) -> bytes:
    """Return a histogram in the compressed form. The upper ends of its buckets stay, so quantiles do not change."""
    shape = _Shape(max(histogram.lowest, 1), histogram.digits)
    highest = max(int(histogram.highs[-1]) if len(histogram.highs) else 0, 2 * shape.lowest)
    counts: dict[int, int] = {}
    for index, count in zip(shape.indices(histogram.highs).tolist(), histogram.counts.tolist(), strict=True):
        counts[index] = counts.get(index, 0) + count
    payload, next_index = bytearray(), 0
    for index in sorted(counts):
        if index > next_index:
            payload += _zigzag(next_index - index if index - next_index > 1 else 0)
        payload += _zigzag(counts[index])
        next_index = index + 1
    plain = _HEADER.pack(PLAIN | 0x10, len(payload), 0, shape.digits, shape.lowest, highest, 1.0) + payload
    deflated = zlib.compress(plain)
    return _OUTER.pack(COMPRESSED | 0x10, len(deflated)) + deflated


def _zigzag(number: int) -> bytes:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _merged(histograms: Sequence[Histogram]) -> Histogram:
    lows, highs, counts = (np.concatenate(parts) for parts in zip(*((h.lows, h.highs, h.counts) for h in histograms), strict=True))
    if float(counts.sum(dtype=np.float64)) > MOST_VALUES:
        raise ValueError("they count more values than can be true")
    order = np.lexsort((lows, highs))
    lows, highs, counts = lows[order], highs[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], (np.diff(highs) != 0) | (np.diff(lows) != 0)))[: len(highs)])
    if len(first) > MOST_BUCKETS:
        raise ValueError(f"the whole {TOO_FINE}")
    summed = np.add.reduceat(counts, first) if len(first) else counts
    lowest = min((h.lowest for h in histograms if h.lowest), default=1)
    return Histogram(lows[first], highs[first], summed, lowest, max(h.digits for h in histograms))


def _inflated(data: bytes) -> Iterator[bytes]:
    """Yield what is compressed in `data` piece by piece, of any size."""
    stream = zlib.decompressobj()
    try:
        while not stream.eof:
            piece = stream.decompress(data, _PIECE)
            data = stream.unconsumed_tail
            if not piece and not data and not stream.eof:
                raise ValueError("is cut short")
            yield piece
    except zlib.error:
        raise ValueError("is damaged: what is compressed in it cannot be read") from None


def _decode_plain(pieces: Iterator[bytes]) -> Histogram:
    head = b""
    while len(head) < _HEADER.size:
        piece = next(pieces, None)
        if piece is None:
            raise ValueError("is cut short")
        head += piece
    cookie, length, offset, digits, lowest, highest, _ = _HEADER.unpack_from(head)
    if cookie & ~WORD != PLAIN:
        raise ValueError("is no histogram of HdrHistogram in the V2 encoding")
    if offset:
        raise ValueError("has shifted counts, as only histograms of fractions (DoubleHistogram) have")
    shape = _Shape(lowest, digits)
    if not (0 <= digits <= 5 and lowest >= 1 and highest // 2 >= lowest and length >= 0 and shape.unit_bits + shape.half_bits <= 61):
        raise ValueError("is damaged: its header makes no sense")
    indices, counts = _read_counts(_exactly(length, head[_HEADER.size :], pieces), shape.count(highest))
    lows, highs = shape.places(indices)
    return Histogram(lows, highs, counts, lowest, digits)


def _exactly(length: int, first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `length` bytes in all. Raise ValueError when there are fewer."""
    piece: bytes | None = first
    while length:
        if piece is None:
            raise ValueError("is cut short")
        yield piece[:length]
        length -= min(len(piece), length)
        piece = next(pieces, None)


def _read_counts(pieces: Iterable[bytes], buckets: int) -> tuple[Numbers, Numbers]:
    """Return the buckets that are not empty, and their counts."""
    indices: list[Numbers] = []
    counts: list[Numbers] = []
    at, size, rest = 0, 0, b""
    for piece in pieces:
        whole, rest = _whole_numbers(rest + piece)
        numbers = _read_numbers(whole)
        steps = np.where(numbers < 0, -numbers, 1)
        if len(steps) and int(steps.max()) > buckets:
            raise ValueError("is damaged: it has more counts than buckets")
        ends = at + np.cumsum(steps)
        filled = numbers > 0
        indices.append(ends[filled] - 1)
        counts.append(numbers[filled])
        at = int(ends[-1]) if len(ends) else at
        size += len(counts[-1])
        if at > buckets:
            raise ValueError("is damaged: it has more counts than buckets")
        if size > MOST_BUCKETS:
            raise ValueError(TOO_FINE)
    if rest:
        raise ValueError("is damaged: its last count has no end")
    found, numbers = (np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (indices, counts))
    if float(numbers.sum(dtype=np.float64)) > MOST_VALUES:
        raise ValueError("is damaged: it counts more values than can be true")
    return found, numbers


def _whole_numbers(data: bytes) -> tuple[bytes, bytes]:
    """Return the numbers in `data` that are there as a whole, and the rest."""
    end = len(data)
    while end and data[end - 1] & 0x80:
        end -= 1
        if len(data) - end > _LONGEST_NUMBER:
            raise ValueError("is damaged: a count in it is too large")
    return data[:end], data[end:]


def _read_numbers(data: bytes) -> Numbers:
    """Return the signed numbers in `data`."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    starts = np.concatenate((np.zeros(1, ends.dtype), ends[:-1] + 1))[: len(ends)]
    lengths = ends - starts + 1
    longest = int(lengths.max()) if len(lengths) else 0
    if longest > _LONGEST_NUMBER:
        raise ValueError("is damaged: a count in it is too large")
    numbers = np.zeros(len(ends), np.int64)
    for place in range(longest):
        longer = lengths > place
        numbers[longer] |= (octets[starts[longer] + place] & 0x7F).astype(np.int64) << (7 * place)
    return (numbers >> 1) ^ -(numbers & 1)

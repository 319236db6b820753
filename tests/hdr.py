"""Histograms as a load generator would write them: the V2 encoding of HdrHistogram spelled out value by value, without a library."""

import base64
import struct
import zlib
from collections import Counter
from collections.abc import Iterable

HEADER = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'


def bucket(value: int, lowest: int = 1, digits: int = 3) -> tuple[int, int, int]:
    """Return the index, the lowest and the highest value of the bucket that a value falls into."""
    unit = lowest.bit_length() - 1
    sub = 1
    while sub < 2 * 10**digits:
        sub *= 2
    half = sub // 2 or 1
    doubled = 0
    while (value >> unit >> doubled) >= 2 * half:
        doubled += 1
    within = value >> unit >> doubled
    return doubled * half + within, within << unit << doubled, ((within + 1) << unit << doubled) - 1


def number(value: int) -> bytes:
    """Return a signed number in the ZigZag way, in groups of seven bits."""
    rest, out = (value << 1) ^ (value >> 63), []
    while rest >= 0x80:
        out.append(rest % 0x80 + 0x80)
        rest //= 0x80
    return bytes([*out, rest])


def payload(counts: Iterable[int]) -> bytes:
    """Return counts, a run of zeros as the negative of its length."""
    out, zeros = b"", 0
    for count in counts:
        if count == 0:
            zeros += 1
            continue
        out += number(0 if zeros == 1 else -zeros) if zeros else b""
        out, zeros = out + number(count), 0
    return out


def plain(counts: bytes, *, lowest: int = 1, highest: int = 10**11, digits: int = 3, length: int | None = None, offset: int = 0) -> bytes:
    """Return a histogram that is not compressed, of counts that are encoded."""
    size = len(counts) if length is None else length
    return struct.pack(">iiiiqqd", 0x1C849313, size, offset, digits, lowest, highest, 1.0) + counts


def compressed(histogram: bytes) -> bytes:
    """Return a histogram in the compressed form."""
    deflated = zlib.compress(histogram)
    return struct.pack(">ii", 0x1C849314, len(deflated)) + deflated


def encoded(values: Iterable[int], *, lowest: int = 1, digits: int = 3) -> bytes:
    """Return the compressed histogram of some values."""
    counts = Counter(bucket(value, lowest, digits)[0] for value in values)
    every = [counts[index] for index in range(max(counts, default=-1) + 1)]
    return compressed(plain(payload(every), lowest=lowest, digits=digits))


def line(values: Iterable[int], *, per_ms: int = 1_000_000, tag: str = "", lowest: int = 1, digits: int = 3) -> str:
    """Return a line of an interval log."""
    values = list(values)
    largest = bucket(max(values, default=0), lowest, digits)[2] / per_ms
    data = base64.b64encode(encoded(values, lowest=lowest, digits=digits)).decode()
    return f"{f'Tag={tag},' if tag else ''}0.127,1.007,{largest:.3f},{data}\n"


def log(*lines: str) -> str:
    """Return an interval log."""
    return "#[Histogram log format version 1.3]\n#[StartTime: 1441812279.474 (seconds since epoch)]\n" + HEADER + "".join(lines)

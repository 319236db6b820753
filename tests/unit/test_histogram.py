"""HdrHistogram's encoding and logs: read as others write them, merged exactly, refused in words and in bounded memory when they are none."""

import base64
import contextlib
import csv
import math
import os
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path

import hdr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.judge.statistics.latency import fewest, quantile, statistic
from wke.keep.output.hdrlog import log_text, read_log
from wke.keep.output.histogram import Histogram, decode, encode, merge

ANSWERS = Path(__file__).parents[1] / "known_answers"
VALUES = st.lists(st.integers(0, 10**10), max_size=50)
SHAPES = st.tuples(st.sampled_from([1, 2, 7, 1000]), st.integers(0, 4))


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


def buckets(histogram: Histogram) -> dict[tuple[int, int], int]:
    lows, highs, counts = (part.tolist() for part in (histogram.lows, histogram.highs, histogram.counts))
    return dict(zip(zip(lows, highs, strict=True), counts, strict=True))


def expected(values: list[int], lowest: int, digits: int) -> dict[tuple[int, int], int]:
    return dict(Counter(hdr.bucket(value, lowest, digits)[1:] for value in values))


def read(folder: Path, text: str | bytes, tag: str | None = None) -> tuple[dict[tuple[int, int], int], str | None]:
    path = folder / "x.hlog"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    log = read_log(path, tag)
    return buckets(log.histogram), log.unit


@settings(deadline=None)
@given(VALUES, SHAPES)
def test_every_count_is_where_it_was(values: list[int], shape: tuple[int, int]) -> None:
    """What is decoded has each value in its bucket, for any settings; encoded again it is the same."""
    histogram = decode(hdr.encoded(values, lowest=shape[0], digits=shape[1]))
    assert buckets(histogram) == expected(values, *shape)
    assert (histogram.lowest, histogram.digits, histogram.total) == (*shape, len(values))
    assert buckets(decode(encode(histogram))) == buckets(histogram)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(VALUES, SHAPES), max_size=5))
def test_merging_keeps_every_bucket(parts: list[tuple[list[int], tuple[int, int]]]) -> None:
    """Of equal and different settings, in any order; kept in one histogram, no quantile changes."""
    decoded = [decode(hdr.encoded(values, lowest=shape[0], digits=shape[1])) for values, shape in parts]
    merged = merge(decoded)
    total: Counter[tuple[int, int]] = Counter()
    for values, shape in parts:
        total.update(expected(values, *shape))
    assert buckets(merged) == dict(total)
    assert buckets(merge(reversed(decoded))) == dict(total)
    assert (np.diff(merged.highs) >= 0).all()
    kept = decode(encode(merged))
    for share in (0.3, 0.5, 0.8):
        if merged.total >= fewest(share):
            assert quantile(kept, share) == quantile(merged, share)


@pytest.mark.parametrize("row", rows("hdr-coordinated-omission.csv"), ids=lambda row: f"{row['histogram']}-{row['percentile']}")
def test_published_quantiles(row: dict[str, str]) -> None:
    """Ten thousand fast answers and one stall, as recorded and as corrected for what could not be asked meanwhile."""
    missed = range(100_000_000 - 10_000, 9_999, -10_000) if row["histogram"] == "corrected" else ()
    histogram = decode(hdr.encoded([*[1000] * 10_000, 100_000_000, *missed]))
    assert histogram.total == int(row["total_count"])
    share = float(row["percentile"]) / 100
    if share < 1 and histogram.total < fewest(share):
        with pytest.raises(ValueError, match=f"{histogram.total} values are too few"):
            quantile(histogram, share)
    else:
        value = statistic(histogram, "max") if share == 1 else quantile(histogram, share)
        assert value == pytest.approx(int(row["value_us"]), rel=0.001)


def test_how_many_values_a_quantile_takes() -> None:
    """So many that an interval for it has two ends; with a tail of 1 %, as many as MLPerf asks for without a query over the bound."""
    for row in rows("quantile-ci-ranks.csv"):
        assert bool(row["j"] and row["k"]) == (int(row["n"]) >= fewest(float(row["q"]))), row
    for row in rows("mlperf-early-stopping.csv"):
        if row["overlatency_t"] == "0":
            assert fewest(float(row["p"]), 0.01) == int(row["min_queries"])
    assert [fewest(share) for share in (0.5, 0.9, 0.99, 0.999, 0.01)] == [6, 36, 368, 3688, 368]


@pytest.mark.parametrize(("share", "rank"), [(0.5, 500), (0.07, 70), (0.99, 990), (0.501, 501), (0.9901, 991)])
def test_a_quantile_is_a_value(share: float, rank: int) -> None:
    """The least that so large a share of all values does not exceed, counted exactly."""
    assert quantile(decode(hdr.encoded(range(1, 1001))), share) == rank


def test_mean_min_max_count() -> None:
    """Of values that their buckets tell apart exactly, and of none."""
    histogram = decode(hdr.encoded([3, 5, 10]))
    assert [statistic(histogram, name) for name in ("mean", "min", "max", "count")] == [6.0, 3, 10, 3]
    empty = decode(hdr.encoded([]))
    assert statistic(empty, "count") == 0
    for name in ("mean", "min", "max"):
        with pytest.raises(ValueError, match="no value was recorded"):
            statistic(empty, name)


def test_a_log_is_read_with_all_its_intervals(tmp_path: Path) -> None:
    """Comments and legend pass; a tag picks its lines; a single histogram is a log too, as text and as bytes."""
    text = hdr.log(
        hdr.line([5_000_000]), hdr.line([]), hdr.line([7_000_000] * 2, tag="READ"), "\n", hdr.line([9_000_000]).replace("\n", "\r\n")
    )
    total, unit = read(tmp_path, text)
    assert (sorted(total.values()), unit) == ([1, 1, 2], "ns")
    assert list(read(tmp_path, text, "READ")[0].values()) == [2]
    assert read(tmp_path, text, "WRITE") == ({}, None)
    data = hdr.encoded([5])
    for single in (data, base64.b64encode(data), zlib.decompress(data[8:])):
        assert read(tmp_path, single) == ({(5, 5): 1}, None)


@pytest.mark.parametrize(("per_ms", "unit"), [(1_000_000, "ns"), (1_000, "us"), (1, None), (1_000_000_000, None)])
def test_the_unit_follows_from_the_largest_value(tmp_path: Path, per_ms: int, unit: str | None) -> None:
    """A log states it in milliseconds. What is stated as it was recorded (as C and Rust do) tells no unit, and no unit is guessed."""
    assert read(tmp_path, hdr.log(hdr.line([123_456_789, 5], per_ms=per_ms)))[1] == unit
    assert read(tmp_path, hdr.log(hdr.line([0])))[1] is None
    assert read(tmp_path, hdr.line([5]).replace(",0.000,", ",NaN,"))[1] is None


@pytest.mark.parametrize("unit", ["ns", "us", None])
def test_what_is_kept_is_a_log(tmp_path: Path, unit: str | None) -> None:
    """A merged histogram that is written down says the same when it is read, its unit too."""
    histogram = merge([decode(hdr.encoded([1, 500, 123_456_789])), decode(hdr.encoded([1], digits=1))])
    kept, told = read(tmp_path, log_text(histogram, unit, "kept"))
    assert (sorted(kept.values()), max(high for _, high in kept), told) == ([1, 1, 2], int(histogram.highs[-1]), unit)


GOOD = hdr.plain(hdr.payload([1, 0, 0, 5]))
DAMAGED = {
    "nothing": (b"", "cut short"),
    "half a header": (GOOD[:20], "cut short"),
    "half the counts": (GOOD[:-1], "cut short"),
    "half of what is compressed": (hdr.compressed(GOOD)[:-5], "cut short"),
    "a stream that ends early": (b"\x1c\x84\x93\x14\x00\x00\x00\x14" + zlib.compress(GOOD)[:20], "cut short"),
    "no stream": (b"\x1c\x84\x93\x14\x00\x00\x00\x08" + b"notdeflated", "what is compressed in it cannot be read"),
    "a length below nothing": (b"\x1c\x84\x93\x14\xff\xff\xff\xff" + b"x" * 50, "cut short"),
    "another file": (b"\x7fELF" * 20, "no histogram of HdrHistogram"),
    "something else compressed": (hdr.compressed(b"x" * 100), "no histogram of HdrHistogram in the V2 encoding"),
    "compressed twice": (hdr.compressed(hdr.compressed(GOOD) + b"x" * 40), "no histogram of HdrHistogram in the V2 encoding"),
    "V1": (b"\x1c\x84\x93\x82" + b"\0" * 60, "older encoding"),
    "fractions": (b"\x0c\x72\x12\x4f" + b"\0" * 60, "DoubleHistogram"),
    "shifted": (hdr.plain(b"\x02", offset=3), "shifted counts"),
    "digits": (hdr.plain(b"\x02", digits=6), "header makes no sense"),
    "no resolution": (hdr.plain(b"\x02", lowest=0), "header makes no sense"),
    "no range": (hdr.plain(b"\x02", lowest=10, highest=19), "header makes no sense"),
    "beyond 63 bits": (hdr.plain(b"\x02", lowest=1 << 60, highest=(1 << 63) - 1, digits=5), "header makes no sense"),
    "a negative length": (hdr.plain(b"\x02", length=-1), "header makes no sense"),
    "more buckets than there are": (hdr.plain(hdr.number(-(10**6)) + hdr.number(1)), "more counts than buckets"),
    "a run that overflows": (hdr.plain(hdr.number(-(1 << 54)) * 1000), "more counts than buckets"),
    "a count without an end": (hdr.plain(b"\x02\x80\x80"), "no end"),
    "a count of nine bytes": (hdr.plain(b"\x80" * 9 + b"\x01"), "too large"),
    "a count of a million bytes": (hdr.plain(b"\x80" * 10**6 + b"\x01"), "too large"),
    "too many values": (hdr.plain(hdr.number(1 << 53) * 2), "more values than can be true"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused_in_words(name: str) -> None:
    """Whatever the bytes are, the answer is a sentence, whether they come compressed or not."""
    data, words = DAMAGED[name]
    with pytest.raises(ValueError, match=words):
        decode(data)
    if data[:4] == b"\x1c\x84\x93\x13" and "cut" not in words:
        with pytest.raises(ValueError, match=words):
            decode(hdr.compressed(data))


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_are_a_surprise(data: bytes, whole: bool) -> None:  # noqa: FBT001 - hypothesis fills it
    """Noise behind a good header, or a good histogram with noise in it, is read or refused."""
    with contextlib.suppress(ValueError):
        assert decode(hdr.plain(data) if whole else GOOD[: len(data) // 4] + data).total >= 0


LINES = {
    "cut base64": (hdr.line([5])[:-4], "line 1 has no histogram: it is cut short, or no base64"),
    "no base64": ("1,2,3,***\n", "line 1 has no histogram"),
    "two fields": ("\n1,2\n", "line 2 is not of the form start,length,largest,histogram"),
    "words": ("starting up\n", "line 1 has no histogram"),
    "cut histogram": (f"1,2,3,{base64.b64encode(hdr.encoded([5])[:-3]).decode()}\n", "line 1 is cut short"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_damaged_log_names_the_line(tmp_path: Path, name: str) -> None:
    """So that one finds it."""
    text, words = LINES[name]
    with pytest.raises(ValueError, match=words):
        read(tmp_path, text)


def test_memory_follows_what_is_there_not_what_is_claimed(tmp_path: Path) -> None:
    """A line without an end, a header that claims all, and megabytes of zeros deflated to nothing take no memory of their size."""
    zeros = bytes(120 << 20)
    bomb = hdr.compressed(hdr.plain(zeros, highest=(1 << 63) - 1, digits=5))
    huge = hdr.compressed(hdr.plain(b"\x02", highest=(1 << 63) - 1, digits=5, length=(1 << 31) - 1))
    (tmp_path / "endless").write_bytes(b"A")
    (tmp_path / "binary").write_bytes(GOOD)
    for name in ("endless", "binary"):
        os.truncate(tmp_path / name, 400 << 20)
    dense = hdr.compressed(hdr.plain(b"\x02" * 5_000_000, highest=(1 << 63) - 1, digits=5))
    del zeros
    tracemalloc.start()
    try:
        for data, words in ((bomb, "more counts than buckets"), (huge, "cut short"), (dense, "record fewer significant digits")):
            with pytest.raises(ValueError, match=words):
                decode(data)
        for name, words in (("endless", "line 1 is longer than"), ("binary", "is larger than")):
            with pytest.raises(ValueError, match=words):
                read_log(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_means_are_of_the_middles() -> None:
    """A value stands for the middle of its bucket, as in HdrHistogram."""
    histogram = decode(hdr.encoded([1_000_000], digits=2))
    low, high = int(histogram.lows[0]), int(histogram.highs[0])
    assert low <= 1_000_000 <= high
    assert math.isclose(statistic(histogram, "mean"), (low + high + 1) / 2)

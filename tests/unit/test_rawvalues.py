"""Files of raw values: every value is read unchanged; a line that is not a value is reported with its number."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.judge.statistics.latency import quantile, statistic
from wke.keep.output import rawvalues
from wke.keep.output.rawvalues import RawValues, read_values

CSV = "time,latency,op\n1,0.5,GET\n2,1.5,SET\n"
JSON = '{"op": "GET", "latency": 0.5, "t": {"ms": 1}}\n\n{"latency": "1500us", "t": {"ms": "2"}, "op": 3}\n'
FILES: dict[str, tuple[str | bytes, str | int | None, list[float] | str]] = {
    "lines": ("3\n1.5\n\n 2e0 \r\n", None, [3.0, 1.5, 2.0]),
    "no last newline": ("3\n4", None, [3.0, 4.0]),
    "nothing": ("", None, []),
    "lines with units": ("350us\n1.5ms\n0.002 s\n7\n", None, [0.35, 1.5, 2.0, 7.0]),
    "a Go duration": ("1m3s\n", None, [63_000.0]),
    "another unit": ("1\n5 B\n", None, "line 2 has a value in B, which is not ms"),
    "two in a line": ("1\n2 3\n", None, 'line 2 has "2 3", not a number'),
    "no number": ("1\n\nx\n", None, 'line 3 has "x", not a number'),
    "a part of a number": ("1\n1-2\n", None, 'line 2 has "1-2", not a number'),
    "endless": ("1\n1e999\n", None, 'line 2 has "1e999", not a finite number'),
    "nan": ("nan\n", None, 'line 1 has "nan", not a number'),
    "bytes": (b"1\n\xff\n", None, 'line 2 has "\ufffd", not a number'),
    "a column": (CSV, "latency", [0.5, 1.5]),
    "a column by its position": ("1,0.5\n2,1.5\n", 2, [0.5, 1.5]),
    "tabs, a byte order mark": ("\ufeffa\tb\n1\t2\n", "a", [1.0]),
    "spaces": ("0 1 350 0 1700000000 5\n0 2 400 0 1700000001 6\n", 3, [350.0, 400.0]),
    "quoted": ('"a, b",c\n"1",2\n', "a, b", [1.0]),
    "no such column": (CSV, "lat", 'line 1 has no column "lat"; its columns are time, latency, op'),
    "a header where none should be": (CSV, 2, 'line 1 has "latency", not a number'),
    "a short line": (CSV + "3\n", "latency", "line 4 has no column latency"),
    "a column of words": (CSV, "op", 'line 2 has "GET", not a number'),
    "a key": (JSON, "latency", [0.5, 1.5]),
    "an inner key": (JSON, "t.ms", [1.0, 2.0]),
    "no such key": (JSON, "t.us", 'line 1 has no "t.us"'),
    "a key of words": (JSON, "op", 'line 1 has "GET", not a number'),
    "no JSON": ('{"a": 1}\n{"a":\n', "a", "line 2 is not JSON"),
    "true": ('{"a": true}\n', "a", 'line 1 has "true", not a number'),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_values(tmp_path: Path, name: str) -> None:
    """One number per line, a column of CSV or a key of JSON lines, in milliseconds unless a value has its own unit."""
    text, column, expected = FILES[name]
    path = tmp_path / "values"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if isinstance(expected, str):
        with pytest.raises(ValueError) as error:
            read_values(path, column, "ms")
        assert str(error.value) == expected
    else:
        assert read_values(path, column, "ms").tolist() == expected


@given(st.integers(0, 999), st.integers(368, 999), st.sampled_from([0.5, 0.9, 0.99]))
def test_quantiles_are_values(seed: int, n: int, share: float) -> None:
    """A quantile is the value of rank ceil(q n), a mean is rounded once or nearly, and nothing falls into buckets."""
    values = np.random.default_rng(seed).lognormal(size=n).tolist()
    recorded = RawValues.of([np.array(values[:100]), np.array(values[100:])])
    rank = -(-round(share * 100) * len(values) // 100)
    assert quantile(recorded, share) == sorted(values)[rank - 1]
    assert (statistic(recorded, "min"), statistic(recorded, "max"), statistic(recorded, "count")) == (min(values), max(values), len(values))
    assert statistic(recorded, "mean") == pytest.approx(sum(values) / len(values), rel=1e-14)


def test_what_is_too_little_or_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A p99 takes 368 values, as for histograms; values and lines are bounded; equal values have their own mean."""
    with pytest.raises(ValueError, match=r"367 values are too few for a quantile of 0\.99, which needs at least 368"):
        quantile(RawValues.of([np.arange(367.0)]), 0.99)
    assert statistic(RawValues.of([np.array([0.1, 0.1, 0.1])]), "mean") == 0.1
    path = tmp_path / "values"
    path.write_text("1\n2\n3\n")
    monkeypatch.setattr(rawvalues, "MOST_VALUES", 2)
    for column in (None, 1):
        with pytest.raises(ValueError, match="more than 2 values"):
            read_values(path, column, "ms")
    monkeypatch.setattr(rawvalues, "LONGEST_LINE", 8)
    path.write_text("1" * 100)
    for column in (None, 1):
        with pytest.raises(ValueError, match="longer than 8 bytes"):
            read_values(path, column, "ms")

"""The telemetry file: what was stored is read back, whatever it is and wherever the file was cut or changed."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.keep.telemetry import reader
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import MISSING, TELEMETRY, encode
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.writer import TelemetryWriter
from wke.records import TaskName

LOAD = TaskName(2, "load", "node1", 1)
CPU = Column.of("machine", "cpu.user us counter")
MEMORY = Column.of("machine", "memory.used B gauge")
TASK = Column.of("task.7", "cpu us counter", LOAD)
LATENCY = Column("scrape.2379", "latency", "s", "gauge", floating=True)

whole = st.integers(-(2**63), 2**63 - 1)
machines = st.sampled_from(["node1", "node2", "nöde 3"])
rows = st.lists(st.tuples(whole, st.one_of(whole, st.just(MISSING)), st.floats(width=64)), min_size=1, max_size=5)


def bits(value: float) -> int:
    """Return a floating point number's bits as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def stored(folder: Path) -> TelemetryWriter:
    """Store two machines, a change of columns, and a gap."""
    writer = TelemetryWriter(folder)
    writer.columns("node1", 0, [CPU, MEMORY])
    writer.columns("node2", 0, [MEMORY])
    writer.chunk("node1", 0, 2, encode([[100, 200], [5, 7], [2**40, MISSING]]))
    writer.chunk("node2", 0, 1, encode([[150], [9]]))
    writer.columns("node1", 1, [MEMORY, TASK])
    writer.chunk("node1", 1, 1, encode([[300], [11], [12]]))
    return writer


@given(chunks=st.lists(st.tuples(machines, rows), min_size=1, max_size=6))
def test_what_was_stored_is_read_back(tmp_path_factory: pytest.TempPathFactory, chunks) -> None:
    """Every number comes back, also where differences wrap around; what could not be read is NaN."""
    folder = tmp_path_factory.mktemp("t")
    writer = TelemetryWriter(folder)
    kept: dict[str, list[tuple[int, int, float]]] = {}
    for machine, numbers in chunks:
        if machine not in kept:
            writer.columns(machine, 0, [CPU, LATENCY])
        kept.setdefault(machine, []).extend(numbers)
        times, values, floats = zip(*numbers, strict=True)
        writer.chunk(machine, 0, len(numbers), encode([times, values, [bits(each) for each in floats]]))
    writer.close()
    telemetry = read_telemetry(folder)
    assert telemetry.machines == tuple(kept)
    for machine, numbers in kept.items():
        times, values, floats = zip(*numbers, strict=True)
        read = telemetry.read(machine, [CPU, LATENCY])
        assert read[CPU].times_ns.tolist() == list(times)
        np.testing.assert_array_equal(read[CPU].values, [np.nan if value == MISSING else float(value) for value in values])
        np.testing.assert_array_equal(telemetry.series(machine, LATENCY).values, floats)
    assert telemetry.damage == []
    assert telemetry.samples == 2 * sum(map(len, kept.values()))


def test_columns_may_change_and_chunks_differ(tmp_path: Path) -> None:
    """A column goes on where a later set of columns has it again; another begins there; the task of a column is known."""
    stored(tmp_path).close()
    telemetry = read_telemetry(tmp_path)
    assert telemetry.columns("node1") == (CPU, MEMORY, TASK)
    assert telemetry.columns("node9") == ()
    memory = telemetry.series("node1", MEMORY)
    assert memory.times_ns.tolist() == [100, 200, 300]
    np.testing.assert_array_equal(memory.values, [2**40, np.nan, 11])
    assert telemetry.series("node1", TASK).values.tolist() == [12]
    assert [column.task for column in telemetry.columns("node1")] == [None, None, LOAD]
    with pytest.raises(KeyError):
        telemetry.series("node2", CPU)


@pytest.mark.parametrize("scratch", [1, 200, 1 << 20])
def test_chunks_are_put_together_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch: int) -> None:
    """However many chunks are decoded at a time, and whichever of them is none."""
    monkeypatch.setattr(reader, "SCRATCH", scratch)
    writer = TelemetryWriter(tmp_path)
    writer.columns("node1", 0, [MEMORY])
    for first, count in ((0, 2), (2, 2), (4, 2), (6, 3), (9, 2), (11, 2)):
        numbers = range(first, first + count)
        writer.chunk("node1", 0, count, b"none" if first == 2 else encode([numbers, [10 * number for number in numbers]]))
    writer.close()
    telemetry = read_telemetry(tmp_path)
    memory = telemetry.series("node1", MEMORY)
    assert memory.times_ns.tolist() == [0, 1, *range(4, 13)]
    assert memory.values.tolist() == [10 * number for number in (0, 1, *range(4, 13))]
    assert len(telemetry.damage) == 1


def test_a_file_cut_anywhere_is_readable_up_to_there(tmp_path: Path) -> None:
    """Of a file that ends early, all whole records are read, and the cut is told unless it is between two."""
    stored(tmp_path).close()
    path = tmp_path / TELEMETRY
    data = path.read_bytes()
    before, whole_ones = 0, 0
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        telemetry = read_telemetry(tmp_path)
        count = telemetry.samples
        assert count >= before
        assert len(telemetry.series("node1", MEMORY).values if MEMORY in telemetry.columns("node1") else []) <= 3
        whole_ones += not telemetry.damage
        before = count
    assert count == 7
    assert whole_ones == 8  # empty, after the head, and after each of six records


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    """Whichever byte changes, the record that has it is not believed, and what is before it is read."""
    stored(tmp_path).close()
    path = tmp_path / TELEMETRY
    data = path.read_bytes()
    for place in range(8, len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
        telemetry = read_telemetry(tmp_path)
        assert len(telemetry.damage) == 1
        assert telemetry.samples < 7
    path.write_bytes(b"time,node1.cpu\n")
    assert read_telemetry(tmp_path).damage == [f"{path} is not a telemetry file"]


@pytest.mark.parametrize("payload", [b"", b"no chunk", encode([[1], [2], [3], [4]]), encode([[1], [2]]), encode([[1, 2], [3, 4], [5, 6]])])
def test_what_a_machine_sends_is_not_trusted(tmp_path: Path, payload: bytes) -> None:
    """A chunk that has not as many numbers as its columns need is left out and told; others are read."""
    writer = stored(tmp_path)
    writer.columns("node3", 0, [CPU, MEMORY])
    writer.chunk("node3", 0, 1, payload)
    writer.chunk("node3", 0, 1, encode([[10], [20], [30]]))
    writer.close()
    telemetry = read_telemetry(tmp_path)
    assert telemetry.series("node3", MEMORY).values.tolist() == [30]
    assert len(telemetry.damage) == 1
    assert "was left out" in telemetry.damage[0]


@pytest.mark.parametrize(("epoch", "count"), [(1, 1), (0, 0), (0, 1 << 20)])
def test_a_chunk_that_cannot_be_one_is_refused(tmp_path: Path, epoch: int, count: int) -> None:
    """A chunk whose columns were not declared, or with an impossible number of rows, is not stored."""
    writer = TelemetryWriter(tmp_path)
    writer.columns("node1", 0, [CPU])
    with pytest.raises(ValueError, match="node1 sent"):
        writer.chunk("node1", epoch, count, encode([[1], [2]]))
    writer.close()
    assert read_telemetry(tmp_path).samples == 0


@pytest.mark.parametrize(
    "text", ["", "cpu us", "cpu us sum", "cpu us counter x", "cpu  counter", "c\x1bpu us gauge", "c" * 300 + " us gauge"]
)
def test_a_column_that_is_none_is_refused(text: str) -> None:
    """Only a name, a unit and a kind, all of them printable words, describe a column."""
    with pytest.raises(ValueError, match="does not describe a column"):
        Column.of("machine", text)


def test_no_file_is_no_telemetry(tmp_path: Path) -> None:
    """An attempt without samples has no file, and one without a file has no machines."""
    TelemetryWriter(tmp_path).close()
    assert list(tmp_path.iterdir()) == []
    assert read_telemetry(tmp_path).machines == ()

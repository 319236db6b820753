"""The sampler: rows, epochs and chunks, with sources that are told what to say."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.act.connection.telemetry import SentChunk
from wke.act.telemetry.chunks import decode
from wke.agent import frames, sampler, sources
from wke.agent.kernelfiles import FileSource
from wke.agent.protocol import ProtocolError
from wke.agent.sampler import Sampler, chunk

SECOND = 10**9
WORDS = st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(0, 1000)


class Source:
    """Says what it is told; an exception is raised."""

    def __init__(self, *columns: str, says: object = 0) -> None:
        self.columns = list(columns)
        self.says = says
        self.is_closed = False

    def read(self) -> list[int | None]:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says if isinstance(self.says, list) else [self.says] * len(self.columns)

    def close(self) -> None:
        self.is_closed = True


class Sent:
    """What a sampler sent: epochs with their columns, and rows by the names of columns."""

    def __init__(self) -> None:
        self.is_behind = False
        self.columns: dict[int, list[str]] = {}
        self.rows: list[dict[str, int | None]] = []
        self.heads: list[dict] = []
        self.notes: list[str] = []
        self.sizes: list[int] = []
        self.sampler = Sampler(self.take, lambda: self.is_behind)

    def take(self, kind: int, head: dict, payload: bytes) -> None:
        assert frames.flaw(kind, head) == ""
        if kind == frames.SERIES:
            self.columns[head["epoch"]] = head["columns"]
            self.notes += head["notes"]
            return
        self.heads.append(head)
        self.sizes.append(len(payload))
        names = self.columns[head["epoch"]]
        times, values = decode(packed(head["rows"], payload), len(names), range(len(names)))
        self.rows += [{"at": at} | {name: values[k][row] for k, name in enumerate(names)} for row, at in enumerate(times)]


def packed(rows: int, payload: bytes) -> SentChunk:
    return SentChunk(1, rows, 0, 0, payload, {})


@given(st.integers(0, 5).flatmap(lambda width: st.lists(st.tuples(st.integers(0, 2**62), *[WORDS] * width), min_size=1, max_size=30)))
def test_decoding_undoes_encoding(rows: list[tuple[int, ...]]) -> None:
    """Any 64-bit numbers, with unknown ones among them, whatever the differences are."""
    width = len(rows[0]) - 1
    times, values = decode(packed(len(rows), chunk(list(zip(*rows, strict=True)))), width, range(width))
    assert [tuple(row) for row in zip(times, *values, strict=True)] == rows


@pytest.mark.parametrize(("rows", "payload"), [(2, chunk([[1], [2]])), (1, chunk([[1], [2]])[:-3]), (1, b"x"), (10**9, chunk([[1], [2]]))])
def test_a_chunk_of_another_size_is_refused(rows: int, payload: bytes) -> None:
    """A machine cannot make us read beyond what it sent, or unpack more than it said."""
    with pytest.raises(ProtocolError):
        decode(packed(rows, payload), 1, [0])


def test_a_chunk_is_small() -> None:
    """Ten rows of forty counters that grow take less than three bytes for each number."""
    sent = Sent()
    busy = Source(*[f"c{k} B counter" for k in range(40)])
    sent.sampler.add("machine", busy)
    for k in range(10):
        busy.says = [10**9 * c + k * (1000 + 37 * c) for c in range(40)]
        sent.sampler.take(k * SECOND // 10)
    sent.sampler.flush()
    assert [row["at"] for row in sent.rows] == [k * SECOND // 10 for k in range(10)]
    assert sent.sizes[0] < 3 * 400


def test_columns_that_change_begin_an_epoch() -> None:
    """A source that comes, goes, or is another one: rows before it and after it are told apart, and nothing is lost."""
    sent = Sent()
    one, two = Source("a 1 gauge", says=1), Source("b 1 gauge", says=2)

    def step(at: int, change: Callable[[], object] = lambda: None) -> None:
        change()
        sent.sampler.take(at)

    step(1, lambda: sent.sampler.add("machine", one))
    step(2)
    step(3, lambda: sent.sampler.add("task.7", two))
    step(4, lambda: setattr(one, "columns", ["c 1 gauge"]))
    step(5, lambda: setattr(two, "says", OSError("gone")))
    step(6, lambda: sent.sampler.note("a sentence"))
    step(7, lambda: setattr(one, "says", ValueError("odd")))
    sent.sampler.remove(one)
    sent.sampler.remove(one)
    step(8)
    sent.sampler.close()
    a, b, c = "machine a 1 gauge", "task.7 b 1 gauge", "machine c 1 gauge"
    told = [{a: 1}, {a: 1}, {a: 1, b: 2}, {c: 1, b: 2}, {c: 1}, {c: 1}, {c: None}, {}]
    assert sent.rows == [{"at": k} | row for k, row in enumerate(told, 1)]
    assert sent.notes == ["a sentence"]
    assert one.is_closed
    assert two.is_closed


class Length(FileSource):
    """Says how long its file is."""

    def __init__(self, path: Path, *, in_parts: bool) -> None:
        super().__init__(str(path), in_parts=in_parts)
        self.columns = ["length B gauge"]

    def parse(self, text: bytes) -> list[int]:
        return [len(text)]


def test_what_files_say_is_told_as_if_it_were_understood_at_once(tmp_path: Path) -> None:
    """Rows that are understood together: a device that comes, a text that means nothing, a counter that runs over, a source read slowly."""
    (tmp_path / "block/sda/device").mkdir(parents=True)
    (tmp_path / "block/sdb/device").mkdir(parents=True)
    (tmp_path / "loadavg").write_text("0.1 0 0 1/1 1\n")
    (tmp_path / "diskstats").touch()
    sent, live = Sent(), Source("a 1 gauge")
    disks, load = sources.Disks(str(tmp_path), str(tmp_path)), sources.Load(str(tmp_path))
    load.every = 2
    for scope, source in (("machine", load), ("task.1", live), ("machine", disks)):
        sent.sampler.add(scope, source)
    line = "8 0 {} 0 0 0 0 0 0 {} 0 0 0 0\n".format
    top = 2**32
    texts = ["", line("sda", top - 2), line("sda", 3), line("sda", 4), line("sda", "x"), line("sda", 1) + line("sdb", 7), line("sdb", 8)]
    texts.append(line("sda", 2))
    for k, text in enumerate(texts):
        live.says = k
        (tmp_path / "diskstats").write_text(text)
        (tmp_path / "loadavg").write_text(f"0.{k}0 0 0 1/{k} 1\n")
        sent.sampler.take(k)
    assert sent.rows == []
    sent.sampler.flush()
    a, b = (f"machine disk.{name}.written B counter" for name in ("sda", "sdb"))
    assert [row["task.1 a 1 gauge"] for row in sent.rows] == [row["at"] for row in sent.rows] == list(range(8))
    assert [row["machine threads 1 gauge"] for row in sent.rows] == [0, None, 2, None, 4, None, 6, None]
    known = [[row[name] // 512 if row[name] is not None else None for name in (a, b) if name in row] for row in sent.rows]
    assert known == [[], [top - 2], [top + 3], [top + 4], [None], [top + 4, 7], [8], [top + 5]]


@pytest.mark.parametrize("in_parts", [False, True])
def test_files_that_grow_are_read_whole(tmp_path: Path, *, in_parts: bool) -> None:
    """Whatever was asked for at first, no text is cut; a file that cannot be read any more takes no row with it."""
    sent, path, lengths = Sent(), tmp_path / "file", [10, 300, 5000, 9000, 20, 3000]
    path.write_bytes(b"")
    one, other = Length(path, in_parts=in_parts), Length(path, in_parts=in_parts)
    sent.sampler.add("machine", one)
    sent.sampler.add("host", other)
    for at, length in enumerate(lengths):
        path.write_bytes(b"x" * length)
        sent.sampler.take(at)
    folder = os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, other.file.handle)  # no file: reading it is an error
    os.close(folder)
    sent.sampler.take(6)
    sent.sampler.close()
    assert [row["machine length B gauge"] for row in sent.rows] == [*lengths, 3000]
    assert [row.get("host length B gauge") for row in sent.rows] == [*lengths, None]


def test_a_controller_that_is_behind_misses_rows_and_not_their_meaning() -> None:
    """What is not sent is not kept; the columns of an epoch come before its first rows that do."""
    sent = Sent()
    source = Source("a 1 gauge", says=1)
    sent.sampler.add("machine", source)
    sent.is_behind = True
    for k in range(20):
        sent.sampler.take(k * SECOND)
    source.columns = ["b 1 gauge"]
    sent.sampler.take(20 * SECOND)
    assert (sent.columns, sent.rows) == ({}, [])
    sent.is_behind = False
    sent.sampler.take(21 * SECOND)
    sent.sampler.flush()
    assert sent.rows[-1] == {"at": 21 * SECOND, "machine b 1 gauge": 1}


def test_the_latest_figures() -> None:
    """Of processors, memory and real interfaces, over the time since the chunk before; what is not known is not there."""
    sent = Sent()
    names = ["cpu.busy us counter", "cpu.capacity us/s gauge", "memory.used B gauge", "memory.total B gauge"]
    names += ["net.eth0.received B counter", "net.eth1.received B counter", "net.lo.received B counter", "net.eth0.sent B counter"]
    source = Source(*names)
    sent.sampler.add("machine", source)
    for row in (
        [0, 2_000_000, 5, 9, 0, 100, 7, None],
        [1_500_000, 2_000_000, 6, 9, 1000, 200, 9999, 0],
        [3_000_000, 500_000, 7, 9, 1000, 200, 10**9, 500],
    ):
        source.says = row
        sent.sampler.take(len(sent.heads) * SECOND)
        sent.sampler.flush()
    assert [head["now"] for head in sent.heads] == [
        {"cpus": 2000, "memory": 5, "memory-total": 9},
        {"cpus": 2000, "cpu": 1500, "memory": 6, "memory-total": 9, "received": 1100},
        {"cpus": 500, "cpu": 1500, "memory": 7, "memory-total": 9, "received": 0, "sent": 500},
    ]


def test_too_many_columns_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with ten thousand interfaces still says the rest."""
    monkeypatch.setattr(sampler, "MOST_COLUMNS", 3)
    sent = Sent()
    sent.sampler.add("machine", Source(*[f"c{k} 1 gauge" for k in range(5)], says=[0, 1, 2, 3, 4]))
    sent.sampler.take(1)
    sent.sampler.flush()
    assert sent.rows == [{"at": 1, "machine c0 1 gauge": 0, "machine c1 1 gauge": 1, "machine c2 1 gauge": 2}]

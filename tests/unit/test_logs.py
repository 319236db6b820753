"""Logs: what tasks wrote comes back byte for byte, with its times, however many tasks and however few open files."""

import mmap
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric, observe
from wke.errors import StoreError
from wke.keep.output.logs import (
    PIECE,
    Follower,
    Line,
    LogWriter,
    collected_files,
    files_folder,
    lines,
    pieces,
    read_output,
    stderr,
    stdout,
    tasks,
)
from wke.records import Note, Outcome, OutcomeKind, Output, TaskEnded, TaskName

LOAD = TaskName(1, "load", "node1")
PEER = TaskName(1, "load", "node2", 3)


def written(folder: Path, *outputs: Output, limit: int = 256) -> Path:
    with LogWriter(folder, limit=limit) as writer:
        for output in outputs:
            writer(output)
    return folder


def ended(task: TaskName) -> TaskEnded:
    return TaskEnded(task, Outcome(OutcomeKind.OK), 0, 1)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only


def test_files_are_where_a_person_looks(tmp_path: Path) -> None:
    """One folder a step, one file a machine, copy and stream; nothing is made for what says nothing; only the owner may read."""
    written(tmp_path, Output(LOAD, 1, b"a\n", 5), Output(PEER, 2, b"b\n", 6))
    found = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert found == {
        "01-load": 0o700,
        "01-load/node1.out": 0o600,
        "01-load/node1.idx": 0o600,
        "01-load/node2.3.err": 0o600,
        "01-load/node2.3.idx": 0o600,
    }
    assert tasks(tmp_path) == (LOAD, PEER)
    assert (stdout(tmp_path, LOAD), stderr(tmp_path, LOAD), stdout(tmp_path, PEER), stderr(tmp_path, PEER)) == (b"a\n", b"", b"", b"b\n")


@pytest.mark.parametrize(
    "names",
    [
        [TaskName(0, "x", "10.0.0.1"), TaskName(0, "x", "10.0.0", 1)],
        [TaskName(0, "x", "a.2"), TaskName(0, "x", "a", 2), TaskName(0, "x", "a.2", 2)],
        [TaskName(0, "../x", "../../etc/passwd"), TaskName(0, "..", "."), TaskName(12, "a-b", "m-1")],
        [TaskName(0, "x y", "n%2E1"), TaskName(0, "x y", "n.1")],
    ],
)
def test_names_never_collide_nor_escape(tmp_path: Path, names: list[TaskName]) -> None:
    """Machines named like another's copy, or like a path, keep their own files inside the folder."""
    folder = tmp_path / "trial"
    written(folder, *(Output(task, 1, repr(task).encode(), 0) for task in names))
    assert {task: bytes(text) for task, text in read_output(folder).items()} == {task: repr(task).encode() for task in names}
    assert list(tmp_path.iterdir()) == [folder]


def test_metrics_are_read_from_files_that_are_mapped_not_read(tmp_path: Path) -> None:
    """Reports and patterns are found in what `read_output` gives, also in the output of a task that wrote to standard error only."""
    written(tmp_path, Output(LOAD, 1, b"wke: x=1\nrate 7\nwke: x=2 s\nrate 8", 0), Output(PEER, 2, b"wke: x=9\n", 0))
    texts = read_output(tmp_path)
    assert [isinstance(texts[task], mmap.mmap) for task in (LOAD, PEER)] == [True, False]
    metrics = [Metric("x", unit="ms"), Metric("rate", log="rate ([0-9]+)")]
    assert observe(metrics, texts, {"x": [LOAD], "rate": [LOAD]}).values == {"x": 2000.0, "rate": 8.0}


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([LOAD, PEER]), st.sampled_from([1, 2]), st.binary(max_size=40) | st.sampled_from([b"\n", b"a\nb", b"\n\n"])
        ),
        max_size=30,
    ),
    limit=st.integers(1, 4),
)
def test_bytes_and_times_come_back_whatever_the_pieces(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[TaskName, int, bytes]], limit: int
) -> None:
    """Reading gives exactly the pieces that were written, and lines that join to the same bytes, with any number of open files."""
    folder = tmp_path_factory.mktemp("logs")
    written(folder, *(Output(task, stream, data, at) for at, (task, stream, data) in enumerate(parts)), limit=limit)
    for task in (LOAD, PEER):
        assert list(pieces(folder, task)) == [(at, stream, data) for at, (name, stream, data) in enumerate(parts) if name == task]
        assert stdout(folder, task) == b"".join(data for name, stream, data in parts if (name, stream) == (task, 1))
    for task in (LOAD, PEER):
        for stream, read in ((1, stdout), (2, stderr)):
            mine = [line.data for line in lines(folder) if (line.task, line.stream) == (task, stream)]
            assert b"\n".join(mine) == read(folder, task).removesuffix(b"\n")


def test_lines_of_all_machines_in_the_order_of_time(tmp_path: Path) -> None:
    """A line has the time at which its end arrived; what never ended comes last."""
    written(
        tmp_path,
        Output(LOAD, 1, b"one\ntw", 10),
        Output(LOAD, 2, b"oops\n", 15),
        Output(LOAD, 1, b"o\nrest", 30),
        Output(PEER, 1, b"peer\r\n\n", 20),
    )
    assert list(lines(tmp_path)) == [
        Line(10, LOAD, 1, b"one"),
        Line(15, LOAD, 2, b"oops"),
        Line(20, PEER, 1, b"peer\r"),
        Line(20, PEER, 1, b""),
        Line(30, LOAD, 1, b"two"),
        Line(30, LOAD, 1, b"rest"),
    ]


def test_few_files_are_open_whatever_the_number_of_tasks(tmp_path: Path) -> None:
    """Three hundred talking tasks need no more descriptors than the limit, and a task's files close when it ends."""
    before = descriptors()
    writer = LogWriter(tmp_path, limit=20)
    names = [TaskName(0, "load", f"node{k}") for k in range(300)]
    for turn in range(2):
        for task in names:
            writer(Output(task, 1, b"%d\n" % turn, turn))
            assert descriptors() <= before + 20
    assert all(stdout(tmp_path, task) == b"0\n1\n" for task in names)
    for task in names:
        writer(ended(task))
    assert descriptors() == before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 270, hard))
    try:
        assert sum(1 for _ in lines(tmp_path)) == 600
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert descriptors() == before


def test_every_piece_is_readable_before_anything_is_closed(tmp_path: Path) -> None:
    """A controller that is killed loses nothing it had received: no bytes wait inside the writer."""
    writer = LogWriter(tmp_path)
    writer(Output(LOAD, 1, b"here", 7))
    assert list(pieces(tmp_path, LOAD)) == [(7, 1, b"here")]
    writer.close()


def test_a_torn_index_ends_at_its_last_whole_record(tmp_path: Path) -> None:
    """What a power cut left of the last record is not read as one."""
    written(tmp_path, Output(LOAD, 1, b"one\n", 1), Output(LOAD, 1, b"two\n", 2))
    index = tmp_path / "01-load" / "node1.idx"
    index.write_bytes(index.read_bytes()[: PIECE.size + 11])
    assert [line.data for line in lines(tmp_path)] == [b"one"]
    assert stdout(tmp_path, LOAD) == b"one\ntwo\n"


def test_a_second_writer_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    """Offsets count from what the file already holds."""
    written(tmp_path, Output(LOAD, 1, b"one\n", 1))
    written(tmp_path, Output(LOAD, 1, b"two\n", 2), Note("not output"))
    assert [line.data for line in lines(tmp_path)] == [b"one", b"two"]


def test_a_disk_that_takes_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    """The writer raises a StoreError instead of dropping bytes."""
    (tmp_path / "01-load").mkdir()
    (tmp_path / "01-load" / "node1.out").symlink_to("/dev/full")
    writer = LogWriter(tmp_path)
    with pytest.raises(StoreError, match="is full"):
        writer(Output(LOAD, 1, b"lost", 1))
    writer.close()


def test_collected_files_are_files_of_the_trial(tmp_path: Path) -> None:
    """Links, to what is there already or to what is not the trial's, do not count, and neither does what would wait for a writer."""
    place = files_folder(tmp_path, LOAD)
    (place / "out").mkdir(parents=True)
    (place / "out/b.hlog").write_text("b")
    (place / "out/a.hlog").write_text("a")
    (place / "out/again.hlog").symlink_to("a.hlog")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/c.hlog").write_text("c")
    (place / "out/c.hlog").symlink_to(tmp_path / "elsewhere/c.hlog")
    (place / "away").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(place / "out/pipe.hlog")
    assert [name for name, _ in collected_files(tmp_path, LOAD, "out/*.hlog")] == ["out/a.hlog", "out/b.hlog"]
    assert collected_files(tmp_path, LOAD, "*/c.hlog") == ()
    assert collected_files(tmp_path, PEER, "out/*.hlog") == ()


def test_a_trial_is_followed_while_its_folder_moves(tmp_path: Path) -> None:
    """Each line comes once, when it has ended, in the order of time; those written before and after the move alike; a rest at the end."""
    a, b = TaskName(0, "load", "a"), TaskName(0, "load", "b")
    running, ended, follower = tmp_path / "partial", tmp_path / "trials", Follower()
    assert list(follower.new(running)) == []
    with LogWriter(running) as writer:
        writer(Output(b, 1, b"second\nhal", 5))
        writer(Output(a, 1, b"first\n", 3))
        assert [(line.task.machine, line.data) for line in follower.new(running)] == [("a", b"first"), ("b", b"second")]
        assert list(follower.new(running)) == []
        writer(Output(b, 1, b"f\n", 7))
        writer(Output(b, 2, b"no end", 8))
    running.rename(ended)
    assert list(follower.new(running)) == []
    assert [(line.at_ns, line.data) for line in follower.new(ended)] == [(7, b"half")]
    assert [(line.at_ns, line.stream, line.data) for line in follower.rest()] == [(8, 2, b"no end")]

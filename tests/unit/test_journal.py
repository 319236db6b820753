"""The journal: whole frames go in, and whoever reads from wherever, in whatever pieces, gets them out again."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from heads import right_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.agent import frames
from wke.agent import journal as module
from wke.agent.journal import Journal
from wke.agent.protocol import Decoder, Frame, encode

REPORTS = (frames.STARTED, frames.OUTPUT, frames.ENDED)
FRAMES = st.lists(right_frames(REPORTS, st.just(7)), max_size=12)
SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=20)


def encoded(frame: Frame) -> bytes:
    return encode(frame.kind, frame.channel, frame.head, frame.payload)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return os.fsencode(tmp_path_factory.mktemp("journal") / "journal")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(os.fsencode(tmp_path / "journal"))
    yield made
    made.clear()


@settings(max_examples=50, deadline=None)
@given(frames=FRAMES, sizes=SIZES, break_after=st.integers(0, 2000))
def test_reading_on_from_any_offset_loses_and_repeats_nothing(
    folder: bytes, frames: list[Frame], sizes: list[int], break_after: int
) -> None:
    """Pieces of any size, files closed between, a reader that comes back with its offset in the middle of a frame: the same frames."""
    journal = Journal(folder)
    journal.clear()
    for frame in frames:
        journal.append(7, encoded(frame))
    decoder, offset, got = Decoder(), 0, []
    while data := journal.read(7, offset, sizes[offset % len(sizes)]):
        got += decoder.frames(data)
        offset += len(data)
        if offset > break_after:
            journal.sync()
            journal.close(7)
    decoder.end()
    assert (got, offset) == (frames, journal.size(7))
    journal.clear()
    assert journal.size(7) == 0


@settings(max_examples=50, deadline=None)
@given(frames=FRAMES, cut=st.integers(0, 3000))
def test_a_torn_end_costs_the_torn_frame_only(frames: list[Frame], cut: int) -> None:
    """What a power cut leaves of a file is read up to its last whole frame, and nothing is made up."""
    whole = b"".join(map(encoded, frames))
    torn = whole[: min(cut, len(whole))]
    decoder = Decoder()
    got = list(decoder.frames(torn))
    assert got == frames[: len(got)]
    left = len(torn) - sum(len(encoded(frame)) for frame in got)
    assert 0 <= left < (len(encoded(frames[len(got)])) if len(got) < len(frames) else 1)


def test_a_full_disk_leaves_whole_frames(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of which only a part could be written is taken back; what comes when there is room again is behind the one before."""
    first, second = (encode(frames.OUTPUT, 7, {"stream": 1, "at": n}, b"x" * 1000) for n in (1, 2))
    journal.append(7, first)
    write, room = os.write, [100]

    def full(handle: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[: room.pop()])

    with monkeypatch.context() as patched:
        patched.setattr(module.posix, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(7, second)
    assert (journal.size(7), journal.read(7, 0, 1 << 20)) == (len(first), first)
    journal.append(7, second)
    assert journal.read(7, len(first), 1 << 20) == second


def test_tasks_are_kept_apart_and_private(journal: Journal, tmp_path: Path) -> None:
    """One file a task, for its owner only; closing one does not touch the other; clear forgets all."""
    journal.append(1, b"one")
    journal.append(2, b"two")
    journal.close(1)
    assert (journal.read(1, 0, 9), journal.read(2, 1, 9), journal.read(3, 0, 9)) == (b"one", b"wo", b"")
    files = sorted((tmp_path / "journal").iterdir())
    assert [(f.name, oct(f.stat().st_mode & 0o777)) for f in files] == [("1", "0o600"), ("2", "0o600"), ("3", "0o600")]
    journal.clear()
    assert list((tmp_path / "journal").iterdir()) == []

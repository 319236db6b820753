"""The writer's lock as others see it: who has it, who had it, and that looking is no hindrance."""

import fcntl
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wke.errors import StoreError
from wke.keep.files.lock import Holder, WriterLock, holder_of, writer_of


def test_who_holds_a_lock_is_told_in_parts(tmp_path: Path) -> None:
    """While it is held with pid, command and time; nothing once it was given back."""
    path = tmp_path / "a.lock"
    assert holder_of(path) is None
    before = time.time_ns() // 1_000_000_000
    lock = WriterLock(path, "wke measure a b", "a")
    found = holder_of(path)
    assert found is not None
    assert (found.alive, found.facts["pid"], found.facts["command"]) == (True, str(os.getpid()), "wke measure a b")
    assert before <= (found.since_ns or 0) // 1_000_000_000 <= time.time()
    assert writer_of(path) == found.words
    lock.release()
    assert (holder_of(path), writer_of(path)) == (None, None)


def test_a_command_line_may_have_bytes_that_are_no_text(tmp_path: Path) -> None:
    """As the name of a file may: it is locked like others, and the command is told with an escape."""
    path = tmp_path / "a.lock"
    lock = WriterLock(path, "wke measure \udcff.toml", "a")
    found = holder_of(path)
    assert found is not None
    assert found.facts["command"] == "wke measure \\udcff.toml"
    lock.release()


def test_words_of_others_have_no_parts() -> None:
    """A line that somebody else wrote is shown as it is."""
    assert Holder("somebody", alive=True).facts == {}
    assert Holder("somebody", alive=True).since_ns is None
    whole = Holder("pid 7 of a b on desk since 2026-11-20 14:03:11 UTC: wke measure x: y\nz", alive=False)
    assert whole.facts == {"pid": "7", "user": "a b", "host": "desk", "since": "2026-11-20 14:03:11 UTC", "command": "wke measure x: y\nz"}
    assert whole.since_ns == datetime(2026, 11, 20, 14, 3, 11, tzinfo=UTC).timestamp() * 1e9


def test_who_looks_does_not_send_a_writer_away(tmp_path: Path) -> None:
    """A lock that is shared for an instant is waited for; one that stays is told."""
    path = tmp_path / "a.lock"
    WriterLock(path, "", "a").release()
    looking = path.open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    with pytest.raises(StoreError, match="is being written by another process"):
        WriterLock(path, "wke y", "a")
    instant = threading.Timer(0.05, looking.close)
    instant.start()
    WriterLock(path, "wke y", "a").release()
    instant.join()

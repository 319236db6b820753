"""Times on a screen: all local to the reader, with the offset from UTC, whatever their source."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wke.errors import StoreError
from wke.keep.files.localtime import in_local_time, local_time
from wke.keep.files.lock import Holder, WriterLock
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import Outcome, OutcomeKind
from wke.series.status import load_status
from wke.tell.terminal.status import status_lines

AT_NS = int(datetime(2026, 11, 20, 20, 3, 11, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.fixture(autouse=True)
def _in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "now_ns", "text"),
    [
        ("Asia/Kolkata", None, "2026-11-21 01:33:11 +05:30"),
        ("Asia/Kolkata", AT_NS + 1, "01:33:11 +05:30"),
        ("Asia/Kolkata", AT_NS - 5 * 3600 * 10**9, "2026-11-21 01:33:11 +05:30"),
        ("America/St_Johns", None, "2026-11-20 16:33:11 -03:30"),
        ("UTC", AT_NS, "20:03:11 UTC"),
    ],
)
def test_a_time_has_its_offset(monkeypatch: pytest.MonkeyPatch, zone: str, now_ns: int | None, text: str) -> None:
    """The date is that of the reader's zone, and only shown if it is not today's there."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert local_time(AT_NS, now_ns) == text


def test_words_of_locks_are_translated() -> None:
    """Wherever they stand in a sentence; what only looks like a time stays."""
    words = "it is held by pid 7 of a on b since 2026-11-20 20:03:11 UTC: wke measure 2026-99-99 00:00:00 UTC"
    assert in_local_time(words) == "it is held by pid 7 of a on b since 2026-11-21 01:33:11 +05:30: wke measure 2026-99-99 00:00:00 UTC"


def test_a_status_has_one_time_zone(tmp_path: Path) -> None:
    """The holder's words are from its lock, the other times from the store."""
    trial = PlannedTrial("t-0", {"x": 1}, 0, warmup=False, position=0)
    with Store.open(tmp_path / "results", series="s") as store:
        number = store.writer.begin_series("s", StoredPlan("s.toml", 1), command="", planned=[trial])
        store.writer.finish_attempt(store.writer.begin_attempt(number, trial), Result(Outcome(OutcomeKind.OK), AT_NS, AT_NS + 10**9))
        lines = "\n".join(status_lines(load_status(store, "s")))
    assert lines.count("+05:30") == 2, lines
    assert "UTC" not in lines


def test_a_lock_is_told_in_local_time(tmp_path: Path) -> None:
    """Its file has UTC, for readers in other zones; the error has the reader's."""
    lock = WriterLock(tmp_path / "a.lock", "wke measure", "results", patience_s=0)
    with pytest.raises(StoreError, match=r"being written by pid .* since [-\d]+ [:\d]+ \+05:30: wke measure"):
        WriterLock(tmp_path / "a.lock", "wke measure", "results", patience_s=0)
    assert (tmp_path / "a.lock").read_text().endswith(" UTC: wke measure\n")
    lock.release()
    assert Holder("pid 7 of a b on desk since 2026-11-20 20:03:11 UTC", alive=False).since_ns == AT_NS

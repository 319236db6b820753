"""The file that says what a command does now: written in place, read at any moment, never in anybody's way."""

from pathlib import Path

from wke.keep.files.current import Current, CurrentWriter, current_file, read_current
from wke.records import Outcome, OutcomeKind, Record, StepStarted, TrialEnded, TrialStarted


def test_what_is_read_is_what_was_written_last(tmp_path: Path) -> None:
    """Shorter words leave nothing of longer ones behind; every record is handed on; afterwards there is no file."""
    (tmp_path / "locks").mkdir()
    seen: list[Record] = []
    records = [
        TrialStarted("aa-0", 1, 2, {}, 0, warmup=False),
        StepStarted(0, "a-target-with-a-long-name", ("m0", "m1"), 6),
        StepStarted(1, "b", ("m0",), 1),
        TrialEnded("aa-0", Outcome(OutcomeKind.OK), 1.0, {}),
    ]
    with CurrentWriter(tmp_path, "a/b", seen.append) as writer:
        assert read_current(tmp_path, "a/b") is None
        states = []
        for record in records:
            writer(record)
            now = read_current(tmp_path, "a/b")
            assert now is not None
            states.append((now.trial, now.position, now.total, now.step and (now.step.index, now.step.target, now.step.tasks)))
    assert states == [
        ("aa-0", 1, 2, None),
        ("aa-0", 1, 2, (0, "a-target-with-a-long-name", 6)),
        ("aa-0", 1, 2, (1, "b", 1)),
        ("", 1, 2, None),
    ]
    assert (seen, read_current(tmp_path, "a/b")) == (records, None)


def test_what_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """Without a place for it, records are handed on all the same; half a file is none."""
    seen: list[Record] = []
    started = TrialStarted("aa-0", 1, 2, {}, 0, warmup=False)
    with CurrentWriter(tmp_path / "nowhere", "s", seen.append) as writer:
        writer(started)
    assert seen == [started]
    (tmp_path / "locks").mkdir()
    current_file(tmp_path, "s").write_text('{"trial": "aa-0", "position": 1, "tot')
    assert read_current(tmp_path, "s") is None
    current_file(tmp_path, "s").write_text('{"trial": "aa-0", "position": 1, "total": 2}   ')
    assert read_current(tmp_path, "s") == Current("aa-0", 1, 2)

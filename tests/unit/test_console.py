"""What the terminal gets to see."""

import pytest

from wke.records import Outcome, OutcomeKind, Output, TaskEnded, TaskName
from wke.tell.console import TaskLines, harmless, seconds, worst_status

TASK = TaskName(0, "hello", "m0")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain", "plain"),
        (b"tab\tstays", "tab\tstays"),
        ("grüße".encode(), "grüße"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"bad \xff byte", "bad \\xff byte"),
        ("\u009b31m".encode(), "\\x9b31m"),
        (b"windows\r", "windows"),
        (b"over\rwritten", "over\\x0dwritten"),
    ],
)
def test_no_line_of_a_script_can_steer_the_terminal(line: bytes, shown: str) -> None:
    """Control characters are made visible, everything else stays."""
    assert harmless(line) == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.123, "0.12 s"), (9.999, "10.00 s"), (12.4, "12 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_a_person_would(value: float, words: str) -> None:
    """Short ones have hundredths, long ones two units."""
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["ok", "ok"], 0),
        ([], 0),
        (["ok", "failed"], 1),
        (["ok", "signalled"], 1),
        (["timed-out", "ok"], 124),
        (["timed-out", "failed"], 1),
        (["failed", "lost"], 3),
        (["unreachable"], 3),
        (["cancelled"], 1),
    ],
)
def test_the_exit_status_tells_the_worst_outcome(kinds: list[str], status: int) -> None:
    """Out of reach outweighs failed, which outweighs timed out; only ok is 0."""
    assert worst_status([Outcome(OutcomeKind(kind)) for kind in kinds]) == status


def test_lines_are_whole_and_carry_their_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Pieces are joined to lines; stdout and stderr stay apart; an unfinished last line is shown when the task ends."""
    lines = TaskLines(("m0", "machine1"))
    for stream, data in [(1, b"one\ntw"), (2, b"oops\n"), (1, b"o\nthree")]:
        lines(Output(TASK, stream, data, 0))
    lines(TaskEnded(TASK, Outcome(OutcomeKind.OK), 0, 10**9))
    lines.summary()
    seen = capsys.readouterr()
    assert seen.out == "m0       │ one\nm0       │ two\nm0       │ three\n"
    assert seen.err == "m0       │ oops\n"


def test_quiet_shows_the_last_lines_of_a_failure_only(capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet a task that ends well is silent; one that fails shows how it ended and its last ten lines."""
    lines = TaskLines(("m0",), quiet=True)
    lines(Output(TASK, 1, b"".join(b"line %d\n" % n for n in range(20)), 0))
    lines(TaskEnded(TASK, Outcome(OutcomeKind.FAILED, 3), 0, 2 * 10**9, detail="no such thing"))
    lines(Output(TaskName(0, "hello", "m1"), 1, b"fine\n", 0))
    lines(TaskEnded(TaskName(0, "hello", "m1"), Outcome(OutcomeKind.OK), 0, 1))
    lines.summary()
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "".join(f"m0 │ line {n}\n" for n in range(10, 20)) + "m0: hello failed(3) after 2.00 s: no such thing\n"


def test_a_line_without_end_is_shown_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    """Memory stays bounded however long a line is."""
    lines = TaskLines(("m0",))
    for _ in range(10):
        lines(Output(TASK, 1, b"x" * 50_000, 0))
    assert len(capsys.readouterr().out) > 400_000

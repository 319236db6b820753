"""What the terminal gets to see."""

import tracemalloc
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.keep.output.linebuffer import LONGEST
from wke.records import Note, Outcome, OutcomeKind, Output, TaskEnded, TaskName
from wke.tell.terminal.console import LastWords, TaskLines, worst_status
from wke.tell.terminal.sanitize import sanitize
from wke.tell.words import seconds

TASK = TaskName(0, "hello", "m0")
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


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
        (b"\x1b]8;;http://example.org\x1b\\\\link", "\\x1b]8;;http://example.org\\x1b\\\\link"),
        (b"\x1bP$q\x9c \x90", "\\x1bP$q\\x9c \\x90"),
        ("pay \u202elived\u202c".encode(), "pay \\u202elived\\u202c"),
        ("a\u2066b\u2069\u200f\u061c".encode(), "a\\u2066b\\u2069\\u200f\\u061c"),
        ("one\u2028two\u0085three".encode(), "one\\u2028two\\x85three"),
        (b"cut \xe2\x82", "cut \\xe2\\x82"),
        (b"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"),
        (b"\xff\x1b[2J", "\\xff\\x1b[2J"),
        ("שלום 你好 👩‍💻".encode(), "שלום 你好 👩‍💻"),
    ],
)
def test_no_line_of_a_script_can_steer_the_terminal(line: bytes, shown: str) -> None:
    """Control characters are made visible, everything else stays."""
    assert sanitize(line) == shown


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


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode(errors="surrogatepass")))
def test_whatever_is_shown_is_printable(data: bytes) -> None:
    """Nothing comes through but tabs, newlines and characters that no terminal acts upon, and nothing is an error."""
    shown = sanitize(data)
    assert not any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in shown if sign not in "\t\n")
    assert not any(unicodedata.bidirectional(sign) in DIRECTIONS for sign in shown)
    shown.encode()


def test_notes_and_ends_cannot_steer_the_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    """A process chooses its own name, and an agent its words."""
    lines = TaskLines(("m0",))
    lines(Note("we stopped \x1b[2J (pid 7)", "m0"))
    lines(TaskEnded(TASK, Outcome(OutcomeKind.FAILED, 1), 0, 1, detail="left \x1b]0;x\x07 running"))
    lines.summary()
    assert "\x1b" not in capsys.readouterr().err


def test_machines_do_not_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixteen machines and two copies that write piece by piece in turns: every shown line is one of one task."""
    tasks = [TaskName(0, "t", f"m{i}", copy) for i in range(16) for copy in range(2)]
    lines = TaskLines(tuple(f"m{i}" for i in range(16)))
    for part in (b"be", b"gin-%d ", b"end\nmore", b"\n"):
        for number, task in enumerate(tasks):
            lines(Output(task, 1, part % number if b"%d" in part else part, 0))
    names = [f"{task.machine}.1" if task.copy else task.machine for task in tasks]
    wanted = [f"{name:<3} │ begin-{n} end" for n, name in enumerate(names)] + [f"{name:<3} │ more" for name in names]
    assert capsys.readouterr().out.splitlines() == wanted


def test_a_line_without_end_is_shown_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    """Memory stays bounded however long a line is."""
    lines = TaskLines(("m0",))
    for _ in range(10):
        lines(Output(TASK, 1, b"x" * 50_000, 0))
    shown = capsys.readouterr().out
    assert shown.count("x") == 500_000
    assert max(map(len, shown.splitlines())) < 2 * LONGEST


def test_quiet_keeps_little_of_a_flood() -> None:
    """Of what a task writes, in large pieces or small, to one stream or both, the end is kept and no more."""
    for pieces in (
        [(1, bytes(1 << 20))] * 50,
        [(1 + n % 2, b"x") for n in range(100_000)],
        [(1 + n % 2, bytes(9000)) for n in range(2000)],
    ):
        words = LastWords()
        tracemalloc.start()
        for stream, data in pieces:
            words.add(stream, data)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept < 1 << 20

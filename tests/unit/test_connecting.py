"""What is shown while connections are opened, and that enough files may be open for them."""

import asyncio
import sys

import pytest

from wke.act.connection import handshakes
from wke.records import Connecting, Note, Record
from wke.tell.terminal.connecting import ConnectingLine, connecting_words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Connecting(412, 1000, ("node17",), 1.0), "connected 412 of 1,000"),
        (Connecting(999, 1000, ("node17",), 12.2), "connected 999 of 1,000; waiting for node17, 12 s"),
        (Connecting(7, 9, ("a", "b"), 3.5, ("b",)), "connected 7 of 9; waiting for a, b (login shell), 3.50 s"),
        (Connecting(7, 9, ("a", "b"), 3.5), "connected 7 of 9; waiting for a, b, 3.50 s"),
        (
            Connecting(40, 1045, ("node17", "node93", *map(str, range(1003))), 12.0),
            "connected 40 of 1,045; waiting for node17, node93 and 1,003 more, 12 s",
        ),
    ],
)
def test_laggards_are_named_once_they_are_some(state: Connecting, words: str) -> None:
    """The count at once, names after a while, and never a thousand of them."""
    assert connecting_words(state) == words


def test_a_log_gets_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be redrawn a line comes after 5 s, 10 s, 20 s of waiting for somebody."""
    line = ConnectingLine()
    for second in range(1, 31):
        line(Connecting(1, 2, ("slow",), float(second)))
    line(Connecting(2, 2, (), 0.0))
    assert capsys.readouterr().err.splitlines() == [
        "connected 1 of 2; waiting for slow, 5.00 s",
        "connected 1 of 2; waiting for slow, 10 s",
        "connected 1 of 2; waiting for slow, 20 s",
    ]


def test_a_terminal_has_one_line_that_goes_away(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut to the width, replaced by the next, and gone before anybody else writes."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    line = ConnectingLine()
    line(Connecting(1, 1000, ("slow",), 9.0))
    line(Connecting(2, 1000, ("slow",), 10.0))
    line(Note("something else"))
    assert capsys.readouterr().err == "\rconnected 1 of 1,00\r\x1b[K\rconnected 2 of 1,00\r\x1b[K"


def test_a_slow_login_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it lasts, by the machine on which ssh has logged in; afterwards by a note that says how long it took."""
    monkeypatch.setattr(handshakes, "TELL_S", 0.001)
    monkeypatch.setattr(handshakes, "SLOW_LOGIN_S", 0.0)
    records: list[Record] = []
    told = asyncio.Event()

    def take(record: Record) -> None:
        records.append(record)
        if isinstance(record, Connecting):
            told.set()

    async def body() -> None:
        with handshakes.Handshakes(2, 2, take, lambda machine: machine == "slow") as opening:
            async with opening.turn("silent"), opening.turn("slow"):
                await asyncio.wait_for(told.wait(), 10)

    asyncio.run(body())
    waiting = next(record for record in records if isinstance(record, Connecting))
    assert (waiting.waiting, waiting.logging_in) == (("silent", "slow"), ("slow",))
    (note,) = [record for record in records if isinstance(record, Note)]
    assert (note.machine, note.text) == ("slow", "logging in took 0 s: the start-up files of its login shell take that long")

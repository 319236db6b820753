"""The display that fills the terminal: it shows lines and hears keys, and leaves the terminal as it was."""

import io
import os
import sys
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from wke.tell.terminal.screen import BEGIN, END, Screen


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """Yield both ends of a terminal: that of who types, and that of a program."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="ascii") as keyboard:
        yield ours, keyboard
    os.close(ours)


def test_the_terminal_is_left_as_it_was(terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come at once and are not echoed; afterwards the terminal has its old settings, its cursor and its old text."""
    ours, keyboard = terminal
    theirs = keyboard.fileno()
    monkeypatch.setattr(sys, "stdin", keyboard)
    before = termios.tcgetattr(theirs)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "2")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Screen() as screen:
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON)
        os.write(ours, b"mq")
        assert screen.keys() == "mq"
        screen.show([[("one", "red"), (" two", "")], [], [("no room", "")]])
    assert termios.tcgetattr(theirs) == before
    assert out.getvalue() == f"{BEGIN}\x1b[H\x1b[31mone\x1b[0m two\x1b[K\r\n\x1b[K\x1b[J{END}"


def test_without_a_keyboard_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose stdin is a pipe shows its display all the same; without colours if NO_COLOR says so."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stdin", io.StringIO("q"))
    monkeypatch.setenv("NO_COLOR", "1")
    with Screen() as screen:
        screen.show([[("one", "red")]])
        assert (screen.keyboard, screen.keys()) == (None, "")
    assert out.getvalue() == f"{BEGIN}\x1b[Hone\x1b[K\x1b[J{END}"

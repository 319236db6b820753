"""A display that fills the terminal, is redrawn in place, and leaves the terminal as it was; and the keys that are pressed meanwhile."""

import contextlib
import os
import shutil
import sys
import termios
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from wke.tell.terminal.console import painted
from wke.tell.terminal.output import flush, put
from wke.tell.terminal.sanitize import Safe
from wke.tell.terminal.usagetable import Colour, Line

CODES: dict[Colour, str] = {"": "", "dim": "2", "bold": "1", "cyan": "36", "green": "32", "yellow": "33", "red": "31"}
BEGIN = Safe("\x1b[?1049h\x1b[?25l\x1b[?7l")  # the other screen, without cursor and line breaks
END = Safe("\x1b[?7h\x1b[?25h\x1b[?1049l")
LOCAL_MODES, CONTROLS = 3, 6  # places in what tcgetattr returns
MOST_KEYS = 64


class Screen:
    """The terminal of stdout while the block lasts. Keys come from stdin if that is a terminal; they are not shown there."""

    def __init__(self) -> None:
        self._keyboard: int | None = None
        self._restore = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            self._keyboard = sys.stdin.fileno()
            self._restore.callback(termios.tcsetattr, self._keyboard, termios.TCSADRAIN, termios.tcgetattr(self._keyboard))
            modes = termios.tcgetattr(self._keyboard)
            modes[LOCAL_MODES] &= ~(termios.ICANON | termios.ECHO)
            modes[CONTROLS][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell with this screen
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, modes)
        put("stdout", BEGIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._restore:
            put("stdout", END)
            flush("stdout")

    @property
    def keyboard(self) -> int | None:
        """The file in which keys arrive, None when there is none."""
        return self._keyboard

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return shutil.get_terminal_size()

    def keys(self) -> str:
        """Return the keys that were pressed; "" when the terminal is gone."""
        try:
            return "" if self._keyboard is None else os.read(self._keyboard, MOST_KEYS).decode("ascii", "replace")
        except OSError:
            return ""

    def show(self, lines: Iterable[Line]) -> None:
        """Draw lines, as many as there is room for; the rest of the screen becomes empty."""
        shown = [_line(line) for line in list(lines)[: self.size[1]]]
        put("stdout", Safe("\x1b[H" + "\x1b[K\r\n".join(shown) + "\x1b[K\x1b[J"))
        flush("stdout")


def _line(line: Line) -> str:
    return "".join(painted(Safe(text), CODES[colour], "stdout") for text, colour in line)

"""Progress in the terminal's own frame: some terminals show it in their tab, in the task bar, or as a bar above the text (OSC 9;4).

No query that all terminals answer tells whether one can do this. So only terminals that are known to take the codes get them: others may
print them, or show them as a message. Inside tmux and screen the terminal is another one.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TextIO

from wke.tell.terminal.output import redraws

NORMAL, FAILED, CLEAR = 1, 2, 0
SINCE_ITERM = (3, 6, 6)


def takes_progress(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal that an environment describes is known to show progress."""
    if environment.get("TMUX") or environment.get("STY") or environment.get("TERM") == "dumb":
        return False
    program = environment.get("TERM_PROGRAM", "")
    if program == "iTerm.app":
        return _version(environment.get("TERM_PROGRAM_VERSION", "")) >= SINCE_ITERM
    return program in {"WezTerm", "ghostty"} or bool(environment.get("WT_SESSION")) or environment.get("ConEmuANSI") == "ON"


class Taskbar:
    """Shows how far a series is, if stderr is a terminal that is known to show it. `terminal` returns the file that this terminal is.

    That is asked each time, because a display that is redrawn takes the place of sys.stderr, and would print the codes.
    """

    def __init__(self, terminal: Callable[[], TextIO]) -> None:
        self._terminal = terminal
        self._is_on = redraws("stderr") and takes_progress(os.environ)

    def show(self, done: int, total: int, *, failed: bool) -> None:
        """Show that so many of all trials have ended, and whether one of them failed."""
        self._write(FAILED if failed else NORMAL, 100 * done // max(total, 1))

    def clear(self) -> None:
        """Remove the bar."""
        self._write(CLEAR, 0)

    def _write(self, state: int, percent: int) -> None:
        if self._is_on:
            file = self._terminal()
            with contextlib.suppress(OSError):
                file.write(f"\x1b]9;4;{state};{min(percent, 100)}\x1b\\")
                file.flush()


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers that a version starts with."""
    numbers = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)

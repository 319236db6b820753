"""Shows how many machines are connected: one line, redrawn on a terminal and printed from time to time elsewhere."""

import shutil

from wke.records import Connecting, Record
from wke.tell.terminal.output import flush, put, redraws
from wke.tell.terminal.sanitize import Safe, one_line
from wke.tell.words import seconds

PATIENCE_S = 3.0  # machines that take longer are named
FIRST_LINE_S = 5.0  # on outputs that cannot be redrawn; later lines follow after 10 s, 20 s, ...
MOST_NAMED = 2


def connecting_words(state: Connecting) -> str:
    """Return text such as `connected 412 of 1,000; waiting for node17, node93 (login shell) and 3 more, 12 s`."""
    text = f"connected {state.connected:,} of {state.total:,}"
    if not state.waiting or state.longest_s < PATIENCE_S:
        return text
    more = len(state.waiting) - MOST_NAMED
    named = (f"{name} (login shell)" if name in state.logging_in else name for name in state.waiting[:MOST_NAMED])
    names = ", ".join(named) + (f" and {more:,} more" if more > 0 else "")
    return f"{text}; waiting for {names}, {seconds(state.longest_s)}"


class ConnectingLine:
    """A sink that shows on stderr how many machines are connected.

    It must get each record before other sinks that write to stderr, because it removes its line first.
    """

    def __init__(self) -> None:
        self._redraws = redraws("stderr")
        self._shown = False
        self._next_s = FIRST_LINE_S

    def __call__(self, record: Record) -> None:
        """Take a record."""
        self._clear()
        if not isinstance(record, Connecting) or not record.waiting:
            return
        text = one_line(connecting_words(record))
        if self._redraws:
            width = shutil.get_terminal_size().columns - 1
            self._write(Safe(f"\r{text[:width]}"))
            self._shown = True
        elif record.longest_s >= self._next_s:
            self._next_s *= 2
            self._write(Safe(f"{text}\n"))

    def _clear(self) -> None:
        if self._shown:
            self._shown = False
            self._write(Safe("\r\x1b[K"))

    def _write(self, text: Safe) -> None:
        put("stderr", text)
        flush("stderr")

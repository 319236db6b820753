"""Prints what differs between two results: the ranking to stdout, how it was made to stderr."""

import os
import shutil
import textwrap
from collections.abc import Sequence

from wke.judge.why.report import WhyReport
from wke.tell.terminal.console import Printer, painted
from wke.tell.terminal.fitting import cells
from wke.tell.terminal.output import is_terminal, put
from wke.tell.terminal.sanitize import Safe, one_line
from wke.tell.why import MOST_SHOWN, Told, headline, notes, nothing, told, undecided
from wke.values import dataclass

BOLD, DIM, ADDED, REMOVED = "1", "2", "32", "31"
GAP = 2
WIDEST_SENTENCE = 90


def print_why(report: WhyReport) -> None:
    """Print the ranking, the answer in the first lines."""
    fits = is_terminal("stdout") or "COLUMNS" in os.environ
    width = max(40, shutil.get_terminal_size().columns) if fits else None
    found, maybe = told(report)[:MOST_SHOWN], list(undecided(report))
    page = _Page(width, len(str(len(found))) + 3, found)
    page.text(headline(report), colour=BOLD)
    for number, each in enumerate(found, 1):
        page.difference(number, each)
    if not found:
        page.text(nothing(report))
    for index, line in enumerate(maybe):
        page.text(line, "  ?  " if index else "")
    for note in notes(report):
        Printer().talk(note)


@dataclass(frozen=True, slots=True)
class _Page:
    """Lines of a `width` in which numbers take `margin` cells. Beside the sentences there is a column if there is room for it."""

    width: int | None
    margin: int
    differences: Sequence[Told]

    @property
    def column(self) -> int:
        """How many cells the sentences have, before the column that says by how much."""
        sizes = [cells(each.sentence) for each in self.differences if each.by]
        widest = max((cells(each.by) for each in self.differences), default=0)
        room = WIDEST_SENTENCE if self.width is None else self.width - self.margin - GAP - widest
        return max((size for size in sizes if size <= room), default=0)

    def difference(self, number: int, one: Told) -> None:
        """Write one line, or more: what does not fit comes below."""
        blanks = " " * self.margin
        beside = bool(one.by) and cells(one.sentence) <= self.column
        by = " " * (self.column - cells(one.sentence) + GAP) + one.by if beside else ""
        self.text(one.sentence, f"{number:>{self.margin - GAP}}  ", beside=by)
        if one.by and not beside:
            self.text(one.by, blanks, colour=DIM)
        for line in one.lines:
            self.text(line, blanks, colour={"+": ADDED, "-": REMOVED}.get(line[:1], DIM))
        if one.others:
            self.text(one.others, blanks, colour=DIM)

    def text(self, text: str, mark: str = "", *, colour: str = "", beside: str = "") -> None:
        """Write a text in lines that fit; the first one begins with a mark, the others with blanks."""
        lines: list[str] = [one_line(text)]
        if self.width is not None and not beside:
            lines = textwrap.wrap(lines[0], self.width - len(mark), break_on_hyphens=False, break_long_words=False) or [""]
        for index, line in enumerate(lines):
            before = _painted(mark if not index else " " * len(mark), BOLD)
            put("stdout", Safe(f"{before}{_painted(line, colour)}{_painted(beside, DIM)}\n"))


def _painted(text: str, colour: str) -> Safe:
    """Return text in a colour; nothing is no text in a colour."""
    return painted(one_line(text), colour, "stdout") if text.strip() else one_line(text)

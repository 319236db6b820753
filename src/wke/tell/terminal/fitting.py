"""Fits a table into a width: its texts are folded at blanks, then its columns split over several blocks. No number is ever cut."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from wke.tell.words import is_number

GAP = 2
Rows = Sequence[Sequence[str]]


def fitted_lines(rows: Rows, width: int | None, keys: int = 1) -> Iterator[str]:
    """Yield the lines of a table, header first: numbers to the right, text to the left.

    In a narrow `width` there are several blocks below one another, which all begin with the first `keys` columns.
    """
    columns = list(zip(*rows, strict=True))
    whole = [max(map(cells, column)) for column in columns]
    if width is None or _total(whole) <= width:
        yield from _block(columns, whole)
        return
    least = [_least(column) for column in columns]
    shared = list(range(min(keys, len(columns) - 1)))
    for index, block in enumerate(_blocks(least, shared, width)):
        if index:
            yield ""
        yield from _block([columns[i] for i in block], _widened([whole[i] for i in block], [least[i] for i in block], width))


def fits(rows: Rows, width: int) -> bool:
    """Return whether a table fits into a width without folding any text."""
    return _total([max(map(cells, column)) for column in zip(*rows, strict=True)]) <= width


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: wide characters, as of Chinese, take two, accents on others none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _blocks(least: Sequence[int], shared: Sequence[int], width: int) -> Iterator[list[int]]:
    """Yield the columns of each block: those that all share, and as many others as there is room for, at least one."""
    block = list(shared)
    for index in range(len(shared), len(least)):
        if len(block) > len(shared) and _total([least[i] for i in (*block, index)]) > width:
            yield block
            block = list(shared)
        block.append(index)
    yield block


def _widened(whole: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns: those that need more than their least get it as long as there is room, the narrow ones first."""
    widths = list(least)
    for index in sorted(range(len(whole)), key=lambda i: whole[i] - least[i]):
        widths[index] += max(0, min(whole[index] - least[index], width - _total(widths)))
    return widths


def _least(column: Sequence[str]) -> int:
    """Return how narrow a column may be: numbers are whole, and texts have room for their longest word."""
    header, *values = column
    words = [word for cell in (header, *(value for value in values if not is_number(value))) for word in cell.split()]
    return max(map(cells, [*words, *(value for value in values if is_number(value))]), default=0)


def _block(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    right = [len(column) > 1 and all(map(is_number, column[1:])) for column in columns]
    folded = [[_folded(cell, width) for cell in column] for column, width in zip(columns, widths, strict=True)]
    needed = [max((cells(part) for cell in column for part in cell), default=0) for column in folded]
    for row in zip(*folded, strict=True):
        for line in zip_longest(*row, fillvalue=""):
            yield (" " * GAP).join(map(_padded, line, needed, right)).rstrip()


def _folded(cell: str, width: int) -> list[str]:
    return [cell] if cells(cell) <= width else textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)


def _padded(cell: str, width: int, to_right: bool) -> str:  # noqa: FBT001 - one of three columns
    room = " " * (width - cells(cell))
    return room + cell if to_right else cell + room


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)

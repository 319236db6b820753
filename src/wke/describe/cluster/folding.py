"""Folded names: `node[1-3,07-09]` means node1, node2, node3, node07, node08, node09, and `node[0-8/4]` node0, node4, node8."""

import itertools
import re
from collections.abc import Sequence

LIMIT = 100_000
"""The largest number of names per folded name; more are taken for a typing mistake."""
LARGEST = 999_999_999

_PART = r"[0-9]{1,9}(?:-[0-9]{1,9}(?:/[0-9]{1,9})?)?"
_FOLD = re.compile(rf"\[({_PART}(?:,{_PART})*)\]")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,9}(?![0-9])")


def is_folded(text: str) -> bool:
    """Return whether a text contains brackets with numbers and ranges."""
    return _FOLD.search(text) is not None


def unfold(text: str) -> tuple[str, ...]:
    """Return the names that a folded name means, the last brackets varying fastest; raise ValueError for a reversed range.

    Numbers with leading zeros keep their width. A text without folds is returned as the only name; other brackets are left unchanged.
    """
    pieces = _FOLD.split(text)  # literal, fold, literal, fold, ..., literal
    choices = [_numbers(piece) if number % 2 else [piece] for number, piece in enumerate(pieces)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > LIMIT:
        msg = f"{text} means {total} names; at most {LIMIT} are allowed"
        raise ValueError(msg)
    return tuple("".join(parts) for parts in itertools.product(*choices))


def fold(names: Sequence[str]) -> list[str]:
    """Return folded names for names that contain no brackets: unfolded one after the other, they are these names in this order."""
    found: list[str] = []
    at = 0
    while at < len(names):
        runs = [_run(names, at, number) for number in _NUMBER.finditer(names[at])]
        length, folded = max(runs, default=(1, ""))
        found.append(folded if length > 1 else names[at])
        at += length
    return found


def _run(names: Sequence[str], at: int, number: re.Match[str]) -> tuple[int, str]:
    """Return how many names from one on count up at one of its numbers, and the folded name that means them."""
    before, after, first = names[at][: number.start()], names[at][number.end() :], number[0]
    width, last = _width(first), int(first)
    most = min(len(names) - at, LIMIT, LARGEST - last + 1)
    length = 1
    while length < most and names[at + length] == f"{before}{last + 1:0{width}d}{after}":
        length, last = length + 1, last + 1
    return length, f"{before}[{first}-{last:0{width}d}]{after}"


def _numbers(fold: str) -> list[str]:
    numbers: list[str] = []
    for part in fold.split(","):
        ends, _, step = part.partition("/")
        first, _, last = ends.partition("-")
        last = last or first
        if int(last) < int(first):
            msg = f"the range {part} ends before it begins"
            raise ValueError(msg)
        if step and not int(step):
            msg = f"the range {part} has a step of 0"
            raise ValueError(msg)
        chosen = range(int(first), int(last) + 1, int(step or 1))
        if len(chosen) > LIMIT - len(numbers):
            msg = f"the brackets with {part} mean more than {LIMIT} names"
            raise ValueError(msg)
        numbers.extend(f"{number:0{_width(first)}d}" for number in chosen)
    return numbers


def _width(first: str) -> int:
    """Return to how many digits the numbers of a range are filled up with zeros."""
    return len(first) if first.startswith("0") else 0

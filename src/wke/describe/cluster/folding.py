"""Folded names: `node[1-3,07-09]` means node1, node2, node3, node07, node08, node09."""

import itertools
import re

LIMIT = 100_000
"""The largest number of names per folded name; more are taken for a typing mistake."""

_FOLD = re.compile(r"\[([0-9]{1,9}(?:-[0-9]{1,9})?(?:,[0-9]{1,9}(?:-[0-9]{1,9})?)*)\]")


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


def _numbers(fold: str) -> list[str]:
    numbers: list[str] = []
    for part in fold.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if int(last) < int(first):
            msg = f"the range {part} ends before it begins"
            raise ValueError(msg)
        if int(last) - int(first) >= LIMIT - len(numbers):
            msg = f"the brackets with {part} mean more than {LIMIT} names"
            raise ValueError(msg)
        width = len(first) if first.startswith("0") else 0
        numbers.extend(f"{number:0{width}d}" for number in range(int(first), int(last) + 1))
    return numbers

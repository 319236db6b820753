"""Folded names: `node[1-3,07-09]` stands for node1, node2, node3, node07, node08, node09."""

import itertools
import re

LIMIT = 100_000
"""The most names one folded name may stand for: beyond it is a slip of the keyboard."""

_FOLD = re.compile(r"\[([0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*)\]")


def is_folded(text: str) -> bool:
    """Tell whether text holds brackets with numbers and ranges in them."""
    return _FOLD.search(text) is not None


def unfold(text: str) -> tuple[str, ...]:
    """Return the names that a folded name stands for, the last brackets counting fastest; raise ValueError for a range that ends early.

    A number written with leading zeros keeps its width. Text without folds is its own only name; other brackets stay as they are.
    """
    pieces = _FOLD.split(text)  # literal, fold, literal, fold, ..., literal
    choices = [_numbers(piece) if number % 2 else [piece] for number, piece in enumerate(pieces)]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > LIMIT:
        msg = f"{text} stands for {total} names, more than {LIMIT}"
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
        if int(last) - int(first) >= LIMIT:
            msg = f"the range {part} is longer than {LIMIT}"
            raise ValueError(msg)
        width = len(first) if first.startswith("0") else 0
        numbers.extend(f"{number:0{width}d}" for number in range(int(first), int(last) + 1))
    return numbers

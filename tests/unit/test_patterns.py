"""A user's patterns: every error of `re` is a message, and what may take long is told from what cannot."""

import re

import pytest

from wke.act.matcher import SHORT, is_quick
from wke.describe.experiment.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is not a regular expression: missing"),
        ("[[a]", "is ambiguous: Possible nested set"),
        ("a{99999999999}", "is too large"),
        ("(" * 5000 + ")" * 5000, "is too large"),
        ("\ud800", "is too large"),
    ],
)
def test_no_exception_of_re_escapes(pattern: str, message: str) -> None:
    """Whatever is written as a pattern, the user reads what is wrong with it."""
    with pytest.raises(ValueError, match=message):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "size", "quick"),
    [
        (b"answers: ([0-9]+)", SHORT, True),
        (b"answers: ([0-9]+)", SHORT + 1, False),
        (b"ready", 1 << 30, True),
        (b"(a+)+$", 48, False),
        (b"(a|a)*$", 48, False),
        (b"(a?){30}", 48, False),
        (b"(a?a?)*b", 48, False),
    ],
)
def test_only_a_search_that_ends_soon_is_made_here(pattern: bytes, size: int, *, quick: bool) -> None:
    """One repetition without alternatives, in a short text, takes a bounded number of steps; all else goes to another process."""
    assert is_quick(re.compile(pattern), size) is quick

"""Regular expressions that a user writes: compiled with every error as a message, and searched for."""

import re
import warnings
from collections import deque
from collections.abc import Callable

from wke.describe.expression.quantity import Text

Find = Callable[[re.Pattern[bytes], Text], "re.Match[bytes] | None"]
"""Returns the last match in a text; raises SearchError if that takes too long."""


class SearchError(ValueError):
    """A search was given up."""


def compile_pattern(pattern: str, flags: int = 0) -> re.Pattern[bytes]:
    """Return a compiled pattern; raise ValueError with a message for the user."""
    try:
        with warnings.catch_warnings(action="error"):
            return re.compile(pattern.encode(), flags)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    except Warning as warning:
        raise ValueError(f"is ambiguous: {warning}") from None
    except (MemoryError, OverflowError, RecursionError, UnicodeEncodeError):
        raise ValueError("is too large for a regular expression") from None


def last_match(pattern: re.Pattern[bytes], text: Text) -> re.Match[bytes] | None:
    """Return the last match in a text, however long the search takes."""
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)

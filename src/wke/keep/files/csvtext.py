"""CSV as every program reads it: a header, a line per row, nothing else. The csv module leaves `#` bare, which some take for a comment."""

import re
from collections.abc import Iterable

QUOTED = re.compile(r'[",#\r\n]|^\s|\s$')


def csv_line(fields: Iterable[object]) -> str:
    """Return one line: None is an empty field, true and false are in lower case, numbers keep all their digits."""
    return ",".join(map(_field, fields)) + "\n"


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a header and its rows."""
    return "".join(map(csv_line, [header, *rows]))


def _field(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text

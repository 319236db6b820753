"""Messages about TOML files: syntax errors and values of the wrong type."""

import re
from collections.abc import Mapping, Sequence

from wke.errors import did_you_mean
from wke.records import TaskName

MOST_NAMES = 4
MOST_SHOWN = 80


def counted(number: int, noun: str) -> str:
    """Return `1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def quoted(text: str) -> str:
    """Return text in double quotes, on one line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def shortened(text: str) -> str:
    """Return text in double quotes, a long one without its end."""
    return quoted(text) if len(text) <= MOST_SHOWN else quoted(text[: MOST_SHOWN - 1]) + "…"


def shown(value: object) -> str:
    """Return a description of a TOML value, for use after "not"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {shortened(value)}" if value else "an empty text"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list | tuple):
        return "a list"
    return "a table" if isinstance(value, Mapping) else f"the date {value}"


_QUOTES = 'a line is [table] or key = value; put keys with other characters than A-Z a-z 0-9 _ - in quotes: "node[1-3]"'
_ONCE = "a table may have a key only once: remove or rename one of the two"
_SYNTAX_HINTS = {
    "Invalid value": 'put text in quotes: key = "text"; other values are numbers, true, false, [lists] and { tables }',
    "Expected '=' after a key": _QUOTES,
    "Invalid statement": _QUOTES,
    "Invalid initial character for a key part": _QUOTES,
    "Cannot overwrite a value": _ONCE,
    "Duplicate inline table key": _ONCE,
    "Cannot declare": "a table may have only one [header]: put its keys together",
    "Unterminated string": "a text ends with the quote it began with",
    "Expected \"'": "a text ends with the quote it began with",
    "Illegal character '\\n'": "text in single or double quotes ends on its line; use three quotes for several lines",
    "Unclosed": "a bracket is not closed",
    "Expected newline or end of document": "write one key = value per line",
}


def syntax_hint(what: str) -> str:
    """Return a hint for the TOML parser's message `what`."""
    return next((hint for start, hint in _SYNTAX_HINTS.items() if what.startswith(start)), "https://toml.io describes the format")


_NOUNS: Mapping[type, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


def of_other_type(wanted: type, value: object) -> tuple[str, str | None]:
    """Return the message for a value of the wrong type, and a hint if its meaning can be guessed."""
    return f"must be {_NOUNS[wanted]}, not {shown(value)}", _type_hint(wanted, value)


def _type_hint(wanted: type, value: object) -> str | None:
    if wanted is str and isinstance(value, int | float):
        return f"write it in quotes: {quoted(str(value).lower() if isinstance(value, bool) else str(value))}"
    if wanted in {int, float, bool} and isinstance(value, str) and re.fullmatch(r"-?[0-9.]+|true|false", value):
        return f"write it without quotes: {value}"
    if wanted is list and isinstance(value, str):
        return f"write it in brackets: [{quoted(value)}]"
    return None


def not_among(choices: Sequence[str], value: object) -> tuple[str, str | None]:
    """Return the message for a value that is not among the choices, and the nearest one as a hint."""
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be one of {', '.join(map(quoted, choices))}, not {shown(value)}", hint if hint.startswith("did") else None


def labelled(tasks: Sequence[TaskName]) -> str:
    """Return the names of tasks, at most MOST_NAMES: `load on client1, client2.1 and 3 more`."""
    names = [task.machine + (f".{task.copy}" if task.copy else "") for task in tasks]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{tasks[0].target} on {', '.join(names[:MOST_NAMES])}{more}"

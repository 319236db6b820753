"""Plain words for what is wrong with a TOML file: one table for the parser's errors, one for the validator's."""

import re
from collections.abc import Mapping
from typing import Any

from wke.errors import did_you_mean


def quoted(text: str) -> str:
    """Return text in double quotes, on one line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def shown(value: object) -> str:
    """Return a TOML value in words that a reader of the file understands, for use after "not"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {quoted(value)}" if value else "an empty text"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list | tuple):
        return "a list"
    return "a table" if isinstance(value, Mapping) else f"the date {value}"


_QUOTES = 'a line is [table] or key = value; a key with other signs than A-Z a-z 0-9 _ - stands in quotes: "node[1-3]"'
_ONCE = "a key may stand only once in a table: remove or rename one of the two"
_SYNTAX_HINTS = {
    "Invalid value": 'text stands in quotes: key = "text"; also numbers, true, false, [lists] and { tables }',
    "Expected '=' after a key": _QUOTES,
    "Invalid statement": _QUOTES,
    "Invalid initial character for a key part": _QUOTES,
    "Cannot overwrite a value": _ONCE,
    "Duplicate inline table key": _ONCE,
    "Cannot declare": "a table may be opened only once: put its keys together",
    "Unterminated string": "a text ends with the quote it began with",
    "Expected \"'": "a text ends with the quote it began with",
    "Illegal character '\\n'": "a text in single quotes or double quotes ends on its line; three quotes span lines",
    "Unclosed": "a bracket is not closed",
    "Expected newline or end of document": "one key = value a line",
}


def syntax_hint(what: str) -> str:
    """Return what would mend a document that the TOML parser refuses with the message `what`."""
    return next((hint for start, hint in _SYNTAX_HINTS.items() if what.startswith(start)), "https://toml.io describes the format")


_WORDS = {
    "missing": "is missing",
    "string_type": "must be text, not {input}",
    "int_type": "must be a whole number, not {input}",
    "int_from_float": "must be a whole number, not {input}",
    "float_type": "must be a number, not {input}",
    "finite_number": "must be a finite number, not {input}",
    "bool_type": "must be true or false, not {input}",
    "tuple_type": "must be a list, not {input}",
    "list_type": "must be a list, not {input}",
    "dict_type": "must be a table, not {input}",
    "mapping_type": "must be a table, not {input}",
    "model_type": "must be a table, not {input}",
    "model_attributes_type": "must be a table, not {input}",
    "greater_than_equal": "must be at least {ge}, not {number}",
    "greater_than": "must be more than {gt}, not {number}",
    "less_than_equal": "must be at most {le}, not {number}",
    "less_than": "must be less than {lt}, not {number}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def in_words(kind: str, message: str, value: object, context: Mapping[str, Any]) -> tuple[str, str | None]:
    """Say what is wrong with a value, and what would mend it, given one of pydantic's errors."""
    if kind == "literal_error":
        return _not_among(str(context["expected"]), value)
    wording = _WORDS.get(kind)
    if wording is None:
        return message[:1].lower() + message[1:], None
    return wording.format_map({**context, "input": shown(value), "number": value}), _type_hint(kind, value)


def _type_hint(kind: str, value: object) -> str | None:
    """Say what would mend a value of the wrong type, where we can guess what was meant."""
    if kind == "string_type" and isinstance(value, int | float):
        return f"write it in quotes: {quoted(str(value).lower() if isinstance(value, bool) else str(value))}"
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str) and re.fullmatch(r"-?[0-9.]+|true|false", value):
        return f"write it without quotes: {value}"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str):
        return f"write it in brackets: [{quoted(value)}]"
    return None


def _not_among(expected: str, value: object) -> tuple[str, str | None]:
    choices = [choice.strip("'") for choice in re.split(r", | or ", expected)]
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be one of {', '.join(map(quoted, choices))}, not {shown(value)}", hint if hint.startswith("did") else None

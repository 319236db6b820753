"""The values of options: their types, how a value is converted to one, and the text that a script gets."""

import math
from collections.abc import Mapping
from typing import Literal

from wke.describe.toml.wording import shown

Scalar = bool | int | float | str
ValueType = Literal["bool", "str", "int", "float", "any"]

TypeName = Literal["bool", "boolean", "str", "string", "int", "integer", "float", "any"]

TYPE_NAMES: Mapping[str, ValueType] = {
    "bool": "bool",
    "boolean": "bool",
    "str": "str",
    "string": "str",
    "int": "int",
    "integer": "int",
    "float": "float",
    "any": "any",
}
"""The names of types in config.toml."""

_NOUNS = {"bool": "true or false", "str": "text", "int": "a whole number", "float": "a number", "any": "text, a number, true or false"}
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def type_of(value: object) -> ValueType:
    """Return the type of an option with this default value."""
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str")):
        if isinstance(value, kind):
            return TYPE_NAMES[name]
    return "any"


def converted(value: object, value_type: str) -> Scalar:
    """Return a value converted to `value_type`; raise ValueError, with a message for the user, if it cannot be converted.

    Text is read as on the command line: `3` for an int; `true`, `yes`, `1` and their opposites for a bool. Whole numbers and floats are
    converted to each other if nothing is lost. Nothing is converted to text: a number for an option of type str is a mistake.
    """
    result = _read(value, value_type) if isinstance(value, str) else _number(value, value_type)
    if result is None:
        msg = f"must be {_NOUNS[value_type]}, not {shown(value)}"
        raise ValueError(msg)
    return result


def as_text(value: object) -> str:
    """Return what a script gets for a value: Python's `str`, as in wke 0.1 (`True`, `0.1`); the empty text for None."""
    return "" if value is None else str(value)


def _read(text: str, value_type: str) -> Scalar | None:
    if value_type in {"str", "any"}:
        return text
    if value_type == "bool":
        return _BOOLEANS.get(text.strip().lower())
    try:
        number = int(text) if value_type == "int" else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number(value: object, value_type: str) -> Scalar | None:
    if isinstance(value, bool):
        return value if value_type in {"bool", "any"} else None
    if not isinstance(value, int | float):
        return None
    if value_type == "int":
        return int(value) if math.isfinite(value) and value == int(value) else None
    if value_type == "float":
        return float(value)
    return value if value_type == "any" else None

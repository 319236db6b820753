"""Soundness of stored values: every column has its type, every JSON text its form, every identity its inputs. Only `wke check` asks."""

import dataclasses
import json
import re
import sqlite3
import types
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Union, get_args, get_origin, get_type_hints

from wke.keep.database.schema import TYPE_WORDS, column_types
from wke.keep.files.damage import DamagedError, read_object
from wke.keep.trials.identity import digest
from wke.keep.trials.storedplan import StoredPlan

MOST_NAMED = 20
ID = re.compile("[0-9a-f]{12}-[wf]?[0-9]+")

Row = Mapping[str, Any]
Check = Callable[[Row], str]
"""Returns what is wrong with a row, or ""; may raise."""


def unsound_values(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield a sentence for each stored value that wke cannot have written, at most MOST_NAMED of each kind."""
    for table, columns in column_types().items():
        wrong = " OR ".join(f"typeof({name}) NOT IN ({', '.join(_names(kinds))})" for name, kinds in columns.items())
        for row in islice(_rows(connection, table, wrong), MOST_NAMED):
            for name, kinds in columns.items():
                if type(row[name]) not in kinds:
                    yield f"table {table}, {_place(row)}: {name} is {TYPE_WORDS[type(row[name])]}"
    yield from _unsound_texts(connection)


def _unsound_texts(connection: sqlite3.Connection) -> Iterator[str]:
    for table, name, check in TEXTS:
        told = ((row, _complaint(check, row)) for row in _rows(connection, table, f"typeof({name}) = 'text'"))
        for row, complaint in islice((each for each in told if each[1]), MOST_NAMED):
            yield f"table {table}, {_place(row)}: {name} {complaint}"


def _rows(connection: sqlite3.Connection, table: str, condition: str) -> Iterator[Row]:
    """Yield rows as they are, unchecked, one by one: a table may be large."""
    cursor = sqlite3.Cursor(connection).execute(f"SELECT * FROM {table} WHERE {condition}")  # noqa: S608 - ours, no input
    names = [name for name, *_ in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _names(kinds: frozenset[type]) -> Iterator[str]:
    words = {int: "'integer'", str: "'text'", float: "'real'", bytes: "'blob'", type(None): "'null'"}
    return (words[kind] for kind in kinds)


def _place(row: Row) -> str:
    """Return what identifies a row: its first columns."""
    return ", ".join(f"{name} {value!r:.60}" for name, value in islice(row.items(), 2))


def _complaint(check: Check, row: Row) -> str:
    try:
        return check(row)
    except DamagedError as error:
        return f"is not as wke writes it: {error.what}"
    except (RecursionError, ValueError) as error:
        return f"is not as wke writes it: {error}"


def _object(column: str) -> Check:
    def check(row: Row) -> str:
        read_object(row[column], "it")
        return ""

    return check


def _facts(row: Row) -> str:
    return "" if all(isinstance(value, str) for value in read_object(row["json"], "it").values()) else "has a fact that is not text"


def _point(row: Row) -> str:
    values = read_object(row["point"], "it").values()
    return "" if all(value is None or isinstance(value, bool | int | float | str) for value in values) else "has a value that no point has"


def _inputs(row: Row) -> str:
    """Compare inputs with the identity that was computed from them."""
    inputs = read_object(row["json"], "it")
    if not all(isinstance(inputs.get(part), dict) for part in ("depends", "digests")) or not isinstance(
        inputs["depends"].get("point"), dict
    ):
        return "has no parts and digests"
    whole = not ID.fullmatch(row["trial"]) or row["trial"].startswith(digest(inputs["depends"])[:12])
    return "" if whole else "is not what the trial's id was computed from"


def _plan(row: Row) -> str:
    return "" if conforms(StoredPlan.from_json(row["plan"]), StoredPlan) else "has a value of a wrong type"


def _list_of(kind: type, column: str) -> Check:
    def check(row: Row) -> str:
        value = json.loads(row[column])
        return "" if isinstance(value, list) and all(type(one) is kind for one in value) else f"is not a list of {TYPE_WORDS[kind]}"

    return check


TEXTS: tuple[tuple[str, str, Check], ...] = (
    ("invocations", "plan", _plan),
    ("inputs", "json", _inputs),
    ("planned", "point", _point),
    ("attempts", "point", _point),
    ("detached", "release", _list_of(int, "release")),
    ("fingerprints", "json", _object("json")),
    ("judgements", "numbers", _object("numbers")),
    ("machines", "json", _facts),
    ("acceptances", "changes", _list_of(str, "changes")),
)


def conforms(value: object, hint: Any) -> bool:
    """Tell whether a value has the type of an annotation; of the generic ones, those that plans use."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return any(conforms(value, one) for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(conforms(one, arguments[0]) for one in value)
    if origin is not None:
        return isinstance(value, Mapping) and all(isinstance(key, str) and conforms(one, arguments[1]) for key, one in value.items())
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return isinstance(value, hint) and all(conforms(getattr(value, name), one) for name, one in get_type_hints(hint).items())
    return hint in {Any, object} or _is(value, hint)


def _is(value: object, kind: type) -> bool:
    """Tell whether a value is of a plain type; a whole number is a number, `true` is not."""
    return isinstance(value, int | float if kind is float else kind) and (kind is bool or not isinstance(value, bool))

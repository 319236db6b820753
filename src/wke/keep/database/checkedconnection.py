"""A connection to the database that checks the types of what it reads."""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from wke.keep.database.schema import column_types
from wke.keep.files.damage import DamagedError


class CheckedCursor(sqlite3.Cursor):
    """A cursor whose rows have the types of the schema's columns; DamagedError for others."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows = super().fetchall()
        check_types([name for name, *_ in self.description or ()], rows)
        return rows

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        row = super().fetchone()
        check_types([name for name, *_ in self.description or ()], [] if row is None else [row])
        return row

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.fetchall())


class CheckedConnection(sqlite3.Connection):
    """A connection that checks the types of what it reads."""

    def execute(self, sql: str, parameters: Any = (), /) -> CheckedCursor:
        """Run a statement. Half a character in a text, as a name that is typed may have, is looked for as it would be stored."""
        try:
            return self.cursor(CheckedCursor).execute(sql, parameters)
        except UnicodeEncodeError:
            whole = [storable(value) if isinstance(value, str) else value for value in parameters]
            return self.cursor(CheckedCursor).execute(sql, whole)


def storable(text: str) -> str:
    """Return a text as SQLite takes it: half a character, as JSON or the name of a file may have, becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def check_types(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Raise DamagedError if a column of the schema has a value of another type. All is done by column, which is fast."""
    types = _column_types()
    for name, column in zip(names, zip(*rows, strict=True), strict=False):
        allowed = types.get(name)
        if allowed is not None and not allowed.issuperset(map(type, column)):
            raise DamagedError(f'a value "{name}" is not of its type')


@cache
def _column_types() -> dict[str, frozenset[type]]:
    """Return the types of the values of columns, by their names; those of one name in several tables together."""
    found: dict[str, frozenset[type]] = {}
    for columns in column_types().values():
        for name, types in columns.items():
            found[name] = found.get(name, frozenset()) | types
    return found

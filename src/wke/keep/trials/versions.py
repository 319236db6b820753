"""Versions: what the machines of an attempt said about their software."""

import sqlite3
from collections.abc import Iterable

from wke.keep.database.checkedconnection import storable
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """What `command` printed on a machine at `at_ns` on our clock: by an attempt on the same deployment, perhaps an earlier one.

    With a `problem` the command failed, and its output need not be a version.
    """

    machine: str
    name: str
    command: str
    said: str
    problem: str
    at_ns: int


def insert_versions(sql: sqlite3.Connection, attempt: int, versions: Iterable[Version]) -> None:
    """Add the versions of an attempt."""
    rows = [
        (attempt, one.machine, storable(one.name), storable(one.command), storable(one.said), storable(one.problem), one.at_ns)
        for one in versions
    ]
    sql.executemany("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def read_versions(sql: sqlite3.Connection, attempt: int) -> tuple[Version, ...]:
    """Return the versions of an attempt, by name and machine."""
    query = "SELECT machine, name, command, said, problem, at_ns FROM versions WHERE attempt = ? ORDER BY name, machine"
    return tuple(Version(*row) for row in sql.execute(query, (attempt,)))

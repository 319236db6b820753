"""Examinations: what machines were found to be, whenever a command began to measure on them.

What is found is recorded at once, for `wke plan`. It is *settled* when it is decided what it means for the command's series: from then on
its results are those that count on such machines. In between somebody may be asked.
"""

import json
from dataclasses import dataclass

from wke.keep.database.database import Database
from wke.keep.machines.fingerprint import Facts, Reference


@dataclass(frozen=True, slots=True)
class Latest:
    """When machines were examined last, and for which series."""

    at_ns: int
    series: str


class Examinations:
    """The examinations in a store; which came later is told by the number of the command, never by a clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, command: int, found: Reference) -> None:
        """Record what a command found, not settled yet; what it settled before stays. `command` is what `Store.series` returned."""
        insert = (
            "INSERT INTO machines (invocation, machine, address, json, confirmed) VALUES (?, ?, ?, ?, 0) ON CONFLICT (invocation, machine) "
            "DO UPDATE SET address = excluded.address, json = excluded.json WHERE confirmed = 0"
        )
        with self._database.transaction() as sql:
            sql.executemany(insert, [(command, *machine, json.dumps(dict(facts))) for machine, facts in found.items()])

    def settle(self, command: int) -> None:
        """Let what a command found be what its series stands on."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE machines SET confirmed = 1 WHERE invocation = ?", (command,))

    def settled(self, command: int) -> Reference:
        """Return what a command found and settled."""
        return self._found("invocation = ? AND confirmed", command)

    def latest(self) -> Reference:
        """Return what each machine was when it was examined last, for whichever series."""
        return self._found("coalesce(?, 1)", None)

    def of_series(self, name: str) -> Reference:
        """Return what the machines of a series are to it: as they were settled last, for this series."""
        owned = "confirmed AND invocation IN (SELECT v.id FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = ?)"
        return self._found(owned, name)

    def by_name(self, series: str) -> dict[str, Facts]:
        """Return what the machines of a series are to it, by their names alone; of two at different addresses either."""
        return {machine: facts for (machine, _), facts in self.of_series(series).items()}

    def last(self) -> Latest | None:
        """Return when and for which series machines were examined last; None before the first time."""
        query = (
            "SELECT v.started_ns, s.name FROM invocations v JOIN series s ON s.id = v.series "
            "WHERE v.id = (SELECT max(invocation) FROM machines)"
        )
        with self._database.snapshot() as sql:
            row = sql.execute(query).fetchone()
        return None if row is None else Latest(*row)

    def _found(self, condition: str, value: object) -> Reference:
        query = f"SELECT machine, address, json, max(invocation) FROM machines WHERE {condition} GROUP BY machine, address"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            rows = sql.execute(query, (value,)).fetchall()
        return {(machine, address): json.loads(text) for machine, address, text, _ in rows}

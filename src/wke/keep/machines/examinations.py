"""Examinations: the fingerprints that commands found on machines when they began to measure.

What a command finds is recorded at once, so that `wke plan` can use it. It is *confirmed* when it is decided what it means for the
command's series; from then on the results of the series are those that count on such machines. A user may be asked in between.
"""

import json

from wke.keep.database.database import Database
from wke.keep.files.damage import read_object
from wke.keep.machines.fingerprint import Facts, Reference
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Latest:
    """When machines were last examined, and for which series."""

    at_ns: int
    series: str


class Examinations:
    """The examinations in a store. A command with a higher number is later; clocks are not compared."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, command: int, found: Reference) -> None:
        """Record what a command found, to be confirmed; fingerprints that it confirmed before stay. `begin_series` returns its number."""
        insert = (
            "INSERT INTO machines (invocation, machine, address, json, confirmed) VALUES (?, ?, ?, ?, 0) "
            "ON CONFLICT (invocation, machine) DO UPDATE SET address = excluded.address, json = excluded.json WHERE confirmed = 0"
        )
        with self._database.transaction() as sql:
            sql.executemany(insert, [(command, *machine, json.dumps(dict(facts))) for machine, facts in found.items()])

    def confirm(self, command: int) -> None:
        """Make what a command found the machines that its series is measured on."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE machines SET confirmed = 1 WHERE invocation = ?", (command,))

    def confirmed(self, command: int) -> Reference:
        """Return what a command found and confirmed."""
        return self._found("invocation = ? AND confirmed", command)

    def latest(self) -> Reference:
        """Return the latest fingerprint of each machine, for whichever series it was taken."""
        return self._found("coalesce(?, 1)", None)

    def of_series(self, name: str) -> Reference:
        """Return the latest fingerprint of each machine that was confirmed for this series."""
        owned = "confirmed AND invocation IN (SELECT v.id FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = ?)"
        return self._found(owned, name)

    def by_name(self, series: str) -> dict[str, Facts]:
        """Return what `of_series` does by the machines' names alone; for one name at two addresses, either fingerprint."""
        return {machine: facts for (machine, _), facts in self.of_series(series).items()}

    def last(self) -> Latest | None:
        """Return when and for which series machines were last examined; None if they never were."""
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
        return {(machine, address): read_object(text, f"the fingerprint of {machine}") for machine, address, text, _ in rows}

"""Acceptances: changes that a user declared harmless, so that results from before them count.

An acceptance can be taken back. It is then no longer in force, but stays in the store with the name of the user who took it back.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence

from wke.errors import InputError
from wke.keep.database.database import Database
from wke.keep.files.damage import decoding
from wke.keep.machines.fingerprint import AcceptedFacts, FactChange
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class AcceptedChanges:
    """What a user accepts: facts of machines, and pairs of a trial and the stored one whose result counts for it.

    `changes` describes it all as text. `inputs` has the inputs of these trials, as JSON.
    """

    changes: Sequence[str]
    facts: Sequence[FactChange] = ()
    trials: Sequence[tuple[str, str]] = ()
    inputs: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a user accepted; `trials` is the number of trials for which the result of another one counts."""

    number: int
    who: str
    at_ns: int
    reason: str
    changes: tuple[str, ...]
    trials: int
    taken_back_by: str | None
    taken_back_ns: int | None


class Acceptances:
    """The acceptances in a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, accepted: AcceptedChanges, *, who: str, reason: str) -> int:
        """Record that `who` accepts changes, and why; return the number of the acceptance."""
        with self._database.transaction() as sql:
            row = (who, time.time_ns(), reason, json.dumps(list(accepted.changes)))
            number = int(sql.execute("INSERT INTO acceptances (who, at_ns, reason, changes) VALUES (?, ?, ?, ?)", row).lastrowid or 0)
            facts = [(number, change.machine, change.fact, change.before, change.now) for change in accepted.facts]
            sql.executemany("INSERT OR IGNORE INTO accepted_facts VALUES (?, ?, ?, ?, ?)", facts)
            sql.executemany("INSERT INTO accepted_trials VALUES (?, ?, ?)", [(number, *pair) for pair in accepted.trials])
            sql.executemany("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (accepted.inputs or {}).items())
        return number

    def take_back(self, number: int, *, who: str) -> Acceptance:
        """Record that an acceptance is no longer in force, and return it. Raise InputError if there is none or it was taken back before."""
        found = {acceptance.number: acceptance for acceptance in self.all()}
        if number not in found:
            raise InputError(f"there is no acceptance {number}", hint="wke accept --list shows them")
        if found[number].taken_back_by is not None:
            raise InputError(f"acceptance {number} was taken back already, by {found[number].taken_back_by}")
        with self._database.transaction() as sql:
            sql.execute("UPDATE acceptances SET taken_back_by = ?, taken_back_ns = ? WHERE id = ?", (who, time.time_ns(), number))
        return found[number]

    def all(self) -> tuple[Acceptance, ...]:
        """Return all acceptances, the oldest first, including those that were taken back."""
        query = (
            "SELECT id, who, at_ns, reason, changes, (SELECT count(DISTINCT trial) FROM accepted_trials WHERE acceptance = id), "
            "taken_back_by, taken_back_ns FROM acceptances ORDER BY id"
        )
        with self._database.snapshot() as sql:
            rows = sql.execute(query).fetchall()
        with decoding("an acceptance"):
            return tuple(
                Acceptance(number, who, at_ns, reason, tuple(map(str, json.loads(changes))), trials, by, by_ns)
                for number, who, at_ns, reason, changes, trials, by, by_ns in rows
            )

    def facts(self) -> AcceptedFacts:
        """Return the changes of facts that are accepted now."""
        query = (
            "SELECT f.acceptance, f.machine, f.fact, f.before, f.now FROM accepted_facts f JOIN acceptances c ON c.id = f.acceptance "
            "WHERE c.taken_back_by IS NULL ORDER BY f.acceptance"
        )
        with self._database.snapshot() as sql:
            return AcceptedFacts((number, FactChange(*change)) for number, *change in sql.execute(query))

    def measured_for(self, trials: Collection[str]) -> dict[str, dict[str, int]]:
        """Return, by trial, the other trials whose results count for it now, each with the number of its acceptance."""
        query = (
            "SELECT t.trial, t.measured, t.acceptance FROM accepted_trials t JOIN acceptances c ON c.id = t.acceptance "
            "WHERE c.taken_back_by IS NULL AND t.trial IN (SELECT value FROM json_each(?)) ORDER BY t.acceptance DESC"
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.snapshot() as sql:
            for trial, measured, number in sql.execute(query, (json.dumps(list(trials)),)):
                found.setdefault(trial, {}).setdefault(measured, number)
        return found

    def measured_as(self, measured: str) -> dict[str, int]:
        """Return the trials for which the result of trial `measured` counts now, each with the number of its acceptance."""
        query = (
            "SELECT t.trial, max(t.acceptance) FROM accepted_trials t JOIN acceptances c ON c.id = t.acceptance "
            "WHERE c.taken_back_by IS NULL AND t.measured = ? GROUP BY t.trial"
        )
        with self._database.snapshot() as sql:
            return dict(sql.execute(query, (measured,)).fetchall())

"""Whether an attempt counts: whether its machines still are what they were when it was made."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wke.keep.machines.fingerprint import AcceptedFacts, FactChange, Reference, deciding

RAN = "coalesce((SELECT source FROM derived WHERE attempt = a.id), a.id)"
"""SQL for the attempt that really ran behind an attempt `a`: it has the tasks, the clocks and the folder."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What speaks against an attempt, and the acceptances but for which more would."""

    changes: tuple[FactChange, ...] = ()
    accepted: tuple[int, ...] = ()

    def __add__(self, other: "Ruling") -> "Ruling":
        return Ruling((*self.changes, *other.changes), tuple(sorted({*self.accepted, *other.accepted})))


@dataclass(frozen=True, slots=True)
class Judge:
    """What machines are now, which changes of them were accepted, and where those went that are at another address now."""

    reference: Reference
    accepted: AcceptedFacts
    moved: Mapping[str, str] | None = None

    def ruling(self, machine: str, address: str, facts: str) -> Ruling:
        """Compare a machine's facts (JSON) with what it is now; who was not examined since is still the same."""
        now = self.reference.get((machine, address if self.moved is None else self.moved.get(machine, address)))
        if now is None:
            return Ruling()
        changes, accepted = [], set[int]()
        for change in deciding(machine, json.loads(facts), now):
            covering = self.accepted.covering(change)
            accepted |= covering
            changes += [] if covering else [change]
        return Ruling(tuple(changes), tuple(sorted(accepted)))


def rulings(sql: sqlite3.Connection, attempts: str, value: str, judge: Judge) -> dict[int, Ruling]:
    """Return what speaks for or against attempts `a` that meet an SQL condition, by their ids: those that are missing simply count.

    Only machines that take part in the trial matter. A command that examined nothing had no machines that we know of.
    """
    commands = dict(_remarkable(sql, attempts, value, judge))
    found: dict[int, Ruling] = {}
    if commands:
        part = "json_each(i.json, '$.depends.cluster.machines') m"
        trials = f"attempts a JOIN attempts r ON r.id = {RAN} JOIN inputs i ON i.trial = a.trial JOIN {part}"
        query = f"SELECT a.id, r.invocation, m.key FROM {trials} WHERE {attempts}"  # noqa: S608 - ours, no input
        for attempt, command, machine in sql.execute(query, (value,)):
            ruling = commands.get((command, machine))
            if ruling is not None:
                found[attempt] = found.get(attempt, Ruling()) + ruling
    return found


def _remarkable(sql: sqlite3.Connection, attempts: str, value: str, judge: Judge) -> Iterator[tuple[tuple[int, str], Ruling]]:
    made = f"SELECT r.invocation FROM attempts a JOIN attempts r ON r.id = {RAN} WHERE {attempts}"  # noqa: S608 - ours, no input
    query = f"SELECT invocation, machine, address, json FROM machines WHERE invocation IN ({made})"  # noqa: S608 - ours, no input
    for command, machine, address, facts in sql.execute(query, (value,)):
        ruling = judge.ruling(machine, address, facts)
        if ruling != Ruling():
            yield (command, machine), ruling

"""Machine changes: how the machines of an attempt have changed since, which decides whether the attempt counts."""

import sqlite3
from collections.abc import Iterator, Mapping

from wke.keep.files.damage import read_object
from wke.keep.machines.fingerprint import AcceptedFacts, FactChange, Reference, deciding
from wke.values import dataclass

RAN = "coalesce((SELECT source FROM derived WHERE attempt = a.id), a.id)"
"""SQL for the attempt that ran for an attempt `a`: it has the tasks, the clocks and the folder."""


@dataclass(frozen=True, slots=True)
class MachineChanges:
    """The `changes` because of which an attempt does not count, and the numbers of the acceptances that cover others."""

    changes: tuple[FactChange, ...] = ()
    accepted: tuple[int, ...] = ()

    def __add__(self, other: "MachineChanges") -> "MachineChanges":
        return MachineChanges((*self.changes, *other.changes), tuple(sorted({*self.accepted, *other.accepted})))


@dataclass(frozen=True, slots=True)
class MachinesNow:
    """The fingerprints of machines now, the changes that are accepted, and the new addresses of machines that `moved`, by name."""

    reference: Reference
    accepted: AcceptedFacts
    moved: Mapping[str, str] | None = None

    def changes_since(self, machine: str, address: str, facts: str) -> MachineChanges:
        """Return how a machine has changed since it had these facts (JSON). One that was not examined since has not changed."""
        now = self.reference.get((machine, address if self.moved is None else self.moved.get(machine, address)))
        if now is None:
            return MachineChanges()
        changes, accepted = [], set[int]()
        for change in deciding(machine, read_object(facts, f"the fingerprint of {machine}"), now):
            covering = self.accepted.covering(change)
            accepted |= covering
            changes += [] if covering else [change]
        return MachineChanges(tuple(changes), tuple(sorted(accepted)))


def machine_changes(sql: sqlite3.Connection, attempts: str, value: str, now: MachinesNow) -> dict[int, MachineChanges]:
    """Return how the machines have changed of attempts `a` that meet an SQL condition, by the attempts' ids; nothing for the others.

    Only machines that take part in the trial matter. Nothing is known about the machines of a command that examined none.
    """
    commands = dict(_of_commands(sql, attempts, value, now))
    found: dict[int, MachineChanges] = {}
    if commands:
        part = "json_each(i.json, '$.depends.cluster.machines') m"
        trials = f"attempts a JOIN attempts r ON r.id = {RAN} JOIN inputs i ON i.trial = a.trial JOIN {part}"
        query = f"SELECT a.id, r.invocation, m.key FROM {trials} WHERE {attempts}"  # noqa: S608 - ours, no input
        for attempt, command, machine in sql.execute(query, (value,)):
            changed = commands.get((command, machine))
            if changed is not None:
                found[attempt] = found.get(attempt, MachineChanges()) + changed
    return found


def _of_commands(sql: sqlite3.Connection, attempts: str, value: str, now: MachinesNow) -> Iterator[tuple[tuple[int, str], MachineChanges]]:
    """Yield each machine that has changed since a command examined it, with the command: many attempts share one examination."""
    made = f"SELECT r.invocation FROM attempts a JOIN attempts r ON r.id = {RAN} WHERE {attempts}"  # noqa: S608 - ours, no input
    query = f"SELECT invocation, machine, address, json FROM machines WHERE invocation IN ({made})"  # noqa: S608 - ours, no input
    for command, machine, address, facts in sql.execute(query, (value,)):
        changed = now.changes_since(machine, address, facts)
        if changed != MachineChanges():
            yield (command, machine), changed

"""Details: what the store has of an attempt beside its result: who ran it, how each task ended, clocks, machines, deployments, files."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from os import fsdecode
from typing import Self

from wke.documents import Json
from wke.keep.database.database import Database
from wke.keep.files.damage import DamagedError, read_object
from wke.keep.machines.fingerprint import Reference
from wke.keep.machines.machine_changes import RAN
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.versions import Version, read_versions
from wke.records import ClockReading, MachineClock, StartedTogether, TaskEnded, TaskName
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """The command that ran an attempt, the order and the seed of its plan, and the `software` that it used."""

    words: str
    order: str
    seed: int
    started_ns: int
    software: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StoredTask:
    """How a task ended, by its machine's clock; `outcome` is an Outcome's text."""

    name: TaskName
    outcome: str
    started_ns: int
    ended_ns: int
    rung: str
    detail: str


@dataclass(frozen=True, slots=True)
class AttemptTimes:
    """When the tasks of an attempt ran on the clocks of their machines; `measured` is the number of the measured step."""

    tasks: Sequence[StoredTask]
    clocks: Mapping[str, MachineClock]
    measured: int | None
    released_ns: int | None

    @classmethod
    def of(cls, ends: Iterable[TaskEnded], start: StartedTogether | None) -> Self:
        """Return the times of an attempt that has just ended."""
        tasks = [StoredTask(end.task, str(end.outcome), end.started_ns, end.ended_ns, end.rung, end.detail) for end in ends]
        if start is None:
            return cls(tasks, {}, None, None)
        return cls(tasks, start.clocks, start.step, start.released_ns)


@dataclass(frozen=True, slots=True)
class StoredDeployment:
    """Attempt number `attempt` at `trial` ran a step with a scope; `step` is its number (from 0)."""

    step: int
    trial: str
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptDetails:
    """What the store has of an attempt; for a derived attempt, of the attempt that ran.

    `position` is its place in the plan, from 0. `machines` has the fingerprints that the command found for the machines that take part,
    `said` what each machine reported about itself when it was connected. `released_ns` is when the measured step, number `measured`, was
    to begin, None if that was never agreed. `files` and `size_bytes` count the files in the folder when the attempt ended, None if it has
    not ended.
    """

    command: Command
    position: int
    tasks: tuple[StoredTask, ...]
    clocks: Mapping[str, MachineClock]
    machines: Reference
    said: Mapping[str, Mapping[str, object]]
    deployments: tuple[StoredDeployment, ...]
    versions: tuple[Version, ...]
    released_ns: int | None
    measured: int | None
    files: int | None
    size_bytes: int | None

    @property
    def times(self) -> AttemptTimes:
        """When its tasks ran."""
        return AttemptTimes(self.tasks, self.clocks, self.measured, self.released_ns)


class DetailReader:
    """The details of the attempts in a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, trial: str, number: int) -> AttemptDetails:
        """Return the details of attempt `number` at `trial`, which must exist."""
        columns = "r.id, v.id, r.position, v.command, v.started_ns, v.plan, i.json, r.ended_ns, s.released_ns AS released, s.step AS began"
        made = (
            f"attempts a JOIN attempts r ON r.id = {RAN} JOIN invocations v ON v.id = r.invocation JOIN inputs i ON i.trial = r.trial "
            "LEFT JOIN starts s ON s.attempt = r.id"
        )
        query = f"SELECT {columns} FROM {made} WHERE a.trial = ? AND a.number = ?"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            row = sql.execute(query, (trial, number)).fetchone()
            if row is None:
                raise DamagedError(f"attempt {number} at trial {trial} is not complete")
            ran, command, position, words, started_ns, text, inputs, ended_ns, released_ns, measured = row
            plan = StoredPlan.from_json(text)
            sizes = [size for (size,) in sql.execute("SELECT size FROM files WHERE attempt = ?", (ran,))]
            return AttemptDetails(
                command=Command(words, plan.order, plan.seed, started_ns, plan.software),
                position=position,
                tasks=_tasks(sql, ran),
                clocks=_clocks(sql, ran),
                machines=_machines(sql, command, read_object(inputs, f"what trial {trial} depends on")),
                said=_said(sql, ran),
                deployments=_deployments(sql, ran),
                versions=read_versions(sql, ran),
                released_ns=released_ns,
                measured=measured,
                files=None if ended_ns is None else len(sizes),
                size_bytes=None if ended_ns is None else sum(sizes),
            )

    def clocks(self, trial: str, number: int) -> dict[str, MachineClock]:
        """Return the clocks of the machines of an attempt, {} if none was read."""
        query = f"SELECT {RAN} FROM attempts a WHERE a.trial = ? AND a.number = ?"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            row = sql.execute(query, (trial, number)).fetchone()
            return _clocks(sql, row[0]) if row else {}

    def versions(self, trials: Iterable[str]) -> dict[tuple[str, int], list[Version]]:
        """Return the versions of all attempts at these trials that have any, by trial and number."""
        columns = "a.trial, a.number, v.machine, v.name, v.command, v.said, v.problem, v.at_ns"
        made = f"attempts a JOIN versions v ON v.attempt = {RAN}"
        query = f"SELECT {columns} FROM {made} WHERE a.trial IN (SELECT value FROM json_each(?)) ORDER BY v.name, v.machine"  # noqa: S608 - ours, no input
        found: dict[tuple[str, int], list[Version]] = {}
        with self._database.snapshot() as sql:
            for trial, number, *version in sql.execute(query, (json.dumps(list(trials)),)):
                found.setdefault((trial, number), []).append(Version(*version))
        return found

    def files(self, trial: str, number: int) -> tuple[str, ...]:
        """Return the paths of the files that the folder of an attempt had when the attempt ended."""
        query = f"SELECT f.path FROM files f JOIN attempts a ON f.attempt = {RAN} WHERE a.trial = ? AND a.number = ? ORDER BY f.path"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            return tuple(fsdecode(path) for (path,) in sql.execute(query, (trial, number)))

    def makers(self, trial: str, number: int) -> tuple[str, ...]:
        """Return the other attempts (`TRIAL.NUMBER`) that ran the steps with a scope that an attempt used."""
        made = self.of(trial, number).deployments
        return tuple(dict.fromkeys(f"{one.trial}.{one.attempt}" for one in made if (one.trial, one.attempt) != (trial, number)))

    def task_ends(self, attempt: StoredAttempt) -> dict[TaskName, str]:
        """Return the outcome of each task of an attempt."""
        tasks = f"tasks t JOIN attempts a ON t.attempt = {RAN}"
        query = f"SELECT t.step, t.target, t.machine, t.copy, t.outcome FROM {tasks} WHERE a.trial = ? AND a.number = ?"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            return {TaskName(*name): outcome for *name, outcome in sql.execute(query, (attempt.id, attempt.attempt))}


def _tasks(sql: sqlite3.Connection, attempt: int) -> tuple[StoredTask, ...]:
    query = "SELECT step, target, machine, copy, outcome, started_ns, ended_ns, rung, detail FROM tasks WHERE attempt = ?"
    rows = sql.execute(f"{query} ORDER BY step, target, machine, copy", (attempt,))
    return tuple(StoredTask(TaskName(*row[:4]), *row[4:]) for row in rows)


def _clocks(sql: sqlite3.Connection, attempt: int) -> dict[str, MachineClock]:
    found: dict[str, MachineClock] = {}
    query = "SELECT machine, drift_ppm, offset_ns, bound_ns, at_ns FROM clocks WHERE attempt = ? ORDER BY machine, at_ns"
    for machine, rows in groupby(sql.execute(query, (attempt,)), key=itemgetter(0)):
        readings = list(rows)
        found[machine] = MachineClock(tuple(ClockReading(*reading) for _, _, *reading in readings), readings[0][1])
    return found


def _machines(sql: sqlite3.Connection, command: int, inputs: Mapping[str, Json]) -> Reference:
    """Return the fingerprints that a command found, only of the machines that take part if the inputs of the trial say which."""
    taking_part = (inputs.get("depends", {}).get("cluster") or {}).get("machines")
    rows = sql.execute("SELECT machine, address, json FROM machines WHERE invocation = ? ORDER BY machine", (command,))
    return {
        (machine, address): read_object(facts, f"the fingerprint of {machine}")
        for machine, address, facts in rows
        if taking_part is None or machine in taking_part
    }


def _said(sql: sqlite3.Connection, attempt: int) -> dict[str, Mapping[str, object]]:
    rows = sql.execute("SELECT machine, json FROM fingerprints WHERE attempt = ? ORDER BY machine", (attempt,))
    return {machine: read_object(facts, f"what {machine} reported") for machine, facts in rows}


def _deployments(sql: sqlite3.Connection, attempt: int) -> tuple[StoredDeployment, ...]:
    query = "SELECT d.step, m.trial, m.number FROM deployments d JOIN attempts m ON m.id = d.maker WHERE d.attempt = ? ORDER BY d.step"
    return tuple(StoredDeployment(*row) for row in sql.execute(query, (attempt,)))

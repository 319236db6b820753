"""Attempts as they are read back from the store: rows of several tables make one value."""

import math
import os
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from wke.keep.machines.machine_changes import RAN, MachineChanges, MachinesNow, machine_changes
from wke.keep.trials.folders import final_folder, partial_folder
from wke.keep.trials.judgements import Judgement, Level, doubts, read_judgement, verdict
from wke.keep.trials.points import read_point
from wke.keep.trials.trials import RUNNING, Derivation, StoredAttempt, StoredStart
from wke.records import OutcomeKind

Rows = Callable[[str, str], list[tuple[Any, ...]]]
"""Return columns from tables that include `attempts a`, after the attempt's id."""
RuleNames = Collection[str] | None
"""The rules whose judgements are wanted whatever they say; None for those of all rules."""

COLUMNS = "a.trial, s.name, a.number, a.point, a.iteration, a.warmup, a.outcome, a.why, a.started_ns, a.ended_ns, a.invocation"
OWNED = "attempts a JOIN invocations v ON v.id = a.invocation JOIN series s ON s.id = v.series"
DEPLOYED = f"deployments y JOIN attempts a ON y.attempt = {RAN}"
STARTED = f"starts t JOIN attempts a ON t.attempt = {RAN}"
DERIVATION = "r.trial, r.number, d.how, d.at_ns, d.who, d.wke"
DERIVED = "derived d JOIN attempts a ON a.id = d.attempt JOIN attempts r ON r.id = d.source"


def read_attempts(
    sql: sqlite3.Connection, store: Path, condition: str, value: str, now: MachinesNow | None = None, *, rules: RuleNames = None
) -> tuple[StoredAttempt, ...]:
    """Return the attempts `a` of the store in this folder that meet an SQL condition, by trial and number.

    With `now`, they have the changes of their machines. With `rules` they have not all judgements, see `AttemptReader.history`.
    """

    def rows(columns: str, tables: str) -> list[tuple[Any, ...]]:
        return sql.execute(f"SELECT a.id, {columns} FROM {tables} WHERE {condition}", (value,)).fetchall()  # noqa: S608 - ours, no input

    values, units = _observations(rows)
    starts = {id_: StoredStart(*start) for id_, *start in rows("t.skew_ns, t.bound_ns, t.first, t.last", STARTED)}
    derived = {id_: (command, Derivation(*why)) for id_, command, *why in rows(f"r.invocation, {DERIVATION}", DERIVED)}
    judged, makers = _judgements(rows, rules), _makers(rows)
    changed, left, found = machine_changes(sql, condition, value, now) if now else {}, _left(store), []
    for id_, trial, series, number, point, iteration, warmup, outcome, why, started_ns, ended_ns, own in rows(COLUMNS, OWNED):
        command, derivation = derived.get(id_, (own, None))
        machines, judgements = changed.get(id_, MachineChanges()), judged.get(id_, ())
        ended, because = _ended(outcome, why, judgements)
        found.append(
            StoredAttempt(
                id=trial,
                series=series,
                attempt=number,
                point=read_point(point, trial),
                iteration=iteration,
                warmup=bool(warmup),
                outcome=ended,
                why=because,
                started_ns=started_ns,
                elapsed_s=None if ended_ns is None else (ended_ns - started_ns) / 1e9,
                observations=values.get(id_, {}),
                units=units.get(id_, {}),
                folder=_folder(store, left, trial, number, derivation),
                start=starts.get(id_),
                derivation=derivation,
                changes=machines.changes,
                accepted=machines.accepted,
                command=command,
                judgements=judgements,
                deployed=tuple(makers.get(id_, ())),
            )
        )
    return tuple(sorted(found, key=lambda attempt: (attempt.id, attempt.attempt)))


def _observations(rows: Rows) -> tuple[dict[int, dict[str, float]], dict[int, dict[str, str]]]:
    """Return the values and the units of metrics, by attempt; attempts with the same units share them."""
    values: dict[int, dict[str, float]] = {}
    units: dict[int, dict[str, str]] = {}
    for id_, metric, number, unit in rows("o.metric, o.value, o.unit", "observations o JOIN attempts a ON a.id = o.attempt"):
        values.setdefault(id_, {})[metric] = math.nan if number is None else number
        units.setdefault(id_, {})[metric] = unit
    shared: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    return values, {id_: shared.setdefault(tuple(each.items()), each) for id_, each in units.items()}


def _judgements(rows: Rows, rules: RuleNames) -> dict[int, tuple[Judgement, ...]]:
    """Return what rules say, by attempt, in the order of the rules' names."""
    found: dict[int, list[Judgement]] = {}
    columns, tables = "j.rule, j.level, j.place, j.said, j.numbers", "judgements j JOIN attempts a ON a.id = j.attempt"
    if rules is not None:
        names = ", ".join(f"'{name}'" for name in rules)
        tables += f" AND (j.level IN ('suspect', 'invalid', 'finding') OR (j.rule IN ({names}) AND j.numbers <> '{{}}'))"
    for id_, *row in sorted(rows(columns, tables)):
        found.setdefault(id_, []).append(read_judgement(*row))
    return {id_: tuple(judgements) for id_, judgements in found.items()}


def _ended(outcome: str | None, why: str, judgements: tuple[Judgement, ...]) -> tuple[str, str]:
    """Return how an attempt ended and why: one that rules reject is invalid."""
    rejected = bool(judgements) and outcome == OutcomeKind.OK and verdict(each.level for each in judgements) is Level.INVALID
    return (OutcomeKind.INVALID.value, doubts(judgements)) if rejected else (outcome or RUNNING, why)


def _makers(rows: Rows) -> dict[int, list[int]]:
    """Return the attempts that deployed what an attempt ran on, step by step."""
    found: dict[int, list[int]] = {}
    for id_, _, maker in sorted(rows("y.step, y.maker", DEPLOYED)):
        found.setdefault(id_, []).append(maker)
    return found


def _left(store: Path) -> frozenset[str]:
    """Return the names of the folders in partial/: of attempts that are running or were interrupted."""
    try:
        return frozenset(os.listdir(store / "partial"))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return frozenset()


def _folder(store: Path, left: Collection[str], trial: str, number: int, derivation: Derivation | None) -> Path:
    """Return the folder with the output of an attempt, which may be `left` in partial/; for a derived one, that of the attempt that ran."""
    ran = (derivation.trial, derivation.attempt) if derivation else (trial, number)
    return partial_folder(store, *ran) if "{}.{}".format(*ran) in left else final_folder(store, *ran)

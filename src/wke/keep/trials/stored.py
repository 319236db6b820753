"""Attempts as they are read back from the store: rows of several tables made into one value each."""

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

from wke.keep.machines.machine_changes import RAN, Judge, Ruling, rulings
from wke.keep.trials.folders import final_folder, partial_folder
from wke.keep.trials.trials import RUNNING, Derivation, StoredAttempt, StoredStart


def read_attempts(
    sql: sqlite3.Connection, store: Path, condition: str, value: str, judge: Judge | None = None
) -> tuple[StoredAttempt, ...]:
    """Return the attempts `a` of the store in this folder that meet the SQL `condition`, by trial and number.

    With a `judge` they say what what machines are now says of them.
    """

    def rows(columns: str, tables: str = "attempts a", order: str = "") -> list[tuple[Any, ...]]:
        return sql.execute(f"SELECT a.id, {columns} FROM {tables} WHERE {condition}{order}", (value,)).fetchall()  # noqa: S608 - ours, no input

    units: dict[int, dict[str, str]] = {}
    values: dict[int, dict[str, float]] = {}
    for attempt, metric, number, unit in rows("o.metric, o.value, o.unit", "observations o JOIN attempts a ON a.id = o.attempt"):
        values.setdefault(attempt, {})[metric] = math.nan if number is None else number
        units.setdefault(attempt, {})[metric] = unit
    begun = rows("t.skew_ns, t.bound_ns, t.first, t.last", f"starts t JOIN attempts a ON t.attempt = {RAN}")
    starts = {attempt: StoredStart(*start) for attempt, *start in begun}
    derived = "derived d JOIN attempts a ON a.id = d.attempt JOIN attempts r ON r.id = d.source"
    derivations = {attempt: Derivation(*why) for attempt, *why in rows("r.trial, r.number, d.how, d.at_ns, d.who, d.wke", derived)}
    ruled = rulings(sql, condition, value, judge) if judge else {}
    owned = "attempts a JOIN invocations v ON v.id = a.invocation JOIN series s ON s.id = v.series"
    columns = "a.trial, s.name, a.number, a.point, a.iteration, a.warmup, a.outcome, a.why, a.started_ns, a.ended_ns"
    return tuple(
        StoredAttempt(
            id=trial,
            series=series,
            attempt=number,
            point=json.loads(point),
            iteration=iteration,
            warmup=bool(warmup),
            outcome=outcome or RUNNING,
            why=why,
            started_ns=started_ns,
            elapsed_s=None if ended_ns is None else (ended_ns - started_ns) / 1e9,
            observations=values.get(attempt, {}),
            units=units.get(attempt, {}),
            folder=_folder(store, trial, number, derivations.get(attempt)),
            start=starts.get(attempt),
            derivation=derivations.get(attempt),
            changes=ruled.get(attempt, Ruling()).changes,
            accepted=ruled.get(attempt, Ruling()).accepted,
        )
        for attempt, trial, series, number, point, iteration, warmup, outcome, why, started_ns, ended_ns in rows(
            columns, owned, " ORDER BY a.trial, a.number"
        )
    )


def _folder(store: Path, trial: str, number: int, derivation: Derivation | None) -> Path:
    """Return where the output of an attempt is: with the one that ran, if that is another."""
    ran = (derivation.trial, derivation.attempt) if derivation else (trial, number)
    final = final_folder(store, *ran)
    return final if final.exists() else partial_folder(store, *ran)

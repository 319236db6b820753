"""Values as rows of the store's tables, and back."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

from wke.keep.trials.trials import Answer, PlannedTrial
from wke.records import ClockReading, Release, StartedTogether, TaskEnded


def insert_planned(sql: sqlite3.Connection, series: int, trials: Iterable[PlannedTrial]) -> None:
    """Add trials to the plan of a series."""
    rows = [(series, t.position, t.id, json.dumps(dict(t.point)), t.iteration, t.warmup) for t in trials]
    sql.executemany("INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?)", rows)


def insert_observations(sql: sqlite3.Connection, attempt: int, values: Mapping[str, float], units: Mapping[str, str]) -> None:
    """Add what an attempt gave."""
    rows = [(attempt, name, value, units.get(name, "")) for name, value in values.items()]
    sql.executemany("INSERT INTO observations VALUES (?, ?, ?, ?)", rows)


def insert_answer(sql: sqlite3.Connection, invocation: int, answer: Answer) -> None:
    """Add an attempt at a trial that is derived from another attempt: it took place when that one did."""
    trial, derivation = answer.trial, answer.derivation
    sql.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (trial.id, trial.inputs_json))
    ran = sql.execute(
        "SELECT id, started_ns, ended_ns FROM attempts WHERE trial = ? AND number = ?", (derivation.trial, derivation.attempt)
    )
    source, *times = ran.fetchone()
    (number,) = sql.execute("SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE trial = ?", (trial.id,)).fetchone()
    row = (invocation, trial.id, number, trial.position, json.dumps(dict(trial.point)), trial.iteration, trial.warmup)
    columns = "invocation, trial, number, position, point, iteration, warmup, outcome, why, started_ns, ended_ns"
    new = f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - no input
    attempt = int(sql.execute(new, (*row, str(answer.outcome), answer.why, *times)).lastrowid or 0)
    insert_observations(sql, attempt, answer.observations, answer.units)
    whence = (attempt, source, derivation.how, derivation.at_ns, derivation.who, derivation.wke)
    sql.execute("INSERT INTO derived (attempt, source, how, at_ns, who, wke) VALUES (?, ?, ?, ?, ?, ?)", whence)


def insert_start(sql: sqlite3.Connection, attempt: int, start: StartedTogether) -> None:
    """Add how an attempt's measured step began, and its clocks."""
    row = (attempt, start.step, start.released_ns, start.skew_ns, start.bound_ns, start.first, start.last)
    sql.execute("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for machine, clock in start.clocks.items():
        readings = [reading for reading in (clock.before, clock.after) if reading is not None]
        rows = [(attempt, machine, reading.at_ns, reading.offset_ns, reading.bound_ns) for reading in readings]
        sql.executemany("INSERT INTO clocks VALUES (?, ?, ?, ?, ?)", rows)


def read_release(releases: str | None) -> Release | None:
    """Return the one release of which each machine's row has a part, from the JSON of all."""
    rows: dict[str, list[int]] = json.loads(releases or "{}")
    clocks = {machine: ClockReading(*clock) for machine, (_, *clock) in rows.items()}
    return Release(next(iter(rows.values()))[0], clocks) if rows else None


def task_row(attempt: int, ended: TaskEnded) -> tuple[object, ...]:
    """Return the row of a task that has ended."""
    task = ended.task
    return (
        attempt,
        task.step,
        task.target,
        task.machine,
        task.copy,
        str(ended.outcome),
        ended.started_ns,
        ended.ended_ns,
        ended.rung,
        ended.detail,
    )

"""Values as rows of the store's tables, and back."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from wke.keep.database.checkedconnection import storable
from wke.keep.files.damage import decoding
from wke.keep.files.manifest import KeptFile
from wke.keep.trials.distributions import insert_distributions
from wke.keep.trials.folders import first_free
from wke.keep.trials.judgements import insert_judgements
from wke.keep.trials.trials import Answer, Attempt, PlannedTrial, Result
from wke.keep.trials.versions import insert_versions
from wke.records import ClockReading, Release, StartedTogether, TaskEnded


def insert_planned(sql: sqlite3.Connection, series: int, trials: Sequence[PlannedTrial]) -> None:
    """Add trials to the plan of a series."""
    sql.executemany("INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?)", _planned_rows(series, trials))


def replace_planned(sql: sqlite3.Connection, series: int, trials: Sequence[PlannedTrial]) -> None:
    """Make these trials the plan of a series; write nothing if they are already."""
    rows = _planned_rows(series, trials)
    query = "SELECT series, position, trial, point, iteration, warmup FROM planned WHERE series = ? ORDER BY position"
    if sql.execute(query, (series,)).fetchall() != rows:
        sql.execute("DELETE FROM planned WHERE series = ?", (series,))
        insert_planned(sql, series, trials)


def _planned_rows(series: int, trials: Sequence[PlannedTrial]) -> list[tuple[object, ...]]:
    points = {id(trial.point): trial.point for trial in trials}
    texts = {key: json.dumps(dict(point)) for key, point in points.items()}
    return [(series, t.position, t.id, texts[id(t.point)], t.iteration, t.warmup) for t in trials]


def insert_observations(sql: sqlite3.Connection, attempt: int, values: Mapping[str, float], units: Mapping[str, str]) -> None:
    """Add the observations of an attempt."""
    rows = [(attempt, storable(name), value, storable(units.get(name, ""))) for name, value in values.items()]
    sql.executemany("INSERT INTO observations VALUES (?, ?, ?, ?)", rows)


def insert_attempt(
    sql: sqlite3.Connection, command: int, trial: PlannedTrial, *, started_ns: int, store: Path | None = None
) -> tuple[int, int]:
    """Add an attempt that begins now; return its id, and its number among the attempts at its trial.

    With the folder of the `store`, it is a number that has no folder there.
    """
    sql.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (trial.id, trial.inputs_json))
    (number,) = sql.execute("SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE trial = ?", (trial.id,)).fetchone()
    number = number if store is None else first_free(store, trial.id, number)
    row = (command, trial.id, number, trial.position, json.dumps(dict(trial.point)), trial.iteration, trial.warmup, started_ns)
    columns = "invocation, trial, number, position, point, iteration, warmup, started_ns"
    cursor = sql.execute(f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - no input
    return int(cursor.lastrowid or 0), number


def insert_result(sql: sqlite3.Connection, attempt: Attempt, result: Result, files: Sequence[KeptFile]) -> None:
    """Add how an attempt ended, and the `files` of its folder. Raise ValueError when it has ended before."""
    ending = (str(result.outcome), storable(result.why), result.started_ns, result.ended_ns, attempt.id)
    change = "UPDATE attempts SET outcome = ?, why = ?, started_ns = ?, ended_ns = ? WHERE id = ? AND outcome IS NULL"
    if sql.execute(change, ending).rowcount != 1:
        raise ValueError(f"attempt {attempt.number} of trial {attempt.trial} has ended already")
    insert_observations(sql, attempt.id, result.observations, result.units)
    insert_judgements(sql, attempt.id, result.judgements)
    sql.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [task_row(attempt.id, task) for task in result.tasks])
    sql.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", [(attempt.id, file.text, file.size, file.crc) for file in files])
    facts = [(attempt.id, machine, json.dumps(dict(known))) for machine, known in result.fingerprints.items()]
    sql.executemany("INSERT INTO fingerprints VALUES (?, ?, ?)", facts)
    makers = [(attempt.id, step, maker.id) for step, maker in enumerate(result.makers)]
    sql.executemany("INSERT INTO deployments VALUES (?, ?, ?)", makers)
    insert_versions(sql, attempt.id, result.versions)
    insert_distributions(sql, attempt.id, result.recorded)
    sql.execute("DELETE FROM detached WHERE attempt = ?", (attempt.id,))
    if result.start is not None:
        insert_start(sql, attempt.id, result.start)


def insert_answer(sql: sqlite3.Connection, command: int, answer: Answer) -> None:
    """Add an attempt at a trial that is derived from another attempt; its times are those of the attempt that ran."""
    derivation = answer.derivation
    ran = sql.execute(
        "SELECT id, started_ns, ended_ns FROM attempts WHERE trial = ? AND number = ?", (derivation.trial, derivation.attempt)
    )
    source, started_ns, ended_ns = ran.fetchone()
    attempt, _ = insert_attempt(sql, command, answer.trial, started_ns=started_ns)
    sql.execute(
        "UPDATE attempts SET outcome = ?, why = ?, ended_ns = ? WHERE id = ?",
        (str(answer.outcome), storable(answer.why), ended_ns, attempt),
    )
    insert_observations(sql, attempt, answer.observations, answer.units)
    insert_judgements(sql, attempt, answer.judgements)
    insert_distributions(sql, attempt, answer.recorded)
    row = (attempt, source, derivation.how, derivation.at_ns, derivation.who, derivation.wke)
    sql.execute("INSERT INTO derived (attempt, source, how, at_ns, who, wke) VALUES (?, ?, ?, ?, ?, ?)", row)


def insert_start(sql: sqlite3.Connection, attempt: int, start: StartedTogether) -> None:
    """Add how the measured step of an attempt began, and its clocks."""
    row = (attempt, start.step, start.released_ns, start.skew_ns, start.bound_ns, start.first, start.last)
    sql.execute("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for machine, clock in start.clocks.items():
        rows = [(attempt, machine, one.at_ns, one.offset_ns, one.bound_ns, clock.drift_ppm) for one in clock.readings]
        sql.executemany("INSERT INTO clocks VALUES (?, ?, ?, ?, ?, ?)", rows)


def read_release(releases: str | None) -> Release | None:
    """Return the release of which each machine's row has a part, from the JSON of all rows."""
    with decoding("the release of an attempt that was left running"):
        rows: dict[str, list[int]] = json.loads(releases or "{}")
        clocks = {machine: ClockReading(*map(int, clock)) for machine, (_, *clock) in rows.items()}
        return Release(int(next(iter(rows.values()))[0]), clocks) if rows else None


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
        storable(ended.detail),
    )

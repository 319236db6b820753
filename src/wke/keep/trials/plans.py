"""Reading plans: which series there are, and what the latest plan of each consists of."""

import contextlib
from functools import partial
from pathlib import Path

from wke.errors import InputError, did_you_mean
from wke.keep.database.database import Database
from wke.keep.trials.points import read_point
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial


class PlanReader:
    """The series in a store and their plans."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of all series, the oldest first."""
        with self._database.snapshot() as sql:
            return tuple(name for (name,) in sql.execute("SELECT name FROM series ORDER BY id"))

    def seed(self, series: str) -> int | None:
        """Return the seed of a series, None when there is no such series yet."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT seed FROM series WHERE name = ?", (series,)).fetchone()
        return int(row[0]) if row else None

    def latest(self, series: str) -> StoredPlan:
        """Return the plan of the last command that measured a series. Raise InputError when there is no such series."""
        query = "SELECT v.plan FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = ? ORDER BY v.id DESC LIMIT 1"
        with self._database.snapshot() as sql:
            row = sql.execute(query, (series,)).fetchone()
        if row is None:
            raise self.unknown(series)
        return StoredPlan.from_json(row[0])

    def trials(self, series: str) -> tuple[PlannedTrial, ...]:
        """Return the trials of the latest plan of a series, in running order. Their inputs are read when they are asked for."""
        query = (
            "SELECT p.trial, p.point, p.iteration, p.warmup, p.position FROM planned p "
            "JOIN series s ON s.id = p.series WHERE s.name = ? ORDER BY p.position"
        )
        with self._database.snapshot() as sql:
            rows = sql.execute(query, (series,)).fetchall()
        return tuple(
            PlannedTrial(trial, read_point(point, trial), k, bool(warmup), position, partial(self._inputs, trial))
            for trial, point, k, warmup, position in rows
        )

    def _inputs(self, trial: str) -> str:
        """Return the inputs of a trial as JSON; an empty object if no attempt at it was ever begun. A plan may outlive its open store."""
        query = "SELECT json FROM inputs WHERE trial = ?"
        with contextlib.ExitStack() as stack:
            database = self._database
            if not database.is_open:
                database = stack.enter_context(contextlib.closing(Database(self._folder, readonly=True)))
            row = stack.enter_context(database.snapshot()).execute(query, (trial,)).fetchone()
        return str(row[0]) if row else "{}"

    def unknown(self, series: str) -> InputError:
        """Return the error for a series that does not exist."""
        return InputError(f'there is no series "{series}" in {self._folder}', hint=did_you_mean(series, self.names()))

"""Writing a series: its plan, its attempts from their beginning to their end, and attempts that outlive their command.

The order of the steps, and why a crash between any two of them loses nothing, is explained in keep/store.py.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path

from wke.errors import StoreError
from wke.keep.database.database import Database
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.files.manifest import seal
from wke.keep.trials.attempts import AttemptReader
from wke.keep.trials.folders import partial_folder, put_in_place
from wke.keep.trials.judgements import Judgement, insert_judgements
from wke.keep.trials.rows import insert_answer, insert_attempt, insert_planned, insert_result, replace_planned
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import INTERRUPTED, Answer, Attempt, PlannedTrial, Result
from wke.records import Release


class SeriesWriter:
    """Writes series into the store in `folder`: the series `own` only, or all where that is None.

    `checkpoint` is called after each step of the theory in keep/store.py.
    """

    def __init__(self, database: Database, folder: Path, own: str | None, checkpoint: Callable[[str], None]) -> None:
        self._database = database
        self._folder = folder
        self._own = own
        self._checkpoint = checkpoint
        self._attempts = AttemptReader(database, folder)

    def begin_series(self, name: str, plan: StoredPlan, *, command: str, planned: Sequence[PlannedTrial] = ()) -> int:
        """Record that a command begins or continues series `name`; return the command's number, which `begin_attempt` takes.

        A series keeps the seed of its first plan. `planned` replaces its trials.
        """
        with self._database.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO series (name, seed) VALUES (?, ?)", (name, plan.seed))
            (series,) = sql.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()
            row = (series, command, plan.to_json(), time.time_ns())
            cursor = sql.execute("INSERT INTO invocations (series, command, plan, started_ns) VALUES (?, ?, ?, ?)", row)
            if planned:
                replace_planned(sql, series, planned)
        return int(cursor.lastrowid or 0)

    def keep_scripts(self, contents: Mapping[str, bytes]) -> None:
        """Store scripts by their digests, so that a later change can be shown line by line."""
        with self._database.transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO scripts VALUES (?, ?)", contents.items())

    def begin_attempt(self, command: int, trial: PlannedTrial) -> Attempt:
        """Record that `trial` starts now and make the folder for its logs; add the trial to the plan if it is not in it.

        Raise StoreError while an earlier attempt of ours is left running: its machines may not be free.
        """
        for left in self._attempts.detached(self._own):
            raise StoreError(f"trial {left.attempt.trial} of series {left.series} was left running", hint="wke abandon stops it")
        with self._database.transaction(at_once=False) as sql:
            (series,) = sql.execute("SELECT series FROM invocations WHERE id = ?", (command,)).fetchone()
            if sql.execute("SELECT 1 FROM planned WHERE series = ? AND trial = ?", (series, trial.id)).fetchone() is None:
                (end,) = sql.execute("SELECT coalesce(max(position), -1) + 1 FROM planned WHERE series = ?", (series,)).fetchone()
                insert_planned(sql, series, [replace(trial, position=end)])
            attempt, number = insert_attempt(sql, command, trial, started_ns=time.time_ns(), store=self._folder)
        self._checkpoint("begin: committed")
        folder = partial_folder(self._folder, trial.id, number)
        with disk_errors(self._folder):
            private_folder(folder)
        self._checkpoint("begin: folder made")
        return Attempt(attempt, trial.id, number, folder)

    def finish_attempt(self, attempt: Attempt, result: Result) -> Path:
        """Store how `attempt` ended, completely and for good; return where its folder is now.

        Its log files must be closed. Raise ValueError when it has ended before; what is stored stays as it is.
        """
        with disk_errors(self._folder):
            files = seal(attempt.folder)
        self._checkpoint("finish: synced")
        with self._database.transaction() as sql:
            insert_result(sql, attempt, result, files)
        self._checkpoint("finish: committed")
        folder = put_in_place(self._folder, attempt.trial, attempt.number)
        self._checkpoint("finish: renamed")
        return folder

    def add_answers(self, command: int, answers: Iterable[Answer]) -> None:
        """Record what attempts show about trials that they were not run for: all answers or none.

        Each answer becomes a new attempt that is derived from the one that ran and shows its folder; the one that ran does not change.
        """
        with self._database.transaction() as sql:
            for answer in answers:
                insert_answer(sql, command, answer)

    def judge(self, judged: Mapping[tuple[str, int], Sequence[Judgement]]) -> None:
        """Replace what rules say of attempts, which are given by their trial and number."""
        with self._database.transaction() as sql:
            for (trial, number), judgements in judged.items():
                (attempt,) = sql.execute("SELECT id FROM attempts WHERE trial = ? AND number = ?", (trial, number)).fetchone()
                insert_judgements(sql, attempt, judgements)

    # -- attempts that outlive their command ----------------------------------------------------------------------------------------

    def detach(self, attempt: Attempt, folders: Mapping[str, str]) -> None:
        """Record, before anything of it runs, that `attempt` may outlive this command, and which folder each machine has for it."""
        with self._database.transaction() as sql:
            rows = [(attempt.id, machine, folder) for machine, folder in folders.items()]
            sql.executemany("INSERT OR REPLACE INTO detached (attempt, machine, folder) VALUES (?, ?, ?)", rows)

    def record_release(self, attempt: Attempt, release: Release) -> None:
        """Record in advance when the measured step of a detached attempt begins, and the clocks of its machines."""
        with self._database.transaction() as sql:
            rows = [(json.dumps([release.at_ns, *astuple(clock)]), attempt.id, machine) for machine, clock in release.clocks.items()]
            sql.executemany("UPDATE detached SET release = ? WHERE attempt = ? AND machine = ?", rows)

    def begin_again(self, attempt: Attempt) -> None:
        """Empty the folder of a detached attempt that is continued: the output of its tasks arrives again from the start."""
        with disk_errors(self._folder):
            if attempt.folder.exists():
                shutil.rmtree(attempt.folder)
            private_folder(attempt.folder)

    def interrupt(self, attempt: Attempt, why: str) -> None:
        """Record that `attempt` ended without a result, and why."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE attempts SET outcome = ?, why = ? WHERE id = ? AND outcome IS NULL", (INTERRUPTED, why, attempt.id))
            sql.execute("DELETE FROM detached WHERE attempt = ?", (attempt.id,))

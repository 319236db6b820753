"""The store: every attempt of every trial, in one SQLite file with a folder of raw logs for each attempt.

    results/wke.sqlite                       what happened
    results/wke.lock                         who opens the store for writing
    results/locks/SERIES.lock                who writes a series
    results/partial/<trial>.<attempt>/       an attempt that runs, or was interrupted: kept for diagnosis
    results/trials/<trial>/<attempt>/        an attempt that ended, well or badly: never written again

Theory. The database alone decides; folders follow. An attempt lives through these steps, and a crash may come after any of them:

    begin   1 the row is committed, without outcome      the next opening marks it "interrupted"; it has no folder
            2 partial/<trial>.<attempt>/ is made          the same; what was logged stays there
    finish  3 each file is fsynced and summed up          the same: nobody was told that the trial was complete
            4 outcome and observations are committed      complete: the next opening does step 5
            5 the folder is renamed into trials/          complete

Row before folder: a number that was ever given to a folder is never given again, so no folder meets an older one. Bytes before
commit: what the database calls complete is on the disk, whole. Commit before rename: the commit is the only instant at which a trial
becomes complete, and the rename can be repeated at leisure, whereas a folder in place with no row that vouches for it would need its
numbers read back from files. Readers therefore look for a folder in trials/ first and in partial/ second. Only who holds the lock of a
series repairs what belongs to it, so an attempt without an outcome has no living writer then.

An attempt that is `detach`ed may run on without its writer: it is not marked, but stays until a command takes it up and finishes it, or
says why not (`interrupt`).
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wke.errors import InputError, StoreError, did_you_mean
from wke.keep.database.database import Database
from wke.keep.database.schema import OutdatedError
from wke.keep.files.disk import disk_errors, private_folder, sync_folder
from wke.keep.files.lock import GLANCE_S, WriterLock, series_lock, writer_of, written_by
from wke.keep.files.manifest import seal
from wke.keep.machines.acceptance import Acceptances
from wke.keep.machines.examinations import Examinations
from wke.keep.machines.fingerprint import Reference
from wke.keep.machines.machine_changes import RAN, Judge
from wke.keep.trials.details import Attempts
from wke.keep.trials.identity import addresses
from wke.keep.trials.rows import insert_answer, insert_observations, insert_planned, insert_start, read_release, task_row
from wke.keep.trials.stored import final_folder, partial_folder, read_attempts
from wke.keep.trials.trials import INTERRUPTED, Answer, Attempt, Detached, Invalid, PlannedTrial, Result, StoredAttempt, settled
from wke.records import Release, TaskName

OPENING_S = 20.0  # for another writer that is opening the store
OF_TRIALS = "a.trial IN (SELECT value FROM json_each(?))"
OF_SERIES = "a.trial IN (SELECT p.trial FROM planned p JOIN series o ON o.id = p.series WHERE o.name = ?)"
OURS = "invocation IN (SELECT v.id FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = coalesce(?, s.name))"


def _continue(step: str) -> None:
    """Do nothing at a step's boundary; tests die here instead."""


class Store:
    """All that is kept of a project's series, in `folder`. Made by `Store.open`; one thread at a time may use it.

    `note` is what a person should know since it was opened, "" for nothing.
    """

    def __init__(
        self, folder: Path, database: Database, lock: WriterLock | None, checkpoint: Callable[[str], None], own: str | None = None
    ) -> None:
        self.folder = folder
        self.examinations = Examinations(database)
        self.acceptances = Acceptances(database)
        self.particulars = Attempts(database)
        self._own = own  # the only series that we may write, None for all
        self.note = database.note
        self._database = database
        self._lock = lock
        self._checkpoint = checkpoint

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        readonly: bool = False,
        command: str = "",
        series: str | None = None,
        checkpoint: Callable[[str], None] = _continue,
    ) -> Self:
        """Open the store in `folder`, for writing unless `readonly`; a writer makes it where there is none, and repairs what a crash left.

        Who writes one `series` only leaves the others to others. `command` is what a second writer is told about the first; `checkpoint` is
        called after each step of the theory. StoreError when another process writes the same, when there is nothing to read, or when the
        file is not a store that this wke understands.
        """
        if readonly:
            return cls(folder, _reader(folder), None, checkpoint)
        with disk_errors(folder):
            private_folder(folder / "locks")
        with contextlib.ExitStack() as undo:
            whole = WriterLock(folder / "wke.lock", command, str(folder), GLANCE_S if series is None else OPENING_S)
            undo.callback(whole.release)
            if series is None:
                lock = whole
                for path in (folder / "locks").iterdir():
                    if (writer := writer_of(path)) is not None:
                        raise written_by(str(folder), writer)
            else:
                lock = WriterLock(series_lock(folder, series), command, f"series {series} in {folder}")
                undo.callback(lock.release)
            database = Database(folder, readonly=False)
            undo.callback(database.close)
            store = cls(folder, database, lock, checkpoint, series)
            store._repair()
            undo.pop_all()
        if series is not None:
            whole.release()
        return store

    @staticmethod
    def exists(folder: Path) -> bool:
        """Tell whether anything was ever stored in `folder`."""
        return (folder / "wke.sqlite").exists()

    def close(self) -> None:
        """Close the file and let the next writer in; again is harmless."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Mark what this writer began and did not finish as interrupted, and close."""
        try:
            if self._lock is not None:
                with contextlib.suppress(StoreError):  # the next opening does it, too
                    self._mark_interrupted()
        finally:
            self.close()

    # -- writing --------------------------------------------------------------------------------------------------------------------

    def series(self, name: str, plan_json: str, seed: int, *, order: str, command: str, planned: Sequence[PlannedTrial] = ()) -> int:
        """Record that a command begins series `name` or goes on with it; return the number that `begin_attempt` wants.

        The series keeps its first seed; the seed of this invocation is kept beside it. `planned` replaces what the series consists of.
        """
        with self._database.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO series (name, seed) VALUES (?, ?)", (name, seed))
            (series,) = sql.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()
            begun = (series, command, order, seed, plan_json, time.time_ns())
            cursor = sql.execute(
                'INSERT INTO invocations (series, command, "order", seed, plan, started_ns) VALUES (?, ?, ?, ?, ?, ?)', begun
            )
            if planned:
                sql.execute("DELETE FROM planned WHERE series = ?", (series,))
                insert_planned(sql, series, planned)
        return int(cursor.lastrowid or 0)

    def keep_scripts(self, contents: Mapping[str, bytes]) -> None:
        """Keep the bytes of scripts by their digests, so that a later change can be shown line by line."""
        with self._database.transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO scripts VALUES (?, ?)", contents.items())

    def begin_attempt(self, series: int, trial: PlannedTrial) -> Attempt:
        """Record that `trial` starts now and make the folder for its logs; the plan grows when it did not hold the trial.

        `series` is what `series()` returned. StoreError while another attempt of ours is detached: its machines may not be free.
        """
        for left in self.detached(self._own):
            raise StoreError(f"trial {left.attempt.trial} of series {left.series} was left running", hint="wke abandon stops it")
        with self._database.transaction() as sql:
            (owner,) = sql.execute("SELECT series FROM invocations WHERE id = ?", (series,)).fetchone()
            if sql.execute("SELECT 1 FROM planned WHERE series = ? AND trial = ?", (owner, trial.id)).fetchone() is None:
                (end,) = sql.execute("SELECT coalesce(max(position), -1) + 1 FROM planned WHERE series = ?", (owner,)).fetchone()
                insert_planned(sql, owner, [replace(trial, position=end)])
            sql.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (trial.id, trial.inputs_json))
            (number,) = sql.execute("SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE trial = ?", (trial.id,)).fetchone()
            row = (series, trial.id, number, trial.position, json.dumps(dict(trial.point)), trial.iteration, trial.warmup, time.time_ns())
            columns = "invocation, trial, number, position, point, iteration, warmup, started_ns"
            cursor = sql.execute(f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - no input
        self._checkpoint("begin: committed")
        folder = partial_folder(self.folder, trial.id, number)
        with disk_errors(self.folder):
            private_folder(folder)
        self._checkpoint("begin: folder made")
        return Attempt(int(cursor.lastrowid or 0), trial.id, number, folder)

    def finish_attempt(self, attempt: Attempt, result: Result) -> Path:
        """Store how `attempt` ended, whole and for good; return where its folder is now.

        Its log files must be closed. ValueError when it has ended before: what is stored stays as it is.
        """
        with disk_errors(self.folder):
            files = seal(attempt.folder)
            sync_folder(attempt.folder.parent)
        self._checkpoint("finish: synced")
        with self._database.transaction() as sql:
            ending = (str(result.outcome), result.why, result.started_ns, result.ended_ns, len(files), attempt.id)
            change = "UPDATE attempts SET outcome = ?, why = ?, started_ns = ?, ended_ns = ?, files = ? WHERE id = ? AND outcome IS NULL"
            if sql.execute(change, ending).rowcount != 1:
                raise ValueError(f"attempt {attempt.number} of trial {attempt.trial} has ended already")
            insert_observations(sql, attempt.id, result.observations, result.units)
            sql.executemany(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [task_row(attempt.id, task) for task in result.tasks]
            )
            sql.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", [(attempt.id, file.text, file.size, file.crc) for file in files])
            facts = [(attempt.id, machine, json.dumps(dict(known))) for machine, known in result.fingerprints.items()]
            sql.executemany("INSERT INTO fingerprints VALUES (?, ?, ?)", facts)
            makers = [(attempt.id, step, maker.id) for step, maker in enumerate(result.makers)]
            sql.executemany("INSERT INTO deployments VALUES (?, ?, ?)", makers)
            sql.execute("DELETE FROM detached WHERE attempt = ?", (attempt.id,))
            if result.start is not None:
                insert_start(sql, attempt.id, result.start)
        self._checkpoint("finish: committed")
        folder = self._put_in_place(attempt.trial, attempt.number)
        self._checkpoint("finish: renamed")
        return folder

    def answer(self, series: int, answers: Iterable[Answer]) -> None:
        """Record what attempts say about trials that they were not run for, all of it or none; `series` is what `series()` returned.

        Each answer becomes an attempt of its own, derived from the one that ran, whose folder it shows; that one stays as it is.
        """
        with self._database.transaction() as sql:
            for answer in answers:
                insert_answer(sql, series, answer)

    # -- attempts that outlive their command ----------------------------------------------------------------------------------------

    def detach(self, attempt: Attempt, folders: Mapping[str, str]) -> None:
        """Record, before anything of it runs, that `attempt` may outlive this command, and in which folder each machine has it."""
        with self._database.transaction() as sql:
            rows = [(attempt.id, machine, folder) for machine, folder in folders.items()]
            sql.executemany("INSERT OR REPLACE INTO detached (attempt, machine, folder) VALUES (?, ?, ?)", rows)

    def agree(self, attempt: Attempt, release: Release) -> None:
        """Record, before it comes, when the measured step of a detached attempt begins, and the clocks of its machines."""
        with self._database.transaction() as sql:
            rows = [(json.dumps([release.at_ns, *astuple(clock)]), attempt.id, machine) for machine, clock in release.clocks.items()]
            sql.executemany("UPDATE detached SET release = ? WHERE attempt = ? AND machine = ?", rows)

    def detached(self, series: str | None = None) -> tuple[Detached, ...]:
        """Return the attempts (of one series, or of all) that were left running, the oldest first."""
        query = (
            "SELECT a.id, a.trial, a.number, s.name, a.started_ns, json_group_object(d.machine, d.folder), "
            "json_group_object(d.machine, json(d.release)) FILTER (WHERE d.release IS NOT NULL) FROM detached d "
            "JOIN attempts a ON a.id = d.attempt JOIN invocations v ON v.id = a.invocation JOIN series s ON s.id = v.series "
            "WHERE s.name = coalesce(?, s.name) GROUP BY a.id"
        )
        with self._database.snapshot() as sql:
            rows = sql.execute(query, (series,)).fetchall()
        return tuple(
            Detached(
                Attempt(id_, trial, number, partial_folder(self.folder, trial, number)),
                series,
                started_ns,
                json.loads(folders),
                read_release(releases),
            )
            for id_, trial, number, series, started_ns, folders, releases in rows
        )

    def begin_again(self, attempt: Attempt) -> None:
        """Empty the folder of an attempt that is taken up: all that its tasks said comes once more."""
        with disk_errors(self.folder):
            if attempt.folder.exists():
                shutil.rmtree(attempt.folder)
            private_folder(attempt.folder)

    def interrupt(self, attempt: Attempt, why: str) -> None:
        """Record that `attempt` ended without a result, for the reason given."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE attempts SET outcome = ?, why = ? WHERE id = ? AND outcome IS NULL", (INTERRUPTED, why, attempt.id))
            sql.execute("DELETE FROM detached WHERE attempt = ?", (attempt.id,))

    # -- reading --------------------------------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the names of all series, the oldest first."""
        with self._database.snapshot() as sql:
            return tuple(name for (name,) in sql.execute("SELECT name FROM series ORDER BY id"))

    def seed_of(self, name: str) -> int | None:
        """Return the seed of series `name`, None when there is no such series yet."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT seed FROM series WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def writer(self, series: str) -> str | None:
        """Return who is measuring a series now, None when nobody is."""
        return writer_of(series_lock(self.folder, series))

    def plan(self, name: str) -> Mapping[str, Any]:
        """Return what the last command that measured series `name` said of its plan; InputError for a name that no series has."""
        query = "SELECT v.plan FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = ? ORDER BY v.id DESC LIMIT 1"
        with self._database.snapshot() as sql:
            row = sql.execute(query, (name,)).fetchone()
        if row is None:
            raise InputError(f'there is no series "{name}" in {self.folder}', hint=did_you_mean(name, self.names()))
        return dict(json.loads(row[0]))

    def completed(self, trials: Iterable[str]) -> frozenset[str]:
        """Return those of the ids in `trials` that have an attempt with outcome ok: they need not run again."""
        with self._database.snapshot() as sql:
            return frozenset(trials) & {trial for (trial,) in sql.execute("SELECT trial FROM attempts WHERE outcome = 'ok'")}

    def results(self, trials: Iterable[str], reference: Reference | None = None) -> dict[str, StoredAttempt]:
        """Return the attempts that count at the trials with these ids, by id: they are ok, and their machines still are what they were.

        What machines are is the `reference`, by default how they were examined last. An attempt at another trial counts where somebody
        accepted it; then it `stands_for` this one.
        """
        wanted = set(trials)
        now = self.examinations.latest() if reference is None else reference
        found = self._stored(f"a.outcome = 'ok' AND {OF_TRIALS}", json.dumps(list(wanted)), now)
        counting = {attempt.id: attempt for attempt in settled(attempt for attempt in found if not attempt.changes)}
        return counting | self._standing_in(wanted - counting.keys(), now)

    def invalid(self, trials: Iterable[str], reference: Reference | None = None) -> dict[str, Invalid]:
        """Return those of the trials with these ids that were invalid on these machines, by id; not those that have an ok attempt."""
        now = self.examinations.latest() if reference is None else reference
        once = f"a.trial IN (SELECT trial FROM attempts WHERE outcome = 'invalid') AND {OF_TRIALS}"  # noqa: S608 - ours, no input
        outcomes: dict[str, list[str]] = {}
        for attempt in self._stored(once, json.dumps(list(trials)), now):
            outcomes.setdefault(attempt.id, []).extend([] if attempt.changes else [attempt.outcome])
        mine = {trial: seen for trial, seen in outcomes.items() if "invalid" in seen and "ok" not in seen}
        return {trial: Invalid(seen.count("invalid"), seen[-1] == "invalid") for trial, seen in mine.items()}

    def tried(self, trials: Iterable[str], reference: Reference, moved: Mapping[str, str] | None = None) -> tuple[StoredAttempt, ...]:
        """Return every attempt at these trials, with what speaks against it; machines that `moved` have these addresses now."""
        return self._stored(OF_TRIALS, json.dumps(list(trials)), reference, moved)

    def planned(self, name: str) -> tuple[PlannedTrial, ...]:
        """Return the latest plan of series `name`, in running order."""
        query = (
            "SELECT p.trial, p.point, p.iteration, p.warmup, p.position, coalesce(i.json, '{}') FROM planned p "
            "JOIN series s ON s.id = p.series LEFT JOIN inputs i ON i.trial = p.trial WHERE s.name = ? ORDER BY p.position"
        )
        with self._database.snapshot() as sql:
            rows = sql.execute(query, (name,)).fetchall()
        return tuple(
            PlannedTrial(trial, json.loads(point), k, bool(warmup), position, text) for trial, point, k, warmup, position, text in rows
        )

    def trials(self, name: str) -> tuple[StoredAttempt, ...]:
        """Return the trials of the latest plan of series `name` that were begun, in running order: each with its ok attempt, else its last.

        A trial that another series ran counts here too when this plan holds it; an older plan's trials do not, and neither do attempts on
        machines that were not what they are to this series. InputError for a name that no series has.
        """
        if self.seed_of(name) is None:
            raise InputError(f'there is no series "{name}" in {self.folder}', hint=did_you_mean(name, self.names()))
        plan = self.planned(name)
        reference = self._machines_of(name)
        kept = {trial.id: trial for trial in settled(each for each in self._stored(OF_SERIES, name, reference) if not each.changes)}
        kept |= self._standing_in({entry.id for entry in plan if not (entry.id in kept and kept[entry.id].ok)}, reference)
        return tuple(
            replace(kept[entry.id], series=name, point=entry.point, iteration=entry.iteration, warmup=entry.warmup)
            for entry in plan
            if entry.id in kept
        )

    def every(self, name: str) -> tuple[StoredAttempt, ...]:
        """Return all attempts at the trials of the latest plan of series `name`, in running order, whatever came of them."""
        plan = {entry.id: entry for entry in self.planned(name)}
        attempts = self._stored(OF_SERIES, name, self._machines_of(name))
        return tuple(
            replace(one, series=name, iteration=plan[one.id].iteration, warmup=plan[one.id].warmup)
            for one in sorted(attempts, key=lambda one: (plan[one.id].position, one.attempt))
        )

    def attempts(self, trial: str) -> tuple[StoredAttempt, ...]:
        """Return every attempt at the trial with this id, the oldest first."""
        return self._stored("a.trial = ?", trial)

    def history(self, name: str) -> tuple[StoredAttempt, ...]:
        """Return every attempt that commands of series `name` made, whatever plan it belonged to, the oldest first."""
        attempts = self._stored("a.invocation IN (SELECT i.id FROM invocations i JOIN series o ON o.id = i.series WHERE o.name = ?)", name)
        return tuple(sorted(attempts, key=lambda attempt: attempt.started_ns or 0))

    def find(self, prefix: str) -> StoredAttempt:
        """Return the trial whose id begins with `prefix`, with the attempt that counts, else its last. InputError if none or several do."""
        with self._database.snapshot() as sql:
            ids = [trial for (trial,) in sql.execute("SELECT DISTINCT trial FROM attempts ORDER BY trial")]
        found = [trial for trial in ids if trial.startswith(prefix)]
        if prefix not in found and len(found) != 1:
            if found:
                raise InputError(f'"{prefix}" begins several trials: {", ".join(found[:5])}', hint="give more of the id")
            raise InputError(f'no trial begins with "{prefix}"', hint=did_you_mean(prefix, ids) if ids else "nothing has been measured yet")
        attempts = self._stored("a.trial = ?", prefix if prefix in found else found[0], self.examinations.latest())
        return settled([attempt for attempt in attempts if not attempt.changes] or attempts)[0]

    def inputs(self, trial: str) -> Mapping[str, object]:
        """Return what the identity of the trial with this id was computed from, empty when it was never begun."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT json FROM inputs WHERE trial = ?", (trial,)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def result_inputs(self) -> dict[str, Mapping[str, Any]]:
        """Return what the identity of each trial with a result was computed from."""
        return self._inputs("outcome = 'ok'")

    def ended_inputs(self) -> dict[str, Mapping[str, Any]]:
        """Return what the identity of each trial was computed from that has ended once, well or badly."""
        return self._inputs("outcome <> 'interrupted'")

    def task_ends(self, attempt: StoredAttempt) -> dict[TaskName, str]:
        """Return the outcomes of the tasks of an attempt."""
        tasks = f"tasks t JOIN attempts a ON t.attempt = {RAN}"
        query = f"SELECT t.step, t.target, t.machine, t.copy, t.outcome FROM {tasks} WHERE a.trial = ? AND a.number = ?"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            return {TaskName(*name): outcome for *name, outcome in sql.execute(query, (attempt.id, attempt.attempt))}

    def script(self, digest: str) -> str | None:
        """Return the text of a script or prelude that was planned once, None when it was not kept."""
        with self._database.snapshot() as sql:
            row = sql.execute("SELECT content FROM scripts WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else row[0].decode("utf-8", "replace")

    # -- within ---------------------------------------------------------------------------------------------------------------------

    def _repair(self) -> None:
        """Bring what a crash left of our series into one of the states that the theory allows to stay."""
        self._mark_interrupted()
        with self._database.snapshot() as sql:
            ended = sql.execute(f"SELECT trial, number FROM attempts WHERE outcome <> ? AND {OURS}", (INTERRUPTED, self._own)).fetchall()  # noqa: S608 - ours, no input
        with disk_errors(self.folder):
            partial = self.folder / "partial"
            left = {path.name for path in partial.iterdir()} if partial.exists() else set()
        for trial, number in ended:
            if f"{trial}.{number}" in left:
                self._put_in_place(trial, number)

    def _mark_interrupted(self) -> None:
        with self._database.transaction() as sql:
            why = "the command that ran it ended before it did"
            unheld = "outcome IS NULL AND id NOT IN (SELECT attempt FROM detached)"
            sql.execute(f"UPDATE attempts SET outcome = ?, why = ? WHERE {unheld} AND {OURS}", (INTERRUPTED, why, self._own))  # noqa: S608 - ours, no input

    def _put_in_place(self, trial: str, number: int) -> Path:
        source, target = partial_folder(self.folder, trial, number), final_folder(self.folder, trial, number)
        with disk_errors(self.folder):
            private_folder(target.parent)
            source.rename(target)
            for folder in (target.parent, target.parent.parent, source.parent):
                sync_folder(folder)
        return target

    def _inputs(self, condition: str) -> dict[str, Mapping[str, Any]]:
        """Return the inputs of the trials with such attempts, those that were tried last first."""
        tried = f"SELECT trial, max(id) AS last FROM attempts WHERE {condition} GROUP BY trial"  # noqa: S608 - ours, no input
        query = f"SELECT i.trial, i.json FROM inputs i JOIN ({tried}) a ON a.trial = i.trial ORDER BY a.last DESC"  # noqa: S608 - ours, no input
        with self._database.snapshot() as sql:
            rows = sql.execute(query).fetchall()
        return {trial: json.loads(text) for trial, text in rows}

    def _machines_of(self, name: str) -> Reference:
        """Return what machines are to a series; those that it never settled are what they were examined to be last."""
        return {**self.examinations.latest(), **self.examinations.of_series(name)}

    def _standing_in(self, trials: Collection[str], reference: Reference) -> dict[str, StoredAttempt]:
        """Return, by trial, the attempts at other trials that count there because somebody accepted them."""
        accepted = self.acceptances.measured_for(trials)
        found: dict[str, StoredAttempt] = {}
        for trial, measured in accepted.items():
            moved = addresses(self.inputs(trial))
            for attempt in self._stored(f"a.outcome = 'ok' AND {OF_TRIALS}", json.dumps(list(measured)), reference, moved):
                if not attempt.changes:
                    by = tuple(sorted({*attempt.accepted, measured[attempt.id]}))
                    found.setdefault(trial, replace(attempt, stands_for=trial, accepted=by))
        return found

    def _stored(
        self, condition: str, value: str, reference: Reference | None = None, moved: Mapping[str, str] | None = None
    ) -> tuple[StoredAttempt, ...]:
        """Return the attempts `a` that meet the SQL `condition`, by trial and number; with a `reference`, also what it says of them."""
        judge = Judge(reference, self.acceptances.facts(), moved) if reference else None
        with self._database.snapshot() as sql:
            return read_attempts(sql, self.folder, condition, value, judge)


def _reader(folder: Path) -> Database:
    """Open the database for reading; where an older wke wrote it, or another one is making it now, have it brought up to date first."""
    try:
        return Database(folder, readonly=True)
    except OutdatedError:
        with contextlib.suppress(StoreError):  # we may not write, or somebody else was faster
            Store.open(folder, command="a reader that brings it up to date", series="").close()
        return Database(folder, readonly=True)

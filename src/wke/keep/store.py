"""The store: every attempt at every trial, in one SQLite file with a folder of raw logs for each attempt.

    results/wke.sqlite                       what happened
    results/wke.lock                         the process that is opening the store for writing
    results/locks/SERIES.lock                the process that writes a series
    results/partial/<trial>.<attempt>/       an attempt that is running or was interrupted; kept for diagnosis
    results/trials/<trial>/<attempt>/        an attempt that has ended, well or badly; never written again

Theory. Only the database decides what happened; the folders follow it. An attempt goes through these steps. This is what the next
opening for writing does after a crash that comes right after a step:

    begin   1 the row is committed, without an outcome    marks the attempt "interrupted"; it has no folder
            2 partial/<trial>.<attempt>/ is made          marks it "interrupted"; what was logged stays in the folder
    finish  3 files are synced, checksums are taken        the same: the trial was not reported as complete
            4 outcome and observations are committed      the attempt is complete: does step 5
            5 the folder is renamed into trials/          nothing: the attempt is complete

- The row comes before the folder, so that the number of a folder is never used again. It is on the disk with the next commit that waits
  for the disk: after a power cut a folder in partial/ may have no row, and its number is not used again because the folder is there.
- The bytes come before the commit, so that the files of an attempt that is complete in the database are on the disk.
- The commit comes before the rename, so that there is one instant at which an attempt becomes complete. A rename can be repeated at any
  time, so nobody waits until it is on the disk. If the rename came first, a folder could be in place without its numbers in the database.
- So a trial waits for the disk twice: in step 3, for all its files at once, and in step 4.

Readers therefore look for a folder in trials/ first, then in partial/. Only the holder of a series' lock repairs that series, so an
attempt without an outcome has no living writer at that moment.

An attempt that is `detach`ed may outlive its writer. The next opening does not mark it; it stays until a command continues and finishes
it, or records why it cannot (`interrupt`).
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from wke.errors import StoreError
from wke.keep.database.database import Database
from wke.keep.database.schema import UnfinishedError
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.files.lock import GLANCE_S, WriterLock, series_lock, writer_of, written_by
from wke.keep.machines.acceptance import Acceptances
from wke.keep.machines.examinations import Examinations
from wke.keep.trials.attempts import AttemptReader
from wke.keep.trials.cleaning import Cleaning
from wke.keep.trials.details import DetailReader
from wke.keep.trials.distributions import DistributionReader
from wke.keep.trials.folders import put_in_place, set_aside
from wke.keep.trials.inputs import InputReader
from wke.keep.trials.plans import PlanReader
from wke.keep.trials.trials import INTERRUPTED
from wke.keep.writer import SeriesWriter

OPENING_S = 20.0  # how long to wait for another process that is opening the store
OURS = "invocation IN (SELECT v.id FROM invocations v JOIN series s ON s.id = v.series WHERE s.name = coalesce(?, s.name))"


def _continue(step: str) -> None:
    """Do nothing after a step; tests die here instead."""


class Store:
    """Everything that is stored about a project's series, in `folder`. Made by `Store.open`; use it from one thread at a time.

    Readers: `plans`, `attempts`, `inputs`, `details`, `distributions`. Readers that also write: `examinations`, `acceptances`, `cleaning`.
    The `writer` writes series; its methods raise StoreError in a store that was opened for reading. `note` is what a user should know since
    the opening, or "".
    """

    def __init__(
        self, folder: Path, database: Database, lock: WriterLock | None, checkpoint: Callable[[str], None], own: str | None = None
    ) -> None:
        self.folder = folder
        self.note = database.note
        self.plans = PlanReader(database, folder)
        self.attempts = AttemptReader(database, folder)
        self.inputs = InputReader(database)
        self.details = DetailReader(database)
        self.distributions = DistributionReader(database)
        self.examinations = Examinations(database)
        self.acceptances = Acceptances(database)
        self.cleaning = Cleaning(database, folder)
        self.writer = SeriesWriter(database, folder, own, checkpoint)
        self._database = database
        self._lock = lock
        self._own = own  # the only series that we may write, None for all

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
        """Open the store in `folder`, for writing unless `readonly`; a writer makes it where there is none, and repairs it after a crash.

        A writer of one `series` leaves all others free for other writers. `command` is shown to a second writer; `checkpoint` is called
        after each step of the theory. Raise StoreError when another process writes the same, when there is nothing to read, or when the
        file is not a store of this version of wke.
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
            if database.is_new:
                database.note = "; ".join(filter(None, (database.note, set_aside(folder))))
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
        """Close the file and release the lock; may be called again."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Mark attempts that this writer began and did not finish as interrupted, and close."""
        try:
            if self._lock is not None:
                with contextlib.suppress(StoreError):  # the next opening does it, too
                    self._mark_interrupted()
        finally:
            self.close()

    def _repair(self) -> None:
        """Finish what a crash of an earlier writer of our series left undone, as the theory says."""
        self._mark_interrupted()
        with self._database.snapshot() as sql:
            ended = sql.execute(f"SELECT trial, number FROM attempts WHERE outcome <> ? AND {OURS}", (INTERRUPTED, self._own)).fetchall()  # noqa: S608 - ours, no input
        with disk_errors(self.folder):
            partial = self.folder / "partial"
            left = {path.name for path in partial.iterdir()} if partial.exists() else set()
        for trial, number in ended:
            if f"{trial}.{number}" in left:
                put_in_place(self.folder, trial, number)

    def _mark_interrupted(self) -> None:
        with self._database.transaction() as sql:
            why = "the command that ran it ended before it did"
            unheld = "outcome IS NULL AND id NOT IN (SELECT attempt FROM detached)"
            sql.execute(f"UPDATE attempts SET outcome = ?, why = ? WHERE {unheld} AND {OURS}", (INTERRUPTED, why, self._own))  # noqa: S608 - ours, no input


def _reader(folder: Path) -> Database:
    """Open the database for reading; where a writer was killed, or another process is making it now, have it completed first."""
    try:
        return Database(folder, readonly=True)
    except UnfinishedError:
        with contextlib.suppress(StoreError):  # we may not write, or another process was faster
            Store.open(folder, command="a reader that completes it", series="").close()
        return Database(folder, readonly=True)

"""Inspection of a store: whether the database is intact, and every attempt's folder has its files and nothing else.

It only reads, and can run while series are measured into the store: folders are listed before the database is read, so that each one has
its row by then, and the folder of an attempt is looked for after the database has the attempt's end.
"""

import contextlib
import stat
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import field
from os import fsdecode
from pathlib import Path

from wke.errors import Location, Problem, StoreError
from wke.keep.database.database import Database
from wke.keep.files.damage import DamagedError
from wke.keep.files.manifest import RESTORE, KeptFile, differences
from wke.keep.soundness import unsound_values
from wke.keep.trials.cleaning import cleaned_paths
from wke.keep.trials.folders import final_folder, partial_folder
from wke.keep.trials.trials import INTERRUPTED, RUNNING
from wke.values import dataclass

RECOVER = (
    "copy the whole folder, then `sqlite3 wke.sqlite .recover` saves what can be read; or move the whole folder away to begin a new store; "
    "logs in trials/ are plain files"
)


@dataclass(slots=True)
class Inspection:
    """What was inspected, what is wrong (`findings`), and what is not wrong but worth knowing (`notes`)."""

    attempts: int = 0
    files: int = 0
    size_bytes: int = 0
    findings: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def find(self, path: Path, what: str, hint: str) -> None:
        """Add a finding."""
        self.findings.append(Problem(what, Location(str(path)), hint))


@dataclass(frozen=True, slots=True)
class _Row:
    """An attempt that ran, not one that is derived."""

    id: int
    trial: str
    number: int
    outcome: str

    @property
    def has_ended(self) -> bool:
        return self.outcome not in {RUNNING, INTERRUPTED}

    def folders(self, store: Path) -> tuple[Path, Path]:
        """Return where its folder is after its end, and where it is before."""
        return final_folder(store, self.trial, self.number), partial_folder(store, self.trial, self.number)


def inspect_store(folder: Path) -> Inspection:
    """Inspect the store in `folder`. Raise StoreError when there is none."""
    seen = Inspection()
    if not (folder / "wke.sqlite").exists():
        raise StoreError(f"there are no results in {folder}", hint="wke measure makes them; or change to the project's folder")
    if (mode := stat.S_IMODE(folder.stat().st_mode)) & 0o077:
        seen.find(folder, f"other users than its owner may enter it: its mode is {mode:04o}", f"chmod -R go= {folder}")
    found = sorted([*folder.glob("trials/*/*"), *folder.glob("partial/*")])
    try:
        with closing(Database(folder, readonly=True)) as database:
            _look_at_database(folder, database, seen)
            rows = _rows(database)
            for row in rows:
                if row.has_ended:
                    with contextlib.suppress(DamagedError):  # it was named before
                        _look_at_attempt(folder, database, row, seen)
    except StoreError as error:
        seen.findings += () if isinstance(error, DamagedError) and seen.findings else error.problems
    else:
        seen.attempts = len(rows)
        _look_at_folders(found, {path: row for row in rows for path in row.folders(folder)}, seen)
    return seen


def find_damage(folder: Path) -> DamagedError | None:
    """Return the error about the first damaged value in the database of a store, None if all are sound or there is no store."""
    seen = Inspection()
    try:
        with closing(Database(folder, readonly=True)) as database:
            _look_at_database(folder, database, seen)
    except DamagedError as error:
        return error
    except StoreError:
        return None
    return DamagedError(f"{seen.findings[0].where}: {seen.findings[0].what}") if seen.findings else None


def _look_at_database(folder: Path, database: Database, seen: Inspection) -> None:
    path = folder / "wke.sqlite"
    with database.snapshot() as sql:
        for sentence in unsound_values(sql):
            seen.find(path, sentence, RECOVER)
        for (text,) in sql.execute("PRAGMA integrity_check"):
            if text != "ok":
                seen.find(path, f"is damaged: {text}", RECOVER)
        for table, _, parent, _ in sql.execute("PRAGMA foreign_key_check"):
            seen.find(path, f"a row of the table {table} refers to a missing row of {parent}: wke did not write it", RECOVER)


def _rows(database: Database) -> list[_Row]:
    with database.snapshot() as sql:
        ran = "FROM attempts WHERE id NOT IN (SELECT attempt FROM derived) ORDER BY trial, number"
        return [_Row(*row) for row in sql.execute(f"SELECT id, trial, number, coalesce(outcome, '{RUNNING}') {ran}")]


def _look_at_attempt(store: Path, database: Database, row: _Row, seen: Inspection) -> None:
    """Check that an attempt that has ended has its folder, in trials/ or still in partial/, with the files of its manifest."""
    folder = next((path for path in row.folders(store) if path.is_dir()), None)
    if folder is None:
        seen.find(row.folders(store)[0], f"the folder of an attempt that ended {row.outcome} is missing", RESTORE)
        return
    with database.snapshot() as sql:
        files = sql.execute("SELECT path, size, crc FROM files WHERE attempt = ?", (row.id,)).fetchall()
        cleaned = cleaned_paths(sql, row.id)
    seen.files += len(files)
    seen.size_bytes += sum(size for _, size, _ in files)
    seen.findings += differences(folder, [KeptFile(fsdecode(path), size, crc) for path, size, crc in files], cleaned)
    for path in sorted(path for path in cleaned if (folder / path).exists()):
        seen.notes.append(Problem("was to be removed by a command that was killed; `wke clean` removes it", Location(str(folder / path))))


def _look_at_folders(found: Iterable[Path], known: Mapping[Path, _Row], seen: Inspection) -> None:
    """Check that every folder belongs to an attempt, and note those in partial/."""
    for path in found:
        row, is_partial = known.get(path), path.parent.name == "partial"
        if row is None and is_partial:
            seen.notes.append(Problem(f"partial: {UNKNOWN}", Location(str(path))))
        elif row is None or not (row.has_ended or is_partial):
            seen.find(
                path, "no attempt that has ended has this folder", "move it out of the results, or back to the store that it belongs to"
            )
        elif is_partial and path.exists():
            seen.notes.append(
                Problem(
                    f"partial: {_PARTIAL.get(row.outcome, 'of an attempt that has ended; the next command moves it to trials/')}",
                    Location(str(path)),
                )
            )


UNKNOWN = "of an attempt that the store does not know: the computer stopped when it had just begun, or the folder is from elsewhere"

_PARTIAL = {
    RUNNING: "of an attempt that is running, or whose command was killed",
    INTERRUPTED: "of an attempt that was interrupted, kept for diagnosis",
}

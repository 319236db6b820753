"""Cleaning: files of attempts that a user has removed, so that the store stays small. What was observed stays in the database.

First a commit moves files from the record of what an attempt has to the record of what was cleaned, then they are removed. After a crash in
between they are still there and recorded as cleaned; the next cleaning removes them. Nothing is ever missing that the record promises.
"""

import contextlib
import os
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from os import fsdecode
from pathlib import Path

from wke.keep.database.database import Database
from wke.keep.files.disk import disk_errors
from wke.keep.files.manifest import KeptFile
from wke.keep.machines.machine_changes import RAN
from wke.keep.telemetry.file import SCRAPES, TELEMETRY
from wke.keep.trials.folders import final_folder, partial_folder
from wke.values import dataclass

KINDS = ("telemetry", "logs", "collected")
Ran = tuple[str, int]
"""A trial and the number of an attempt at it that ran."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of an attempt, by its path below the attempt's folder."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What `who` had removed from an attempt."""

    kind: str
    files: int
    size: int
    at_ns: int
    who: str


class Cleaning:
    """What the attempts in the store in `folder` hold, and its removal."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def held(self, attempts: Collection[Ran]) -> dict[Ran, tuple[HeldFile, ...]]:
        """Return the files of attempts. Those of an attempt that was interrupted are not recorded, so its folder is looked at."""
        wanted = set(attempts)
        found: defaultdict[Ran, list[HeldFile]] = defaultdict(list)
        query = "SELECT a.trial, a.number, f.path, f.size FROM files f JOIN attempts a ON a.id = f.attempt"
        with self._database.snapshot() as sql:
            for trial, number, path, size in sql.execute(query):
                if (trial, number) in wanted:
                    found[trial, number].append(HeldFile(fsdecode(path), kind_of(fsdecode(path)), size))
        for one in wanted - found.keys():
            found[one] = list(_on_disk(partial_folder(self._folder, *one)))
        return {one: tuple(files) for one, files in found.items()}

    def makers(self, attempts: Collection[Ran]) -> set[Ran]:
        """Return the other attempts that deployed what these ran on."""
        query = (
            "SELECT a.trial, a.number, m.trial, m.number FROM deployments d JOIN attempts a ON a.id = d.attempt "
            "JOIN attempts m ON m.id = d.maker WHERE d.maker <> d.attempt"
        )
        with self._database.snapshot() as sql:
            return {(maker, at) for trial, number, maker, at in sql.execute(query) if (trial, number) in attempts}

    def size(self) -> int:
        """Return how many bytes the files of all attempts have that have ended."""
        with self._database.snapshot() as sql:
            return int(sql.execute("SELECT coalesce(sum(size), 0) FROM files").fetchone()[0])

    def of(self, trial: str, number: int) -> tuple[Cleaned, ...]:
        """Return what was removed from the attempt that ran for this one."""
        query = (
            f"SELECT c.kind, count(*), sum(c.size), c.at_ns, c.who FROM attempts a JOIN cleaned c ON c.attempt = {RAN} "  # noqa: S608 - ours, no input
            "WHERE a.trial = ? AND a.number = ? GROUP BY c.at_ns, c.who, c.kind ORDER BY c.at_ns, c.kind"
        )
        with self._database.snapshot() as sql:
            return tuple(Cleaned(*row) for row in sql.execute(query, (trial, number)))

    def attempts(self) -> set[Ran]:
        """Return the attempts from which anything was removed."""
        with self._database.snapshot() as sql:
            return set(sql.execute("SELECT DISTINCT a.trial, a.number FROM cleaned c JOIN attempts a ON a.id = c.attempt"))

    def remove(self, files: Mapping[Ran, Iterable[HeldFile]], who: str) -> None:
        """Remove files of attempts, for good."""
        at_ns = time.time_ns()
        with self._database.transaction() as sql:
            for (trial, number), held in files.items():
                (attempt,) = sql.execute("SELECT id FROM attempts WHERE trial = ? AND number = ?", (trial, number)).fetchone()
                paths = [(KeptFile(file.path, 0, 0).text, file) for file in held]
                rows = [(attempt, path, file.kind, file.size, at_ns, who) for path, file in paths]
                sql.executemany("INSERT OR IGNORE INTO cleaned VALUES (?, ?, ?, ?, ?, ?)", rows)
                sql.executemany("DELETE FROM files WHERE attempt = ? AND path = ?", [(attempt, path) for path, _ in paths])
        self.finish(files)

    def finish(self, attempts: Iterable[Ran]) -> None:
        """Remove what is recorded as cleaned and still there: a crash came before its removal."""
        query = "SELECT c.path FROM cleaned c JOIN attempts a ON a.id = c.attempt WHERE a.trial = ? AND a.number = ?"
        for trial, number in attempts:
            with self._database.snapshot() as sql:
                paths = [fsdecode(path) for (path,) in sql.execute(query, (trial, number))]
                recorded = sql.execute("SELECT outcome FROM attempts WHERE trial = ? AND number = ?", (trial, number)).fetchone()
            with disk_errors(self._folder):
                for folder in (final_folder(self._folder, trial, number), partial_folder(self._folder, trial, number)):
                    _unlink(folder, paths)
                if paths and recorded == ("interrupted",):
                    shutil.rmtree(partial_folder(self._folder, trial, number), ignore_errors=True)


def kind_of(path: str) -> str:
    """Return what a file in an attempt's folder is."""
    if path in {TELEMETRY, SCRAPES}:
        return "telemetry"
    return "collected" if any(part.endswith(".files") for part in Path(path).parts[1:2]) else "logs"


def cleaned_paths(sql: sqlite3.Connection, attempt: int) -> set[str]:
    """Return the paths of the files that were removed from an attempt."""
    return {fsdecode(path) for (path,) in sql.execute("SELECT path FROM cleaned WHERE attempt = ?", (attempt,))}


def _on_disk(folder: Path) -> Iterator[HeldFile]:
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if path.is_file() and not path.is_symlink():
                inside = str(path.relative_to(folder))
                yield HeldFile(inside, kind_of(inside), path.stat().st_size)


def _unlink(folder: Path, paths: Iterable[str]) -> None:
    """Remove files, and the folders that are empty then; the attempt's own folder stays."""
    for path in (folder / path for path in paths):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        for parent in path.parents:
            if parent == folder or folder not in parent.parents:
                break
            try:
                parent.rmdir()
            except OSError:  # something else is in it, or it is gone
                break

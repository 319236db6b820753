"""A connection to the store's SQLite file: opened safely, used in whole transactions, its errors translated."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from wke.errors import StoreError
from wke.keep.database import schema
from wke.keep.database.checkedconnection import CheckedConnection
from wke.keep.files.damage import CHECK, DamagedError
from wke.keep.files.disk import disk_errors, file_system, full, is_network

WAIT_S = 20.0  # for a reader or a checkpoint that holds the file; only network file systems make writers wait for readers


@contextlib.contextmanager
def database_errors(folder: Path) -> Iterator[None]:
    """Turn errors of SQLite or the disk about `folder` into a StoreError that says what happened and what to do."""
    try:
        with disk_errors(folder):
            yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake in our code, not of the disk
    except sqlite3.Error as error:
        raise _translated(folder, error) from error
    except UnicodeDecodeError as error:  # the message of an error of SQLite has damaged bytes in it
        raise DamagedError(f"{folder / 'wke.sqlite'}: {error.object!r:.200}") from error


def _translated(folder: Path, error: sqlite3.Error) -> StoreError:
    text = str(error)
    if "full" in text:
        return full(folder)
    if "not a database" in text:
        return StoreError(
            f"{folder / 'wke.sqlite'} is damaged or not a wke store: {text}",
            hint=f"move the whole folder {folder} away to begin a new store; logs under trials/ are plain files and stay readable",
        )
    if "malformed" in text or "Could not decode" in text or "no such" in text:
        hint = f"{CHECK}; or move the whole folder {folder} away to begin a new store"
        return DamagedError(f"{folder / 'wke.sqlite'}: {text}", hint)
    if "locked" in text:
        return StoreError(
            f"{folder / 'wke.sqlite'} is locked by another program", hint="end the program that reads it for so long, then try again"
        )
    if "readonly" in text or "read-only" in text:
        return StoreError(
            f"{folder / 'wke.sqlite'} cannot be written: {text}", hint="check who owns the file and whether the disk is mounted read-only"
        )
    return StoreError(f"cannot use {folder / 'wke.sqlite'}: {text}", hint="check that the folder exists and that you may read and write it")


class Database:
    """One connection to `folder`/wke.sqlite. One for writing is opened only while a WriterLock is held.

    `note` is what a user should know since this connection was opened, or "". `is_new` tells whether the tables were made just now.
    """

    def __init__(self, folder: Path, *, readonly: bool) -> None:
        self._folder = folder
        self.note, self.is_new, self._has_log, self.is_open = "", False, False, True
        with database_errors(folder):
            if readonly:
                self._connection = _reader(folder / "wke.sqlite")
            else:
                self._connection, self.note, self.is_new = _writer(folder / "wke.sqlite")
                self._has_log = self._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self, *, at_once: bool = True) -> Iterator[sqlite3.Connection]:
        """Make all changes of the block or none. They are on the disk when it ends, or unless `at_once` with the next ones that are.

        A command that is killed loses neither; only when the computer stops does it matter what is on the disk.
        """
        later = not at_once and self._has_log
        with database_errors(self._folder):
            if later:
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite rolls back by itself where the disk is full
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                if later:
                    self._connection.execute("PRAGMA synchronous = FULL")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Make all queries of the block see the same state."""
        with database_errors(self._folder):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")


def _writer(path: Path) -> tuple[sqlite3.Connection, str, bool]:
    """Return a connection that may write, the `note` about it, and whether it is to a new database."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite would let the group read; its journals copy the mode
    with contextlib.suppress(schema.UnfinishedError):
        _reader(path).close()  # a store that is refused is never opened for writing
    connection = _connection(path, "rw")
    try:
        is_new = not schema.is_made(connection, path)
        note = _choose_journal(connection, path, is_new=is_new)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if is_new:
            schema.create(connection)
    except BaseException:
        connection.close()
        raise
    return connection, note, is_new


def _choose_journal(connection: sqlite3.Connection, path: Path, *, is_new: bool) -> str:
    """Set the journal that works on this file system; return a note if it is not the usual one and is new.

    A write-ahead log needs memory that its users share, which is impossible on different machines.
    """
    kind = file_system(path)
    (before,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.execute(f"PRAGMA journal_mode = {'DELETE' if is_network(kind) else 'WAL'}")
    if not is_network(kind) or not (is_new or before == "wal"):
        return ""
    return f"{path.parent} is on a file system shared over a network ({kind}), so readers and writers of the store wait for each other"


def _reader(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError(f"there are no results in {path.parent}", hint="wke measure makes them; or change to the project's folder")
    # On a read-only disk SQLite cannot create the write-ahead log, and reads the file only when told that it will not change.
    frozen = not os.access(path.parent, os.W_OK) and not path.with_name("wke.sqlite-wal").exists()
    connection = _connection(path, "ro&immutable=1" if frozen else "ro")
    try:
        schema.check_readable(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    # A runner may write from a helper thread to keep its event loop free, one call at a time.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=WAIT_S,
        isolation_level=None,
        check_same_thread=False,
        factory=CheckedConnection,
    )

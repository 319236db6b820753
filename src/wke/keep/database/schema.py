"""The store's tables, and how an older store becomes a newer one.

`MIGRATIONS[k]` leads from version k to version k+1; a store's version is SQLite's `user_version`. A migration that was released is never
edited: a change of the tables is a new one at the end. Points, plans and fingerprints are JSON text, since only wke reads inside them;
whatever a person may want to ask of many trials at once is a column.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from wke.errors import StoreError

APPLICATION = 0x776B6521  # "wke!", so that `file` and we tell our stores from other SQLite files

_VERSION_1 = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    seed INTEGER NOT NULL
);
CREATE TABLE invocations (           -- every `wke measure`, with all that was decided before anything ran
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series,
    command TEXT NOT NULL,
    "order" TEXT NOT NULL,
    seed INTEGER NOT NULL,
    plan TEXT NOT NULL,
    started_ns INTEGER NOT NULL
);
CREATE TABLE inputs (                -- what a trial's identity was computed from
    trial TEXT PRIMARY KEY,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE planned (               -- the latest plan of each series: a trial may belong to several series
    series INTEGER NOT NULL REFERENCES series,
    position INTEGER NOT NULL,
    trial TEXT NOT NULL,
    point TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    warmup INTEGER NOT NULL,
    PRIMARY KEY (series, position)
) WITHOUT ROWID;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    invocation INTEGER NOT NULL REFERENCES invocations,
    trial TEXT NOT NULL,
    number INTEGER NOT NULL,
    position INTEGER NOT NULL,
    point TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    warmup INTEGER NOT NULL,
    outcome TEXT,                    -- NULL while it runs
    why TEXT NOT NULL DEFAULT '',
    started_ns INTEGER,
    ended_ns INTEGER,
    UNIQUE (trial, number)
);
CREATE TABLE observations (
    attempt INTEGER NOT NULL REFERENCES attempts,
    metric TEXT NOT NULL,
    value REAL,                      -- NULL is SQLite's way to say "not a number"
    unit TEXT NOT NULL,
    PRIMARY KEY (attempt, metric)
) WITHOUT ROWID;
CREATE TABLE tasks (
    attempt INTEGER NOT NULL REFERENCES attempts,
    step INTEGER NOT NULL,
    target TEXT NOT NULL,
    machine TEXT NOT NULL,
    copy INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    rung TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (attempt, step, target, machine, copy)
) WITHOUT ROWID;
CREATE TABLE fingerprints (
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;
"""

_VERSION_2 = """
CREATE TABLE detached (              -- work folders, for an attempt that may outlive its command: who knows them can take it up
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    folder TEXT NOT NULL,
    release TEXT,                    -- when the measured step was to begin, and the machine's clock before that
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;
"""

_VERSION_3 = """
CREATE TABLE starts (                -- how far apart the tasks of the measured step began, by the controller's clock
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    step INTEGER NOT NULL,
    released_ns INTEGER NOT NULL,
    skew_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    first TEXT NOT NULL,             -- machines
    last TEXT NOT NULL
);
CREATE TABLE clocks (                -- a machine's clock minus the controller's; times of tasks and logs are raw, as the machine told them
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    at_ns INTEGER NOT NULL,          -- on the controller's clock
    offset_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    PRIMARY KEY (attempt, machine, at_ns)
) WITHOUT ROWID;
"""

_VERSION_4 = """
CREATE TABLE machines (              -- what each machine was when a command began to measure on it: its fingerprint
    invocation INTEGER NOT NULL REFERENCES invocations,
    machine TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (invocation, machine)
) WITHOUT ROWID;
"""

_VERSION_5 = """
CREATE TABLE scripts (               -- scripts and preludes that were planned, for people: a trial's inputs hold their digests
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;
"""

_VERSION_6 = """
CREATE TABLE derived (               -- attempts that were not run: each is another one, which also answers for the trial
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    source INTEGER NOT NULL REFERENCES attempts,     -- the one that ran; never derived itself
    how TEXT NOT NULL,               -- why it answers: "reanalysed"
    at_ns INTEGER NOT NULL,
    who TEXT NOT NULL,
    wke TEXT NOT NULL                -- its version
);
"""

_VERSION_7 = """
CREATE TABLE files (                 -- what an attempt's folder held when it ended
    attempt INTEGER NOT NULL REFERENCES attempts,
    path TEXT NOT NULL,              -- below the folder; bytes where it is no text
    size INTEGER NOT NULL,
    crc INTEGER NOT NULL,            -- CRC-32
    PRIMARY KEY (attempt, path)
) WITHOUT ROWID;
ALTER TABLE attempts ADD COLUMN files INTEGER;       -- how many; NULL where they were not counted
CREATE INDEX planned_trials ON planned (series, trial);
"""

_VERSION_8 = """
CREATE TABLE deployments (           -- for each step with a scope that an attempt built on, the attempt that ran it
    attempt INTEGER NOT NULL REFERENCES attempts,
    step INTEGER NOT NULL,
    maker INTEGER NOT NULL REFERENCES attempts,
    PRIMARY KEY (attempt, step)
) WITHOUT ROWID;
"""

_VERSION_9 = """
ALTER TABLE machines ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE machines ADD COLUMN settled INTEGER NOT NULL DEFAULT 1;  -- 0: found, but it was not decided what that means for the series
CREATE TABLE acceptances (           -- changes that somebody declared to be harmless
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,           -- in words, as JSON
    taken_back_by TEXT,              -- NULL while it holds
    taken_back_ns INTEGER
);
CREATE TABLE accepted_facts (        -- two values of a fact that are as good as each other on a machine
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    machine TEXT NOT NULL,
    fact TEXT NOT NULL,
    before TEXT NOT NULL,
    now TEXT NOT NULL,
    PRIMARY KEY (acceptance, machine, fact, before, now)
) WITHOUT ROWID;
CREATE TABLE accepted_trials (       -- a result that is as good for another trial
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    trial TEXT NOT NULL,
    measured TEXT NOT NULL,
    PRIMARY KEY (acceptance, trial, measured)
) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the store to the newest version, one migration a transaction, so that a crash leaves a whole version behind."""
    for number in range(checked_version(connection, path, len(migrations)), len(migrations)):
        begin = f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION};"
        connection.executescript(f"{begin}{migrations[number]};PRAGMA user_version = {number + 1};COMMIT")


def checked_version(connection: sqlite3.Connection, path: Path, newest: int = len(MIGRATIONS)) -> int:
    """Return the version of the store (0 for an empty file). StoreError when it is not a wke store or newer than this wke."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION and (tables or version or application):
        raise StoreError(f"{path} is an SQLite database, but not a wke store", hint="move it away, or measure in another folder")
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer wke: its version is {version}, this wke reads up to {newest}",
            hint="use a newer wke; the store was left untouched",
        )
    return version


class OutdatedError(StoreError):
    """A reader met a store that only a writer can bring up to date."""


def check_readable(connection: sqlite3.Connection, path: Path) -> None:
    """Raise OutdatedError unless the store has this wke's version and no change in it is half done: a reader cannot mend that."""
    try:
        version = checked_version(connection, path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        version = 0
    if version < len(MIGRATIONS):
        raise OutdatedError(
            f"{path} was written by an older wke, or by a command that was killed while it wrote",
            hint="any command brings it up to date that may write there, while no other writes",
        )

"""The store's tables, and which SQLite files are stores of this version.

The version is SQLite's `user_version`. A change of the tables counts it up. Stores of other versions are refused and left untouched.
Points, plans and fingerprints are JSON text, because only wke reads inside them. Whatever a user may want to query is a column.
"""

import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from wke.errors import StoreError

APPLICATION = 0x776B6521  # "wke!", so that `file` and wke tell our stores from other SQLite files
VERSION = 13

TABLES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    seed INTEGER NOT NULL
);
CREATE TABLE invocations (           -- every command that measured a series, with everything that was decided before anything ran
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series,
    command TEXT NOT NULL,
    plan TEXT NOT NULL,              -- a StoredPlan
    started_ns INTEGER NOT NULL
);
CREATE TABLE inputs (                -- what a trial's identity was computed from
    trial TEXT PRIMARY KEY,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE scripts (               -- scripts, preludes and rendered files that were planned: a trial's inputs hold their digests
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
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
CREATE INDEX planned_trials ON planned (series, trial);

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
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER,                -- NULL while it runs, and when it was interrupted
    UNIQUE (trial, number)
);
CREATE TABLE detached (              -- the machines of an attempt that may outlive its command: with their folders it can be continued
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    folder TEXT NOT NULL,
    release TEXT,                    -- when the measured step was to begin, and the machine's clock before that
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;
CREATE TABLE derived (               -- attempts that did not run: the result was read from the output of another attempt
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    source INTEGER NOT NULL REFERENCES attempts,     -- the one that ran; never derived itself
    how TEXT NOT NULL,               -- "reanalysed"
    at_ns INTEGER NOT NULL,
    who TEXT NOT NULL,
    wke TEXT NOT NULL                -- its version
);
CREATE TABLE observations (
    attempt INTEGER NOT NULL REFERENCES attempts,
    metric TEXT NOT NULL,
    value REAL,                      -- SQLite stores NaN as NULL
    unit TEXT NOT NULL,
    PRIMARY KEY (attempt, metric)
) WITHOUT ROWID;
CREATE TABLE distributions (         -- the recorded values that quantiles were taken of, to pool those of all trials of a point
    attempt INTEGER NOT NULL REFERENCES attempts,
    source TEXT NOT NULL,            -- what of a metric decides which values they are, in JSON
    unit TEXT NOT NULL,
    buckets BLOB NOT NULL,           -- as keep/output/distribution.py encodes them
    PRIMARY KEY (attempt, source)
) WITHOUT ROWID;
CREATE TABLE judgements (            -- what each rule says of an attempt; reanalysis replaces it
    attempt INTEGER NOT NULL REFERENCES attempts,
    rule TEXT NOT NULL,
    level TEXT NOT NULL,             -- off, ok, unknown, suspect, invalid
    place TEXT NOT NULL,             -- a machine, a task, or nothing
    said TEXT NOT NULL,              -- the evidence, the reason why the rule is off, or what the rule lacks
    numbers TEXT NOT NULL,           -- in JSON
    PRIMARY KEY (attempt, rule)
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
CREATE TABLE starts (                -- how far apart the tasks of the measured step began, on the controller's clock
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    step INTEGER NOT NULL,
    released_ns INTEGER NOT NULL,
    skew_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    first TEXT NOT NULL,             -- machines
    last TEXT NOT NULL
);
CREATE TABLE clocks (                -- a machine's clock minus the controller's; times of tasks and logs are as the machine reported them
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    at_ns INTEGER NOT NULL,          -- on the controller's clock
    offset_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    drift_ppm INTEGER NOT NULL,      -- at most by so many millionths of the time that passes, the difference changes
    PRIMARY KEY (attempt, machine, at_ns)
) WITHOUT ROWID;
CREATE TABLE versions (              -- what the machines of an attempt said about their software
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    name TEXT NOT NULL,
    command TEXT NOT NULL,
    said TEXT NOT NULL,
    problem TEXT NOT NULL,           -- how the command failed, "" if it did not
    at_ns INTEGER NOT NULL,          -- when it ran: for an earlier attempt on the same deployment, perhaps
    PRIMARY KEY (attempt, machine, name)
) WITHOUT ROWID;
CREATE TABLE files (                 -- what an attempt's folder held when the attempt ended
    attempt INTEGER NOT NULL REFERENCES attempts,
    path TEXT NOT NULL,              -- below the folder; bytes where it is not text
    size INTEGER NOT NULL,
    crc INTEGER NOT NULL,            -- CRC-32
    PRIMARY KEY (attempt, path)
) WITHOUT ROWID;
CREATE TABLE cleaned (               -- files that a user had removed: they are no longer in the table files
    attempt INTEGER NOT NULL REFERENCES attempts,
    path TEXT NOT NULL,              -- as in files
    kind TEXT NOT NULL,              -- "telemetry", "logs" or "collected"
    size INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY (attempt, path)
) WITHOUT ROWID;
CREATE TABLE deployments (           -- for each step with a scope that an attempt used, the attempt that ran the step
    attempt INTEGER NOT NULL REFERENCES attempts,
    step INTEGER NOT NULL,
    maker INTEGER NOT NULL REFERENCES attempts,
    PRIMARY KEY (attempt, step)
) WITHOUT ROWID;
CREATE TABLE fingerprints (          -- what each machine of an attempt reported about itself when it was connected
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;

CREATE TABLE machines (              -- the fingerprint of each machine when a command began to measure on it
    invocation INTEGER NOT NULL REFERENCES invocations,
    machine TEXT NOT NULL,
    address TEXT NOT NULL,
    json TEXT NOT NULL,
    confirmed INTEGER NOT NULL,      -- 0 until it is decided what the fingerprint means for the series
    PRIMARY KEY (invocation, machine)
) WITHOUT ROWID;
CREATE TABLE acceptances (           -- changes that a user declared harmless
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,           -- as text, in JSON
    taken_back_by TEXT,              -- NULL while it is in force
    taken_back_ns INTEGER
);
CREATE TABLE accepted_facts (        -- two values of a fact of a machine that are equally good
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    machine TEXT NOT NULL,
    fact TEXT NOT NULL,
    before TEXT NOT NULL,
    now TEXT NOT NULL,
    PRIMARY KEY (acceptance, machine, fact, before, now)
) WITHOUT ROWID;
CREATE TABLE accepted_trials (       -- a trial, and another one whose result counts for it
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    trial TEXT NOT NULL,
    measured TEXT NOT NULL,
    PRIMARY KEY (acceptance, trial, measured)
) WITHOUT ROWID;
"""


TYPE_WORDS: Mapping[type, str] = {int: "a whole number", str: "text", float: "a number", bytes: "bytes", type(None): "empty"}
_TYPES: Mapping[str, type] = {"INTEGER": int, "TEXT": str, "REAL": float, "BLOB": bytes}


def column_types() -> dict[str, dict[str, frozenset[type]]]:
    """Return the types of the values that the columns of each table may have."""
    found: dict[str, dict[str, frozenset[type]]] = {}
    for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", TABLES, re.DOTALL):
        columns = re.findall(r"^    (\w+) (INTEGER|TEXT|REAL|BLOB)( NOT NULL| PRIMARY KEY)?", body, re.MULTILINE)
        found[table] = {name: frozenset({_TYPES[kind]} | (set() if never_null else {type(None)})) for name, kind, never_null in columns}
    for table in ("files", "cleaned"):
        found[table]["path"] |= {bytes}  # the name of a file that is not text
    return found


class UnfinishedError(StoreError):
    """A reader met a store whose making, or whose last change, only a writer can complete."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was left unfinished by a command that is making it now or was killed while it wrote",
            hint="any command that may write there completes it, while no other command writes",
        )


def create(connection: sqlite3.Connection) -> None:
    """Make all tables, in one transaction: after a crash there are all or none."""
    marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {TABLES} {marks} COMMIT")


def is_made(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell whether the tables are there; an empty file has none. Raise StoreError when it is not a store of this version."""
    connection.execute("BEGIN")  # the three answers are of one moment: another command may be making the tables
    try:
        version, application, tables = (
            int(connection.execute(query).fetchone()[0])
            for query in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
        )
    finally:
        connection.execute("COMMIT")
    if application != APPLICATION and (tables or version or application):
        raise StoreError(f"{path} is an SQLite database, but not a wke store", hint="move it away, or measure in another folder")
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer wke (schema {version}); this one reads and writes schema {VERSION} only",
            hint="use a newer wke; the store was left untouched",
        )
    if 0 < version < VERSION:
        raise StoreError(
            f"{path} was written by a development version of wke (schema {version}); this one reads and writes schema {VERSION} only",
            hint=f"move {path.parent} away to begin a new store; nothing in it was changed, and its logs and CSV files stay readable",
        )
    return version == VERSION


def check_readable(connection: sqlite3.Connection, path: Path) -> None:
    """Raise UnfinishedError unless the store is made and no change in it is half done: a reader cannot complete either."""
    try:
        made = is_made(connection, path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        made = False
    if not made:
        raise UnfinishedError(path)

-- A store as the last development version of wke before schema 10 wrote it.
PRAGMA application_id = 2003526945;
PRAGMA user_version = 9;
BEGIN TRANSACTION;
CREATE TABLE acceptances (           -- changes that somebody declared to be harmless
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,           -- in words, as JSON
    taken_back_by TEXT,              -- NULL while it holds
    taken_back_ns INTEGER
);
INSERT INTO "acceptances" VALUES(1,'me',1796041586754881607,'it is','["kernel"]',NULL,NULL);
CREATE TABLE accepted_facts (        -- two values of a fact that are as good as each other on a machine
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    machine TEXT NOT NULL,
    fact TEXT NOT NULL,
    before TEXT NOT NULL,
    now TEXT NOT NULL,
    PRIMARY KEY (acceptance, machine, fact, before, now)
) WITHOUT ROWID;
INSERT INTO "accepted_facts" VALUES(1,'m0','kernel','Linux 6.0','Linux 6.1');
CREATE TABLE accepted_trials (       -- a result that is as good for another trial
    acceptance INTEGER NOT NULL REFERENCES acceptances,
    trial TEXT NOT NULL,
    measured TEXT NOT NULL,
    PRIMARY KEY (acceptance, trial, measured)
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
    ended_ns INTEGER, files INTEGER,
    UNIQUE (trial, number)
);
INSERT INTO "attempts" VALUES(1,1,'3fa9c1d2e0b4-0',1,0,'{"clients": 4}',0,0,'ok','',1000000000,3500000000,1);
INSERT INTO "attempts" VALUES(2,1,'3fa9c1d2e0b4-1',1,1,'{"clients": 4}',1,0,'interrupted','the command that ran it ended before it did',1796041586758636380,NULL,NULL);
CREATE TABLE clocks (                -- a machine's clock minus the controller's; times of tasks and logs are raw, as the machine told them
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    at_ns INTEGER NOT NULL,          -- on the controller's clock
    offset_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    PRIMARY KEY (attempt, machine, at_ns)
) WITHOUT ROWID;
CREATE TABLE deployments (           -- for each step with a scope that an attempt built on, the attempt that ran it
    attempt INTEGER NOT NULL REFERENCES attempts,
    step INTEGER NOT NULL,
    maker INTEGER NOT NULL REFERENCES attempts,
    PRIMARY KEY (attempt, step)
) WITHOUT ROWID;
CREATE TABLE derived (               -- attempts that were not run: each is another one, which also answers for the trial
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    source INTEGER NOT NULL REFERENCES attempts,     -- the one that ran; never derived itself
    how TEXT NOT NULL,               -- why it answers: "reanalysed"
    at_ns INTEGER NOT NULL,
    who TEXT NOT NULL,
    wke TEXT NOT NULL                -- its version
);
CREATE TABLE detached (              -- work folders, for an attempt that may outlive its command: who knows them can take it up
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    folder TEXT NOT NULL,
    release TEXT,                    -- when the measured step was to begin, and the machine's clock before that
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;
CREATE TABLE files (                 -- what an attempt's folder held when it ended
    attempt INTEGER NOT NULL REFERENCES attempts,
    path TEXT NOT NULL,              -- below the folder; bytes where it is no text
    size INTEGER NOT NULL,
    crc INTEGER NOT NULL,            -- CRC-32
    PRIMARY KEY (attempt, path)
) WITHOUT ROWID;
INSERT INTO "files" VALUES(1,'log',1,2363233923);
CREATE TABLE fingerprints (
    attempt INTEGER NOT NULL REFERENCES attempts,
    machine TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (attempt, machine)
) WITHOUT ROWID;
CREATE TABLE inputs (                -- what a trial's identity was computed from
    trial TEXT PRIMARY KEY,
    json TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "inputs" VALUES('3fa9c1d2e0b4-0','{"depends": {"scheme": 1}}');
INSERT INTO "inputs" VALUES('3fa9c1d2e0b4-1','{"depends": {"scheme": 1}}');
CREATE TABLE invocations (           -- every `wke measure`, with all that was decided before anything ran
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series,
    command TEXT NOT NULL,
    "order" TEXT NOT NULL,
    seed INTEGER NOT NULL,
    plan TEXT NOT NULL,
    started_ns INTEGER NOT NULL
);
INSERT INTO "invocations" VALUES(1,1,'wke measure experiments/scale.toml','interleaved',7,'{"file": "experiments/scale.toml", "metrics": [{"name": "throughput"}]}',1796041586681674340);
CREATE TABLE machines (              -- what each machine was when a command began to measure on it: its fingerprint
    invocation INTEGER NOT NULL REFERENCES invocations,
    machine TEXT NOT NULL,
    json TEXT NOT NULL, address TEXT NOT NULL DEFAULT '', settled INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (invocation, machine)
) WITHOUT ROWID;
INSERT INTO "machines" VALUES(1,'m0','{"kernel": "Linux 6.0"}','here',1);
CREATE TABLE observations (
    attempt INTEGER NOT NULL REFERENCES attempts,
    metric TEXT NOT NULL,
    value REAL,                      -- NULL is SQLite's way to say "not a number"
    unit TEXT NOT NULL,
    PRIMARY KEY (attempt, metric)
) WITHOUT ROWID;
INSERT INTO "observations" VALUES(1,'throughput',12.5,'1/s');
CREATE TABLE planned (               -- the latest plan of each series: a trial may belong to several series
    series INTEGER NOT NULL REFERENCES series,
    position INTEGER NOT NULL,
    trial TEXT NOT NULL,
    point TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    warmup INTEGER NOT NULL,
    PRIMARY KEY (series, position)
) WITHOUT ROWID;
INSERT INTO "planned" VALUES(1,0,'3fa9c1d2e0b4-0','{"clients": 4}',0,0);
INSERT INTO "planned" VALUES(1,1,'3fa9c1d2e0b4-1','{"clients": 4}',1,0);
CREATE TABLE scripts (               -- scripts and preludes that were planned, for people: a trial's inputs hold their digests
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    seed INTEGER NOT NULL
);
INSERT INTO "series" VALUES(1,'scale',7);
CREATE TABLE starts (                -- how far apart the tasks of the measured step began, by the controller's clock
    attempt INTEGER PRIMARY KEY REFERENCES attempts,
    step INTEGER NOT NULL,
    released_ns INTEGER NOT NULL,
    skew_ns INTEGER NOT NULL,
    bound_ns INTEGER NOT NULL,
    first TEXT NOT NULL,             -- machines
    last TEXT NOT NULL
);
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
INSERT INTO "tasks" VALUES(1,1,'load','m0',0,'ok',5,9,'','');
CREATE INDEX planned_trials ON planned (series, trial);
COMMIT;

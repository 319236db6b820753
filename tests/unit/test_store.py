"""The store: a crash at any step loses no completed trial and repeats none; one writes, anyone reads; every failure says what to do."""

import contextlib
import json
import math
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stored import FAILED, OK, begin, planned, result, run

from wke.errors import InputError, StoreError
from wke.keep.database import schema
from wke.keep.database.database import Database, database_errors
from wke.keep.files.disk import write_atomically, write_if_new
from wke.keep.files.lock import series_lock, writer_of
from wke.keep.inspection import inspect_store
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Derivation, Result, StoredAttempt, StoredStart
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, Release, StartedTogether, TaskEnded, TaskName

NORMAL, FULL = 1, 2  # values of SQLite's `synchronous`


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results", command="wke measure scale.toml") as opened:
        yield opened


def test_a_trial_is_kept_whole(store: Store) -> None:
    """What is stored comes back as it was: point, outcome, observations with units, and the folder in its place."""
    task = TaskEnded(TaskName(1, "load", "node1", 2), OK, 5, 9, "SIGTERM", "slow")
    attempt = begin(store, planned("aa-0", clients=4, engine="new", sync=True, ratio=0.5))
    folder = store.writer.finish_attempt(
        attempt, Result(OK, 1_000_000_000, 3_500_000_000, "", {"ops": 12.5}, {"ops": "1/s"}, [task], {"node1": {"cpus": 2}})
    )
    assert store.attempts.one_per_trial("scale") == (
        StoredAttempt(
            id="aa-0",
            series="scale",
            attempt=1,
            point={"clients": 4, "engine": "new", "sync": True, "ratio": 0.5},
            iteration=0,
            warmup=False,
            outcome="ok",
            why="",
            started_ns=1_000_000_000,
            elapsed_s=2.5,
            observations={"ops": 12.5},
            units={"ops": "1/s"},
            folder=store.folder / "trials" / "aa-0" / "1",
        ),
    )
    assert folder == store.folder / "trials" / "aa-0" / "1"
    assert (folder / "log").read_text() == "aa-0"
    assert list((store.folder / "partial").iterdir()) == []
    assert store.inputs.of("aa-0") == {"depends": {"point": {}, "trial": "aa-0"}, "digests": {}}
    assert store.plans.seed("scale") == 7
    assert store.plans.seed("other") is None


def test_how_a_measured_step_began_is_kept(store: Store) -> None:
    """The skew comes back with its attempt and no other; all readings of each clock come back, one where a machine was lost."""
    clocks = {
        "a": MachineClock((ClockReading(5, 2, 100), ClockReading(6, 3, 900)), 100),
        "b": MachineClock((ClockReading(-7, 4, 101),), 0),
    }
    start = StartedTogether(2, "load", 500, 30, 6, "a", "b", clocks)
    run(store, planned("aa-0"))
    store.writer.finish_attempt(begin(store, planned("bb-0", 1)), Result(OK, 0, 1, start=start))
    assert [trial.start for trial in store.attempts.one_per_trial("scale")] == [None, StoredStart(30, 6, "a", "b")]
    with contextlib.closing(sqlite3.connect(store.folder / "wke.sqlite")) as sql:
        readings = sql.execute("SELECT machine, at_ns, offset_ns, bound_ns FROM clocks ORDER BY machine, at_ns").fetchall()
        assert sql.execute("SELECT step, released_ns FROM starts").fetchall() == [(2, 500)]
    assert store.details.of("bb-0", 1).clocks == store.details.clocks("bb-0", 1) == clocks
    assert readings == [("a", 100, 5, 2), ("a", 900, 6, 3), ("b", 101, -7, 4)]


def test_an_attempt_answers_for_another_trial(store: Store) -> None:
    """What was derived counts as a result, shows the folder, the clocks and the tasks of what ran, and says which that was, when and whose."""
    task = TaskEnded(TaskName(0, "load", "m0"), OK, 5, 9)
    start = StartedTogether(0, "load", 5, 7, 1, "m0", "m1", {})
    attempt = begin(store, planned("aa-0", clients=4))
    folder = store.writer.finish_attempt(attempt, Result(OK, 10, 2_000_000_010, "", {"ops": 1.0}, {"ops": "1/s"}, [task], start=start))
    before = store.attempts.find("aa-0")
    number = store.writer.begin_series("scale", StoredPlan("scale.toml", 7), command="wke reanalyse", planned=[planned("bb-0", clients=4)])
    why = Derivation("aa-0", 1, "reanalysed", 99, "me on here", "1.0")
    invalid = Answer(planned("bb-0", clients=4), why, Outcome(OutcomeKind.INVALID), "too slow", {"ops": 2.0}, {"ops": "k/s"})
    store.writer.add_answers(number, [invalid, Answer(planned("bb-0", clients=4), why, OK, "", {"ops": math.nan})])
    first, second = store.attempts.of_trial("bb-0")
    assert (first.outcome, first.why, first.observations, first.units) == ("invalid", "too slow", {"ops": 2.0}, {"ops": "k/s"})
    assert (second.attempt, second.derivation, second.ran, second.folder, second.elapsed_s) == (2, why, ("aa-0", 1), folder, 2.0)
    assert (second.start, second.started_ns) == (StoredStart(7, 1, "m0", "m1"), 10)
    assert store.details.task_ends(second) == {TaskName(0, "load", "m0"): "ok"}
    assert [trial.id for trial in store.attempts.one_per_trial("scale")] == ["bb-0"]
    assert (store.attempts.results(["aa-0", "bb-0"]).keys(), store.attempts.find("aa-0")) == ({"aa-0", "bb-0"}, before)
    with pytest.raises(TypeError):
        store.writer.add_answers(number, [invalid, replace(invalid, derivation=replace(why, trial="never ran"))])
    assert len(store.attempts.of_trial("bb-0")) == 2


def test_a_failed_trial_is_kept_and_may_run_again(store: Store) -> None:
    """Only ok counts as completed; every attempt stays, and the trial shows its ok attempt even when a later one failed."""
    for outcome in (FAILED, OK, FAILED):
        run(store, planned("aa-0"), outcome)
    run(store, planned("bb-0", 1), FAILED)
    assert store.attempts.results(["aa-0", "bb-0", "cc-0"]).keys() == {"aa-0"}
    assert [(t.attempt, t.outcome) for t in store.attempts.of_trial("aa-0")] == [(1, "failed(3)"), (2, "ok"), (3, "failed(3)")]
    assert [(t.id, t.attempt, t.ok) for t in store.attempts.one_per_trial("scale")] == [("aa-0", 2, True), ("bb-0", 1, False)]
    assert all(t.folder.is_dir() for t in store.attempts.of_trial("aa-0"))


def test_a_series_shows_its_latest_plan(store: Store) -> None:
    """A new plan drops what it does not hold, keeps order, and takes in trials that another series ran."""
    first = [planned("aa-0", 0), planned("bb-0", 1)]
    series = store.writer.begin_series("old", StoredPlan("scale.toml", 7), command="", planned=first)
    for trial in first:
        store.writer.finish_attempt(store.writer.begin_attempt(series, trial), result())
    store.writer.begin_series("new", StoredPlan("scale.toml", 8), command="", planned=[planned("cc-0", 0), planned("bb-0", 1, clients=9)])
    assert [(t.id, t.series, t.point) for t in store.attempts.one_per_trial("new")] == [("bb-0", "new", {"clients": 9})]
    assert [t.id for t in store.plans.trials("new")] == ["cc-0", "bb-0"]
    assert [t.id for t in store.attempts.one_per_trial("old")] == ["aa-0", "bb-0"]
    assert store.plans.names() == ("old", "new")


def test_the_first_seed_stays(store: Store) -> None:
    """A series goes on with the seed it began with; every command keeps its own plan."""
    first, second = StoredPlan("a.toml", 7), StoredPlan("b.toml", 9, "sequential")
    store.writer.begin_series("scale", first, command="wke measure a")
    store.writer.begin_series("scale", second, command="wke measure b")
    assert (store.plans.seed("scale"), store.plans.latest("scale")) == (7, second)
    with contextlib.closing(sqlite3.connect(store.folder / "wke.sqlite")) as connection:
        rows = connection.execute("SELECT command, plan FROM invocations").fetchall()
    assert rows == [("wke measure a", first.to_json()), ("wke measure b", second.to_json())]


def test_a_detached_attempt_waits_to_be_taken_up(tmp_path: Path) -> None:
    """Whatever ends its command, it stays as it was, and nothing else begins; it ends when it is finished or given up, with its folder."""
    results = tmp_path / "results"
    release = Release(10**18 + 7, {"m1": ClockReading(-5, 3, 10**18)})
    with Store.open(results) as store:
        attempt = begin(store, planned("aa-0"))
        store.writer.detach(attempt, {"m0": "/tmp/wke-a", "m1": "/tmp/wke-b"})
        assert store.attempts.detached()[0].release is None
        store.writer.record_release(attempt, release)
    with Store.open(results) as store:
        (left,) = store.attempts.detached()
        assert left.release == release
        assert (left.attempt, left.series, left.folders) == (attempt, "scale", {"m0": "/tmp/wke-a", "m1": "/tmp/wke-b"})
        assert [t.outcome for t in store.attempts.of_trial("aa-0")] == ["running"]
        with pytest.raises(StoreError, match="trial aa-0 of series scale was left running"):
            begin(store, planned("bb-0", 1))
        (attempt.folder / "old").touch()
        store.writer.begin_again(left.attempt)
        assert list(attempt.folder.iterdir()) == []
        store.writer.finish_attempt(left.attempt, result())
        assert (store.attempts.detached(), [t.outcome for t in store.attempts.of_trial("aa-0")]) == ((), ["ok"])
        given_up = begin(store, planned("bb-0", 1))
        store.writer.detach(given_up, {"m0": "/tmp/wke-c"})
        store.writer.interrupt(given_up, "abandoned")
        assert (store.attempts.detached(), [(t.outcome, t.why) for t in store.attempts.of_trial("bb-0")]) == (
            (),
            [("interrupted", "abandoned")],
        )
        begin(store, planned("cc-0", 2))


def test_an_attempt_ends_once(store: Store) -> None:
    """Ending it again is refused, changes nothing, and leaves the store in order."""
    attempt = begin(store, planned("aa-0"))
    store.writer.finish_attempt(attempt, result(ops=1.0))
    with pytest.raises(ValueError, match="attempt 1 of trial aa-0 has ended already"):
        store.writer.finish_attempt(attempt, result(FAILED, ops=2.0))
    assert [(t.outcome, t.observations) for t in store.attempts.of_trial("aa-0")] == [("ok", {"ops": 1.0})]
    run(store, planned("bb-0", 1))


def test_not_a_number_is_kept(store: Store) -> None:
    """A metric that came out as NaN or infinite is stored as such and stops nothing."""
    run(store, planned("aa-0"), ops=float("nan"), rate=float("inf"))
    seen = store.attempts.find("aa").observations
    assert seen["ops"] != seen["ops"]
    assert seen["rate"] == float("inf")


@pytest.mark.parametrize(
    ("prefix", "found", "words"),
    [
        ("aa", "aa-0", ""),
        ("ab1-1", "ab1-1", ""),  # an exact id, though it also begins another
        ("ab", None, '"ab" begins several trials: ab1-1, ab1-10\n  hint: give more of the id'),
        ("ac-0", None, 'no trial begins with "ac-0"\n  hint: did you mean "aa-0"?'),
    ],
)
def test_find(store: Store, prefix: str, found: str | None, words: str) -> None:
    """A trial is found by the beginning of its id; nothing and too much are errors that help."""
    for position, name in enumerate(["aa-0", "ab1-1", "ab1-10"]):
        run(store, planned(name, position))
    if found:
        assert store.attempts.find(prefix).id == found
    else:
        with pytest.raises(InputError) as caught:
            store.attempts.find(prefix)
        assert str(caught.value) == words


def test_an_unknown_series_is_an_error_with_the_nearest_name(store: Store) -> None:
    """A misspelt name does not look like an empty series."""
    run(store, planned("aa-0"))
    with pytest.raises(InputError, match='no series "scal"') as caught:
        store.attempts.one_per_trial("scal")
    assert caught.value.problems[0].hint == 'did you mean "scale"?'


def test_every_byte_is_on_the_disk_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the commit comes, each file and folder of the attempt has been fsynced, and nothing is after it: the rename can be repeated."""
    synced: set[str] = set()
    seen: dict[str, set[str]] = {}
    real = os.fsync
    monkeypatch.setattr("os.fsync", lambda fd: (synced.add(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd)))
    with Store.open(tmp_path, checkpoint=lambda step: seen.setdefault(step, set(synced))) as store:
        attempt = begin(store, planned("aa-0"))
        (attempt.folder / "00-load").mkdir()
        (attempt.folder / "00-load" / "node1.out").write_text("x")
        store.writer.finish_attempt(attempt, result())
    partial = tmp_path / "partial" / "aa-0.1"
    inside = (partial, partial / "log", partial / "00-load", partial / "00-load" / "node1.out")
    assert {str(path) for path in (partial.parent, *inside)} <= seen["finish: synced"] == seen["finish: renamed"]


def test_only_what_may_be_lost_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That an attempt began is on the disk with the next commit; its end is there at once, and so is everything where there is no log."""
    for kind, of_beginning in (("ext4", NORMAL), ("nfs4", FULL)):
        monkeypatch.setattr("wke.keep.database.database.file_system", lambda _, kind=kind: kind)
        (tmp_path / kind).mkdir()
        database = Database(tmp_path / kind, readonly=False)
        seen = []
        for at_once in (False, True):
            with database.transaction(at_once=at_once) as sql:
                seen.append(sql.execute("PRAGMA synchronous").fetchone()[0])
        database.close()
        assert seen == [of_beginning, FULL], kind


def test_a_plan_that_is_stored_already_is_not_written_again(store: Store) -> None:
    """A command that continues a series writes a row for itself only; another order of the trials is another plan."""
    plan, trials = StoredPlan("scale.toml", 7), [planned("aa-0", 0), planned("bb-0", 1)]
    sql, counts = store.writer._database._connection, []
    for each in (trials, trials, [planned("bb-0", 0), planned("aa-0", 1)]):
        before = sql.total_changes
        store.writer.begin_series("scale", plan, command="", planned=each)
        counts.append(sql.total_changes - before)
    assert counts[1] == 1 < min(counts[0], counts[2])
    assert [trial.id for trial in store.plans.trials("scale")] == ["bb-0", "aa-0"]


def test_a_file_is_written_only_if_it_is_new(tmp_path: Path) -> None:
    """One that has the bytes already is not touched, unless others may read what is private."""
    path = tmp_path / "scale.csv"
    write_if_new(path, b"a", private=True)
    first = path.stat().st_ino
    write_if_new(path, b"a", private=True)
    assert path.stat().st_ino == first
    path.chmod(0o644)
    write_if_new(path, b"a", private=True)
    assert (path.stat().st_ino != first, stat.S_IMODE(path.stat().st_mode)) == (True, 0o600)
    write_if_new(path, b"b")
    assert path.read_bytes() == b"b"


def test_a_second_writer_is_told_who_the_first_is(store: Store) -> None:
    """The error names process, host, time and command; when the first is done, the second gets in."""
    with pytest.raises(StoreError) as caught:
        Store.open(store.folder)
    assert f"is being written by pid {os.getpid()} of " in str(caught.value)
    assert str(caught.value).splitlines()[0].endswith("UTC: wke measure scale.toml")
    store.close()
    Store.open(store.folder).close()


def test_series_are_written_side_by_side(tmp_path: Path) -> None:
    """Two writers of two series: neither takes the other's running attempt for dead; whoever wants the same, or everything, waits."""
    with Store.open(tmp_path, series="a/b", command="wke measure one") as one:
        first = one.writer.begin_attempt(one.writer.begin_series("a/b", StoredPlan("scale.toml", 1), command=""), planned("aa-0"))
        with Store.open(tmp_path, series="two", command="wke measure two") as two:
            second = two.writer.begin_attempt(two.writer.begin_series("two", StoredPlan("scale.toml", 1), command=""), planned("aa-0"))
            assert [
                (writer_of(series_lock(tmp_path, name)) or "").endswith(f": {who}")
                for name, who in (("two", "wke measure two"), ("a/b", "wke measure one"))
            ]
            for series, words in (("two", "wke measure two"), (None, "wke measure")):
                with pytest.raises(StoreError, match=f"is being written by pid {os.getpid()} of .*: {words}"):
                    Store.open(tmp_path, series=series)
            one.writer.finish_attempt(first, result())
            two.writer.finish_attempt(second, result())
        assert writer_of(series_lock(tmp_path, "two")) is None
        with Store.open(tmp_path, series="two"):
            begun = one.writer.begin_attempt(one.writer.begin_series("a/b", StoredPlan("scale.toml", 1), command=""), planned("bb-0", 1))
        one.writer.finish_attempt(begun, result())
    with Store.open(tmp_path) as store:
        assert [(a.series, a.attempt, a.outcome) for a in store.attempts.of_trial("aa-0")] == [("a/b", 1, "ok"), ("two", 2, "ok")]
        assert store.attempts.of_trial("bb-0")[0].folder.parts[-3:] == ("trials", "bb-0", "1")


def test_readers_are_possible_while_a_trial_runs(store: Store) -> None:
    """A reader sees what is complete and what runs, gets its own snapshot, and cannot write."""
    run(store, planned("aa-0"))
    attempt = begin(store, planned("bb-0", 1))
    with Store.open(store.folder, readonly=True) as reader:
        assert [(t.id, t.outcome, t.elapsed_s is None) for t in reader.attempts.one_per_trial("scale")] == [
            ("aa-0", "ok", False),
            ("bb-0", "running", True),
        ]
        store.writer.finish_attempt(attempt, result())
        assert reader.attempts.results(["bb-0"]).keys() == {"bb-0"}
        with pytest.raises(StoreError, match="cannot be written"):
            reader.writer.begin_series("x", StoredPlan("scale.toml", 1), command="")


def test_a_store_that_another_command_makes_meanwhile_is_not_refused(tmp_path: Path) -> None:
    """What a reader learns of the file is of one moment: before the tables were made, or after."""
    path = tmp_path / "wke.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as maker, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        maker.execute("PRAGMA journal_mode = WAL")
        reader.set_trace_callback(lambda query: schema.create(maker) if query.startswith("SELECT") else None)
        assert not schema.is_made(reader, path)
        reader.set_trace_callback(None)
        assert schema.is_made(reader, path)


def test_private(store: Store) -> None:
    """Nobody but the owner may look, whatever the umask says."""
    run(store, planned("aa-0"))
    begin(store, planned("bb-0", 1))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [store.folder, *store.folder.rglob("*")] if path.name != "log"}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {"wke.sqlite", "wke.sqlite-wal", "wke.sqlite-shm", "wke.lock"} <= {path.name for path in modes}


def make_text(path: Path) -> None:
    path.write_text("this is no database, " * 100)


def make_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (name)")
    connection.close()


def make_newer(path: Path) -> None:
    Store.open(path.parent).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def make_torn(path: Path) -> None:
    Store.open(path.parent).close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 20000)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(
    ("make", "words", "hint"),
    [
        (make_text, "is damaged or not a wke store", "move the whole folder"),
        (make_foreign, "is an SQLite database, but not a wke store", "move it away"),
        (make_newer, r"was written by a newer wke \(schema 99\); this one reads and writes schema 13 only", "use a newer wke"),
        (make_torn, "the store is damaged", "move the whole folder"),
    ],
)
def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path, make: object, words: str, hint: str, *, readonly: bool) -> None:
    """The error says what the file is and what to do; the file keeps every byte; the lock is free again."""
    path = tmp_path / "wke.sqlite"
    make(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match=words) as caught:
            Store.open(tmp_path, readonly=readonly)
        assert hint in str(caught.value.problems[0].hint)
    assert path.read_bytes() == before


def test_reading_nothing_is_an_error_that_makes_nothing(tmp_path: Path) -> None:
    """A reader in the wrong folder is told so and leaves no file behind."""
    with pytest.raises(StoreError, match="there are no results in"):
        Store.open(tmp_path / "results", readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    """SQLite out of pages gives an error that tells how much is free; what was stored stays, and the series goes on after."""
    with Store.open(tmp_path) as store:
        run(store, planned("aa-0"), ops=1.0)
        sql = store._database._connection
        sql.execute(f"PRAGMA max_page_count = {sql.execute('PRAGMA page_count').fetchone()[0] + 1}")
        attempt = begin(store, planned("bb-0", 1))
        many = {f"metric-{k}": 1.0 for k in range(2000)}
        with pytest.raises(StoreError, match=r"is full: [0-9.]+ MB are free") as caught:
            store.writer.finish_attempt(attempt, result(**many))
        assert "the series continues" in str(caught.value)
        sql.execute("PRAGMA max_page_count = 1000000")
        run(store, planned("cc-0", 2))  # nothing of the failed transaction is in the way
    with Store.open(tmp_path) as store:
        assert inspect_store(tmp_path).findings == []
        assert store.attempts.results(["aa-0", "bb-0", "cc-0"]).keys() == {"aa-0", "cc-0"}
        assert [(t.outcome, t.observations) for t in store.attempts.of_trial("bb-0")] == [("interrupted", {})]
        run(store, planned("bb-0", 1), ops=2.0)
        assert store.attempts.find("bb-0").attempt == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "is full"),
        (OSError(122, "Disk quota exceeded"), "is full"),
        (PermissionError(13, "Permission denied"), "cannot write to .*: Permission denied"),
        (sqlite3.OperationalError("database or disk is full"), "is full"),
        (sqlite3.OperationalError("database is locked"), "is locked by another program"),
        (sqlite3.OperationalError("unable to open database file"), "unable to open"),
    ],
)
def test_what_the_disk_says_is_translated(tmp_path: Path, error: Exception, words: str) -> None:
    """Foreign errors become StoreErrors with a hint; our own mistakes do not."""
    with pytest.raises(StoreError, match=words) as caught, database_errors(tmp_path):
        raise error
    assert caught.value.problems[0].hint
    with pytest.raises(sqlite3.IntegrityError), database_errors(tmp_path):
        raise sqlite3.IntegrityError


def test_a_copy_is_readable(store: Store, tmp_path: Path) -> None:
    """A results folder copied elsewhere reads as the original, with its own paths."""
    run(store, planned("aa-0"), ops=1.0)
    store.close()
    shutil.copytree(store.folder, tmp_path / "copy")
    with Store.open(tmp_path / "copy", readonly=True) as copy:
        (trial,) = copy.attempts.one_per_trial("scale")
    assert trial.folder == tmp_path / "copy" / "trials" / "aa-0" / "1"
    assert (trial.folder / "log").read_text() == "aa-0"


def test_written_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the old file and no litter."""
    path = tmp_path / "made" / "a.csv"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StoreError, match="is full"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_points_keep_their_order_and_types(store: Store) -> None:
    """JSON gives back what went in: the order of parameters, and True that is not 1."""
    run(store, planned("aa-0", zulu=1, alpha=True, mike=1.0))
    assert json.dumps(dict(store.attempts.find("aa-0").point)) == '{"zulu": 1, "alpha": true, "mike": 1.0}'


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("file", sorted(Path(__file__).parent.parent.joinpath("old_stores").glob("*.sql")), ids=lambda file: file.stem)
def test_a_store_of_a_development_version_is_refused_and_left_alone(tmp_path: Path, file: Path, journal: str, *, readonly: bool) -> None:
    """The error names its schema and says what to do. No byte changes, not even those that wait in a write-ahead log."""
    copied = tmp_path / "results"
    copied.mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "wke.sqlite")) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.executescript(file.read_text())
        for path in tmp_path.glob("wke.sqlite*"):  # as a writer leaves it that is killed: closing would empty the log
            if path.suffix != ".sqlite-shm":
                shutil.copy(path, copied)
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    assert len(before) == (2 if journal == "WAL" else 1)
    version = file.stem.removeprefix("version-")
    words = rf"was written by a development version of wke \(schema {version}\); this one reads and writes schema 13 only"
    with pytest.raises(StoreError, match=words) as caught:
        Store.open(copied, readonly=readonly)
    assert f"move {copied} away to begin a new store" in str(caught.value.problems[0].hint)
    assert {name: (copied / name).read_bytes() for name in before} == before


def test_only_the_owner_may_read_what_is_stored(tmp_path: Path) -> None:
    """Files and folders have modes 0600 and 0700 down to the last, whatever the umask, and whatever mode a collected file had."""
    before = os.umask(0)
    try:
        with Store.open(tmp_path / "results") as store:
            attempt = begin(store, planned("aa-0"))
            (attempt.folder / "collected").mkdir()
            (attempt.folder / "collected" / "file").touch(0o777)
            store.writer.finish_attempt(attempt, result())
        write_atomically(tmp_path / "results" / "scale.csv", b"", private=True)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()}
    assert (modes, {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}) == ({0o700}, {0o600})

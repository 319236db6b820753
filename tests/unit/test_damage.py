"""A store that was damaged behind wke's back: every command says so, `wke check --store` names it, and nothing ends in a traceback."""

import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stored import FAILED, OK, begin, planned, result, run

from wke.cli.main import run_command
from wke.errors import StoreError
from wke.keep.inspection import find_damage, inspect_store
from wke.keep.output.logs import PIECE, LogWriter, lines
from wke.keep.soundness import conforms
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.records import Output, TaskName

TASK = TaskName(0, "load", "m1")
Damage = Callable[[Path], object]
Case = tuple[Damage, str, str]
"""What happens to the store, a command that meets it, and what `wke check --store` says."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a store with two trials, one of which failed, and change to its project."""
    monkeypatch.chdir(tmp_path)
    with Store.open(Path("results")) as store:
        attempt = begin(store, planned("aa-0"))
        with LogWriter(attempt.folder) as logs:
            logs(Output(TASK, 1, b"one\ntwo\n", 7))
        store.writer.finish_attempt(attempt, result(tput=1.5))
        run(store, planned("bb-0", 1), FAILED)
    return Path("results")


def sql(statement: str) -> Damage:
    def change(store: Path) -> None:
        with contextlib.closing(sqlite3.connect(store / "wke.sqlite")) as connection, connection:
            connection.execute(statement)

    return change


def wke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["wke", *line.split()])
    status = run_command()
    return status, "".join(capsys.readouterr())


CASES: list[Case] = [
    (sql("UPDATE files SET size = 'x' WHERE path = 'log'"), "show aa-0", "table files, attempt 1, path 'log': size is text"),
    (sql("UPDATE attempts SET started_ns = 'x'"), "results --trials", "table attempts, id 1, invocation 1: started_ns is text"),
    (sql("UPDATE attempts SET started_ns = x'00ff'"), "status", "started_ns is bytes"),
    (sql("UPDATE attempts SET warmup = 'x'"), "results", "warmup is text"),
    (sql("UPDATE attempts SET point = '[1]'"), "results", "point is not as wke writes it: it is not a JSON object"),
    (sql("UPDATE attempts SET point = '{\"clients\": [1]}'"), "check --store", "point has a value that no point has"),
    (sql("UPDATE planned SET point = '{'"), "results", "table planned, series 1, position 0: point is not as wke writes it"),
    (sql("UPDATE planned SET position = 'x' WHERE position = 0"), "results", "position is text"),
    (sql("UPDATE observations SET value = 'fast'"), "results", "table observations, attempt 1, metric 'tput': value is text"),
    (sql("UPDATE invocations SET plan = '{}'"), "results", "plan is not as wke writes it"),
    (sql("UPDATE invocations SET plan = json_set(plan, '$.threshold', 'x')"), "check --store", "plan has a value of a wrong type"),
    (sql("UPDATE invocations SET plan = json_set(plan, '$.rules.points', json('[3]'))"), "results", "plan has a value of a wrong type"),
    (sql("UPDATE inputs SET json = '{}'"), "check --store", "json has no parts and digests"),
    (sql("UPDATE inputs SET json = 'null'"), "why aa-0", "json is not as wke writes it"),
    (sql("DELETE FROM inputs"), "show aa-0", ""),
    (sql("UPDATE attempts SET why = CAST(x'80' AS TEXT)"), "results --trials", "Could not decode to UTF-8"),
    (sql("DROP TABLE observations"), "results", "no such table: observations"),
    (lambda store: (store / "trials/aa-0/1/00-load/m1.idx").write_bytes(b"\xff" * 48), "logs aa-0", "m1.idx: ha"),
    (lambda store: (store / "trials/aa-0/1/00-load/m1.idx").write_bytes(PIECE.pack(1, 5, 99, 1)), "logs aa-0", "m1.idx: ha"),
    (lambda store: (store / "trials/aa-0/1/00-load/m1.out").unlink(), "logs aa-0", "m1.out: is missing"),
    (lambda store: shutil.rmtree(store / "trials"), "logs aa-0", "the folder of an attempt that ended ok is missing"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1])
def test_damage_is_told_and_named(case: Case, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that meets damage ends with status 1 and sends to `wke check --store`, which names it."""
    damage, command, named = case
    damage(store)
    status, said = wke(monkeypatch, capsys, command)
    assert (status, "check --store" in said or command == "check --store") == (1, True), said
    status, said = wke(monkeypatch, capsys, "check --store")
    assert named in said
    assert status == (1 if named else 0)


def test_a_sound_store_has_no_damage(store: Path) -> None:
    """What wke writes conforms; a value of a wrong type deep in a plan does not."""
    assert (find_damage(store), inspect_store(store).findings) == (None, [])
    assert conforms(StoredPlan("a.toml", 7), StoredPlan)
    assert not conforms(StoredPlan("a.toml", True), StoredPlan)
    assert not conforms(StoredPlan("a.toml", 7, software={1: 2}), StoredPlan)  # type: ignore[dict-item]


def test_logs_of_a_trial_without_files_are_an_error(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left is printed; then, or if nothing is left, the command says what is missing and ends with status 1."""
    (store / "trials/aa-0/1/log").unlink()
    status, said = wke(monkeypatch, capsys, "logs aa-0")
    assert (status, "files of trial aa-0 are missing: log" in said, "two" in said) == (1, True, True)
    shutil.rmtree(store / "trials")
    status, said = wke(monkeypatch, capsys, "logs aa-0")
    assert (status, "there is no folder results/" in said) == (1, True)
    assert "missing" in wke(monkeypatch, capsys, "show aa-0")[1]


def test_folders_that_wke_did_not_make_are_ignored(store: Path) -> None:
    """A foreign folder among those of tasks is no task."""
    foreign = store / "trials/aa-0/1/my-notes"
    foreign.mkdir()
    (foreign / "m1.idx").write_bytes(b"x" * 24)
    assert [line.data for line in lines(store / "trials/aa-0/1")] == [b"one", b"two"]


def test_a_new_store_beside_old_folders(store: Path) -> None:
    """Where wke.sqlite was moved away, the next command begins a new store and sets the old folders aside, by name."""
    (store / "wke.sqlite").rename(store / "damaged.sqlite")
    with Store.open(store) as new:
        assert new.note == f"{store} had folders of attempts and no wke.sqlite that knows them: trials are now in {store}/set-aside-1"
        assert run(new, planned("aa-0"), OK) == store / "trials/aa-0/1"
    assert (store / "set-aside-1/trials/aa-0/1/00-load/m1.out").read_bytes() == b"one\ntwo\n"
    assert inspect_store(store).findings == []
    with Store.open(store) as again:
        assert again.note == ""


def test_a_number_whose_folder_is_taken_is_left_out(store: Path) -> None:
    """After an older copy of wke.sqlite came back, attempts get numbers that no folder has: none is overwritten, none blocks the next."""
    with contextlib.closing(sqlite3.connect(store / "wke.sqlite")) as connection, connection:
        for table in ("observations", "files", "attempts"):
            connection.execute(f"DELETE FROM {table} WHERE {'id' if table == 'attempts' else 'attempt'} = 1")
    with Store.open(store) as opened:
        assert run(opened, planned("aa-0"), OK) == store / "trials/aa-0/2"


def test_a_text_that_is_not_whole_is_stored_as_an_escape(store: Path) -> None:
    """Half a character in a unit or a reason, as JSON can have it, does not end the series."""
    with Store.open(store) as opened:
        attempt = begin(opened, planned("cc-0", 2))
        said = result(FAILED, tput=1.0)
        opened.writer.finish_attempt(attempt, type(said)(said.outcome, 1, 2, "no \udcff", {"tput": 1.0}, {"tput": "\ud800"}))
        stored = opened.attempts.find("cc-0")
    assert (stored.why, stored.units["tput"]) == ("no \\udcff", "\\ud800")


def test_an_unreadable_store_is_an_error_for_writers(store: Path) -> None:
    """A file that is no database is refused, with the whole folder to move."""
    (store / "wke.sqlite").write_bytes(b"x" * 4096)
    with pytest.raises(StoreError, match="move the whole folder results away"):
        Store.open(store)

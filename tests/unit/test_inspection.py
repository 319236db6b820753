"""`wke check --store`: whatever happened to a store behind wke's back is found, named and hinted at; nothing is changed by looking."""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from stored import FAILED, OK, begin, planned, result

from wke.cli.check import check
from wke.errors import StoreError
from wke.keep.inspection import Inspection, inspect_store
from wke.keep.output.logs import LogWriter
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Derivation
from wke.records import Outcome, Output, TaskName

LOG = "00-load/m1.out"


def run(store: Store, name: str, position: int, outcome: Outcome | None = None) -> None:
    attempt = begin(store, planned(name, position))
    with LogWriter(attempt.folder) as logs:
        logs(Output(TaskName(0, "load", "m1", 0), 1, f"output of {name}\n".encode(), 7))
    store.writer.finish_attempt(attempt, result(outcome) if outcome else result())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a store with a trial that failed and then went well, one that went well and answers for another, and one that was interrupted."""
    with Store.open(tmp_path / "results") as store:
        run(store, "aa-0", 0, FAILED)
        run(store, "aa-0", 0)
        run(store, "bb-0", 1)
        number = store.writer.begin_series("scale", StoredPlan("scale.toml", 7), command="wke reanalyse")
        store.writer.add_answers(number, [Answer(planned("dd-0", 9), Derivation("bb-0", 1, "reanalysed", 5, "me", "1"), OK)])
        begin(store, planned("cc-0", 2))
    return tmp_path / "results"


def told(seen: Inspection, folder: Path) -> list[str]:
    return [f"{Path(p.where.file).relative_to(folder.parent)}: {p.what}" for p in seen.findings if p.where]


def test_a_store_as_it_should_be(folder: Path) -> None:
    """Nothing is found; what is partial is named as such, and every file of the ended attempts was read."""
    seen = inspect_store(folder)
    assert (seen.findings, seen.attempts, seen.files) == ([], 4, 9)  # of each ended attempt its log, the output and its index
    assert seen.size_bytes == sum(path.stat().st_size for path in folder.glob("trials/**/*") if path.is_file())
    (note,) = seen.notes
    assert str(note) == f"{folder}/partial/cc-0.1: partial: of an attempt that was interrupted, kept for diagnosis"


def sql(statement: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(folder / "wke.sqlite")) as connection, connection:
            connection.execute(statement)

    return change


def rot(folder: Path) -> None:
    path = folder / "trials/aa-0/2" / LOG
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(b"output", b"outpuT"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def tear_pages(folder: Path) -> None:
    pages = (folder / "wke.sqlite").stat().st_size // 4096
    with (folder / "wke.sqlite").open("r+b") as file:
        for page in range(2, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 200)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "bit rot": (rot, f"results/trials/aa-0/2/{LOG}: has the size that it had when the attempt ended, but other bytes"),
    "an edit": (
        lambda f: (f / "trials/bb-0/1" / LOG).write_text("nicer"),
        f"results/trials/bb-0/1/{LOG}: had 15 bytes when the attempt ended and has 5 now",
    ),
    "a lost file": (lambda f: (f / "trials/bb-0/1" / LOG).unlink(), f"results/trials/bb-0/1/{LOG}: is missing"),
    "a file too many": (
        lambda f: (f / "trials/bb-0/1/notes.txt").touch(),
        "results/trials/bb-0/1/notes.txt: was not there when the attempt ended",
    ),
    "a link instead of a file": (
        lambda f: ((f / "trials/bb-0/1/log").unlink(), (f / "trials/bb-0/1/log").symlink_to("/etc/hostname")),
        "results/trials/bb-0/1/log: cannot be read: Too many levels of symbolic links",
    ),
    "a lost folder": (
        lambda f: (f / "trials/aa-0/1").rename(f.parent / "elsewhere"),
        "results/trials/aa-0/1: the folder of an attempt that ended failed(3) is missing",
    ),
    "a folder of no attempt": (lambda f: (f / "trials/aa-0/3").mkdir(), "results/trials/aa-0/3: no attempt that has ended has this folder"),
    "an open door": (lambda f: f.chmod(0o750), "results: other users than its owner may enter it: its mode is 0750"),
    "a row of no attempt": (
        sql("INSERT INTO observations VALUES (99, 'ops', 1, '')"),
        "results/wke.sqlite: a row of the table observations refers to a missing row of attempts: wke did not write it",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_found_where_it_is(folder: Path, damage: str) -> None:
    """One finding with its path and a hint, and the exit status says so; looking twice tells the same."""
    change, words = DAMAGES[damage]
    change(folder)
    for _ in range(2):
        seen = inspect_store(folder)
        assert told(seen, folder) == [words]
        assert all(problem.hint for problem in seen.findings)


def test_a_torn_database_is_found(folder: Path) -> None:
    """Pages that were overwritten are told in SQLite's words, with the way to what is left."""
    tear_pages(folder)
    seen = inspect_store(folder)
    assert seen.findings
    assert all("is damaged" in problem.what for problem in seen.findings)
    assert all(problem.hint for problem in seen.findings)


def test_a_folder_of_an_attempt_whose_beginning_was_lost_is_noted(folder: Path) -> None:
    """A power cut may leave a folder without a row: that is no damage, and the number is not used again."""
    (folder / "partial/aa-0.9").mkdir()
    seen = inspect_store(folder)
    assert told(seen, folder) == []
    assert any("the store does not know" in note.what and "aa-0.9" in str(note.where) for note in seen.notes)


def test_nothing_is_changed_by_looking(folder: Path) -> None:
    """All files keep their bytes and times; a folder that has to be put in place is named and stays where it is."""
    (folder / "trials/bb-0/1").rename(folder / "partial/bb-0.1")

    def state() -> dict[Path, tuple[int, bytes]]:
        files = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".sqlite-wal", ".sqlite-shm"})
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before, seen = state(), inspect_store(folder)
    assert state() == before
    assert (seen.findings, seen.notes[0].what) == ([], "partial: of an attempt that has ended; the next command moves it to trials/")


def test_links_and_odd_names_among_collected_files(folder: Path) -> None:
    """A link is kept as it is, and a name that is no text is kept by its bytes."""
    odd = os.fsdecode(b"caf\xe9.txt")
    with Store.open(folder) as store:
        attempt = begin(store, planned("ee-0", 3))
        (attempt.folder / odd).write_text("x")
        (attempt.folder / "latest").symlink_to(odd)
        store.writer.finish_attempt(attempt, result())
    assert inspect_store(folder).findings == []
    (folder / "trials/ee-0/1" / odd).write_text("y")
    assert len(inspect_store(folder).findings) == 1


def test_while_an_attempt_runs(folder: Path) -> None:
    """A series that is measured meanwhile is no finding."""
    with Store.open(folder) as store:
        attempt = begin(store, planned("cc-0", 2))
        seen = inspect_store(folder)
        assert (seen.findings, [note.what for note in seen.notes]) == (
            [],
            [
                "partial: of an attempt that was interrupted, kept for diagnosis",
                "partial: of an attempt that is running, or whose command was killed",
            ],
        )
        store.writer.finish_attempt(attempt, result())
    assert inspect_store(folder).findings == []


def test_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Talk and findings for people, one document for programs; files beside --store are refused, and so is a folder without results."""
    monkeypatch.chdir(folder.parent)
    good = CliRunner().invoke(check, ["--store"])
    assert (good.exit_code, good.stdout) == (0, "")
    assert re.search(r"^results: 4 attempts, 9 files of 0\.0 MB: nothing wrong$", good.stderr, re.MULTILINE)
    rot(folder)
    bad = CliRunner().invoke(check, ["--store"])
    assert isinstance(bad.exception, StoreError)
    assert str(bad.exception).startswith(f"results/trials/aa-0/2/{LOG}: has the size that it had")
    facts = json.loads(CliRunner().invoke(check, ["--store", "--json"]).stdout)
    assert {name: facts[name] for name in ("attempts", "files")} == {"attempts": 4, "files": 9}
    assert [found["file"] for found in facts["findings"]] == [f"results/trials/aa-0/2/{LOG}"]
    assert [note["file"] for note in facts["notes"]] == ["results/partial/cc-0.1"]
    assert "--store checks the store, so it takes no FILES" in str(CliRunner().invoke(check, ["--store", "a.toml"]).exception)
    monkeypatch.chdir(folder)
    assert "there are no results in results" in str(CliRunner().invoke(check, ["--store"]).exception)

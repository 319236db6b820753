"""`wke clean`: what no result needs can go, what counts stays unless it is forced, and the store knows what is gone."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from stored import FAILED, begin, planned, result

from wke.cli.clean import clean
from wke.cli.logs import logs
from wke.cli.results import results
from wke.cli.show import show
from wke.keep.inspection import inspect_store
from wke.keep.output.logs import LogWriter
from wke.keep.store import Store
from wke.keep.telemetry.file import SCRAPES, TELEMETRY
from wke.keep.trials.cleaning import Cleaning
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Answer, Derivation
from wke.records import Outcome, Output, TaskName
from wke.series.cleaning import load_holdings

OUTPUT = {"00-load/m1.out": "logs", "00-load/m1.idx": "logs", "00-load/m1.files/out.hlog": "collected"}
FILES = {"log": "logs", TELEMETRY: "telemetry", SCRAPES: "telemetry", **OUTPUT}


def run(store: Store, name: str, outcome: Outcome | None = None) -> None:
    """Store an attempt that has a file of each kind."""
    attempt = begin(store, planned(name, int(name[-1])))
    with LogWriter(attempt.folder) as written:
        written(Output(TaskName(0, "load", "m1"), 1, b"said\n", 7))
    for path in (TELEMETRY, SCRAPES, "00-load/m1.files/out.hlog"):
        (attempt.folder / path).parent.mkdir(exist_ok=True)
        (attempt.folder / path).write_bytes(b"x" * 1000)
    store.writer.finish_attempt(attempt, result(outcome) if outcome else result())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store: a-0 failed and then went well, b-1 failed, c-2 was interrupted, then failed; d-3 is derived from a-0."""
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "results") as store:
        run(store, "a-0", FAILED)
        run(store, "a-0")
        run(store, "b-1", FAILED)
        begin(store, planned("c-2", 2))
    with Store.open(tmp_path / "results") as store:
        run(store, "c-2", FAILED)
        number = store.writer.begin_series("scale", StoredPlan("scale.toml", 7), command="wke reanalyse")
        store.writer.add_answers(number, [Answer(planned("d-3", 3), Derivation("a-0", 2, "reanalysed", 5, "me", "1"), result().outcome)])
    return tmp_path / "results"


def held(folder: Path) -> dict[str, set[str]]:
    """Return the kinds of files that each attempt has on the disk."""
    found: dict[str, set[str]] = {}
    for attempt in sorted([*folder.glob("trials/*/*"), *folder.glob("partial/*")]):
        name = attempt.name if attempt.parent.name == "partial" else f"{attempt.parent.name}.{attempt.name}"
        found[name] = {FILES[str(path.relative_to(attempt))] for path in attempt.rglob("*") if path.is_file()}
    return found


ALL = {"telemetry", "logs", "collected"}
EVERYTHING = {"a-0.1": ALL, "a-0.2": ALL, "b-1.1": ALL, "c-2.1": {"logs"}, "c-2.2": ALL}


def cleaned(*options: str) -> Result:
    done = CliRunner().invoke(clean, ["scale", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], {}),
        (["--telemetry"], {}),  # it was not told to do it, and there is no one to ask
        (["--json", "--telemetry"], {}),
        (["--telemetry", "--yes"], {"a-0.1": ALL - {"telemetry"}, "b-1.1": ALL - {"telemetry"}, "c-2.2": ALL - {"telemetry"}}),
        (["--logs", "--yes"], {"a-0.1": {"telemetry"}, "b-1.1": {"telemetry"}, "c-2.1": None, "c-2.2": {"telemetry"}}),
        (["--superseded", "--yes"], {"a-0.1": set(), "c-2.1": None}),
        (["--telemetry", "--force", "--yes"], {n: ALL - {"telemetry"} for n in ("a-0.1", "a-0.2", "b-1.1", "c-2.2")}),
    ],
)
def test_only_what_was_named_and_does_not_count_goes(folder: Path, options: Sequence[str], left: dict[str, set[str] | None]) -> None:
    """The store is sound afterwards, also where all files of an attempt are gone; a second time there is nothing left to do."""
    before = cleaned("--json").output
    assert cleaned(*options).exit_code == 0
    expected = {name: left.get(name, kinds) for name, kinds in EVERYTHING.items()}
    assert held(folder) == {name: kinds for name, kinds in expected.items() if kinds is not None}
    seen = inspect_store(folder)
    assert seen.findings == []
    assert all("interrupted" in note.what for note in seen.notes)
    if left:
        assert "removed: 0 files" in cleaned(*options).output
    else:
        assert cleaned("--json").output == before


def test_sizes_are_told_by_kind(folder: Path) -> None:
    """As a table, and for programs with what was chosen."""
    told = json.loads(cleaned("--json", "--telemetry").output)
    assert (told["series"], told["removed"], told["chosen"]) == ("scale", False, {"files": 6, "profiles": 0, "bytes": 6000})
    assert told["kinds"]["telemetry"] == {"files": 8, "bytes": 8000, "counting-bytes": 2000}
    assert told["kinds"]["collected"] == {"files": 4, "bytes": 4000, "counting-bytes": 1000}
    words = cleaned("--telemetry").output
    assert "in 2 superseded attempts" in words
    assert "2.0 kB of it is of attempts that count and stays; --force removes it, too" in words
    assert "nothing was removed; --yes would remove 6 files, 6.0 kB" in words
    with Store.open(folder, readonly=True) as store:
        assert load_holdings(store, "scale").superseded == 2


def test_what_is_gone_is_said(folder: Path) -> None:
    """By the commands that would show it, with who and when; results stay what they were, and nothing is read again from what is left."""
    before = CliRunner().invoke(results, ["scale", "--csv"]).output
    cleaned("--logs", "--force", "--yes")
    assert CliRunner().invoke(results, ["scale", "--csv"]).output == before
    shown, said = CliRunner().invoke(show, ["a-0"]), CliRunner().invoke(logs, ["a-0"])
    assert (shown.exit_code, said.exit_code) == (0, 0)
    for words in (shown.output, said.output):
        assert "logs removed by " in words
        assert "collected files removed by " in words
    with Store.open(folder, readonly=True) as store:
        assert ("a-0", 2) in store.cleaning.attempts()
        assert {one.kind for one in store.cleaning.of("d-3", 1)} == {"logs", "collected"}


def test_a_killed_command_is_completed_by_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the commit and the removal, files are there that are recorded as gone: the store is sound, and the next command removes them."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Cleaning, "finish", _once(Cleaning.finish, killed))
        CliRunner().invoke(clean, ["scale", "--superseded", "--yes"])
    assert held(folder) == EVERYTHING
    seen = inspect_store(folder)
    assert seen.findings == []
    assert "was to be removed by a command that was killed; `wke clean` removes it" in {note.what for note in seen.notes}
    cleaned("--telemetry", "--yes")
    assert held(folder) == {"a-0.1": set(), "a-0.2": ALL, "b-1.1": ALL - {"telemetry"}, "c-2.2": ALL - {"telemetry"}}
    assert [str(note) for note in inspect_store(folder).notes] == []


def _once(first: Callable[..., None], then: Callable[..., None]) -> Callable[..., None]:
    """Return a function that is `first` at its first call and `then` afterwards."""
    calls = iter([first])

    def call(*arguments: object) -> None:
        next(calls, then)(*arguments)

    return call


def test_a_large_store_is_warned_of(folder: Path) -> None:
    """From the size on that the experiment of a shown series sets."""
    assert "results holds" not in CliRunner().invoke(results, ["scale"]).output
    for limit, warned in ((12_000, True), (0, False), (100_000, False)):
        with Store.open(folder) as store:
            store.writer.begin_series("scale", StoredPlan("scale.toml", 7, store_limit=limit), command="wke measure")
        told = CliRunner().invoke(results, ["scale"]).output
        assert ("results holds 12 kB, more than 12 kB (store-limit in [experiment]): `wke clean scale` shows" in told) is warned

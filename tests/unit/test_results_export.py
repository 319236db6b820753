"""Results for other programs: every attempt with its verdict, one type a column, and an absent library named with what installs it."""

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wke
from wke.errors import InputError, StoreError
from wke.keep.machines.acceptance import Harmless
from wke.keep.store import Store
from wke.keep.trials.trials import Answer, Derivation, PlannedTrial, Result
from wke.records import Outcome, OutcomeKind, StartedTogether
from wke.tell.exports.resultrows import FIXED, columns

OK = Outcome(OutcomeKind.OK)
POINT = {"clients": 4, "engine": "new", "sync": True, "outcome": 1.5}


def planned(name: str, iteration: int, *, warmup: bool = False, **point: object) -> PlannedTrial:
    return PlannedTrial(name, POINT | point, iteration, warmup, iteration + (not warmup))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project in the current folder: a warm-up, an invalid attempt and two after it, a failed and a derived one; another series."""
    monkeypatch.chdir(tmp_path)
    plan = [planned("w-0", 0, warmup=True), planned("a-0", 0), planned("b-1", 1, clients=8), planned("c-2", 2, ratio=2)]
    with Store.open(tmp_path / "results") as store:
        number = store.series("scale", "{}", 7, order="interleaved", command="", planned=plan)
        start = StartedTogether(0, "load", 5, 2_500_000, 1, "m0", "m1", {})
        for trial, outcome, why, seen in (
            (plan[0], OK, "", {"p99": 1.0}),
            (plan[1], Outcome(OutcomeKind.INVALID), "check errors == 0 does not hold: errors is 1", {"p99": 3.5, "errors": 1.0}),
            (plan[1], OK, "", {"p99": 2.5, "errors": 0.0}),
            (plan[1], OK, "", {"p99": 9.0, "errors": 0.0}),
            (plan[2], Outcome(OutcomeKind.FAILED, 3), 'load on m0: failed(3), "quoted"\nand more', {}),
        ):
            attempt = store.begin_attempt(number, trial)
            units = {"p99": "ms"}
            store.finish_attempt(attempt, Result(outcome, 10, 2_000_000_010, why, seen, {n: units.get(n, "") for n in seen}, start=start))
        why = Derivation("a-0", 2, "reanalysed", 5, "me", "1.0")
        store.answer(number, [Answer(plan[3], why, OK, "", {"p99": math.nan}, {"p99": "ms"})])
        store.series("other", "{}", 7, order="interleaved", command="", planned=[planned("a-0", 0)])
    return tmp_path


EXPECTED = [
    ("w-0", 1, "ok", False, None),
    ("a-0", 1, "invalid", False, None),
    ("a-0", 2, "ok", True, None),
    ("a-0", 3, "ok", False, None),
    ("b-1", 1, "failed(3)", False, None),
    ("c-2", 1, "ok", True, "a-0.2"),
]


def test_rows_are_all_attempts(project: Path) -> None:
    """In running order, with what is known of each; those that count are told from the others."""
    rows = wke.results("scale")
    assert [(row.trial, row.attempt, row.outcome, row.counts, row.derived_from) for row in rows] == EXPECTED
    assert (rows.rows[1].why, rows.rows[2].observations, rows.rows[2].units) == (
        "check errors == 0 does not hold: errors is 1",
        {"p99": 2.5, "errors": 0.0},
        {"p99": "ms", "errors": ""},
    )
    assert (rows.rows[2].point, rows.rows[2].skew_ms, rows.rows[2].elapsed_s) == (POINT, 2.5, 2.0)
    assert rows.rows[5].folder == rows.rows[2].folder == Path("results/trials/a-0/2")
    assert [row.trial for row in rows.counted] == ["a-0", "c-2"]
    assert len(rows) == 6


def test_what_does_not_count_for_its_machines_says_so(project: Path) -> None:
    """An attempt on a machine that is another one now says which facts differ; one that stands in for a trial says for which."""
    trial = PlannedTrial("m-0", {}, 0, False, 0, json.dumps({"depends": {"cluster": {"machines": {"m0": {"external-addr": None}}}}}))
    with Store.open(project / "results") as store:
        for kernel in ("Linux 6.1", "Linux 6.6"):
            number = store.series("kernels", "{}", 1, order="", command="", planned=[trial])
            store.examinations.record(number, {("m0", "here"): {"kernel": kernel}})
            store.examinations.settle(number)
            store.finish_attempt(store.begin_attempt(number, trial), Result(OK, 1, 2))
    assert [(row.counts, row.why, row.stands_for) for row in wke.results("kernels")] == [
        (False, "m0: kernel Linux 6.1 -> Linux 6.6", None),
        (True, "", None),
    ]
    new = PlannedTrial("n-0", {}, 0, False, 0, trial.inputs_json)
    with Store.open(project / "results") as store:
        store.series("kernels", "{}", 1, order="", command="", planned=[new])
        store.acceptances.add(Harmless(["script"], (), [("n-0", "m-0")], {"n-0": new.inputs_json}), who="me", reason="the same")
    assert [(row.trial, row.attempt, row.counts, row.stands_for) for row in wke.results("kernels")] == [("m-0", 2, True, "n-0")]


@pytest.mark.parametrize(
    ("what", "series"),
    [
        (lambda _: None, ["scale", "other"]),
        (lambda _: "other", ["other"]),
        (lambda project: project, ["scale", "other"]),
        (lambda project: str(project / "results"), ["scale", "other"]),
        (lambda project: project / "experiments/any.toml", ["other"]),
    ],
    ids=["nothing", "a name", "a project", "a store", "an experiment's file"],
)
def test_what_is_meant(project: Path, what: Callable[[Path], Path | str | None], series: list[str]) -> None:
    """A series by its name or its file, or all of a folder; a name goes before a folder that is called so."""
    (project / "other/results").mkdir(parents=True)
    (project / "experiments").mkdir()
    (project / "experiments/any.toml").write_text('[experiment]\nname = "other"\n[parameters]\nx = 1\n')
    assert list(dict.fromkeys(row.series for row in wke.results(what(project)))) == series


def test_what_is_not_there_is_an_error(project: Path) -> None:
    """With the nearest name, or the folder in which nothing is."""
    with pytest.raises(InputError, match=r'there is no series "scala".*\n.*did you mean "scale"'):
        wke.results("scala")
    with pytest.raises(StoreError, match="there are no results in nowhere"):
        wke.results(Path("nowhere"))
    with pytest.raises(StoreError, match="there are no results in nowhere"):
        wke.results("scale", folder="nowhere")


def test_every_column_has_one_type(project: Path) -> None:
    """Numbers with fractions are all that, words and numbers are words; a name that a column has already says what it is of."""
    table = columns(wke.results("scale").rows)
    assert list(table.cells) == [*FIXED, "clients", "engine", "sync", "parameter.outcome", "ratio", "p99", "errors"]
    types = {name: {type(cell) for cell in cells if cell is not None} for name, cells in table.cells.items()}
    assert all(len(kinds) <= 1 for kinds in types.values())
    assert (types["clients"], types["sync"], types["parameter.outcome"], types["ratio"]) == ({int}, {bool}, {float}, {int})
    assert table.units == {"p99": "ms", "errors": ""}
    assert columns(()).cells["trial"] == []


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "wke.cli", "results", *arguments], capture_output=True, text=True, check=False)


def test_the_command_prints_every_attempt(project: Path) -> None:
    """As CSV of all series under one header, which reads back to the same, and as JSON."""
    done = command("--trials", "--csv")
    records = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(r["series"], r["trial"], r["attempt"], r["outcome"], r["counts"]) for r in records[:6]] == [
        ("scale", trial, str(attempt), outcome, str(counts).lower()) for trial, attempt, outcome, counts, _ in EXPECTED
    ]
    assert (records[4]["why"], records[4]["p99"], records[2]["p99"], records[5]["p99"]) == (
        'load on m0: failed(3), "quoted"\nand more',
        "",
        "2.5",
        "nan",
    )
    assert len(records) == 9
    shown = json.loads(command("scale", "--trials", "--json").stdout)["scale"]["trials"]
    assert [(trial["id"], trial["attempt"]) for trial in shown] == [(trial, attempt) for trial, attempt, *_ in EXPECTED]
    assert len(json.loads(command("scale", "--json").stdout)["scale"]["trials"]) == 4


def test_parquet(project: Path) -> None:
    """Types and units come back; nothing but the file is left, and a folder that is not there is an error."""
    parquet = pytest.importorskip("pyarrow.parquet")
    done = command("scale", "--parquet", "all.parquet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "all.parquet: 6 rows\n")
    table = parquet.read_table("all.parquet")
    assert [(row["trial"], row["attempt"], row["outcome"], row["counts"], row["derived_from"]) for row in table.to_pylist()] == EXPECTED
    assert table.schema.field("p99").metadata == {b"unit": b"ms"}
    assert {
        name: str(table.schema.field(name).type) for name in ("clients", "sync", "skew_ms", "started_ns", "derived_from", "errors")
    } == {
        "clients": "int64",
        "sync": "bool",
        "skew_ms": "double",
        "started_ns": "int64",
        "derived_from": "string",
        "errors": "double",
    }
    assert sorted(path.name for path in project.iterdir()) == ["all.parquet", "results"]
    done = command("scale", "--parquet", "nowhere/all.parquet")
    assert (done.returncode, "nowhere" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_pandas(project: Path) -> None:
    """Whole numbers with gaps stay whole, units are beside the table, and its means are ours."""
    pytest.importorskip("pandas")
    frame = wke.results("scale").to_pandas()
    assert list(frame["outcome"]) == [row[2] for row in EXPECTED]
    assert frame.attrs["units"]["p99"] == "ms"
    assert {name: str(frame[name].dtype) for name in ("attempt", "counts", "clients", "ratio", "p99")} == {
        "attempt": "int64",
        "counts": "bool",
        "clients": "int64",
        "ratio": "Int64",
        "p99": "float64",
    }
    assert frame[frame["counts"]]["p99"].mean() == 2.5
    assert wke.results("scale").counted.to_pandas()["trial"].tolist() == ["a-0", "c-2"]


def test_polars_and_arrow(project: Path) -> None:
    """The same rows."""
    pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    rows = wke.results("scale")
    frame = rows.to_polars()
    assert frame["trial"].to_list() == [row.trial for row in rows]
    assert frame["derived_from"].to_list() == [row.derived_from for row in rows]
    assert rows.to_arrow().to_pydict()["trial"] == frame["trial"].to_list()
    rows.to_parquet("copy.parquet")
    assert Path("copy.parquet").stat().st_size > 0


@pytest.mark.parametrize(
    ("library", "method"), [("pandas", "to_pandas"), ("polars", "to_polars"), ("pyarrow", "to_arrow"), ("pyarrow", "to_parquet")]
)
def test_an_absent_library_is_named(project: Path, monkeypatch: pytest.MonkeyPatch, library: str, method: str) -> None:
    """With the command that installs it; nothing else needs it."""
    monkeypatch.setitem(sys.modules, library, None)
    rows = wke.results("scale")
    with pytest.raises(InputError) as error:
        getattr(rows, method)(*(["x.parquet"] if method == "to_parquet" else []))
    assert str(error.value) == f"this needs {library}, which is not installed\n  hint: pip install {library}"
    assert not Path("x.parquet").exists()


def test_reading_imports_no_library(project: Path) -> None:
    """Rows, CSV and JSON cost none of them."""
    code = "import sys, wke; wke.results('scale'); print(sorted({'pandas', 'polars', 'pyarrow', 'numpy', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

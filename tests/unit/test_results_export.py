"""Results for other programs: every attempt with its verdict, one type a column, and an absent library named with what installs it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attempts import EXPECTED, OK, POINT, store_attempts

import wke
from wke.errors import InputError, StoreError
from wke.keep.machines.acceptance import AcceptedChanges
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.tell.exports.resultrows import FIXED, columns


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the current folder a project whose results have every kind of attempt."""
    monkeypatch.chdir(tmp_path)
    store_attempts(tmp_path / "results")
    return tmp_path


def test_rows_are_all_attempts(project: Path) -> None:
    """In running order, with what is known of each; those that count are told from the others."""
    rows = wke.results("scale")
    assert [(row.trial, row.attempt, row.outcome, row.counts, row.derived_from) for row in rows] == EXPECTED
    assert (rows.rows[1].why, rows.rows[2].observations, rows.rows[2].units) == (
        "check errors == 0 does not hold: errors is 1",
        {"p99": 2.5, "errors": 0.0},
        {"p99": "ms", "errors": ""},
    )
    assert (rows.rows[2].point, rows.rows[2].skew_ms, rows.rows[2].skew_bound_ms, rows.rows[2].elapsed_s) == (POINT, 2.5, 1e-6, 2.0)
    assert rows.rows[5].folder == rows.rows[2].folder == Path("results/trials/a-0/2")
    assert [row.trial for row in rows.counted] == ["a-0", "c-2"]
    assert len(rows) == 6


def test_what_does_not_count_for_its_machines_says_so(project: Path) -> None:
    """An attempt on a machine that is another one now says which facts differ; one that stands in for a trial says for which."""
    trial = PlannedTrial("m-0", {}, 0, False, 0, json.dumps({"depends": {"cluster": {"machines": {"m0": {"external-addr": None}}}}}))
    with Store.open(project / "results") as store:
        for kernel in ("Linux 6.1", "Linux 6.6"):
            number = store.writer.begin_series("kernels", StoredPlan("scale.toml", 1), command="", planned=[trial])
            store.examinations.record(number, {("m0", "here"): {"kernel": kernel}})
            store.examinations.confirm(number)
            store.writer.finish_attempt(store.writer.begin_attempt(number, trial), Result(OK, 1, 2))
    assert [(row.counts, row.why, row.stands_for) for row in wke.results("kernels")] == [
        (False, "m0: kernel Linux 6.1 -> Linux 6.6", None),
        (True, "", None),
    ]
    new = PlannedTrial("n-0", {}, 0, False, 0, trial.inputs_json)
    with Store.open(project / "results") as store:
        store.writer.begin_series("kernels", StoredPlan("scale.toml", 1), command="", planned=[new])
        store.acceptances.add(AcceptedChanges(["script"], (), [("n-0", "m-0")], {"n-0": new.inputs_json}), who="me", reason="the same")
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

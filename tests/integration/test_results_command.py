"""`wke results` as CSV and Parquet, and what reading results imports, in processes."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from attempts import EXPECTED, store_attempts


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the current folder a project whose results have every kind of attempt."""
    monkeypatch.chdir(tmp_path)
    store_attempts(tmp_path / "results")
    return tmp_path


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


def test_reading_imports_no_library(project: Path) -> None:
    """Rows, CSV and JSON cost none of them."""
    code = "import sys, wke; wke.results('scale'); print(sorted({'pandas', 'polars', 'pyarrow', 'numpy', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""The table and the CSV file: what they count, how they round, what a spreadsheet reads."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.statistics import Summary
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import StoredAttempt
from wke.tell.exports.results_csv import results_file
from wke.tell.exports.resultsfile import read_results_file
from wke.tell.tables import interval, number, table_json, text_table

THROUGHPUT, LATENCY = Metric("throughput", unit="1/s"), Metric("p99", unit="ms")


def trial(
    uid: str, outcome: str = "ok", *, warmup: bool = False, attempt: int = 1, point: dict[str, object] | None = None, **observations: float
) -> StoredAttempt:
    units = {name: {"throughput": "1/s", "p99": "ms"}.get(name, "") for name in observations}
    return StoredAttempt(
        uid, "scale", attempt, point or {"clients": 1, "engine": "new"}, 0, warmup, outcome, "", 0, 1.0, observations, units, Path()
    )


def at(clients: int, engine: str = "new") -> dict[str, object]:
    return {"memory": "1G", "clients": clients, "engine": engine}


TRIALS = [
    trial("a-0", point=at(16), throughput=900.0, p99=12.0),
    trial("b-0", point=at(2), throughput=100.0, p99=5.0),
    trial("a-1", point=at(16), throughput=1000.0, p99=14.0),
    trial("b-1", point=at(2), throughput=110.0, p99=5.5),
    trial("b-w", point=at(2), warmup=True, throughput=1.0, p99=999.0),
    trial("a-2", "failed(1)", point=at(16)),
    trial("a-2", "ok", attempt=2, point=at(16), throughput=950.0, p99=13.0),
    trial("c-0", "failed(1)", point=at(4)),
    trial("c-1", "interrupted", point=at(4)),
    trial("d-0", point=at(2, "old"), throughput=7.0, extra=3.0),
]


def test_the_whole_table() -> None:
    """Rows by value, a trial counted once, warm-ups not at all, failures shown, metrics nobody declared added, units in the header."""
    table = text_table(point_table(TRIALS, [THROUGHPUT, LATENCY]))
    assert [table.header, *table.cells] == [
        ("clients", "engine", "n", "throughput (1/s)", "p99 (ms)", "extra", "failed"),
        ("2", "new", "2", "105 [57, 192]", "5.2 [2.9, 9.6]", "–", "0"),
        ("2", "old", "1", "7.000", "–", "3.000", "0"),
        ("4", "new", "0", "–", "–", "–", "1"),
        ("16", "new", "3", "950 [830, 1,080]", "13.0 [10.7, 15.7]", "–", "0"),
    ]


def test_rows_follow_the_plan_when_it_is_known() -> None:
    """Points keep the order of the file; those that nothing ran at are counted."""
    table = point_table(TRIALS, [LATENCY], points=[at(16), at(8), at(2)])
    assert table.parameters == ("clients",)
    text = text_table(table)
    assert [(row[0], row[1], row[2]) for row in text.cells] == [("16", "3", "13.0 [10.7, 15.7]"), ("2", "2", "5.2 [2.9, 9.6]")]
    assert text.notes[-1] == "1 point without a trial is left out"


def test_a_zero_changes_no_other_point() -> None:
    """A point with a value of 0 or less is marked and has no interval; the numbers of all other points stay as they are."""
    at_one = [trial("a-0", point=at(1), p99=0.0), trial("a-1", point=at(1), p99=3.0)]
    at_two = [trial("b-0", point=at(2), p99=4.0), trial("b-1", point=at(2), p99=5.0)]
    both = text_table(point_table([*at_one, *at_two], [LATENCY]))
    assert both.cells == (("1", "2", "1.500 (mean)"), ("2", "2", "4.5 [1.1, 18.5]"))
    assert text_table(point_table(at_two, [LATENCY])).cells == (("2", "4.5 [1.1, 18.5]"),)


def test_a_declared_summary_is_kept() -> None:
    """A metric's own kind wins over the usual one."""
    table = point_table(TRIALS, [Metric("throughput", summary="median")])
    assert table.rows[-1].summaries["throughput"] == Summary(3, 950.0, None, None, "median")


def test_invalid_trials_are_counted_apart() -> None:
    """They have their values and are in no mean; the column is there when there are any."""
    trials = [trial("a-0", point=at(1), p99=4.0), trial("a-1", "invalid", point=at(1), p99=9999.0), trial("b-0", "failed(1)", point=at(2))]
    table = text_table(point_table(trials, [LATENCY]))
    assert [table.header, *table.cells] == [
        ("clients", "n", "p99 (ms)", "failed", "invalid"),
        ("1", "1", "4.000", "0", "1"),
        ("2", "0", "–", "1", "0"),
    ]


def test_nothing_gives_an_empty_table() -> None:
    """Before the first trial there are no rows and no error."""
    assert text_table(point_table([])).cells == ()
    assert text_table(point_table([], [LATENCY])).header == ("n", "p99 (ms)")


def test_json_is_unrounded_and_complete() -> None:
    """The table's JSON has every number whole, and what kind of summary it is."""
    whole = json.loads(json.dumps(table_json(point_table(TRIALS[:1], [LATENCY]))))
    assert whole == {
        "parameters": [],
        "metrics": [{"name": "p99", "unit": "ms"}, {"name": "throughput", "unit": "1/s"}],
        "rows": [
            {
                "point": {"memory": "1G", "clients": 16, "engine": "new"},
                "n": 1,
                "failed": 0,
                "invalid": 0,
                "broken": 0,
                "suspect": 0,
                "summaries": {
                    "throughput": {
                        "n": 1,
                        "kind": "geometric-mean",
                        "centre": pytest.approx(900.0),
                        "low": None,
                        "high": None,
                        "confidence": 0.95,
                    },
                    "p99": {"n": 1, "kind": "geometric-mean", "centre": 12.0, "low": None, "high": None, "confidence": 0.95},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("centre", "low", "high", "kind", "text"),
    [
        (12345.6, 12111.1, 12580.1, "mean", "12,350 ± 230"),
        (1.23456, 1.2222, 1.24692, "mean", "1.235 ± 0.012"),
        (0.001234, 0.001222, 0.001246, "mean", "0.001234 ± 0.000012"),
        (5.0, 5.0, 5.0, "mean", "5"),
        (0.0, 0.0, 0.0, "mean", "0"),
        (-0.0, -0.0, -0.0, "median", "0"),
        (0.1, 0.1, 0.1, "mean", "0.1"),
        (0.1 + 0.2, 0.1 + 0.2 - 4e-17, 0.1 + 0.2 + 4e-17, "mean", "0.3"),
        (1234567.0, 1234567.0, 1234567.0, "geometric-mean", "1,234,567"),
        (123456.7, 123456.7, 123456.7, "median", "123,457"),
        (4e15, 4e15, 4e15, "mean", "4e+15"),
        (170.0, 0.0, 450.0, "mean", "170 [0, 450]"),
        (1.5, None, None, "mean", "1.500 (mean)"),
        (-3.14159, -3.5, -2.78, "mean", "-3.14 ± 0.36"),
        (100.0, 80.0, 125.0, "geometric-mean", "100 [80, 125]"),
        (24.0, 0.0001, 240_000_000.0, "geometric-mean", "24 [0, 240,000,000]"),
        (3.5, 1.0, 6.0, "median", "3.5 [1.0, 6.0]"),
        (1234567.0, None, None, "median", "1,235,000"),
        (0.0, None, None, "median", "0"),
        (4.2e15, 4.1e15, 4.3e15, "mean", "4.20e+15 ± 1.0e+14"),
    ],
)
def test_digits_follow_the_interval(centre: float, low: float | None, high: float | None, kind: str, text: str) -> None:
    """Two digits of the half-width count; the centre is written to the same place; four digits where there is no interval; thousands are apart."""
    assert interval(Summary(5, centre, low, high, kind)) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"), [(-0.0001, 2, "0.00"), (1250.0, -2, "1,200"), (2.5e-9, 10, "2.5e-09"), (0.0, 3, "0.000")]
)
def test_number(value: float, decimals: int, text: str) -> None:
    """Rounding never leaves a minus before zero; sizes beyond reading become powers of ten."""
    assert number(value, decimals) == text


def test_the_whole_csv_file() -> None:
    """A header, one row for each trial that is ok: nothing else, every number as precise as it was stored."""
    file = results_file(TRIALS, [THROUGHPUT, LATENCY], command="wke measure scale.toml", points=[at(2), at(16), at(2, "old")])
    assert (file.commands, file.constants, file.units) == (
        ("wke measure scale.toml",),
        {"memory": "1G"},
        {"throughput": "1/s", "p99": "ms", "extra": ""},
    )
    assert file.text == (
        "uid,clients,engine,throughput,p99,extra\n"
        "a-0,16,new,900.0,12.0,\n"
        "b-0,2,new,100.0,5.0,\n"
        "a-1,16,new,1000.0,14.0,\n"
        "b-1,2,new,110.0,5.5,\n"
        "a-2,16,new,950.0,13.0,\n"
        "d-0,2,old,7.0,,3.0\n"
    )


NASTY = ['a,"b"\nc # d', "#1", " a ", "-", "=1+1", '"', "true"]


@pytest.mark.parametrize("commented", [False, True], ids=["plain", "as wke 0.1"])
def test_hostile_values_stay_in_their_fields(tmp_path: Path, *, commented: bool) -> None:
    """Commas, quotes, newlines and # come back as they were, also to readers that take a bare # for a comment."""
    trials = [trial(f"a-{n}", point={"x": text, "k": 'two "words"\n'}, ops=1.0) for n, text in enumerate(NASTY)]
    rows_of = (lambda one: [(one.point, one.observations)]) if commented else None
    results_file(trials, command="wke bench 'a\nb'", rows_of=rows_of).write(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_bytes().decode()
    assert text.startswith("# command: wke bench 'a\\nb'\n# constants: k='two " if commented else "uid,x,ops\n")
    header, *rows = csv.reader(io.StringIO(text[text.index("uid") :], newline=""))
    assert [dict(zip(header, row, strict=True))["x"] for row in rows] == NASTY
    assert "#" not in re.sub(r'"(?:[^"]|"")*"', "", text[text.index("uid") :])
    read = read_results_file(tmp_path / "a.csv")
    assert ([row["x"] for row in read.rows], read.constants) == ([text.strip() for text in NASTY], {"k": 'two "words"\n'})


def test_a_csv_file_is_a_csv_file(tmp_path: Path) -> None:
    """Pandas reads it without being told anything; what the rows have in common is beside it, values with their types."""
    pandas = pytest.importorskip("pandas")
    points = [{"note": text, "n": 1, "fast": True, "uid": "mine"} for text in ("# one", "two")]
    trials = [trial(f"t-{n}", point=point, throughput=2.5) for n, point in enumerate(points)]
    results_file(trials, command="wke measure x.toml").write(tmp_path / "x.csv")
    frame = pandas.read_csv(tmp_path / "x.csv")
    assert list(frame.columns) == ["uid", "note", "throughput"]
    assert frame["note"].tolist() == ["# one", "two"]
    assert json.loads((tmp_path / "x.csv.json").read_text()) == {
        "commands": ["wke measure x.toml"],
        "constants": {"n": 1, "fast": True, "uid": "mine"},
        "units": {"throughput": "1/s"},
    }
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", "x.csv.json"}


def test_columns_of_one_name_are_told_apart() -> None:
    """A parameter called uid, a metric called as a parameter."""
    trials = [trial(f"t-{n}", point={"uid": n, "ops": n}, ops=5.0) for n in range(2)]
    assert results_file(trials).text == "uid,parameter.uid,ops,metric.ops\nt-0,0,0,5.0\nt-1,1,1,5.0\n"


def test_no_trial_yet_gives_a_header() -> None:
    """The file of a series that has just begun is readable."""
    file = results_file([], [LATENCY], points=[at(1), at(2)])
    assert (file.text, file.constants) == ("uid,clients,p99\n", {"memory": "1G", "engine": "new"})

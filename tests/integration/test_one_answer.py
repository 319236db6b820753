"""What a series says is one answer, whoever is asked: measure, results, status, plot, reanalyse, rehearse, benchmark_main and --ci."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from projects import Done, Project

from wke.benchmark import benchmark_main
from wke.testing import Asked, Said, rehearse

LOAD = """#!/bin/sh
echo >> FOLDER/ledger/$1.$2
below=$(( $1 - 3 ))
[ "$below" -ge 0 ] || below=$(( - below ))
[ "$2" = old ] && factor=100 || factor=101
echo "wke: ops=$(( (1000 - 7 * below) * factor + $(wc -l < FOLDER/ledger/$1.$2) )) 1/s"
"""
HEAD = """
[experiment]
seed = 7
{rules}
[parameters]
engine = ["old", "new"]
size = {sizes}
"""
STEPS = """
[[steps]]
target = "load"
on = "m0"
measure = true
options = { size = "{size}", engine = "{engine}" }
"""
TAIL = """
[metrics]
ops = { unit = "1/s", better = "higher" }
[[plots]]
type = "script"
path = "plot.sh"
args = ["@PLOT_NAME", "@VALUE:0:ops", "@VALUE:-1:ops"]
"""
PLOT = '#!/bin/sh\necho "$2 $3" > "$1"\n'
SERIES = {
    "rounds": ("iterations = 3", "[1, 2]"),
    "climb": ("iterations = 2", "{ start = 1, end = 20, hill-climb = true }"),
    "threshold": ('iterations = 5\nbaseline = { engine = "old" }\nthreshold = "3%"', "[1, 2]"),
    "decided": ('iterations = { until = "decided", max = 10 }\nbaseline = { engine = "old" }\nthreshold = "3%"', "[1, 2]"),
    "precise": ('iterations = { min = 3, max = 30, precision = "5%" }', "[1, 2]"),
    "budget": ('iterations = { min = 2, max = 4 }\nbudget = "1h"', "[1, 2]"),
}

OF_SCRIPTS = ("rounds", "climb")  # what an experiment of a benchmark script can be


def value(n: int, engine: str, turn: int) -> int:
    """Return what the script prints when it runs for the `turn`-th time at a point, from 1."""
    return (1000 - 7 * abs(n - 3)) * (100 if engine == "old" else 101) + turn


def tables(printed: str) -> list[list[list[str]]]:
    """Return the tables on stdout as cells, without a line that comes before them."""
    blocks = [[re.split(r" {2,}", line.strip()) for line in block.splitlines()] for block in printed.strip().split("\n\n")]
    return [[row for row in block if len(row) > 1] for block in blocks]


def written(project: Project, kind: str) -> Project:
    rules, sizes = SERIES[kind]
    project.targets({"load": '["size", "engine"]'}, load=LOAD.replace("FOLDER", str(project.folder)))
    project.write("plot.sh", PLOT).chmod(0o755)
    head = HEAD.format(rules=f'{rules}\nconfiguration = "kv"', sizes=sizes)
    project.write("experiments/series.toml", head + STEPS + TAIL)
    return project


def rehearsed(file: Path) -> list[list[list[str]]]:
    """Return the tables of a rehearsal in which the target prints the same values."""
    turns: Counter[tuple[int, str]] = Counter()

    def load(asked: Asked) -> Said:
        point = int(asked.option("size")), asked.option("engine")
        turns[point] += 1
        return Said(f"wke: ops={value(*point, turns[point])} 1/s")

    table = rehearse(file, {"load": load}).table
    return [[list(table.header), *map(list, table.cells)]]


def benchmarked(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[list[list[str]]]:
    """Return the tables that a benchmark script prints whose function gives the same values."""
    rules, sizes = SERIES[kind]
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("series.toml").write_text(HEAD.format(rules=rules, sizes=sizes) + TAIL.partition("[[plots]]")[0])
    turns: Counter[tuple[int, str]] = Counter()

    def function(params: Mapping, collect_statistics: object, result_printer: object, verbose: bool = False) -> bool:  # noqa: FBT001, FBT002 - as scripts write it
        point = params["size"], params["engine"]
        turns[point] += 1
        result_printer.print("uid", params, {"ops": value(*point, turns[point])})
        return True

    monkeypatch.setattr("sys.argv", ["script.py", "toml", "series.toml"])
    capsys.readouterr()
    assert benchmark_main({"engine": "old", "size": 1}, function, cooldown_time=0) == 0
    return tables(capsys.readouterr().out)


@pytest.mark.parametrize("kind", SERIES)
def test_the_same_question_has_one_answer(
    kind: str, emulated: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, summaries, comparisons, findings and what is due are the same in every command about the same store."""
    project = written(emulated, kind)
    measured = project.measure()
    assert measured.status == 0, measured.err
    answer = tables(measured.out)

    again, results = project.measure(), project.wke("results", "series")
    assert tables(again.out) == tables(results.out) == answer
    found = json.loads(project.wke("results", "series", "--json").out)["series"]
    check_findings(found["findings"], measured, again, results)
    check_rows(found, answer[0])

    status = json.loads(project.wke("status", "series", "--json").out)["series"]["series"]
    chosen = 2 * 6 if kind == "climb" else 0  # the trials by which values were chosen that were measured again
    assert status["counts"]["ok"] == sum(row["n"] for row in found["rows"]) + chosen
    assert found["due"] == []
    if kind != "climb":
        assert status["counts"]["to-run"] == (0 if kind != "budget" else status["counts"]["planned"] - status["counts"]["ok"])

    project.wke("plot", "experiments/series.toml")
    drawn = (project.folder / "plots/series.pdf").read_text().split()
    ops = [trial["observations"]["ops"] for trial in found["trials"]]
    assert list(map(float, drawn)) == [ops[0], ops[-1]]

    with monkeypatch.context() as inside:
        inside.chdir(project.folder)
        assert rehearsed(Path("experiments/series.toml")) == answer[:1]
    if kind in OF_SCRIPTS:
        assert benchmarked(tmp_path / "script", kind, monkeypatch, capsys) == answer

    project.edit("experiments/series.toml", "[metrics]", '[[checks]]\nthat = "ops > 0"\n[metrics]')
    reanalysed = project.wke("reanalyse", "experiments/series.toml", "--no-figures")
    assert tables(reanalysed.out) == answer, reanalysed.err


def check_findings(findings: list[str], *faces: Done) -> None:
    """Check that every command prints what the JSON has, in the same words."""
    for done in faces:
        for text in findings:
            assert text in done.err


def check_rows(found: Mapping, table: list[list[str]]) -> None:
    """Check that the JSON has the table's rows."""
    header, *cells = table
    n = header.index("n")
    assert [str(row["n"]) for row in found["rows"]] == [row[n] for row in cells]
    assert [[str(row["point"][name]) for name in found["parameters"]] for row in found["rows"]] == [row[:n] for row in cells]


def test_a_climb_has_the_rows_that_it_visited(emulated: Project) -> None:
    """Of 40 points a few were tried, and no command shows the others."""
    project = written(emulated, "climb")
    project.measure()
    rows = json.loads(project.wke("results", "series", "--json").out)["series"]["rows"]
    tried = {(trial.point["engine"], trial.point["size"]) for trial in project.trials()}
    assert {(row["point"]["engine"], row["point"]["size"]) for row in rows} == tried
    assert len(rows) == len(tried) < 20


def test_a_report_for_a_job_has_the_comparisons_of_the_results(emulated: Project) -> None:
    """The same factors and intervals as in the table, and the threshold of the file."""
    project = written(emulated, "threshold")
    done = project.measure("--ci")
    assert (done.status, "No regression is confirmed (2 comparisons: 2 same)" in done.out) == (0, True), done.out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.out.splitlines() if "ops" in line]
    _, comparisons = tables(project.wke("results", "series").out)
    header, *cells = comparisons
    factor = header.index("x baseline")
    assert [row[-2] for row in rows] == [row[factor].replace("[", "\\[") if "\\[" in rows[0][-2] else row[factor] for row in cells]
    assert [row[-1] for row in cells] == ["same within 3 %", "same within 3 %"]


def test_a_rehearsal_honours_the_threshold(emulated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference of 1 % is none where 3 % do not matter."""
    project = written(emulated, "threshold")
    monkeypatch.chdir(project.folder)
    turns: Counter[str] = Counter()

    def load(asked: Asked) -> Said:
        turns[asked.option("engine") + asked.option("size")] += 1
        return Said(
            f"wke: ops={value(int(asked.option('size')), asked.option('engine'), turns[asked.option('engine') + asked.option('size')])} 1/s"
        )

    said: Callable[[], tuple] = rehearse(Path("experiments/series.toml"), {"load": load}).summary.table.comparisons
    assert [(one.verdict, one.threshold) for one in said] == [("same", 0.03)] * 2

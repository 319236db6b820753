"""`wke reanalyse`: what stored trials wrote, read by other metrics and checks; nothing runs for it."""

import json
import sqlite3

import pytest
from projects import Project

pytestmark = pytest.mark.netns

WORK = """#!/bin/sh
echo x >> FOLDER/ledger/ran
mkdir -p "$WKE_DIR/out"; echo "$1" > "$WKE_DIR/out/size.txt"
echo "ops/s: $(( $1 * 100 ))"
echo "done in $1.5 ms"
[ "$1" = 3 ] && echo "errors: 2" || echo "errors: 0"
"""
SERIES = """
[experiment]
configuration = "kv"
seed = 1
order = "sequential"
warmups = 1
[parameters]
size = [1, 2, 3]
[[steps]]
target = "work"
on = "all"
measure = true
options = { size = "{size}" }
collect = "out/size.txt"
[metrics]
ops = { log = "ops/s: ([0-9]+)", join = "sum", unit = "1/s" }
"""
METRICS = """
[metrics]
ops = { log = "ops/s: ([0-9]+)", join = "mean", unit = "k/s" }
latency = { log = "done in ([0-9.]+) ms", join = "max", unit = "ms" }
errors = { log = "errors: ([0-9]+)", join = "sum" }
each = { value = "latency / size" }
[[checks]]
that = "errors == 0"
"""


def measured(emulated: Project, series: str = SERIES, status: int = 0) -> Project:
    emulated.targets({"work": '["size"]'}, work=WORK.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", series)
    done = emulated.measure()
    assert done.status == status, done.err
    return emulated


def runs(project: Project) -> int:
    """Return how many tasks ran so far."""
    return len((project.folder / "ledger/ran").read_text().split())


def reanalyse(project: Project, *arguments: str) -> str:
    done = project.wke("reanalyse", "experiments/series.toml", *arguments, *(() if "--json" in arguments else ("--no-figures",)))
    assert done.status == 0, done.err
    return done.out


def report(project: Project) -> bytes:
    """Return the bytes of the report page."""
    done = project.wke("report", "experiments/series.toml", "--output", "page.html")
    assert done.status == 0, done.err
    return (project.folder / "page.html").read_bytes()


def originals(project: Project) -> tuple[object, ...]:
    """Return all that the store has of what ran, and every byte of the trials' folders."""
    with sqlite3.connect(project.folder / "results/wke.sqlite") as store:
        rows = store.execute(
            "SELECT a.*, o.* FROM attempts a LEFT JOIN observations o ON o.attempt = a.id WHERE a.id NOT IN (SELECT attempt FROM derived) ORDER BY 1, o.metric"
        ).fetchall()
    files = sorted((str(path), path.read_bytes()) for path in (project.folder / "results/trials").rglob("*") if path.is_file())
    return rows, files


def test_new_metrics_of_old_trials(emulated: Project) -> None:
    """Patterns, joins, units, computed metrics and checks apply to what ran before; plan and measure point there; originals stay."""
    project = measured(emulated)
    ran, before = runs(project), originals(project)
    project.write("experiments/series.toml", SERIES.split("[metrics]", maxsplit=1)[0] + METRICS)
    hint = "6 trials ran already with other metrics or checks: wke reanalyse experiments/series.toml computes their results\n"
    assert project.wke("plan", "experiments/series.toml").err == hint
    assert hint in project.wke("measure", "experiments/series.toml", "--dry-run").err

    expected = "6 trials would be reanalysed, 2 of them invalid\n"
    assert reanalyse(project, "--dry-run").startswith(expected)
    assert len(project.due()) == 6
    assert reanalyse(project).startswith(expected.replace("would be ", ""))
    trials = [trial for trial in project.trials() if not trial.warmup]
    assert [(trial.outcome, trial.why) for trial in trials] == [
        ("ok", ""),
        ("ok", ""),
        ("invalid", "check errors == 0 does not hold: errors is 4"),
    ]
    assert [trial.observations for trial in trials[:2]] == [
        {"ops": 100.0, "latency": 1.5, "errors": 0.0, "each": 1.5},
        {"ops": 200.0, "latency": 2.5, "errors": 0.0, "each": 1.25},
    ]
    assert (runs(project), originals(project)) == (ran, before)

    shown = project.wke("results", "series", "--json").json["series"]["trials"]
    derived = shown[1]["derived"]
    assert (derived["how"], derived["attempt"], derived["wke"] != "", " on " in derived["who"]) == ("reanalysed", 1, True, True)
    assert derived["trial"] != shown[1]["id"]
    assert f"trials/{derived['trial']}/1" in shown[1]["folder"]
    assert "ops/s: 100" in project.wke("logs", shown[1]["id"]).out
    assert f"; reanalysed from {derived['trial']}" in project.wke("results", "series", "--trials").out
    assert [point["size"] for point in project.due()] == [3, 3]  # invalid once: it may run again, as it would have then

    again = "nothing to reanalyse: no stored trial differs from a missing one in metrics or checks only\n"
    assert reanalyse(project) == again
    assert project.wke("plan", "experiments/series.toml").err == ""


def test_back_and_forth_the_first_run_counts(emulated: Project) -> None:
    """Metrics that change twice are read from what ran, not from what was read; the old file's results still count as they were."""
    project = measured(emulated)
    first = [trial.id for trial in project.trials()]
    page = report(project)
    assert reanalyse(project).startswith("nothing to reanalyse: ")
    assert report(project) == page
    for unit in ("k/s", "M/s"):
        project.write("experiments/series.toml", SERIES.replace('"1/s"', f'"{unit}"'))
        reanalyse(project)
    assert report(project) != page
    assert {trial.derivation.trial for trial in project.trials()} == set(first)
    project.write("experiments/series.toml", SERIES)
    assert project.due() == []
    assert reanalyse(project, "--json") == json.dumps({"stored": True, "trials": [], "judged": []}, indent=2) + "\n"


def test_a_wrong_pattern_costs_no_second_run(emulated: Project) -> None:
    """Trials that failed because a metric was not found, five in a row, count once it is; what is not in the output is left alone."""
    project = measured(emulated, SERIES.replace("ops/s", "op/s"), status=1)
    assert set(project.outcomes()) == {"failed"}
    project.edit("experiments/series.toml", "op/s", "latency")
    assert "0 trials reanalysed; 5 cannot be" in reanalyse(project)
    (trial, *_) = json.loads(reanalyse(project, "--json"))["trials"]
    assert [(one["attempt"], one["why"]) for one in trial["not-read"]] == [
        (1, 'ops: work on m0, m1 wrote no line that matched "latency: ([0-9]+)"')
    ]
    project.edit("experiments/series.toml", "latency", "ops/s")
    assert reanalyse(project).startswith("5 trials reanalysed\n")
    assert project.outcomes() == ["ok"] * 5
    assert len(project.due()) == 1


def test_what_ran_otherwise_is_not_read(emulated: Project) -> None:
    """A changed script, a task that failed or files that were not left are no other reading of the same run."""
    project = measured(emulated, SERIES.replace("size.txt", "other.txt"), status=1)
    project.edit("experiments/series.toml", "[metrics]", "[metrics]\nerrors = { log = 'errors: ([0-9]+)', join = 'sum' }")
    assert "work on m0 left no out/other.txt in $WKE_DIR" in reanalyse(project)
    project.edit("kv/targets/work", "ops/s", "ops")
    assert reanalyse(project).startswith("nothing to reanalyse")
    project.edit("kv/targets/work", "echo x", "exit 3; echo x")
    project.edit("experiments/series.toml", "collect = ", "# ")
    assert project.measure().status == 1
    project.edit("experiments/series.toml", "ops = ", "rate = ")
    assert reanalyse(project).startswith("nothing to reanalyse")


def test_before_anything_was_measured(emulated: Project) -> None:
    """Without results it is an error that makes nothing."""
    emulated.targets({"work": '["size"]'}, work=WORK)
    emulated.write("experiments/series.toml", SERIES)
    done = emulated.wke("reanalyse", "experiments/series.toml")
    assert (done.status, "there are no results" in done.err) == (1, True)
    assert not (emulated.folder / "results").exists()

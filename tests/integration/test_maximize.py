"""`wke measure` with a plot that maximises: the best value at each setting and its neighbours run again, and the results are these."""

import csv
import json

from projects import Project

LOAD = """#!/bin/sh
echo "wke: ops=$(( 100 * $1 - 25 * ($1 - 2) * ($1 - 2) )) 1/s"
"""
EXPERIMENT = """
[experiment]
configuration = "kv"
iterations = 2
seed = 1
[parameters]
threads = [1, 2, 3, 4, 5]
engine = ["old", "new"]
[[steps]]
target = "load"
on = "m0"
measure = true
options = { threads = "{threads}", engine = "{engine}" }
[metrics]
ops = { unit = "1/s" }
[[plots]]
x-axis = "engine"
y-axis = "ops"
type = "bar"
maximize-by = "threads"
"""
AGAIN = [3, 4, 5]


def test_the_best_values_are_measured_again(emulated: Project) -> None:
    """The plan says how many trials that may take; stopped on the way it goes on; table, CSV file and figure show the fresh results."""
    emulated.targets({"load": '["threads", "engine"]'}, load=LOAD)
    emulated.write("experiments/series.toml", EXPERIMENT)
    plan = emulated.wke("plan", "experiments/series.toml").out
    assert "= at most 50 trials" in plan
    assert "then the best threads and its neighbours are measured again, in fresh rounds: at most 30 trials" in plan
    assert "to run: 20, then at most 30 in fresh rounds" in plan

    first = emulated.measure("--limit", "23")
    assert "series: 20 trials to run; 0 of 20 are stored already and reused; seed 1, then at most 30 in fresh rounds\n" in first.err
    assert "to run: 27 in fresh rounds" in emulated.wke("plan", "experiments/series.toml").out

    told = 'echo "$WKE_EVENT $WKE_STATUS $WKE_RAN $WKE_MESSAGE" >> told; exit 3'
    rest = emulated.measure("--notify", told)
    assert rest.status == 0
    assert (emulated.folder / "told").read_text() == "ended 0 27 series: 50 trials at 10 points, all ok\n"
    assert f"nobody was notified: {told}: status 3\n" in rest.err
    assert rest.err.splitlines()[-2] == "series: 50 trials at 10 points, all ok"
    begun = [(trial.point["engine"], trial.point["threads"]) for trial in emulated.trials()]
    assert {pair: begun.count(pair) for pair in begun} == {(e, n): 7 if n in AGAIN else 2 for e in ("old", "new") for n in range(1, 6)}
    said = 'best threads at engine="old": 4 with a mean ops of 300 in 5 fresh rounds (300 when it was chosen)'
    assert said in rest.err
    shown = json.loads(emulated.wke("results", "series", "--json").out)["series"]
    assert {row["point"]["threads"]: row["n"] for row in shown["rows"]} == {n: 5 if n in AGAIN else 2 for n in range(1, 6)}
    assert said in shown["findings"]
    rows = list(csv.DictReader(line for line in (emulated.folder / "results/series.csv").read_text().splitlines() if line[:1] != "#"))
    assert [row["uid"].partition("-f")[1] for row in rows if int(row["threads"]) in AGAIN] == ["-f"] * 5 * 3 * 2
    assert len(rows) == 2 * (5 * 3 + 2 * 2)
    assert emulated.wke("plot", "experiments/series.toml").status == 0
    svg = (emulated.folder / "plots/series.svg").read_text()
    assert "measured again in" in " ".join(svg.split())

    again = emulated.measure("--notify", "touch again")
    assert not (emulated.folder / "again").exists()
    assert "nothing to run: all 20 trials are stored and nothing they depend on has changed, and 30 trials of fresh rounds" in again.err

    emulated.edit("kv/targets/load", "100 *", "101 *")
    assert "; since then: script changed at 10 of 10 points" in emulated.wke("results", "series").err

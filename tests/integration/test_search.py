"""`wke measure` with a search: interrupted and continued, planned, explained, read again, on machines and with scripts that are real."""

import json

from projects import Project

QUEUE = """#!/bin/bash
awk -v rate="$1" 'BEGIN {
    load = rate / 20000
    noise = exp(0.01 * sin(9000 * load))
    p99 = load < 1 ? 2.3 / (1 - load) * noise : 5000
    printf "wke: p99=%.4f ms\\nwke: requests=45000\\nslow %.4fms\\n", p99, 2 * p99
}'
"""
SEARCH = """
[experiment]
configuration = "kv"
[parameters]
rate = { find = "max", while = "p99 < 10ms", from = 100, to = "1M", start = "10k", completions = "requests" }
[[steps]]
target = "load"
on = "m0"
measure = true
options = { rate = "{rate}" }
[metrics]
p99 = { unit = "ms" }
requests = {}
[[plots]]
x-axis = "rate"
y-axis = "p99"
"""


def test_a_search_from_its_first_trial_to_its_answer(emulated: Project) -> None:
    """Stopped on the way it goes on where it stood; `plan` knows the trials so far and how many there can be; the answer has an interval.

    Another limit uses the trials again that it would run, too; another metric is read from their output, one after the other.
    """
    emulated.targets({"load": '["rate"]'}, load=QUEUE)
    emulated.write("experiments/series.toml", SEARCH)
    before = emulated.wke("plan", "experiments/series.toml")
    assert "series: 1 search of rate = at most 12 trials\n" in before.out
    assert "  begins at 10,000 requests/s; each trial's rate follows from the results before it\n" in before.out

    first = emulated.measure("--limit", "4")
    assert first.status == 0
    assert "series: searches rate: 1 trial to run, at most 12 in all, as results ask for them; 0 are stored\n" in first.err
    assert "search of rate: 4 of at most 12 trials; holds at 14,200, fails at 16,000; next" in first.err
    plan = emulated.wke("plan", "experiments/series.toml", "--json").json
    assert [trial["stored"] for trial in plan["trials"]] == [True] * 4 + [False]

    rest = emulated.measure()
    assert (rest.status, len(emulated.trials())) == (0, 12)
    said = next(line for line in rest.err.splitlines() if line.startswith("search of rate: holds up to 15,"))
    assert "; 12 trials); promise 15," in said
    answer = json.loads(emulated.wke("results", "series", "--json").out)["series"]["answers"][0]
    assert answer["low"] < answer["estimate"] < answer["high"]
    assert abs(answer["estimate"] / 15_400 - 1) < 0.02
    assert [one["value"] for one in answer["trials"]] == [trial.point["rate"] for trial in emulated.trials()]
    assert "holds up to (requests/s)" in rest.out
    assert (emulated.folder / "results/series.answers.csv").read_text().startswith("estimate,low,high,confidence,refused,held,failed\n15")

    again = emulated.measure()
    assert (again.status, again.out) == (0, rest.out)
    assert "series: nothing to run: every search of rate is over, 12 trials are stored\n" in again.err
    why = emulated.wke("why", "series")
    assert "12" in why.out
    assert "stored" in why.out

    emulated.edit("experiments/series.toml", "p99 < 10ms", "p99 < 5ms")
    plan = emulated.wke("plan", "experiments/series.toml", "--json").json
    assert [trial["stored"] for trial in plan["trials"]] == [True] * 3 + [False]

    emulated.edit("experiments/series.toml", "p99 < 5ms", "p99 < 20ms")
    emulated.edit("experiments/series.toml", 'p99 = { unit = "ms" }', 'p99 = { unit = "ms", log = "slow {value}{unit}" }')
    read = emulated.wke("reanalyse", "experiments/series.toml", "--no-figures")
    assert read.out.startswith("12 trials reanalysed\n")
    assert "search of rate: holds up to 15," in emulated.measure().err

"""`wke measure` along a hill: only the values that lead to the top run, each with its repetitions, and never again."""

import json
import re

from projects import Project

HILL = """#!/bin/sh
below=$(( $1 - 11 ))
[ "$below" -ge 0 ] || below=$(( - below ))
[ "$1" != "$2" ] || exit 3
echo "wke: ops=$(( 1000 - 7 * below )) 1/s"
"""
CLIMB = """
[experiment]
configuration = "kv"
iterations = 2
[parameters]
broken = [0, 16]
n = { start = 1, end = 64, hill-climb = true }
[[steps]]
target = "load"
on = "m0"
measure = true
options = { n = "{n}", broken = "{broken}" }
[metrics]
ops = { unit = "1/s" }
[[plots]]
x-axis = "n"
y-axis = "ops"
sort-by = "broken"
"""
AGAIN = [10, 11, 12]
TRIED = [1, 2, 4, 8, 10, 11, 12, 13, 14, 16]


def test_a_climb_runs_what_leads_to_the_top(emulated: Project) -> None:
    """Stopped on the way it goes on; two settings climb side by side; a value that fails is worse than all; done is done.

    The best value and its neighbours are measured again, and only that is shown of them.
    """
    emulated.targets({"load": '["n", "broken"]'}, load=HILL)
    emulated.write("experiments/series.toml", CLIMB)

    first = emulated.measure("--limit", "3")
    assert first.status == 0
    assert "series: climbs along n: 3 trials to run, then those that their results ask for; 0 are stored\n" in first.err
    assert len(emulated.trials()) == 3

    rest = emulated.measure()
    assert rest.status == 1
    begun = [(trial.point["broken"], trial.point["n"]) for trial in emulated.trials()]
    assert {pair: begun.count(pair) for pair in begun} == {(broken, n): 7 if n in AGAIN else 2 for broken in (0, 16) for n in TRIED}
    rows = json.loads(emulated.wke("results", "series", "--json").out)["series"]["rows"]
    assert {row["n"] for row in rows if row["point"]["n"] in AGAIN} == {5}
    assert len(rest.out.splitlines()) == 1 + 2 * len(TRIED)
    counts = [tuple(map(int, pair)) for pair in re.findall(r"\[ *(\d+)/(\d+)\]", rest.err)]
    assert [position for position, _ in counts] == list(range(1, len(begun) - 3 + 1))
    assert all(position <= total for position, total in counts)

    again = emulated.measure()
    assert (again.status, again.out) == (0, rest.out)
    assert "series: nothing to run: every climb along n is over, 68 trials are stored\n" in again.err
    over = "best 11 with a mean ops of 1,000 in 5 fresh rounds (1,000 when it was chosen); over: neither neighbour of the best value is better\n"
    for done in (rest, again):
        assert f"climb along n at broken=0: tried {', '.join(map(str, TRIED))}; {over}" in done.err
        assert f"climb along n at broken=16: tried {', '.join(map(str, TRIED[:-1]))}; {over}" in done.err

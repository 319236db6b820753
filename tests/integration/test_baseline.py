"""`wke results` of a series with a baseline: every point beside it, round by round."""

from projects import Project

DRIFTING = """#!/bin/sh
echo >> FOLDER/ledger/ran
echo "wke: ops=$(( ($(wc -l < FOLDER/ledger/ran) + 1000) * $1 )) 1/s"
"""
COMPARED = """
[experiment]
configuration = "kv"
iterations = 5
baseline = { speed = 2 }
[parameters]
speed = [1, 2, 4]
[[steps]]
target = "load"
on = "m0"
measure = true
options = { speed = "{speed}" }
[metrics]
ops = { unit = "1/s", better = "higher" }
"""


def test_every_point_is_compared_with_the_baseline(emulated: Project) -> None:
    """In the plan, after the series, in the results and their JSON."""
    emulated.targets({"load": '["speed"]'}, load=DRIFTING.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", COMPARED)
    assert "  every point is compared with speed=2\n" in emulated.wke("plan", "experiments/series.toml").out
    nothing = emulated.measure("--limit", "1")
    assert "nothing to compare with speed=2 yet: no round has both values" in nothing.err
    first = emulated.measure("--limit", "2")
    assert "incomplete: 1 of 5 rounds" in first.out
    done = emulated.measure()
    assert "baseline: speed=2\nx baseline: geometric mean of the ratios within rounds, with its 95 % interval\n" in done.err
    assert "verdicts at 5 %, corrected for 2 comparisons (Holm): paired t-test of the logarithms\n" in done.err
    rows = [line.split(maxsplit=4) for line in done.out.split("\n\n")[1].splitlines()]
    assert rows[0] == ["speed", "metric", "rounds", "x", "baseline  verdict"]
    assert [(row[:3], row[4].split()[-2:]) for row in rows[1:]] == [
        (["1", "ops", "5"], ["lower:", "worse"]),
        (["4", "ops", "5"], ["higher:", "better"]),
    ]
    assert emulated.wke("results", "series").out == done.out
    found = emulated.wke("results", "series", "--json").json
    assert isinstance(found, dict)
    assert found["series"]["baseline"] == {"speed": 2}
    slower, faster = found["series"]["comparisons"]
    assert (slower["verdict"], faster["verdict"]) == ("worse", "better")
    assert (round(slower["factor"], 1), round(faster["factor"], 1)) == (0.5, 2.0)

"""`wke measure` until it is precise: whole rounds, looked at seldom, the same trials in one go or in pieces."""

from projects import Project

COUNTED = """#!/bin/sh
echo "$1" >> FOLDER/ledger/ran
[ "$1" = noisy ] && [ -e FOLDER/ledger/calm ] || [ "$1" = steady ] || noise=$(( $(grep -c noisy FOLDER/ledger/ran) % 2 ))
echo "wke: ops=$(( 1000 + 500 * ${noise:-0} )) 1/s"
"""
PRECISE = """
[experiment]
configuration = "kv"
iterations = { min = 2, max = 8, precision = "5%" }
[parameters]
kind = ["steady", "noisy"]
[[steps]]
target = "load"
on = "m0"
measure = true
options = { kind = "{kind}" }
[metrics]
ops = { unit = "1/s" }
"""


def ran(project: Project) -> dict[str, int]:
    """Count the trials by their kind."""
    kinds = (project.folder / "ledger/ran").read_text().split()
    return {kind: kinds.count(kind) for kind in ("steady", "noisy")}


def test_a_series_ends_when_it_is_precise(emulated: Project) -> None:
    """Stopped on the way it goes on; it ends at the second look and stays ended; plan, table and JSON say how precise each point is."""
    emulated.targets({"load": '["kind"]'}, load=COUNTED.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", PRECISE)
    emulated.write("ledger/calm", "")
    before = emulated.wke("plan", "experiments/series.toml").out
    assert "series: 2 points x (2 to 8 iterations) = at most 16 trials\n" in before
    assert "  until every interval of ops is within ±5 % at two looks in a row, 5 rounds apart\n" in before
    assert "  stored already: 0; to run: 4 before the next look, at most 16 in all\n" in before

    first = emulated.measure("--limit", "3")
    assert "series: 3 trials to run, then more until every interval of ops is within ±5 %; 0 of at most 16 are stored already" in first.err
    assert sum(ran(emulated).values()) == 3
    assert "precision: not decided yet; trials of the first 2 rounds without a result: 1\n" in first.err
    rest = emulated.measure()
    assert (rest.status, ran(emulated)) == (0, {"steady": 7, "noisy": 7})
    assert "precision: after 7 rounds every interval of ops is within ±5 %\n" in rest.err
    assert [line.split(maxsplit=3)[3] for line in rest.out.splitlines()[1:]] == ["reached: ops ±0 %"] * 2

    again = emulated.measure()
    assert (again.out, ran(emulated)) == (rest.out, {"steady": 7, "noisy": 7})
    assert "series: nothing to run: 14 of at most 16 trials are stored\n" in again.err
    after = emulated.wke("plan", "experiments/series.toml").out
    assert "  stored already: 14; to run: 0\n" in after
    assert '  kind="noisy": 7 trials, ops ±0 %\n' in after


def test_a_series_that_does_not_become_precise_says_so(emulated: Project) -> None:
    """At the most rounds it ends; the point that is too wide is named, there and in the results."""
    emulated.targets({"load": '["kind"]'}, load=COUNTED.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", PRECISE.replace("max = 8", "max = 4"))
    done = emulated.measure()
    assert ran(emulated) == {"steady": 4, "noisy": 4}
    assert 'precision: ±5 % is not reached at 1 of 2 points after 4 rounds: kind="noisy": ops ±' in done.err
    results = emulated.wke("results", "series", "--json").json
    assert isinstance(results, dict)
    assert [row["precision"]["reached"] for row in results["series"]["rows"]] == [True, False]
    plan = emulated.wke("plan", "experiments/series.toml", "--json").json
    assert isinstance(plan, dict)
    assert [(point["n"], point["precision"]["reached"]) for point in plan["points"]] == [(4, True), (4, False)]


def test_without_a_baseline_nothing_can_be_decided(emulated: Project) -> None:
    """A series that ends when comparisons are decided is refused where there are none, before anything runs."""
    emulated.targets({"load": '["kind"]'}, load=COUNTED.replace("FOLDER", str(emulated.folder)))
    decided = PRECISE.replace('{ min = 2, max = 8, precision = "5%" }', '{ until = "decided", max = 10 }').replace(
        'ops = { unit = "1/s" }', 'ops = { unit = "1/s", better = "higher" }'
    )
    emulated.write("experiments/series.toml", decided)
    refused = emulated.wke("plan", "experiments/series.toml")
    assert refused.status == 2
    assert "experiments/series.toml:3:16: experiment.iterations.until: there is no baseline, so nothing can be decided" in refused.err

"""`wke measure` with conditions: points left out, trials that do not count, metrics computed of others."""

from projects import Project

CHECKED = """#!/bin/sh
: "$FAIL_AT"
echo "$1" >> FOLDER/ledger/ran
times=$(grep -cx "$1" FOLDER/ledger/ran)
echo "wke: ops=$(( 100 * $1 )) 1/s"
echo "wke: errors=$(( $1 == 3 || ($1 == 2 && times == 1) ))"
"""
CONDITIONS = """
[experiment]
configuration = "kv"
order = "sequential"
[parameters]
n = { start = 1, end = 6 }
[[exclude]]
when = "n > 3 and not n == 5"
[[steps]]
target = "load"
on = "m0"
measure = true
options = { n = "{n}" }
[metrics]
ops = { unit = "1/s" }
errors = {}
each = { value = "ops / n", unit = "1/s" }
[[checks]]
that = "errors == 0"
"""


def ran(project: Project) -> list[str]:
    """Return the values of n in the order in which they ran."""
    return (project.folder / "ledger/ran").read_text().split()


def test_what_is_left_out_and_what_does_not_count(emulated: Project) -> None:
    """An invalid trial runs again, twice at most and never after that; it is kept, shown with the reason, and in no mean."""
    emulated.targets({"load": '["n"]'}, load=CHECKED.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", CONDITIONS)
    plan = emulated.wke("plan", "experiments/series.toml", FAIL_AT="3")
    assert "series: 4 points x (1 iteration) = 4 trials\n" in plan.out
    assert plan.err == "FAIL_AT is set here and read by target load, but does not reach it: make it an option of the target\n"
    done = emulated.measure()
    assert (done.status, ran(emulated)) == (1, ["1", "2", "3", "5", "2", "3", "3"])
    assert [line.split() for line in done.out.splitlines()] == [
        ["n", "n", "ops", "(1/s)", "errors", "each", "(1/s)", "invalid"],
        ["1", "1", "100.0", "0", "100.0", "0"],
        ["2", "1", "200.0", "0", "100.0", "0"],
        ["3", "0", "–", "–", "–", "1"],
        ["5", "1", "500.0", "0", "100.0", "0"],
    ]
    invalid = emulated.trials()[2]
    assert (invalid.outcome, invalid.attempt, invalid.observations) == ("invalid", 3, {"ops": 300.0, "errors": 1.0, "each": 100.0})
    assert f"{invalid.id} invalid: check errors == 0 does not hold: errors is 1\n" in done.err

    again = emulated.measure()
    assert "nothing to run" in again.err
    assert len(ran(emulated)) == 7
    assert "  stored already: 3; to run: 0; invalid for good: 1\n" in emulated.wke("plan", "experiments/series.toml").out
    emulated.edit("experiments/series.toml", "errors == 0", "errors < 2")
    assert emulated.measure().status == 0
    assert emulated.outcomes() == ["ok"] * 4


def test_a_broken_system_is_an_answer(emulated: Project) -> None:
    """A trial that a check of the system finds fault with counts, runs once, and is shown as broken with the reason everywhere."""
    emulated.targets({"load": '["n"]'}, load=CHECKED.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", CONDITIONS + 'judges = "system"\n')
    done = emulated.measure()
    assert (done.status, ran(emulated)) == (0, ["1", "2", "3", "5"])
    assert [line.split()[-1] for line in done.out.splitlines()] == ["broken", "0", "1", "1", "0"]
    assert ": broken, " in done.err
    assert "    check errors == 0 does not hold: errors is 1\n" in done.err
    assert "4 ok (2 of them broken)" in emulated.wke("status").out
    shown = emulated.wke("show", emulated.trials()[1].id).out
    assert "  outcome   broken: check errors == 0 does not hold: errors is 1\n" in shown
    assert "  output    0  load on m0:\n                 wke: ops=200 1/s\n" in shown
    assert "broken checks" in (emulated.folder / "results/series.csv").read_text()
    assert "nothing to run" in emulated.measure().err

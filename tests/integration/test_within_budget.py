"""`budget` in an experiment's file: what a night buys is measured in the right order, on machines that are played and on emulated ones."""

import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from projects import Project, emulated_cluster
from support import eventually

from wke.testing import Asked, Said, rehearse

EXPERIMENT = """
[experiment]
configuration = "kv"
iterations = { min = 2, max = 200 }
budget = "BUDGET"
seed = 1
[parameters]
n = [1, 2, 3, 4, 5]
[[steps]]
target = "work"
on = "m0"
measure = true
options = { n = "{n}" }
[metrics]
value = {}
"""

WORK = """#!/bin/bash
echo $1 >> {ledger}/ran
sleep 0.1
turn=$(wc -l < {ledger}/ran)
[ "$1" = 2 ] && echo "wke: value=$((100 + 37 * turn % 90))" || echo "wke: value=10$((RANDOM % 2))"
"""


def written(project: Project, budget: str, work: str = "true") -> Project:
    project.targets({"work": '["n"]'}, work=work.format(ledger=project.folder / "ledger"))
    project.write("experiments/series.toml", EXPERIMENT.replace("BUDGET", budget))
    return project


def test_a_night_on_machines_that_are_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten hours all but a trial's length is used: two rounds of 1, 3 and 5, two of 2 and 4, then mostly the noisy one."""
    project = written(Project(tmp_path, emulated_cluster(1)), "10h")
    monkeypatch.chdir(tmp_path)
    ran: list[int] = []

    def work(asked: Asked) -> Said:
        n = int(asked.option("n"))
        ran.append(n)
        return Said(f"wke: value={1000 * math.exp(random.Random(len(ran)).gauss(0, 0.3 if n == 4 else 0.01))}", lasts_s=600 * n)

    rehearsal = rehearse(project.folder / "experiments/series.toml", {"work": work})
    assert (sorted(ran[:6]), sorted(ran[6:10])) == ([1, 1, 3, 3, 5, 5], [2, 2, 4, 4])
    assert Counter(ran[10:]).most_common(1)[0][0] == 4
    assert 36_000 - 610 < rehearsal.elapsed_s <= 36_000 + 60
    assert all(trial.ok for trial in rehearsal.trials)


def test_a_budget_is_kept_to_and_resumed(emulated: Project) -> None:
    """Killed in the middle, the same command uses what is left; what it bought, and what it did not reach, is said; a larger one goes on.

    The budgets follow from how long trials take here: nothing depends on the speed of the computer.
    """
    series = written(emulated, "1h", WORK)
    ran = series.folder / "ledger/ran"
    plan = series.wke("plan", "experiments/series.toml")
    assert (
        "a budget of 1 h 0 min, of which 0.00 s are used; 10 trials of the first 2 rounds to run; how far it goes is known after"
        in plan.out
    )
    process = series.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: process.poll() is not None or (ran.exists() and len(ran.read_text().split()) >= 8), within_s=30)
    process.kill()
    process.communicate()
    total_s = 2.5 * spent_s(series)
    series.edit("experiments/series.toml", 'budget = "1h"', f'budget = "{total_s:.3f}s"')
    done = series.measure()
    assert done.status == 0, done.err
    order = [int(n) for n in ran.read_text().split()]
    assert set(order[:6]) == {1, 3, 5}
    longest_s = max(trial.elapsed_s or 0 for trial in series.trials())
    assert total_s - 2 * longest_s < spent_s(series) < total_s + longest_s
    assert Counter(order).most_common(1)[0][0] == 2
    assert re.search("of [0-9.]+ m?s used; the widest interval is n=", done.err)
    again = series.measure()
    assert (again.status, len(ran.read_text().split())) == (0, len(order))
    assert "enough for about 0 more where intervals are widest" in again.err
    series.edit("experiments/series.toml", f'budget = "{total_s:.3f}s"', f'budget = "{total_s + 3 * longest_s:.3f}s"')
    assert series.measure().status == 0
    assert len(ran.read_text().split()) > len(order)
    assert re.search(r"trials  [0-9]+ ok; at most [0-9]+ to run\n", series.wke("status", "series").out)
    document = series.wke("plan", "experiments/series.toml", "--json").json
    assert (document["budget"]["total-s"], document["budget"]["lacking"]) == (pytest.approx(total_s + 3 * longest_s, abs=0.001), 0)
    assert document["budget"]["spent-s"] > total_s


def spent_s(series: Project) -> float:
    """Return how long the trials took that are stored."""
    return sum(trial.elapsed_s or 0 for trial in series.trials() if trial.ok)

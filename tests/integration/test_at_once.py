"""Three `wke measure` on one store at once: of disjoint series every row is there; of one series two are told who measures it."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from projects import Project, emulated_cluster
from support import eventually, limit

from wke.keep.inspection import inspect_store
from wke.keep.store import Store

TRIALS = 30
SERIES = """
[experiment]
configuration = "kv"
iterations = {trials}
[[steps]]
target = "work"
on = "all"
measure = true
[metrics]
value = {{ join = "sum" }}
"""
WORK = """#!/bin/bash
echo "{{\\"what\\": \\"work\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"at\\": $(date +%s%N)}}" >> {ledger}/ledger
while [ ! -e {ledger}/go ]; do sleep 0.02; done
echo "wke: value=1"
"""


@pytest.fixture
def cluster(new_project: Callable[[str], Project]) -> Iterator[Project]:
    """Yield a project with three machines that stay, m0 to m2, and three series `a`, `b` and `c` that wait for `ledger/go`."""
    project = new_project(emulated_cluster(3))
    project.targets(work=WORK.format(ledger=project.folder / "ledger"))
    for name in "abc":
        project.write(f"experiments/{name}.toml", SERIES.format(trials=TRIALS))
    assert project.wke("cluster", "up").status == 0
    yield project
    project.wke("cluster", "down")


@pytest.mark.netns
def test_three_series_into_one_store(cluster: Project) -> None:
    """On machines of their own they run at the same time; each trial of each has its row, its observation, its folder, and ran once."""
    commands = [
        cluster.start("measure", f"experiments/{name}.toml", "--on", machine, "--no-figures")
        for name, machine in zip("abc", ("m0", "m1", "m2"), strict=True)
    ]
    eventually(
        lambda: len(cluster.ledger()) == 3 or any(c.poll() is not None for c in commands), within_s=40
    )  # all are in their first trial
    cluster.write("ledger/go", "")
    for command in commands:
        _, err = command.communicate(timeout=limit(100))
        assert command.returncode == 0, err
    with Store.open(cluster.folder / "results", readonly=True) as store:
        for name in "abc":
            assert [(t.series, t.attempt, t.outcome, dict(t.observations)) for t in store.attempts.one_per_trial(name)] == [
                (name, 1, "ok", {"value": 1.0})
            ] * TRIALS
    seen = inspect_store(cluster.folder / "results")
    assert (seen.findings, seen.notes, seen.attempts) == ([], [], 3 * TRIALS)
    assert Counter(note["machine"] for note in cluster.ledger()) == {"m0": TRIALS, "m1": TRIALS, "m2": TRIALS}


@pytest.mark.netns
def test_three_times_the_same_series(cluster: Project) -> None:
    """Whoever is first measures it; the two others end at once, know who that is, and leave no row."""
    commands = [cluster.start("measure", "experiments/a.toml", "--on", "m0", "--no-figures") for _ in range(3)]
    eventually(lambda: sum(command.poll() is not None for command in commands) == 2, within_s=40)
    (first,) = (command for command in commands if command.poll() is None)
    eventually(cluster.ledger, within_s=40)
    cluster.write("ledger/go", "")
    for command in commands:
        out, err = command.communicate(timeout=limit(100))
        if command is first:
            assert command.returncode == 0, err
        else:
            assert (command.returncode, out) == (1, "")
            assert f"series a in results is being written by pid {first.pid} of " in err
    with Store.open(cluster.folder / "results", readonly=True) as store:
        assert [(t.attempt, t.outcome) for t in store.attempts.of_series("a")] == [(1, "ok")] * TRIALS
    assert len(cluster.ledger()) == TRIALS

"""The disk that holds results/ is full, really: a small tmpfs in a mount namespace of the test's own."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import Project
from support import LEASE, eventually, limit

CLUSTER = f'[cluster]\nprovider = "local"\nmachines = 2\nlease = "{LEASE}"\n'
FULL = "is full: 0.0 MB are free (or your quota is used up)\n  hint: nothing that was stored is lost; make space"
SERIES = """
[experiment]
configuration = "kv"
iterations = 1
order = "sequential"
[parameters]
x = [1, 2, 3, 4]
[[steps]]
target = "work"
on = "all"
measure = true
options = { x = "{x}" }
[metrics]
value = { join = "sum" }
"""
WORK = """#!/bin/bash
echo "wke: value=$1"
echo "{{\\"what\\": \\"work\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"x\\": $1, \\"at\\": $(date +%s%N)}}" >> {folder}/ledger/ledger
[ $1 != 3 ] || {then}
"""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A project whose results/ is a disk of 2 MB, mounted where nobody else sees it; `results` leads there from outside."""

    project: Project
    results: Path
    enter: tuple[str, ...]

    def grow(self) -> None:
        """Make space."""
        subprocess.run([*self.enter, "mount", "-o", "remount,size=64m", self.project.folder / "results"], check=True)

    def fill(self) -> None:
        """Leave no byte."""
        with (self.results / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert os.statvfs(self.results).f_bavail == 0

    def series(self, then: str) -> None:
        """Write a series of which the third trial does `then`, last."""
        self.project.targets({"work": '["x"]'}, work=WORK.format(folder=self.project.folder, then=then))
        self.project.write("experiments/series.toml", SERIES)

    def attempts(self) -> list[tuple[int, str]]:
        """Return number and outcome of the attempt that counts of each trial that was begun."""
        trials = self.project.wke("results", "series", "--json").json["series"]["trials"]
        return [(trial["attempt"], trial["outcome"]) for trial in trials]

    def check_store(self) -> int:
        """Return how many attempts are partial in a store in which nothing is wrong."""
        seen = self.project.wke("check", "--store", "--json")
        assert (seen.status, seen.json["findings"]) == (0, [])
        return len(seen.json["notes"])

    def ran(self) -> list[int]:
        """Return x of each trial that ran, in order."""
        return [note["x"] for note in self.project.ledger() if note["machine"] == "m0"]


@pytest.fixture
def disk(new_project: Callable[[str], Project]) -> Iterator[SmallDisk]:
    """Yield the project, on machines that are processes, while somebody keeps the namespace."""
    project = new_project(CLUSTER)
    results = project.folder / "results"
    results.mkdir()
    mount = f'mount -t tmpfs -o size=2m,mode=700 none "{results}" && echo mounted && exec cat'
    keeper = subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        if keeper.stdout.readline() != b"mounted\n":
            pytest.skip(f"kernel: no user namespaces here: {keeper.stderr.read().decode()}")
        enter = ("nsenter", "-t", str(keeper.pid), "-U", "-m", "--preserve-credentials")
        inside = (*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(project.folder))
        there = Project(project.folder, "", {**project.environment, "WKE_EMULATION": "processes"}, project.processes, inside)
        yield SmallDisk(there, Path(f"/proc/{keeper.pid}/root{results}"), enter)
    finally:
        project.end()
        keeper.communicate()


@pytest.mark.netns
def test_filled_by_what_a_trial_writes(disk: SmallDisk) -> None:
    """The series ends with an error that says so; all is sound and readable; with more room it goes on, and nothing finished runs again."""
    disk.series("head -c 4000000 /dev/zero")
    first = disk.project.measure()
    assert (first.status, FULL in first.err, "the disk that holds results/partial/" in first.err) == (1, True, True), first.err
    assert "stopped after 2 of 4 trials; they are stored" in first.err
    assert disk.attempts()[:2] == [(1, "ok"), (1, "ok")]
    assert disk.check_store() == 1
    again = disk.project.measure()
    assert (again.status, FULL in again.err) == (1, True), again.err
    disk.grow()
    last = disk.project.measure()
    assert (last.status, disk.attempts()) == (0, [(1, "ok"), (1, "ok"), (2, "ok"), (1, "ok")]), last.err
    assert "2 of 4 are stored already and reused" in last.err
    assert disk.check_store() == 1
    assert disk.ran() == [1, 2, 3, 3, 4]


@pytest.mark.netns
def test_filled_before_a_commit(disk: SmallDisk) -> None:
    """A trial that went well and for whose result there is no room has no result: it runs again when there is, and no other does."""
    disk.series(f"while [ ! -e {disk.project.folder}/ledger/go ]; do sleep 0.02; done")
    first = disk.project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: 3 in disk.ran() or first.poll() is not None, within_s=30)
    eventually(lambda: len(list(disk.results.glob("partial/*/*/*.idx"))) == 2)  # what the trial writes is written
    disk.fill()
    disk.project.write("ledger/go", "")
    out, err = first.communicate(timeout=limit(60))
    assert (first.returncode, out, f"the disk that holds results {FULL}" in err, "Traceback" in err) == (1, "", True, False), err
    assert disk.attempts()[:2] == [(1, "ok"), (1, "ok")]
    assert disk.check_store() == 1
    (disk.results / "filler").unlink()
    last = disk.project.measure()
    assert (last.status, disk.attempts()) == (0, [(1, "ok"), (1, "ok"), (2, "ok"), (1, "ok")]), last.err
    assert disk.check_store() == 1
    assert disk.ran() == [1, 2, 3, 3, 4]

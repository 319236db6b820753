"""A project written for wke 0.1 runs unchanged: on emulated machines and over ssh, again, and again from the start."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import UNSET, Project
from support import free_port, limit, marked

OLD_PROJECT = Path(__file__).parent.parent / "old_project"


class OldProject:
    """The project, in a folder that has a cluster.toml already."""

    def __init__(self, project: Project) -> None:
        self.folder, self._environment = project.folder, project.environment
        shutil.copytree(OLD_PROJECT, self.folder, dirs_exist_ok=True)
        self.draws = 'provider = "ssh"' not in project.cluster
        if not self.draws:  # these machines share a home folder and the ports of this computer
            (self.folder / "work").mkdir()
            project.edit("cluster.toml", "[machines]", f'workdir = "{self.folder / "work"}"\n[machines]')
            port = str(free_port())
            for file in self.folder.glob("experiments/*.toml"):
                file.write_text(file.read_text().replace("7611", port))
        for file in self.folder.glob("experiments/*.toml"):  # drawing after every trial would take most of the time
            file.write_text(file.read_text().partition("[[plots]]")[0])

    def draw(self, name: str) -> None:
        """Draw the plots, which an experiment's file ends with, once; over ssh they are the same."""
        if self.draws:
            file = self.folder / "experiments" / f"{name}.toml"
            file.write_text(file.read_text() + "".join((OLD_PROJECT / "experiments" / file.name).read_text().partition("[[plots]]")[1:]))
            self.script("toml", str(file), "--refresh-plots")
            assert (self.folder / "plots").exists()

    def script(self, *arguments: str) -> str:
        """Run benchmark.py as its user would; return what it wrote to stdout."""
        environment = {name: value for name, value in os.environ.items() if name not in UNSET} | dict(self._environment)
        command = [sys.executable, "benchmark.py", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=limit(110), check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert ": failed" not in done.stderr, done.stderr
        return done.stdout

    def measure(self, name: str, *flags: str) -> int:
        """Run an experiment; return how many trials that took."""
        return self.script("toml", f"experiments/{name}.toml", *flags).count("  throughput: ")

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a results file."""
        lines = (self.folder / "results" / f"{name}.csv").read_text().splitlines()
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))

    def names(self, folder: str) -> set[str]:
        """Return the names in a folder."""
        return {path.name for path in (self.folder / folder).iterdir()}


@pytest.fixture
def old_project(project: Project) -> Iterator[OldProject]:
    """Yield the project on three machines; when the test is over, nothing of it runs."""
    yield OldProject(project)
    assert marked(str(project.folder)) == []


def columns(rows: list[dict[str, str]], *names: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_an_experiment_runs_once_then_is_reused(old_project: OldProject) -> None:
    """Points come in the order of nested loops, each twice; the second time none runs."""
    assert old_project.measure("scale") == 8
    points = [(clients, copies) for clients in "12" for copies in "12" for _ in range(2)]
    first = old_project.rows("scale")
    assert columns(first, "num-clients", "copies") == points
    assert all(float(row["throughput"]) > 0 for row in first)
    assert old_project.measure("scale") == 0
    assert old_project.rows("scale") == first
    old_project.draw("scale")
    if old_project.draws:
        assert old_project.names("plots") == {
            f"scale_{label}.{suffix}" for label in ("by-copies", "by-clients") for suffix in ("csv", "pdf", "png", "svg")
        }


@pytest.mark.netns
@pytest.mark.parametrize("project", ["emulated"], indirect=True)  # what runs does not depend on the way to machines
def test_what_is_missing_or_forced_runs(old_project: OldProject) -> None:
    """With --force-rerun all trials run again; a changed script is a new question for every point; one more iteration is one more trial."""
    points = [("small", "1", "1"), ("small", "1", "2"), ("large", "2", "1")]
    assert old_project.measure("kinds") == 3
    first = old_project.rows("kinds")
    assert old_project.measure("kinds", "--force-rerun") == 3
    again = old_project.rows("kinds")
    assert columns(again, "mode", "num-clients", "copies") == columns(first, "mode", "num-clients", "copies") == points
    assert not {row["uid"] for row in first} & {row["uid"] for row in again}
    target = old_project.folder / "kvs" / "targets" / "prepare"
    target.write_text(target.read_text() + "# changed\n")
    assert old_project.measure("kinds", "--force-reuse") == 0
    assert old_project.measure("kinds") == 3
    file = old_project.folder / "experiments" / "kinds.toml"
    file.write_text(file.read_text().replace("[experiment]", "[experiment]\nnum_iterations = 2"))
    assert old_project.measure("kinds") == 3
    assert columns(old_project.rows("kinds"), "mode", "num-clients", "copies") == [point for point in points for _ in range(2)]
    old_project.draw("kinds")


def test_a_session_leaves_its_logs_where_they_always_were(old_project: OldProject) -> None:
    """The last session's folder has a log for each machine, the notes of the script and, when asked for, loads.csv."""
    old_project.script("--collect-statistics", "localhost", "toml", "experiments/load.toml")
    assert {row["mode-said"] + row["nothing"] for row in old_project.rows("load")} == {"plainNone"}
    assert columns(old_project.rows("load"), "value-size", "value-bytes") == [(size, size) for size in "3131"]
    assert (old_project.folder / "last-measurement" / "value.bin").stat().st_size == 1
    assert "copied nothing: m0, " in (old_project.folder / "last-measurement" / "META.log").read_text()
    assert "prepare failed on 1 machine" in (old_project.folder / "last-measurement" / "META.log").read_text()
    assert columns(old_project.rows("load"), "factor", "value-size") == [("1.0", "3"), ("1.0", "1"), ("2.0", "3"), ("2.0", "1")]
    last = old_project.folder / "last-measurement"
    assert last.is_symlink()
    assert not (old_project.folder / "current-measurement").is_symlink()
    assert {"m0.log", "m1.log", "m2.log", "META.log", "loads.csv"} <= old_project.names("last-measurement")
    assert "server ['m0'] clients ['m1']" in (last / "META.log").read_text()
    assert (last / "loads.csv").read_text().startswith("time,m0.cpu,m0.mem,m0.disk-read")
    trials = list((old_project.folder / "results" / "trials").glob("*/1/logs"))
    assert len(trials) == 4
    assert last.resolve() in [trial.resolve() for trial in trials]
    old_project.draw("load")


@pytest.mark.netns
@pytest.mark.parametrize("project", ["emulated"], indirect=True)  # what runs does not depend on the way to machines
def test_flags_describe_points_too(old_project: OldProject) -> None:
    """`cmdline` runs what its flags say and writes the file it is told to; a second command adds to it."""
    flags = ("-C", f"port={free_port()}", "--outfile", "results/mine.csv")
    old_project.script("cmdline", "-L", "copies=1,2", *flags)
    old_project.script("cmdline", "-R", "copies=3:3", *flags)
    assert columns(old_project.rows("mine"), "copies") == [("1",), ("2",), ("3",)]

"""`wke profile`: where tasks on real machines spend processor time, what is said of it, and that it is never a result."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project, emulated_cluster

pytestmark = pytest.mark.netns

BURN = """
#include <stdio.h>
#include <unistd.h>
volatile unsigned long sum;
#define FUNCTION(name) __attribute__((noinline)) void name(unsigned long turns) { while (turns--) sum += turns; }
FUNCTION(heavy)
FUNCTION(light)
int main(int argc, char **argv) {
    int share = argv[1][0] - '0';
    setvbuf(stdout, 0, _IONBF, 0);
    puts("ready");
    for (;;) {
        while (access(argv[2], F_OK)) usleep(2000);
        heavy(share * 700000ul);
        light((10 - share) * 700000ul);
    }
}
"""
SPIN = """#!/usr/bin/env -S python3 -S
import time
def spin_here(until):
    while time.monotonic() < until:
        pass
spin_here(time.monotonic() + 0.8)
print("wke: work=7 1/s")
"""
LOAD = "#!/bin/sh\n: > {folder}/now; {folder}/burn 9 {folder}/now & sleep 0.6; rm {folder}/now; kill $!; echo wke: work=7 1/s\n"
EXPERIMENT = """
[experiment]
configuration = "kv"
iterations = 1
[parameters]
share = [9, 5]
[[steps]]
target = "serve"
on = "m0"
background = true
ready = {{ log = "ready" }}
options = {{ program = "{folder}/burn", share = "{{share}}", while = "{folder}/now" }}
[[steps]]
target = "load"
on = "m1"
measure = true
[metrics]
work = {{ unit = "1/s" }}
"""


AT_999_HZ = ("--frequency", "999", "--json")


@pytest.fixture
def burning(new_project: Callable[[str], Project]) -> Project:
    """Return a project whose server and load burn processor time in two known functions; `spin` does so in one of Python."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler, with which a program is made whose functions are known")
    project = new_project(emulated_cluster(2))
    folder = project.folder / "ledger"
    flags = ["-O0", "-fno-omit-frame-pointer", "-x", "c", "-o", str(folder / "burn"), "-"]
    subprocess.run([compiler, *flags], input=BURN, text=True, check=True)
    load = LOAD.format(folder=folder)
    project.targets({"serve": '["program", "share", "while"]'}, serve='#!/bin/sh\n"$@"\n', load=load, spin=SPIN)
    project.write("experiments/series.toml", EXPERIMENT.format(folder=folder))
    return project


def needs_perf(project: Project) -> None:
    """Skip where perf cannot sample: it is no part of what wke needs."""
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed")
    file = project.folder / "try.data"
    tried = subprocess.run(["perf", "record", "-q", "-o", str(file), "--", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"kernel: perf cannot sample: {tried.stderr.strip()}")


def shares(profile: dict, kind: str = "own") -> dict[str, float]:
    """Return the shares of a profile's functions."""
    return {one["name"]: one[kind] / profile["samples"] for one in profile["functions"]}


def test_a_profile_says_where_the_time_goes_and_never_counts(burning: Project) -> None:
    """The known function has its share, also in the difference of two profiles; results are as if none had been recorded."""
    needs_perf(burning)
    assert burning.measure("--only", "share=9").status == 0
    before = burning.wke("results", "series", "--json").json
    done = burning.wke("profile", "series:share=9", *AT_999_HZ)
    nine = done.json
    assert (done.status, nine["outcome"], nine["counts"], nine["point"]) == (0, "ok", False, {"share": 9}), done.err
    assert {(task["target"], task["machine"]) for task in nine["tasks"]} == {("serve", "m0"), ("load", "m1")}
    assert nine["without-symbol"] < 0.05 * nine["samples"]
    assert 0.8 <= shares(nine)["heavy"] <= 0.97
    assert shares(nine, "total")["main"] > 0.95
    assert nine["values"] == {"work": 7.0}
    assert nine["series-values"]["work"]["n"] == 1
    done = burning.wke("profile", "experiments/series.toml:share=5", "--against", "series:share=9", "--task", "serve", *AT_999_HZ)
    five = done.json
    assert (done.status, [task["target"] for task in five["tasks"]]) == (0, ["serve"]), done.err
    change = next(one for one in five["against"]["changes"] if one["name"] == "heavy")
    assert change["own-differs"]
    assert change["own-share"] - change["other-own-share"] == pytest.approx(-0.4, abs=0.2)
    folder = burning.folder / five["folder"]
    assert {path.name for path in folder.iterdir()} >= {"flame.svg", "stacks.folded", "speedscope.json", "against-1.svg"}
    assert burning.wke("results", "series", "--json").json == before
    assert [one["number"] for one in burning.wke("profile", "--json").json["profiles"]] == [1, 2]
    other = burning.wke("profile", "experiments/series.toml:share=5", "--with", "py-spy", "--against", "1")
    assert (other.status, "recorded with perf, fp, and its stacks do not compare with those of py-spy" in other.err) == (2, True)
    again = burning.wke("profile", "1")
    assert (again.status, "heavy" in again.out, "does not count" in again.err) == (0, True, True)
    assert burning.wke("clean", "series", "--profiles", "--yes").err.startswith("removed: 2 profiles, ")
    assert burning.wke("profile", "2").status == 1


def test_python_programs_are_sampled_by_py_spy(burning: Project) -> None:
    """A Python function that a task of the measured step runs is named, although the task began after the profiler."""
    if shutil.which("py-spy") is None:
        pytest.skip("py-spy is not installed")
    burning.edit("experiments/series.toml", '"load"', '"spin"')
    done = burning.wke("profile", "experiments/series.toml:share=9", "--with", "py-spy", "--task", "spin", *AT_999_HZ[:2])
    assert done.status == 0, done.err
    profile = burning.wke("profile", "1", "--json").json
    found = {name.split(" (")[0]: share for name, share in shares(profile).items()}
    assert found["spin_here"] > 0.5, profile["functions"]  # the rest is the start of the interpreter, which a busy machine prolongs
    assert [task["target"] for task in profile["tasks"]] == ["spin"]
    stored = json.loads((burning.folder / profile["folder"] / "profile.json").read_text())
    assert stored["number"] == 1


def without(project: Project, name: str) -> str:
    """Return a PATH on which all programs are but one."""
    folder = project.folder / "programs"
    folder.mkdir()
    for place in os.environ["PATH"].split(":"):
        for program in Path(place).glob("*"):
            if program.name != name and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)


def test_what_cannot_be_sampled_is_said_before_the_trial(burning: Project, tmp_path: Path) -> None:
    """A machine without perf, one whose perf fails, and a task that does not exist are named, and nothing is kept."""
    done = burning.wke("profile", "experiments/series.toml:share=9", PATH=without(burning, "perf"))
    assert done.status == 3
    assert "machine m0: perf is not installed on this machine: Debian: apt-get install linux-perf" in done.err
    perf = tmp_path / "perf"
    perf.write_text("#!/bin/sh\necho the kernel says no >&2\nexit 1\n")
    perf.chmod(0o755)
    done = burning.wke("profile", "experiments/series.toml:share=9", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.status, "machine m1: perf cannot sample on this machine: the kernel says no" in done.err) == (3, True)
    for arguments, words in (
        (("experiments/series.toml",), "means 2 points, and a profile is of one\n  hint: give one of series:share=9, series:share=5"),
        (("experiments/series.toml:share=9", "--task", "sevre"), 'no task of the trial runs "sevre"\n  hint: did you mean "serve"?'),
        (("experiments/series.toml:share=9", "--task", "load", "--on", "m0"), "on m0, no task of load runs"),
        (("series:share=9",), 'there are no results, so "series" is not known'),
    ):
        done = burning.wke("profile", *arguments)
        assert (done.status, words in done.err) == (2, True), done.err
    assert burning.wke("profile").err == "no profile is kept; `wke profile SERIES:PARAMETER=VALUE` records one\n"
    assert not (burning.folder / "results" / "wke.sqlite").exists()

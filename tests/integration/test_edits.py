"""Identity by content: what an edit, another machine, another folder and another time make run again, counted by what the scripts noted."""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import WKE, Project, by_point, emulated_cluster, write_series
from sshd import cluster_toml, sshd_machine

pytestmark = pytest.mark.netns

ONE_PROCESSOR = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
"""Run under this, emulated machines have one processor: a machine with fewer processors than the one before."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, keepers: Path) -> Project:
    """Return a series of two engines and two sizes, each measured once; beside its folder is a copy of it."""
    environment = {"WKE_EMULATION_FOLDER": str(keepers)}
    project = write_series(Project(tmp_path_factory.mktemp("edits") / "project", emulated_cluster(2), environment))
    project.edit("experiments/series.toml", "iterations = 2", "iterations = 1")
    assert project.measure().status == 0
    assert ran(project) == {"old 1": 1, "old 4": 1, "new 1": 1, "new 4": 1}
    shutil.copytree(project.folder, project.folder.with_name("copy"))
    return project


@pytest.fixture
def series(measured: Project) -> Iterator[Project]:
    """Yield the measured series, as it was before other tests edited it."""
    shutil.rmtree(measured.folder)
    shutil.copytree(measured.folder.with_name("copy"), measured.folder)
    yield measured
    measured.end()


def ran(project: Project) -> dict[str, int]:
    """Count the runs so far by point, as the client noted them on its machine."""
    notes = [note for note in project.ledger() if note["what"] == "begin"]
    return by_point({"engine": note["engine"], "size": note["size"]} for note in notes)


def runs_again(project: Project, *arguments: str, **options: object) -> dict[str, int]:
    """Measure, and count what ran."""
    before = ran(project)
    assert project.measure(*arguments, **options).status == 0
    return {point: count - before.get(point, 0) for point, count in ran(project).items() if count > before.get(point, 0)}


def states(project: Project) -> dict[str, str]:
    """Return the state of each trial of the plan and why, by point."""
    plan = project.wke("plan", "experiments/series.toml", "--json").json
    return {" ".join(map(str, t["point"].values())): f"{t['state']} ({t['why']})" if t["why"] else t["state"] for t in plan["trials"]}


def values(project: Project) -> list[tuple[object, ...]]:
    """Return what `wke results` gives to programs: each trial that counts, with what it observed."""
    found = project.wke("results", "series", "--json").json["series"]["trials"]
    return [(t["id"], t["attempt"], t["outcome"], t["observations"]["answers"]) for t in found]


def several_processors() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("kernel: there is one processor, and no machine with fewer can be had")


# -- edits

ALL = {"old 1": 1, "old 4": 1, "new 1": 1, "new 4": 1}
NEW = {"new 1": 1, "new 4": 1}


def test_edits_run_again_what_depends_on_them(series: Project) -> None:
    """One after the other, in one project; the ledger tells what really ran."""
    edits = [
        ("a comment in each file", {}, "", [("experiments/series.toml", "[metrics]", "# a comment\n[metrics]  # another"), ("kv/config.toml", "[targets]", "# x\n[targets]"), ("cluster.toml", "[machines]", "# x\n[machines]")]),
        ("a byte of a script", NEW, "script changed", [("kv/targets/start-new", "# engine", "# Engine")]),
        ("a default that is in use", NEW, "option unused changed", [("kv/config.toml", '["unused", "x"]', '["unused", "y"]')]),
        ("a default that is not", {}, "", [("kv/config.toml", '["size", 1]', '["size", 2]')]),
        ("the order of options in an experiment", {}, "", [("experiments/series.toml", 'size = "{size}", engine = "{engine}"', 'engine = "{engine}", size = "{size}"')]),
    ]  # fmt: skip
    for name, expected, why, changes in edits:
        for path, old, new in changes:
            series.edit(path, old, new)
        due = {point: state for point, state in states(series).items() if state != "stored"}
        assert due == dict.fromkeys(expected, f"to run ({why})"), name
        if why == "script changed":
            for command in ("results", "plot"):
                told = series.wke(command, "series").err
                assert f"; since then: {why} at 2 of 4 points (`wke plan experiments/series.toml`)\n" in told, told
        assert runs_again(series) == expected, name
    swapped = '["size", 2], ["engine", "old"], ["seconds", 0.05]'
    series.edit("kv/config.toml", swapped, '["seconds", 0.05], ["engine", "old"], ["size", 2]')
    series.edit("kv/targets/load", "size=$3", "size=$5")
    series.edit("kv/targets/load", "seconds=$5", "seconds=$3")
    assert runs_again(series) == ALL, "the order of a script's arguments"
    assert "these are results of the inputs of" not in series.wke("results", "series").err


def test_listed_files_count_and_sources_are_recorded(series: Project) -> None:
    """A program's bytes part results as a script's do; of a folder git's word is kept, and a commit there runs nothing again."""

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        return subprocess.run(["git", "-C", source, *who, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    source = series.write("source/code.c", "int main;\n").parent
    git("init", "--quiet")
    git("add", "code.c")
    git("commit", "--quiet", "-m", "first")
    first = git("rev-parse", "HEAD")
    series.write("build/program", b"\x7fELF one")
    series.edit("experiments/series.toml", "seed = 7", 'seed = 7\nfiles = ["build/program", "source"]')
    assert set(states(series).values()) == {"to run (files changed)"}
    assert runs_again(series) == ALL

    def software() -> dict:
        return series.wke("results", "series", "--json").json["series"]["software"]

    assert software()["sources"] == {"source": {"commit": first, "uncommitted": None}}
    assert software()["files"] == {"build/program": hashlib.sha256(b"\x7fELF one").hexdigest()}
    assert software()["python"] == platform.python_version()
    series.edit("source/code.c", "main", "main = 1")
    assert runs_again(series) == {}
    changed = software()["sources"]["source"]
    assert (changed["commit"], changed["uncommitted"] is None) == (first, False)
    git("commit", "--quiet", "-a", "-m", "second")
    assert runs_again(series) == {}
    assert software()["sources"]["source"] == {"commit": git("rev-parse", "HEAD"), "uncommitted": None}
    series.write("build/program", b"\x7fELF two")
    assert set(states(series).values()) == {"to run (file build/program changed)"}
    assert runs_again(series, "--only", "size=1") == {"old 1": 1, "new 1": 1}
    (series.folder / "build/program").unlink()
    gone = series.measure()
    assert (gone.status, "experiments/series.toml:" in gone.err) == (2, True)
    assert "build/program cannot be read: No such file or directory" in gone.err


# -- machines


def test_a_machine_that_is_another_one_is_told_and_asked_about(series: Project) -> None:
    """Off a terminal nothing runs before somebody says what it means; the old results stay in every table until then."""
    several_processors()
    known = values(series)
    series.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    asked = series.measure(under=ONE_PROCESSOR)
    change = f"usable processors {len(os.sched_getaffinity(0))} -> 1"
    assert asked.status == 2
    assert (
        f"machines are not what 4 stored trials of series were measured on:\n  m0, m1: {change}\nNo trial runs until you decide"
        in asked.err
    )
    assert 'wke accept m0,m1 --reason "..."; else measure these trials again: wke measure experiments/series.toml --remeasure' in asked.err
    assert (ran(series), values(series)) == (ALL, known)
    plan = series.wke("plan", "experiments/series.toml", "--json").json
    assert [(t["state"], t["why"]) for t in plan["trials"]] == [("to run", "usable processors changed")] * 4 + [("to run", "new")] * 4
    trial = plan["trials"][0]["id"]
    why = series.wke("why", trial)
    assert why.out.splitlines() == [f"{trial} is to run; since it was measured:", f"  m0, m1: {change}"]
    assert f'wke accept {trial} --reason "..."' in why.err

    assert runs_again(series, "--remeasure", under=ONE_PROCESSOR) == dict.fromkeys(ALL, 2)
    assert [attempt for _, attempt, _, _ in values(series)] == [2] * 4 + [1] * 4
    every = series.wke("results", "series", "--trials", "--json").json["series"]["trials"]
    assert [t["machines-changed"] for t in every if t["attempt"] == 1 and t["iteration"] == 0] == [[f"m0, m1: {change}"]] * 4
    assert [t["machines-changed"] for t in every if t["attempt"] == 2 or t["iteration"] == 1] == [[]] * 8
    assert "nothing to run" in series.measure(under=ONE_PROCESSOR).err
    series.edit("experiments/series.toml", "iterations = 2", "iterations = 1")
    back = series.measure("--remeasure")  # which looks, although nothing is known to be missing
    assert (back.status, values(series), ran(series)) == (0, known, dict.fromkeys(ALL, 3))


def test_a_change_of_machines_can_be_accepted_and_taken_back(series: Project) -> None:
    """By name, with a reason; then old and new results stand in one table, and it says so. Taken back, they part again."""
    several_processors()
    series.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    assert series.measure(under=ONE_PROCESSOR).status == 2
    assert series.wke("accept", "m0,m1").status == 2
    accepted = series.wke("accept", "all", "--reason", "the load takes one", "--json").json["acceptances"]
    assert [(each["number"], each["reason"], each["taken-back-by"]) for each in accepted] == [(1, "the load takes one", None)]
    assert list(states(series).values()) == ["to run (new)"] * 4  # of the same points: the second iterations come last
    done = series.measure(under=ONE_PROCESSOR)
    assert (done.status, ran(series)) == (0, dict.fromkeys(ALL, 2))
    assert "4 trials of 8 count because of acceptance 1: wke accept --list" in done.err
    found = series.wke("results", "series", "--json").json["series"]["trials"]
    assert [trial["accepted"] for trial in found] == [[1]] * 4 + [[]] * 4
    listed = series.wke("accept", "--list").out
    assert "the load takes one\n     m0, m1: usable processors" in listed
    assert series.wke("accept", "--take-back", "1").status == 0
    assert series.wke("accept", "--take-back", "1").status == 2
    assert len(values(series)) == 4
    (taken_back,) = series.wke("accept", "--list", "--json").json["acceptances"]
    assert (taken_back["taken-back-by"], taken_back["taken-back-ns"] > taken_back["at-ns"]) == (accepted[0]["who"], True)


@pytest.mark.parametrize(("answer", "status", "runs"), [("measure", 0, 2), ("accept\nit is the same", 0, 1), ("stop", 2, 1)])
def test_on_a_terminal_one_is_asked(series: Project, answer: str, status: int, runs: int) -> None:
    """The answers of the question; asked before anything runs."""
    several_processors()
    series.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    control, terminal = os.openpty()
    process = subprocess.Popen(
        [*ONE_PROCESSOR, *WKE, "measure", "experiments/series.toml", "--no-figures"],
        cwd=series.folder,
        env={**os.environ, **series.environment, "TERM": "dumb"},
        stdin=terminal,
        stderr=terminal,
        stdout=subprocess.PIPE,
    )
    series.processes.append(process)
    os.close(terminal)
    os.write(control, f"{answer}\n".encode())
    said = b""
    try:
        while part := os.read(control, 65536):
            said += part
    except OSError:  # how a terminal ends
        pass
    os.close(control)
    process.communicate()
    assert (process.returncode, ran(series)["new 1"]) == (status, runs + (status == 0)), said.decode()
    assert b"measure these trials again, accept the change, or stop" in said
    if answer.startswith("accept"):
        assert [each["reason"] for each in series.wke("accept", "--list", "--json").json["acceptances"]] == ["it is the same"]


THRICE = """
[experiment]
configuration = "kv"
iterations = 3
[[steps]]
target = "work"
on = "m0"
measure = true
"""


@pytest.mark.sshd
def test_a_machine_that_comes_back_as_another_one_ends_the_series(new_project: Callable[[str], Project], tmp_path: Path) -> None:
    """In the second trial it goes away, and whoever connects afterwards gets one processor: the third does not run there."""
    several_processors()
    with sshd_machine(tmp_path / "sshd") as machine:
        project = new_project(cluster_toml([machine]))
        count = project.folder / "ledger/count"
        project.targets(work=f"echo >> {count}\n[ $(wc -l < {count}) = 2 ] && taskset -p 1 {machine.pid} && kill -9 $PPID\ntrue\n")
        project.write("experiments/series.toml", THRICE)
        done = project.measure()
        assert (done.status, project.outcomes(), count.read_text()) == (3, ["ok", "lost", "interrupted"], "\n\n")
        assert f"no longer what it was when this command began: m0: usable processors {len(os.sched_getaffinity(0))} -> 1" in done.err
        again = project.measure()
        assert (again.status, count.read_text()) == (2, "\n\n")
        assert "machines are not what 1 stored trial of series was measured on" in again.err
        assert project.measure("--remeasure").status == 0
        assert (project.outcomes(), count.read_text()) == (["ok"] * 3, "\n" * 5)


def test_a_change_of_a_script_can_be_accepted(series: Project) -> None:
    """For all trials that differ in nothing else; what was measured on its own goes before, and another change is not covered."""
    known = values(series)
    series.edit("kv/targets/start-new", "# engine", "# Engine")
    plan = series.wke("plan", "experiments/series.toml", "--json").json
    trial = next(t["id"] for t in plan["trials"] if t["why"] == "script changed")
    command = series.wke("why", trial).err.partition("if that is harmless: ")[2]
    assert command == f'wke accept {trial} --reason "..."\n'
    assert series.wke("accept", trial, "--reason", "a comment").status == 0
    assert states(series) == {"old 1": "stored", "old 4": "stored", "new 1": "stored (accepted: 1)", "new 4": "stored (accepted: 1)"}
    assert runs_again(series) == {}
    assert sorted(values(series)) == sorted(known)
    assert f"{trial} is stored and reused, as accepted: 1 of `wke accept --list`" in series.wke("why", trial).out
    assert series.wke("accept", trial, "--reason", "again").status == 2
    series.edit("kv/targets/start-new", "# Engine", "# ENGINE")
    assert runs_again(series, "--only", "size=1") == {"new 1": 1}
    series.edit("kv/targets/start-new", "# ENGINE", "# Engine")
    assert series.wke("accept", "--take-back", "1").status == 0
    assert runs_again(series) == NEW


def test_what_is_accepted_was_measured_on_a_machine_too(series: Project) -> None:
    """A trial that counts for another one is lost as well when machines change, and what changed is told."""
    several_processors()
    series.edit("experiments/series.toml", '["old", "new"]', '["new"]')
    series.edit("experiments/series.toml", 'sort-by = "engine"', "")
    series.edit("kv/targets/start-new", "# engine", "# Engine")
    trial = series.wke("plan", "experiments/series.toml", "--json").json["trials"][0]["id"]
    assert series.wke("accept", trial, "--reason", "a comment").status == 0
    series.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    asked = series.measure(under=ONE_PROCESSOR)
    assert "machines are not what 2 stored trials of series were measured on:\n  m0, m1: usable processors" in asked.err
    assert series.wke("accept", "all", "--reason", "it takes one").status == 0
    assert runs_again(series, under=ONE_PROCESSOR) == NEW
    assert [trial.accepted for trial in series.trials()] == [(1, 2), (1, 2), (), ()]


def test_what_is_no_change_cannot_be_accepted(series: Project) -> None:
    """A new point was never measured, a new metric has no value, an unchanged machine is what it was, and nothing else is named so."""
    series.edit("experiments/series.toml", "size = [1, 4]", "size = [1, 2, 4]")
    new = next(t["id"] for t in series.wke("plan", "experiments/series.toml", "--json").json["trials"] if t["why"] == "new")
    refusals = {
        new: f"no trial at the point and iteration of {new} has a result yet",
        "all": "these machines have not changed since results were measured on them",
        "nonsense": 'no plan has a trial "nonsense", and it selects no machines',
        values(series)[0][0]: "is stored and reused: there is nothing to accept",
    }
    for what, words in refusals.items():
        done = series.wke("accept", what, "--reason", "why not")
        assert (done.status, words in done.err) == (2, True), done.err
    series.edit("experiments/series.toml", "[metrics]\n", '[metrics]\nmore = { log = "more: ([0-9]+)", join = "sum" }\n')
    changed = next(t["id"] for t in series.wke("plan", "experiments/series.toml", "--json").json["trials"] if t["why"] == "metric changed")
    done = series.wke("accept", changed, "--reason", "why not")
    assert (done.status, "has no value of" in done.err) == (2, True)
    assert "wke accept" not in series.wke("why", changed).err


# -- folders and clocks


def test_results_are_readable_wherever_they_lie(series: Project, tmp_path: Path) -> None:
    """A project that was copied reuses all of its results; a lone results folder is read, too."""
    trial = values(series)[0][0]
    other = Project(tmp_path / "elsewhere/project", "", series.environment)
    shutil.rmtree(other.folder)
    shutil.copytree(series.folder, other.folder)
    shutil.rmtree(series.folder / "results")
    assert set(states(other).values()) == {"stored"}
    assert "is stored and reused" in other.wke("why", trial).out
    assert runs_again(other) == {}
    alone = Project(tmp_path / "alone")
    shutil.copytree(other.folder / "results", alone.folder / "results")
    assert values(alone) == values(other)
    assert "answers: " in alone.wke("logs", trial).out
    assert alone.wke("results", "series", "--csv").out == other.wke("results", "series", "--csv").out


SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long shift(void) { return atol(getenv("TEST_SHIFT_S")); }
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += shift();
    return status;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec; now->tv_usec = time.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (now) *now = time.tv_sec;
    return time.tv_sec;
}
"""


def test_a_clock_that_is_set_back_has_no_effect(series: Project) -> None:
    """A year earlier, by a library under all programs of the command: the series goes on, and nothing runs twice or is forgotten."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler, with which the clock is set back")
    library = series.folder / "shift.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"], input=SHIFT, text=True, check=True)
    back = {"LD_PRELOAD": str(library), "TEST_SHIFT_S": str(-365 * 86400)}
    assert set(states(series).values()) == {"stored"}
    series.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    assert runs_again(series, "--only", "engine=old", **back) == {"old 1": 1, "old 4": 1}
    began = [trial.started_ns for trial in series.trials()]
    assert max(began) - min(began) > 300 * 86400 * 10**9  # the clock really was set back
    assert all(trial.elapsed_s > 0 for trial in series.trials())
    assert runs_again(series) == NEW
    assert runs_again(series, **back) == {}
    assert [attempt for _, attempt, _, _ in values(series)] == [1] * 8

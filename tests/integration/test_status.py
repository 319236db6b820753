"""`wke status` from another terminal: while a series is measured, after it was killed, and where there is nothing to tell."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest
from projects import Project
from support import eventually, limit

from wke.keep.files.current import current_file

pytestmark = pytest.mark.netns

SERIES = """
[experiment]
configuration = "kv"
seed = 1
order = "sequential"
[parameters]
x = [1, 2, 3]
[[steps]]
target = "prepare"
on = "m0"
[[steps]]
target = "work"
on = "all"
measure = true
options = { x = "{x}" }
[metrics]
value = { join = "sum" }
"""
WORK = """#!/bin/sh
[ $1 = 2 ] && [ ! -e FOLDER/ledger/ready ] && { echo "not yet" >&2; exit 3; }
echo "at $1"
touch FOLDER/ledger/begun-$1
while [ $1 = 3 ] && [ ! -e FOLDER/ledger/go ]; do sleep 0.02; done
echo "wke: value=$1"
"""


def written(project: Project) -> Project:
    """Write a series whose first trial is ok, whose second one fails, and whose third one waits for `ledger/go`."""
    project.targets({"work": '["x"]'}, prepare="true", work=WORK.replace("FOLDER", str(project.folder)))
    project.write("experiments/series.toml", SERIES)
    return project


def waiting(project: Project) -> "subprocess.Popen[str]":
    """Start measuring and return once the third trial runs."""
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually((project.folder / "ledger/begun-3").exists, within_s=40)
    return process


@pytest.fixture
def measuring(emulated: Project) -> "Iterator[tuple[Project, subprocess.Popen[str]]]":
    """Yield a project and the command that measures its third trial."""
    project = written(emulated)
    process = waiting(project)
    yield project, process
    if process.poll() is None:
        (project.folder / "ledger/go").touch()
        process.communicate(timeout=limit(60))


def test_nothing_is_told_where_nothing_was_measured(emulated: Project) -> None:
    """Without a store that is no mistake; a name that no series has is one."""
    assert emulated.wke("status").out == "nothing has been measured here yet\n"
    assert emulated.wke("status", "--json").json == {"series": {}, "connections": []}
    assert emulated.wke("status", "--follow").out == "nothing has been measured here yet\n"
    named = emulated.wke("status", "series")
    assert (named.status, named.err.splitlines()[0]) == (1, "there are no results in results")


def test_another_terminal_sees_how_far_it_is(measuring: "tuple[Project, subprocess.Popen[str]]") -> None:
    """Who measures, the trial that runs and its step, what was ok and what failed and why, and about how long the rest takes."""
    project, process = measuring
    seen = project.wke("status", "experiments/series.toml", "--json").json["series"]["series"]
    assert seen["holder"].pop("words").startswith(f"pid {process.pid} of ")
    assert (seen["holder"]["alive"], seen["holder"]["pid"]) == (True, str(process.pid))
    assert seen["holder"]["command"] == "wke measure experiments/series.toml --no-figures"
    running = seen["running"]
    assert (running["point"], running["outcome"], running["step"]["target"], running["step"]["tasks"]) == ({"x": 3}, "running", "work", 2)
    assert seen["now-ns"] > running["step"]["since-ns"] > running["started-ns"]
    assert (seen["position"], seen["total"]) == (3, 3)
    assert seen["counts"] == {"planned": 3, "ok": 1, "failed": 1, "invalid": 0, "broken": 0, "suspect": 0, "to-run": 1}
    assert (seen["pace"]["of"], seen["pace"]["earlier"]) == (2, False)
    assert 0 <= seen["left-s"] < 10 * seen["pace"]["each-s"]
    assert [(end["outcome"], end["why"].split(":")[0]) for end in seen["ends"]] == [("failed(3)", "work on m0"), ("ok", "")]
    text = project.wke("status", TZ="Asia/Kolkata").out
    assert (" UTC" in text, " +05:30" in text) == (False, True)
    assert text.startswith(f"series: measured by pid {process.pid} of ")
    assert re.search(
        r"\n  now     \w{12}-0  x=3, iteration 1 \(3 of 3\), since [\d:]{8} \S+; step work \(2 tasks\) since [\d:]{8} \S+\n", text
    )
    assert "\n  trials  1 ok, 1 failed; 1 to run\n" in text
    assert re.search(r"\n  pace    a trial in .* s: about .* s left, to about [\d:]{8} \S+ \(by the last 2 trials\)\n", text)
    assert re.search(r"\n  ended   \w{12}-0  x=2, iteration 1: failed\(3\) at [\d:]{8} \S+ after \d.\d\d s: work on m\d: failed\(3\)", text)


def test_who_follows_gets_a_line_a_change(measuring: "tuple[Project, subprocess.Popen[str]]") -> None:
    """Nothing is told twice, off a terminal nothing is redrawn, and it ends when the series does, or by Ctrl-C; the writer is not disturbed."""
    project, process = measuring
    following = project.start("status", "--follow")
    lines = [following.stdout.readline()]
    assert re.match(r"series: \w{12}-0  x=3, .*; step work .*; 1 ok, 1 failed; 1 to run; last: \w{12}-0  x=2", lines[0])
    as_json = project.start("status", "--follow", "--json")
    assert json.loads(as_json.stdout.readline())["series"]["series"]["running"]["point"] == {"x": 3}
    logs = project.start("logs", "series", "--follow")
    begun = [logs.stdout.readline() for _ in range(2)]
    assert re.fullmatch(r" +0\.000 work m\d │ at 3\n +0\.\d{3} work m\d │ at 3\n", "".join(begun))
    for words in (["status", "--follow"], ["logs", "series", "--follow"]):
        stopped = project.start(*words)
        stopped.stdout.readline()
        stopped.send_signal(signal.SIGINT)
        assert (stopped.communicate(timeout=limit(60))[1].endswith("interrupted\n"), stopped.returncode) == (True, 130)
    (project.folder / "ledger/go").touch()
    process.communicate(timeout=limit(60))
    assert process.returncode == 1
    rest, said = logs.communicate(timeout=limit(60))
    assert (logs.returncode, re.findall(r"work (?:m0|m1) │ (.*)", rest)) == (0, ["wke: value=3", "wke: value=3"])
    assert re.fullmatch(r"\w{12}-0  x=3, iteration 1  .*\n\w{12}-0 ok\n", said)
    lines += following.communicate(timeout=limit(60))[0].splitlines()
    assert (following.returncode, lines[-1].partition("; last")[0]) == (0, "series: not being measured; 2 ok, 1 failed; 1 to run")
    assert len(lines) == len(set(lines))
    assert "\x1b" not in "".join(lines)
    last = json.loads(as_json.communicate(timeout=limit(60))[0].splitlines()[-1])["series"]["series"]
    assert (last["holder"], last["running"], last["pace"], last["counts"]["ok"]) == (None, None, None, 2)
    assert not current_file(project.folder / "results", "series").exists()


def test_a_killed_writer_is_said_to_be_gone(measuring: "tuple[Project, subprocess.Popen[str]]") -> None:
    """What it left in its files does not pass for what happens now."""
    project, process = measuring
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert current_file(project.folder / "results", "series").exists()
    text = project.wke("status", "series").out
    assert text.startswith(f"series: not being measured; the last command was killed or lost contact: pid {process.pid} of ")
    assert "\n  trials  1 ok, 1 failed; 2 to run\n" in text
    assert "\n  now" not in text
    seen = project.wke("status", "--json").json["series"]["series"]
    assert (seen["holder"]["alive"], seen["running"], seen["position"], seen["left-s"]) == (False, None, None, None)


def test_a_command_that_does_not_say_its_step_is_shown_by_what_the_store_has(measuring: "tuple[Project, subprocess.Popen[str]]") -> None:
    """Benchmark scripts and other versions of wke do not; nor does a disk that is full."""
    project, _ = measuring
    current_file(project.folder / "results", "series").write_text("{")
    seen = project.wke("status", "--json").json["series"]["series"]
    assert (seen["running"]["point"], seen["running"]["step"], seen["position"], seen["counts"]["to-run"]) == ({"x": 3}, None, None, 1)


def test_machines_are_asked_who_has_them(emulated: Project) -> None:
    """A machine that is measured on names the series and who measures it; one that is not is free. Nobody is asked unless one wants it."""
    project = written(emulated)
    assert "each command makes its own machines" in project.wke("status", "--machines").err
    assert project.wke("status", "--machines", "--follow").status == 2
    project.edit("experiments/series.toml", 'on = "all"', 'on = "m0"')
    assert project.wke("cluster", "up").status == 0
    try:
        process = waiting(project)
        free, held = (
            project.wke("status", "--machines").out.splitlines()[-1],
            project.wke("status", "--machines", "--json").json["machines"],
        )
        assert free == "m1: free"
        assert held["m0"]["holder"].startswith(f"series series, pid {process.pid} of ")
        assert held["m1"] == {"holder": "", "problem": ""}
        (project.folder / "ledger/go").touch()
        process.communicate(timeout=limit(60))
        assert project.wke("status", "--machines").out.splitlines()[-2:] == ["m0: free", "m1: free"]
    finally:
        project.wke("cluster", "down")

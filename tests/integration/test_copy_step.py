"""The step `copy-data`: files arrive before the steps that use them, and results depend on them."""

import shutil

import pytest
from projects import Project

SERIES = """
[experiment]
configuration = "kv"
[parameters]
trace = ["small", "large"]
[[steps]]
target = "copy-data"
on = "all"
options = { source = "data/{trace}", destination = "input/" }
[[steps]]
target = "load"
on = "m1"
measure = true
options = { trace = "{trace}" }
[metrics]
ops = {}
"""
LOAD = """#!/bin/sh
echo "wke: ops=$(wc -c < "input/$1/requests")"
"""


@pytest.fixture
def project(emulated: Project) -> Project:
    """Return a project that copies one of two folders."""
    emulated.targets({"load": '["trace"]'}, load=LOAD)
    emulated.write("data/small/requests", "12345")
    emulated.write("data/large/requests", "1234567890")
    emulated.write("experiments/series.toml", SERIES)
    return emulated


def test_files_are_there_when_they_are_needed(project: Project) -> None:
    """Each point has its own; nothing is run again while they are the same, whatever their times."""
    done = project.measure()
    assert done.status == 0, done.err
    assert {trial.point["trace"]: trial.observations["ops"] for trial in project.trials()} == {"small": 5, "large": 10}
    project.write("data/small/requests", "12345")
    assert project.due() == []


@pytest.mark.parametrize(("scope", "seen"), [("trial", [5, 5, 5, 10, 10, 10]), ("deploy", [5, 6, 7, 10, 11, 12])])
def test_what_is_deployed_is_copied_once(project: Project, scope: str, seen: list[int]) -> None:
    """Each trial finds the files as they are here; with a scope, as the trials before it have left them."""
    project.targets({"load": '["trace", "client"]'}, load=f"{LOAD}\nprintf x >> input/$1/requests\n")
    project.edit("experiments/series.toml", 'on = "all"', f'on = "all"\nscope = "{scope}"')
    project.edit("experiments/series.toml", "[parameters]", "[parameters]\nclient = [1, 2, 3]")
    project.edit("experiments/series.toml", 'trace = "{trace}" }', 'trace = "{trace}", client = "{client}" }')
    done = project.measure()
    assert done.status == 0, done.err
    assert sorted(trial.observations["ops"] for trial in project.trials()) == seen


def test_results_depend_on_what_is_copied(project: Project) -> None:
    """A byte, a name or a permission that changes makes the trials due that copy it, no others; `wke why` says so."""
    project.measure()
    (project.folder / "data" / "small" / "requests").chmod(0o700)
    assert project.due() == [{"trace": "small"}]
    project.write("data/small/more", "")
    project.write("data/large/requests", "123456789")
    assert sorted(point["trace"] for point in project.due()) == ["large", "small"]
    plan = project.wke("plan", "experiments/series.toml", "--json").json
    why = project.wke("why", next(trial["id"] for trial in plan["trials"] if trial["point"]["trace"] == "large"))
    assert "copy-data: files changed" in why.out
    assert project.measure().status == 0
    assert {trial.point["trace"]: trial.observations["ops"] for trial in project.trials()} == {"small": 5, "large": 9}


def test_what_changes_meanwhile_fails_the_trial(project: Project) -> None:
    """It would be stored under the wrong name; the same command goes on."""
    project.edit("experiments/series.toml", 'source = "data/{trace}"', 'source = "ledger/{trace}"')
    shutil.copytree(project.folder / "data", project.folder / "ledger", dirs_exist_ok=True)
    changing = "".join(f"echo more >> '{project.folder}/ledger/{trace}/requests'\n" for trace in ("small", "large"))
    project.targets({"load": '["trace"]'}, load=LOAD + changing)
    done = project.measure()
    assert done.status == 1
    assert project.outcomes().count("ok") == 1
    assert "has changed since this command began; run the same command again to use what it is now" in done.err


def test_what_a_machine_does_not_take_fails_the_trial(project: Project) -> None:
    """With the machine and the reason."""
    project.edit("experiments/series.toml", 'destination = "input/"', 'destination = "/proc/version/"')
    done = project.measure()
    assert done.status == 1
    assert project.outcomes() == ["failed", "failed"]
    assert all("copy-data: machine m" in trial.why for trial in project.trials())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('source = "data/{trace}"', 'source = "date/{trace}"', "date/small cannot be copied: No such file or directory"),
        ('source = "data/{trace}", ', "", 'needs option "source"'),
        ("destination =", "destinatoin =", 'has no option "destinatoin"'),
        ('on = "all"', 'on = "all"\nmultiply = 2', 'is not for "copy-data", which runs no task'),
        ('on = "all"', 'on = "all"\ntimeout = "1s"', 'is not for "copy-data", which runs no task'),
    ],
)
def test_mistakes_are_told_before_anything_starts(project: Project, old: str, new: str, words: str) -> None:
    """With the place in the file, by `wke check` too."""
    project.edit("experiments/series.toml", old, new)
    for command in (("measure", "experiments/series.toml"), ("check",)):
        done = project.wke(*command)
        assert done.status == 2
        assert words in done.err
        assert "experiments/series.toml:8:" in done.err


def test_it_can_be_rehearsed_in_the_plan(project: Project) -> None:
    """`wke plan` needs no machine; without the files there is no plan."""
    assert project.wke("plan", "experiments/series.toml").status == 0
    shutil.rmtree(project.folder / "data")
    assert project.wke("plan", "experiments/series.toml").status == 2

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


RENDERED = """
[experiment]
configuration = "kv"
[parameters]
limit = [1, 2]
[[steps]]
target = "copy-data"
on = "all"
options = { source = "conf", destination = "etc", render = true }
[[steps]]
target = "load"
on = "m1"
measure = true
options = { trace = "{limit}" }
[metrics]
ops = {}
"""
APP = '{"limit": ${wke:limit}, "me": "${wke:@NAME}", "peers": "${wke:for all: @INTERNAL:1}"}\n'


@pytest.fixture
def templated(emulated: Project) -> Project:
    """Return a project that renders a configuration file for each machine."""
    emulated.targets({"load": '["trace"]'}, load="cat etc/app.json\necho \"wke: ops=$(sed 's/[^0-9]*\\([0-9]*\\).*/\\1/' etc/app.json)\"\n")
    emulated.write("conf/app.json", APP)
    emulated.write("experiments/series.toml", RENDERED)
    return emulated


def test_configuration_is_rendered_for_each_machine(templated: Project) -> None:
    """Each machine gets its own file, which is stored with the trial, part of its identity, shown by `wke show`, and compared by `wke why`."""
    done = templated.measure()
    assert done.status == 0, done.err
    assert {trial.point["limit"]: trial.observations["ops"] for trial in templated.trials()} == {1: 1, 2: 2}
    trial = next(trial for trial in templated.trials() if trial.point["limit"] == 2)
    shown = templated.wke("show", trial.id, "--full")
    assert "0  ~/etc/app.json on m1: SHA-256" in shown.out
    assert '{"limit": 2, "me": "m1", "peers": "' in shown.out
    assert "configuration  ok: 2 rendered files were as deployed to the end" in shown.out
    document = templated.wke("show", trial.id, "--json").json
    assert [(each["step"], each["path"], each["machines"]) for each in document["rendered"]] == [
        (0, "etc/app.json", "m0"),
        (0, "etc/app.json", "m1"),
    ]
    assert "conf to ~/etc, rendered" in templated.wke("plan", "experiments/series.toml").out
    assert templated.due() == []
    templated.write("conf/app.json", APP.replace("${wke:limit}", "${wke:limit + 0}"))
    assert templated.due() == []
    templated.write("conf/app.json", APP.replace('"me"', '"self"'))
    assert len(templated.due()) == 2
    plan = templated.wke("plan", "experiments/series.toml", "--json").json
    why = templated.wke("why", plan["trials"][0]["id"])
    assert "copy-data: rendered etc/app.json m0 changed" in why.out
    assert '+{"limit": ' in why.out


def test_a_file_that_the_system_changed_makes_the_trial_suspect(templated: Project) -> None:
    """After the measured step the files of all machines are compared with what was asked; the rule can be switched off with a reason."""
    templated.targets(
        {"load": '["trace"]'}, load='echo "wke: ops=1"\n[ $1 = 2 ] && echo >> etc/app.json\n[ $1 = 1 ] && rm etc/app.json\ntrue\n'
    )
    done = templated.measure()
    assert done.status == 0, done.err
    said = {trial.point["limit"]: trial.doubts for trial in templated.trials()}
    assert said[2] == "etc/app.json on m1 was not what had been deployed when the measured step had ended"
    assert said[1].startswith("etc/app.json on m1 (machine m1: ")
    templated.write("experiments/series.toml", RENDERED + '[verdicts]\nconfiguration = { off = "it rewrites its file" }\n')
    assert templated.wke("reanalyse", "experiments/series.toml").status == 0
    assert {trial.doubts for trial in templated.trials()} == {""}


def test_a_wrong_placeholder_is_told_before_anything_starts(templated: Project) -> None:
    """With the template and its line, by `wke check` too."""
    templated.write("conf/app.json", "{\n  ${wke:limits}\n}\n")
    for command in (("measure", "experiments/series.toml"), ("check",)):
        done = templated.wke(*command)
        assert done.status == 2
        assert 'conf/app.json:2: there is no parameter "limits"\n  hint: did you mean "limit"?' in done.err

"""Steps with a scope: what is deployed serves several trials, is counted by the scripts themselves, and is never trusted once it may be broken."""

import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from projects import Project
from support import LEASE, eventually, limit, marked

from wke.keep.output import logs

EXPERIMENT = """
[experiment]
configuration = "kv"
iterations = 2
seed = 1
[parameters]
version = [1, 2]
rate = [1, 2, 3]
[[steps]]
target = "install"
on = "servers"
scope = "deploy"
options = { version = "{version}" }
[[steps]]
target = "serve"
on = "servers"
scope = "deploy"
background = true
ready = { log = "up", within = "20s" }
[[steps]]
target = "load"
on = "clients"
measure = true
options = { version = "{version}", rate = "{rate}" }
[metrics]
value = { join = "sum" }
"""

NOTE = """#!/bin/bash
export MARK={mark}
note() {{ echo "{{\\"what\\": \\"$1\\", \\"pid\\": $$, \\"is\\": \\"$2\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"at\\": ${{EPOCHREALTIME/./}}}}" >> {ledger}/ledger; }}
"""
INSTALL = """
note install "$1"
echo "$1" > {ledger}/version
[ -e {ledger}/hang ] && {{ echo $$ > {ledger}/hanging; sleep 1000; }}
true
"""
SERVE = """
version=$(cat {ledger}/version)
trap 'note stopped $version; exit' TERM
note serve $version
echo up
while [ ! -e {ledger}/die ]; do sleep 0.02; [ -e {ledger}/speak ] && rm {ledger}/speak && echo spoke; done
rm {ledger}/die
exit 9
"""
LOAD = """
note load "$1 $2"
touch {ledger}/speak
while [ -e {ledger}/speak ]; do sleep 0.01; done
[ -e {ledger}/breaks.$2 ] && rm {ledger}/breaks.$2 && exit 5
[ -e {ledger}/kills.$2 ] && mv {ledger}/kills.$2 {ledger}/die && sleep 1000
[ -e {ledger}/cuts.$2 ] && rm {ledger}/cuts.$2 && kill -9 $PPID && sleep 1000
echo "wke: value=$2"
"""


def mark_of(project: Project) -> str:
    """Return the word that every process of a project has in its environment."""
    return f"wke-mark-{project.folder.name}"


def written(project: Project, experiment: str = EXPERIMENT, **scripts: str) -> Project:
    """Write a configuration whose server is of the version that was installed last, and the experiment."""
    fields = {"mark": mark_of(project), "ledger": project.folder / "ledger"}
    bodies = {"install": INSTALL, "serve": SERVE, "load": LOAD} | scripts
    options = {"install": '[["version", 0]]', "load": '[["version", 0], "rate"]'}
    project.targets(options, **{name: (NOTE + body).format(**fields) for name, body in bodies.items()})
    project.write("experiments/series.toml", experiment)
    return project


@pytest.fixture
def series(emulated: Project) -> Iterator[Project]:
    """Yield a series of 12 trials on a server and a client, of whose processes none may be left."""
    yield written(emulated)
    eventually(lambda: not marked(mark_of(emulated)), within_s=7)


def happened(project: Project, *what: str) -> list[str]:
    """Return what the scripts noted, in order of time, as `WHAT IS`."""
    return [f"{note['what']} {note['is']}" for note in sorted(project.ledger(), key=lambda n: n["at"]) if note["what"] in what]


def check_served(project: Project) -> None:
    """Show that each load met a server of its version that had been started before and was stopped after it, one at a time."""
    serves = ""
    for event in happened(project, "serve", "stopped", "load"):
        what, version = event.split()[:2]
        if what == "serve":
            assert not serves
            serves = version
        elif what == "stopped":
            assert serves == version
            serves = ""
        else:
            assert serves == version
    assert not serves


def deployments(project: Project) -> list[list[str]]:
    """Return for each step with a scope which attempt ran it, trial by trial as they were begun."""
    query = (
        "SELECT d.step, m.trial || '.' || m.number FROM attempts a JOIN deployments d ON d.attempt = a.id JOIN attempts m ON m.id = d.maker "
        "ORDER BY a.id, d.step"
    )
    with closing(sqlite3.connect(project.folder / "results/wke.sqlite")) as store:
        rows = store.execute(query).fetchall()
    return [[maker for at, maker in rows if at == step] for step in range(2)]


def test_trials_share_what_is_deployed(series: Project) -> None:
    """Two versions in each of two rounds are four deployments for twelve trials, as the plan says; the store has which trial used which.

    Each is asked once for its versions, on every machine; a command that fails is told and fails no trial.
    """
    text = (series.folder / "kv/config.toml").read_text()
    kv = f"cat {series.folder}/ledger/version; echo asked >> {series.folder}/ledger/asked.$WKE_MACHINE"
    series.write("kv/config.toml", f"[config]\nversions = {{ kv = '{kv}', none = 'no-such-program --version' }}\n{text}")
    plan = series.wke("plan", "experiments/series.toml").out
    assert "  install on servers, 4 times for the trials to run\n" in plan
    assert "  serve on servers in the background, 4 times for the trials to run\n" in plan
    assert series.wke("plan", "experiments/series.toml", "--json").json["deployments"] == [
        {"target": "install", "times": 4},
        {"target": "serve", "times": 4},
    ]
    done = series.measure()
    assert (done.status, series.outcomes()) == (0, ["ok"] * 12)
    assert len(happened(series, "install")) == len(happened(series, "serve")) == 4
    check_served(series)
    loads = [event.split()[1:] for event in happened(series, "load")]
    for number in range(2):
        assert sorted(loads[6 * number : 6 * number + 6]) == [[version, rate] for version in "12" for rate in "123"]
    installed, served = deployments(series)
    assert installed == served
    assert [installed.count(maker) for maker in dict.fromkeys(installed)] == [3, 3, 3, 3]
    assert "stopped what was left running" not in done.err
    machines = [path.name.partition(".")[2] for path in (series.folder / "ledger").glob("asked.*")]
    assert [len((series.folder / f"ledger/asked.{machine}").read_text().splitlines()) for machine in machines] == [4, 4]
    told = series.wke("results", "series").err
    assert "\nversion of kv: " in f"\n{told}"
    assert f"version of none: not known; not known on {', '.join(sorted(machines))}" in told
    assert "finding" not in told
    assert "the version of none is not known: no-such-program --version: failed(127)" in done.err
    assert "none: not known: failed(127)" in series.wke("show", series.trials()[0].id).out
    with closing(sqlite3.connect(series.folder / "results/wke.sqlite")) as store:
        asked = "SELECT a.point ->> 'version', v.said, count(*) FROM versions v JOIN attempts a ON a.id = v.attempt WHERE name = 'kv' GROUP BY 1, 2"
        assert store.execute(asked).fetchall() == [(1, "1", 12), (2, "2", 12)]
    assert "nothing to run" in series.measure().err


def test_what_names_nothing_is_deployed_once(series: Project) -> None:
    """It serves all rounds; each trial has what the server said while it ran, and what was said between two is kept aside."""
    series.edit("experiments/series.toml", 'options = { version = "{version}" }\n', "")
    series.edit("experiments/series.toml", "version = [1, 2]", "version = 0")
    assert "install on servers, 1 time for" in series.wke("plan", "experiments/series.toml").out
    assert (series.measure().status, series.outcomes()) == (0, ["ok"] * 6)
    assert len(happened(series, "install")) == len(happened(series, "serve")) == 1
    check_served(series)
    first, *others = sorted(series.trials(), key=lambda trial: trial.started_ns)
    said = [
        b"".join(logs.stdout(trial.folder, task) for task in logs.tasks(trial.folder) if task.target == "serve")
        for trial in (first, *others)
    ]
    assert said == [b"up\nspoke\n"] + [b"spoke\n"] * 5
    assert deployments(series)[1] == [f"{first.id}.1"] * 6
    assert f"deployed in {first.id}.1: results/trials/{first.id}/1\n" in series.wke("logs", others[0].id).err
    assert "deployed" not in series.wke("logs", first.id).err
    with closing(sqlite3.connect(series.folder / "results/wke.sqlite")) as store:
        assert store.execute("SELECT count(*) FROM tasks WHERE target = 'serve'").fetchone() == (0,)


def test_a_step_runs_again_when_one_before_it_did(series: Project) -> None:
    """What is not named by either stays: only the step whose parameter changed, and those after it, are repeated."""
    series.edit("experiments/series.toml", 'options = { version = "{version}" }\n', "")
    series.edit("experiments/series.toml", "background = true", 'background = true\noptions = { memory = "{version}" }')
    series.edit("kv/config.toml", "serve = []", 'serve = ["memory"]')
    plan = series.wke("plan", "experiments/series.toml").out
    assert ("install on servers, 1 time for" in plan, "in the background, 4 times for" in plan) == (True, True)
    series.edit("kv/targets/load", 'note load "$1 $2"', 'note load "0 $2"')
    assert series.measure().status == 0
    assert (len(happened(series, "install")), len(happened(series, "serve"))) == (1, 4)
    check_served(series)


def test_in_sequence_a_point_is_deployed_once_for_its_visit(series: Project) -> None:
    """Scope "point" is for an order that stays at a point; in rounds each visit is one trial, so it is what no scope is."""
    series.edit("experiments/series.toml", 'scope = "deploy"', 'scope = "point"')
    rounds = {trial["id"] for trial in series.wke("plan", "experiments/series.toml", "--json").json["trials"]}
    series.edit("experiments/series.toml", "seed = 1", 'seed = 1\norder = "sequential"')
    plan = series.wke("plan", "experiments/series.toml", "--json").json
    assert not rounds & {trial["id"] for trial in plan["trials"]}
    assert [step["times"] for step in plan["deployments"]] == [6, 6]
    assert series.measure().status == 0
    assert happened(series, "serve") == ["serve 1"] * 3 + ["serve 2"] * 3
    check_served(series)
    series.edit("experiments/series.toml", 'order = "sequential"', 'order = "interleaved"')
    series.edit("experiments/series.toml", 'scope = "point"\n', "")
    assert {trial["id"] for trial in series.wke("plan", "experiments/series.toml", "--json").json["trials"]} == rounds


@pytest.mark.parametrize(
    ("how", "outcome", "why"),
    [
        ("breaks", "failed(5)", "load on m1: failed(5)"),
        ("kills", "failed", "background step serve on m0 ended before the trial did: failed(9)"),
    ],
)
def test_after_a_trial_that_did_not_go_well_all_is_deployed_again(series: Project, how: str, outcome: str, why: str) -> None:
    """Whether the load failed or the server died: the trial after it meets a fresh deployment."""
    series.edit("experiments/series.toml", "version = [1, 2]", "version = 1")
    series.write(f"ledger/{how}.2", "")
    done = series.measure()
    trials = sorted(series.trials(), key=lambda trial: trial.started_ns)
    bad = next(at for at, trial in enumerate(trials) if trial.point["rate"] == 2)
    assert [trial.outcome for trial in trials] == ["ok"] * bad + [outcome] + ["ok"] * (5 - bad)
    assert trials[bad].why.startswith(why)
    assert done.status != 0
    assert len(happened(series, "install")) == len(happened(series, "serve")) == 2
    makers = deployments(series)[1]
    assert [makers.index(maker) for maker in makers] == [0] * (bad + 1) + [bad + 1] * (5 - bad)
    again = series.measure()  # one that was killed before it could make use of another's deployment made its own
    assert (again.status, len(happened(series, "serve"))) == (0, 3)


def test_a_trial_that_lost_contact_runs_again_on_a_fresh_deployment(series: Project) -> None:
    """So do all that follow it; its own repetition comes last, and uses the new deployment too."""
    series.edit("experiments/series.toml", "version = [1, 2]", "version = 1")
    series.write("ledger/cuts.2", "")
    done = series.measure()
    assert (done.status, series.outcomes()) == (0, ["ok"] * 6)
    assert "\n    load on m1: lost" in done.err
    assert len(happened(series, "install")) == len(happened(series, "serve")) == 2
    assert max(series.trials(), key=lambda trial: trial.started_ns).attempt == 2


def test_a_server_that_dies_between_trials_costs_none(series: Project) -> None:
    """It is noticed before the next trial begins, which deploys again; what it said meanwhile is kept aside."""
    series.edit("experiments/series.toml", "version = [1, 2]\nrate = [1, 2, 3]", "version = 1\nrate = [1, 2]")
    series.edit("experiments/series.toml", "iterations = 2", 'iterations = 1\ncooldown = "2s"')
    series.edit("kv/targets/serve", "exit 9", "echo dies; exit 9")
    process = series.start("measure", "experiments/series.toml", "--no-figures")
    stored = series.folder / "results/trials"
    eventually(lambda: process.poll() is not None or any(stored.glob("*/1")), within_s=30)
    series.write("ledger/die", "")
    _, err = process.communicate(timeout=limit(60))
    assert (process.returncode, series.outcomes()) == (0, ["ok"] * 2), err
    assert len(happened(series, "serve")) == 2
    first = min(series.trials(), key=lambda trial: trial.started_ns)
    assert (series.folder / f"results/deployments/{first.id}.1/01-serve/m0.out").read_bytes() == b"dies\n"


def test_killed_while_it_deploys(series: Project) -> None:
    """After kill -9 in the middle of a deployment the same command deploys anew, and nothing of the old one is left or used."""
    series.write("ledger/hang", "")
    process = series.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: (series.folder / "ledger/hanging").exists() or process.poll() is not None, within_s=30)
    process.kill()
    process.communicate()
    (series.folder / "ledger/hang").unlink()
    done = series.measure()
    assert (done.status, series.outcomes()) == (0, ["ok"] * 12)
    assert len(happened(series, "install")) == 5
    assert len(happened(series, "serve")) == 4
    check_served(series)
    (first,) = [trial for trial in series.trials() if trial.attempt == 2]
    assert deployments(series)[0][0] == f"{first.id}.2"


def test_killed_while_a_deployment_serves(series: Project) -> None:
    """A trial that was interrupted runs again on a deployment of its own; those before it stay."""
    series.write("ledger/wait", "")
    with (series.folder / "kv/targets/load").open("a") as script:
        script.write(
            f'[ "$2" = 3 ] && touch {series.folder}/ledger/waits && while [ -e {series.folder}/ledger/wait ]; do sleep 0.02; done; true\n'
        )
    process = series.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: (series.folder / "ledger/waits").exists() or process.poll() is not None, within_s=30)
    process.kill()
    process.communicate()
    before = len([trial for trial in series.trials() if trial.ok])
    eventually(lambda: not marked(mark_of(series)), within_s=7)
    (series.folder / "ledger/wait").unlink()
    done = series.measure()
    assert (done.status, series.outcomes()) == (0, ["ok"] * 12)
    assert f"; {before} of 12 are stored already" in done.err
    assert [trial.attempt for trial in series.trials()].count(2) == 1
    assert len(happened(series, "load")) == 13


def test_interrupted_nothing_stays(series: Project) -> None:
    """Ctrl-C stops what is deployed before the command ends."""
    with (series.folder / "kv/targets/load").open("a") as script:
        script.write(f"touch {series.folder}/ledger/waits; sleep 1000\n")
    process = series.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: (series.folder / "ledger/waits").exists() or process.poll() is not None, within_s=30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=limit(60))
    assert (process.returncode, marked(mark_of(series)), "Traceback" in err) == (130, [], False)


def test_a_daemon_that_is_deployed_stays(series: Project) -> None:
    """A server that a step with a scope left running belongs to what is deployed, whatever it shed; trials' own daemons do not.

    Of the two copies of `serve` nobody can tell which one's the second daemon is, only that it was there before the trial.
    """
    mark = mark_of(series)
    daemon = f"sleep 0.1\n(setsid env -i bash -c 'exec -a {mark}-KIND sleep 1000' > /dev/null 2>&1 &)\nsleep 0.1\n"
    series.edit("kv/targets/serve", "echo up\n", daemon.replace("KIND", "serve") + "echo up\n")
    series.edit("experiments/series.toml", "background = true", "background = true\nmultiply = 2")
    for target in ("install", "load"):
        with (series.folder / "kv/targets" / target).open("a") as script:
            script.write(daemon.replace("KIND", target))
    counts = " ".join(f"$(pgrep -cf '^{mark}-[{kind[0]}]{kind[1:]}')" for kind in ("install", "serve", "load"))
    series.edit("kv/targets/load", "#!/bin/bash\n", f"#!/bin/bash\necho $WKE_MACHINE {counts} >> {series.folder}/ledger/daemons\n")
    series.edit("experiments/series.toml", 'on = "clients"', 'on = "all"')
    assert series.measure("--only", "version=1").status == 0
    assert sorted((series.folder / "ledger/daemons").read_text().splitlines()) == ["m0 1 2 0"] * 6 + ["m1 0 0 0"] * 6


def test_what_is_shared_cannot_be_detached(series: Project) -> None:
    """It belongs to the command: asked for, that is refused before anything starts; a long lease alone is only told of."""
    done = series.measure("--detach")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "experiments/series.toml:11:1: steps[0].scope: trials that share a deployment cannot be detached: it ends with the command\n"
        "  hint: remove scope, or measure without --detach\n"
    )
    assert happened(series, "install") == []


def test_the_folder_of_a_deployed_task_stays(series: Project) -> None:
    """What a deployed step left in its $WKE_DIR is there for all trials, and what trials leave in theirs goes."""
    ledger = series.folder / "ledger"
    for target, name in (("install", "installed"), ("load", "loaded")):
        with (series.folder / "kv/targets" / target).open("a") as script:
            script.write(f"echo x > $WKE_DIR/file\necho $WKE_DIR/file > {ledger}/{name}.$WKE_MACHINE\n")
    there = f"[ $WKE_MACHINE = m1 ] || cat $(cat {ledger}/installed.m0) >> {ledger}/there\n"
    left = f"[ ! -e {ledger}/loaded.m1 -o $WKE_MACHINE = m0 ] || ls $(cat {ledger}/loaded.m1) 2> /dev/null >> {ledger}/left\n"
    series.edit("kv/targets/load", "#!/bin/bash\n", f"#!/bin/bash\n{there}{left}")
    series.edit("experiments/series.toml", 'on = "clients"', 'on = "all"')
    assert series.measure().status == 0
    assert (ledger / "there").read_text().split() == ["x"] * 12
    assert (ledger / "left").read_text() == ""


SIZED = """
[experiment]
configuration = "kv"
iterations = 2
[parameters]
num-servers = [1, 2]
rate = [1, 2]
[classes]
servers = "{num-servers}"
[[steps]]
target = "serve"
on = "servers"
scope = "deploy"
background = true
ready = { log = "up", within = "20s" }
[[steps]]
target = "load"
on = "clients"
measure = true
options = { servers = "{servers.name}", rate = "{rate}" }
[metrics]
count = {}
"""


def test_a_parameter_sizes_a_class(new_project: Callable[[str], Project]) -> None:
    """With one server the second takes no part: it is not in what scripts are told, runs nothing, and another size is deployed anew."""
    machines = 'm0 = { class = "servers" }\nm1 = { class = "servers" }\nm2 = { class = "clients" }\n'
    project = new_project(f'[cluster]\nprovider = "local"\nlease = "{LEASE}"\nshare = ["ledger"]\n[machines]\n{machines}')
    note = NOTE.format(mark=mark_of(project), ledger=project.folder / "ledger")
    load = 'note load "$1"\necho "wke: count=$(echo $1 | tr , "\\n" | wc -l)"\n'
    serve = "trap 'note stopped; exit' TERM\nnote serve\necho up\nwhile :; do sleep 0.02; done\n"
    project.targets({"load": '["servers", "rate"]'}, serve=note + serve, load=note + load)
    project.write("experiments/series.toml", SIZED)
    assert "serve on servers in the background, 4 times for the trials to run\n" in project.wke("plan", "experiments/series.toml").out
    done = project.measure()
    assert (done.status, project.outcomes()) == (0, ["ok"] * 8)
    assert all(trial.observations["count"] == trial.point["num-servers"] for trial in project.trials())
    serving: set[str] = set()
    for entry in project.ledger():
        if entry["what"] == "load":
            assert ",".join(sorted(serving)) == entry["is"]
        elif entry["what"] == "serve":
            serving.add(entry["machine"])
        else:
            serving.discard(entry["machine"])
    assert Counter(entry["machine"] for entry in project.ledger() if entry["what"] == "serve") == {"m0": 4, "m1": 2}
    assert marked(mark_of(project)) == []

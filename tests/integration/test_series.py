"""`wke measure`: a real series from its plan to its figures; what runs again after a change; how trials fail and what is said of them."""

import csv
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import SERIES_POINTS, Done, Project, by_point, emulated_cluster, write_series
from sshd import cluster_toml, sshd_machine
from support import LEASE, LEASE_S, limit

EACH_POINT_TWICE = {"old 1": 2, "old 4": 2, "new 1": 2, "new 4": 2}


def no_machines(project: Project) -> dict[str, str]:
    """Return an environment in which every attempt to reach or make a machine leaves a trace in `started` and fails."""
    for program in ("ssh", "nsenter", "unshare"):
        stand_in = project.write(f"bin/{program}", f"#!/bin/sh\necho {program} >> {project.folder}/started\nexit 1\n")
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{project.folder}/bin:{os.environ['PATH']}", "WKE_EMULATION_FOLDER": str(project.folder / "started")}


def began(project: Project, what: str = "begin") -> dict[str, int]:
    """Count the trials in the ledger by point: what the client on m1 noted."""
    notes = [note for note in project.ledger() if note["what"] == what and note["machine"] == "m1"]
    return by_point({"engine": note["engine"], "size": note["size"]} for note in notes)


# -- the whole way


def test_a_series_ends_with_table_csv_and_figures_and_is_reused(project: Project) -> None:
    """Two engines, two sizes, two iterations; the second time nothing runs, no machine is touched, and the same is said."""
    write_series(project)
    done = project.wke("measure", "experiments/series.toml")
    assert (done.status, began(project), project.outcomes()) == (0, EACH_POINT_TWICE, ["ok"] * 8)
    assert "series: 8 trials to run; 0 of 8 are stored already and reused; seed 7\n" in done.err
    table = done.out.splitlines()
    assert table[0].split() == ["engine", "size", "n", "throughput", "(1/s)", "answers"]
    assert [row.split()[:3] for row in table[1:]] == [[point["engine"], str(point["size"]), "2"] for point in SERIES_POINTS]
    files = sorted(str(path.relative_to(project.folder)) for path in project.folder.glob("plots/[!.]*"))
    assert files == [f"plots/series.{suffix}" for suffix in ("csv", "pdf", "png", "svg")]
    assert [name for name in [*files, "results/series.csv"] if f"  {name}\n" not in done.err] == []
    rows = (project.folder / "results/series.csv").read_text().splitlines()
    assert rows[0] == "uid,engine,size,throughput,answers"
    trials = {trial.id: trial for trial in project.trials()}
    for row in csv.DictReader(rows):
        seen = trials[row["uid"]].observations
        assert (float(row["throughput"]), float(row["answers"])) == (seen["throughput"], seen["answers"])
        assert seen["throughput"] > 0
    assert len(rows) == 1 + 8

    drawn = {name: (project.folder / name).stat().st_mtime_ns for name in files}
    again = project.wke("measure", "experiments/series.toml", **no_machines(project))
    assert {name: (project.folder / name).stat().st_mtime_ns for name in files} == drawn
    assert [name for name in files if f"  {name}\n" not in again.err] == []
    assert "series: nothing to run: all 8 trials are stored and nothing they depend on has changed\n" in again.err
    assert (again.status, again.out) == (0, done.out)
    assert began(project) == EACH_POINT_TWICE
    assert not (project.folder / "started").exists()


@pytest.mark.netns
@pytest.mark.sshd
def test_the_same_experiment_runs_over_ssh(emulated: Project, ssh_cluster: str) -> None:
    """With another cluster file and nothing else changed, the series is measured on the other machines: results of the first do not count."""
    write_series(emulated).write("cluster.toml", emulated_cluster(3))
    first = emulated.measure("--only", "size=1", "--only", "engine=new")
    other = emulated.write("ssh.toml", ssh_cluster)
    second = emulated.measure("-f", str(other), "--only", "size=1", "--only", "engine=new")
    assert (first.status, second.status) == (0, 0)
    assert "series: 2 trials to run; 0 of 8 are stored" in second.err
    assert began(emulated) == {"new 1": 4}
    assert "series: nothing to run" in emulated.measure("--only", "size=1", "--only", "engine=new", **no_machines(emulated)).err


@pytest.mark.parametrize("mode", ["processes", pytest.param("user-namespaces", marks=pytest.mark.netns)])
def test_a_series_runs_in_every_way_of_emulating(emulated: Project, mode: str) -> None:
    """Without root there are user namespaces, without those plain processes; what is then missing is said."""
    write_series(emulated)
    done = emulated.measure("--only", "size=1", "--only", "engine=new", WKE_EMULATION=mode)
    if "refuses to emulate" in done.err:
        pytest.skip(f"kernel: {done.err}")
    assert (done.status, emulated.outcomes()) == (0, ["ok"] * 2)
    lacks = {"processes": "the machines are plain processes of this computer", "user-namespaces": "the machines have no user but root"}
    assert lacks[mode] in done.err
    assert "series: nothing to run" in emulated.measure("--only", "size=1", "--only", "engine=new", WKE_EMULATION=mode).err


# -- what runs again


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, keepers: Path) -> Project:
    """Return a series that was measured once."""
    folder = tmp_path_factory.mktemp("measured")
    project = write_series(Project(folder, emulated_cluster(2), {"WKE_EMULATION_FOLDER": str(keepers)}))
    assert project.measure().status == 0
    return project


ALL = dict(EACH_POINT_TWICE)
EDITS = {
    "a comment in each file": ([("experiments/series.toml", "[metrics]", "# a comment\n[metrics]  # another"), ("kv/config.toml", "[targets]", "# x\n[targets]"), ("cluster.toml", "[machines]", "# x\n[machines]")], {}),
    "a description": ([("experiments/series.toml", "Two engines", "Two fine engines")], {}),
    "which way is better": ([("experiments/series.toml", ', better = "higher"', "")], {}),
    "the script of one engine": ([("kv/targets/start-new", "# engine", "# the engine")], {"new 1": 2, "new 4": 2}),
    "the script that all use": ([("kv/targets/load", "answers = 0", "answers = 00")], ALL),
    "a default in use": ([("kv/config.toml", '["unused", "x"]', '["unused", "y"]')], {"new 1": 2, "new 4": 2}),
    "a default that is overridden": ([("kv/config.toml", '["size", 1]', '["size", 2]')], {}),
    "a new option": ([("kv/config.toml", '["seconds", 0.05]]', '["seconds", 0.05], ["more", 1]]')], ALL),
    "a new target": ([("kv/config.toml", "[targets]", "[targets]\nother = []")], {}),
    "one iteration more": ([("experiments/series.toml", "iterations = 2", "iterations = 3")], dict.fromkeys(ALL, 1)),
    "one iteration less": ([("experiments/series.toml", "iterations = 2", "iterations = 1")], {}),
    "a value more": ([("experiments/series.toml", "size = [1, 4]", "size = [1, 2, 4]")], {"old 2": 2, "new 2": 2}),
    "another order and seed": ([("experiments/series.toml", "seed = 7", 'seed = 8\norder = "sequential"')], {}),
    "a timeout": ([("experiments/series.toml", 'timeout = "20s"', 'timeout = "21s"')], ALL),
    "a metric": ([("experiments/series.toml", 'answers = { log = "answers: ([0-9]+)"', 'answers = { log = "answers: ([0-9]*)"')], ALL),
    "a machine that takes no part": ([("cluster.toml", "[machines]", "[machines]\nspare = {}")], None),
    "the lease": ([("cluster.toml", f'lease = "{LEASE}"', f'lease = "{LEASE_S + 1}s"')], {}),
}  # fmt: skip


@pytest.mark.netns
@pytest.mark.parametrize("edit", [name for name in EDITS if EDITS[name][1] is not None])
def test_what_has_to_run_again(measured: Project, edit: str) -> None:
    """Exactly the trials whose result could be another one now."""
    changes, expected = EDITS[edit]
    before = {path: (measured.folder / path).read_text() for path, _, _ in changes}
    try:
        for path, old, new in changes:
            measured.edit(path, old, new)
        assert by_point(measured.due()) == expected
    finally:
        for path, text in before.items():
            measured.write(path, text)
    assert measured.due() == []


@pytest.mark.netns
def test_after_an_edit_only_what_depends_on_it_is_measured(emulated: Project) -> None:
    """The new trials take the place of the old ones in every result; changed back, the old ones count again."""
    write_series(emulated)
    assert emulated.measure("--only", "size=1").status == 0
    emulated.edit("kv/targets/start-new", "# engine", "# the engine")
    done = emulated.measure("--only", "size=1")
    assert began(emulated) == {"old 1": 2, "new 1": 4}
    assert "series: 2 trials to run; 2 of 8 are stored already and reused" in done.err
    edited = {trial.id for trial in emulated.trials()}
    emulated.edit("kv/targets/start-new", "# the engine", "# engine")
    assert "series: nothing to run" in emulated.measure("--only", "size=1").err
    assert len(edited & {trial.id for trial in emulated.trials()}) == 2


# -- trials that fail

FLAKY = """
[experiment]
configuration = "kv"
iterations = 1
order = "sequential"
[parameters]
x = [1, 2, 3]
[[steps]]
target = "work"
on = "all"
measure = true
options = { x = "{x}" }
[metrics]
value = { join = "sum" }
"""


def flaky(project: Project) -> Project:
    """Write a series in which the second of three trials fails on m1 as long as ledger/broken is there."""
    ledger = project.folder / "ledger"
    project.targets(
        {"work": '["x"]'},
        work=f'echo "$1" >> {ledger}/ran.$WKE_MACHINE\n[ "$WKE_MACHINE$1" = m12 ] && [ -e {ledger}/broken ] && exit 5\necho "wke: value=$1"\n',
    )
    project.write("experiments/series.toml", FLAKY)
    project.write("ledger/broken", "")
    return project


def ran(project: Project) -> list[str]:
    """Return the values of x that m0 was given so far."""
    file = project.folder / "ledger/ran.m0"
    return file.read_text().split() if file.exists() else []


def test_a_failed_trial_does_not_end_the_series_and_runs_again(project: Project) -> None:
    """It is stored with the reason, is told at the end and by the status, and the next command runs it and nothing else."""
    flaky(project)
    done = project.measure()
    assert (done.status, ran(project), project.outcomes()) == (1, ["1", "2", "3"], ["ok", "failed(5)", "ok"])
    failed = project.trials()[1]
    assert (failed.why, failed.observations, failed.attempt) == ("work on m1: failed(5)", {}, 1)
    assert "[2/3] x=2, iteration 1: failed(5), " in done.err
    assert f"{failed.id} failed(5): work on m1: failed(5)\n" in done.err
    assert [line.split() for line in done.out.splitlines()] == [
        ["x", "n", "value", "failed"],
        ["1", "1", "3.000", "0"],
        ["2", "0", "–", "1"],
        ["3", "1", "9.000", "0"],
    ]
    (project.folder / "ledger/broken").unlink()
    again = project.measure()
    assert (again.status, ran(project), project.outcomes()) == (0, ["1", "2", "3", "2"], ["ok"] * 3)
    assert "series: 1 trial to run; 2 of 3 are stored already and reused" in again.err
    assert project.trials()[1].attempt == 2


@pytest.mark.netns
def test_which_trials_run_can_be_chosen(emulated: Project) -> None:
    """--fail-fast stops after a failure, --only and --limit take some of the missing trials, --dry-run takes none."""
    flaky(emulated)
    assert (emulated.measure("--dry-run").status, ran(emulated)) == (0, [])
    dry = emulated.measure("--dry-run", "--limit", "1").out.splitlines()
    assert [line.split()[1:3] for line in dry if not line.startswith(("series:", "  "))] == [["to", "run"]]
    assert (emulated.measure("--fail-fast").status, ran(emulated)) == (1, ["1", "2"])
    (emulated.folder / "ledger/broken").unlink()
    assert (emulated.measure("--only", "x=3").status, ran(emulated)) == (0, ["1", "2", "3"])
    assert "nothing to run" in emulated.measure("--only", "x=3").err
    emulated.edit("experiments/series.toml", "x = [1, 2, 3]", "x = [1, 2, 3, 4, 5]")
    assert (emulated.measure("--limit", "2").status, ran(emulated)) == (0, ["1", "2", "3", "2", "4"])


BACKGROUND = """
[experiment]
configuration = "kv"
iterations = 2
[[steps]]
target = "serve"
on = "m0"
background = true
READY
[[steps]]
target = "work"
on = "m1"
measure = true
"""


def background(project: Project, serve: str, work: str = "true", ready: str = "") -> Done:
    """Measure a series of two trials with a background step; the target `ping` succeeds as long as there is a file `up`."""
    ledger = project.folder / "ledger"
    project.targets(serve=serve.replace("LEDGER", str(ledger)), work=work.replace("LEDGER", str(ledger)), ping=f"test -e {ledger}/up")
    project.write("experiments/series.toml", BACKGROUND.replace("READY", f"ready = {{ {ready} }}" if ready else ""))
    return project.measure()


@pytest.mark.netns
@pytest.mark.parametrize(
    ("serve", "work", "ready", "why"),
    [
        ("until [ -e LEDGER/begun ]; do sleep 0.02; done; rm LEDGER/begun; exit 9", "touch LEDGER/begun; sleep 100", "", "background step serve on m0 ended before the trial did: failed(9)"),
        ("until [ -e LEDGER/begun ]; do sleep 0.02; done; rm LEDGER/begun; exit 0", "touch LEDGER/begun; sleep 100", "", "background step serve on m0 ended before the trial did: ok"),
        ("exit 4", "true", 'log = "never", within = "20s"', "background step serve on m0 ended before the trial did: failed(4)"),
        ("echo almost; sleep 100", "true", 'log = "never", within = "200ms"', 'serve was not ready within 0.2 s: no line of its output on m0 matched "never"'),
        ("sleep 100", "true", 'port = 7071, within = "200ms"', "serve was not ready within 0.2 s: port 7071 of m0 did not answer"),
        ("sleep 100", "true", 'target = "ping", within = "400ms"', "serve was not ready within 0.4 s: target ping did not succeed on m0"),
    ],
    ids=["dies-while-measured", "ends-well-while-measured", "dies-before-it-is-ready", "no-such-line", "no-such-port", "no-such-answer"],
)  # fmt: skip
def test_a_background_step_that_fails_its_trial(emulated: Project, serve: str, work: str, ready: str, why: str) -> None:
    """The trial has failed, its reason names the step and the machine, and the next trial runs."""
    done = background(emulated, serve, work, ready)
    late = "not ready" in why
    assert [(trial.outcome, trial.why) for trial in emulated.trials()] == [("timed-out" if late else "failed", why)] * 2
    assert done.status == (124 if late else 1)


@pytest.mark.parametrize(
    ("ready", "serve"),
    [
        ('log = "ready on [0-9]+"', "sleep 0.2; printf 'ready on '; touch LEDGER/up; echo 7; sleep 100"),
        ('target = "ping"', "sleep 0.2; touch LEDGER/up; sleep 100"),
    ],
    ids=["log", "target"],
)
def test_the_measured_step_waits_until_the_server_is_ready(project: Project, ready: str, serve: str) -> None:
    """It sees what the server did before it said so; ports are what the whole series waits for."""
    done = background(project, serve, "rm LEDGER/up", ready + ', within = "20s"')
    assert (project.outcomes(), done.status) == (["ok", "ok"], 0)


@pytest.mark.netns
def test_a_trial_whose_metrics_cannot_be_read_has_failed(emulated: Project) -> None:
    """What is missing is said with the trial, not at the end of the night."""
    emulated.targets({"work": '["x"]'}, work='[ "$1" = 1 ] && echo "wke: value=12"; [ "$1" = 2 ] && echo "wke: value=much"; true\n')
    emulated.write("experiments/series.toml", FLAKY.replace('on = "all"', 'on = "m0"'))
    assert emulated.measure().status == 1
    one, two, three = emulated.trials()
    assert (one.outcome, one.observations) == ("ok", {"value": 12.0})
    assert [two.outcome, three.outcome] == ["failed", "failed"]
    assert "value" in two.why
    assert "value" in three.why
    assert two.why != three.why


# -- machines that go away

CUT = """
[experiment]
configuration = "kv"
iterations = 6
[[steps]]
target = "work"
on = "all"
measure = true
"""


def test_a_machine_that_is_lost_costs_no_trial(project: Project) -> None:
    """Contact is lost in the second trial. Its outcome is unknown, so it is `lost`, and it runs again on a new connection."""
    ledger = project.folder / "ledger"
    project.targets(
        work=f"echo >> {ledger}/count.$WKE_MACHINE\n[ $(wc -l < {ledger}/count.m1) = 2 ] && [ $WKE_MACHINE = m1 ] && kill -9 $PPID\nsleep 0.05\n"
    )
    project.write("experiments/series.toml", CUT.replace("6", "3"))
    done = project.measure()
    assert (done.status, project.outcomes()) == (0, ["ok", "ok", "ok"])
    assert [trial.attempt for trial in project.trials()] == [1, 2, 1]
    assert "\n    work on m1: lost, " in done.err


WAITS = """
[experiment]
configuration = "kv"
iterations = 3
[[steps]]
target = "server"
on = "m0"
background = true
ready = { port = 9, within = "20s" }
[[steps]]
target = "work"
on = "all"
measure = true
"""


@pytest.mark.sshd
def test_a_strangers_port_is_refused_and_a_silent_one_told(new_project: Callable[[str], Project], ssh_cluster: str) -> None:
    """A program that answers on the port before the step began is no server of ours; a server that does not answer shows its last lines."""
    project = new_project(ssh_cluster)
    project.targets(server=f"echo >{project.folder}/ledger/began; echo trying; echo to bind; sleep 1000\n", work="true\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        series = WAITS.replace("port = 9", f"port = {port}").replace("iterations = 3", "iterations = 1")
        within = f"{limit(1):.0f}"
        project.write("experiments/series.toml", series.replace("20s", within + "s"))
        assert (project.measure().status, (project.folder / "ledger/began").exists()) == (1, False)
        why = project.trials()[0].why
        assert why.startswith(f"port {port} of m0 is used by ")
        assert f"(pid {os.getpid()})" in why
    done = project.measure()
    assert project.trials()[0].why == f"server was not ready within {within} s: port {port} of m0 did not answer"
    assert f"port {port} of m0 did not answer\n    m0 │ trying\n    m0 │ to bind\n" in done.err


def test_a_machine_that_is_lost_again_and_again_ends_the_series(emulated: Project) -> None:
    """Contact that breaks off while the runner asks the machine for a port does not end the series; that it does so each time does."""
    emulated.targets(server="kill -9 $PPID; sleep 1000\n", work="true\n")
    emulated.write("experiments/series.toml", WAITS)
    done = emulated.measure("--notify", 'echo "$WKE_EVENT $WKE_STATUS $WKE_FAILED $WKE_MESSAGE" > told')
    assert (done.status, emulated.outcomes()) == (3, ["lost", "lost", "lost"])
    assert all("m0" in trial.why for trial in emulated.trials())
    assert done.err.count(": lost, ") == 5
    assert "the series stops: 5 trials in a row failed alike, the last one with: " in done.err
    told = (emulated.folder / "told").read_text()
    assert told.startswith("stopped 3 3 the series stops: 5 trials in a row failed alike, the last one with: ")


@pytest.mark.sshd
def test_a_machine_that_reboots_is_waited_for(new_project: Callable[[str], Project], tmp_path: Path) -> None:
    """The series goes on when the machine is back, and no trial is missing; one that stays away ends the series, and costs no trial."""
    with sshd_machine(tmp_path / "sshd") as machine:
        project = new_project(cluster_toml([machine]).replace("[machines]", f'wait = "{limit(20):.0f}s"\n[machines]'))
        project.targets(
            work=f"echo >> {project.folder}/ledger/count; [ $(wc -l < {project.folder}/ledger/count) = 2 ] && kill {machine.pid} && kill -9 $PPID; true"
        )
        project.write("experiments/series.toml", CUT.replace("6", "3"))
        running = project.start("measure", "experiments/series.toml", "--no-figures", together=True)
        lines = iter(running.stdout.readline, "")
        assert any(line.startswith("the series waits for at most ") for line in lines)
        with machine.again() as back:
            assert any(line == "contact again; the series goes on\n" for line in lines)
            running.communicate(timeout=limit(60))
            assert (running.returncode, project.outcomes(), project.trials()[1].attempt) == (0, ["ok"] * 3, 2)
            project.edit("cluster.toml", "wait = ", "wait = 0 # ")
            project.targets(work=f"kill {back.pid}; kill -9 $PPID\n")
            done = project.measure()
    assert (done.status, project.outcomes()) == (3, ["lost"])
    assert done.err.endswith(
        "machines were out of reach; the series stops here\n"
        "  hint: what was measured is stored; when the machines are back, run the same command again to continue\n"
    )

"""`wke measure --detach`: a trial outlives its command, is taken up as if nothing had happened, and ends with its lease or on request."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from projects import Project, emulated_cluster
from sshd import cluster_toml, sshd_machine
from support import LEASE, LEASE_S, eventually, limit, marked

from wke.keep.output import logs

SERIES = """
[experiment]
configuration = "kv"
seed = 1
[[steps]]
target = "serve"
on = "servers"
background = true
ready = { log = "up", within = "20s" }
[[steps]]
target = "work"
on = "clients"
measure = true
[metrics]
value = { join = "sum" }
"""

SERVE = """#!/bin/bash
[ "$MARK" = {mark} ] || MARK={mark} exec "$BASH" "$0" "$@"
echo "{{\\"what\\": \\"serve\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"at\\": $(date +%s%N)}}" >> {ledger}/ledger
echo up
while :; do sleep 1; done
"""

WORK = """#!/bin/bash
[ "$MARK" = {mark} ] || MARK={mark} exec "$BASH" "$0" "$@"
note() {{ echo "{{\\"what\\": \\"$1\\", \\"machine\\": \\"$WKE_MACHINE\\", \\"at\\": $(date +%s%N)}}" >> {ledger}/ledger; }}
note begin
seq 1 200000
while [ ! -e {ledger}/go ]; do sleep 0.02; done
seq 200001 400000
echo "wke: value=1"
note end
"""


def mark_of(project: Project) -> str:
    """Return the word that every process of a project's series has in its environment."""
    return f"wke-mark-{project.folder.name}"


def written(project: Project) -> Project:
    fields = {"mark": mark_of(project), "ledger": project.folder / "ledger"}
    project.targets(serve=SERVE.format(**fields), work=WORK.format(**fields))
    project.write("experiments/series.toml", SERIES)
    return project


def notes(project: Project, what: str) -> list[dict]:
    return [note for note in project.ledger() if note["what"] == what]


def begin(project: Project, *flags: str) -> "subprocess.Popen[str]":
    """Start measuring and return once both clients are in the middle of their work, for the so-manieth time."""
    before = len(notes(project, "begin"))
    process = project.start("measure", "experiments/series.toml", "--no-figures", *flags)
    eventually(lambda: len(notes(project, "begin")) == before + 2 or process.poll() is not None, within_s=40)
    assert process.poll() is None, process.communicate()
    return process


def stored(project: Project, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(project.folder / "results/wke.sqlite")) as connection:
        return connection.execute(query).fetchall()


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def take_up(project: Project) -> "subprocess.Popen[str]":
    """Start measuring again and return once it has read what both clients had said before, and the machines send it their telemetry."""
    partial = project.folder / "results/partial"
    shutil.rmtree(partial)  # what the command before had of it is not needed
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: sum(p.stat().st_size > 1_000_000 for p in partial.glob("*/*-work/m?.out")) == 2, within_s=20)
    eventually(lambda: list(partial.glob("*/telemetry.wke")), within_s=20)
    return process


def go(project: Project) -> None:
    project.write("ledger/go", "")


@pytest.fixture(scope="module")
def lasting_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Yield what makes a cluster file with that lease for m0 (class servers) and m1, m2 (clients), each behind a server of its own."""
    with (
        sshd_machine(tmp_path_factory.mktemp("m0"), "m0") as m0,
        sshd_machine(tmp_path_factory.mktemp("m1"), "m1") as m1,
        sshd_machine(tmp_path_factory.mktemp("m2"), "m2") as m2,
    ):

        def cluster(lease: str) -> str:
            servers, *clients = cluster_toml([m0, m1, m2], lease=lease).rpartition("m1 = ")
            return servers + "".join(clients).replace('"servers"', '"clients"')

        yield cluster


@pytest.fixture
def on_ssh(new_project: Callable[[str], Project], lasting_ssh: Callable[[str], str]) -> Iterator[Callable[[str], Project]]:
    """Yield what makes a series on machines behind ssh, with that lease; in the end nothing of it may be left."""
    made: list[Project] = []

    def make(lease: str = "60s") -> Project:
        made.append(written(new_project(lasting_ssh(lease))))
        return made[-1]

    yield make
    for project in made:
        eventually(lambda project=project: not marked(mark_of(project)), within_s=10)


@pytest.fixture
def kept(new_project: Callable[[str], Project]) -> Iterator[Project]:
    """Yield a series on emulated machines that stay."""
    project = written(new_project(emulated_cluster(3, lease="60s")))
    up = project.wke("cluster", "up")
    assert up.status == 0, up.err
    yield project
    project.wke("cluster", "down")
    assert marked(mark_of(project)) == []


@pytest.fixture(params=[pytest.param("kept", marks=pytest.mark.netns), pytest.param("ssh", marks=pytest.mark.sshd)])
def lasting(request: pytest.FixtureRequest) -> Project:
    """Return a series on machines that stay: emulated ones and ones behind ssh."""
    return request.getfixturevalue("kept") if request.param == "kept" else request.getfixturevalue("on_ssh")()


def check_whole(project: Project) -> None:
    """Show that the trial was one attempt, that no script was started twice, and that all output is there, once."""
    (trial,) = project.trials()
    assert (trial.outcome, trial.attempt, trial.observations) == ("ok", 1, {"value": 2})
    assert sorted(note["machine"] for note in notes(project, "begin")) == ["m1", "m2"]
    assert [note["machine"] for note in notes(project, "serve")] == ["m0"]
    said = {(task.target, task.machine): logs.stdout(trial.folder, task) for task in logs.tasks(trial.folder)}
    whole = b"".join(b"%d\n" % n for n in range(1, 400_001)) + b"wke: value=1\n"
    assert said == {("serve", "m0"): b"up\n", ("work", "m1"): whole, ("work", "m2"): whole}


def test_a_killed_command_loses_nothing(lasting: Project) -> None:
    """Kill -9 in the measured step, which ends while nobody is there: the next command takes it up, and times are those of the machines."""
    kill(begin(lasting, "--detach"))
    assert marked(mark_of(lasting))
    go(lasting)
    eventually(lambda: len(notes(lasting, "end")) == 2)
    ((agreed_ns,),) = stored(lasting, "SELECT DISTINCT json_extract(release, '$[0]') FROM detached WHERE release IS NOT NULL")
    later_ns = time.time_ns()
    done = lasting.measure()
    assert done.status == 0, done.err
    check_whole(lasting)
    (trial,) = lasting.trials()
    index = next(p for p in trial.folder.glob("*-work/m1.idx")).read_bytes()
    assert len(index) % logs.PIECE.size == 0
    assert max(record[0] for record in logs.PIECE.iter_unpack(index)) < later_ns
    ((released_ns, skew_ns, bound_ns),) = stored(lasting, "SELECT released_ns, skew_ns, bound_ns FROM starts")
    assert released_ns == agreed_ns  # and the clocks are those that were read then
    assert (skew_ns < 2_000_000_000, bound_ns < 1_000_000_000) == (True, True)
    assert "nothing to run" in lasting.measure().err


@pytest.mark.sshd
def test_a_series_is_killed_again_and_again(on_ssh: Callable[[str], Project]) -> None:
    """Each command takes up what the one before left, while it goes on; the last one finishes it and runs what is due behind it."""
    project = on_ssh()
    project.edit("experiments/series.toml", "seed = 1", "seed = 1\niterations = 2")
    kill(begin(project, "--detach"))
    for _ in range(2):
        kill(take_up(project))
    assert len(notes(project, "begin")) == 2
    go(project)
    last = project.measure()
    assert (last.status, [trial.attempt for trial in project.trials()]) == (0, [1, 1])
    assert "[1/2] iteration 1: ok" in last.err
    assert "[2/2] iteration 2: ok" in last.err
    assert (len(notes(project, "begin")), len(notes(project, "serve"))) == (4, 2)


@pytest.mark.sshd
@pytest.mark.parametrize("how", ["SIGINT", "SIGHUP"])
def test_who_is_asked_to_end_leaves_the_trial_running(on_ssh: Callable[[str], Project], how: str) -> None:
    """Ctrl-C and a closed terminal: it goes on and says so; `wke abandon` stops it, and then it runs as a new attempt."""
    project = on_ssh()
    process = begin(project, "--detach")
    process.send_signal(getattr(signal, how))
    _, err = process.communicate(timeout=limit(60))
    (trial,) = project.trials()
    assert trial.outcome == "running"
    assert "detached: without this command a trial continues for at most 1 min 0 s\n" in err
    left = f"trial {trial.id} keeps running on 3 machines for at most 1 min 0 s; "
    assert left + "`wke measure experiments/series.toml` takes it up again, `wke abandon` stops it\n" in err
    assert (process.returncode, "Traceback" in err) == ({"SIGINT": 130, "SIGHUP": 143}[how], False)
    assert marked(mark_of(project))

    project.write("experiments/other.toml", SERIES.replace('"work"', '"serve"'))
    other = project.wke("measure", "experiments/other.toml")
    assert other.status == 2
    assert f"trial {trial.id} of series series was left running on 3 machines" in other.err

    stopped = project.wke("abandon")
    assert (stopped.status, stopped.err) == (0, f"trial {trial.id} of series series is stopped on 3 machines\n")
    assert marked(mark_of(project)) == []
    assert [(t.outcome, t.why) for t in project.trials()] == [("interrupted", "abandoned")]
    assert project.wke("abandon").err == "nothing was left running\n"
    go(project)
    assert project.measure().status == 0
    assert [trial.attempt for trial in project.trials()] == [2]


@pytest.mark.sshd
def test_a_lease_that_runs_out_ends_it(on_ssh: Callable[[str], Project]) -> None:
    """Killed, and nobody came in time: the machines are clean, and the trial runs again, with the reason recorded."""
    project = on_ssh(LEASE)
    kill(begin(project, "--detach"))
    eventually(lambda: not marked(mark_of(project)), within_s=LEASE_S + 5)
    go(project)
    again = project.measure()
    assert (again.status, [trial.attempt for trial in project.trials()]) == (0, [2])
    why = "it was left running, but m0, m1, m2 had stopped it: the lease had run out, or the machine was restarted"
    assert f"runs again: {why}\n" in again.err


@pytest.mark.sshd
def test_ctrl_c_without_detach_stops_what_was_taken_up(on_ssh: Callable[[str], Project]) -> None:
    """The command says what becomes of the trial, not the one that began it."""
    project = on_ssh()
    kill(begin(project, "--detach"))
    process = take_up(project)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=limit(60))
    assert (process.returncode, "keeps running on" in err) == (130, False)
    assert marked(mark_of(project)) == []
    assert project.outcomes() == ["interrupted"]


@pytest.mark.netns
def test_machines_made_for_the_command_cannot_outlive_it(new_project: Callable[[str], Project]) -> None:
    """They end with it: to ask for both is refused before anything is made."""
    project = written(new_project(emulated_cluster(3)))
    done = project.measure("--detach")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "nothing can outlive this command on machines that are made for it alone\n  hint: `wke cluster up` makes machines that stay\n"
    )
    assert notes(project, "serve") == []


def test_secrets_are_for_the_owner_only(kept: Project) -> None:
    """Who knows a work folder can take the trial up: the store says so to nobody else, and the folder lets nobody else in."""
    kill(begin(kept, "--detach"))
    results = kept.folder / "results"
    assert {oct(p.stat().st_mode & 0o077) for p in [results, *results.glob("wke.sqlite*")]} == {"0o0"}
    assert kept.wke("abandon").status == 0

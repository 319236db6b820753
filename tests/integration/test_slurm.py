"""Provider `slurm`, on a real Slurm of eight nodes: the same experiment as elsewhere, and what becomes of it when its nodes are taken away."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from projects import SERIES_POINTS, Project, by_point, write_series
from slurmd import Slurm, slurm
from support import LEASE, eventually, limit

pytestmark = pytest.mark.timeout(300)

CLUSTER = f'[cluster]\nprovider = "slurm"\nmachines = 8\nlease = "{LEASE}"\n[slurm]\nfan-out = 3\n[classes]\nservers = 1\nclients = 7\n'
EMULATED = CLUSTER.replace('"slurm"', '"local"').replace("[slurm]\nfan-out = 3\n", 'share = ["ledger"]\n')
ALL = {" ".join(map(str, point.values())): 2 for point in SERIES_POINTS}
LONG = ('"seconds", 0.05', '"seconds", 2')


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    """Yield a Slurm with eight nodes; nothing of any test is left on them."""
    with slurm(8) as running:
        yield running


@pytest.fixture
def project(cluster: Slurm, new_project: Callable[[str], Project]) -> Project:
    """Return a project with the series of eight trials, on eight machines: one server and seven clients."""
    made = new_project(CLUSTER)
    made.environment.update(cluster.environment)
    return write_series(made)


def began(project: Project) -> dict[str, int]:
    """Count the trials that began, by point, by what the client on m1 noted."""
    notes = [note for note in project.ledger() if note["what"] == "begin" and note["machine"] == "m1"]
    return by_point({"engine": note["engine"], "size": note["size"]} for note in notes)


def is_quiet(cluster: Slurm) -> bool:
    """Tell whether nothing is left: no job, no process, no work folder."""
    return not cluster.jobs() and not cluster.left() and not list((cluster.folder / "tmp").glob("wke-*"))


def test_the_same_experiment_runs_on_nodes_and_on_the_laptop(cluster: Slurm, project: Project) -> None:
    """One allocation is asked for and serves the whole series; with another provider and nothing else changed, it runs emulated."""
    done = project.measure()
    assert (done.status, project.outcomes(), began(project)) == (0, ["ok"] * 8, ALL), done.err
    assert len(set(re.findall(r"Granted job allocation (\d+)", done.err))) == 1
    assert {note["machine"] for note in project.ledger() if note["what"] == "begin"} == {f"m{n}" for n in range(1, 8)}
    eventually(lambda: is_quiet(cluster))
    assert "series: nothing to run" in project.measure(PATH="/usr/bin:/bin", SLURM_CONF="/nowhere").err
    local = project.write("local.toml", EMULATED)
    emulated = project.measure("-f", str(local), "--only", "size=1", "--only", "engine=new")
    assert (emulated.status, began(project)["new 1"]) == (0, 4), emulated.err


def test_results_of_other_nodes_count(cluster: Slurm, project: Project) -> None:
    """Which nodes Slurm gives does not matter to a result: on others of the same kind nothing is measured again, and a series goes on."""
    project.edit("cluster.toml", "machines = 8", "machines = 4")
    project.edit("cluster.toml", "clients = 7", "clients = 3")
    first = project.measure("--limit", "3")
    project.edit("cluster.toml", "[classes]", 'options = ["--exclude=n0,n1"]\n[classes]')
    second = project.measure()
    assert (first.status, second.status, began(project)) == (0, 0, ALL), second.err
    assert "series: 5 trials to run; 3 of 8 are stored already and reused" in second.err
    eventually(lambda: is_quiet(cluster))


def test_inside_an_allocation_its_nodes_are_used(cluster: Slurm, project: Project) -> None:
    """Nothing is asked for then; named machines are the nodes of these names, and too few nodes are an error before anything runs."""
    project.edit("cluster.toml", "machines = 8\n", "")
    project.edit(
        "cluster.toml",
        "[classes]\nservers = 1\nclients = 7\n",
        'nodes = "named"\n[machines]\n"n[2-4]" = {}\n[classes]\nservers = ["n4"]\nclients = ["n[2-3]"]\n',
    )
    inside = ("salloc", "--quiet", "--nodes=8", "--exclusive")
    done = project.measure("--only", "size=1", under=inside)
    assert (done.status, project.outcomes()) == (0, ["ok"] * 4), done.err
    assert "Granted" not in done.err
    assert {note["machine"] for note in project.ledger() if note["what"] == "server"} == {"n4"}
    few = project.measure(under=("salloc", "--quiet", "--nodes=2", "--nodelist=n0,n1"))
    assert few.status == 2
    assert re.search(r"job \d+ does not have nodes n2, n3, n4", few.err)
    eventually(lambda: is_quiet(cluster))


@pytest.mark.parametrize(("connect", "steps"), [("dial-back", 1), ("stdio", 8)])
def test_a_target_runs_on_all_nodes(cluster: Slurm, project: Project, connect: str, steps: int) -> None:
    """Nodes are asked for and given back; each task has a node of its own and its processors; one step of the job starts all agents that dial back."""
    project.edit("cluster.toml", "[slurm]", f'[slurm]\nconnect = "{connect}"')
    project.targets(where='echo "$(squeue --noheader --steps --me | wc -l) $SLURMD_NODENAME $(nproc)"')
    done = project.wke("run", "kv", "all", "where")
    assert done.status == 0, done.err
    assert {line.split()[-2] for line in done.lines} == set(cluster.nodes)
    assert {line.split()[-1] for line in done.lines} == {str(len(os.sched_getaffinity(0)))}
    assert {line.split()[-3] for line in done.lines} == {str(steps)}
    eventually(lambda: is_quiet(cluster))


def test_nodes_that_cannot_dial_back_say_so(cluster: Slurm, project: Project) -> None:
    """The message has the words of the node, and says what to do where a firewall is the reason."""
    project.edit("cluster.toml", "[slurm]", '[slurm]\naddress = "255.255.255.255"')
    project.targets(where="true")
    done = project.wke("run", "kv", "all", "where")
    assert done.status == 3, done.err
    assert "machine m0: dialling back failed" in done.err
    assert "it cannot take its place in the tree: 255.255.255.255" in done.err
    assert 'hint: write connect = "stdio" in [slurm]' in done.err
    eventually(lambda: is_quiet(cluster))


def test_a_single_node_without_python_is_named(cluster: Slurm, project: Project) -> None:
    """While the others wait, its own words say why it does not answer."""
    python = project.write("python", '#!/bin/sh\n[ "$SLURMD_NODENAME" = n3 ] && exit 1\nexec python3 "$@"\n')
    python.chmod(0o755)
    project.edit("cluster.toml", "[slurm]", f'python = "{python}"\nconnect-timeout = "{limit(5):.0f}s"\n[slurm]')
    project.targets(where="true")
    done = project.wke("run", "kv", "all", "where")
    assert done.status == 3, done.err
    assert "machine m3: finding Python failed: no answer within" in done.err
    assert "machine m2" not in done.err
    eventually(lambda: is_quiet(cluster))


@pytest.mark.parametrize("how", ["was cancelled (scancel)", "was preempted by another job"])
def test_a_job_that_is_taken_away_is_an_outcome_and_the_series_resumes(cluster: Slurm, project: Project, how: str) -> None:
    """The trial in the middle is lost and says why; nothing is left, and the command continues in a new job."""
    project.edit("kv/config.toml", *LONG)
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: len(began(project)) > 1, within_s=60)
    (job,) = cluster.running()
    with cluster.holding(8, "--partition=urgent") if "preempted" in how else nullcontext(cluster.run("scancel", job)):
        _, err = process.communicate(timeout=limit(60))
    assert process.returncode == 3, err
    assert f"job {job} {how}; the series stops here" in err
    (lost,) = [trial for trial in project.trials() if trial.outcome != "ok"]
    assert (lost.outcome, lost.why.startswith(f"job {job} {how}")) == ("lost", True), lost.why
    eventually(lambda: is_quiet(cluster))
    project.edit("kv/config.toml", *reversed(LONG))
    resumed = project.measure()
    assert (resumed.status, project.outcomes()) == (0, ["ok"] * 8), resumed.err


def test_a_lost_node_is_an_outcome_and_the_series_resumes(cluster: Slurm, project: Project) -> None:
    """When a node fails, the trial is lost and the series stops and names the machine; when the node is back, it continues."""
    project.edit("kv/config.toml", *LONG)
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: began(project), within_s=60)
    cluster.lose("n3")
    try:
        _, err = process.communicate(timeout=limit(90))
    finally:
        cluster.start_node("n3")
    assert process.returncode == 3, err
    assert "machine m3" in err
    assert [trial.outcome for trial in project.trials() if trial.outcome != "ok"] == ["lost"]
    eventually(cluster.idle, within_s=60)
    resumed = project.measure("--only", "size=1", "--only", "engine=new")
    assert resumed.status == 0, resumed.err
    for folder in (cluster.folder / "tmp").glob("wke-*"):  # of the node that failed: it had no time to clean up
        cluster.run("rm", "-r", str(folder))
    eventually(lambda: is_quiet(cluster))


def test_the_series_stops_before_its_time_is_over(cluster: Slurm, project: Project) -> None:
    """No trial begins that would not end in time: nothing is lost, and the same command continues."""
    project.edit("kv/config.toml", '"seconds", 0.05', '"seconds", 22')
    project.edit("experiments/series.toml", 'timeout = "20s"', 'timeout = "90s"')
    project.edit("cluster.toml", "[classes]", 'time = "1m"\n[classes]')
    done = project.measure()
    assert done.status == 3, done.err
    assert re.search(
        r"the series stops: the machines are ours until [0-9:]+, for \d+ s more, and the longest trial so far took \d+ s", done.err
    )
    assert "the same command continues" in done.err
    assert set(project.outcomes()) == {"ok"}
    eventually(lambda: is_quiet(cluster))


@pytest.mark.parametrize(("connect", "number"), [("dial-back", signal.SIGINT), ("dial-back", signal.SIGKILL), ("stdio", signal.SIGKILL)])
def test_nodes_are_given_back_however_the_command_ends(cluster: Slurm, project: Project, connect: str, number: signal.Signals) -> None:
    """After Ctrl-C and kill -9 there is no job, no process and no folder."""
    project.edit("cluster.toml", "[slurm]", f'[slurm]\nconnect = "{connect}"')
    project.edit("kv/config.toml", *LONG)
    process = project.start("measure", "experiments/series.toml", "--no-figures")
    eventually(lambda: began(project), within_s=60)
    process.send_signal(number)
    process.communicate(timeout=limit(60))
    eventually(lambda: is_quiet(cluster), within_s=30)


def test_a_question_that_is_not_answered_is_taken_back(cluster: Slurm, project: Project) -> None:
    """While one waits for nodes, what Slurm says is shown, and Ctrl-C takes the request back; a refusal says why."""
    with cluster.holding(8):
        process = project.start("measure", "experiments/series.toml", "--no-figures", together=True)
        eventually(lambda: len(cluster.jobs()) == 2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=limit(60))
        assert "queued and waiting for resources" in said
        assert process.returncode == 130
        eventually(lambda: len(cluster.jobs()) == 1)
    project.edit("cluster.toml", "[classes]", 'partition = "nowhere"\n[classes]')
    refused = project.measure()
    assert refused.status == 3
    assert "invalid partition specified: nowhere" in refused.err
    assert "Traceback" not in refused.err
    eventually(lambda: is_quiet(cluster))


def test_a_submitted_series_waits_and_is_followed(cluster: Slurm, project: Project) -> None:
    """It is in the queue until there are nodes, one more than machines; `wke status` says so and follows it to its end."""
    project.edit("cluster.toml", "machines = 8", "machines = 7")
    project.edit("cluster.toml", "clients = 7", "clients = 6")
    with cluster.holding(1):
        done = project.measure("--submit", "--only", "size=1")
        assert done.status == 0, done.err
        job = done.out.strip()
        assert f"submitted as job {job}: 7 machines, and one node for wke itself" in done.err
        assert f"series: not being measured yet: job {job} waits in the queue of Slurm" in project.wke("status").out
        assert project.wke("status", "--json").json["series"]["series"]["queued"].startswith(f"job {job} waits")
    followed = project.wke("status", "series", "--follow", timeout=120)
    written = (project.folder / f"results/slurm-{job}.out").read_text()
    assert (followed.status, project.outcomes()) == (0, ["ok"] * 4), written
    assert "wke itself runs on node" not in written
    eventually(lambda: is_quiet(cluster))
    assert "not being measured;" in project.wke("status").out

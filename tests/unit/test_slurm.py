"""What is asked of Slurm, what its programs say of a job, and when a series stops because its time is nearly over."""

from datetime import datetime
from pathlib import Path

import pytest

from wke.act.slurm.asking import job_name
from wke.act.slurm.job import Job, Node, end_of, facts_of, fate_of
from wke.act.slurm.placing import locks, nodes_of, placed
from wke.act.slurm.steps import step
from wke.act.trials.term import MARGIN_S, too_late
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.errors import InputError

ALWAYS = ("--nodes=2", "--ntasks-per-node=1", "--no-kill", "--wait-all-nodes=1")
RUNNING = (
    "JobId=17 JobName=wke-kv UserId=ann(1000) GroupId=ann(1000) MCS_label=N/A Priority=4294901759 JobState=RUNNING Reason=None Dependency=(null) "
    "StartTime=2026-03-01T10:00:00 EndTime=2026-03-01T14:00:00 Deadline=N/A Partition=all NodeList=cn[01-03,07] NumNodes=4 Comment=a b=c Power="
)
NODES = tuple(Node(f"cn{number}", f"10.0.0.{number}", f"cn{number}") for number in range(4))


def cluster(tmp_path: Path, text: str) -> ClusterSpec:
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    return read_cluster(path)


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("", [*ALWAYS, "--exclusive", "--mem=0"]),
        ('partition = "p"\naccount = "a"\nconstraint = "ib&gpu"\nexclusive = false', [*ALWAYS, "--partition=p", "--account=a", "--constraint=ib&gpu"]),
        ('time = "90s"\nexclusive = false', [*ALWAYS, "--time=2"]),
        ('nodes = "named"\nexclusive = false\noptions = ["--qos=low"]', [*ALWAYS, "--nodelist=m0,m1", "--qos=low"]),
    ],
)  # fmt: skip
def test_what_is_asked_for(tmp_path: Path, table: str, asked: list[str]) -> None:
    """Each key of [slurm] is an option of salloc; the user's own come last, so that they win; time is in whole minutes, rounded up."""
    described = cluster(tmp_path, f'[cluster]\nprovider = "slurm"\nmachines = 2\n[slurm]\n{table}\n')
    assert described.slurm.request([machine.name for machine in described.machines]) == asked


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('options = ["low"]', "must be an option"),
        ('options = ["--nodes=3"]', "--nodes is set by wke"),
        ('options = ["-N3"]', "-N is set by wke"),
        ('time = "0s"', "must be at least 1"),
        ('nodes = "first"', "nodes"),
        ('partition = "a b"', "must be one word"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: str, problem: str) -> None:
    """What wke sets itself cannot be set twice, and what is no option would be taken for a program."""
    text = f'[cluster]\nprovider = "slurm"\nmachines = 2\n[slurm]\n{table}\n'
    with pytest.raises(InputError, match=problem):
        cluster(tmp_path, text)


def test_what_scontrol_shows_of_a_job() -> None:
    """A value ends where the next field begins; times are local."""
    facts = facts_of(RUNNING)
    assert (facts["JobState"], facts["NodeList"], facts["Comment"], facts["Power"]) == ("RUNNING", "cn[01-03,07]", "a b=c", "")
    assert end_of(facts) == datetime(2026, 3, 1, 14).timestamp()  # noqa: DTZ001 - as Slurm writes it
    assert [end_of({"EndTime": text}) for text in ("Unknown", "")] == [None, None]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("RUNNING", ""),
        ("CANCELLED", "job 17 was cancelled (scancel)"),
        ("TIMEOUT", "job 17 reached its time limit"),
        ("PREEMPTED", "job 17 was preempted by another job"),
        ("NODE_FAIL", "job 17 was ended by Slurm, because a node failed"),
        ("PENDING", "job 17 was put back into the queue"),
        ("SPECIAL_EXIT", "job 17 has ended (SPECIAL_EXIT)"),
    ],
)
def test_why_a_job_is_over(state: str, words: str) -> None:
    """Each state has its sentence; one that is not known is quoted."""
    assert fate_of("17", facts_of(RUNNING.replace("JobState=RUNNING", f"JobState={state}"))) == words


def test_nothing_is_said_of_a_job_that_slurm_does_not_show() -> None:
    """Where Slurm cannot be asked, no fate is made up."""
    assert (fate_of("17", {}), end_of({})) == ("", None)


def test_machines_are_nodes_in_order_and_ours_comes_last(tmp_path: Path) -> None:
    """The node on which wke itself runs is used only if there is no other one; machines then have the addresses of their nodes."""
    described = cluster(tmp_path, '[cluster]\nprovider = "slurm"\nmachines = 3\n')
    job = Job("17", NODES)
    assert [node.name for node in nodes_of(described, job).values()] == ["cn0", "cn1", "cn2"]
    nodes = nodes_of(described, job, "cn0")
    assert [node.name for node in nodes.values()] == ["cn1", "cn2", "cn3"]
    assert [machine.internal_addr for machine in placed(described, nodes).machines] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    with pytest.raises(InputError, match="the cluster has 3 machines, but job 17 only 2 nodes"):
        nodes_of(described, Job("17", NODES[:2]))


def test_named_machines_are_the_nodes_of_these_names(tmp_path: Path) -> None:
    """Whatever the order of the job is; a node that the job does not have is named."""
    described = cluster(tmp_path, '[cluster]\nprovider = "slurm"\n[slurm]\nnodes = "named"\n[machines]\ncn2 = {}\ncn1 = {}\n')
    assert [node.name for node in nodes_of(described, Job("17", NODES)).values()] == ["cn2", "cn1"]
    with pytest.raises(InputError, match="job 17 does not have node cn2"):
        nodes_of(described, Job("17", NODES[:2]))


def test_nodes_that_share_a_host_have_locks_of_their_own() -> None:
    """Otherwise the lock is the host's, the same as over ssh."""
    shared = {"m0": Node("n0", "127.0.1.1", "h"), "m1": Node("n1", "127.0.1.2", "h"), "m2": Node("n2", "10.0.0.2", "other")}
    assert locks(shared) == {"m0": "node-n0", "m1": "node-n1", "m2": "host"}


def test_a_step_may_use_all_of_a_node() -> None:
    """It shares the job with other steps, and asks for no exact share of it, which would be one processor."""
    command = step(Job("17", NODES), ["cn0", "cn1"])
    assert {"--jobid=17", "--nodelist=cn0,cn1", "--ntasks=2", "--overlap", "--cpu-bind=none"} <= set(command)
    assert "--exact" not in command


@pytest.mark.parametrize(
    ("ends_at", "longest_s", "stops"),
    [(None, 1e9, False), (1100.0, 100 - MARGIN_S, False), (1100.0, 101 - MARGIN_S, True), (900.0, 1.0, True)],
)
def test_when_it_is_too_late_for_another_trial(ends_at: float | None, longest_s: float, *, stops: bool) -> None:
    """It is, when the longest trial so far and a margin do not fit into the time that is left; without a limit it never is."""
    assert bool(too_late(1000.0, ends_at, longest_s)) is stops


def test_jobs_are_named_after_the_folder() -> None:
    """Two cluster files in folders of the same name do not share a name."""
    one, other = job_name(Path("/a/kv/cluster.toml")), job_name(Path("/b/kv/cluster.toml"))
    assert one.startswith("wke-kv-")
    assert one != other

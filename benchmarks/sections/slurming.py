"""What it costs to reach the nodes of a Slurm job and to run ten commands on them."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench import PEER_SCRIPTS, WKE, Bench
from fleet import Fleet
from project import CONFIG, TARGET, configured_ssh_cluster, write_project
from rig import DEADLINE_S, Absent, Contender, Phase
from sections.fanout import WIDTH
from table import Table, measured

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from slurmd import Slurm, missing_programs, slurm

COMMANDS = 10
RUNS = {8: 5, 64: 3, 256: 1}
ABOUT = f"""\
A real Slurm on this computer: munged, slurmctld, and one slurmd per node, which share its cores with the client. One job has all nodes
and is there before the clock starts, as one allocation serves a whole series. Each contender connects, runs `true` on all nodes
{COMMANDS} times, each time on all of them before the next, and closes. wke starts its agents by one job step and keeps them; they dial
back, from 64 nodes on through relays. *srun* starts a job step for every command, the usual way inside a job. ClusterShell and wke with
`provider = "ssh"` reach as many sshd processes on the same computer, as in the tables before, at most {WIDTH} at a time; ClusterShell
logs in for every command. *last {COMMANDS - 1}* is the time from the end of the first command to the end of the last. *client CPU* is that
of the command and its children, `srun` and `ssh` included, without the work of nodes."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield a table for each number of nodes."""
    for count, runs in RUNS.items():
        title, about = f"{COMMANDS} commands on {count} nodes of a Slurm job", ABOUT if count == min(RUNS) else ""
        if missing := missing_programs():
            yield Table(title, about, 0, (), (Absent("Slurm", f"not installed: {', '.join(missing)}"),))
            continue
        home = bench.folder / f"slurm-{count}"
        home.mkdir()
        with Fleet(count, home) as fleet, slurm(count) as running, running.holding(count) as job:
            nodes = f'[cluster]\nprovider = "slurm"\nmachines = {count}\nconnect-timeout = "2m"\n'
            folder = write_project(home / "project", cluster=configured_ssh_cluster(fleet), nodes=nodes)
            entries = [*_on_nodes(running, job, folder, count), _over_ssh(folder), _clush(bench, fleet)]
            yield measured(title, about, entries, runs=bench.times(runs), warm=count == min(RUNS))


def _on_nodes(running: Slurm, job: str, folder: Path, count: int) -> Iterator[Contender]:
    environment = {**running.environment, "SLURM_JOB_ID": job}
    ours = (WKE.with_name("python"), PEER_SCRIPTS / "wke_true.py", str(COMMANDS), "nodes.toml", CONFIG, TARGET)
    srun = (PEER_SCRIPTS / "srun_true.sh", str(COMMANDS), job, str(count))
    for name, words, is_ours in (("wke", ours, True), ("srun", srun, False)):
        phase = Phase(words, marks=COMMANDS, deadline_s=3 * DEADLINE_S)
        yield Contender(name, (phase,), environment=environment, folder=folder, ours=is_ours)


def _over_ssh(folder: Path) -> Contender:
    words = (PEER_SCRIPTS / "wke_true.py", str(COMMANDS), "cluster.toml", CONFIG, TARGET)
    phase = Phase((WKE.with_name("python"), *words), marks=COMMANDS, deadline_s=3 * DEADLINE_S)
    return Contender("wke over ssh", (phase,), folder=folder)


def _clush(bench: Bench, fleet: Fleet) -> Contender | Absent:
    program = bench.program("ClusterShell", "clush")
    if isinstance(program, Absent):
        return Absent("ClusterShell", program.why)
    words = (PEER_SCRIPTS / "clush_true.sh", str(COMMANDS), program, str(WIDTH), fleet.config, ",".join(fleet.hosts))
    return Contender("ClusterShell", (Phase(words, marks=COMMANDS, deadline_s=3 * DEADLINE_S),))

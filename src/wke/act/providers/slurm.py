"""Machines that are nodes of a Slurm job: of the allocation that this command was started in, or of one that it asks for."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from wke.act.connection.openfiles import DIALLED
from wke.act.providers.place import Place
from wke.act.providers.provider import Standing, Tell
from wke.act.slurm.asking import allocated, job_name
from wke.act.slurm.job import Job, Node, find_job, running_jobs
from wke.act.slurm.placing import locks, nodes_of, placed
from wke.act.slurm.steps import shell, step
from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location


class SlurmProvider:
    """Nodes of one job, for as long as the command or the allocation around it lasts."""

    makes_machines = True
    staying = "start wke in an allocation, which keeps its nodes (salloc), or submit the series (wke measure FILE --submit)"

    @contextmanager
    def reach(self, cluster: ClusterSpec, tell: Tell) -> Iterator[Place]:
        """Yield the place where the nodes are; nodes that were asked for are given back when the block is left."""
        number = _job_around()
        names = [machine.name for machine in cluster.machines]
        asked = nullcontext(find_job(number)) if number else allocated(job_name(cluster.path), cluster.slurm.request(names), tell)
        with asked as job:
            yield _place(cluster, job)

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:  # noqa: ARG002 - whichever it describes
        """Tell whether this command was started in an allocation, which stays after it, but ends what runs on its nodes."""
        return bool(_job_around()) and not for_good

    def find(self, cluster: ClusterSpec) -> Place | None:
        """Return the place where the nodes of the allocation around us are, or of one that another command asked for here."""
        numbers = [number] if (number := _job_around()) else running_jobs(job_name(cluster.path))
        return _place(cluster, find_job(numbers[-1])) if numbers else None

    def standing(self, cluster: ClusterSpec) -> Standing | None:
        """Return the nodes of the allocation around us, or of one that another command asked for here."""
        place = self.find(cluster)
        return None if place is None else Standing("slurm", {m.name: {"address": m.internal_addr} for m in place.cluster.machines})

    def stand(self, cluster: ClusterSpec) -> Standing:
        """Refuse: only an allocation of the user's keeps nodes."""
        raise InputError("wke keeps no nodes of Slurm between commands", where=Location(str(cluster.path)), hint=self.staying)

    def end(self, cluster: ClusterSpec) -> bool:
        """Refuse: they are given back by themselves."""
        what = "nodes of Slurm are given back when the command ends that asked for them"
        raise InputError(what, where=Location(str(cluster.path)), hint="scancel ends an allocation of your own")


def _job_around() -> str:
    """Return the number of the job in which this process runs, "" if there is none."""
    return os.environ.get("SLURM_JOB_ID", "")


def _place(cluster: ClusterSpec, job: Job) -> Place:
    own = os.environ.get("SLURMD_NODENAME", "")
    nodes = nodes_of(cluster, job, own)
    place = Place(
        placed(cluster, nodes),
        {name: step(job, [node.name]) for name, node in nodes.items()},
        {name: shell(job, node.name) for name, node in nodes.items()},
        tuple(_notes(job, nodes, own)),
        locks(nodes),
        term=job,
    )
    if cluster.slurm.connect == "stdio":
        return place
    from wke.act.slurm.agents import tree  # noqa: PLC0415 - it takes asyncio, which commands that fail here do without

    at_once = replace(place.cluster, connect_limit=max(cluster.connect_limit, len(nodes)))  # one step starts all agents
    return replace(place, cluster=at_once, connection=tree(cluster, job, nodes).connection, files_each=DIALLED)


def _notes(job: Job, nodes: Mapping[str, Node], own: str) -> Iterator[str]:
    """Yield what a person should know of a given job: that this process disturbs a machine, or that nodes stay idle."""
    idle = {node.name for node in job.nodes} - {node.name for node in nodes.values()} - {own}
    disturbed = next((name for name, node in nodes.items() if node.name == own), None)
    if disturbed is not None:
        yield f"wke itself runs on node {own}, which is machine {disturbed}: give the job one node more, and wke leaves it out"
    if idle:
        yield f"{counted(len(idle), 'node')} of job {job.number} stay idle: the cluster has {counted(len(nodes), 'machine')}"

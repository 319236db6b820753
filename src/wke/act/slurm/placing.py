"""Which machine of the cluster is which node of a job."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from wke.act.slurm.job import Job, Node
from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location


def nodes_of(cluster: ClusterSpec, job: Job, own: str = "") -> dict[str, Node]:
    """Return the node of each machine: the one with its name, or the next one of the job; `own`, where this process runs, comes last.

    Raises InputError if the job has too few.
    """
    where = Location(str(cluster.path), key="machines")
    if cluster.slurm.nodes == "named":
        by_name = {node.name: node for node in job.nodes}
        missing = [machine.name for machine in cluster.machines if machine.name not in by_name]
        if missing:
            what = f"job {job.number} does not have {'node' if len(missing) == 1 else 'nodes'} {', '.join(missing)}"
            hint = 'ask for an allocation with these nodes (--nodelist), or take nodes = "named" out of [slurm]'
            raise InputError(what, where=where, hint=hint)
        return {machine.name: by_name[machine.name] for machine in cluster.machines}
    if len(job.nodes) < len(cluster.machines):
        what = f"the cluster has {counted(len(cluster.machines), 'machine')}, but job {job.number} only {counted(len(job.nodes), 'node')}"
        raise InputError(what, where=where, hint="ask for a larger allocation, or let wke ask: start it outside of one")
    nodes = sorted(job.nodes, key=lambda node: node.name == own)
    return {machine.name: node for machine, node in zip(cluster.machines, nodes, strict=False)}


def placed(cluster: ClusterSpec, nodes: Mapping[str, Node]) -> ClusterSpec:
    """Return the cluster with the addresses of its nodes."""
    machines = (replace(m, external_addr=nodes[m.name].address, internal_addr=nodes[m.name].address) for m in cluster.machines)
    return replace(cluster, machines=tuple(machines))


def locks(nodes: Mapping[str, Node]) -> dict[str, str]:
    """Return the name of each machine's lock: the host's, as over ssh; where nodes share a host, each has its own."""
    hosts = Counter(node.host for node in nodes.values())
    return {name: "host" if hosts[node.host] == 1 else f"node-{node.name}" for name, node in nodes.items()}

"""Where the machines of a cluster come from, and how a program is started on each of them.

A provider yields a `Place`: the cluster with the addresses its machines really have, and for every machine an argument list that starts a
program there. What follows (connections, sessions, the runner) knows no provider.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wke.act import emulation
from wke.act.transport import ssh_transport
from wke.describe.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster within reach.

    `transports` maps a machine's name to the argument list that starts a program on it; `notes` are sentences a person should read once,
    such as what an emulation cannot do here.
    """

    cluster: Cluster
    transports: Mapping[str, Sequence[str]]
    notes: tuple[str, ...] = ()


@contextmanager
def provide(cluster: Cluster) -> Iterator[Place]:
    """Yield the place where `cluster` is.

    Machines that have to be made are there until the block is left; a cluster that `wke cluster up` keeps is used as it is and stays.
    Raises MachineError when the machines cannot be made.
    """
    if cluster.provider == "ssh":
        yield Place(cluster, {m.name: ssh_transport(cluster, m) for m in cluster.machines})
        return
    kept = emulation.find(cluster)
    emulated = kept or emulation.up(cluster, keep=False)
    try:
        yield Place(emulated.cluster, {name: emulated.transport(name) for name in emulated.machines}, emulated.missing)
    finally:
        if kept is None:
            emulated.close()

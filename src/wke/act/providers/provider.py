"""Where the machines of a cluster come from, and how a program is started on each of them.

A provider yields a `Place`: the cluster with the addresses its machines really have, and for every machine an argument list that starts a
program there. What follows (connections, sessions, the runner) knows no provider.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.connection.transport import ssh_shell, ssh_transport
from wke.describe.cluster.cluster import ClusterSpec
from wke.errors import InputError

LOCAL_SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash --norc -i; exec sh -i")


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster within reach.

    `transports` maps a machine's name to the argument list that starts a program on it, `shells` to the command that opens an interactive
    shell there, `locks` to the name of the lock that means this machine; `notes` are sentences a person should read once, such as what an
    emulation cannot do here. `connection` makes what talks to a machine, given its name, the lease and a claim; `now` tells the time there
    that trials are stored with, in nanoseconds since the epoch.
    """

    cluster: ClusterSpec
    transports: Mapping[str, Sequence[str]]
    shells: Mapping[str, Sequence[str]]
    notes: tuple[str, ...] = ()
    locks: Mapping[str, str] = field(default_factory=dict)
    connection: Callable[[str, float, Claim | None], Connection] = Connection
    now: Callable[[], int] = time.time_ns


@contextmanager
def provide(cluster: ClusterSpec, *, lasting: bool = False) -> Iterator[Place]:
    """Yield the place where `cluster` is.

    Machines that have to be made are there until the block is left; a cluster that `wke cluster up` keeps is used as it is and stays.
    Raises MachineError when the machines cannot be made, InputError when they have to be and `lasting` ones are wanted.
    """
    if cluster.provider == "ssh":
        machines = cluster.machines
        ways = {m.name: ssh_transport(cluster, m) for m in machines}
        yield Place(cluster, ways, {m.name: ssh_shell(cluster, m) for m in machines}, locks=_ssh_locks(cluster))
        return
    from wke.act.emulation import emulation  # noqa: PLC0415 - ssh, the common case, does without

    kept = emulation.find(cluster)
    if kept is None and lasting:
        raise InputError(
            "nothing can outlive this command on machines that are emulated for it alone", hint="make machines that stay: wke cluster up"
        )
    emulated = kept or emulation.up(cluster, keep=False)
    try:
        transports = {name: emulated.transport(name) for name in emulated.machines}
        shells = {name: [*transport, *LOCAL_SHELL] for name, transport in transports.items()}
        locks = {m.name: f"{m.name}-{m.internal_addr}" for m in emulated.cluster.machines}  # plain processes share one /tmp
        yield Place(emulated.cluster, transports, shells, emulated.missing, locks)
    finally:
        if kept is None:
            emulated.close()


def _ssh_locks(cluster: ClusterSpec) -> dict[str, str]:
    """Return each machine's lock: the host's, whatever the cluster calls it. Of machines that are one host, each has one of its own."""
    hosts: Counter[tuple[str | None, int | None]] = Counter()
    locks = {}
    for machine in cluster.machines:
        host = (machine.external_addr, machine.ssh_port)
        locks[machine.name] = f"host{hosts[host] or ''}"
        hosts[host] += 1
    return locks

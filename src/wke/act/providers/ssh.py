"""Machines that exist already and are reached through the user's OpenSSH client, or through what `via` says."""

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256

from wke.act.connection.transport import Transport, shell_on, transport_to
from wke.act.providers.place import Place
from wke.describe.cluster.cluster import ClusterSpec


class SshProvider:
    """Machines with an ssh server, or another way in."""

    makes_machines = False

    def reach(self, cluster: ClusterSpec) -> AbstractContextManager[Place]:
        """Yield the place where they are."""
        return nullcontext(self.find(cluster))

    def find(self, cluster: ClusterSpec) -> Place:
        """Return the place where they are."""
        return place_at(cluster)

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:  # noqa: ARG002 - as far as anyone can tell
        """Tell that they are there."""
        return True


def place_at(cluster: ClusterSpec) -> Place:
    """Return the place of machines that are there, at the addresses in `cluster`."""
    transports = {machine.name: transport_to(cluster, machine) for machine in cluster.machines}
    shells = {machine.name: shell_on(cluster, machine) for machine in cluster.machines}
    return Place(cluster, transports, shells, locks=_locks(cluster, transports))


def _locks(cluster: ClusterSpec, transports: dict[str, Transport]) -> dict[str, str]:
    """Return each machine's lock: the host's, whatever the cluster calls it. If several machines are one host, each has its own.

    Machines that are this computer have this computer's locks beside them, so theirs are named by the way that leads to them.
    """
    hosts: Counter[tuple[str | None, int | None]] = Counter()
    locks = {}
    for machine in cluster.machines:
        if machine.via is not None and machine.via.shares_disk:
            locks[machine.name] = f"via-{sha256(repr(tuple(transports[machine.name])).encode()).hexdigest()[:16]}"
            continue
        host = (machine.external_addr or machine.name, machine.ssh_port)
        locks[machine.name] = f"host{hosts[host] or ''}"
        hosts[host] += 1
    return locks

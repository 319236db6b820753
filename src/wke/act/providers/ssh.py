"""Machines that exist already and are reached through the user's OpenSSH client."""

from collections import Counter
from contextlib import AbstractContextManager, nullcontext

from wke.act.connection.transport import ssh_shell, ssh_transport
from wke.act.providers.place import Place
from wke.describe.cluster.cluster import ClusterSpec


class SshProvider:
    """Machines with an ssh server."""

    makes_machines = False

    def reach(self, cluster: ClusterSpec) -> AbstractContextManager[Place]:
        """Yield the place where they are."""
        return nullcontext(self.find(cluster))

    def find(self, cluster: ClusterSpec) -> Place:
        """Return the place where they are."""
        transports = {machine.name: ssh_transport(cluster, machine) for machine in cluster.machines}
        shells = {machine.name: ssh_shell(cluster, machine) for machine in cluster.machines}
        return Place(cluster, transports, shells, locks=_locks(cluster))

    def is_up(self, cluster: ClusterSpec) -> bool:  # noqa: ARG002 - as far as anyone can tell
        """Tell that they are there."""
        return True


def _locks(cluster: ClusterSpec) -> dict[str, str]:
    """Return each machine's lock: the host's, whatever the cluster calls it. If several machines are one host, each has its own."""
    hosts: Counter[tuple[str | None, int | None]] = Counter()
    locks = {}
    for machine in cluster.machines:
        host = (machine.external_addr, machine.ssh_port)
        locks[machine.name] = f"host{hosts[host] or ''}"
        hosts[host] += 1
    return locks

"""Machines that exist already and are reached through the user's OpenSSH client, or through what `via` says."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from hashlib import sha256

from wke.act.connection.transport import Transport, shell_on, transport_to
from wke.act.kept.terms import keeping_terms
from wke.act.providers.place import Place
from wke.act.providers.provider import Tell
from wke.describe.cluster.cluster import ClusterSpec


class SshProvider:
    """Machines with an ssh server, or another way in."""

    makes_machines = False
    staying = ""

    def reach(self, cluster: ClusterSpec, tell: Tell) -> AbstractContextManager[Place]:  # noqa: ARG002 - nothing is waited for
        """Yield the place where they are."""
        return nullcontext(self.find(cluster))

    def find(self, cluster: ClusterSpec) -> Place:
        """Return the place where they are."""
        return replace(place_at(cluster), keeping=keeping_terms(cluster))

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:  # noqa: ARG002 - as far as anyone can tell
        """Tell that they are there."""
        return True


def place_at(cluster: ClusterSpec) -> Place:
    """Return the place of machines that are there, at the addresses in `cluster`."""
    transports = _Transports(cluster)
    shells = {machine.name: shell_on(cluster, machine) for machine in cluster.machines}
    return Place(cluster, transports, shells, locks=_locks(cluster, transports))


class _Transports(Mapping[str, Transport]):
    """The transport to each machine, made when it is wanted: ssh is asked for its settings then, which a kept connection does not need."""

    def __init__(self, cluster: ClusterSpec) -> None:
        self._cluster = cluster
        self._machines = {machine.name: machine for machine in cluster.machines}

    def __getitem__(self, name: str) -> Transport:
        return transport_to(self._cluster, self._machines[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._machines)

    def __len__(self) -> int:
        return len(self._machines)


def _locks(cluster: ClusterSpec, transports: Mapping[str, Transport]) -> dict[str, str]:
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

"""Machines that are emulated on this computer."""

from collections.abc import Iterator
from contextlib import contextmanager

from wke.act.emulation import emulation
from wke.act.providers.place import Place
from wke.act.providers.provider import Standing, Tell
from wke.describe.cluster.cluster import ClusterSpec

SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash --norc -i; exec sh -i")


class LocalProvider:
    """Emulated machines: those that `wke cluster up` keeps, or else machines made for one command."""

    makes_machines = True
    staying = "`wke cluster up` makes machines that stay"

    @contextmanager
    def reach(self, cluster: ClusterSpec, tell: Tell) -> Iterator[Place]:  # noqa: ARG002 - they are made at once
        """Yield the place where they are, made if need be."""
        kept = emulation.find(cluster)
        emulated = kept or emulation.up(cluster, keep=False)
        try:
            yield _place(emulated)
        finally:
            if kept is None:
                emulated.close()

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:  # noqa: ARG002 - those that are kept stay for good
        """Tell whether `wke cluster up` keeps them."""
        return emulation.find(cluster) is not None

    def find(self, cluster: ClusterSpec) -> Place | None:
        """Return the place of those that `wke cluster up` keeps, or else of those that a running command has made for itself."""
        emulated = emulation.find(cluster) or emulation.find_own(cluster)
        return None if emulated is None else _place(emulated)

    def stand(self, cluster: ClusterSpec) -> Standing:
        """Make machines that stay."""
        emulated = emulation.up(cluster, keep=True)
        return Standing(emulated.mode, _facts(emulated), emulated.missing)

    def end(self, cluster: ClusterSpec) -> bool:
        """End those that stay."""
        return emulation.down(cluster)

    def standing(self, cluster: ClusterSpec) -> Standing | None:
        """Return those that stay."""
        emulated = emulation.find(cluster)
        return Standing(emulated.mode, _facts(emulated)) if emulated else None


def _facts(emulated: emulation.Emulation) -> dict[str, dict[str, object]]:
    return {machine.name: {"address": machine.address, "pid": machine.pid} for machine in emulated.machines.values()}


def _place(emulated: emulation.Emulation) -> Place:
    transports = {name: emulated.transport(name) for name in emulated.machines}
    shells = {name: [*transport, *SHELL] for name, transport in transports.items()}
    locks = {m.name: f"{m.name}-{m.internal_addr}" for m in emulated.cluster.machines}  # plain processes share one /tmp
    return Place(emulated.cluster, transports, shells, emulated.missing, locks, is_here=True)

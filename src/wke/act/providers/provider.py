"""What a provider is: where the machines of a cluster come from. One module for each; `provide.py` chooses."""

from contextlib import AbstractContextManager
from typing import Protocol

from wke.act.providers.place import Place
from wke.describe.cluster.cluster import ClusterSpec


class Provider(Protocol):
    """A source of machines.

    `makes_machines` says whether it has to make them: for one command, or to stay until they are taken down.
    """

    makes_machines: bool

    def reach(self, cluster: ClusterSpec) -> AbstractContextManager[Place]:
        """Yield the place; machines that are made for it are gone when the block is left. Raises MachineError when they cannot be made."""
        ...

    def is_up(self, cluster: ClusterSpec) -> bool:
        """Tell whether its machines are there already, to stay."""
        ...

    def find(self, cluster: ClusterSpec) -> Place | None:
        """Return the place where its machines are now, also those that another running command made for itself; None if there is none."""
        ...

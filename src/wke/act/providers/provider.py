"""What a provider is: where the machines of a cluster come from. One module for each; `provide.py` chooses."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from wke.act.providers.place import Place
from wke.describe.cluster.cluster import ClusterSpec
from wke.values import dataclass

Tell = Callable[[str], None]
"""Takes a sentence that a person should read now, such as that machines are being waited for."""


class Provider(Protocol):
    """A source of machines.

    `makes_machines` says whether it has to make them: for one command, or to stay until they are taken down. Then it is a `Maker`.
    `staying` is a hint how to get machines that stay.
    """

    makes_machines: bool
    staying: str

    def reach(self, cluster: ClusterSpec, tell: Tell) -> AbstractContextManager[Place]:
        """Yield the place; machines that are made for it are gone when the block is left. Raises MachineError when they cannot be made."""
        ...

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:
        """Tell whether its machines are there already, and go on after the command that made them; `for_good` if nothing ends them then."""
        ...

    def find(self, cluster: ClusterSpec) -> Place | None:
        """Return the place where its machines are now, also those that another running command made for itself; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Machines that are up: the `mode` in which they were made, facts of each by its name (its `address`, ...), and sentences to read."""

    mode: str
    machines: Mapping[str, Mapping[str, object]]
    notes: tuple[str, ...] = ()


class Maker(Provider, Protocol):
    """A provider that makes machines, also such that stay."""

    def stand(self, cluster: ClusterSpec) -> Standing:
        """Make the machines, which stay until `end`. Raises InputError if they are up already, MachineError if they cannot be made."""
        ...

    def end(self, cluster: ClusterSpec) -> bool:
        """Remove the machines that stay, with everything on them; return whether there were any."""
        ...

    def standing(self, cluster: ClusterSpec) -> Standing | None:
        """Return what stays now; None if nothing does."""
        ...

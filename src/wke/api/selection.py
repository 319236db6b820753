"""Which machines a script means: a cluster, one machine, or a part of a cluster, each with the connections that lead there."""

from dataclasses import field
from typing import Protocol

from wke.api.opened import Opened
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Machines of an open cluster, named by a selector."""

    opened: Opened
    selector: str

    def selection(self) -> "Selection":
        """Return itself."""
        return self


class Selectable(Protocol):
    """Whatever stands for machines."""

    def selection(self) -> Selection:
        """Return which machines it stands for."""
        ...


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine, the `index`-th of its cluster from 0.

    Other machines reach it by `internal_addr`, we by `external_addr`; an emulated one has the same for both.
    """

    name: str
    index: int
    external_addr: str
    internal_addr: str
    opened: Opened = field(repr=False, compare=False)
    classes: tuple[str, ...] = ()

    def selection(self) -> Selection:
        """Return this machine as a selection."""
        return Selection(self.opened, self.name)

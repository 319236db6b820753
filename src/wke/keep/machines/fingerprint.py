"""What a machine is, and whether that is still what a result was measured on.

Theory. Some facts of a fingerprint *decide*: a result counts only where they are the same. The others *inform*: they are stored, and a
change of them is told. A fact decides when a measurement may depend on it and it changes only if somebody changes the machine. A fact
that one of two fingerprints lacks was unknown then, and what was unknown cannot be said to have changed: a newer wke that reads one fact
more makes no result an old one. Disks and interfaces are the exception: one that is missing is not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Facts = Mapping[str, str]
Reference = Mapping[tuple[str, str], Facts]
"""What machines are, by name and address: the same name may be another machine in another cluster file."""

INFORM = frozenset(
    {
        "product",  # a name; what it stands for has facts of its own
        "memory speed",  # only root can read it: it depends on who logs in
        "weakness itlb_multihit",  # changes when a virtual machine is started there
    }
)
PARTS = ("disk ", "interface ")


@dataclass(frozen=True, slots=True)
class FactChange:
    """A deciding fact that differs on a machine; "" for a part that is not there."""

    machine: str
    fact: str
    before: str
    now: str

    def __str__(self) -> str:
        """Say it as `node1: kernel Linux 6.1 -> Linux 6.6`."""
        return f"{self.machine}: {self.fact} {self.before or 'missing'} -> {self.now or 'missing'}"


def place(external_addr: str | None) -> str:
    """Return the address by which a machine is known to a Reference; emulated ones are where we are."""
    return external_addr or "here"


def deciding(machine: str, before: Facts, now: Facts) -> Iterator[FactChange]:
    """Yield the facts by which a machine is no longer what it was."""
    for fact in dict.fromkeys((*now, *before)):
        old, new = before.get(fact, ""), now.get(fact, "")
        if old != new and fact not in INFORM and ((old and new) or fact.startswith(PARTS)):
            yield FactChange(machine, fact, old, new)


class AcceptedFacts:
    """Which values of a fact somebody declared to be as good as each other on a machine, and in which acceptances."""

    def __init__(self, accepted: Iterable[tuple[int, FactChange]] = ()) -> None:
        self._pairs: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
        for number, change in accepted:
            self._pairs.setdefault((change.machine, change.fact), []).append((change.before, change.now, number))

    def covering(self, change: FactChange) -> frozenset[int]:
        """Return the acceptances that lead from one value to the other, in either direction and over others between; none if none do."""
        pairs = self._pairs.get((change.machine, change.fact), [])
        ways: dict[str, frozenset[int]] = {change.before: frozenset()}
        grows = True
        while grows and change.now not in ways:
            grows = False
            for one, other, number in [*pairs, *((now, before, number) for before, now, number in pairs)]:
                if one in ways and other not in ways:
                    ways[other] = ways[one] | {number}
                    grows = True
        return ways.get(change.now, frozenset())

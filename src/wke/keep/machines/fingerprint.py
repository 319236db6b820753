"""Fingerprints: the facts of a machine, and which of them have changed.

Theory. Some facts of a fingerprint *decide*: a result counts only on machines where they are the same. The others *inform*: they are
stored, and their changes are reported. A fact decides when a measurement may depend on it and it changes only if a person changes the
machine. A fact that one of two fingerprints does not have was unknown at that time, so it has not changed: a newer wke that reads more
facts does not invalidate results. Disks and interfaces are the exception: one that is missing is not there.
"""

from collections.abc import Iterable, Iterator, Mapping

from wke.values import dataclass

Facts = Mapping[str, str]
Reference = Mapping[tuple[str, str], Facts]
"""The fingerprints of machines, by name and address: a name may mean another machine in another cluster file."""

INFORM = frozenset(
    {
        "product",  # a name; the properties that it stands for are facts themselves
        "memory speed",  # only root can read it, so it depends on who logs in
        "weakness itlb_multihit",  # changes when a virtual machine is started there
    }
)
PARTS = ("disk ", "interface ")


@dataclass(frozen=True, slots=True)
class FactChange:
    """A deciding fact that differs on a machine; "" for a disk or interface that is not there."""

    machine: str
    fact: str
    before: str
    now: str

    def __str__(self) -> str:
        """Return `node1: kernel Linux 6.1 -> Linux 6.6`."""
        return f"{self.machine}: {self.fact} {self.before or 'missing'} -> {self.now or 'missing'}"


def place(external_addr: str | None) -> str:
    """Return the address by which a Reference knows a machine; that of emulated machines is `here`."""
    return external_addr or "here"


def deciding(machine: str, before: Facts, now: Facts) -> Iterator[FactChange]:
    """Yield the deciding facts of a machine that differ between two fingerprints."""
    for fact in dict.fromkeys((*now, *before)):
        old, new = before.get(fact, ""), now.get(fact, "")
        if old != new and fact not in INFORM and ((old and new) or fact.startswith(PARTS)):
            yield FactChange(machine, fact, old, new)


class AcceptedFacts:
    """The changes of facts that are accepted, each with the number of its acceptance."""

    def __init__(self, accepted: Iterable[tuple[int, FactChange]] = ()) -> None:
        self._pairs: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
        for number, change in accepted:
            self._pairs.setdefault((change.machine, change.fact), []).append((change.before, change.now, number))

    def covering(self, change: FactChange) -> frozenset[int]:
        """Return the acceptances that make a change acceptable, none if it is not.

        An accepted change holds in both directions, and several of them add up: with A -> B and B -> C, A -> C is accepted too.
        """
        pairs = self._pairs.get((change.machine, change.fact), [])
        reached: dict[str, frozenset[int]] = {change.before: frozenset()}
        grows = True
        while grows and change.now not in reached:
            grows = False
            for one, other, number in [*pairs, *((now, before, number) for before, now, number in pairs)]:
                if one in reached and other not in reached:
                    reached[other] = reached[one] | {number}
                    grows = True
        return reached.get(change.now, frozenset())

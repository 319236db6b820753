"""A tree of relays as a provider makes it. It grows with the first connection in an event loop, and is closed with the last one."""

from functools import partial

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.relays.growth import Growth, Planting
from wke.act.relays.relayedwire import RelayedWire


class Tree:
    """Connects to machines that dial back. Needs no event loop until then; can grow again after it was closed."""

    def __init__(self, planting: Planting) -> None:
        self._planting = planting
        self._numbers = {machine: number for number, machine in enumerate(planting.members.values())}
        self._growth: Growth | None = None

    def connection(self, machine: str, lease_s: float, claim: Claim | None = None) -> Connection:
        """Return a connection to a machine, not yet open."""
        return Connection(machine, lease_s, claim, make_wire=partial(RelayedWire, self._grow, self._numbers[machine]))

    def _grow(self) -> Growth:
        if self._growth is None or self._growth.is_closed:
            self._growth = Growth(self._planting)
        return self._growth

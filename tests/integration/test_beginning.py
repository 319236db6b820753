"""Transports that are started before what talks through them is there."""

import asyncio

from support import alive, eventually

from wke.act.providers.beginning import beginning
from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec


def test_a_transport_that_was_begun_is_used_or_ended() -> None:
    """A session goes on with the process that runs already; the one that nobody took is gone after the block."""
    machines = tuple(MachineSpec(f"m{n}", n, None, "127.0.0.1") for n in range(2))
    place = Place(ClusterSpec(None, "local", machines), {machine.name: [] for machine in machines}, {})

    async def used() -> int | None:
        async with Session(place, machines[:1], lambda _: None) as session:
            return session.connection("m0").link.wire.pid

    with beginning(place, machines):
        pids = {name: pipes.pid for name, pipes in place.begun.items()}
        assert asyncio.run(used()) == pids["m0"]
        assert list(place.begun) == ["m1"]
        assert alive(pids["m1"])
    assert place.begun == {}
    eventually(lambda: not alive(pids["m1"]))

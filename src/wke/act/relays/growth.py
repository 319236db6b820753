"""A tree while it stands: listens for machines that dial back, gives each its seat, and knows the way to each.

A machine that belongs below a relay is sent there as soon as the relay has dialled. If the relay does not come, or cannot be reached from
there, the machine stays here: a tree with fewer levels costs more, and works.
"""

import asyncio
import os
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, cast

from wke.act.connection import bootstrap
from wke.act.connection.untrusted import number_of, text_of
from wke.act.relays.callers import Caller, Door
from wke.act.relays.seats import seats
from wke.act.relays.trunk import Trunk, TrunkListener
from wke.agent import frames
from wke.agent.handshake import family_of
from wke.agent.protocol import Frame, ProtocolError, encode
from wke.errors import MachineError
from wke.values import dataclass

ABSENT_S = 10.0  # how long machines wait for the relay that is to carry them
EXIT_S = 5.0
BACKLOG = 4096

Launch = Callable[[bytes], Awaitable[None]]
"""Starts `bootstrap.command()` on every machine with these bytes as its standard input, and returns when all these processes have ended.

Raises MachineError when they cannot be started. When it is cancelled it ends them.
"""


@dataclass(frozen=True, slots=True)
class Planting:
    """How a tree is made: `members` has the machines by their keys, which the variable `variable` holds on each.

    They dial the first of `addresses`, this computer's, that answers, once `launch` has started them. `said` returns the last words of the
    process that was started on the machine with a key, "" if it has none.
    """

    members: Mapping[str, str]
    variable: str
    addresses: Sequence[str]
    fan_out: int
    launch: Launch
    said: Callable[[str], str] = lambda _: ""


class Member(Protocol):
    """A machine that someone talks to: `number` is its place among the members."""

    number: int

    def reached(self, trunk: Trunk) -> None:
        """Learn the way to the machine, where no agent is."""

    def hear(self, frame: Frame) -> None:
        """Take what the machine, or the tree about it, says."""


class Growth:
    """A tree in the running event loop, which grows as machines dial, until it is closed."""

    def __init__(self, planting: Planting) -> None:
        self.loop = asyncio.get_running_loop()
        self.names = tuple(planting.members.values())
        self._keys = tuple(planting.members)
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._words = planting.said
        self._seats = seats(len(self.names), planting.fan_out)
        self._relays = self._seats.relays
        self._secret = os.urandom(32).hex()  # as long as the key of a proof may be
        self._members: dict[int, Member] = {}
        self._waiting: dict[int, Member] = {}  # those that have not begun
        self._trunks: set[Trunk] = set()
        self._routes: dict[int, Trunk] = {}
        self._busy: dict[int, Member] = {}  # machines where an agent is, and whose
        self._lost: dict[int, str] = {}  # machines that will not be reached, and why
        self._listening: dict[int, tuple[str, int]] = {}  # where machines that have dialled can be dialled themselves
        self._early: defaultdict[int, list[Caller]] = defaultdict(list)  # machines that wait for the relay of that number
        self.is_closed = False
        listener = _listener(planting.addresses)
        port = listener.getsockname()[1]
        self._door = Door(listener, self._secret.encode(), self._introduced)
        order = {"addresses": list(planting.addresses), "port": port, "secret": self._secret, "variable": planting.variable}
        self._launching = asyncio.ensure_future(planting.launch(bootstrap.node_package(order)))
        self._launching.add_done_callback(self._launched)

    # -- members

    def enter(self, member: Member) -> None:
        """Tell a member when its machine is reached, and what it says; one that is out of reach hears GONE at once."""
        number = member.number
        self._members[number] = member
        if number in self._lost:
            member.hear(_gone(self._lost[number]))
        else:
            self._waiting[number] = member
            self._offer(number)

    async def leave(self, member: Member) -> None:
        """Tell a member nothing more. The tree is closed with the last one."""
        if self._members.get(member.number) is member:
            del self._members[member.number]
            self._waiting.pop(member.number, None)
            if not self._members:
                await self.close()

    async def close(self) -> None:
        """Close all sockets, whereupon the machines stop what was started on them, and wait a moment for the processes there to end."""
        self.is_closed = True
        self._door.close()
        for trunk in self._trunks:
            trunk.close()
        try:
            await asyncio.wait([self._launching], timeout=EXIT_S)
        finally:
            self._launching.cancel()
        await asyncio.wait([self._launching])

    def _offer(self, number: int) -> None:
        """Let a member begin that waits, if its machine is reached and no agent of an earlier connection is there."""
        trunk = self._routes.get(number)
        if trunk is not None and number in self._waiting and number not in self._busy:
            self._busy[number] = member = self._waiting.pop(number)
            member.reached(trunk)

    def _launched(self, launching: asyncio.Future[None]) -> None:
        """Give up on machines that have not dialled: no one is left who would."""
        if launching.cancelled():
            return
        error = launching.exception()
        why = "its process has ended before it called back" if error is None else str(error)
        for number in range(len(self.names)):
            if number not in self._routes and number not in self._lost:
                self._lose(number, why)
        if error is not None and not isinstance(error, MachineError | OSError):
            raise error

    def words(self, number: int) -> str:
        """Return the last words of the process that was started on a machine."""
        return self._words(self._keys[number])

    def relay_above(self, number: int) -> int | None:
        """Return the relay that is to carry a machine's frames, which is on the machine itself if that has others below it."""
        return number if number in self._relays else self._seats.above[number]

    # -- machines that dial

    def _introduced(self, caller: Caller, head: Mapping[str, object]) -> None:
        """Give a machine its seat, here or below a relay."""
        if caller.number is not None:  # it cannot reach its relay
            self._keep(caller)
            return
        number = self._numbers.get(cast("str", head["key"]))
        if number is None:
            raise ProtocolError("it is not a machine of this tree")
        caller.number = number
        self._listening[number] = caller.channel.getpeername()[0], number_of(head, "port")
        relay = self._seats.above[number]
        if relay is None or relay in self._lost:
            self._keep(caller)
        elif relay in self._listening:
            self._send_below(caller, relay)
        else:
            self._early[relay].append(caller)
            caller.wait(ABSENT_S, lambda: self._keep(caller))
        for early in self._early.pop(number, ()):
            if early.is_here:
                self._send_below(early, number)

    def _send_below(self, caller: Caller, relay: int) -> None:
        """Send a machine to its relay: it closes our socket once it is there, or introduces itself again."""
        address, port = self._listening[relay]
        caller.rest()
        caller.say(self._seat(caller.number, {"address": address, "port": port}))

    def _seat(self, number: int | None, where: Mapping[str, object]) -> bytes:
        return encode(frames.SEAT, 0, {"number": number, "relays": number in self._relays, **where})

    def _keep(self, caller: Caller) -> None:
        """Let a machine sit below ourselves."""
        number = caller.number
        caller.say(self._seat(number, {}))
        if number is None or not caller.is_here:
            return
        caller.release()
        relays = number in self._relays
        trunk = Trunk(caller.channel, caller.decoder, number, relays=relays, listener=TrunkListener(self._said, self._broken))
        self._trunks.add(trunk)
        if not relays:
            self._route(number, trunk)

    # -- what trunks say

    def _said(self, trunk: Trunk, number: int, frame: Frame) -> None:
        if frame.kind == frames.HERE:
            self._route(number, trunk)
            return
        if number not in trunk.machines:
            return  # the machine has dialled again, and this one does not know it yet
        if frame.kind == frames.GONE:
            self._end(number, text_of(frame.head, "why"), lasting=frame.head["lasting"] is True)
            return
        member = self._busy.get(number)
        if member is not None:
            member.hear(frame)

    def _route(self, number: int, trunk: Trunk) -> None:
        if number >= len(self.names):
            raise ProtocolError("there is no such machine")
        before = self._routes.pop(number, None)
        if before is not None:
            before.machines.discard(number)
            self._end(number, "it has dialled again", lasting=False)
        self._routes[number] = trunk
        trunk.machines.add(number)
        self._lost.pop(number, None)
        self._offer(number)

    def _end(self, number: int, why: str, *, lasting: bool) -> None:
        """Note that a machine's agent has ended, or with it, if that is `lasting`, the way to the machine."""
        concerned = [self._busy.pop(number, None)]
        if lasting:
            trunk = self._routes.pop(number, None)
            if trunk is not None:
                trunk.machines.discard(number)
            self._lost[number] = why
            concerned.append(self._waiting.pop(number, None))
        for member in concerned:
            if member is not None:
                member.hear(_gone(why))
        self._offer(number)

    def _lose(self, number: int, why: str) -> None:
        self._end(number, why, lasting=True)

    def _broken(self, trunk: Trunk, why: str) -> None:
        self._trunks.discard(trunk)
        name = self.names[trunk.number]
        for number in list(trunk.machines):
            itself = number == trunk.number
            self._lose(number, f"the connection to it broke: {why}" if itself else f"the connection to its relay {name} broke: {why}")


def _listener(addresses: Sequence[str]) -> socket.socket:
    """Return a socket that listens at all addresses of this computer, by the protocols that these need."""
    is_six = any(family_of(address) == socket.AF_INET6 for address in addresses)
    family = socket.AF_INET6 if is_six else socket.AF_INET
    listener = socket.create_server(("", 0), family=family, backlog=BACKLOG, dualstack_ipv6=is_six and socket.has_dualstack_ipv6())
    listener.setblocking(False)
    return listener


def _gone(why: str) -> Frame:
    return Frame(frames.GONE, 0, {"why": why, "lasting": True})

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
from wke.act.relays.seats import seats
from wke.act.relays.trunk import Trunk, TrunkListener
from wke.agent import frames
from wke.agent.handshake import Admission, family_of, prepare
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode
from wke.errors import MachineError
from wke.values import dataclass

ADMIT_S = 20.0
ABSENT_S = 10.0  # how long machines wait for the relay that is to carry them
EXIT_S = 5.0
PAUSE_S = 0.1
BACKLOG = 4096
READ_SIZE = 1 << 12

Launch = Callable[[bytes], Awaitable[None]]
"""Starts `bootstrap.command()` on every machine with these bytes as its standard input, and returns when all these processes have ended.

Raises MachineError when they cannot be started. When it is cancelled it ends them.
"""


@dataclass(frozen=True, slots=True)
class Planting:
    """How a tree is made: `members` has the machines by their keys, which the variable `variable` holds on each.

    They dial the first of `addresses`, this computer's, that answers, once `launch` has started them.
    """

    members: Mapping[str, str]
    variable: str
    addresses: Sequence[str]
    fan_out: int
    launch: Launch


class Member(Protocol):
    """A machine that someone talks to: `number` is its place among the members."""

    number: int

    def reached(self, trunk: Trunk) -> None:
        """Learn the way to the machine, where no agent is."""

    def hear(self, frame: Frame) -> None:
        """Take what the machine, or the tree about it, says."""


@dataclass(frozen=True, slots=True)
class _Node:
    channel: socket.socket
    decoder: Decoder
    number: int
    port: int


class Growth:
    """A tree in the running event loop, which grows as machines dial, until it is closed."""

    def __init__(self, planting: Planting) -> None:
        self.loop = asyncio.get_running_loop()
        self.names = tuple(planting.members.values())
        self._numbers = {key: number for number, key in enumerate(planting.members)}
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
        self._dialled: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.is_closed = False
        self._listener = _listener(planting.addresses)
        self._welcomes: set[asyncio.Task[None]] = set()
        self._accepting = self.loop.create_task(self._accept())
        port = self._listener.getsockname()[1]
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
        welcoming = [self._accepting, *self._welcomes]
        for task in welcoming:
            task.cancel()
        await asyncio.wait(welcoming)
        self._listener.close()  # machines that dial once more shall find no one
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

    def relay_above(self, number: int) -> int | None:
        """Return the relay that is to carry a machine's frames, which is on the machine itself if that has others below it."""
        return number if number in self._relays else self._seats.above[number]

    # -- machines that dial

    async def _accept(self) -> None:
        while True:
            try:
                channel, _ = await self.loop.sock_accept(self._listener)
            except OSError:  # it has gone already, or there are too many open files
                await asyncio.sleep(PAUSE_S)
                continue
            task = self.loop.create_task(self._welcome(channel))
            self._welcomes.add(task)
            task.add_done_callback(self._welcomes.discard)

    async def _welcome(self, channel: socket.socket) -> None:
        """Give whoever dials a seat, here or below a relay."""
        is_kept = False
        try:
            prepare(channel)
            node = await self._introduction(channel)
            if not await self._sends_below(node):
                self._keep(node)
                is_kept = True
        except (ProtocolError, OSError, EOFError):  # a stranger, or it has gone: then it is missed as one that never came
            pass
        finally:
            if not is_kept:
                channel.close()

    async def _introduction(self, channel: socket.socket) -> _Node:
        admission, decoder = Admission(self._secret.encode()), Decoder(frames.TREE)
        async with asyncio.timeout(ADMIT_S):
            await self.loop.sock_sendall(channel, admission.challenge)
            while not admission.done:
                answer = admission.take(await self._received(channel))
                await self.loop.sock_sendall(channel, answer)
            head = await self._node(channel, decoder, admission.rest)
        number = self._numbers.get(cast("str", head["key"]))
        if number is None:
            raise ProtocolError("it is not a machine of this tree")
        node = _Node(channel, decoder, number, number_of(head, "port"))
        self._listening[number] = channel.getpeername()[0], node.port
        self._dialled[number].set()
        return node

    async def _sends_below(self, node: _Node) -> bool:
        """Send a machine to its relay, if it has one, and tell whether it went there."""
        relay = self._seats.above[node.number]
        if relay is None:
            return False
        try:
            async with asyncio.timeout(ABSENT_S):
                await self._dialled[relay].wait()
        except TimeoutError:
            return False
        if relay in self._lost:
            return False
        address, port = self._listening[relay]
        await self.loop.sock_sendall(node.channel, self._seat(node, {"address": address, "port": port}))
        try:
            await self._node(node.channel, node.decoder, b"")
        except EOFError:
            return True  # it has closed our socket, and is with its relay
        return False

    async def _node(self, channel: socket.socket, decoder: Decoder, data: bytes) -> Mapping[str, object]:
        """Return what the next introduction says; `data` has come already."""
        while True:
            for frame in decoder.frames(data):
                if frame.kind != frames.NODE:
                    raise ProtocolError(f"{frame} is no introduction")
                return frame.head
            data = await self._received(channel)

    async def _received(self, channel: socket.socket) -> bytes:
        data = await self.loop.sock_recv(channel, READ_SIZE)
        if not data:
            raise EOFError
        return data

    def _seat(self, node: _Node, where: Mapping[str, object]) -> bytes:
        return encode(frames.SEAT, 0, {"number": node.number, "relays": node.number in self._relays, **where})

    def _keep(self, node: _Node) -> None:
        """Let a machine sit below ourselves."""
        node.channel.send(self._seat(node, {}))
        relays = node.number in self._relays
        trunk = Trunk(node.channel, node.decoder, node.number, relays=relays, listener=TrunkListener(self._said, self._broken))
        self._trunks.add(trunk)
        if not relays:
            self._route(node.number, trunk)

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

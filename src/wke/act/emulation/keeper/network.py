"""Links between emulated machines, made by messages to the kernel (rtnetlink), so that no program has to be installed or started.

Every machine has one link, `eth0`, to a router. Addresses are single ones (/32) with a route to the peer: no bridge, whose neighbour
tables overflow in a full mesh of some sixty machines.
"""

import os
import socket
import struct

from wke.act.emulation.keeper.plan import LinkPlan, MachinePlan

ANSWER_TO = "this kernel cannot emulate {what} ({kind} is missing): remove it from [links], or use a kernel that has it"

_REQUEST_ACK, _CREATE_NEW = 0x1 | 0x4, 0x200 | 0x400
_NEWLINK, _NEWADDR, _NEWROUTE, _NEWQDISC = 16, 20, 24, 36
_IFNAME, _LINKINFO, _INFO_KIND, _INFO_DATA, _VETH_PEER, _NET_NS_FD = 3, 18, 1, 2, 1, 28
_ADDRESS, _LOCAL, _GATEWAY, _OUT_LINK = 1, 2, 5, 4
_QDISC_KIND, _QDISC_OPTIONS, _ROOT = 1, 2, 0xFFFFFFFF
_TBF_PARAMETERS, _TBF_RATE64, _TBF_BURST = 1, 4, 6
_NETEM_LATENCY64, _NETEM_JITTER64 = 10, 11
_UP, _ETHERNET, _MAIN_TABLE, _BOOT_PROTOCOL, _UNICAST = 1, 1, 254, 3, 1
_FIRST_INDEX = 100  # above the tunnels that some kernels put into every network namespace
_LOOPBACK_INDEX = 1
_BURST_LEAST, _QUEUE_S = 1 << 17, 0.05


class UnsupportedError(Exception):
    """The kernel lacks what the plan asks for."""


def attribute(kind: int, payload: bytes) -> bytes:
    """Return a netlink attribute."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


class Network:
    """The network namespace in which the process was when it made this value. It stays usable after the process has left it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of the namespace."""
        self._socket.close()
        os.close(self.namespace)

    def set_up(self, index: int) -> None:
        """Switch link `index` on."""
        self._ask(_NEWLINK, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, _UP, _UP))

    def set_loopback_up(self) -> None:
        """Switch the loopback link on."""
        self.set_up(_LOOPBACK_INDEX)

    def add_pair(self, index: int, name: str, peer_name: str, peer: "Network") -> None:
        """Make a link `name` here and its other end `peer_name` in `peer`; both get the number `index`."""
        end = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
        other = end + attribute(_IFNAME, peer_name.encode() + b"\0") + attribute(_NET_NS_FD, struct.pack("=I", peer.namespace))
        info = attribute(_INFO_KIND, b"veth") + attribute(_INFO_DATA, attribute(_VETH_PEER, other))
        self._ask(_NEWLINK, end + attribute(_IFNAME, name.encode() + b"\0") + attribute(_LINKINFO, info), _CREATE_NEW)

    def add_address(self, index: int, address: str, peer: str) -> None:
        """Give link `index` its own address and the address of the one machine at its other end, and a route there."""
        message = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, index)
        ends = attribute(_LOCAL, socket.inet_aton(address)) + attribute(_ADDRESS, socket.inet_aton(peer))
        self._ask(_NEWADDR, message + ends, _CREATE_NEW)

    def add_default_route(self, index: int, gateway: str) -> None:
        """Send packets for unknown addresses to `gateway`."""
        message = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, _MAIN_TABLE, _BOOT_PROTOCOL, 0, _UNICAST, 0)
        way = attribute(_GATEWAY, socket.inet_aton(gateway)) + attribute(_OUT_LINK, struct.pack("=I", index))
        self._ask(_NEWROUTE, message + way, _CREATE_NEW)

    def limit_rate(self, index: int, bits: float, *, below_delay: bool = False) -> None:
        """Let link `index` send at most `bits` per second; bursts and queue are a switch port's. Goes below `add_delay` if asked to."""
        rate = int(bits / 8)
        burst = max(_BURST_LEAST, rate // 250)
        spec = struct.pack("=BBHhHI", 0, _ETHERNET, 0, 0, 0, min(rate, 0xFFFFFFFF))
        parameters = spec + bytes(12) + struct.pack("=III", min(burst + int(rate * _QUEUE_S), 0xFFFFFFFF), 0, 0)
        options = attribute(_TBF_PARAMETERS, parameters) + attribute(_TBF_BURST, struct.pack("=I", burst))
        if rate > 0xFFFFFFFF:
            options += attribute(_TBF_RATE64, struct.pack("=Q", rate))
        self._add_qdisc(index, "tbf", options, parent=0x10001 if below_delay else _ROOT, what="rate")

    def add_delay(self, index: int, link: LinkPlan) -> None:
        """Delay, or lose, what link `index` sends."""
        parameters = struct.pack("=IIIIII", 0, 1_000_000, int(link.loss * 0xFFFFFFFF), 0, 0, 0)
        times = attribute(_NETEM_LATENCY64, struct.pack("=q", int(link.delay_s * 1e9)))
        times += attribute(_NETEM_JITTER64, struct.pack("=q", int(link.jitter_s * 1e9)))
        self._add_qdisc(index, "netem", parameters + times, parent=_ROOT, what="delay, jitter or loss")

    def _add_qdisc(self, index: int, kind: str, options: bytes, *, parent: int, what: str) -> None:
        message = struct.pack("=BxxxiIII", socket.AF_UNSPEC, index, 0x10000 if parent == _ROOT else 0, parent, 0)
        try:
            self._ask(_NEWQDISC, message + attribute(_QDISC_KIND, kind.encode() + b"\0") + attribute(_QDISC_OPTIONS, options), _CREATE_NEW)
        except FileNotFoundError:
            raise UnsupportedError(ANSWER_TO.format(what=what, kind=kind)) from None

    def _ask(self, kind: int, body: bytes, flags: int = 0) -> None:
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST_ACK | flags, 1, 0) + body)
        answer = self._socket.recv(65536)
        (number,) = struct.unpack_from("=i", answer, 16)
        if number:
            raise OSError(-number, f"network request {kind}: {os.strerror(-number)}")


def connect(machine: MachinePlan, number: int, *, inside: Network, router: Network, gateway: str, link: LinkPlan | None) -> None:
    """Link a machine's network `inside` to the router's, as its `number`-th link, with addresses and routes both ways."""
    index = _FIRST_INDEX + number
    inside.set_loopback_up()
    inside.add_pair(index, "eth0", f"m{number}", router)
    router.add_address(index, gateway, machine.address)
    router.set_up(index)
    inside.add_address(index, machine.address, gateway)
    inside.set_up(index)
    inside.add_default_route(index, gateway)
    if link is None:
        return
    delayed = bool(link.delay_s or link.jitter_s or link.loss)
    if delayed:
        inside.add_delay(index, link)
    if link.rate_bits:
        inside.limit_rate(index, link.rate_bits, below_delay=delayed)
        router.limit_rate(index, link.rate_bits)

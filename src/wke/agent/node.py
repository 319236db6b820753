"""A node of a tree: a process on a machine that dials back, takes its seat below the controller or a relay, and makes the machine's agents.

    controller == socket == [relay == socket ==] node, which waits for the guardian; guardian, agent talk through the node's socket

Where machines are to be reached through this one, the process that was started becomes the relay (see relay.py), and the node is its child.
While there is no agent, a node waits for the controller to open one. When its socket is closed, it dials the controller once more: its
relay may have died. It ends when no one answers there.
"""

import posix
from posix import _exit

import _signal
import _socket

from wke.agent import frames
from wke.agent.files import to_bytes, to_text
from wke.agent.handshake import dial, family_of
from wke.agent.protocol import HEADER, Decoder, ProtocolError, encode

READ_SIZE = 1 << 18
BACKLOG = 512


def join(order):
    """Be a node; returns only in a process that is to be an agent: source, sink, decoder, and the head of its first frame."""
    variable = to_bytes(order["variable"])
    if variable not in posix.environ:
        _fail("it does not know its name: there is no variable {}".format(order["variable"]))
    key = to_text(posix.environ[variable])
    try:
        upstream = _seated(order, key)
    except (OSError, ProtocolError) as error:
        _fail("it cannot take its place in the tree: {}".format(error))
    _signal.alarm(0)  # from here on our socket limits our life
    while True:
        agent = _agent(upstream)
        if agent is not None:
            return agent
        posix.close(upstream)
        try:
            upstream = _seated(order, key)
        except (OSError, ProtocolError):
            _exit(0)


def _seated(order, key):
    """Take a seat; return the socket to who sits above. If we are to be a relay, that is another process from here on."""
    secret = to_bytes(order["secret"])
    controller, family = _dialled(order["addresses"], order["port"], secret)
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    listener.bind(("", 0))
    listener.listen(BACKLOG)
    me = {"key": key, "port": listener.getsockname()[1]}
    upstream, seat = sit_down(controller, me, secret)
    if seat["relays"]:
        near, far = _socket.socketpair()
        if posix.fork():
            from wke.agent.relay import Relay

            _signal.alarm(0)
            far.close()
            Relay(upstream, listener, secret).run(seat["number"], near.detach())
        near.close()
        posix.close(upstream)
        upstream = far.detach()
    listener.close()
    return upstream


def _dialled(addresses, port, secret):
    """Return a socket to the controller at the first address that answers, and its family."""
    problems = []
    for address in addresses:
        try:
            return dial(address, port, secret), family_of(address)
        except OSError as error:
            problems.append("{}:{}: {}".format(address, port, error))
    raise OSError("; ".join(problems))


def sit_down(controller, me, secret):
    """Return a socket to who sits above us, and our seat."""
    seat = _ask(controller, me)
    while "address" in seat:
        try:
            upstream = dial(seat["address"], seat["port"], secret)
        except OSError as error:  # then the controller knows another seat
            why = "its relay at {}:{} cannot be reached: {}".format(seat["address"], seat["port"], error)
            seat = _ask(controller, dict(me, number=seat["number"], why=why))
            continue
        _say(upstream, frames.NODE, dict(me, number=seat["number"], relays=seat["relays"]))
        posix.close(controller)
        return upstream, seat
    return controller, seat


def _ask(controller, me):
    """Introduce ourselves and return the seat that we are given; no byte is read of what follows it."""
    _say(controller, frames.NODE, me)
    header = _exactly(controller, HEADER.size)
    for frame in Decoder(frames.TREE).frames(header + _exactly(controller, HEADER.unpack(header)[5])):
        if frame.kind == frames.SEAT:
            return frame.head
    raise ProtocolError("this is no seat")


def _exactly(handle, size):
    data = b""
    while len(data) < size:
        part = posix.read(handle, size - len(data))
        if not part:
            raise OSError("the controller closed the connection")
        data += part
    return data


def _agent(upstream):
    """Wait for agents to be opened, and for the end of each; return what an agent needs in its process, None when the socket is closed."""
    while True:
        posix.set_blocking(upstream, True)  # which an agent changes: it is the same socket
        decoder = Decoder(frames.AGENT)
        opening = None
        while opening is None:
            try:
                data = posix.read(upstream, READ_SIZE)
                opening = _opening(decoder, data)
            except (OSError, ProtocolError):
                return None
            if not data:
                return None
        child = posix.fork()
        if not child:
            return upstream, posix.dup(upstream), decoder, opening
        posix.waitpid(child, 0)
        posix.set_blocking(upstream, True)
        _say(upstream, frames.GONE, {"why": "its agent has ended", "lasting": False})


def _opening(decoder, data):
    """Return the head of a frame that opens an agent; what follows stays in the decoder. What was meant for an earlier agent is dropped."""
    for frame in decoder.frames(data):
        if frame.kind == frames.OPEN:
            return frame.head
    return None


def _say(handle, kind, head):
    data = memoryview(encode(kind, 0, head))
    try:
        while data:
            data = data[posix.write(handle, data) :]
    except OSError:  # reading tells
        pass


def _fail(why):
    posix.write(2, "wke: {}: {}\n".format(posix.uname().nodename, why).encode())
    _exit(1)

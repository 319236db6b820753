"""Machines that are played: many in one process, behind real relays, each with a socket of its own and the true protocol on it.

    played.py      (a JSON object on standard input: order, numbers, relays, output)

A played machine dials, proves that it knows the secret, takes its seat, greets, and answers every frame of a controller at once, in the
bytes in which an agent would answer. It starts no process, and understands no more of a frame than its header. A machine that is to be a
relay becomes one: a process with wke's own code, whose own machine is played here.
"""

import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from wke.agent import frames
from wke.agent.handshake import dial
from wke.agent.loop import steady_ns
from wke.agent.node import sit_down
from wke.agent.protocol import HEADER, dump, prefix
from wke.agent.relay import Relay

READ_SIZE = 1 << 18
DIALS_AT_ONCE = 16
EPOCH_NS = time.time_ns() - steady_ns()
HELLO = {"python": "3.11.2", "user": "root", "home": "/root", "cpus": 2, "uname": "Linux " + "x" * 60, "pid": 1, "workfolder": "/tmp/wke-x"}


class Machine:
    """A played machine: `handle` leads to what is above it."""

    def __init__(self, number, handle, *, output):
        self.number = number
        self.handle = handle
        self.output = output
        self.buffer = bytearray()

    def hear(self, data):
        """Answer the frames that are complete."""
        buffer, answers = self.buffer, []
        buffer += data
        start = 0
        while len(buffer) - start >= HEADER.size:
            _, _, kind, _, channel, head_size, payload_size, _ = HEADER.unpack_from(buffer, start)
            end = start + HEADER.size + head_size + payload_size
            if len(buffer) < end:
                break
            start = end
            answers += self.answers(kind, channel)
        del buffer[:start]
        for answer in answers:
            os.write(self.handle, answer)

    def answers(self, kind, channel):
        """Return the bytes with which an agent answers a frame of that kind."""
        at = EPOCH_NS + steady_ns()
        if kind == frames.PING:
            return [prefix(frames.PONG, channel, b'{"at":%d,"wall":%d}' % (at, at), 0)]
        if kind == frames.START:
            began = b"false" if self.output else b"true"
            end = b'{"kind":"ok","code":null,"started":%d,"ended":%d,"rung":"","detail":"","began":%s}' % (at, at + 900_000, began)
            answer = prefix(frames.ENDED, channel, end, 0)
            if self.output:
                line = b"machine %d\n" % self.number
                said = prefix(frames.OUTPUT, channel, b'{"stream":1,"at":%d}' % at, len(line)) + line
                answer = prefix(frames.STARTED, channel, b'{"at":%d}' % at, 0) + said + answer
            return [answer]
        if kind == frames.OPEN:
            return [prefix(frames.HELLO, 0, dump({**HELLO, "hostname": f"node{self.number}", "at": at}), 0)]
        if kind == frames.CLEAR:
            return [prefix(frames.CLEARED, channel, b'{"leftovers":[],"survivors":[]}', 0)]
        if kind == frames.BYE:
            gone = prefix(frames.GONE, 0, b'{"why":"its agent has ended","lasting":false}', 0)
            return [prefix(frames.FAREWELL, 0, b'{"leftovers":[],"survivors":[]}', 0) + gone]
        return []


def seated(order, number, *, relays):
    """Let a machine take its seat, and be a relay in a process of its own if it is to be one; return the socket to what is above it."""
    secret = order["secret"].encode()
    address = order["addresses"][0]
    listener = socket.create_server(("", 0), backlog=512)
    me = {"key": str(number), "port": listener.getsockname()[1]}
    upstream, seat = sit_down(dial(address, order["port"], secret), me, secret)
    assert seat["relays"] == relays
    if relays:
        near, far = socket.socketpair()
        if not os.fork():
            far.close()
            Relay(upstream, listener, secret).run(number, near.detach())
        near.close()
        os.close(upstream)
        upstream = far.detach()
    listener.close()
    return upstream


def main():
    """Play the machines that standard input names, until their sockets are closed."""
    words = json.load(sys.stdin)
    epoll, machines, here = select.epoll(), {}, threading.Lock()
    waiting = list(words["numbers"])

    def add(number, *, relays):
        handle = seated(words["order"], number, relays=relays)
        with here:
            machines[handle] = Machine(number, handle, output=words["output"])
        epoll.register(handle, select.EPOLLIN)

    relays = set(words["relays"])
    for number in filter(relays.__contains__, waiting):
        add(number, relays=True)  # before there are threads
    rest = iter([number for number in waiting if number not in relays])

    def dialling():
        while True:
            with here:
                number = next(rest, None)
            if number is None:
                return
            add(number, relays=False)

    threads = [threading.Thread(target=dialling) for _ in range(DIALS_AT_ONCE)]
    for thread in threads:
        thread.start()
    left = len(waiting)
    while left:
        for handle, _ in epoll.poll():
            with contextlib.suppress(OSError):
                data = os.read(handle, READ_SIZE)
                if data:
                    machines[handle].hear(data)
                    continue
            epoll.unregister(handle)
            os.close(handle)
            left -= 1


if __name__ == "__main__":
    main()

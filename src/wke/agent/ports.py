"""Waiting until something listens on a port, as seen from the machine itself."""

import time

import _socket

from wke.agent.loop import WRITE

FIRST_PAUSE_S = 0.005
SLOWEST_PAUSE_S = 0.1
ATTEMPT_S = 1.0
HERE = "127.0.0.1"


class PortWait:
    """Tries to connect until that works or `within_s` is over, then calls `done(answered)`.

    A host name is looked up once, which may block: give numbers, or names that the machine knows by itself.
    """

    def __init__(self, loop, address, port, within_s, done):
        self._loop = loop
        self._done = done
        self._deadline = time.monotonic() + within_s
        self._pause = FIRST_PAUSE_S
        self._attempts = {}  # target -> (socket, since)
        self._targets = []
        self._over = False
        for host in (address, HERE):
            try:
                self._targets += _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)
            except (OSError, UnicodeError, OverflowError):
                pass
        self._look()

    def _look(self):
        now = time.monotonic()
        if self._over:
            return
        if now >= self._deadline:
            self._finish(False)
            return
        for target in self._targets:
            if now - self._attempts.get(target, (None, -ATTEMPT_S))[1] >= ATTEMPT_S:
                self._try(target, now)
        self._loop.at(min(now + self._pause, self._deadline), self._look)
        self._pause = min(SLOWEST_PAUSE_S, self._pause * 2)

    def _try(self, target, now):
        self._drop(target)
        family, kind, protocol, _, address = target
        try:
            attempt = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC, protocol)
            attempt.connect_ex(address)
        except OSError:
            return
        self._attempts[target] = (attempt, now)
        self._loop.watch(attempt.fileno(), lambda: self._answer(target), WRITE)

    def _answer(self, target):
        attempt = self._attempts[target][0]
        # A connection from an ephemeral port to the same port on loopback reaches itself: nothing listens there.
        answered = not attempt.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR) and attempt.getsockname() != attempt.getpeername()
        self._drop(target)
        if answered:
            self._finish(True)

    def _drop(self, target):
        attempt = self._attempts.pop(target, None)
        if attempt is not None:
            self._loop.forget(attempt[0].fileno())
            attempt[0].close()

    def _finish(self, answered):
        for target in list(self._attempts):
            self._drop(target)
        self._over = True
        self._done(answered)

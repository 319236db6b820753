"""Ports as seen from the machine itself: whether something answers on one, and who listens there.

Every address of the machine counts: the kernel's tables tell on which of them a port is open.
"""

import errno
import posix
import sys
import time

import _socket

from wke.agent.loop import WRITE
from wke.agent.processes import TICK_S, boot_time, read_proc, snapshot

FIRST_PAUSE_S = 0.005
SLOWEST_PAUSE_S = 0.1
ATTEMPT_S = 1.0
LOOPBACK = ("127.0.0.1", "::1")
TABLES = ((_socket.AF_INET, "/proc/self/net/tcp"), (_socket.AF_INET6, "/proc/self/net/tcp6"))
TABLE_LIMIT = 1 << 20  # the sockets that listen come first
LISTENS = b"0A"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to reach a socket that listens on all addresses
UNKNOWN = "a process that cannot be seen from there"


class PortWait:
    """Tries to connect until that works or `within_s` is over, then calls `done(answered, stranger)`; with 0 it tries once.

    `at` is the machine's address and the port. `stranger` names a listening process that is not one of `ours()`. In a wait, one that
    was born meanwhile is no stranger (it may be a container of the task), nor is one that we cannot see.
    A host name is looked up once, which may block: give numbers, or names that the machine knows by itself.
    """

    def __init__(self, loop, at, within_s, ours, done):
        address, port = at
        self._loop = loop
        self._port = port
        self._ours = ours
        self._done = done
        self._began = boot_time()
        self._once = not within_s
        self._deadline = time.monotonic() + (within_s or ATTEMPT_S)
        self._pause = FIRST_PAUSE_S
        self._attempts = {}  # target -> (socket, since)
        self._over = False
        self._only = address if address.startswith("127.") and address not in LOOPBACK else ""  # machines that share a host have others
        self._targets = []
        for host in (address,) if self._only and self._once else (address,) + LOOPBACK:
            try:
                self._targets += [(info[0], info[4][:2]) for info in _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)]
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
        known = [] if self._only else [(family, (host, self._port)) for family, host, _ in listeners(self._port)]
        self._targets += [target for target in known if target not in self._targets]
        for target in self._targets:
            if now - self._attempts.get(target, (None, -ATTEMPT_S))[1] >= ATTEMPT_S:
                self._try(target, now)
        if self._once and not self._attempts:
            self._finish(False)
            return
        self._loop.at(min(now + self._pause, self._deadline), self._look)
        self._pause = min(SLOWEST_PAUSE_S, self._pause * 2)

    def _try(self, target, now):
        self._drop(target)
        family, address = target
        try:
            attempt = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
            if attempt.connect_ex(address) not in (0, errno.EINPROGRESS):
                attempt.close()
                return
        except OSError:
            return
        self._attempts[target] = (attempt, now)
        self._loop.watch(attempt.fileno(), lambda: self._answer(target), WRITE)

    def _answer(self, target):
        attempt = self._attempts[target][0]
        # A connection from an ephemeral port to the same port on loopback reaches itself: nothing listens there.
        answered = not attempt.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR) and attempt.getsockname() != attempt.getpeername()
        self._drop(target)
        if answered or (self._once and not self._attempts):
            self._finish(answered)

    def _drop(self, target):
        attempt = self._attempts.pop(target, None)
        if attempt is not None:
            self._loop.forget(attempt[0].fileno())
            attempt[0].close()

    def _finish(self, answered):
        for target in list(self._attempts):
            self._drop(target)
        self._over = True
        self._done(answered, self._stranger() if answered else "")

    def _stranger(self):
        """Return the name of a process that listens on the port and is not ours, "" when there is none for certain."""
        sockets = self._sockets()
        ours = {p.pid: holds(p.pid, sockets) for p in self._ours()}
        if any(found is not False for found in ours.values()):
            return ""
        others = [p for p in snapshot().values() if p.pid not in ours and holds(p.pid, sockets)]
        if not self._once:  # process 1 may listen for services that it starts
            others = [p for p in others if p.started + TICK_S < self._began and p.pid != 1]
        return others[0].with_user() if others else UNKNOWN if self._once else ""

    def _sockets(self):
        rows = [row for row in listeners(self._port) if not self._only or row[1] in (self._only, LOOPBACK[0])]
        return {b"socket:[" + inode + b"]" for _, _, inode in rows}


def listeners(port):
    """Yield (family, address at which it can be reached, inode) of every socket that listens on a port."""
    ending = b":%04X" % port
    for family, path in TABLES:
        for line in read_proc(path, TABLE_LIMIT).split(b"\n"):
            fields = line.split()
            if len(fields) > 9 and fields[3] == LISTENS and fields[1].endswith(ending):
                digits = fields[1][: -len(ending)].decode()
                words = [int(digits[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(digits), 8)]
                host = _socket.inet_ntop(family, b"".join(words))
                yield family, EVERYWHERE.get(host, host), fields[9]


def holds(pid, sockets):
    """Tell whether a process has one of the sockets open; None when its files cannot be seen."""
    folder = b"/proc/%d/fd" % pid
    try:
        handles = posix.listdir(folder)
    except PermissionError:
        return None
    except OSError:  # it has ended
        return False
    for handle in handles:
        try:
            if posix.readlink(folder + b"/" + handle) in sockets:
                return True
        except OSError:  # closed just now
            pass
    return False

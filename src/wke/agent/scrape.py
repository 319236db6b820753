"""A scrape: one GET by HTTP/1.1 from a port of this machine. The answer is handed on as it came, compressed; the controller reads it."""

import errno
import posix
import time
import zlib

import _socket

from wke.agent.frames import BULK, LARGEST_SCRAPE
from wke.agent.loop import WRITE

READ_SIZE = 1 << 16
LONGEST_HEAD = 1 << 16
LOOPBACK = ("127.0.0.1", "::1")
REQUEST = (
    "GET {} HTTP/1.1\r\nHost: {}:{}\r\nAccept: text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5\r\n"
    "Accept-Encoding: identity\r\nUser-Agent: wke\r\nConnection: close\r\n\r\n"
)
LENGTH = b"\r\ncontent-length:"
CHUNKED = b"\r\ntransfer-encoding:"
LAST_CHUNK = b"0\r\n\r\n"


class PortScrape:
    """Asks a port at the machine's address, then on loopback, and calls `done(bytes of the answer, why)`; one of both is empty."""

    def __init__(self, loop, place, path, within_s, done):
        address, port = place
        self._loop = loop
        self._request = REQUEST.format(path, "[{}]".format(address) if ":" in address else address, port).encode()
        self._done = done
        self._over = False
        self._connection = None
        self._whole = None  # the size of the answer, once its head says so
        self._chunked = False
        self._parts = []
        self._size = 0
        self._tail = b""
        self._why = ""
        self._targets = []
        is_alone = not address.startswith("127.") or address in LOOPBACK  # machines that are processes of one host share its loopback
        for host in (address,) + (LOOPBACK if is_alone else ()):
            try:
                self._targets += [(info[0], info[4]) for info in _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)]
            except (OSError, UnicodeError, OverflowError) as error:
                self._why = self._why or str(error)
        loop.at(time.monotonic() + within_s, self._expire)
        self._try()

    def _try(self):
        while self._targets:
            family, target = self._targets.pop(0)
            try:
                self._connection = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
                error = self._connection.connect_ex(target)
            except OSError as problem:
                error = problem.errno
            if error in (0, errno.EINPROGRESS):
                self._loop.watch(self._connection.fileno(), self._ask, WRITE)
                return
            self._fail(error)
        self._finish(self._why or "it has no address")

    def _ask(self):
        connection = self._connection
        self._loop.forget(connection.fileno())
        error = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if not error and connection.getsockname() == connection.getpeername():
            error = errno.ECONNREFUSED  # an ephemeral port reached itself: nothing listens there
        if not error:
            try:
                connection.send(self._request)  # far smaller than a socket's buffer
            except OSError as problem:
                error = problem.errno
        if error:
            self._fail(error)
            self._try()
        else:
            self._loop.watch(connection.fileno(), self._receive)

    def _receive(self):
        try:
            data = self._connection.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as problem:
            self._finish(posix.strerror(problem.errno))
            return
        self._parts.append(data)
        self._size += len(data)
        self._tail = (self._tail + data)[-len(LAST_CHUNK) :]
        if self._whole is None:
            self._read_head()
        if self._over:
            return
        if self._size > LARGEST_SCRAPE:
            self._finish("the answer is larger than {} bytes".format(LARGEST_SCRAPE))
        elif not data or (self._whole is not None and self._size >= self._whole and (not self._chunked or self._tail == LAST_CHUNK)):
            self._finish("" if self._size else "it closed the connection without an answer")

    def _read_head(self):
        """Learn from the head, once it is here, where the answer ends."""
        start = b"".join(self._parts)
        self._parts = [start]
        end = start.find(b"\r\n\r\n")
        if end < 0:
            if len(start) > LONGEST_HEAD:
                self._finish("the answer is not HTTP")
            return
        head = start[:end].lower() + b"\r\n"
        self._whole = LARGEST_SCRAPE + 1  # it ends with the connection
        at = head.find(LENGTH)
        if head.find(CHUNKED) >= 0:
            self._whole, self._chunked = end + 4, True
        elif at >= 0:
            digits = head[at + len(LENGTH) : head.find(b"\r\n", at + 2)].strip()
            self._whole = end + 4 + int(digits) if digits.isdigit() else 0

    def _fail(self, error):
        self._why = self._why or posix.strerror(error)
        self._drop()

    def _expire(self):
        if not self._over:
            self._finish("no answer in time" if not self._size else "the answer was not complete in time")

    def _finish(self, why):
        if self._over:
            return
        self._over = True
        self._drop()
        answer = b"" if why else zlib.compress(b"".join(self._parts), 1)
        if len(answer) > BULK:
            answer, why = b"", "the answer is larger than {} bytes when it is compressed".format(BULK)
        self._done(answer, why)

    def _drop(self):
        if self._connection is not None:
            self._loop.forget(self._connection.fileno())
            self._connection.close()
            self._connection = None

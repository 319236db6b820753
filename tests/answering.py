"""A server for load generators, which answers each connection in a thread."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from support import limit

Behaviour = Callable[[socket.socket, int], None]
"""Answers the request of that number (over all connections); a connection it shuts down ends."""


@dataclass
class Server:
    """A server whose requests are short enough to come in one piece; each begins with `head`."""

    behave: Behaviour
    head: bytes
    listener: socket.socket
    address: tuple[str, int]
    connections: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection."""
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := connection.recv(65536):
                assert request.startswith(self.head)
                with self.lock:
                    self.requests += 1
                    number = self.requests
                self.behave(connection, number)


@contextlib.contextmanager
def serving(behave: Behaviour, head: bytes, address: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Run a server, on a free port if none is given."""
    with socket.create_server((address, port), backlog=128) as listener:
        server = Server(behave, head, listener, listener.getsockname())
        thread = threading.Thread(target=server.accept)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=limit(60))

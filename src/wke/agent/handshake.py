"""The handshake on an edge of the tree: both ends prove that they know the secret, which does not travel itself.

    accepting end: challenge 16      dialling end: challenge 16, proof 32      accepting end: proof 32      then frames, both ways

Runs on the machines too: Python >= 3.6, and only modules that are cheap to import.
"""

import posix

import _socket
from _operator import _compare_digest

from wke.agent.protocol import ProtocolError

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

DIAL_S = 10.0
CHALLENGE, PROOF = 16, 32
STRANGER = "it does not know the secret of this tree"
OPTIONS = (  # a machine that vanished is noticed within a minute, even if nothing is sent
    (_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1),
    (_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1),
    (_socket.IPPROTO_TCP, _socket.TCP_KEEPIDLE, 20),
    (_socket.IPPROTO_TCP, _socket.TCP_KEEPINTVL, 10),
    (_socket.IPPROTO_TCP, _socket.TCP_KEEPCNT, 3),
)


class Admission:
    """The accepting end, without input or output: send `challenge`, `take` what comes; when it is `done`, `rest` are bytes of frames."""

    def __init__(self, secret: bytes) -> None:
        self.challenge = posix.urandom(CHALLENGE)
        self.done = False
        self.rest = b""
        self._secret = secret

    def take(self, data: bytes) -> bytes:
        """Return what to answer, b"" while something is missing; raise ProtocolError when the other end does not know the secret."""
        self.rest += data
        if len(self.rest) < CHALLENGE + PROOF:
            return b""
        theirs, shown = self.rest[:CHALLENGE], self.rest[CHALLENGE : CHALLENGE + PROOF]
        if not _compare_digest(shown, _proof(self._secret, b"dial", self.challenge + theirs)):
            raise ProtocolError(STRANGER)
        self.done = True
        self.rest = self.rest[CHALLENGE + PROOF :]
        return _proof(self._secret, b"accept", theirs + self.challenge)


def dial(address: str, port: int, secret: bytes) -> int:
    """Return a connected socket, whose other end knows the secret, too. Raises OSError."""
    channel = _socket.socket(family_of(address), _socket.SOCK_STREAM)
    try:
        channel.settimeout(DIAL_S)
        channel.connect((address, port))
        prepare(channel)
        theirs, ours = _exactly(channel, CHALLENGE), posix.urandom(CHALLENGE)
        channel.sendall(ours + _proof(secret, b"dial", theirs + ours))
        if not _compare_digest(_exactly(channel, PROOF), _proof(secret, b"accept", ours + theirs)):
            raise OSError(STRANGER)  # noqa: TRY301
        channel.settimeout(None)
    except BaseException:
        channel.close()
        raise
    return channel.detach()


def family_of(address: str) -> int:
    """Return the family of sockets that an address is of."""
    return _socket.AF_INET6 if ":" in address else _socket.AF_INET


def prepare(channel: "_socket.socket") -> None:
    """Let what is sent leave at once, and have silence noticed."""
    for option in OPTIONS:
        channel.setsockopt(*option)


def _proof(secret: bytes, end: bytes, challenges: bytes) -> bytes:
    return blake2b(end + challenges, key=secret, digest_size=PROOF).digest()


def _exactly(channel: "_socket.socket", size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            raise OSError("the other end closed the connection: " + STRANGER)
        data += part
    return data

"""Frames: what the controller and the agent say to each other, as values; no input or output happens here.

A frame is a fixed header, a head (a JSON object in ASCII) and a payload (raw bytes):

    magic 4 | version 1 | kind 1 | reserved 2 | channel 4 | head length 4 | payload length 4 | CRC32 4        little endian, 24 bytes

The CRC covers the header before it and the head. It finds a stream that is not ours or has slipped; the payload's bytes are guarded by what
carries them (a pipe, ssh). Lengths are checked before anything of that length is kept. Both ends read frames of the other with mistrust:
whatever arrives, a `Decoder` returns frames or raises `ProtocolError`.

Runs on the machines too: Python >= 3.6, and only modules that are cheap to import (`json` alone would double the agent's start).
"""

import zlib
from struct import Struct

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:  # an interpreter without the C accelerator
    make_scanner = None

TYPE_CHECKING = False  # as in `typing`, which would cost the agent 10 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
MAGIC = b"\xf7wke"
HEADER = Struct("<4sBBHIIII")
UNSUMMED = HEADER.size - 4
MAX_HEAD = 8 << 20
MAX_PAYLOAD = 1 << 20
MAX_DIGITS = 20

KINDS = (
    ("open", "hello")  # controller: token, lease and environment; agent: who and where it is
    + ("put", "start", "staged", "release", "started", "output", "ended", "stop")  # a script's bytes; a task's life
    + ("ping", "pong")  # renews the lease and compares clocks
    + ("wait-port", "port")  # does something listen?
    + ("clear", "cleared")  # stop every task and what tasks left running; its names
    + ("bye", "farewell")  # the same, and the agent ends
    + ("watch", "watched", "sample", "unwatch")  # telemetry: of which kernel, then what its probes say again and again
    + ("copy-in", "copy-out", "offer", "have", "data", "complete", "copied", "copy-failed", "copy-stop")  # see sender.py
    + ("broken",)  # the agent cannot go on, and why
    + ("hold", "follow", "journal")  # to and from an anchor: which attempt it holds; a task's journal from an offset on
    + ("examine", "examined")  # the machine's fingerprint
    + ("source", "modules")  # agent: my Python is another, send source; controller: what is asked for next needs these
)
METRICS = 3  # the stream of what a task wrote to $WKE_METRICS, beside 1 and 2
OPEN, HELLO, PUT, START, STAGED, RELEASE, STARTED, OUTPUT, ENDED, STOP, PING, PONG, WAIT_PORT, PORT = range(1, 15)
CLEAR, CLEARED, BYE, FAREWELL, WATCH, WATCHED, SAMPLE, UNWATCH = range(15, 23)
COPY_IN, COPY_OUT, OFFER, HAVE, DATA, COMPLETE, COPIED, COPY_FAILED, COPY_STOP, BROKEN = range(23, 33)
HOLD, FOLLOW, JOURNAL, EXAMINE, EXAMINED, SOURCE, MODULES = range(33, len(KINDS) + 1)
COPYING = (COPY_IN, COPY_OUT, OFFER, HAVE, DATA, COMPLETE, COPY_STOP)  # what an agent may hear about a copy


class ProtocolError(Exception):
    """What arrived cannot be a frame of ours; nothing after it can be trusted."""


class Frame:
    """One message: `kind` (a constant of this module), `channel` (0 is the connection itself), `head` and `payload`."""

    __slots__ = ("channel", "head", "kind", "payload")

    def __init__(self, kind: int, channel: int, head: "dict[str, object]", payload: bytes = b"") -> None:
        self.kind = kind
        self.channel = channel
        self.head = head
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.kind, self.channel, self.head, self.payload) == (other.kind, other.channel, other.head, other.payload)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Frame({}, channel={}, head={!r}, payload={} bytes)".format(KINDS[self.kind - 1], self.channel, self.head, len(self.payload))


def encode(kind: int, channel: int, head: "dict[str, object]", payload: bytes = b"") -> bytes:
    """Return the frame's bytes."""
    return prefix(kind, channel, dump(head), len(payload)) + payload


def prefix(kind: int, channel: int, head: bytes, payload_size: int) -> bytes:
    """Return what comes before the payload, for who wants to send the payload without copying it; `head` is JSON already."""
    start = HEADER.pack(MAGIC, VERSION, kind, 0, channel, len(head), payload_size, 0)[:UNSUMMED]
    return b"".join((start, zlib.crc32(head, zlib.crc32(start)).to_bytes(4, "little"), head))


class Decoder:
    """Turn bytes, cut anywhere, back into frames.

    Never holds more than one frame of the largest size allowed and the bytes of the last `frames` call. `noise` bytes may come before the
    first frame: what a shell's start-up files print; the beginning is kept in `heard`.
    """

    def __init__(self, max_head: int = MAX_HEAD, max_payload: int = MAX_PAYLOAD, noise: int = 0) -> None:
        self.max_head = max_head
        self.max_payload = max_payload
        self.heard = b""
        self._noise = noise
        self._buffer = bytearray()
        self._error = None  # type: ProtocolError | None

    def frames(self, data: bytes) -> "Iterator[Frame]":
        """Add `data` and return an iterator over the frames that are complete now; it raises ProtocolError where they end being frames."""
        if self._error is None:
            self._buffer += data
        return self._complete()

    def end(self) -> None:
        """Say that no more bytes come; raise ProtocolError when that is in the middle of a frame."""
        if self._error is not None:
            raise self._error
        if self._buffer:
            raise ProtocolError(f"the stream ended in the middle of a frame ({len(self._buffer)} bytes of it)")

    def _complete(self) -> "Iterator[Frame]":
        while self._error is None:
            try:
                frame = self._next()
            except ProtocolError as error:
                self._error = error
                self._buffer.clear()
                break
            if frame is None:
                return
            yield frame
        raise self._error

    def _next(self) -> "Frame | None":
        buffer = self._buffer
        if self._noise and not self._skip_noise():
            return None
        if len(buffer) < HEADER.size:
            if not MAGIC.startswith(buffer[:4]) and not buffer.startswith(MAGIC):
                raise ProtocolError(f"not a frame: {bytes(buffer[:64])!r}")
            return None
        magic, version, kind, reserved, channel, head_size, payload_size, crc = HEADER.unpack_from(buffer)
        if magic != MAGIC:
            raise ProtocolError(f"not a frame: {bytes(buffer[:64])!r}")
        if version != VERSION or reserved:
            raise ProtocolError(f"frame of version {version}, not {VERSION}")
        if not 0 < kind <= len(KINDS):
            raise ProtocolError(f"frame of unknown kind {kind}")
        if head_size > self.max_head or payload_size > self.max_payload:
            raise ProtocolError(f"frame too large: head of {head_size} bytes, payload of {payload_size}")
        body = HEADER.size + head_size
        if len(buffer) < body + payload_size:
            return None
        with memoryview(buffer) as view:
            head, payload = bytes(view[HEADER.size : body]), bytes(view[body : body + payload_size])
            if zlib.crc32(head, zlib.crc32(view[:UNSUMMED])) != crc:
                raise ProtocolError("frame with a wrong checksum")
        del buffer[: body + payload_size]
        return Frame(kind, channel, load(head), payload)

    def _skip_noise(self) -> bool:
        """Drop what comes before the first frame, and tell whether that has begun."""
        buffer = self._buffer
        at = buffer.find(MAGIC)
        noise = at if at >= 0 else max(0, len(buffer) - len(MAGIC) + 1)
        self.heard = (self.heard + bytes(buffer[:noise]))[:512]
        self._noise -= noise
        if self._noise <= 0:
            raise ProtocolError(f"no frame but {self.heard!r}")
        del buffer[:noise]
        if at >= 0:
            self._noise = 0
        return at >= 0


def _bounded_int(digits: str) -> int:
    """Refuse numbers that take long to convert; none of ours has more than 64 bits."""
    if len(digits) > MAX_DIGITS:
        raise ValueError("number too long")
    return int(digits)


def _refuse(word: object) -> None:
    raise ValueError(f"{word!r} has no JSON")


if make_scanner is not None:

    class _Reading:
        """How the C scanner wants its settings."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = staticmethod(_bounded_int)
        parse_constant = staticmethod(_refuse)

    _scan = make_scanner(_Reading)
    _chunks = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)

    def dump(value: "dict[str, object]") -> bytes:
        """Return the JSON text of an object, ASCII only: bytes of any kind travel in it as surrogate escapes."""
        return "".join(_chunks(value, 0)).encode("ascii")

else:
    import json

    def _scan(text: str, start: int) -> "tuple[object, int]":
        return json.JSONDecoder(parse_int=_bounded_int, parse_constant=_refuse).raw_decode(text, start)

    def dump(value: "dict[str, object]") -> bytes:
        """Return the JSON text of an object, ASCII only: bytes of any kind travel in it as surrogate escapes."""
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def load(text: bytes) -> "dict[str, object]":
    """Return the object that a head holds; raise ProtocolError when it is none."""
    try:
        value, end = _scan(text.decode("ascii"), 0)
    except (StopIteration, ValueError, RecursionError) as error:
        raise ProtocolError(f"frame with a head that is not JSON: {error}") from None
    if end != len(text) or not isinstance(value, dict):
        raise ProtocolError("frame with a head that is not an object")
    return value

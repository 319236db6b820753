"""Frames on the wire: encoding and decoding, without input or output. Which frames there are, frames.py says.

A frame is a fixed header, a head (a JSON object in ASCII) and a payload (raw bytes):

    magic 4 | version 1 | kind 1 | reserved 2 | channel 4 | head length 4 | payload length 4 | CRC32 4        little endian, 24 bytes

The CRC covers the header before it and the head. It finds a stream that is not ours or has slipped; the payload's bytes are guarded by what
carries them (a pipe, ssh). Lengths are checked before anything of that length is kept. Neither end trusts the other:
whatever arrives, a `Decoder` returns frames as the table describes them, or raises `ProtocolError`.

Runs on the machines too: Python >= 3.6, and only modules that are cheap to import (`json` alone would double the agent's start).
"""

import zlib
from struct import Struct

from wke.agent.frames import ANYONE, KINDS, flaw, is_for, most_payload, name_of

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
MAX_DIGITS = 20
KEPT_NOISE = 2000


_most_for = {}  # type: dict[int, dict[int, int]]


class ProtocolError(Exception):
    """What arrived cannot be a frame of ours; nothing after it can be trusted."""


class Frame:
    """One message: `kind` (see frames.py), `channel` (0 is the connection itself), `head` and `payload`."""

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
        return "Frame({}, channel={}, head={!r}, payload={} bytes)".format(name_of(self.kind), self.channel, self.head, len(self.payload))


def encode(kind: int, channel: int, head: "dict[str, object]", payload: bytes = b"") -> bytes:
    """Return the frame's bytes."""
    return prefix(kind, channel, dump(head), len(payload)) + payload


def prefix(kind: int, channel: int, head: bytes, payload_size: int) -> bytes:
    """Return what comes before the payload, so that the payload need not be copied; `head` is JSON already."""
    start = HEADER.pack(MAGIC, VERSION, kind, 0, channel, len(head), payload_size, 0)[:UNSUMMED]
    return b"".join((start, zlib.crc32(head, zlib.crc32(start)).to_bytes(4, "little"), head))


class Decoder:
    """Turn bytes, cut anywhere, back into frames.

    Only frames for `receivers` are frames. Never holds more than one frame of the largest size allowed and the bytes of the last `frames`
    call. Up to `noise` bytes may come before the first frame, which a shell's start-up files print; their beginning is kept in `heard`.

    A frame that arrives whole is read where it lies; only one that arrives in parts is put together first.
    """

    def __init__(self, receivers: int = ANYONE, max_head: int = MAX_HEAD, noise: int = 0) -> None:
        self.admit(receivers)
        self.max_head = max_head
        self.heard = b""
        self._noise = noise
        self._begun = bytearray()  # a frame that is not complete, or what may be noise
        self._data = b""  # what came last; everything before `_at` is done
        self._at = 0
        self._error = None  # type: ProtocolError | None

    def admit(self, receivers: int) -> None:
        """From now on, what is for `receivers` is a frame, and nothing else."""
        most = _most_for.get(receivers)
        if most is None:
            most = _most_for[receivers] = {kind: most_payload(kind) for kind in KINDS if is_for(kind, receivers)}
        self._most = most

    def frames(self, data: bytes) -> "Iterator[Frame]":
        """Add `data` and return an iterator over the frames that are complete now; it raises ProtocolError where they end being frames."""
        if self._error is None:
            self._data = self._rest() + data if self._at < len(self._data) else data
            self._at = 0
        return self._complete()

    @property
    def noise(self) -> bytes:
        """What came before the first frame, as far as it is kept; all of it if there is no frame."""
        return self.heard + bytes(self._begun if self._noise > 0 else b"")

    @property
    def is_between_frames(self) -> bool:
        """True if no part of a frame has come yet that would be the next one."""
        return not self._begun and self._at == len(self._data) and self._error is None

    def end(self) -> None:
        """Take the end of the stream; raise ProtocolError when that is in the middle of a frame."""
        if self._error is not None:
            raise self._error
        size = len(self._begun) + len(self._data) - self._at
        if size:
            raise ProtocolError(f"the stream ended in the middle of a frame ({size} bytes of it)")

    def _complete(self) -> "Iterator[Frame]":
        while self._error is None:
            try:
                frame = self._next()
            except ProtocolError as error:
                self._error = error
                self._begun.clear()
                self._rest()
                break
            if frame is None:
                return
            yield frame
        raise self._error

    def _next(self) -> "Frame | None":
        if self._noise and not self._skip_noise():
            return None
        if self._begun:
            if not self._continue():
                return None
            frame = self._read(self._begun, 0, self._size(self._begun, 0))
            self._begun = bytearray()
            return frame
        at, size = self._at, self._size(self._data, self._at)
        if len(self._data) - at < (size or HEADER.size):
            self._begun += self._rest()
            return None
        self._at = at + size
        return self._read(self._data, at, size)

    def _rest(self) -> bytes:
        """Take all that came and is not done."""
        rest, self._data, self._at = self._data[self._at :], b"", 0
        return rest

    def _continue(self) -> bool:
        """Add to the frame that has begun what belongs to it, and tell whether it is complete."""
        begun = self._begun
        while True:
            size = self._size(begun, 0)
            if size and len(begun) == size:
                return True
            lacking = (size or HEADER.size) - len(begun)
            part = self._data[self._at : self._at + lacking]
            begun += part
            self._at += len(part)
            if len(part) < lacking:
                self._size(begun, 0)
                self._rest()
                return False

    def _size(self, data: "bytes | bytearray", at: int) -> int:
        """Return the size of the frame that begins there, 0 while its header is not complete; raise ProtocolError if it cannot be one."""
        if len(data) - at < HEADER.size:
            if not MAGIC.startswith(data[at : at + len(MAGIC)]) and not data.startswith(MAGIC, at):
                raise ProtocolError(f"not a frame: {bytes(data[at : at + 64])!r}")
            return 0
        magic, version, kind, reserved, _, head_size, payload_size, _ = HEADER.unpack_from(data, at)
        if magic != MAGIC or version != VERSION or reserved or head_size > self.max_head or payload_size > self._most.get(kind, -1):
            raise self._refusal(data, at)
        return HEADER.size + head_size + payload_size

    def _read(self, data: "bytes | bytearray", at: int, size: int) -> Frame:
        """Return the frame of that size."""
        _, _, kind, _, channel, head_size, payload_size, crc = HEADER.unpack_from(data, at)
        body = at + HEADER.size
        head = data[body : body + head_size]
        if zlib.crc32(head, zlib.crc32(data[at : at + UNSUMMED])) != crc:
            raise ProtocolError("frame with a wrong checksum")
        payload = b""
        if payload_size:
            with memoryview(data) as view:
                payload = bytes(view[body + head_size : at + size])
        frame = Frame(kind, channel, load(head), payload)
        problem = flaw(kind, frame.head)
        if problem:
            raise ProtocolError(f"{frame!r:.300}: {problem}")
        return frame

    def _refusal(self, data: "bytes | bytearray", at: int) -> ProtocolError:
        """Return what is wrong with the header there."""
        magic, version, kind, reserved, _, head_size, payload_size, _ = HEADER.unpack_from(data, at)
        if magic != MAGIC:
            return ProtocolError(f"not a frame: {bytes(data[at : at + 64])!r}")
        if version != VERSION or reserved:
            return ProtocolError(f"frame of version {version}, not {VERSION}")
        if kind not in KINDS:
            return ProtocolError(f"frame of unknown kind {kind}")
        if kind not in self._most:
            return ProtocolError(f"frame of kind {name_of(kind)}, which is not for this end")
        return ProtocolError(f"frame too large: head of {head_size} bytes, payload of {payload_size}")

    def _skip_noise(self) -> bool:
        """Drop what comes before the first frame, and tell whether that has begun."""
        begun = self._begun
        begun += self._rest()
        at = begun.find(MAGIC)
        noise = at if at >= 0 else max(0, len(begun) - len(MAGIC) + 1)
        self.heard = (self.heard + bytes(begun[:noise]))[:KEPT_NOISE]
        self._noise -= noise
        if self._noise <= 0:
            raise ProtocolError(f"no frame but {self.heard!r}")
        if at < 0:
            del begun[:noise]
            return False
        self._data, self._begun, self._noise = bytes(begun[at:]), bytearray(), 0
        return True


def _bounded_int(digits: str) -> int:
    """Refuse numbers that take long to convert; none of ours has more than 64 bits."""
    if len(digits) > MAX_DIGITS:
        raise ValueError("number too long")
    return int(digits)


def _refuse(word: object) -> None:
    raise ValueError(f"{word!r} has no JSON")


if make_scanner is not None:

    class _Reading:
        """The settings of the C scanner."""

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


def load(text: "bytes | bytearray") -> "dict[str, object]":
    """Return the object that a head holds; raise ProtocolError when it holds something else."""
    try:
        value, end = _scan(text.decode("ascii"), 0)
    except (StopIteration, ValueError, RecursionError) as error:
        raise ProtocolError(f"frame with a head that is not JSON: {error}") from None
    if end != len(text) or not isinstance(value, dict):
        raise ProtocolError("frame with a head that is not an object")
    return value

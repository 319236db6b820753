"""Chunks of rows, decoded without numpy: for the few numbers that are needed while they come. The format: agent/sampler.py."""

import zlib
from collections.abc import Sequence
from itertools import accumulate
from struct import unpack

from wke.act.connection.telemetry import SentChunk
from wke.agent.protocol import ProtocolError

WORD = 8
NONE = -(1 << 63)
MOST_BYTES = 1 << 23


def decode(chunk: SentChunk, columns: int, wanted: Sequence[int]) -> tuple[list[int], list[list[int | None]]]:
    """Return the times of a chunk's rows and the values of the columns with the `wanted` places, of `columns` without the time.

    Raises ProtocolError when the payload is not such a chunk.
    """
    count = chunk.rows * (columns + 1)
    size = WORD * count
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(chunk.payload, size + 1) if size <= MOST_BYTES else b""
    except zlib.error as error:
        raise ProtocolError(f"rows that cannot be unpacked: {error}") from None
    if len(data) != size or not unpacker.eof:
        raise ProtocolError(f"{chunk.rows} rows of {columns} columns in a payload of another size")
    flat = bytearray(size)
    for byte in range(WORD):
        flat[byte::WORD] = data[byte * count : (byte + 1) * count]

    def column(place: int) -> list[int]:
        start = WORD * chunk.rows * place
        return [_wrapped(value) for value in accumulate(unpack(f"<{chunk.rows}q", flat[start : start + WORD * chunk.rows]))]

    return column(0), [[None if value == NONE else value for value in column(place + 1)] for place in wanted]


def _wrapped(value: int) -> int:
    return (value - NONE) % (1 << 64) + NONE

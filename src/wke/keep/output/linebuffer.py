"""Line buffers: data that arrives in pieces is returned in whole lines. The cost per byte is constant for pieces of any size."""

LONGEST = 1 << 16


class LineBuffer:
    """Holds the unfinished line of one stream, at most LONGEST bytes and one piece."""

    def __init__(self) -> None:
        self._unfinished = bytearray()

    def add(self, piece: bytes) -> bytes:
        """Return what is complete after this piece: whole lines with their newlines, or LONGEST bytes or more of a longer line."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._unfinished += piece
            return self.rest() if len(self._unfinished) >= LONGEST else b""
        if not self._unfinished and end == len(piece):
            return piece
        lines = b"".join((self._unfinished, memoryview(piece)[:end]))
        self._unfinished[:] = memoryview(piece)[end:]
        return lines

    def rest(self) -> bytes:
        """Return the unfinished line and forget it."""
        unfinished = bytes(self._unfinished)
        self._unfinished.clear()
        return unfinished

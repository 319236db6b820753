"""What arrives in pieces, given back in whole lines: every byte is looked at a fixed number of times, however small or large the pieces."""

LONGEST = 1 << 16


class LineBuffer:
    """Holds the line that one stream has not ended yet, but never more than LONGEST bytes and a piece of it."""

    def __init__(self) -> None:
        self._unfinished = bytearray()

    def add(self, piece: bytes) -> bytes:
        """Return what can be handed on after this piece: whole lines with their newlines, or LONGEST bytes and more of a longer one."""
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
        """Return, and forget, the line that has not ended."""
        unfinished = bytes(self._unfinished)
        self._unfinished.clear()
        return unfinished

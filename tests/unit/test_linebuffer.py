"""Pieces become whole lines, in linear time."""

from hypothesis import given
from hypothesis import strategies as st

from wke.keep.output.linebuffer import LONGEST, LineBuffer


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\n", b"a\n\nb", b"x" * (LONGEST - 1), b"y" * LONGEST]), max_size=40))
def test_every_byte_comes_out_once_in_whole_lines(pieces: list[bytes]) -> None:
    """Blocks and rest together are the pieces together; a block ends a line, or is a part of a long one; little is kept."""
    buffer = LineBuffer()
    blocks = [buffer.add(piece) for piece in pieces]
    rest = buffer.rest()
    assert b"".join(blocks) + rest == b"".join(pieces)
    assert all(not block or block.endswith(b"\n") or (len(block) >= LONGEST and b"\n" not in block) for block in blocks)
    assert b"\n" not in rest
    assert buffer.rest() == b""


class Counted(bytes):
    """A piece that counts how many bytes were looked at or copied."""

    looked = 0

    def rfind(self, *arguments: bytes) -> int:  # type: ignore[override]
        Counted.looked += len(self)
        return super().rfind(*arguments)


def test_a_line_that_grows_byte_by_byte_is_not_looked_at_again() -> None:
    """Only the new piece is searched, and what is kept stays below the limit."""
    buffer = LineBuffer()
    Counted.looked = 0
    longest = 0
    for _ in range(3 * LONGEST):
        longest = max(longest, len(buffer.add(Counted(b"x"))))
    assert Counted.looked == 3 * LONGEST
    assert longest == LONGEST

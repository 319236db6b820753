"""Makes text from machines safe to print: it cannot move the cursor, change the title or reverse the reading direction.

Control characters, marks that reorder text from right to left, and bytes that are not UTF-8 become backslash escapes. Logs keep the bytes.
"""

import re
import string
from functools import cache
from typing import NewType

Safe = NewType("Safe", str)
"""Text that is safe to print."""

PLAIN = (string.printable.strip() + " \t\n").encode()
LINE_BREAKERS = (0x2028, 0x2029)
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
SURROGATES = range(0xD800, 0xE000)
TO_ESCAPE = (*range(9), *range(11, 32), *range(127, 160), *LINE_BREAKERS, *DIRECTIONS)


@cache
def _escapes() -> dict[int, str]:
    """Return the escape for each character that is not printed as it is."""
    return {
        **{code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in (*TO_ESCAPE, *SURROGATES)},
        **{0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 256)},  # how "surrogateescape" represents a byte
    }


@cache
def _escaped() -> re.Pattern[str]:
    """Return the pattern that finds these characters."""
    return re.compile(f"[{re.escape(''.join(map(chr, TO_ESCAPE)))}{chr(SURROGATES[0])}-{chr(SURROGATES[-1])}]")


def sanitize(data: bytes) -> Safe:
    """Decode lines that a script wrote and escape what is not safe to print; lines may end as on Windows."""
    if not data.translate(None, PLAIN):
        return Safe(data.decode("ascii"))
    data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    try:
        return visible(data.decode())
    except UnicodeDecodeError:  # there is much to escape, so looking up every character is faster
        return Safe(data.decode(errors="surrogateescape").translate(_escapes()))


def visible(text: str) -> Safe:
    """Escape the characters that are not safe to print; tabs and newlines stay."""
    return Safe(text if text.isprintable() else _escaped().sub(lambda found: _escapes()[ord(found[0])], text))


def one_line(text: str) -> Safe:
    """Escape these characters and newlines: the text stays in its line, cell or label."""
    return Safe(visible(text).replace("\n", "\\n"))

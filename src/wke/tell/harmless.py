"""Text from machines as a terminal may see it: nothing in it can move the cursor, change the title or turn the reading direction.

Control characters, the marks that reorder text from right to left, and bytes that are no UTF-8 are written as backslash escapes. The log
keeps them as they are.
"""

import re
import string

PLAIN = (string.printable.strip() + " \t\n").encode()
LINE_BREAKERS = (0x2028, 0x2029)
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in (*LINE_BREAKERS, *DIRECTIONS, *range(0xD800, 0xE000))},
    **{0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 256)},  # what "surrogateescape" makes of a byte
}


_ESCAPED = re.compile("[" + re.escape("".join(map(chr, ESCAPES))) + "]")


def harmless(data: bytes) -> str:
    """Decode lines that a script wrote; a line's end may be that of Windows."""
    if not data.translate(None, PLAIN):
        return data.decode("ascii")
    data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    try:
        return visible(data.decode())
    except UnicodeDecodeError:  # much will have to be escaped: looking up every character is faster then
        return data.decode(errors="surrogateescape").translate(ESCAPES)


def visible(text: str) -> str:
    """Write what must not reach a terminal as escapes; tabs and newlines stay."""
    return _ESCAPED.sub(lambda found: ESCAPES[ord(found[0])], text)

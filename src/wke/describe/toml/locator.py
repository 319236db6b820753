"""Where each key of a TOML document stands, by line and column.

No TOML library that we could use tells positions. This scanner reads a document that `tomllib` has already accepted, so it checks nothing:
it only has to step over every value correctly. A path is the keys and indices that lead to a value, as they would index the parsed
document. The position of a key is where its own part is written (`c` in `a.b.c = 1`), of an element of a list where its value begins,
of an element of an array of tables its `[[header]]`.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property

from wke.describe.toml.shape import present_spelling

Path = tuple[str | int, ...]
Position = tuple[int, int]

# Plain quantifiers only: Debian 12's Python 3.11.2 mishandles possessive ones. On a valid document each pattern can match in one way only.
_STRING = re.compile(
    r'"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*"{3,5}' r"|'''[^']*(?:'{1,2}(?!')[^']*)*'{3,5}" r'|"[^"\\]*(?:\\.[^"\\]*)*"' r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"[ \t\r\n]*(?:#[^\n]*[ \t\r\n]*)*")


class Positions(dict[Path, Position]):
    """The position of each key; `spellings` has the keys of each table by their present spelling."""

    @cached_property
    def spellings(self) -> Mapping[tuple[Path, str], str]:
        """Return how the file spells a key, by its table and its present spelling."""
        return {(key[:-1], present_spelling(name)): name for key in reversed(self) if isinstance(name := key[-1], str)}


def locate(text: str) -> Positions:
    """Return the line and column, both from 1, of every key and list element of a valid TOML document."""
    text = text.replace("\r\n", "\n")  # as tomllib does
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(offset: int) -> Position:
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    return Positions({path: position(offset) for path, offset in _Scanner(text).offsets().items()})


class _Scanner:
    """One pass over a document: each method reads one construct at `self.at` and leaves `self.at` behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.lengths: dict[Path, int] = {}  # of arrays of tables: how many headers were seen

    def offsets(self) -> dict[Path, int]:
        """Read the document: headers, and key-value pairs below the last header."""
        table: Path = ()
        while self._skip_blank():
            if self._accept("[["):
                table = self._header(is_array=True)
            elif self._accept("["):
                table = self._header(is_array=False)
            else:
                self._pair(table)
        return self.found

    def _header(self, *, is_array: bool) -> Path:
        path: Path = ()
        parts = list(self._key())
        for number, (part, offset) in enumerate(parts, start=1):
            path = (*path, part)
            is_last = number == len(parts)
            if is_last and is_array:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            self.found.setdefault(path, offset)
            if is_last and not is_array:
                self.found[path] = offset  # [a] says more about "a" than an earlier [a.b] did
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
                self.found.setdefault(path, offset)
        self.at += 2 if is_array else 1
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for part, offset in self._key():
            path = (*path, part)
            self.found.setdefault(path, offset)
        self.at += 1  # the equals sign
        self._value(path)

    def _key(self) -> Iterator[tuple[str, int]]:
        """Yield the parts of a dotted key and where they begin; stop before `=` or `]`."""
        while True:
            self._skip_blank()
            offset = self.at
            match = _BARE_KEY.match(self.text, self.at)
            if match:
                part = match.group()
            else:
                match = _expect(_STRING.match(self.text, self.at))
                part = tomllib.loads(f"key = {match.group()}")["key"]
            self.at = match.end()
            yield part, offset
            self._skip_blank()
            if not self._accept("."):
                return

    def _value(self, path: Path) -> None:
        self._skip_blank()
        if self._accept("["):
            index = 0
            while self._another("]"):
                self.found[*path, index] = self.at
                self._value((*path, index))
                index += 1
        elif self._accept("{"):
            while self._another("}"):
                self._pair(path)
        else:
            match = _STRING.match(self.text, self.at) or _expect(_PLAIN_VALUE.match(self.text, self.at))
            self.at = match.end()

    def _another(self, closing: str) -> bool:
        """Step over blanks and a comma; say whether an element follows rather than the closing bracket, which is read."""
        self._skip_blank()
        if self._accept(","):
            self._skip_blank()
        return not self._accept(closing)

    def _accept(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _skip_blank(self) -> bool:
        """Step over spaces, line ends and comments; say whether anything is left."""
        self.at = _expect(_BLANK.match(self.text, self.at)).end()
        return self.at < len(self.text)


def _expect(match: re.Match[str] | None) -> re.Match[str]:
    if match is None:
        msg = "the scanner met text that the TOML parser cannot have accepted"
        raise AssertionError(msg)
    return match

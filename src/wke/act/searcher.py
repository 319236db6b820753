"""The process that searches with a user's pattern, for matcher.py. It is run by its path, without wke, and may be killed at any moment.

A request is (pattern, flags, what to search): a file's path, its content, or lines. The answer is a number, -1 without a match: where the
last match begins, or which of the lines is the first with a match.
"""

import marshal
import mmap
import re
import sys
from typing import Any


def answer(pattern: bytes, flags: int, where: "str | bytes | list[bytes]") -> int:
    """Return the answer to a request."""
    compiled = re.compile(pattern, flags)
    if isinstance(where, list):
        return next((index for index, line in enumerate(where) if compiled.search(line)), -1)
    text: Any = where
    if isinstance(where, str):
        with open(where, "rb") as file:  # noqa: PTH123 - pathlib takes long to import
            text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    last = -1
    for found in compiled.finditer(text):
        last = found.start()
    return last


if __name__ == "__main__":
    try:
        while True:
            request = marshal.load(sys.stdin.buffer)  # noqa: S302 - from our parent
            marshal.dump(answer(*request), sys.stdout.buffer)
            sys.stdout.buffer.flush()
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        pass  # our parent is done, or Ctrl-C came to both of us

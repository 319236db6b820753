"""Searching with a user's pattern in bounded time.

Python's `re` may need longer than the universe exists ("catastrophic backtracking"), cannot be interrupted, and stops everything else
meanwhile, heartbeats too. So a search that may take long runs in a process of its own, which is killed when it takes too long. A pattern
with one repetition at most and no alternative is searched for here if the text is short: the time is at most quadratic then.
"""

import marshal
import re
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from wke.describe.experiment.logpattern import FORMS
from wke.describe.experiment.patterns import SearchError, last_match
from wke.describe.expression.quantity import Text
from wke.describe.toml.wording import quoted
from wke.keep.output.logs import MappedFile

SEARCHER = Path(__file__).with_name("searcher.py")
SHORT = 1 << 13
PATIENCE_S = 5.0
BYTES_PER_S = 10_000_000  # a slow pattern on a fast machine, or the reverse
SIGNS_OF_WORK = (b"*", b"+", b"?", b"{", b"|")


def is_quick(pattern: re.Pattern[bytes], size: int) -> bool:
    """Return whether a search in a text of this size ends soon, whatever the text is."""
    written = pattern.pattern
    for form in FORMS.values():  # a ready-made form does the work of one repetition
        written = written.replace(form.encode(), b"+")
    work = sum(map(written.count, SIGNS_OF_WORK))
    return work == 0 or (work == 1 and size <= SHORT)


class Matcher:
    """Searches; closing it ends the process that it may have started. `patience_s` is the time for one search in a short text."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process; the next search would start another one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def last(self, pattern: re.Pattern[bytes], text: Text) -> re.Match[bytes] | None:
        """Return the last match in a text; raise SearchError if that takes too long."""
        if is_quick(pattern, len(text)):
            return last_match(pattern, text)
        where = str(text.path) if isinstance(text, MappedFile) else bytes(text)
        start = self._asked(pattern, where, len(text))
        return None if start < 0 else pattern.match(text, start)

    def any_line(self, pattern: re.Pattern[bytes], lines: Sequence[bytes]) -> bool:
        """Return whether one of the lines has a match; raise SearchError if that takes too long."""
        if any(pattern.search(line) for line in lines if is_quick(pattern, len(line))):
            return True
        slow = [line for line in lines if not is_quick(pattern, len(line))]
        return bool(slow) and self._asked(pattern, slow, sum(map(len, slow))) >= 0

    def _asked(self, pattern: re.Pattern[bytes], where: str | bytes | list[bytes], size: int) -> int:
        """Have the process answer a request."""
        if self._process is None:
            command = [sys.executable, "-I", "-S", str(SEARCHER)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        patience_s = self._patience_s + size / BYTES_PER_S
        try:
            asked.write(marshal.dumps((pattern.pattern, pattern.flags, where)))
            asked.flush()
            in_time = select.select([answers], [], [], patience_s)[0]
            answer: int = marshal.load(answers) if in_time else 0  # noqa: S302 - from our own process
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise SearchError(f"the search for {quoted(pattern.pattern.decode())} was ended from outside") from error
        except BaseException:
            self.close()  # its answer would be taken for that to the next request
            raise
        if not in_time:
            self.close()
            said = quoted(pattern.pattern.decode())
            raise SearchError(f"the search for {said} in {size} bytes takes longer than {patience_s:.0f} s; make the pattern simpler")
        return answer

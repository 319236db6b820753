"""When a background step may be used: a line in its logs, seen as it is written. The session itself asks ports and ping targets."""

import asyncio
from collections.abc import Iterable, Sequence

from wke.act.matcher import Matcher
from wke.describe.experiment.patterns import SearchError, compile_pattern
from wke.records import Output, Record, TaskName

PATIENCE_S = 1.0  # machines do not hear from us meanwhile
LONGEST_LINE = 1 << 13  # of a line that grows; all of it is searched again whenever it has grown


class LogWatch:
    """A sink that waits until each of `tasks` has written a line, to either stream, in which `pattern` is found.

    The event `seen` is set then, and also when the search takes too long: `problem` says so.
    """

    def __init__(self, pattern: str, tasks: Iterable[TaskName]) -> None:
        self._pattern = compile_pattern(pattern)
        self._matcher = Matcher(PATIENCE_S)
        self._missing = set(tasks)
        self._partial: dict[tuple[TaskName, int], bytes] = {}
        self.seen = asyncio.Event()
        self.problem = ""

    def __call__(self, record: Record) -> None:
        """Take a record: look for the pattern if it is output of one of the tasks."""
        if not isinstance(record, Output) or record.task not in self._missing:
            return
        key = (record.task, record.stream)
        text = self._partial.pop(key, b"") + record.data
        if self._found(text.split(b"\n")):
            self._missing.discard(record.task)
            if not self._missing:
                self.seen.set()
        else:
            self._partial[key] = text[text.rfind(b"\n") + 1 :][-LONGEST_LINE:]

    def close(self) -> None:
        """End what the search may have started."""
        self._matcher.close()

    def _found(self, lines: Sequence[bytes]) -> bool:
        try:
            return self._matcher.any_line(self._pattern, lines)
        except SearchError as error:
            self.problem = str(error)
            self._missing.clear()
            self.seen.set()
            return False

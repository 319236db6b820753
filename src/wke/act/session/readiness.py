"""When a background step may be used: a line in its logs, seen as it is written. The session itself asks ports and ping targets."""

import asyncio
import re
from collections.abc import Iterable

from wke.records import Output, Record, TaskName

LONGEST_LINE = 1 << 13  # of a line that grows; all of it is searched again whenever it has grown


class LogWatch:
    """A sink that waits until each of `tasks` has written a line, to either stream, in which `pattern` is found."""

    def __init__(self, pattern: str, tasks: Iterable[TaskName]) -> None:
        self._pattern = re.compile(pattern.encode())
        self._missing = set(tasks)
        self._partial: dict[tuple[TaskName, int], bytes] = {}
        self.seen = asyncio.Event()

    def __call__(self, record: Record) -> None:
        """Take a record: look for the pattern if it is output of one of the tasks."""
        if not isinstance(record, Output) or record.task not in self._missing:
            return
        key = (record.task, record.stream)
        text = self._partial.pop(key, b"") + record.data
        if any(self._pattern.search(line) for line in text.split(b"\n")):
            self._missing.discard(record.task)
            if not self._missing:
                self.seen.set()
        else:
            self._partial[key] = text[text.rfind(b"\n") + 1 :][-LONGEST_LINE:]

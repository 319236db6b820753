"""Logs as wke 0.1 wrote them, for scripts that read numbers from them: MACHINE.log with a line for each line of every task there."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Self

from wke.keep.files.disk import disk_errors
from wke.keep.output.linebuffer import LineBuffer
from wke.records import Output, Record, TaskEnded, TaskName, TaskStarted

COLOUR = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence of terminals, which is not in these logs; the raw logs have it."""


class MachineLogs:
    """A sink that appends to the files in `folder`: a heading for each task, then what it writes, either stream, behind `INFO: `."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished: defaultdict[tuple[TaskName, int], LineBuffer] = defaultdict(LineBuffer)

    def __call__(self, record: Record) -> None:
        """Take a record: write whole lines, and at a task's end the rest."""
        if isinstance(record, TaskStarted):
            self._append(record.task, [f"Output for machine: {record.task.machine}".encode()])
        elif isinstance(record, Output):
            self._say(record.task, self._unfinished[record.task, record.stream].add(record.data))
        elif isinstance(record, TaskEnded):
            for stream in (1, 2):
                self._say(record.task, self._unfinished.pop((record.task, stream), LineBuffer()).rest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing open: files are closed after every line."""

    def _say(self, task: TaskName, lines: bytes) -> None:
        if lines:
            self._append(task, [b"INFO: " + line for line in COLOUR.sub(b"", lines).splitlines()])

    def _append(self, task: TaskName, lines: list[bytes]) -> None:
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{task.machine}.log").open("ab") as file:
                file.write(b"".join(line + b"\n" for line in lines))

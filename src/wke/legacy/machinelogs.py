"""Logs as wke 0.1 wrote them, for scripts that read numbers from them: MACHINE.log with a line for each line of every task there."""

from pathlib import Path
from typing import Self

from wke.keep.disk import disk_errors
from wke.records import Output, Record, TaskEnded, TaskName, TaskStarted


class MachineLogs:
    """A sink that appends to the files in `folder`: a heading for each task, then what it writes, either stream, behind `INFO: `."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished: dict[tuple[TaskName, int], bytes] = {}

    def __call__(self, record: Record) -> None:
        """Take a record: write whole lines, and at a task's end the rest."""
        if isinstance(record, TaskStarted):
            self._append(record.task, [f"Output for machine: {record.task.machine}".encode()])
        elif isinstance(record, Output):
            key = (record.task, record.stream)
            *lines, rest = (self._unfinished.pop(key, b"") + record.data).split(b"\n")
            self._append(record.task, [b"INFO: " + line for line in lines])
            if rest:
                self._unfinished[key] = rest
        elif isinstance(record, TaskEnded):
            rests = [self._unfinished.pop((record.task, stream), b"") for stream in (1, 2)]
            self._append(record.task, [b"INFO: " + rest for rest in rests if rest])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing open: files are closed after every line."""

    def _append(self, task: TaskName, lines: list[bytes]) -> None:
        if lines:
            with disk_errors(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                with (self._folder / f"{task.machine}.log").open("ab") as file:
                    file.write(b"".join(line + b"\n" for line in lines))

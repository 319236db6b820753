"""What the command that measures a series is doing now: a small file beside its lock, for other commands to read.

results/locks/SERIES.current     overwritten when a trial or a step begins, removed when the command ends

The file is not part of the results. It is not synced, errors of the disk are ignored, and a file that is half written reads as if there
was none. It is valid only while the lock has a holder, and only if the store has the same running trial.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from wke.documents import Json
from wke.keep.files.lock import series_lock
from wke.records import Record, Sink, StepStarted, TrialEnded, TrialStarted
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """A step that has begun, number `index` (from 0) of its trial."""

    index: int
    target: str
    tasks: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Current:
    """Trial number `position` (from 1) of the `total` that the command plans so far, and the step that it began last.

    `trial` is "" between two trials; `position` is then that of the trial that ended.
    """

    trial: str
    position: int
    total: int
    step: CurrentStep | None = None


class CurrentWriter:
    """A sink that writes the file and hands each record on to `then`. What cannot be written is not written."""

    def __init__(self, folder: Path, series: str, then: Sink) -> None:
        self._path = current_file(folder, series)
        self._then = then
        self._now: dict[str, Json] = {}
        self._size = 0
        self._descriptor = -1

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def __call__(self, record: Record) -> None:
        """Take a record."""
        match record:
            case TrialStarted():
                self._write({"trial": record.trial, "position": record.position, "total": record.total})
            case TrialEnded():
                self._write({**self._now, "trial": "", "step": None})
            case StepStarted():
                step = {"index": record.step, "target": record.target, "tasks": record.tasks, "since_ns": time.time_ns()}
                self._write({**self._now, "step": step})
        self._then(record)

    def _write(self, now: dict[str, Json]) -> None:
        """Overwrite the file in one write, with blanks at its old end: a new file each time would cost half a millisecond."""
        self._now = now
        data = json.dumps(now).encode().ljust(self._size)
        self._size = len(data)
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, data, 0)


def current_file(folder: Path, series: str) -> Path:
    """Return the file of a series of the store in `folder`."""
    return series_lock(folder, series).with_suffix(".current")


def read_current(folder: Path, series: str) -> Current | None:
    """Return the content of that file, None when there is none or it is not valid."""
    try:
        now: Mapping[str, Json] = json.loads(current_file(folder, series).read_text())
        step = CurrentStep(**now["step"]) if now.get("step") else None
        return Current(str(now["trial"]), int(now["position"]), int(now["total"]), step)
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""What the command that measures a series does at this moment: a small file beside its lock, for whoever looks on.

results/locks/SERIES.current     overwritten when a trial or a step begins, removed when the command ends

It is no part of what is kept: nothing is synced, a disk that does not take it stops nobody, and who reads it half written reads it as if it
was not there. It counts only while the lock has a holder and as far as the store agrees on which trial runs.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wke.keep.files.lock import series_lock
from wke.records import Record, Sink, StepStarted, TrialEnded, TrialStarted


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """A step that has begun: number `index` (from 0) of its trial."""

    index: int
    target: str
    tasks: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Current:
    """Trial number `position` (from 1) of the `total` that the command knows of, and the step that it began last.

    `trial` is "" between two trials; `position` is then that of the one that has ended.
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
        self._now: dict[str, Any] = {}
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

    def _write(self, now: dict[str, Any]) -> None:
        """Overwrite the file in one go, with blanks where it was longer: a new file each time would cost half a millisecond."""
        self._now = now
        data = json.dumps(now).encode().ljust(self._size)
        self._size = len(data)
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, data, 0)


def current_file(folder: Path, series: str) -> Path:
    """Return the file that says how far the command is that measures a series into the store in `folder`."""
    return series_lock(folder, series).with_suffix(".current")


def read_current(folder: Path, series: str) -> Current | None:
    """Return what that file says, None when there is none or it cannot be understood."""
    try:
        now: Mapping[str, Any] = json.loads(current_file(folder, series).read_text())
        step = CurrentStep(**now["step"]) if now.get("step") else None
        return Current(str(now["trial"]), int(now["position"]), int(now["total"]), step)
    except (OSError, ValueError, KeyError, TypeError):
        return None

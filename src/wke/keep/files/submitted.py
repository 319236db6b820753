"""A series that waits in the queue of a batch system: a small file beside its lock says which job is to measure it.

results/locks/SERIES.submitted     written by `wke measure --submit`; overwritten by the next one

The file says what was submitted, not what became of it: only the batch system knows that.
"""

import contextlib
import json
from pathlib import Path

from wke.keep.files.lock import series_lock
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Submitted:
    """The number of the job, the file that gets its output, and when it was submitted."""

    job: str
    output: str
    at_ns: int


def write_submitted(folder: Path, series: str, submitted: Submitted) -> None:
    """Remember the job that is to measure a series of the store in `folder`."""
    path = _file(folder, series)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps({"job": submitted.job, "output": submitted.output, "at": submitted.at_ns}))


def read_submitted(folder: Path, series: str) -> Submitted | None:
    """Return the job that was submitted last for a series; None if there is none, or the file is not ours."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(_file(folder, series).read_text())
        return Submitted(str(found["job"]), str(found["output"]), int(found["at"]))
    return None


def _file(folder: Path, series: str) -> Path:
    return series_lock(folder, series).with_suffix(".submitted")

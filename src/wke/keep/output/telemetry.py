"""Machine telemetry on disk, in a log folder, in the format of wke 0.1: `loads.csv`, and two small files beside it.

loads.csv      a column `time` (seconds since the recording began, on the controller's clock), then for each machine six columns
               NAME.cpu, NAME.mem, NAME.disk-read, NAME.disk-write, NAME.netout, NAME.netin (see COLUMNS). A row has the means over the
               interval that ends at its time, and the memory in use at its end. Unknown values, as of a lost machine, are empty.
loads.json     the Recording: when it began, and which machines share a kernel or a network
windows.jsonl  a line for each measured window, on the controller's clock

Rows are only added, each in one write: after a crash at any moment the file lacks its last rows and is intact otherwise. The writer holds
a lock on it, which the kernel releases when the writer dies, so readers can tell whether the file still grows.
"""

import csv
import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path

from wke.errors import InputError
from wke.keep.files.csvtext import csv_line
from wke.keep.files.disk import disk_errors, private_folder, write_atomically
from wke.values import dataclass

LOADS, RECORDING, WINDOWS = "loads.csv", "loads.json", "windows.jsonl"
COLUMNS = {  # column -> its unit
    "cpu": "%",  # of all processors: the share of time that they were not idle or waiting for a disk
    "mem": "B",  # memory that was not available to programs
    "disk-read": "B/s",  # of whole disks, not of partitions or volumes
    "disk-write": "B/s",
    "netout": "B/s",  # of network cards (where there are none, of all interfaces but loopback)
    "netin": "B/s",
}
Load = tuple[float | None, ...]
"""A machine's numbers in one row, in the order of COLUMNS."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is true of all rows. Machines with the same name in `kernels` or `networks` share a kernel or a network, and its numbers."""

    start_ns: int
    interval_s: float
    kernels: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loads:
    """A recording that was read: for each machine the values of each column, one per item of `times`, NaN where there is none.

    `windows` are the measured windows, in seconds as `times` are.
    """

    times: tuple[float, ...]
    machines: Mapping[str, Mapping[str, tuple[float, ...]]]
    windows: tuple[tuple[float, float], ...] = ()
    kernels: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)


# -- writing


class LoadsFile:
    """A recording that grows; the folder is made if it is missing. Raises StoreError, also when a recording exists."""

    def __init__(self, folder: Path, machines: Sequence[str]) -> None:
        self._folder = folder
        self._machines = tuple(machines)
        with disk_errors(folder):
            private_folder(folder)
            self._handle = os.open(folder / LOADS, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX)
                self._write(["time", *(f"{name}.{column}" for name in self._machines for column in COLUMNS)])
            except BaseException:
                os.close(self._handle)
                raise

    def append(self, time_s: float, loads: Mapping[str, Load]) -> None:
        """Add a row; machines that `loads` does not name have empty fields."""
        nothing: Load = (None,) * len(COLUMNS)
        fields = [_text(value) for name in self._machines for value in loads.get(name, nothing)]
        with disk_errors(self._folder):
            self._write([f"{time_s:.3f}", *fields])

    def close(self) -> None:
        """Return when all rows are on the disk; the file no longer counts as growing."""
        try:
            with disk_errors(self._folder):
                os.fsync(self._handle)
        finally:
            os.close(self._handle)

    def _write(self, fields: Sequence[str]) -> None:
        os.write(self._handle, csv_line(fields).encode())


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0")


def write_recording(folder: Path, recording: Recording) -> None:
    """Store what is true of all rows."""
    write_atomically(folder / RECORDING, json.dumps(asdict(recording), indent=1).encode() + b"\n", private=True)


def record_window(folder: Path, start_ns: int, end_ns: int) -> None:
    """Store that a window was measured from `start_ns` to `end_ns`, nanoseconds since the epoch on the controller's clock."""
    with disk_errors(folder):
        private_folder(folder)
        handle = os.open(folder / WINDOWS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps({"start_ns": start_ns, "end_ns": end_ns}).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


# -- reading


def is_growing(folder: Path) -> bool:
    """Tell whether a process still writes the recording in `folder`."""
    try:
        handle = os.open(folder / LOADS, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def read_loads(folder: Path) -> Loads:
    """Read the recording in `folder`, as far as it is written. Raise InputError when there is none or the file is not one."""
    path = folder / LOADS
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(f"cannot read {path}: {why}", hint="give the log folder of a session that collected statistics") from error
    rows = csv.reader(text[: text.rfind("\n") + 1].splitlines())  # the last row may not be whole yet
    try:
        columns = _columns(next(rows, ["time"]), path)
        times, values = _numbers(rows, 1 + len(columns), path)
    except csv.Error as error:
        raise InputError(f"{path} is not a recording of machines' loads: {error}", hint="was it changed?") from error
    machines: dict[str, dict[str, tuple[float, ...]]] = {}
    for (machine, column), numbers in zip(columns, values, strict=True):
        machines.setdefault(machine, {})[column] = numbers
    recording = _read_recording(folder)
    if recording is None:
        return Loads(times, machines)
    windows = tuple(((start - recording.start_ns) / 1e9, (end - recording.start_ns) / 1e9) for start, end in read_windows(folder))
    return Loads(times, machines, windows, recording.kernels, recording.networks)


def read_windows(folder: Path) -> tuple[tuple[int, int], ...]:
    """Return the recorded windows, (start, end) in nanoseconds since the epoch."""
    try:
        lines = (folder / WINDOWS).read_text().splitlines()
    except FileNotFoundError:
        return ()
    return tuple((window["start_ns"], window["end_ns"]) for window in map(json.loads, lines))


def _read_recording(folder: Path) -> Recording | None:
    try:
        return Recording(**json.loads((folder / RECORDING).read_text()))
    except FileNotFoundError:  # a recording of wke 0.1
        return None


def _columns(header: Sequence[str], path: Path) -> list[tuple[str, str]]:
    """Return machine and column of each title but the first. Titles without a machine start a new one at each first column."""
    columns = []
    unnamed = -1
    for title in header[1:]:
        machine, dot, column = title.rpartition(".")
        unnamed += not dot and column == next(iter(COLUMNS))
        columns.append((machine if dot else str(max(unnamed, 0)), column))
    if header[:1] != ["time"] or any(column not in COLUMNS for _, column in columns):
        raise InputError(f"{path} is not a recording of machines' loads", hint=f"its columns are time and NAME.{', NAME.'.join(COLUMNS)}")
    return columns


def _numbers(rows: Iterator[list[str]], width: int, path: Path) -> tuple[tuple[float, ...], list[tuple[float, ...]]]:
    try:
        table = [[float(text) if text else math.nan for text in row] for row in rows]
    except ValueError as error:
        raise InputError(f"{path} has a value that is not a number: {error}") from error
    odd = next((len(row) for row in table if len(row) != width), None)
    if odd is not None:
        raise InputError(f"{path} has a row of {odd} fields under a header of {width}")
    times, *values = zip(*table, strict=True) if table else [()] * width
    return times, list(values)

"""Logs: the output of tasks, byte for byte, with the time of every piece.

An attempt's folder has, for each task, `STEP-TARGET/MACHINE[.COPY].out`, `.err`, `.idx`, `.metrics` for what it wrote to $WKE_METRICS, and
`.files/` for the files that were collected from it; each exists once there is something to put in it. The index has one record of 24
bytes for each piece, in the order of arrival: time, offset in its file, length, stream.

Every piece is written as it arrives, data before index. A killed controller therefore loses nothing that it received, and an index never
points behind its data. Only a power failure can lose more; that is why the store syncs a folder before an attempt becomes complete.
"""

import functools
import heapq
import mmap
import os
import re
import struct
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from wke.describe.toml.wording import labelled
from wke.keep.files.damage import DamagedError
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.output.linebuffer import LineBuffer
from wke.records import MetricsWritten, Output, Record, TaskEnded, TaskName
from wke.values import dataclass

PIECE = struct.Struct("<qQIB3x")  # at_ns, offset, length, stream
PIECES_AT_ONCE = 256
LONGEST_PIECE = 1 << 26  # longer than any frame
TAIL_BYTES = 1 << 14
STREAMS = {1: "out", 2: "err"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line (the last one may be unfinished) that `task` wrote to `stream`; `at_ns` is when its end arrived, by the clock of `lines`.

    A line of more than LONGEST bytes (see LineBuffer) comes in several parts; all but the last have `continues` set.
    """

    at_ns: int
    task: TaskName
    stream: int
    data: bytes
    continues: bool = False


class MappedFile(mmap.mmap):
    """The content of the file at `path`, of which the kernel reads what is looked at."""

    path: Path


class LogWriter:
    """A sink that stores output in `folder`, for any number of tasks, with at most `limit` files open. It ignores other records."""

    def __init__(self, folder: Path, *, limit: int = 256) -> None:
        self._folder = folder
        self._files = _OpenFiles(os.O_WRONLY | os.O_CREAT | os.O_APPEND, limit)
        self._paths: dict[TaskName, dict[str, str]] = {}  # of what tasks wrote so far, by its suffix
        self._sizes: dict[str, int] = {}
        self._made: set[Path] = set()

    def __call__(self, record: Record) -> None:
        """Store output; close a task's files when it ends. Raise StoreError when the disk is full or fails."""
        if isinstance(record, Output):
            with disk_errors(self._folder):
                self._append(record)
        elif isinstance(record, MetricsWritten):
            with disk_errors(self._folder):
                _write(self._files.descriptor(self._written(record.task, "metrics")), record.data)
        elif isinstance(record, TaskEnded):
            for path in self._paths.pop(record.task, {}).values():
                self._files.close(path)
                self._sizes.pop(path, None)

    def close(self) -> None:
        """Close all files. A later record opens its file again."""
        self._files.close_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, piece: Output) -> None:
        data, index = self._written(piece.task, STREAMS[piece.stream]), self._written(piece.task, "idx")
        descriptor = self._files.descriptor(data)
        offset = self._sizes.get(data, -1)
        if offset < 0:
            offset = os.fstat(descriptor).st_size
        _write(descriptor, piece.data)
        _write(self._files.descriptor(index), PIECE.pack(piece.at_ns, offset, len(piece.data), piece.stream))
        self._sizes[data] = offset + len(piece.data)

    def _written(self, task: TaskName, suffix: str) -> str:
        """Return the path of a task's file, whose folder exists."""
        paths = self._paths.get(task)
        if paths is None:
            paths = self._paths[task] = {}
        path = paths.get(suffix)
        if path is None:
            found = _path(self._folder, task, suffix)
            if found.parent not in self._made:
                private_folder(found.parent)
                self._made.add(found.parent)
            path = paths[suffix] = str(found)
        return path


def tasks(folder: Path) -> tuple[TaskName, ...]:
    """Return the tasks with output in `folder`, sorted by step, target, machine and copy."""
    return tuple(sorted(map(_task, _files(folder, "idx")), key=lambda t: (t.step, t.target, t.machine, t.copy)))


def stdout(folder: Path, task: TaskName) -> bytes:
    """Return everything that `task` wrote to its standard output."""
    return _content(_path(folder, task, "out"))


def stderr(folder: Path, task: TaskName) -> bytes:
    """Return everything that `task` wrote to its standard error."""
    return _content(_path(folder, task, "err"))


def read_output(folder: Path) -> dict[TaskName, bytes | mmap.mmap]:
    """Return the standard output of every task with output in `folder`; metrics are read from it.

    Files are mapped, not read, so that the kernel can drop their pages from memory however large they are.
    """
    return {task: _mapped(_path(folder, task, "out")) for task in tasks(folder)}


def read_metrics(folder: Path) -> dict[TaskName, bytes]:
    """Return what tasks in `folder` wrote to $WKE_METRICS, for those that did."""
    return {_task(path): path.read_bytes() for path in sorted(_files(folder, "metrics"))}


def files_folder(folder: Path, task: TaskName) -> Path:
    """Return the folder for the files that are collected from a task."""
    return _path(folder, task, "files")


def collected_files(folder: Path, task: TaskName, pattern: str) -> tuple[tuple[str, Path], ...]:
    """Return the files collected from a task that match a pattern, sorted by name; no links, and nothing outside the task's folder."""
    place = files_folder(folder, task)
    inside = place.resolve()
    found = sorted(path for path in place.glob(pattern.strip("/")) if not path.is_symlink() and path.is_file())
    return tuple((str(path.relative_to(place)), path) for path in found if path.resolve().is_relative_to(inside))


def not_left(folder: Path, task: TaskName, patterns: Sequence[str]) -> str:
    """Return a message with the patterns that match no file collected from a task; "" when all match."""
    place = files_folder(folder, task)
    missing = [pattern for pattern in patterns if next(place.glob(pattern.strip("/")), None) is None]
    return f"{labelled([task])} left no {' and no '.join(missing)} in $WKE_DIR" if missing else ""


def pieces(folder: Path, task: TaskName) -> Iterator[tuple[int, int, bytes]]:
    """Yield (at_ns, stream, data) for every piece that `task` wrote, in the order of arrival."""
    with _OpenFiles(os.O_RDONLY, 2) as files:
        for at_ns, stream, offset, length in _records(folder, task):
            yield at_ns, stream, os.pread(files.descriptor(_path(folder, task, STREAMS[stream])), length, offset)


def _as_it_is(machine: str, at_ns: int) -> int:  # noqa: ARG001
    return at_ns


def tail(folder: Path, task: TaskName, most: int) -> tuple[str, ...]:
    """Return the last lines, at most `most`, that `task` wrote to its two streams; of much output, only the end is read."""
    return tuple(line.data.decode(errors="replace") for line in deque(lines(folder, task, last_bytes=TAIL_BYTES), maxlen=most))


def lines(
    folder: Path, task: TaskName | None = None, *, last_bytes: int | None = None, place: Callable[[str, int], int] = _as_it_is
) -> Iterator[Line]:
    """Yield the lines of all tasks in `folder`, or of one `task`, in the order of time, each without its newline.

    Times are on the clocks of the machines, which may disagree; `place` puts a machine's time on a common clock. An attempt that is still
    running can be read. With `last_bytes`, only the last pieces of each task are read, about that many bytes.
    """
    names = tasks(folder) if task is None else (task,)
    buffers: defaultdict[tuple[TaskName, int], LineBuffer] = defaultdict(LineBuffer)
    last_ns: dict[tuple[TaskName, int], int] = {}
    with _OpenFiles(os.O_RDONLY, 256) as files:
        first = [0 if last_bytes is None else _position(_path(folder, name, "idx"), last_bytes) for name in names]
        numbered = (_numbered(folder, names, number, first[number], place) for number in range(len(names)))
        for at_ns, number, stream, offset, length in heapq.merge(*numbered):
            key = names[number], stream
            last_ns[key] = at_ns
            data = os.pread(files.descriptor(_path(folder, names[number], STREAMS[stream])), length, offset)
            yield from _cut(at_ns, key, buffers[key].add(data), continues=True)
    for key, buffer in buffers.items():
        yield from _cut(last_ns[key], key, buffer.rest(), continues=False)


def _cut(at_ns: int, key: tuple[TaskName, int], block: bytes, *, continues: bool) -> Iterator[Line]:
    """Yield the lines of a block; `continues` is for a last one that does not end in it."""
    *ended, unfinished = block.split(b"\n")
    for line in ended:
        yield Line(at_ns, *key, line)
    if unfinished:
        yield Line(at_ns, *key, unfinished, continues)


class _OpenFiles:
    """Descriptors by path, at most `limit` of them open: the one that was not used for the longest time is closed for a new one."""

    def __init__(self, flags: int, limit: int) -> None:
        self._flags = flags
        self._limit = limit
        self._open: OrderedDict[Path | str, int] = OrderedDict()

    def descriptor(self, path: Path | str) -> int:
        if path in self._open:
            self._open.move_to_end(path)
        else:
            if len(self._open) >= self._limit:
                os.close(self._open.popitem(last=False)[1])
            self._open[path] = os.open(path, self._flags | os.O_CLOEXEC, 0o600)
        return self._open[path]

    def close(self, path: Path | str) -> None:
        if path in self._open:
            os.close(self._open.pop(path))

    def close_all(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()


@functools.lru_cache(maxsize=4096)
def _path(folder: Path, task: TaskName, suffix: str) -> Path:
    """Return a task's file. Names are quoted as in a URL, and so is a machine's last dot before a number: `.1` marks a copy."""
    machine = re.sub(r"\.(?=[0-9]+$)", "%2E", quote(task.machine, safe=""))
    copy = f".{task.copy}" if task.copy else ""
    return folder / f"{task.step:02d}-{quote(task.target, safe='')}" / f"{machine}{copy}.{suffix}"


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files of tasks with a suffix; folders that wke did not make are ignored."""
    return (path for path in folder.glob(f"*-*/*.{suffix}") if path.parent.name.partition("-")[0].isdecimal())


def _task(path: Path) -> TaskName:
    """Return the task that a file belongs to."""
    step, _, target = path.parent.name.partition("-")
    machine, _, copy = path.stem.rpartition(".")
    if not (machine and copy.isdecimal()):
        machine, copy = path.stem, "0"
    return TaskName(int(step), unquote(target), unquote(machine), int(copy))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _mapped(path: Path) -> bytes | mmap.mmap:
    try:
        with path.open("rb") as file:
            mapped = MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ)
            mapped.path = path
            return mapped
    except (FileNotFoundError, ValueError):  # nothing was written; an empty file cannot be mapped
        return b""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # nothing was written
        return b""


def _records(folder: Path, task: TaskName, position: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Yield (at_ns, stream, offset, length) of each whole record of an index from a position on; the last one may be incomplete.

    Raise DamagedError for a record that points outside the output.
    """
    path = _path(folder, task, "idx")
    while read := _whole_records(path, position):
        sizes = {stream: _size(_path(folder, task, suffix)) for stream, suffix in STREAMS.items()}
        for at_ns, offset, length, stream in PIECE.iter_unpack(read):
            if length > LONGEST_PIECE or offset + length > sizes.get(stream, -1):
                raise DamagedError(f"{path} is not the index of the output beside it")
            yield at_ns, stream, offset, length
        position += len(read)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # nothing was written
        return 0


def _position(path: Path, last_bytes: int) -> int:
    """Return where in an index the last records begin that together have at least so many bytes; at most PIECES_AT_ONCE of them."""
    first = max(0, _size(path) // PIECE.size - PIECES_AT_ONCE)
    sizes = [length for _, _, length, _ in PIECE.iter_unpack(_whole_records(path, first * PIECE.size))]
    while sizes and last_bytes > 0:
        last_bytes -= sizes.pop()
    return (first + len(sizes)) * PIECE.size


def _whole_records(path: Path, position: int) -> bytes:
    """Return some records of an index from `position` on. The file is open only meanwhile, because a thousand tasks may be read at once."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(position)
            records = file.read(PIECES_AT_ONCE * PIECE.size)
    except FileNotFoundError:  # nothing was written
        return b""
    return records[: len(records) // PIECE.size * PIECE.size]


def _numbered(
    folder: Path, names: Sequence[TaskName], number: int, position: int, place: Callable[[str, int], int]
) -> Iterator[tuple[int, int, int, int, int]]:
    machine = names[number].machine
    for at_ns, stream, offset, length in _records(folder, names[number], position):
        yield place(machine, at_ns), number, stream, offset, length


class Follower:
    """Reads what tasks of an attempt write while it runs; its folder may move meanwhile, as it does when it ends."""

    def __init__(self) -> None:
        self._positions: defaultdict[TaskName, int] = defaultdict(int)
        self._buffers: defaultdict[tuple[TaskName, int], LineBuffer] = defaultdict(LineBuffer)
        self._last_ns: dict[tuple[TaskName, int], int] = {}

    def new(self, folder: Path) -> Iterator[Line]:
        """Yield the lines that have ended since the last call, in the order of time on the clocks of the machines."""
        names = tasks(folder)
        with _OpenFiles(os.O_RDONLY, 256) as files:
            numbered = (_numbered(folder, names, number, self._positions[name], _as_it_is) for number, name in enumerate(names))
            try:
                for at_ns, number, stream, offset, length in heapq.merge(*numbered):
                    key = names[number], stream
                    data = os.pread(files.descriptor(_path(folder, names[number], STREAMS[stream])), length, offset)
                    self._positions[names[number]] += PIECE.size
                    self._last_ns[key] = at_ns
                    yield from _cut(at_ns, key, self._buffers[key].add(data), continues=True)
            except (FileNotFoundError, DamagedError):
                if folder.is_dir():
                    raise  # else it has moved, and the rest is read there

    def rest(self) -> Iterator[Line]:
        """Yield the lines that have no end, after the attempt has ended."""
        for key, buffer in self._buffers.items():
            yield from _cut(self._last_ns[key], key, buffer.rest(), continues=False)

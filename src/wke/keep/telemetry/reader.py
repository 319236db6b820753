"""Reading telemetry: the series of machines, of which only those that are asked for are decoded.

A file that was cut, or has a damaged record, is read up to there. What could not be read is told in `damage`.
"""

import json
import mmap
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import LARGEST_BODY, MAGIC, MISSING, RECORD, SUMMED, TELEMETRY
from wke.values import dataclass

Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The values of a column at `times_ns`, on the machine's clock, in the order in which they were taken; NaN for those not known."""

    times_ns: Whole
    values: Numbers


Chunk = tuple[int, int, int]
"""Rows, and start and end in the file."""


@dataclass(slots=True)
class _Table:
    """The chunks of one declaration of columns."""

    columns: tuple[Column, ...]
    chunks: list[Chunk] = field(default_factory=list)


class StoredTelemetry:
    """The telemetry of an attempt: `machines`, in the order in which they came, and what is damaged, one sentence for each thing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data, wrong = _content(path)
        self.damage = [wrong] if wrong else []
        self._tables: dict[str, list[_Table]] = {}
        self._index()

    @property
    def machines(self) -> tuple[str, ...]:
        """All machines that declared columns."""
        return tuple(self._tables)

    @property
    def samples(self) -> int:
        """The number of values in the file, without times."""
        tables = [table for tables in self._tables.values() for table in tables]
        return sum(len(table.columns) * sum(rows for rows, *_ in table.chunks) for table in tables)

    def columns(self, machine: str) -> tuple[Column, ...]:
        """Return all columns that a machine ever had, in the order in which they came; none for a machine without telemetry."""
        return tuple(dict.fromkeys(column for table in self._tables.get(machine, ()) for column in table.columns))

    def series(self, machine: str, column: Column) -> Readings:
        """Return all values of a column; raise KeyError when the machine never had it."""
        return self.read(machine, [column])[column]

    def read(self, machine: str, columns: Collection[Column]) -> dict[Column, Readings]:
        """Return the values of several columns of a machine, which are decoded together; without those that it never had."""
        wanted = set(columns)
        parts: dict[Column, list[tuple[Whole, Whole]]] = {column: [] for column in self.columns(machine) if column in wanted}
        for table in self._tables.get(machine, ()):
            places = [place for place, column in enumerate(table.columns) if column in wanted]
            if places:
                numbers = self._decoded(table, places)
                for row, place in enumerate(places, 1):
                    parts[table.columns[place]].append((numbers[0], numbers[row]))
        return {column: _readings(column, found) for column, found in parts.items()}

    def _decoded(self, table: _Table, places: Sequence[int]) -> Whole:
        """Return the times of all samples of a table, and below them the columns at these places."""
        width, picked = 1 + len(table.columns), [0, *(1 + place for place in places)]
        inflated: defaultdict[int, list[bytes]] = defaultdict(list)
        begins: defaultdict[int, list[int]] = defaultdict(list)
        total = 0
        for rows, start, end in table.chunks:
            data = self._inflated(start, end, 8 * width * rows)
            if data is not None:
                inflated[rows].append(data)
                begins[rows].append(total)
                total += rows
        found = np.empty((len(picked), total), np.int64)
        for rows, chunks in inflated.items():  # chunks of one length are decoded together
            planes = np.frombuffer(b"".join(chunks), np.uint8).reshape(-1, 8, width, rows)
            values = np.ascontiguousarray(planes[:, :, picked].transpose(2, 0, 3, 1)).view("<i8")[..., 0].cumsum(axis=2)
            found[:, np.add.outer(begins[rows], np.arange(rows))] = values
        return found

    def _inflated(self, start: int, end: int, size: int) -> bytes | None:
        """Return the bytes of a chunk, exactly as many as it should have; None, and a word in `damage`, if it has not."""
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(self._data[start:end], size + 1)
            if len(data) == size and inflater.eof:
                return data
        except zlib.error:
            pass
        self.damage.append(f"{self._path}: the chunk at byte {start} is not one, and was left out")
        return None

    def _index(self) -> None:
        """Find all tables and their chunks, up to the end of the file or the first damaged record."""
        tables: list[_Table] = []
        known: dict[bytes, tuple[Column, ...]] = {}  # many machines have the same columns
        for table, rows, start, end in self._records():
            if rows:
                if table >= len(tables):
                    self.damage.append(f"{self._path}: the record before byte {start} belongs to no columns; the rest was not read")
                    return
                tables[table].chunks.append((rows, start, end))
                continue
            try:
                machine, columns = _declared(self._data[start:end], known)
            except ValueError as error:
                self.damage.append(f"{self._path}: the columns at byte {start} are not as wke writes them: {error}; the rest was not read")
                return
            tables.append(_Table(columns))
            self._tables.setdefault(machine, []).append(tables[-1])

    def _records(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield table, rows, start and end of each record that is whole."""
        data = memoryview(self._data)
        at, end = min(len(MAGIC), len(data)), len(data)
        if 0 < end < len(MAGIC):
            self.damage.append(f"{self._path} ends within its first {len(MAGIC)} bytes")
        while at < end:
            crc, length, table, rows = RECORD.unpack_from(data, at) if at + RECORD.size <= end else (0, end, 0, 0)
            start = at + RECORD.size
            if start + length > end or length > LARGEST_BODY:
                self.damage.append(f"{self._path} ends within the record at byte {at} of {end}; what is before it was read")
                return
            if zlib.crc32(data[at + SUMMED : start + length]) != crc:
                self.damage.append(f"{self._path}: the record at byte {at} of {end} is damaged; only what is before it was read")
                return
            yield table, rows, start, start + length
            at = start + length


def read_telemetry(folder: Path, name: str = TELEMETRY) -> StoredTelemetry:
    """Return the telemetry of the attempt in `folder`, without machines if it has none. Raises nothing: see `damage`."""
    return StoredTelemetry(folder / name)


def _content(path: Path) -> tuple[bytes | mmap.mmap, str]:
    """Return what is in a file, nothing for an absent one, and what is wrong with it."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            if not MAGIC.startswith(start):
                return b"", f"{path} is not a telemetry file"
            return (mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""), ""
    except FileNotFoundError:
        return b"", ""
    except OSError as error:
        return b"", f"{path} cannot be read: {error.strerror}"


def _declared(body: bytes, known: dict[bytes, tuple[Column, ...]]) -> tuple[str, tuple[Column, ...]]:
    """Return the machine and the columns of a declaration, from those `known` if they are; raise ValueError for anything else."""
    inflater = zlib.decompressobj()
    try:
        first, _, second = inflater.decompress(body, LARGEST_BODY).partition(b"\n")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    match json.loads(first):
        case [str(machine), int()]:
            if second not in known:
                known[second] = tuple(Column.from_facts(column) for column in json.loads(second))
            return machine, known[second]
    raise ValueError("they are of no machine")


def _readings(column: Column, parts: Sequence[tuple[Whole, Whole]]) -> Readings:
    times, numbers = (np.concatenate(side) for side in zip(*parts, strict=True))
    if column.floating:
        return Readings(times, numbers.view(np.float64))
    values = numbers.astype(np.float64)
    values[numbers == MISSING] = np.nan
    return Readings(times, values)

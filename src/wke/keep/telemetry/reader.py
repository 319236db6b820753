"""Reading telemetry: the series of machines, of which only those that are asked for are decoded.

A file that was cut, or has a damaged record, is read up to there. What could not be read is told in `damage`.
"""

import json
import mmap
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import groupby, islice
from operator import itemgetter
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


ZLIB_HEADER = 2
SCRATCH = 1 << 20
Chunk = tuple[int, int, int]
"""Rows, and start and end in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """The columns of a table, and the place of each; many machines have the same."""

    columns: tuple[Column, ...]
    places: Mapping[Column, int]


@dataclass(slots=True)
class _Table:
    """The chunks of one declaration of columns."""

    layout: _Layout
    chunks: list[Chunk] = field(default_factory=list)


class StoredTelemetry:
    """The telemetry of an attempt: `machines`, in the order in which they came, and what is damaged, one sentence for each thing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data, wrong = _content(path)
        self.damage = [wrong] if wrong else []
        self._tables: dict[str, list[_Table]] = {}
        self._scratch = bytearray()
        self._columns: dict[tuple[_Layout, ...], tuple[Column, ...]] = {}
        self._index()

    @property
    def machines(self) -> tuple[str, ...]:
        """All machines that declared columns."""
        return tuple(self._tables)

    @property
    def samples(self) -> int:
        """The number of values in the file, without times."""
        tables = [table for tables in self._tables.values() for table in tables]
        return sum(len(table.layout.columns) * sum(rows for rows, *_ in table.chunks) for table in tables)

    def columns(self, machine: str) -> tuple[Column, ...]:
        """Return all columns that a machine ever had, in the order in which they came; none for a machine without telemetry."""
        layouts = tuple(dict.fromkeys(table.layout for table in self._tables.get(machine, ())))
        if layouts not in self._columns:
            self._columns[layouts] = tuple(dict.fromkeys(column for layout in layouts for column in layout.columns))
        return self._columns[layouts]

    def series(self, machine: str, column: Column) -> Readings:
        """Return all values of a column; raise KeyError when the machine never had it."""
        return self.read(machine, [column])[column]

    def read(self, machine: str, columns: Collection[Column]) -> dict[Column, Readings]:
        """Return the values of several columns of a machine, which are decoded together; without those that it never had."""
        parts: dict[Column, list[tuple[Whole, Whole]]] = {}
        for table in self._tables.get(machine, ()):
            places = table.layout.places
            found = {column: places[column] for column in columns if column in places}
            if found:
                times, *values = self._decoded(table, tuple(found.values()))
                for column, numbers in zip(found, values, strict=True):
                    parts.setdefault(column, []).append((times, numbers))
        return {column: _readings(column, found) for column, found in parts.items()}

    def _decoded(self, table: _Table, places: Sequence[int]) -> Whole:
        """Return the times of all samples of a table, and below them the columns at these places."""
        width, picked = 1 + len(table.layout.columns), [0, *(1 + place for place in places)]
        parts: list[Whole] = []
        for rows, alike in groupby(table.chunks, itemgetter(0)):  # chunks of one length are decoded together
            size = 8 * width * rows
            while some := list(islice(alike, max(1, SCRATCH // size))):
                planes = np.frombuffer(self._inflated(some, size), np.uint8).reshape(-1, 8, width, rows)
                values = np.ascontiguousarray(planes[:, :, picked].transpose(2, 0, 3, 1)).view("<i8")[..., 0].cumsum(axis=2)
                parts.append(values.reshape(len(picked), -1))
        return np.concatenate(parts, axis=1) if parts else np.empty((len(picked), 0), np.int64)

    def _inflated(self, chunks: Sequence[Chunk], size: int) -> memoryview:
        """Return the bytes of chunks, one after the other; one that has not exactly `size` bytes is left out, with a word in `damage`.

        They are overwritten by the next call: memory that is fetched from the kernel and given back each time would cost a quarter more.
        """
        if len(self._scratch) < len(chunks) * size:
            self._scratch = bytearray(len(chunks) * size)
        scratch, content, at = memoryview(self._scratch), memoryview(self._data), 0
        for _, start, end in chunks:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # without the checksum at the end: that of the record holds for it
            try:
                data = inflater.decompress(content[start + ZLIB_HEADER : end], size + 1)
            except zlib.error:
                data = b""
            if len(data) == size and inflater.eof:
                scratch[at : at + size] = data
                at += size
            else:
                self.damage.append(f"{self._path}: the chunk at byte {start} is not one, and was left out")
        return scratch[:at]

    def _index(self) -> None:
        """Find all tables and their chunks, up to the end of the file or the first damaged record."""
        tables: list[_Table] = []
        known: dict[bytes, _Layout] = {}
        for table, rows, start, end in self._records():
            if rows:
                if table >= len(tables):
                    self.damage.append(f"{self._path}: the record before byte {start} belongs to no columns; the rest was not read")
                    return
                tables[table].chunks.append((rows, start, end))
                continue
            try:
                machine, layout = _declared(self._data[start:end], known)
            except ValueError as error:
                self.damage.append(f"{self._path}: the columns at byte {start} are not as wke writes them: {error}; the rest was not read")
                return
            tables.append(_Table(layout))
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


def _declared(body: bytes, known: dict[bytes, _Layout]) -> tuple[str, _Layout]:
    """Return the machine and the columns of a declaration, from those `known` if they are; raise ValueError for anything else."""
    inflater = zlib.decompressobj()
    try:
        first, _, second = inflater.decompress(body, LARGEST_BODY).partition(b"\n")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    match json.loads(first):
        case [str(machine), int()]:
            if second not in known:
                columns = tuple(map(Column.from_facts, json.loads(second)))
                known[second] = _Layout(columns, {column: place for place, column in enumerate(columns)})
            return machine, known[second]
    raise ValueError("they are of no machine")


def _readings(column: Column, parts: Sequence[tuple[Whole, Whole]]) -> Readings:
    times, numbers = (np.concatenate(side) for side in zip(*parts, strict=True))
    if column.floating:
        return Readings(times, numbers.view(np.float64))
    values = numbers.astype(np.float64)
    values[numbers == MISSING] = np.nan
    return Readings(times, values)

"""Writing telemetry: chunks are stored as they come, so that hundreds of machines cost the controller nearly nothing."""

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from wke.documents import Json
from wke.keep.files.disk import disk_errors, private_folder
from wke.keep.telemetry.columns import MOST_COLUMNS, Column
from wke.keep.telemetry.file import LARGEST_BODY, MAGIC, MOST_ROWS, TELEMETRY, record

BUFFER = 1 << 18


class TelemetryWriter:
    """The telemetry file of an attempt, in its `folder`, which is made if it is missing; the file is made with the first columns.

    Every method raises StoreError when the disk is full or fails. Samples reach the disk with `close`, or when many have come; the file
    is synced with the attempt's folder.
    """

    def __init__(self, folder: Path, name: str = TELEMETRY) -> None:
        self._folder = folder
        self._name = name
        self._file: _File | None = None
        self._tables: dict[tuple[str, int], int] = {}
        self._count = 0
        self._latest: tuple[Sequence[Column], bytes] = (), b"[]"

    def columns(self, machine: str, epoch: int, columns: Sequence[Column]) -> None:
        """Declare what the machine's chunks of this epoch have after their times; an epoch that is declared again begins anew."""
        if len(columns) > MOST_COLUMNS:
            raise ValueError(f"{len(columns)} columns are more than {MOST_COLUMNS}")
        body = b"%b\n%b" % (_json([machine, epoch]), self._facts(columns))
        if self._file is None:
            with disk_errors(self._folder):
                private_folder(self._folder)
                self._file = _File(self._folder / self._name)
        self._tables[machine, epoch] = self._count
        self._count += 1
        self._store(self._count - 1, 0, zlib.compress(body, 1))

    def chunk(self, machine: str, epoch: int, rows: int, payload: bytes) -> None:
        """Store `rows` samples as they came; raise ValueError for columns that were not declared, and for what cannot be a chunk."""
        table = self._tables.get((machine, epoch))
        if table is None:
            raise ValueError(f"{machine} sent samples of epoch {epoch}, whose columns it did not declare")
        if not (0 < rows <= MOST_ROWS and len(payload) <= LARGEST_BODY):
            raise ValueError(f"{machine} sent a chunk of {rows} rows and {len(payload)} bytes")
        self._store(table, rows, payload)

    def flush(self) -> None:
        """Let readers see all that was stored."""
        if self._file is not None:
            with disk_errors(self._folder):
                self._file.flush()

    def close(self) -> None:
        """Write what is left; nothing can be stored afterwards."""
        file, self._file = self._file, None
        self._tables.clear()
        if file is not None:
            with disk_errors(self._folder):
                file.close()

    def _facts(self, columns: Sequence[Column]) -> bytes:
        """Return the columns as JSON; hundreds of machines declare the same, one after the other."""
        if self._latest[0] is not columns:
            self._latest = columns, _json([column.facts() for column in columns])
        return self._latest[1]

    def _store(self, table: int, rows: int, body: bytes) -> None:
        if self._file is not None and self._file.take(*record(table, rows, body)):
            self.flush()


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class _File:
    """A new file whose writes are gathered."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._parts = [MAGIC]
        self._size = len(MAGIC)

    def take(self, header: bytes, body: bytes) -> bool:
        """Take a record to be written, and return whether it is time to write."""
        self._parts += header, body
        self._size += len(header) + len(body)
        return self._size >= BUFFER

    def flush(self) -> None:
        data = memoryview(b"".join(self._parts))
        self._parts, self._size = [], 0
        while data:
            data = data[os.write(self._handle, data) :]

    def close(self) -> None:
        try:
            self.flush()
        finally:
            os.close(self._handle)

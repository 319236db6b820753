"""What was scraped from programs, in a second telemetry file of the attempt: a column for each series that a program exposes."""

from array import array
from collections.abc import Sequence
from dataclasses import field
from math import nan
from pathlib import Path

from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.exposition import Exposed
from wke.keep.telemetry.file import SCRAPES, encode
from wke.keep.telemetry.writer import TelemetryWriter
from wke.values import dataclass

ROWS = 60  # of a chunk


@dataclass(slots=True)
class _Table:
    """The columns of a program, and the rows that are not stored yet; the first number of a row is its time."""

    epoch: int
    columns: tuple[Column, ...]
    times: list[int] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)


class ScrapeWriter:
    """The file of scrapes in an attempt's `folder`, made with the first one. Raises StoreError when the disk is full or fails."""

    def __init__(self, folder: Path) -> None:
        self._writer = TelemetryWriter(folder, SCRAPES)
        self._tables: dict[tuple[str, str], _Table] = {}
        self._epochs = 0

    def add(self, machine: str, scope: str, at_ns: int, exposed: Sequence[Exposed]) -> None:
        """Store what a program of the machine, whose columns have that scope, exposed at `at_ns` on the machine's clock."""
        values = {Column(scope, one.name, one.unit, one.kind, floating=True): one.value for one in exposed}
        table = self._tables.get((machine, scope))
        if table is None or not values.keys() <= set(table.columns):
            if table is not None:
                self._store(machine, table)
            self._epochs += 1
            table = self._tables[machine, scope] = _Table(self._epochs, tuple(values))
            self._writer.columns(machine, table.epoch, table.columns)
        table.times.append(at_ns)
        table.rows.append([values.get(column, nan) for column in table.columns])
        if len(table.rows) >= ROWS:
            self._store(machine, table)

    def close(self) -> None:
        """Store what is left."""
        for (machine, _), table in self._tables.items():
            self._store(machine, table)
        self._writer.close()

    def _store(self, machine: str, table: _Table) -> None:
        if table.rows:
            numbers = (array("q", array("d", column).tobytes()) for column in zip(*table.rows, strict=True))
            self._writer.chunk(machine, table.epoch, len(table.rows), encode([table.times, *numbers]))
            table.times, table.rows = [], []

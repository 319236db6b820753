"""The sampler: rows of numbers from sources, packed into chunks for the controller.

A source has `columns`, a list of texts "NAME UNIT KIND" (KIND is "counter" or "gauge"), `read()`, which returns as many whole numbers (None
for one that cannot be read now; OSError when the thing is gone for good), and `close()`. A source whose columns change replaces the list.

    series    {"epoch": number of a set of columns, "columns": ["SCOPE NAME UNIT KIND", ...], "notes": [...]}
    sample    {"epoch", "rows", "first" and "at": the times of the first and the last row, "now"}, and a chunk of rows

Scopes: "machine", "host" (the computer that carries emulated machines), "task.CHANNEL", "scrape.PORT". `now` has, as far as they are known,
cpu and cpus (thousandths of a processor), memory and memory-total (bytes), received and sent (bytes per second since the chunk before).

A chunk is a matrix of 64-bit integers, little endian, column after column; the first column is the time in ns. Each column is its first
value, then the difference of each row to the row before. NONE stands for what cannot be read. Differences wrap around. All first bytes of
these integers come first, then all second bytes, and so on; the whole is compressed by zlib. Every chunk can be read alone.
"""

import zlib
from struct import error, pack

from _operator import sub

from wke.agent import frames

NONE = -1 << 63
MOST_COLUMNS = 4000  # a frame takes a few more
MOST_NOTES = 16
MOST_VALUES = 65536  # of a chunk, which has half a megabyte at most then
LEVEL, WINDOW_BITS, MEMORY_LEVEL = 3, 13, 6  # for so little, fixed codes are as small, and read twice as fast
SECOND_NS = 1000000000
CPU_COLUMNS = ("machine cpu.busy us counter", "machine cpu.capacity us/s gauge")
MEMORY_COLUMNS = ("machine memory.used B gauge", "machine memory.total B gauge")
LOOPBACK = "machine net.lo."


class Sampler:
    """Reads sources row by row. `tell(kind, head, payload)` sends a frame; `is_behind()` tells that the controller cannot take more now."""

    def __init__(self, tell, is_behind):
        self._tell = tell
        self._is_behind = is_behind
        self._sources = []  # [scope, source, its columns when the epoch began]
        self._epoch = 0
        self._told = 0  # the epoch that the controller knows
        self._is_new = True  # the columns are others than those of the epoch
        self._columns = []
        self._figures = None
        self._rows = []
        self._last = None  # the last row of the chunk before
        self._notes = []

    def add(self, scope, source):
        """Read a source from the next row on."""
        self._sources.append([scope, source, None])
        self._is_new = True

    def remove(self, source):
        """Read a source no more, and close it; nothing happens when it is gone already."""
        for entry in self._sources:
            if entry[1] is source:
                self._drop([entry])
                return

    def note(self, text):
        """Tell the controller once what a person should know."""
        if len(self._notes) < MOST_NOTES:
            self._notes.append(text)
            self._is_new = True

    def take(self, at_ns):
        """Read all sources; rows are sent by `flush`, or when there are too many for a chunk."""
        values = []
        gone = []
        for entry in self._sources:
            source = entry[1]
            try:
                part = source.read()
            except OSError:
                gone.append(entry)
                continue
            except (ValueError, LookupError):  # a kernel that writes something else
                part = [None] * len(source.columns)
            if source.columns is not entry[2]:
                self._is_new = True
            values.append(part)
        if gone:
            self._drop(gone)
        if self._is_new:
            self._begin()
        row = [at_ns]
        for part in values:
            row += part
        self._rows.append(row)
        if len(self._columns) + 1 != len(row):  # too many columns: the last ones are not told
            del row[len(self._columns) + 1 :]
        if len(self._rows) * len(row) >= MOST_VALUES:
            self.flush()

    def flush(self):
        """Send the rows that have gathered; a controller that is behind misses them."""
        rows, self._rows = self._rows, []
        if not rows or self._is_behind():
            return
        if self._told != self._epoch:
            self._told = self._epoch
            self._tell(frames.SERIES, {"epoch": self._epoch, "columns": self._columns, "notes": self._notes}, b"")
            self._notes = []
        head = {"epoch": self._epoch, "rows": len(rows), "first": rows[0][0], "at": rows[-1][0]}
        head["now"] = self._figures.between(self._last or rows[0], rows[-1])
        self._last = rows[-1]
        self._tell(frames.SAMPLE, head, chunk(rows))

    def close(self):
        """Send the last rows, and close all sources."""
        self.flush()
        for entry in self._sources:
            entry[1].close()
        self._sources = []

    def _drop(self, entries):
        self._sources = [entry for entry in self._sources if entry not in entries]
        self._is_new = True
        for entry in entries:
            entry[1].close()

    def _begin(self):
        """Begin an epoch: the rows from here on have other columns."""
        self.flush()
        self._epoch += 1
        self._is_new = False
        self._last = None
        columns = []
        for entry in self._sources:
            entry[2] = entry[1].columns
            columns += [entry[0] + " " + column for column in entry[2]]
        self._columns = columns[:MOST_COLUMNS]
        self._figures = LatestFigures(self._columns)


class LatestFigures:
    """Finds the latest figures of a machine in rows with these columns."""

    def __init__(self, columns):
        places = {column: index for index, column in enumerate(columns, 1)}
        self._busy, self._capacity, self._used, self._total = (places.get(column, 0) for column in CPU_COLUMNS + MEMORY_COLUMNS)
        traffic = [column for column in columns if column.startswith("machine net.") and not column.startswith(LOOPBACK)]
        self._received = [places[column] for column in traffic if column.endswith(".received B counter")]
        self._sent = [places[column] for column in traffic if column.endswith(".sent B counter")]

    def between(self, before, row):
        """Return the figures of `row`; rates are those since the row `before`."""
        figures = {}
        elapsed_ns = row[0] - before[0]
        if self._capacity and row[self._capacity] is not None:
            figures["cpus"] = row[self._capacity] // 1000
        if elapsed_ns > 0 and self._busy:
            figures["cpu"] = _grown(before, row, [self._busy], 1000000, elapsed_ns)
        for name, place in (("memory", self._used), ("memory-total", self._total)):
            if place:
                figures[name] = row[place]
        for name, places in (("received", self._received), ("sent", self._sent)):
            if elapsed_ns > 0 and places:
                figures[name] = _grown(before, row, places, SECOND_NS, elapsed_ns)
        return {name: figure for name, figure in figures.items() if figure is not None and figure >= 0}


def _grown(before, row, places, factor, elapsed_ns):
    """Return by how much counters have grown together, times `factor`, per nanosecond; None when one is unknown."""
    if None in [line[place] for line in (before, row) for place in places]:
        return None
    return sum([row[place] - before[place] for place in places]) * factor // elapsed_ns


def chunk(rows):
    """Return rows of whole numbers, the first of them the time, as the payload of a `sample`."""
    numbers = []
    for column in zip(*rows):
        if None in column:
            column = [NONE if value is None else value for value in column]
        numbers.append(column[0])
        numbers += map(sub, column[1:], column)
    try:
        flat = pack("<%dq" % len(numbers), *numbers)
    except error:  # beyond 64 bits: numbers wrap around
        flat = pack("<%dq" % len(numbers), *[(number - NONE) % (1 << 64) + NONE for number in numbers])
    deflating = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL, zlib.Z_FIXED)
    return deflating.compress(b"".join([flat[byte::8] for byte in range(8)])) + deflating.flush()

"""The sampler: rows of numbers from sources, packed into chunks for the controller.

A source has `columns`, a list of texts "NAME UNIT KIND" (KIND is "counter" or "gauge"), `read()`, which returns as many whole numbers (None
for one that cannot be read now; OSError when the thing is gone for good), and `close()`. A source whose columns change replaces the list.

A source that is a kernel's file has `file`, too. Only the file is read for a row; what it says is understood when the chunk is sent, for
all rows together: code that runs ten times a second finds nothing in the processor's caches, and costs several times as much as usual.
`numbers(texts)` returns columns of numbers, or raises ValueError or LookupError for texts that cannot be understood together; it may be
called again with some of them. `settled(columns)` is called once for each row, in order, and returns the columns as they are told.

A source with `every` is read once in so many rows. In between its numbers are unknown: if they were repeated, a counter would seem to stand
still and then to leap, and its highest rate would be many times the true one.

    series    {"epoch": number of a set of columns, "columns": ["SCOPE NAME UNIT KIND", ...], "notes": [...]}
    sample    {"epoch", "rows", "first" and "at": the times of the first and the last row, "now"}, and a chunk of rows

Scopes: "machine", "host" (the computer that carries emulated machines), "task.CHANNEL", "scrape.PORT". `now` has, as far as they are known,
cpu and cpus (thousandths of a processor), memory and memory-total (bytes), received and sent (bytes per second since the chunk before).

A chunk is a matrix of 64-bit integers, little endian, column after column; the first column is the time in ns. Each column is its first
value, then the difference of each row to the row before. NONE stands for what cannot be read. Differences wrap around. All first bytes of
these integers come first, then all second bytes, and so on; the whole is compressed by zlib. Every chunk can be read alone.
"""

import zlib
from posix import pread
from struct import error, pack

from _operator import ge, sub

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


class _Entry:
    """A source of the sampler, with its columns in the epoch that the controller was told."""

    def __init__(self, scope, source):
        self.scope = scope
        self.source = source
        self.columns = None
        self.file = getattr(source, "file", None)
        self.every = getattr(source, "every", 1)
        self.is_short = self.file is not None  # one call reads all of it
        self.read = source.read if self.file is None else self.file.read

    def understood(self, said):
        """Return columns for what the source said in some rows, None in a row in which it was not read or has said nothing.

        Raises ValueError or LookupError if this is to be tried again with fewer rows.
        """
        known = [one for one in said if one is not None]
        columns = []
        try:
            if known:
                columns = list(map(list, zip(*known))) if self.file is None else self.source.numbers(known)
        except (ValueError, LookupError):  # a kernel that writes something else
            if len(known) > 1:
                raise
        if len(columns) == self._width():
            return columns
        if len(known) > 1:
            raise ValueError("it says more or less than its columns")
        return None

    def settled(self, columns, said):
        """Return columns of all rows, given those that were understood."""
        if columns is None:
            return [[None] * len(said)] * self._width()
        if self.file is not None:
            columns = self.source.settled(columns)
        if None in said:
            spread = [[None] * len(said) for _ in columns]
            rows = [row for row, one in enumerate(said) if one is not None]
            for column, numbers in zip(spread, columns):
                for row, number in zip(rows, numbers):
                    column[row] = number
            return spread
        return columns

    def _width(self):
        return len(self.columns if self.file is None else self.source.columns)  # a file says what its columns are when it is understood


class Sampler:
    """Reads sources row by row. `tell(kind, head, payload)` sends a frame; `is_behind()` tells that the controller cannot take more now."""

    def __init__(self, tell, is_behind):
        self._tell = tell
        self._is_behind = is_behind
        self._entries = []
        self._short = []  # how the first entries are read: (every, files, what `pread` gets for each, and what stands for them if not read)
        self._called = []  # the other entries
        self._is_planned = True
        self._turn = -1
        self._epoch = 0
        self._told = 0  # the epoch that the controller knows
        self._is_new = True  # the columns are others than those of the epoch
        self._columns = []
        self._figures = None
        self._rows = []  # as they were read: the time, and what each entry said
        self._understood = []  # columns of rows before them, the first is the time
        self._last = None  # the last row of the chunk before
        self._notes = []

    def add(self, scope, source):
        """Read a source from the next row on."""
        self._understand()
        self._entries.append(_Entry(scope, source))
        self._is_planned, self._is_new = False, True

    def remove(self, source):
        """Read a source no more, and close it; nothing happens when it is gone already."""
        self._drop([entry for entry in self._entries if entry.source is source])

    def note(self, text):
        """Tell the controller once what a person should know."""
        if len(self._notes) < MOST_NOTES:
            self._notes.append(text)
            self._is_new = True

    def take(self, at_ns):
        """Read all sources; rows are sent by `flush`, or when there are too many for a chunk."""
        if not self._is_planned:
            self._plan()
        self._turn = turn = self._turn + 1
        row = [at_ns]
        try:
            for every, files, handles, sizes, offsets, enough, nothing in self._short:
                texts = nothing
                if turn % every == 0:
                    texts = list(map(pread, handles, sizes, offsets))
                    if any(map(ge, map(len, texts), enough)):  # perhaps not all of it
                        texts = [file.read() for file in files]
                        self._is_planned = False
                row += texts
        except OSError:
            gone = [entry for entry in self._entries if entry.is_short and _is_gone(entry.file)]
            self._drop(gone)
            self._turn -= 1
            if gone:
                self.take(at_ns)
            return
        if self._called:
            self._call(row, turn)
        if self._is_new:
            self._understand()
            self._begin(self._entries)
        self._rows.append(row)
        if len(self._rows) * len(self._columns) >= MOST_VALUES:
            self.flush()

    def _call(self, row, turn):
        """Read the sources that are more than a short file."""
        gone = []
        for entry in self._called:
            said = None
            if turn % entry.every == 0:
                try:
                    said = entry.read()
                except OSError:
                    gone.append(entry)
                    continue
                except (ValueError, LookupError):  # a kernel that writes something else
                    pass
                if entry.source.columns is not entry.columns:
                    self._is_new = True
            row.append(said)
        self._drop(gone)

    def flush(self):
        """Send the rows that have gathered; a controller that is behind misses them."""
        if self._is_behind():
            self.forget()
        self._understand()
        self._send()

    def forget(self):
        """Never send the rows that have gathered."""
        self._rows, self._understood = [], []

    def close(self):
        """Send the last rows, and close all sources."""
        self.flush()
        for entry in self._entries:
            entry.source.close()
        self._entries = []
        self._is_planned = False

    def _plan(self):
        """Decide how to read: short files together, by how often that is; then all others."""
        self._understand()
        for entry in self._entries:
            entry.is_short = entry.file is not None and not entry.file.is_long
        order = sorted(self._entries, key=lambda entry: entry.every if entry.is_short else float("inf"))
        self._is_new |= order != self._entries
        self._entries = order
        short = [entry for entry in self._entries if entry.is_short]
        self._called = self._entries[len(short) :]
        self._short = []
        for every in sorted({entry.every for entry in short}):
            files = [entry.file for entry in short if entry.every == every]
            count = len(files)
            handles, sizes, enough = ([getattr(file, what) for file in files] for what in ("handle", "size", "enough"))
            self._short.append((every, files, handles, sizes, [0] * count, enough, [None] * count))
        self._is_planned = True

    def _drop(self, entries):
        if entries:
            self._understand()
            self._entries = [entry for entry in self._entries if entry not in entries]
            self._is_planned, self._is_new = False, True
            for entry in entries:
                entry.source.close()

    def _begin(self, entries):
        """Begin an epoch: the rows from here on have other columns, those that the entries have now."""
        self._send()
        self._epoch += 1
        self._is_new = False
        self._last = None
        for entry in entries:
            entry.columns = entry.source.columns
        columns = [entry.scope + " " + column for entry in self._entries for column in entry.columns]
        self._columns = columns[:MOST_COLUMNS]
        self._figures = LatestFigures(self._columns)

    def _understand(self):
        """Make columns of the rows that have been read."""
        rows, self._rows = self._rows, []
        if rows:
            self._add(rows)

    def _add(self, rows):
        times, *said = zip(*rows)
        try:
            parts = [entry.understood(texts) for entry, texts in zip(self._entries, said)]
        except (ValueError, LookupError):
            middle = len(rows) // 2
            self._add(rows[:middle])
            self._add(rows[middle:])
            return
        changed = [entry for entry in self._entries if entry.file is not None and entry.source.columns is not entry.columns]
        if changed:
            self._begin(changed)
        columns = [list(times)]
        for entry, part, texts in zip(self._entries, parts, said):
            columns += entry.settled(part, texts)
        del columns[len(self._columns) + 1 :]  # too many columns: the last ones are not told
        if self._understood:
            columns = [before + now for before, now in zip(self._understood, columns)]
        self._understood = columns

    def _send(self):
        columns, self._understood = self._understood, []
        if not columns or self._is_behind():
            return
        if self._told != self._epoch:
            self._told = self._epoch
            self._tell(frames.SERIES, {"epoch": self._epoch, "columns": self._columns, "notes": self._notes}, b"")
            self._notes = []
        first, last = ([column[place] for column in columns] for place in (0, -1))
        head = {"epoch": self._epoch, "rows": len(columns[0]), "first": first[0], "at": last[0]}
        head["now"] = self._figures.between(self._last or first, last)
        self._last = last
        self._tell(frames.SAMPLE, head, chunk(columns))


def _is_gone(file):
    try:
        file.read()
    except OSError:
        return True
    return False


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


def _step(before, now):
    """Return the difference where one may be NONE, which most often both are."""
    return 0 if now is before else _wrapped(now - before)


def _wrapped(number):
    return (number - NONE) % (1 << 64) + NONE


def chunk(columns):
    """Return columns of whole numbers, the first of them the times of rows, as the payload of a `sample`."""
    numbers = []
    still = [0] * (len(columns[0]) - 1)
    for column in columns:
        if None in column:
            column = [NONE if value is None else value for value in column]
            numbers.append(column[0])
            numbers += map(_step, column, column[1:])
        else:
            numbers.append(column[0])
            numbers += still if column.count(column[0]) > len(still) else map(sub, column[1:], column)
    try:
        flat = pack("<%dq" % len(numbers), *numbers)
    except error:  # beyond 64 bits: numbers wrap around
        flat = pack("<%dq" % len(numbers), *map(_wrapped, numbers))
    deflating = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL, zlib.Z_FIXED)
    return deflating.compress(b"".join([flat[byte::8] for byte in range(8)])) + deflating.flush()

"""Sources that are a file of the kernel's, which stays open; counters that run over; sources that are read slowly."""

import posix

PART = 1 << 12
CERTAIN = PART // 2  # a shorter part is the last one: the kernel fills a page with as many whole lines as fit
WRAP = 1 << 32
MOST_GROWTH = 1 << 30  # what a counter of 32 bits can gain between two rows; beyond that it was set back


class KernelFile:
    """A file of the kernel's. Each read sees it as it is then."""

    def __init__(self, path):
        self._handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        self._size = PART

    def read(self):
        """Return all of it; the kernel gives long files in parts."""
        data = part = posix.pread(self._handle, self._size, 0)
        while len(part) >= CERTAIN:
            part = posix.pread(self._handle, self._size, len(data))
            data += part
        if len(data) >= self._size:
            self._size = 2 * len(data)
        return data

    def number(self):
        """Return the number that it holds."""
        return int(posix.pread(self._handle, 64, 0))

    def close(self):
        """Read no more."""
        posix.close(self._handle)


def number_after(text, name):
    """Return the number after a name at the beginning of a line; None when there is none."""
    place = text.find(name)
    if place < 0:
        return None
    place += len(name)
    return int(text[place : place + 24].split(None, 1)[0])


class Rising:
    """Counters that never fall: one that falls has wrapped at 32 bits, or was set back, and then counts from there."""

    def __init__(self):
        self._last = {}
        self._added = {}

    def of(self, name, values):
        """Return the counters of that name, given what the kernel shows."""
        last = self._last.get(name)
        self._last[name] = values
        if last is not None and any([now < before for now, before in zip(values, last)]):
            added = self._added.setdefault(name, [0] * len(values))
            for index, (now, before) in enumerate(zip(values, last)):
                added[index] += before + growth(before, now) - now
        if name in self._added:
            return [value + more for value, more in zip(values, self._added[name])]
        return values


def growth(before, now):
    """Return how much a counter has grown."""
    if now >= before:
        return now - before
    over = now + WRAP - before
    return over if 0 <= over < MOST_GROWTH else 0


class Slowly:
    """Reads a source only every so many rows, because it costs much or changes slowly; in between its numbers are unknown.

    If they were repeated, a counter would seem to stand still and then to leap: its highest rate would be many times the true one.
    """

    def __init__(self, source, every):
        self._source = source
        self._every = every
        self._rows = 0
        self._unknown = []
        self.columns = source.columns

    def read(self):
        """Return the numbers, None for each in the rows between."""
        values = self._unknown
        if self._rows % self._every == 0:
            values = self._source.read()
            self.columns = self._source.columns
            self._unknown = [None] * len(values)
        self._rows += 1
        return values

    def close(self):
        """Close the source."""
        self._source.close()


class FileSource:
    """A source that is one file; `parse` returns the numbers in its text, which is looked at only when it has changed."""

    def __init__(self, path):
        self.columns = []
        self._file = KernelFile(path)
        self._text = None
        self._values = []

    def read(self):
        """Return the numbers."""
        text = self._file.read()
        if text != self._text:
            self._values = self.parse(text)
            self._text = text
        return self._values

    def close(self):
        """Close the file."""
        self._file.close()


def opened(makers):
    """Return the sources that the makers, pairs of a class and its arguments, can open and read here."""
    sources = []
    for make, arguments in makers:
        try:
            source = make(*arguments)
        except (OSError, ValueError, LookupError):
            continue
        try:
            source.read()
        except (OSError, ValueError, LookupError):
            source.close()
        else:
            sources.append(source)
    return sources


def slowly(interval_s, period_s, makers):
    """Return sources that can be read here, as `opened` does, which are read once in a period."""
    return [Slowly(source, max(1, int(period_s / interval_s + 0.5))) for source in opened(makers)]

"""Sources that are a file of the kernel's, which stays open; texts of one form; counters that run over; sources that are read slowly."""

import posix

PART = 1 << 12
CERTAIN = PART // 2
ROOM = 64
WRAP = 1 << 32
MOST_GROWTH = 1 << 30  # what a counter of 32 bits can gain between two rows; beyond that it was set back


class KernelFile:
    """A file of the kernel's. Each read sees it as it is then. A call for `size` bytes that gives less than `enough` has read all of it.

    The kernel writes most files as a whole. Files `in_parts` it writes by the page, into which it puts as many whole lines as fit.
    """

    def __init__(self, path, *, in_parts=False):
        self.handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        self.size = PART
        self.is_long = False  # one call never reads all of it
        self._in_parts = in_parts

    @property
    def enough(self):
        """So many bytes may be a part only."""
        return min(self.size, CERTAIN) if self._in_parts else self.size

    def read(self):
        """Return all of it."""
        data = part = posix.pread(self.handle, self.size, 0)
        while len(part) >= self.enough:
            part = posix.pread(self.handle, self.size, len(data))
            data += part
        self.is_long = self._in_parts and len(data) >= CERTAIN
        self.size = PART if self.is_long else len(data) + len(data) // 4 + ROOM  # memory that is not asked for need not be touched
        return data

    def number(self):
        """Return the number that it holds."""
        return int(posix.pread(self.handle, 64, 0))

    def close(self):
        """Read no more."""
        posix.close(self.handle)


def number_after(text, name):
    """Return the number after a name at the beginning of a line; None when there is none."""
    place = text.find(name)
    if place < 0:
        return None
    place += len(name)
    return int(text[place : place + 24].split(None, 1)[0])


class Lines:
    """Some texts of one form, line by line: a line's numbers are made for all texts together, which costs a fraction.

    Raises ValueError if they do not have the same number of lines. Each text ends with the end of a line.
    """

    def __init__(self, texts):
        self._count = len(texts)
        self._lines = b"".join(texts).split(b"\n")
        self.height, odd = divmod(len(self._lines) - 1, self._count)
        if odd:
            raise ValueError("the texts differ")
        self.first = self._lines[: self.height]

    def numbers(self, line, places, name=None, at=0):
        """Return the numbers at some places of a line; raise ValueError if it does not have them, or not that name in all texts."""
        words = b" ".join(self._lines[line :: self.height]).split()
        width, odd = divmod(len(words), self._count)
        if odd or width <= places[-1] or (name is not None and words[at::width].count(name) != self._count):
            raise ValueError("the texts differ")
        return [numbers(words[place::width]) for place in places]

    def number(self, names, name):
        """Return the number after a name; `names` are those of all lines. None for each text if there is no such line."""
        if name not in names:
            return [None] * self._count
        return self.numbers(names.index(name), (1,), name)[0]


def numbers(words):
    """Return the numbers that words are."""
    count = len(words)
    return [int(words[0])] * count if words.count(words[0]) == count else list(map(int, words))  # most numbers do not change


def scaled(values, factor):
    """Return a column times a factor."""
    count = len(values)
    return [factor * values[0]] * count if values.count(values[0]) == count else [factor * value for value in values]


class Rising:
    """Counters that never fall: one that falls has wrapped at 32 bits, or was set back, and then counts from there."""

    def __init__(self):
        self._last = {}
        self._added = {}

    def of(self, name, values):
        """Return the counter of that name, given what the kernel has shown in some rows."""
        last, added = self._last.get(name, values[0]), self._added.get(name, 0)
        self._last[name] = values[-1]
        if last <= values[0] and _rises(values):
            return [value + added for value in values] if added else values
        risen = []
        for value in values:
            added += last + growth(last, value) - value if value < last else 0
            last = value
            risen.append(value + added)
        self._added[name] = added
        return risen


class Highest:
    """Counters that never fall: one that falls a little, as the kernel's counter of idle time does, stays until it has caught up."""

    def __init__(self):
        self._highest = {}

    def of(self, name, values):
        """Return the counter of that name, given what the kernel has shown in some rows."""
        highest = self._highest.get(name, values[0])
        if highest > values[0] or not _rises(values):
            values = [highest] + values
            for row in range(1, len(values)):
                values[row] = max(values[row], values[row - 1])
            del values[0]
        self._highest[name] = values[-1]
        return values


def _rises(values):
    return values.count(values[0]) == len(values) or sorted(values) == values


def growth(before, now):
    """Return how much a counter has grown."""
    if now >= before:
        return now - before
    over = now + WRAP - before
    return over if 0 <= over < MOST_GROWTH else 0


class FileSource:
    """A source that is one file, as sampler.py says; `parse` returns the numbers in a text, or `numbers` those in several texts."""

    every = 1

    def __init__(self, path, *, in_parts=False):
        self.columns = []
        self.file = KernelFile(path, in_parts=in_parts)

    def numbers(self, texts):
        """Return columns of numbers."""
        return [list(column) for column in zip(*map(self.parse, texts))]

    def settled(self, columns):
        """Return the columns as they are told; what one row says of the next is remembered here."""
        return columns

    def read(self):
        """Return the numbers that the file has now."""
        return [column[0] for column in self.settled(self.numbers([self.file.read()]))]

    def close(self):
        """Close the file."""
        self.file.close()


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
    """Return sources that can be read here, as `opened` does, which are read once in a period: they cost much, or change slowly."""
    sources = opened(makers)
    for source in sources:
        source.every = max(1, int(period_s / interval_s + 0.5))
    return sources

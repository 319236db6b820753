"""Probes: what the kernel counts, read from files under /proc that stay open.

A probe returns a list of whole numbers: a reading ("memory") or counters that only grow. Nothing is divided here: rates follow
from the times of two samples. A machine without one of the files still has all other probes; a new probe is one more line in `OPENERS`.
"""

import posix

PART = 1 << 16
ENOUGH = 256  # for the lines at the beginning that we want
SECTOR = 512
CPU_STATES = 8  # user, nice, system, idle, iowait, irq, softirq, steal; what guests use is part of user and nice
WRAP = 1 << 32
MOST_GROWTH = 1 << 30  # what a counter of 32 bits can gain between two samples; beyond that it was set back


class ProcFile:
    """A file of the kernel's. Each read sees it as it is then."""

    def __init__(self, path):
        self._handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)

    def beginning(self):
        """Return its first lines."""
        return posix.pread(self._handle, ENOUGH, 0)

    def whole(self):
        """Return all of it; the kernel gives long files in parts."""
        data = part = posix.pread(self._handle, PART, 0)
        while part:
            part = posix.pread(self._handle, PART, len(data))
            data += part
        return data

    def close(self):
        """Read no more."""
        posix.close(self._handle)


class Tally:
    """Adds up how much devices' counters grow, while devices come and go.

    A device counts from 0 when it is first seen, and the share of a device that is gone stays. A counter that falls has wrapped at 32 bits,
    or was set back, and then counts from there.
    """

    def __init__(self, unit=1):
        self._unit = unit
        self._last = {}
        self._sums = [0, 0]

    def add(self, counters):
        """Take {device: (one counter, the other)} and return both sums."""
        for name, now in counters.items():
            before = self._last.get(name, now)
            for side in (0, 1):
                self._sums[side] += self._unit * growth(before[side], now[side])
        self._last = counters
        return list(self._sums)


def growth(before, now):
    """Return how much a counter has grown."""
    if now >= before:
        return now - before
    over = now + WRAP - before
    return over if 0 <= over < MOST_GROWTH else 0


# -- what is in the files


def cpu_ticks(text):
    """Return /proc/stat's time of all processors together in each of CPU_STATES, in ticks."""
    ticks = [int(word) for word in text.split(b"\n", 1)[0].split()[1 : 1 + CPU_STATES]]
    return ticks + [0] * (CPU_STATES - len(ticks))


def memory(text):
    """Return /proc/meminfo's total memory and the part that is still available to programs, in bytes."""
    sizes = {}
    for line in text.split(b"\n"):
        words = line.split()
        if len(words) == 3:
            sizes[words[0]] = int(words[1]) * 1024
    available = sizes.get(b"MemAvailable:")
    if available is None:  # before Linux 3.14
        available = sizes[b"MemFree:"] + sizes[b"Buffers:"] + sizes[b"Cached:"]
    return [sizes[b"MemTotal:"], available]


def disk_sectors(text):
    """Return /proc/diskstats's {device: (sectors read, sectors written)}, partitions and all."""
    lines = [line.split() for line in text.split(b"\n")]
    return {words[2]: (int(words[5]), int(words[9])) for words in lines if len(words) > 9}


def interface_bytes(text):
    """Return /proc/net/dev's {interface: (bytes received, bytes sent)}."""
    found = {}
    for line in text.split(b"\n"):
        name, colon, rest = line.rpartition(b":")
        if colon:
            words = rest.split()
            found[name.strip()] = (int(words[0]), int(words[8]))
    return found


class Hardware:
    """Tells which devices are real: partitions, loops, bridges and bonds would count the same bytes twice."""

    def __init__(self, folder):
        self._folder = folder
        self._known = {}

    def of(self, counters):
        """Return the part of {device: counters} that has a device of its own in `folder` of /sys."""
        for name in counters:
            if name not in self._known:
                self._known[name] = posix.access(self._folder + name.replace(b"/", b"!") + b"/device", posix.F_OK)
        return {name: value for name, value in counters.items() if self._known[name]}


# -- probes: each opens its file and returns it with the function that reads it


def _open_cpu():
    file = ProcFile("/proc/stat")
    return file, lambda: cpu_ticks(file.beginning())


def _open_memory():
    file = ProcFile("/proc/meminfo")
    return file, lambda: memory(file.beginning())


def _open_disks():
    posix.stat("/sys/block")
    file, hardware, tally = ProcFile("/proc/diskstats"), Hardware(b"/sys/block/"), Tally(SECTOR)
    return file, lambda: tally.add(hardware.of(disk_sectors(file.whole())))


def _open_network():
    file, hardware, tally = ProcFile("/proc/net/dev"), Hardware(b"/sys/class/net/"), Tally()

    def read():
        counters = interface_bytes(file.whole())
        counters.pop(b"lo", None)
        return tally.add(hardware.of(counters) or counters)  # a container has virtual ones only

    return file, read


OPENERS = (("cpu", _open_cpu), ("memory", _open_memory), ("disk", _open_disks), ("network", _open_network))


class Probes:
    """All probes that this machine has."""

    def __init__(self):
        self._open = []
        for name, opener in OPENERS:
            try:
                self._open.append((name,) + opener())
            except OSError:
                pass

    def sample(self):
        """Return {probe: its numbers}, without those that cannot be read now."""
        numbers = {}
        for name, _, read in self._open:
            try:
                numbers[name] = read()
            except (OSError, ValueError, LookupError):
                pass
        return numbers

    def close(self):
        """Close the files."""
        for _, file, _ in self._open:
            file.close()
        self._open = []


def whereabouts():
    """Return what identifies the kernel and the network of these numbers: machines on one host share them."""
    try:
        file = ProcFile("/proc/sys/kernel/random/boot_id")
        kernel = file.beginning().strip().decode("ascii")
        file.close()
        return {"kernel": kernel, "network": kernel + " " + posix.readlink("/proc/self/ns/net")}
    except (OSError, ValueError):
        return {"kernel": "", "network": ""}

"""What processes use, added up: processor time, memory, disk bytes, threads and open descriptors.

Theory. When a process has ended and its parent has waited for it, the kernel adds what it used to what the parent's children used. The sum
over living processes, each with its ended children, therefore never falls, if parents are read before their children: a child that ends in
between is missing for one reading, and is not counted twice. A child that nobody waits for is lost to that sum; what it had used is kept.

Memory is that which programs hold: anonymous and shared memory, not the pages of files that the kernel keeps for them.
"""

import posix
import time

TICK_US = 1000000 // posix.sysconf("SC_CLK_TCK")
PAGE = posix.sysconf("SC_PAGESIZE")
SHARED_CHANGE = 64  # pages; a smaller change of shared pages is that of files
OWN_LINKS = 2  # of /proc/PID/task; each thread adds one
MOST_OPEN = 64  # processes whose files stay open
DESCRIPTOR_COUNTS = (6, 2)  # since that Linux the size of /proc/PID/fd is the number of descriptors
CPU, READ, WRITTEN = 0, 1, 2
SLACK = (2 * TICK_US, 0, 0)  # per process: the kernel rounds the time of ended children


class Meter:
    """One living process; if it `counts_cpu`, in the terms of `processes.Process` too. Raises OSError when it is gone.

    What it has used is always read; what it holds (memory, threads, descriptors) only if the `whole` process is asked for.
    """

    def __init__(self, pid, keeps_open, counts_cpu, whole):
        self.pid = pid
        self.parent = self.started = self.session = 0
        self.threads = self.anonymous = self.shared = 0
        self.descriptors = 0
        self.counters = (0, 0, 0)  # with its ended children; None for one that may not be read
        self._folder = "/proc/%d/" % pid
        self._keeps_open = keeps_open
        self._counts_cpu = counts_cpu
        self._handles = {}
        self._shared_pages = None
        self.is_whole = False
        try:
            self.read(whole)
        except BaseException:
            self.close()
            raise

    def read(self, whole):
        """Read it again."""
        cpu_us = self._read_stat() if self._counts_cpu else None
        self.counters = (cpu_us,) + self._disk_bytes()
        self.is_whole = False
        if whole:
            self.complete()

    def complete(self):
        """Read what it holds, too."""
        self._read_memory()
        if not self._counts_cpu:
            self.threads = self._folder_status("task").st_nlink - OWN_LINKS  # cheaper than "stat"
        self.descriptors = self._count_descriptors()
        self.is_whole = True

    def _read_stat(self):
        stat = self._file("stat")
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) < 20:
            raise ProcessLookupError(3, "it is gone")
        self.parent, self.session, self.threads = int(fields[1]), int(fields[3]), int(fields[17])
        self.started = int(fields[19]) * TICK_US / 1e6
        children_us = (int(fields[13]) + int(fields[14])) * TICK_US
        try:
            own_us = int(time.clock_gettime(~self.pid << 3 | 2) * 1000000)
        except OSError:
            own_us = (int(fields[11]) + int(fields[12])) * TICK_US
        return own_us + children_us

    def _read_memory(self):
        words = self._file("statm").split()
        shared = int(words[2])
        self.anonymous = (int(words[1]) - shared) * PAGE
        if self._shared_pages is None or abs(shared - self._shared_pages) > SHARED_CHANGE:
            self._shared_pages = shared  # only then: this file is dear
            _, found, after = self._file("status").partition(b"\nRssShmem:")
            self.shared = int(after.split(None, 1)[0]) * 1024 if found else 0

    def _disk_bytes(self):
        try:
            words = self._file("io").split()
        except PermissionError:
            return None, None
        except FileNotFoundError:  # a kernel that does not count them
            posix.stat(self._folder)
            return None, None
        return int(words[9]), int(words[11])

    def _count_descriptors(self):
        try:
            if COUNTS_DESCRIPTORS:
                return self._folder_status("fd").st_size
            return len(posix.listdir(self._folder + "fd"))
        except PermissionError:
            return None

    def _folder_status(self, name):
        if not self._keeps_open:
            return posix.stat(self._folder + name)
        if name not in self._handles:
            self._handles[name] = posix.open(self._folder + name, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_DIRECTORY)
        return posix.fstat(self._handles[name])

    def _file(self, name):
        handle = self._handles.get(name)
        if handle is None:
            handle = posix.open(self._folder + name, posix.O_RDONLY | posix.O_CLOEXEC)
            if self._keeps_open and name != "status":
                self._handles[name] = handle
        try:
            return posix.pread(handle, 4096, 0)
        finally:
            if name not in self._handles:
                posix.close(handle)

    def close(self):
        """Read no more."""
        for handle in self._handles.values():
            posix.close(handle)
        self._handles = {}


def _kernel_version():
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in posix.uname().release.split(".")[:2])


COUNTS_DESCRIPTORS = _kernel_version() >= DESCRIPTOR_COUNTS


class Meters:
    """The processes that are read, by their ids: each once per moment, whoever asks. `counts_cpu` may be set before the first is read."""

    def __init__(self, counts_cpu):
        self.counts_cpu = counts_cpu
        self._known = {}
        self._fresh = {}

    def begin(self):
        """Begin a new moment: what was read before is old. Forgets processes that were not read in the last one."""
        if self._fresh:
            for pid in [pid for pid in self._known if pid not in self._fresh]:
                self._known.pop(pid).close()
        self._fresh = {}

    def of(self, pid, whole=True):  # noqa: FBT002 - see Meter
        """Return a process as it is at this moment, None when it is gone."""
        is_fresh, meter = pid in self._fresh, self._known.get(pid)
        if is_fresh and (meter is None or meter.is_whole or not whole):
            return self._fresh[pid]
        try:
            if meter is None:
                meter = self._known[pid] = Meter(pid, len(self._known) < MOST_OPEN, self.counts_cpu, whole)
            elif is_fresh:
                meter.complete()
            else:
                meter.read(whole)
        except (OSError, ValueError, IndexError):
            self.forget(pid)
            meter = None
        self._fresh[pid] = meter
        return meter

    def again(self, pid, whole=True):  # noqa: FBT002
        """Return a process as it is now."""
        self._fresh.pop(pid, None)
        return self.of(pid, whole)

    def forget(self, pid):
        """Read a process no more."""
        meter = self._known.pop(pid, None)
        if meter is not None:
            meter.close()

    def close(self):
        """Read no more."""
        for pid in list(self._known):
            self.forget(pid)


class Sum:
    """Adds up what a changing set of processes uses: `counters` (processor us, bytes read, written) never fall. See Meter for `whole`."""

    def __init__(self, meters, *, whole=True):
        self._meters = meters
        self._whole = whole
        self._seen = set()
        self.counters = [0, 0, 0]
        self._kept = [0, 0, 0]  # used by processes that the sum has lost
        self.memory = self.threads = self.descriptors = 0
        self.is_empty = True

    def ended(self, pid, counters):
        """Take note of what the process `pid` had used in the end, if it is in the sum; it was reaped by us, not by one of the others."""
        if pid in self._seen:
            for at, value in enumerate(counters):
                self._kept[at] += value

    def read(self, pids):
        """Add up what the processes `pids` use now, parents first. A counter is None if one of them may not be read."""
        meters = self._living(self._meters.of, pids)
        lost = self._seen - {m.pid for m in meters}
        self._seen = {m.pid for m in meters}
        sums = _sums(meters)
        if lost and any(map(_fell, self.counters, self._kept, sums)):
            meters = self._living(self._meters.again, [m.pid for m in meters])
            sums = _sums(meters)
        self.counters = [self._counter(at, now, len(lost)) for at, now in enumerate(sums)]
        self.is_empty = not meters
        if not self._whole:
            return
        self.memory = sum(m.anonymous for m in meters) + max([m.shared for m in meters], default=0)
        self.threads = sum(m.threads for m in meters)
        self.descriptors = _sum([m.descriptors for m in meters])

    def _living(self, read, pids):
        found = [read(pid, self._whole) for pid in pids]
        return [meter for meter in found if meter is not None]

    def _counter(self, at, now, lost):
        """Return what a counter is, given the sum over living processes and how many were lost."""
        last = self.counters[at]
        if now is None or last is None:
            return None
        missing = last - now - self._kept[at]
        if lost and missing > SLACK[at] * lost:
            self._kept[at] += missing
        return max(last, now + self._kept[at])


def _sums(meters):
    return [_sum([m.counters[at] for m in meters]) for at in (CPU, READ, WRITTEN)]


def _sum(values):
    return None if None in values else sum(values)


def _fell(last, kept, now):
    return now is not None and last is not None and now + kept < last


def descendants(root):
    """Return the ids of the living processes below process `root`, parents before their children.

    Raises OSError where the kernel does not list children: then only a look at all processes tells.
    """
    found = []
    pending = [root]
    while pending:
        pid = pending.pop()
        try:
            threads = posix.listdir("/proc/%d/task" % pid)
        except OSError:
            continue
        for thread in threads:
            try:
                handle = posix.open("/proc/%d/task/%s/children" % (pid, thread), posix.O_RDONLY | posix.O_CLOEXEC)
            except FileNotFoundError:
                if pid == root:
                    raise
                continue
            except OSError:
                continue
            try:
                below = [int(word) for word in posix.read(handle, 1 << 16).split()]
            except OSError:
                below = []
            finally:
                posix.close(handle)
            found.extend(below)
            pending.extend(below)
    return found

"""What an emulated machine uses: from its control group, else from its processes. The files under /proc there are those of its host.

The environment of an emulated machine says how it is made (EMULATED).
"""

import posix

from _operator import add, sub

from wke.agent.cgroups import UNIFIED, processes
from wke.agent.grouplimits import disk_rate, machine_groups, memory, once, processors
from wke.agent.kernelfiles import FileSource, Lines, scaled
from wke.agent.meters import TICK_US, descendants

EMULATED = b"WKE_EMULATED"
PROCESSES = b"processes"  # the machine is no more than processes
CPU_TIMES = ["cpu.busy us counter", "cpu.user us counter", "cpu.system us counter"]
MEMORY = ["memory.used B gauge", "memory.cached B gauge", "swap.used B gauge"]
DISK = ["disk.read B counter", "disk.written B counter"]
SECOND_US = 1000000


class Reading:
    """Some columns and the function that reads them."""

    def __init__(self, columns, read, close=lambda: None):
        self.columns, self.read, self.close = columns, read, close


def machine_sources(environment, usages):
    """Return the sources of an emulated machine, none for a real one. `usages` are those of the agent's tasks."""
    mode = environment.get(EMULATED)
    if mode is None:
        return []
    groups = machine_groups()
    sources = [source for opener in OPENERS for source in _open(opener, groups)]
    covered = {column for source in sources for column in source.columns}
    return sources + [_limits(groups), _of_processes(_listing(mode, groups), usages, covered)]


class GroupFile(FileSource):
    """A file of a control group: with a number, or with one in each line, after its name. `make` returns columns, given those numbers."""

    def __init__(self, folder, name, columns, make, names=()):
        FileSource.__init__(self, folder + b"/" + name)
        self.columns = columns
        self._make = make
        self._names = names

    def numbers(self, texts):
        """Return columns of numbers."""
        lines = Lines(texts)
        if not self._names:
            return self._make(*lines.numbers(0, (0,)))
        known = [line.partition(b" ")[0] for line in lines.first]
        found = [lines.number(known, name) if name in known else [0] * len(texts) for name in self._names]
        if self._names[0] not in known:
            raise LookupError("it has other names")
        return self._make(*found)


def _open(opener, groups):
    found = []
    try:
        found += opener(groups)
        for source in found:
            source.read()
    except (OSError, ValueError, LookupError):
        for source in found:
            source.close()
        return []
    return found


def _same(*columns):
    return list(columns)


def _cpu(groups):
    if UNIFIED in groups:
        return [GroupFile(groups[UNIFIED], b"cpu.stat", CPU_TIMES, _same, (b"usage_usec", b"user_usec", b"system_usec"))]
    folder = groups["cpuacct"]
    return [
        GroupFile(folder, b"cpuacct.usage", CPU_TIMES[:1], lambda used: [[ns // 1000 for ns in used]]),
        GroupFile(folder, b"cpuacct.stat", CPU_TIMES[1:], lambda *both: [scaled(ticks, TICK_US) for ticks in both], (b"user", b"system")),
    ]


def _throttled(groups):
    folder, name, unit = (groups[UNIFIED], b"throttled_usec", 1) if UNIFIED in groups else (groups["cpu"], b"throttled_time", 1000)
    return [GroupFile(folder, b"cpu.stat", ["cpu.throttled us counter"], lambda paused: [[time // unit for time in paused]], (name,))]


def _memory(groups):
    def sizes(anonymous, cache, shared, *swapped):
        return [list(map(add, anonymous, shared)), list(map(sub, cache, shared))] + list(swapped)

    if UNIFIED in groups:
        folder = groups[UNIFIED]
        return [
            GroupFile(folder, b"memory.stat", MEMORY[:2], sizes, (b"anon", b"file", b"shmem")),
            GroupFile(folder, b"memory.swap.current", MEMORY[2:], _same),
        ]
    names = (b"total_rss", b"total_cache", b"total_shmem", b"total_swap")  # the last is not there where swap is not counted
    return [GroupFile(groups["memory"], b"memory.stat", MEMORY, sizes, names)]


def _threads(groups):
    return [GroupFile(groups[UNIFIED if UNIFIED in groups else "pids"], b"pids.current", ["threads 1 gauge"], _same)]


def _disk(groups, devices=b"/sys/dev/block/"):
    stacked = {}  # by device: whether it is made of others, such as those of LVM, of which each counts the same bytes again

    def counts(text):
        counted = [0, 0]
        for line in text.split(b"\n"):
            device = line.partition(b" ")[0]
            if device not in stacked:
                stacked[device] = _is_stacked(devices + device)
            for word in line.split()[1:] if not stacked[device] else ():
                for place, name in enumerate((b"rbytes=", b"wbytes=")):
                    counted[place] += int(word[7:]) if word.startswith(name) else 0
        return counted

    source = FileSource(groups[UNIFIED] + b"/io.stat", in_parts=True)  # that of v1 lacks what is written later than it was asked for
    source.columns, source.parse = DISK, counts
    return [source]


def _is_stacked(folder):
    try:
        return bool(posix.listdir(folder + b"/slaves"))
    except OSError:
        return False


OPENERS = (_cpu, _throttled, _memory, _disk, _threads)


# -- limits, which do not change


def _limits(groups):
    cores, share, rate = len(posix.sched_getaffinity(0)), processors(groups), disk_rate(groups)
    whole = int(once(b"/proc/meminfo").split(None, 2)[1]) * 1024
    values = [int(min(cores, share or cores) * SECOND_US), min(whole, memory(groups) or whole)]
    columns = ["cpu.capacity us/s gauge", "memory.total B gauge"]
    if rate is not None:
        columns.append("disk.capacity B/s gauge")
        values.append(rate)
    return Reading(columns, lambda: values)


# -- from its processes


def _listing(mode, groups):
    """Return a function that returns the ids of the machine's processes, parents mostly before their children."""
    folder = groups.get("blkio") or groups.get("memory")  # where tasks have no groups of their own
    if folder is not None:
        return lambda: processes(folder)
    if mode == PROCESSES:
        guardian = posix.getppid()
        return lambda: [guardian] + descendants(guardian)
    return lambda: sorted(int(name) for name in posix.listdir("/proc") if name.isdigit())


def _of_processes(pids, usages, covered):
    """Return a source of those columns that no group covers."""
    readers = {
        "cpu.busy us counter": lambda total: total.counters[0],
        "memory.used B gauge": lambda total: total.memory,
        "disk.read B counter": lambda total: total.counters[1],
        "disk.written B counter": lambda total: total.counters[2],
        "threads 1 gauge": lambda total: total.threads,
    }
    columns = [column for column in readers if column not in covered]
    whole = "memory.used B gauge" in columns or "threads 1 gauge" in columns
    add_up = usages.machine(pids, counts_cpu=CPU_TIMES[0] in columns, whole=whole)

    def read():
        total = add_up()
        return [None if total is None else readers[column](total) for column in columns]

    return Reading(columns, read)

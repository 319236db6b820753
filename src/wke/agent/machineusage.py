"""What an emulated machine uses: from its control group, else from its processes. The files under /proc there are those of its host.

The environment of an emulated machine says how it is made (EMULATED).
"""

import posix

from wke.agent.cgroups import UNIFIED, processes
from wke.agent.grouplimits import disk_rate, machine_groups, memory, once, processors
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
    sources = [source for source in [_open(opener, groups) for opener in OPENERS] if source is not None]
    covered = {column for source in sources for column in source.columns}
    return sources + [_limits(groups), _of_processes(_listing(mode, groups), usages, covered)]


def _open(opener, groups):
    try:
        return opener(groups)
    except (OSError, KeyError):
        return None


class _File:
    def __init__(self, folder, name):
        self._handle = posix.open(folder + b"/" + name, posix.O_RDONLY | posix.O_CLOEXEC)

    def text(self):
        return posix.pread(self._handle, 16384, 0)

    def table(self):
        """Return a file of names and numbers."""
        words = self.text().split()
        return dict(zip(words[::2], words[1::2]))

    def close(self):
        posix.close(self._handle)


def _source(columns, file, read, *others):
    read(file)  # raises what it would raise later

    def close():
        for one in (file,) + others:
            one.close()

    return Reading(columns, lambda: read(file), close)


def _cpu(groups):
    if UNIFIED in groups:
        names = (b"usage_usec", b"user_usec", b"system_usec")
        return _source(CPU_TIMES, _File(groups[UNIFIED], b"cpu.stat"), lambda file: _numbers(file.table(), names))
    total = _File(groups["cpuacct"], b"cpuacct.usage")

    def read(file):
        parts = file.table()
        return [int(total.text()) // 1000, int(parts[b"user"]) * TICK_US, int(parts[b"system"]) * TICK_US]

    return _source(CPU_TIMES, _File(groups["cpuacct"], b"cpuacct.stat"), read, total)


def _throttled(groups):
    folder, name, unit = (groups[UNIFIED], b"throttled_usec", 1) if UNIFIED in groups else (groups["cpu"], b"throttled_time", 1000)
    return _source(["cpu.throttled us counter"], _File(folder, b"cpu.stat"), lambda file: [int(file.table()[name]) // unit])


def _memory(groups):
    folder = groups[UNIFIED if UNIFIED in groups else "memory"]
    swapped = _File(folder, b"memory.swap.current") if UNIFIED in groups else None

    def read(file):
        table = file.table()
        if swapped is not None:
            anonymous, cache, shared = _numbers(table, (b"anon", b"file", b"shmem"))
            return [anonymous + shared, cache - shared, int(swapped.text())]
        anonymous, cache, shared = _numbers(table, (b"total_rss", b"total_cache", b"total_shmem"))
        return [anonymous + shared, cache - shared, int(table.get(b"total_swap", 0))]

    return _source(MEMORY, _File(folder, b"memory.stat"), read, *([swapped] if swapped else []))


def _disk(groups, devices=b"/sys/dev/block/"):
    stacked = {}  # by device: whether it is made of others, such as those of LVM, of which each counts the same bytes again

    def read(file):
        counted = [0, 0]
        for line in file.text().split(b"\n"):
            device = line.partition(b" ")[0]
            if device not in stacked:
                stacked[device] = _is_stacked(devices + device)
            for word in line.split()[1:] if not stacked[device] else ():
                for place, name in enumerate((b"rbytes=", b"wbytes=")):
                    counted[place] += int(word[7:]) if word.startswith(name) else 0
        return counted

    return _source(DISK, _File(groups[UNIFIED], b"io.stat"), read)  # that of v1 lacks what is written later than it was asked for


def _is_stacked(folder):
    try:
        return bool(posix.listdir(folder + b"/slaves"))
    except OSError:
        return False


def _threads(groups):
    folder = groups[UNIFIED if UNIFIED in groups else "pids"]
    return _source(["threads 1 gauge"], _File(folder, b"pids.current"), lambda file: [int(file.text())])


OPENERS = (_cpu, _throttled, _memory, _disk, _threads)


def _numbers(table, names):
    return [int(table[name]) for name in names]


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
    add_up = usages.machine(pids, counts_cpu=CPU_TIMES[0] in columns)

    def read():
        total = add_up()
        return [None if total is None else readers[column](total) for column in columns]

    return Reading(columns, read)

"""Sources of what a kernel counts, read from files under /proc that stay open. What a source is, sampler.py says.

`proc` and `sys` are the folders of the kernel's files. Nothing is divided here: rates follow from the times of two rows. A machine that
lacks a file still has all other sources. A new source is a class here and a line in `kernel_sources` or `network_sources`.
"""

import posix

from _operator import mul

PART = 1 << 12
CERTAIN = PART // 2  # a shorter part is the last one: the kernel fills a page with as many whole lines as fit
SECTOR = 512
TICK_US = 10000  # of /proc/stat: USER_HZ is 100 on all machines that Linux runs on
CORE_US = 1000000
CPU_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
WRAP = 1 << 32
MOST_GROWTH = 1 << 30  # what a counter of 32 bits can gain between two rows; beyond that it was set back
MEMORY = (b"MemTotal:", b"\nMemAvailable:", b"\nMemFree:", b"\nBuffers:", b"\nCached:", b"\nDirty:", b"\nSwapTotal:", b"\nSwapFree:")
EVENTS = (b"\npgfault ", b"\npgmajfault ", b"\npswpin ", b"\npswpout ")
SCHEDULER = (b"\nctxt ", b"\nprocesses ", b"\nprocs_running ", b"\nprocs_blocked ")


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
    """Reads a source only every so many rows, because it costs much or changes slowly; in between it repeats what it read."""

    def __init__(self, source, every):
        self._source = source
        self._every = every
        self._rows = 0
        self._values = []
        self.columns = source.columns

    def read(self):
        """Return the numbers of the latest reading."""
        if self._rows % self._every == 0:
            self._values = self._source.read()
            self.columns = self._source.columns
        self._rows += 1
        return self._values

    def close(self):
        """Close the source."""
        self._source.close()


class FileSource:
    """A source that is one file."""

    def __init__(self, path):
        self.columns = []
        self._file = KernelFile(path)

    def close(self):
        """Close the file."""
        self._file.close()


class Processors(FileSource):
    """Time of all processors by state, of each processor when busy and stolen, and what the scheduler counts."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/stat")
        self._names = None
        self._highest = []

    def read(self):
        """Return microseconds, and counts."""
        text = self._file.read()
        end = text.find(b"\nintr ")
        lines = text[: end if end >= 0 else None].split(b"\n")
        rest = text[max(0, text.find(SCHEDULER[0])) :]
        names, values = [], []
        for line in lines:
            words = line.split(None, 9)
            if not words or words[0][:3] != b"cpu":
                break
            ticks = [int(word) for word in words[1:9]]
            ticks += [0] * (8 - len(ticks))
            # All but idle, iowait and steal; what guests use is part of user and nice.
            busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
            if not names:
                values = [TICK_US * tick for tick in ticks]
                values.append(TICK_US * busy)
            else:
                values += (TICK_US * busy, TICK_US * ticks[7])
            names.append(words[0])
        if names != self._names:
            self._rename(names)
        else:  # the kernel's counters of idle and iowait may decrease slightly
            values = [now if now > high else high for now, high in zip(values, self._highest)]
        self._highest = values
        return values + [CORE_US * (len(names) - 1)] + [number_after(rest, name) for name in SCHEDULER]

    def _rename(self, names):
        self._names = names
        cores = [name[3:].decode() for name in names[1:]]
        self.columns = ["cpu." + state + " us counter" for state in CPU_STATES + ("busy",)]
        self.columns += ["cpu." + core + kind for core in cores for kind in (".busy us counter", ".steal us counter")]
        self.columns += ["cpu.capacity us/s gauge", "switches.context 1 counter", "processes.started 1 counter"]
        self.columns += ["processes.running 1 gauge", "processes.blocked 1 gauge"]


class Load(FileSource):
    """The load average of the last minute, and the number of threads."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/loadavg")
        self.columns = ["load.1 1/100 gauge", "threads 1 gauge"]

    def read(self):
        """Return both; the load in hundredths."""
        words = self._file.read().split()
        return [int(words[0].replace(b".", b"")), int(words[3].partition(b"/")[2])]


class Pressure(FileSource):
    """For how long some, or all, tasks waited for a resource (PSI)."""

    def __init__(self, proc, resource):
        FileSource.__init__(self, proc + "/pressure/" + resource)
        self._kinds = [line.split()[0].decode() for line in self._file.read().split(b"\n") if line]
        self.columns = ["pressure." + resource + "." + kind + " us counter" for kind in self._kinds]

    def read(self):
        """Return microseconds for each kind."""
        return [int(part.partition(b"\n")[0]) for part in self._file.read().split(b"total=")[1:]]


class Memory(FileSource):
    """Memory and swap space, in bytes."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/meminfo")
        self.columns = ["memory." + what + " B gauge" for what in ("total", "available", "used", "free", "cached", "dirty")]
        self.columns.append("swap.used B gauge")

    def read(self):
        """Return the sizes."""
        text = self._file.read()
        total, available, free, buffers, cached, dirty, swap, swap_free = [1024 * (number_after(text, name) or 0) for name in MEMORY]
        available = available or free + buffers + cached  # before Linux 3.14
        return [total, available, total - available, free, buffers + cached, dirty, swap - swap_free]


class Paging(FileSource):
    """Page faults, and bytes moved between memory and swap space."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/vmstat")
        self._page = posix.sysconf("SC_PAGE_SIZE")
        self.columns = ["faults 1 counter", "faults.major 1 counter", "swap.in B counter", "swap.out B counter"]

    def read(self):
        """Return the counts."""
        text = self._file.read()
        faults, major, pages_in, pages_out = [number_after(text, name) for name in EVENTS]
        return [faults, major] + [None if pages is None else self._page * pages for pages in (pages_in, pages_out)]


class Devices(FileSource):
    """What each device counts; devices come and go.

    Only real ones are told: partitions, loops, bridges and bonds count the same bytes twice.
    """

    KINDS = ()
    SCALES = ()
    PREFIX = ""

    def __init__(self, path, hardware):
        FileSource.__init__(self, path)
        self._hardware = hardware  # the folder of /sys that has a folder for each device
        self._known = {}
        self._names = None
        self._rising = Rising()

    def read(self):
        """Return the numbers of each device."""
        found = self._chosen(self._file.read())
        names = list(found)
        if names != self._names:
            self._names = names
            shown = ["_".join(name.decode("utf-8", "replace").split()) for name in names]
            self.columns = [self.PREFIX + "." + name + "." + kind + " counter" for name in shown for kind in self.KINDS]
        values = []
        for name, words in found.items():
            values += map(mul, self._rising.of(name, self._numbers(words)), self.SCALES)
        return values

    def _is_real(self, name):
        real = self._known.get(name)
        if real is None:
            path = self._hardware.encode() + b"/" + name.replace(b"/", b"!") + b"/device"
            real = self._known[name] = posix.access(path, posix.F_OK)
        return real


class Disks(Devices):
    """Bytes, operations and busy time of each disk."""

    KINDS = ("read B", "written B", "reads 1", "writes 1", "busy us")
    SCALES = (SECTOR, SECTOR, 1, 1, 1000)
    PREFIX = "disk"

    def __init__(self, proc, sys):
        Devices.__init__(self, proc + "/diskstats", sys + "/block")

    def _chosen(self, text):
        found = {}
        for line in text.split(b"\n"):
            words = line.split()
            if len(words) > 12 and self._is_real(words[2]):
                found[words[2]] = words
        return found

    def _numbers(self, words):
        return [int(words[5]), int(words[9]), int(words[3]), int(words[7]), int(words[12])]


class Interfaces(Devices):
    """Bytes, packets, drops and errors of each network card and of the loopback; without a card, of all interfaces."""

    KINDS = ("received B", "sent B", "received-packets 1", "sent-packets 1", "drops 1", "errors 1")
    SCALES = (1,) * 6
    PREFIX = "net"

    def __init__(self, proc, sys):
        Devices.__init__(self, proc + "/net/dev", sys + "/class/net")

    def _chosen(self, text):
        found = {}
        for line in text.split(b"\n"):
            name, colon, rest = line.rpartition(b":")
            if colon:
                found[name.strip()] = rest
        real = [name for name in found if self._is_real(name)]
        if real:
            return {name: found[name].split() for name in found if name in real or name == b"lo"}
        return {name: rest.split() for name, rest in found.items()}  # a container has virtual ones only

    def _numbers(self, words):
        received, packets, errors, drops = map(int, words[:4])
        sent, sent_packets, sent_errors, sent_drops = map(int, words[8:12])
        return [received, sent, packets, sent_packets, drops + sent_drops, errors + sent_errors]


class Protocols(FileSource):
    """Segments that TCP sent, received and sent again, and datagrams for which UDP had no room."""

    FILE = "/net/snmp"
    WANTED = ((b"Tcp: ", b"InSegs"), (b"Tcp: ", b"OutSegs"), (b"Tcp: ", b"RetransSegs"), (b"Udp: ", b"RcvbufErrors"))
    NAMES = ("tcp.received", "tcp.sent", "tcp.retransmits", "udp.drops")

    def __init__(self, proc):
        FileSource.__init__(self, proc + self.FILE)
        self.columns = [name + " 1 counter" for name in self.NAMES]
        self._places = {}

    def read(self):
        """Return the counts; for each protocol there are a line of titles and a line of numbers."""
        text = b"\n" + self._file.read()
        lines = {}
        counts = []
        for protocol, title in self.WANTED:
            if protocol not in lines:
                lines[protocol] = self._numbers(text, protocol)
            place = self._places[protocol].get(title)
            counts.append(None if place is None else int(lines[protocol][place]))
        return counts

    def _numbers(self, text, protocol):
        start = text.find(b"\n" + protocol)
        middle = text.find(b"\n" + protocol, start + 1)
        if protocol not in self._places:
            titles = text[start + 1 : middle].split() if 0 <= start < middle else []
            self._places[protocol] = {title: place for place, title in enumerate(titles)}
        return text[middle + 1 : text.find(b"\n", middle + 1)].split()


class Backlog(Protocols):
    """Connections that a full queue of a listening socket turned away, and how often TCP waited for an answer too long."""

    FILE = "/net/netstat"
    WANTED = ((b"TcpExt: ", b"ListenDrops"), (b"TcpExt: ", b"TCPTimeouts"))
    NAMES = ("tcp.listen-drops", "tcp.timeouts")


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


def kernel_sources(interval_s, proc="/proc", sys="/sys"):
    """Return the sources of what a kernel counts for all that runs on it; temperatures and the like are in sensors.py."""
    makers = [(Processors, (proc,)), (Memory, (proc,)), (Paging, (proc,)), (Disks, (proc, sys))]
    makers += [(Pressure, (proc, resource)) for resource in ("cpu", "memory", "io")]
    return opened(makers) + [slowly(source, interval_s) for source in opened([(Load, (proc,))])]


def network_sources(interval_s, proc="/proc", sys="/sys"):
    """Return the sources of what the network of this machine counts."""
    found = opened([(Interfaces, (proc, sys)), (Protocols, (proc,))])
    return found + [slowly(source, interval_s) for source in opened([(Backlog, (proc,))])]


def slowly(source, interval_s):
    """Have a source read once a second."""
    return Slowly(source, max(1, int(1 / interval_s + 0.5)))


def whereabouts(proc="/proc"):
    """Return what identifies the kernel and the network of these numbers: machines on one host share them."""
    try:
        file = KernelFile(proc + "/sys/kernel/random/boot_id")
        kernel = file.read().strip().decode("ascii")
        file.close()
        return {"kernel": kernel, "network": kernel + " " + posix.readlink(proc + "/self/ns/net")}
    except (OSError, ValueError):
        return {"kernel": "", "network": ""}

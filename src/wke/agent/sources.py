"""Sources of what a kernel counts, read from files under /proc that stay open. What a source is, sampler.py says.

`proc` and `sys` are the folders of the kernel's files. Nothing is divided here: rates follow from the times of two rows. A machine that
lacks a file still has all other sources. A new source is a class here and a line in `kernel_sources` or `network_sources`.
"""

import posix

from _operator import mul

from wke.agent.kernelfiles import FileSource, KernelFile, Rising, number_after, opened, slowly

SECTOR = 512
TICK_US = 10000  # of /proc/stat: USER_HZ is 100 on all machines that Linux runs on
CORE_US = 1000000
CPU_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MEMORY = (b"MemTotal:", b"\nMemAvailable:", b"\nMemFree:", b"\nBuffers:", b"\nCached:", b"\nDirty:", b"\nSwapTotal:", b"\nSwapFree:")
EVENTS = (b"\npgfault ", b"\npgmajfault ", b"\npswpin ", b"\npswpout ")
SCHEDULER = (b"\nctxt ", b"\nprocesses ", b"\nprocs_running ", b"\nprocs_blocked ")


class Processors(FileSource):
    """Time of all processors by state, of each processor when busy and stolen, and what the scheduler counts."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/stat")
        self._names = None
        self._highest = []

    def parse(self, text):
        """Return microseconds, and counts."""
        end = text.find(b"\nintr ")
        rest = text[text.find(SCHEDULER[0]) :] if SCHEDULER[0] in text else b""
        words = (text[:end] if end >= 0 else text[: len(text) - len(rest)]).split()
        width = len(words) // (text.count(b"cpu", 0, end if end >= 0 else len(text)) or 1)
        names = words[::width]
        columns = [list(map(int, words[place::width])) for place in range(1, min(width, 9))]
        columns += [[0] * len(names)] * (8 - len(columns))
        user, nice, system, _, _, irq, softirq, steal = columns
        # All but idle, iowait and steal; what guests use is part of user and nice.
        busy = list(map(sum, zip(user, nice, system, irq, softirq)))
        ticks = [column[0] for column in columns] + busy[:1]
        for both in zip(busy[1:], steal[1:]):
            ticks += both
        if names == self._names:  # the kernel's counters of idle and iowait may decrease slightly
            ticks = list(map(max, ticks, self._highest))
        else:
            self._rename(names)
        self._highest = ticks
        return [TICK_US * tick for tick in ticks] + [CORE_US * (len(names) - 1)] + [number_after(rest, name) for name in SCHEDULER]

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

    def parse(self, text):
        """Return both; the load in hundredths."""
        words = text.split()
        return [int(words[0].replace(b".", b"")), int(words[3].partition(b"/")[2])]


class Pressure(FileSource):
    """For how long some, or all, tasks waited for a resource (PSI)."""

    def __init__(self, proc, resource):
        FileSource.__init__(self, proc + "/pressure/" + resource)
        self._kinds = [line.split()[0].decode() for line in self._file.read().split(b"\n") if line]
        self.columns = ["pressure." + resource + "." + kind + " us counter" for kind in self._kinds]

    def parse(self, text):
        """Return microseconds for each kind."""
        return [int(part.partition(b"\n")[0]) for part in text.split(b"total=")[1:]]


class Memory(FileSource):
    """Memory and swap space, in bytes."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/meminfo")
        self.columns = ["memory." + what + " B gauge" for what in ("total", "available", "used", "free", "cached", "dirty")]
        self.columns.append("swap.used B gauge")

    def parse(self, text):
        """Return the sizes."""
        total, available, free, buffers, cached, dirty, swap, swap_free = [1024 * (number_after(text, name) or 0) for name in MEMORY]
        available = available or free + buffers + cached  # before Linux 3.14
        return [total, available, total - available, free, buffers + cached, dirty, swap - swap_free]


class Paging(FileSource):
    """Page faults, and bytes moved between memory and swap space."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/vmstat")
        self._page = posix.sysconf("SC_PAGE_SIZE")
        self.columns = ["faults 1 counter", "faults.major 1 counter", "swap.in B counter", "swap.out B counter"]

    def parse(self, text):
        """Return the counts."""
        faults, major, pages_in, pages_out = [number_after(text, name) for name in EVENTS]
        return [faults, major] + [None if pages is None else self._page * pages for pages in (pages_in, pages_out)]


class Devices(FileSource):
    """What each device counts; devices come and go.

    Only real ones are told: partitions, loops, bridges and bonds count the same bytes twice.
    """

    BEGINNING = b""  # of a device's line, up to its numbers
    PLACES = ()  # of its numbers, among the words after that
    KINDS = ()
    SCALES = ()
    PREFIX = ""

    def __init__(self, path, hardware):
        FileSource.__init__(self, path)
        self._hardware = hardware  # the folder of /sys that has a folder for each device
        self._lines = -1
        self._names = None
        self._rising = Rising()

    def parse(self, text):
        """Return the numbers of each device."""
        values = self._read(text) if text.count(b"\n") == self._lines else None
        if values is None:
            self._look(text)
            values = self._read(text)
        if values is None:
            raise ValueError("a device has no line of its own")
        return values

    def _read(self, text):
        """Return the numbers of the devices that are known, None if one of them has gone."""
        values = []
        for name in self._names:
            beginning = self.BEGINNING % name
            place = text.find(beginning)
            if place < 0:
                return None
            words = text[place + len(beginning) :].split(None, self.PLACES[-1] + 1)
            numbers = [int(words[index]) for index in self.PLACES]
            values += map(mul, self._rising.of(name, numbers), self.SCALES)
        return values

    def _look(self, text):
        """Find out which devices there are."""
        self._lines = text.count(b"\n")
        names = self._chosen(text)
        if names != self._names:
            self._names = names
            shown = ["_".join(name.decode("utf-8", "replace").split()) for name in names]
            self.columns = [self.PREFIX + "." + name + "." + kind + " counter" for name in shown for kind in self.KINDS]

    def _is_real(self, name):
        return posix.access(self._hardware.encode() + b"/" + name.replace(b"/", b"!") + b"/device", posix.F_OK)


class Disks(Devices):
    """Bytes, operations and busy time of each disk."""

    BEGINNING = b" %b "
    PLACES = (0, 2, 4, 6, 9)
    KINDS = ("reads 1", "read B", "writes 1", "written B", "busy us")
    SCALES = (1, SECTOR, 1, SECTOR, 1000)
    PREFIX = "disk"

    def __init__(self, proc, sys):
        Devices.__init__(self, proc + "/diskstats", sys + "/block")

    def _chosen(self, text):
        lines = [line.split() for line in text.split(b"\n")]
        return [words[2] for words in lines if len(words) > 12 and self._is_real(words[2])]


class Interfaces(Devices):
    """Bytes, packets, drops and errors of each network card and of the loopback; without a card, of all interfaces."""

    BEGINNING = b"\n%6b:"
    PLACES = (0, 1, 2, 3, 8, 9, 10, 11)
    KINDS = ("received B", "received-packets 1", "receive-errors 1", "receive-drops 1")
    KINDS += ("sent B", "sent-packets 1", "send-errors 1", "send-drops 1")
    SCALES = (1,) * 8
    PREFIX = "net"

    def __init__(self, proc, sys):
        Devices.__init__(self, proc + "/net/dev", sys + "/class/net")

    def _chosen(self, text):
        lines = [line.rpartition(b":") for line in text.split(b"\n")]
        names = [name.strip() for name, colon, _ in lines if colon]
        real = [name for name in names if self._is_real(name)]
        return [name for name in names if name in real or name == b"lo"] if real else names  # a container has virtual ones only


class Protocols(FileSource):
    """Segments that TCP sent, received and sent again, and datagrams for which UDP had no room."""

    FILE = "/net/snmp"
    WANTED = ((b"Tcp: ", b"InSegs"), (b"Tcp: ", b"OutSegs"), (b"Tcp: ", b"RetransSegs"), (b"Udp: ", b"RcvbufErrors"))
    NAMES = ("tcp.received", "tcp.sent", "tcp.retransmits", "udp.drops")

    def __init__(self, proc):
        FileSource.__init__(self, proc + self.FILE)
        self.columns = [name + " 1 counter" for name in self.NAMES]
        self._places = {}

    def parse(self, text):
        """Return the counts; for each protocol there are a line of titles and a line of numbers."""
        text = b"\n" + text
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


def kernel_sources(interval_s, proc="/proc", sys="/sys"):
    """Return the sources of what a kernel counts for all that runs on it; temperatures and the like are in sensors.py."""
    makers = [(Processors, (proc,)), (Memory, (proc,)), (Disks, (proc, sys))]
    makers += [(Pressure, (proc, resource)) for resource in ("cpu", "memory", "io")]
    return opened(makers) + slowly(interval_s, 0.5, [(Paging, (proc,))]) + slowly(interval_s, 1, [(Load, (proc,))])


def network_sources(interval_s, proc="/proc", sys="/sys"):
    """Return the sources of what the network of this machine counts."""
    found = opened([(Interfaces, (proc, sys))])
    return found + slowly(interval_s, 0.5, [(Protocols, (proc,))]) + slowly(interval_s, 1, [(Backlog, (proc,))])


def whereabouts(proc="/proc"):
    """Return what identifies the kernel and the network of these numbers: machines on one host share them."""
    try:
        file = KernelFile(proc + "/sys/kernel/random/boot_id")
        kernel = file.read().strip().decode("ascii")
        file.close()
        return {"kernel": kernel, "network": kernel + " " + posix.readlink(proc + "/self/ns/net")}
    except (OSError, ValueError):
        return {"kernel": "", "network": ""}

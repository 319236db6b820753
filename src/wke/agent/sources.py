"""Sources of what a kernel counts, read from files under /proc that stay open. What a source is, sampler.py says.

`proc` and `sys` are the folders of the kernel's files. Nothing is divided here: rates follow from the times of two rows. A machine that
lacks a file still has all other sources. A new source is a class here and a line in `kernel_sources` or `network_sources`.
"""

import posix

from _operator import add, sub

from wke.agent.kernelfiles import FileSource, Highest, KernelFile, Lines, Rising, number_after, opened, scaled, slowly

SECTOR = 512
TICK_US = 10000  # of /proc/stat: USER_HZ is 100 on all machines that Linux runs on
CORE_US = 1000000
CPU_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
BUSY = (1, 2, 3, 6, 7)  # all but idle, iowait and steal; what guests use is part of user and nice
STEAL = 8
MEMORY = (b"MemTotal:", b"MemAvailable:", b"MemFree:", b"Buffers:", b"Cached:", b"Dirty:", b"SwapTotal:", b"SwapFree:")
MEMORY_END = b"\nWriteback:"  # follows all of them
FEW_DISKS = 2
EVENTS = (b"\npgfault ", b"\npgmajfault ", b"\npswpin ", b"\npswpout ")
SCHEDULER = (b"ctxt", b"processes", b"procs_running", b"procs_blocked")


class Processors(FileSource):
    """Time of all processors by state, of each processor when busy and stolen, and what the scheduler counts."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/stat")
        self._names = None
        self._highest = Highest()

    def numbers(self, texts):
        """Return microseconds, and counts."""
        lines = Lines(texts)
        names = [line.partition(b" ")[0] for line in lines.first]
        cores = [name for name in names if name.startswith(b"cpu")]
        known = range(1, min(STEAL + 1, len(lines.first[0].split())))
        unknown = [[0] * len(texts)] * (STEAL - len(known))  # before Linux 2.6.11
        columns = []
        for line, name in enumerate(cores):
            ticks = lines.numbers(line, known, name) + unknown
            busy = list(map(sum, zip(*[ticks[state - 1] for state in BUSY])))
            columns += [busy, ticks[STEAL - 1]] if line else ticks + [busy]
        if cores != self._names:
            self._rename(cores)
        columns = [scaled(column, TICK_US) for column in columns]
        capacity = [CORE_US * (len(cores) - 1)] * len(texts)
        return columns + [capacity] + [lines.number(names, name) for name in SCHEDULER]

    def settled(self, columns):
        """Return what never falls."""
        times = len(columns) - 1 - len(SCHEDULER)
        return list(map(self._highest.of, self.columns, columns[:times])) + columns[times:]

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
        self._kinds = [line.split()[0] for line in self.file.read().split(b"\n") if line]
        self.columns = ["pressure." + resource + "." + kind.decode() + " us counter" for kind in self._kinds]

    def numbers(self, texts):
        """Return microseconds for each kind."""
        lines = Lines([text.replace(b"total=", b"") for text in texts])
        return [lines.numbers(line, (4,), kind)[0] for line, kind in enumerate(self._kinds)]


class Memory(FileSource):
    """Memory and swap space, in bytes."""

    def __init__(self, proc):
        FileSource.__init__(self, proc + "/meminfo")
        self.columns = ["memory." + what + " B gauge" for what in ("total", "available", "used", "free", "cached", "dirty")]
        self.columns.append("swap.used B gauge")

    def numbers(self, texts):
        """Return the sizes."""
        lines = Lines([text[: text.find(MEMORY_END) + 1 or None] for text in texts])
        names = [line.partition(b" ")[0] for line in lines.first]
        sizes = [scaled(lines.number(names, name), 1024) if name in names else [0] * len(texts) for name in MEMORY]
        total, available, free, buffers, cached, dirty, swap, swap_free = sizes
        cached = list(map(add, buffers, cached))
        if 0 in available:  # before Linux 3.14
            available = list(map(add, free, cached))
        return [total, available, list(map(sub, total, available)), free, cached, dirty, list(map(sub, swap, swap_free))]


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

    NAMED = b""  # what the word for a device is
    AT = 0  # the place of that word in a line
    PLACES = ()  # of the numbers
    KINDS = ()
    SCALES = ()
    PREFIX = ""

    def __init__(self, path, hardware, besides=()):
        FileSource.__init__(self, path, in_parts=True)
        self._hardware = hardware  # the folder of /sys that has a folder for each device
        self._height = -1
        self.names = None
        self._besides = besides
        self._lines = []  # those of the devices
        self._rising = Rising()

    def numbers(self, texts):
        """Return the numbers of each device."""
        lines = self._split(texts)
        try:
            return self._read(lines) if self._height == lines.height else self._look_and_read(lines)
        except ValueError:  # other devices
            return self._look_and_read(lines)

    def settled(self, columns):
        """Return counters that never fall, in whole units."""
        risen = map(self._rising.of, self.columns, columns)
        scales = self.SCALES * len(self.names)
        return [values if scale == 1 else scaled(values, scale) for scale, values in zip(scales, risen)]

    def _split(self, texts):
        return Lines(texts)

    def _read(self, lines):
        """Return the numbers of the devices that are known; raise ValueError if one of them has gone."""
        columns = []
        for name, line in zip(self.names, self._lines):
            columns += lines.numbers(line, self.PLACES, self.NAMED % name, self.AT)
        return columns

    def _look_and_read(self, lines):
        """Find out which devices there are."""
        self._height = lines.height
        found = self._chosen([line.split() for line in lines.first])
        names = [name for name in found if name not in self._besides]
        self._lines = [found[name] for name in names]
        if names != self.names:
            self.names = names
            self.columns = self.columns_of(names)
        return self._read(lines)

    @classmethod
    def columns_of(cls, names):
        """Return the columns of devices."""
        shown = ["_".join(name.decode("utf-8", "replace").split()) for name in names]
        return [cls.PREFIX + "." + name + "." + kind + " counter" for name in shown for kind in cls.KINDS]

    def _is_real(self, name):
        return posix.access(self._hardware.encode() + b"/" + name.replace(b"/", b"!") + b"/device", posix.F_OK)


class Disks(Devices):
    """Bytes, operations and busy time of each disk."""

    NAMED = b"%b"
    AT = 2
    PLACES = (3, 5, 7, 9, 12)
    OWN_PLACES = (0, 2, 4, 6, 9)  # in the file of a disk
    KINDS = ("reads 1", "read B", "writes 1", "written B", "busy us")
    SCALES = (1, SECTOR, 1, SECTOR, 1000)
    PREFIX = "disk"

    def __init__(self, proc, sys, besides=()):
        Devices.__init__(self, proc + "/diskstats", sys + "/block", besides)

    def _chosen(self, lines):
        return {words[2]: line for line, words in enumerate(lines) if len(words) > 12 and self._is_real(words[2])}


class OneDisk(Disks):
    """A disk by a file of its own."""

    def __init__(self, sys, name):
        FileSource.__init__(self, sys.encode() + b"/block/" + name.replace(b"/", b"!") + b"/stat")
        self.names = [name]
        self.columns = self.columns_of(self.names)
        self._rising = Rising()

    def numbers(self, texts):
        """Return its numbers."""
        return Lines(texts).numbers(0, self.OWN_PLACES)


class Interfaces(Devices):
    """Bytes, packets, drops and errors of each network card and of the loopback; without a card, of all interfaces."""

    NAMED = b"%b:"
    PLACES = (1, 2, 3, 4, 9, 10, 11, 12)
    KINDS = ("received B", "received-packets 1", "receive-errors 1", "receive-drops 1")
    KINDS += ("sent B", "sent-packets 1", "send-errors 1", "send-drops 1")
    SCALES = (1,) * 8
    PREFIX = "net"

    def __init__(self, proc, sys):
        Devices.__init__(self, proc + "/net/dev", sys + "/class/net")

    def _split(self, texts):
        return Lines([text.replace(b":", b": ") for text in texts])  # a long number follows without a blank

    def _chosen(self, lines):
        found = {words[0][:-1]: line for line, words in enumerate(lines) if words[0].endswith(b":") and words[1][-1:] != b":"}
        real = [name for name in found if self._is_real(name)]
        return {name: line for name, line in found.items() if name in real or name == b"lo"} if real else found  # a container: virtual ones


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
    makers = [(Processors, (proc,)), (Memory, (proc,))]
    makers += [(Pressure, (proc, resource)) for resource in ("cpu", "memory", "io")]
    found = opened(makers) + disk_sources(interval_s, proc, sys)
    return found + slowly(interval_s, 0.5, [(Paging, (proc,))]) + slowly(interval_s, 1, [(Load, (proc,))])


def disk_sources(interval_s, proc="/proc", sys="/sys"):
    """Return the sources of disks. A few are read each by a file of its own, because the kernel takes long to write the list of all disks.

    That list has loops, memory and partitions, too. It is then read once a second, for disks that are new.
    """
    all_disks = opened([(Disks, (proc, sys))])
    names = all_disks[0].names if all_disks else []
    own = opened([(OneDisk, (sys, name)) for name in names]) if len(names) <= FEW_DISKS else []
    is_own = 0 < len(own) == len(names)
    for source in all_disks if is_own else own:
        source.close()
    return own + slowly(interval_s, 1, [(Disks, (proc, sys, names))]) if is_own else all_disks


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

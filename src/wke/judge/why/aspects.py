"""The aspects of telemetry that `wke compare --why` compares, as data: a new one is one line.

Order: name, topic, kind, what, unit, floor, large amount, sentence. Units: "share" (of the time, or of a whole), "cores", "B", "B/s",
"1/s", "1", "kHz", "s".
"""
# ruff: noqa: E501 - a table

from functools import lru_cache

from wke.judge.why.aspect import Aspect, AspectKind

WAIT, WORK = AspectKind.WAIT, AspectKind.WORK
FOREIGN = "cpu.foreign"
"""Not a column: processor time that no task of the trial used."""

# fmt: off
ASPECTS = (
    Aspect("disk wait", "disk", WAIT, "pressure.io.some", "share", 0.01, 0.3, "{where} waits for its disks {value} of the time"),
    Aspect("disk busy", "disk", WAIT, "most disk.*.busy", "share", 0.02, 1.0, "the busiest disk of {where} has work {value} of the time"),
    Aspect("idle for disk", "disk", WAIT, "cpu.iowait / cpu.capacity", "share", 0.01, 0.3, "{value} of the processors of {where} are idle because of a disk"),
    Aspect("memory wait", "memory", WAIT, "pressure.memory.some", "share", 0.005, 0.1, "{where} waits for memory {value} of the time"),
    Aspect("major faults", "memory", WAIT, "faults.major", "1/s", 5, 500, "{where} reads {value} pages per second back from a disk"),
    Aspect("swap", "memory", WAIT, "swap.in swap.out", "B/s", 1e4, 1e7, "{where} moves {value} to and from swap"),
    Aspect("throttled", "cpu", WAIT, "cpu.throttled", "share", 0.01, 0.3, "the limit of {where} holds its programs back {value} of the time", absent_is_0=True),
    Aspect("steal", "cpu", WAIT, "cpu.steal / cpu.capacity", "share", 0.005, 0.1, "the hypervisor takes {value} of the processors of {where}"),
    Aspect("other programs", "cpu", WAIT, "cpu.foreign", "cores", 0.05, 0.5, "other programs on {where} use {value}"),
    Aspect("processor wait", "cpu", WAIT, "pressure.cpu.some", "share", 0.03, 0.5, "programs of {where} wait for a processor {value} of the time"),
    Aspect("heat", "cpu", WAIT, "throttled.cores throttled.packages", "1/s", 0.1, 10, "heat slows {where} down {value} times per second"),
    Aspect("frequency", "cpu", WAIT, "mean frequency.*", "kHz", 1e4, None, "the processors of {where} run at {value}", threshold=0.03),
    Aspect("retransmits", "network", WAIT, "tcp.retransmits / tcp.sent", "share", 0.001, 0.02, "{where} sends {value} of its TCP segments again"),
    Aspect("TCP timeouts", "network", WAIT, "tcp.timeouts", "1/s", 0.3, 10, "{where} has {value} TCP timeouts per second"),
    Aspect("refused connections", "network", WAIT, "tcp.listen-drops", "1/s", 0.3, 10, "{where} turns {value} connections per second away"),
    Aspect("dropped packets", "network", WAIT, "net.*-drops net.*-errors udp.drops", "1/s", 1, 100, "{where} drops {value} packets per second"),
    Aspect("processors", "cpu", WORK, "cpu.busy / cpu.capacity", "share", 0.02, 0.5, "{where} uses {value} of its processors"),
    Aspect("busiest processor", "cpu", WORK, "most cpu.[0-9]*.busy", "share", 0.05, 0.5, "the busiest processor of {where} works {value} of the time"),
    Aspect("kernel", "cpu", WORK, "cpu.system", "cores", 0.05, 1.0, "the kernel of {where} uses {value}"),
    Aspect("interrupts", "cpu", WORK, "cpu.irq cpu.softirq", "cores", 0.03, 0.5, "interrupts on {where} use {value}"),
    Aspect("running", "cpu", WORK, "processes.running", "1", 1, None, "{value} programs of {where} run or wait for a processor"),
    Aspect("switches", "cpu", WORK, "switches.context", "1/s", 500, None, "{where} switches between programs {value} times per second"),
    Aspect("started", "cpu", WORK, "processes.started", "1/s", 3, None, "{where} starts {value} processes per second"),
    Aspect("memory", "memory", WORK, "memory.used / memory.total", "share", 0.02, 0.5, "{where} uses {value} of its memory"),
    Aspect("file cache", "memory", WORK, "memory.cached", "B", 3e7, None, "{where} keeps {value} of files in memory"),
    Aspect("read", "disk", WORK, "disk.read disk.*.read", "B/s", 1e5, None, "{where} reads {value} from its disks"),
    Aspect("written", "disk", WORK, "disk.written disk.*.written", "B/s", 1e5, None, "{where} writes {value} to its disks"),
    Aspect("operations", "disk", WORK, "disk.*.reads disk.*.writes", "1/s", 5, None, "the disks of {where} do {value} operations per second"),
    Aspect("received", "network", WORK, "net.*.received", "B/s", 2e4, None, "{where} receives {value}"),
    Aspect("sent", "network", WORK, "net.*.sent", "B/s", 2e4, None, "{where} sends {value}"),
    Aspect("task cpu", "cpu", WORK, "cpu", "cores", 0.02, 0.5, "{where} uses {value}", of="task"),
    Aspect("task memory", "memory", WORK, "memory", "B", 4e6, None, "{where} holds up to {value}", of="task", statistic="most"),
    Aspect("task read", "disk", WORK, "read", "B/s", 1e5, None, "{where} reads {value} from disks", of="task"),
    Aspect("task written", "disk", WORK, "written", "B/s", 1e5, None, "{where} writes {value}", of="task"),
    Aspect("task threads", "cpu", WORK, "threads", "1", 2, None, "{where} has {value} threads", of="task"),
    Aspect("task files", "network", WORK, "descriptors", "1", 8, None, "{where} has {value} files and connections open", of="task"),
)
WAY = Aspect("way", "network", WAIT, "half of a round trip", "s", 1e-4, 0.005, "a message from the controller to {where} takes {value}", of="trial", threshold=0.3)
DURATION = Aspect("duration", "time", AspectKind.METRIC, "length of the measured step", "s", 0.01, None, "{where} takes {value}", of="trial", threshold=0.05)
# fmt: on


def metric_aspect(name: str, unit: str, threshold: float) -> Aspect:
    """Return the aspect that is a metric of the experiment."""
    return Aspect(name, name, AspectKind.METRIC, "", unit, 0.0, None, "{where} is {value}", of="trial", threshold=threshold)


@lru_cache(maxsize=1 << 14)
def exposed_aspect(name: str, unit: str) -> Aspect:
    """Return the aspect that is a number which a program exposes, the mean of one, or its rate if the unit is per second."""
    says = "{where}: " + name.replace("{", "{{").replace("}", "}}") + (" grows by {value} per second" if unit == "1/s" else " is {value}")
    return Aspect(name, name, AspectKind.EXPOSED, name, unit, 0.0, None, says)

"""Sources: what the agent reads out of the kernel's files, recorded on machines of several kinds."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace

import pytest

from wke.agent import sources
from wke.agent.kernelfiles import growth
from wke.agent.sensors import sensor_sources
from wke.agent.watch import Watch

STAT = b"""cpu  264972 17 85884 807923 5910 3 8747 262 11 0
cpu0 132486 8 42942 403961 2955 1 4373 131 5 0
intr 12345 0 9 0
"""
OLD_STAT = b"cpu  10 20 30 40\n"
MEMINFO = b"""MemTotal:       24684096 kB
MemFree:        22317412 kB
MemAvailable:   23741664 kB
Buffers:           53292 kB
Cached:          1415164 kB
HugePages_Total:       0
VmallocTotal:   343597"""
OLD_MEMINFO = MEMINFO.replace(b"MemAvailable:   23741664 kB\n", b"")
DISKSTATS = b"""   7       0 loop0 5 0 800 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 395965 38308 14503354 303060 2510696 1170405 33689168 569380 0 232560 1012218 659859 58 213309264 40105 891907 99672
 254       1 vda1 395000 38308 14503000 303060 2510696 1170405 33689168 569380 0 232560 1012218
 104       0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11
  11       0 sr0
"""
NET_DEV = b"""Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1446040489 5544139    0    0    0     0          0         0 1446040489 5544139    0    0    0     0       0          0
  eth0:685811620   17083    0    0    0     0          0         0  1142097   10779    0    0    0     0       0          0
eth0:1:      77       1    0    0    0     0          0         0       88       1    0    0    0     0       0          0
"""


VMSTAT = b"nr_free_pages 5579353\npgpgin 7251677\npswpin 3\npswpout 5\npgfault 1234567\npgmajfault 89\n"
SNMP = b"""Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm MaxConn InSegs OutSegs RetransSegs InErrs
Tcp: 1 -1 1000 2000 30 0
Udp: InDatagrams RcvbufErrors
Udp: 7 8
UdpLite: InDatagrams RcvbufErrors
UdpLite: 1 1
"""
NETSTAT = b"TcpExt: SyncookiesSent TCPTimeouts ListenDrops\nTcpExt: 0 4 5\nIpExt: InNoRoutes\nIpExt: 0\n"
PSI = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=2190\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=77\n"
FILES = {
    "stat": STAT + b"ctxt 99\nbtime 1\nprocesses 1234\nprocs_running 3\nprocs_blocked 1\n",
    "meminfo": MEMINFO,
    "vmstat": VMSTAT,
    "diskstats": DISKSTATS,
    "net/dev": NET_DEV,
    "net/snmp": SNMP,
    "net/netstat": NETSTAT,
    "loadavg": b"0.52 0.31 0.30 3/456 789\n",
    "pressure/cpu": PSI.splitlines(keepends=True)[0],
    "pressure/io": PSI,
}
EXPECTED = {
    "cpu.user us counter": 2_649_720_000,
    "cpu.idle us counter": 8_079_230_000,
    "cpu.steal us counter": 2_620_000,
    "cpu.busy us counter": 10_000 * (264972 + 17 + 85884 + 3 + 8747),
    "cpu.0.busy us counter": 10_000 * (132486 + 8 + 42942 + 1 + 4373),
    "cpu.0.steal us counter": 1_310_000,
    "cpu.capacity us/s gauge": 1_000_000,
    "switches.context 1 counter": 99,
    "processes.started 1 counter": 1234,
    "processes.running 1 gauge": 3,
    "processes.blocked 1 gauge": 1,
    "memory.total B gauge": 24684096 * 1024,
    "memory.used B gauge": (24684096 - 23741664) * 1024,
    "memory.cached B gauge": (53292 + 1415164) * 1024,
    "faults 1 counter": 1234567,
    "faults.major 1 counter": 89,
    "swap.in B counter": 3 * 4096,
    "swap.out B counter": 5 * 4096,
    "disk.vda.read B counter": 14503354 * 512,
    "disk.vda.written B counter": 33689168 * 512,
    "disk.vda.reads 1 counter": 395965,
    "disk.vda.writes 1 counter": 2510696,
    "disk.vda.busy us counter": 232560_000,
    "pressure.cpu.some us counter": 2190,
    "pressure.io.full us counter": 77,
    "load.1 1/100 gauge": 52,
    "threads 1 gauge": 456,
    "net.eth0.received B counter": 685811620,
    "net.eth0.sent B counter": 1142097,
    "net.eth0.received-packets 1 counter": 17083,
    "net.lo.sent B counter": 1446040489,
    "net.lo.receive-drops 1 counter": 0,
    "tcp.received 1 counter": 1000,
    "tcp.sent 1 counter": 2000,
    "tcp.retransmits 1 counter": 30,
    "udp.drops 1 counter": 8,
    "tcp.listen-drops 1 counter": 5,
    "tcp.timeouts 1 counter": 4,
}


def tree(root: Path, files: dict[str, bytes]) -> str:
    """Write files below a folder and return it."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
    return str(root)


def made_up(tmp_path: Path, files: dict[str, bytes]) -> tuple[str, str]:
    """Return the folders of a made-up /proc with these files and a /sys with a disk and a network card."""
    sys = tree(tmp_path / "sys", {"block/vda/device/x": b"", "block/loop0/x": b"", "class/net/eth0/device/x": b""})
    return tree(tmp_path / "proc", files), sys


def read_all(found: list) -> dict[str, int | None]:
    """Return what sources say, by their columns."""
    values = {}
    for source in found:
        numbers = source.read()
        values |= dict(zip(source.columns, numbers, strict=True))
    return values


def test_the_kernels_texts_are_understood(tmp_path: Path) -> None:
    """Each number of every file, in whole units; only real devices, and the loopback; what a kernel lacks takes nothing else away."""
    proc, sys = made_up(tmp_path, FILES)
    found = sources.kernel_sources(1, proc, sys) + sources.network_sources(1, proc, sys)
    values = read_all(found)
    assert {name: values.get(name) for name in EXPECTED} == EXPECTED
    assert not [name for name in values if "loop0" in name or "vda1" in name or "eth0:1" in name or "cciss" in name]
    assert all(len(column.split()) == 3 and column.split()[-1] in {"counter", "gauge"} for column in values)
    for source in found:
        source.close()
    for name, text in {"stat": OLD_STAT, "meminfo": OLD_MEMINFO, "pressure/cpu": b"", "net/snmp": b"Tcp: A\nTcp: 1\n"}.items():
        tree(tmp_path / "proc", {name: text})
    old = read_all(sources.kernel_sources(1, proc, sys) + sources.network_sources(1, proc, sys))
    assert old["cpu.busy us counter"] == 600_000
    assert (old["cpu.steal us counter"], old["switches.context 1 counter"]) == (0, None)
    assert old["memory.available B gauge"] == (22317412 + 53292 + 1415164) * 1024
    assert (old["tcp.retransmits 1 counter"], old["udp.drops 1 counter"]) == (None, None)
    assert "pressure.cpu.some us counter" not in old


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [
        (5, 5, 0),
        (5, 7, 2),
        ((1 << 32) - 10, 5, 15),  # ran over at 32 bits
        ((1 << 32) - 1, 0, 1),
        (1 << 31, 5, 0),  # set back
        (1 << 40, 5, 0),
        (1000, 5, 0),
        (1 << 40, (1 << 40) + (1 << 33), 1 << 33),
    ],
)
def test_a_counter_that_falls_ran_over_or_was_set_back(before: int, now: int, grown: int) -> None:
    """A short way over the end of 32 bits is growth; any other fall is none, for what it counted since nobody knows."""
    assert growth(before, now) == grown


def test_counters_rise_while_devices_come_and_go(tmp_path: Path) -> None:
    """A device that appears or vanishes changes the columns; a counter that runs over at 32 bits, or is set back, goes on rising."""
    proc, sys = made_up(tmp_path, {"diskstats": b""})
    tree(tmp_path / "sys", {"block/sdb/device/x": b""})
    line = "8 0 {} 0 0 {} 0 0 0 {} 0 0 {} 0\n"
    disks = sources.Disks(proc, sys)
    assert (disks.read(), disks.columns) == ([], [])
    seen = []
    for text in (
        line.format("vda", 10, 20, 2**32 - 5),
        line.format("vda", 11, 20, 3),
        line.format("vda", 4, 20, 4) + line.format("sdb", 1, 1, 1),
        line.format("sdb", 2, 1, 1),
        line.format("vda", 5, 20, 5) + line.format("sdb", 2, 1, 1),
    ):
        tree(tmp_path / "proc", {"diskstats": text.encode()})
        numbers = disks.read()
        values = dict(zip([column.partition(" ")[0] for column in disks.columns], numbers, strict=True))
        seen.append([values.get(name) for name in ("disk.vda.read", "disk.vda.busy", "disk.sdb.read")])
    busy = 1000 * (2**32 - 5)
    first = 512 * 10
    assert [row[0] for row in seen] == [first, first + 512, first + 512, None, first + 1024]
    assert [row[2] for row in seen] == [None, None, 512, 1024, 1024]
    assert [row[1] for row in seen][:2] == [busy, busy + 8000]
    disks.close()


def test_idle_time_never_falls(tmp_path: Path) -> None:
    """The kernel's own counter may fall by a tick; ours stays."""
    proc, _ = made_up(tmp_path, FILES)
    processors = sources.Processors(proc)
    idle = processors.read()[3]
    tree(tmp_path / "proc", {"stat": FILES["stat"].replace(b"807923", b"807922")})
    assert processors.read()[3] == idle
    processors.close()


def test_this_machine_has_its_sources_and_their_counters_never_fall() -> None:
    """Files that stay open tell as many numbers as they promise; after the end they are closed."""
    found = sources.kernel_sources(1) + sources.network_sources(1)
    first, second = read_all(found), read_all(found)
    assert {name.partition(" ")[0] for name in second} >= {"cpu.busy", "memory.used", "faults", "net.lo.sent", "tcp.retransmits"}
    assert 0 < second["memory.used B gauge"] < second["memory.total B gauge"]
    assert all(first[name] <= value for name, value in second.items() if name.endswith("counter"))
    for source in found:
        source.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            source.file.read()
    here = sources.whereabouts()
    assert len(here["kernel"]) == 36
    assert here["network"].startswith(here["kernel"] + " net:[")


def test_a_few_disks_are_read_each_by_a_file_of_its_own(tmp_path: Path) -> None:
    """They say the same as the list of all disks, in which only new ones are looked for, once a second."""
    proc, sys = made_up(tmp_path, FILES)
    (listed,) = sources.disk_sources(0.1, proc, sys)
    words = next(line for line in DISKSTATS.splitlines() if b" vda " in line).split()
    tree(tmp_path / "sys", {"block/vda/stat": b" ".join(words[3:]) + b"\n"})
    own, others = sources.disk_sources(0.1, proc, sys)
    assert (own.columns, own.read()) == (listed.columns, listed.read())
    assert (own.every, others.every, others.read(), others.columns) == (1, 10, [], [])
    tree(tmp_path / "sys", {"block/sdb/device/x": b""})
    tree(tmp_path / "proc", {"diskstats": DISKSTATS + b"8 0 sdb 1 0 2 0 3 0 4 0 0 5 0\n"})
    assert others.read() == [1, 2 * 512, 3, 4 * 512, 5000]
    assert others.columns[0] == "disk.sdb.reads 1 counter"
    for source in (listed, own, others):
        source.close()


SENSORS = {
    "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000",
    "devices/system/cpu/cpu10/cpufreq/scaling_cur_freq": "1200000",
    "devices/system/cpu/cpu2/cpufreq/scaling_cur_freq": "<unknown>",
    "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3",
    "devices/system/cpu/cpu2/thermal_throttle/core_throttle_count": "4",
    "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "9",
    "devices/system/cpu/cpu2/thermal_throttle/package_throttle_count": "9",
    "devices/system/cpu/cpu10/thermal_throttle/package_throttle_count": "1",
    "devices/system/cpu/cpu10/thermal_throttle/core_throttle_count": "0",
    "devices/system/cpu/cpu10/topology/physical_package_id": "1",
    "devices/system/cpu/cpufreq/x": "",
    "class/thermal/thermal_zone0/type": "acpitz",
    "class/thermal/thermal_zone0/temp": "-1500",
    "class/powercap/intel-rapl:0/name": "package-0",
    "class/powercap/intel-rapl:0/energy_uj": "999999000",
    "class/powercap/intel-rapl:0/max_energy_range_uj": "1000000000",
    "class/powercap/intel-rapl:0:0/name": "dram",
    "class/powercap/intel-rapl:0:0/energy_uj": "5",
    "class/powercap/intel-rapl:0:0/max_energy_range_uj": "1000000000",
    "class/powercap/intel-rapl:1/name": "no range",
    "class/powercap/intel-rapl:1/energy_uj": "5",
}
CHIPS = {
    "class/hwmon/hwmon0/name": "coretemp",
    "class/hwmon/hwmon0/temp1_input": "45000",
    "class/hwmon/hwmon0/temp1_label": "Package id 0",
    "class/hwmon/hwmon0/temp2_input": "44000",
    "class/hwmon/hwmon1/name": "coretemp",
    "class/hwmon/hwmon1/temp1_input": "50000",
    "class/hwmon/hwmon1/temp1_label": "Package id 0",
}


def sensors(root: Path, files: dict[str, str]) -> str:
    return tree(root, {name: f"{text}\n".encode() for name, text in files.items()})


def test_sensors_are_read_from_made_up_files(tmp_path: Path) -> None:
    """What cannot be provoked here: frequencies, throttling, temperatures and energy, through the reader that real machines have."""
    sys = sensors(tmp_path, SENSORS)
    found = sensor_sources(1, sys)
    assert read_all(found) == {
        "frequency.0 kHz gauge": 2400000,
        "frequency.2 kHz gauge": None,
        "frequency.10 kHz gauge": 1200000,
        "throttled.cores 1 counter": 7,
        "throttled.packages 1 counter": 10,
        "temperature.acpitz m\u00b0C gauge": -1500,
        "energy.package-0 uJ counter": 999999000,
        "energy.dram.package-0 uJ counter": 5,
    }
    sensors(tmp_path, {"class/powercap/intel-rapl:0/energy_uj": "200", "devices/system/cpu/cpu2/cpufreq/scaling_cur_freq": "7"})
    later = read_all(found)
    assert [name for name in later if fnmatchcase(name, "energy.package-* *")] == ["energy.package-0 uJ counter"]  # no part counts twice
    assert (later["energy.package-0 uJ counter"], later["frequency.2 kHz gauge"]) == (1_000_000_200, 7)
    sensors(tmp_path, {"devices/system/cpu/cpu2/thermal_throttle/core_throttle_count": ""})
    assert [read_all(found)[f"throttled.{what} 1 counter"] for what in ("cores", "packages")] == [None, 10]
    sensors(tmp_path, CHIPS)
    chips = {name: value for name, value in read_all(sensor_sources(1, sys)).items() if name.startswith("temperature")}
    assert list(chips.values()) == [45000, 44000, 50000]
    names = [f"temperature.coretemp.{label} m\u00b0C gauge" for label in ("package-id-0", "temp2", "package-id-0.2")]
    assert list(chips) == names
    assert sensor_sources(1, str(tmp_path / "none")) == []


class Moments:
    """The agent's loop, as far as a watch needs it."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, object]] = []

    def at(self, moment: float, function, *, roughly: bool) -> None:
        assert roughly
        self.asked.append((moment, function))

    def come(self) -> float:
        """Let the next moment come; return it."""
        moment, function = self.asked.pop(0)
        function()
        return moment


class Taker:
    """A sampler that only notes when it is asked for a row, to send, and to forget."""

    def __init__(self, times: list[float]) -> None:
        self.take = times.append
        self.flushed: list[float] = []
        self.flush = lambda: self.flushed.extend(times[-1:])
        self.forgotten: list[float] = []
        self.forget = lambda: self.forgotten.extend(times[-1:])

    def close(self) -> None:
        """Have nothing to close."""


def watch_of(loop: Moments, first: float, taker: Taker, clock: Callable[[], float] = lambda: 0, rows: int = 100) -> Watch:
    agent = SimpleNamespace(loop=loop, clock=clock, moment=lambda at: at, tasks=SimpleNamespace(count=0))
    return Watch(agent, {"interval": 0.1, "rows": rows, "at": first}, taker)


def test_a_watch_keeps_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are due at whole intervals after the first moment; late ones are left out and not made up for; after the end there is none."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    loop, samples = Moments(), []
    watch = watch_of(loop, 100.25, Taker(samples))
    assert loop.come() == 100.25
    now = 100.3
    assert loop.come() == pytest.approx(100.35)
    now = 100.71
    assert loop.come() == pytest.approx(100.45)  # was due before it got so late
    assert loop.asked[0][0] == pytest.approx(100.75)
    now = 100.7499999
    assert loop.come() == pytest.approx(100.75)
    assert loop.asked[0][0] == pytest.approx(100.85)
    assert len(samples) == 4
    watch.stop()
    loop.come()
    assert (len(samples), loop.asked) == (4, [])


def test_a_watch_that_is_ordered_late_begins_at_the_next_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order took its time on the way: the first moments have passed."""
    monkeypatch.setattr("time.monotonic", lambda: 50.0)
    loop = Moments()
    watch = watch_of(loop, 49.73, Taker([]))
    assert loop.asked[0][0] == pytest.approx(50.03)
    watch.stop()


@pytest.mark.parametrize(
    ("first", "rows", "ends"),
    [(100, 5, [100.4, 101.0, 101.4, 101.9]), (99.7, 5, [100.1, 101.0, 101.1, 101.6]), (100.25, 1, [100.25, 100.35, 100.45, 101.0, 101.05])],
)
def test_chunks_end_at_agreed_moments(monkeypatch: pytest.MonkeyPatch, first: float, rows: int, ends: list[float]) -> None:
    """Also those of a machine that was ordered late or wakes up late. A chunk of one row is sent at once."""
    now = 100.01
    monkeypatch.setattr("time.monotonic", lambda: now)
    loop, taker = Moments(), Taker([])
    watch_of(loop, first, taker, lambda: round(now, 3), rows)
    while loop.asked[0][0] < 102:
        moment = loop.asked[0][0]
        now = 101.0 if 100.5 < moment < 101 else moment + 1e-6
        loop.come()
    assert taker.flushed[: len(ends)] == ends


def test_a_trial_in_which_a_machine_was_read_once_has_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a trial ends, its rows are sent if it has two, however many of them wait; a single one is forgotten."""
    now = 100.01
    monkeypatch.setattr("time.monotonic", lambda: now)
    loop, taker = Moments(), Taker([])
    watch = watch_of(loop, 100.0, taker, lambda: round(now, 3), rows=5)
    for moments in (1, 0, 2, 2, 1):  # in five trials: at 100.1, none, .2 and .3, .4 (the last of a chunk) and .5, .6
        for _ in range(moments):
            now = loop.asked[0][0] + 1e-6
            loop.come()
        watch.flush()
    assert taker.forgotten == [100.1, 100.1, 100.6]
    assert taker.flushed == [100.3, 100.4, 100.5]

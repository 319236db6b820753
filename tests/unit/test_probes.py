"""Probes: what the agent reads out of the kernel's files, recorded on machines of several kinds."""

import pytest

from wke.agent import probes
from wke.agent.probes import Hardware, Tally, cpu_ticks, disk_sectors, growth, interface_bytes, memory
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


def test_the_kernels_texts_are_understood() -> None:
    """Numbers of new and old kernels, of odd names, of lines without numbers and of a text that ends in the middle of a line."""
    assert cpu_ticks(STAT) == [264972, 17, 85884, 807923, 5910, 3, 8747, 262]
    assert cpu_ticks(OLD_STAT) == [10, 20, 30, 40, 0, 0, 0, 0]
    assert memory(MEMINFO) == [24684096 * 1024, 23741664 * 1024]
    assert memory(OLD_MEMINFO) == [24684096 * 1024, (22317412 + 53292 + 1415164) * 1024]
    assert disk_sectors(DISKSTATS) == {
        b"loop0": (800, 0),
        b"vda": (14503354, 33689168),
        b"vda1": (14503000, 33689168),
        b"cciss/c0d0": (3, 7),
    }
    assert interface_bytes(NET_DEV) == {b"lo": (1446040489, 1446040489), b"eth0": (685811620, 1142097), b"eth0:1": (77, 88)}


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


def test_a_tally_counts_while_devices_come_and_go() -> None:
    """What a device counted before it was seen is not ours; what a gone one added stays; one that comes back begins again."""
    tally = Tally(unit=512)
    steps = [
        ({b"a": (1000, 50)}, [0, 0]),
        ({b"a": (1001, 52)}, [1, 2]),
        ({b"a": (1001, 52), b"new": (10**9, 7)}, [1, 2]),
        ({b"new": (10**9 + 5, 8)}, [6, 3]),
        ({b"a": (5000, 60), b"new": (10**9 + 5, 8)}, [6, 3]),
        ({b"a": (5001, 60), b"new": (2, 0)}, [7, 3]),
    ]
    assert [tally.add(counters) for counters, _ in steps] == [[512 * n for n in sums] for _, sums in steps]


def test_only_real_devices_count(tmp_path) -> None:
    """A disk and not its partition or a loop; a slash in a name is a ! in /sys; a device that comes later is looked at then."""
    for name in ("vda/device", "cciss!c0d0/device", "loop0"):
        (tmp_path / name).mkdir(parents=True)
    hardware = Hardware(str(tmp_path).encode() + b"/")
    assert set(hardware.of(disk_sectors(DISKSTATS))) == {b"vda", b"cciss/c0d0"}
    (tmp_path / "sdb/device").mkdir(parents=True)
    assert set(hardware.of({b"sdb": (1, 1), b"loop0": (1, 1)})) == {b"sdb"}


def test_this_machine_has_all_probes_and_its_counters_never_fall() -> None:
    """Each probe tells as many numbers as it promises, all from files that stay open."""
    machine = probes.Probes()
    first, second = machine.sample(), machine.sample()
    machine.close()
    assert {name: len(numbers) for name, numbers in second.items()} == {"cpu": 8, "memory": 2, "disk": 2, "network": 2}
    assert 0 < second["memory"][1] < second["memory"][0]
    for name in ("disk", "network"):
        assert all(0 <= a <= b for a, b in zip(first[name], second[name], strict=True))
    assert machine.sample() == {}
    here = probes.whereabouts()
    assert len(here["kernel"]) == 36
    assert here["network"].startswith(here["kernel"] + " net:[")


def test_a_probe_that_a_machine_lacks_or_that_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there, and one that says something else, are left out of the sample."""

    def missing():
        return probes.ProcFile("/proc/no/such/file"), lambda: [0]

    def odd():
        file = probes.ProcFile("/proc/version")
        return file, lambda: cpu_ticks(file.beginning())

    monkeypatch.setattr(probes, "OPENERS", (("missing", missing), ("odd", odd), *probes.OPENERS[:1]))
    machine = probes.Probes()
    assert list(machine.sample()) == ["cpu"]
    machine.close()


class Moments:
    """The agent's loop, as far as a watch needs it."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, object]] = []

    def at(self, moment: float, function) -> None:
        self.asked.append((moment, function))

    def come(self) -> float:
        """Let the next moment come; return it."""
        moment, function = self.asked.pop(0)
        function()
        return moment


def test_a_watch_keeps_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are due at whole intervals after the first moment; late ones are left out and not made up for; after the end there is none."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    loop, samples = Moments(), []
    watch = Watch(loop, 100.25, 0.1, samples.append)
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
    watch = Watch(loop, 49.73, 0.1, lambda _: None)
    assert loop.asked[0][0] == pytest.approx(50.03)
    watch.stop()

"""Fingerprints: what is read from a machine's /proc and /sys, and drift in words."""

import os
from pathlib import Path

import pytest

from wke.agent.fingerprint import fingerprint, memory_speed
from wke.judge.reuse.drift import drift
from wke.keep.machines.fingerprint import AcceptedFacts, FactChange, deciding

FILES = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Big Chip 9\ncpu cores\t: 2\nflags\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: Big Chip 9\n",
    "proc/meminfo": "MemTotal:       16303428 kB\nMemFree: 1 kB\n",
    "sys/devices/system/cpu/smt/active": "1\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
    "sys/devices/system/cpu/vulnerabilities/meltdown": "Mitigation: PTI\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/class/dmi/id/sys_vendor": "QEMU\n",
    "sys/block/sda/size": "2000409264\n",
    "sys/block/sda/removable": "0\n",
    "sys/block/sda/device/model": "FAST 1T \n",
    "sys/block/sdb/removable": "1\n",
    "sys/block/loop0/size": "8\n",
    "sys/class/net/eth0/speed": "10000\n",
    "sys/class/net/eth0/device/vendor": "0x8086\n",
    "sys/class/net/eth0/device/device": "0x1572\n",
    "sys/class/net/veth1/speed": "10000\n",
}
FACTS = {
    "processor": "Big Chip 9",
    "processors": "2",
    "usable processors": str(len(os.sched_getaffinity(0))),
    "cores a socket": "2",
    "virtual": "yes",
    "SMT": "on",
    "governor": "performance, powersave",
    "memory": "15.5 GiB",
    "clock source": "tsc",
    "product": "QEMU",
    "weakness meltdown": "Mitigation: PTI",
    "disk sda": "FAST 1T 1024.2 GB",
    "interface eth0": "0x8086:0x1572 at 10000 Mbit/s",
}


def test_a_fingerprint_holds_what_a_measurement_may_depend_on(tmp_path: Path) -> None:
    """Hardware and kernel; no sticks, loops or virtual interfaces, and nothing that changes by itself."""
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    uname = os.uname()
    found = fingerprint(str(tmp_path).encode())
    assert found == {"kernel": f"Linux {uname.release}", "architecture": uname.machine} | FACTS


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A machine without /proc and /sys, or one that hides them, still has a kernel."""
    assert set(fingerprint(str(tmp_path).encode())) == {"kernel", "architecture", "usable processors"}


def test_a_machine_that_is_not_virtual_says_so(tmp_path: Path) -> None:
    """So a machine that became one has changed; where processors tell no flags, nothing is known."""
    for name, text in {"real": "flags\t: fpu\n", "other": "Features\t: fp\n"}.items():
        file = tmp_path / name / "proc/cpuinfo"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    assert [fingerprint(str(tmp_path / name).encode()).get("virtual") for name in ("real", "other")] == ["no", None]


def test_a_fingerprint_stays_the_same() -> None:
    """Read twice, this computer is the same machine."""
    assert fingerprint() == fingerprint()


def device(kind: int, speed: int) -> bytes:
    """Return an SMBIOS structure with a speed in its place, and a text behind it."""
    body = bytearray(0x28)
    body[0], body[1], body[0x15:0x17] = kind, len(body), speed.to_bytes(2, "little")
    return bytes(body) + b"DIMM 0\0\0"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", ""),
        (device(4, 9) + device(17, 3200) + device(17, 3200), "3200 MT/s"),
        (device(17, 3200) + device(17, 0) + device(17, 2666), "2666 MT/s, 3200 MT/s"),
        (device(17, 0xFFFF), ""),
        (device(17, 3200)[:30], "3200 MT/s"),
        (b"\x11\x00" * 40, ""),
    ],
)
def test_memory_speed(table: bytes, words: str) -> None:
    """Distinct speeds of the devices that are there; a table that is cut or wrong ends the reading, no more."""
    assert memory_speed(table) == words


def test_drift_in_words() -> None:
    """Each fact that differs is named with what it was and is; nothing is said of those that stayed."""
    before = {"kernel": "Linux 6.1", "memory": "16 GiB", "disk sda": "old"}
    now = {"kernel": "Linux 6.8", "memory": "16 GiB", "disk sdb": "new"}
    assert list(drift(before, now)) == [
        "kernel was Linux 6.1, and is Linux 6.8",
        "disk sdb is new, which was unknown or missing",
        "disk sda was old, and is unknown or missing",
    ]
    assert not list(drift(before, before))


BEFORE = {"kernel": "Linux 6.1", "SMT": "on", "product": "A", "weakness itlb_multihit": "KVM: Vulnerable", "disk sda": "FAST 1 TB"}


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        ({"kernel": "Linux 6.6"}, ["kernel Linux 6.1 -> Linux 6.6"]),
        ({"kernel": "Linux 6.6", "SMT": "off"}, ["kernel Linux 6.1 -> Linux 6.6", "SMT on -> off"]),
        ({"product": "B"}, []),
        ({"weakness itlb_multihit": "KVM: Mitigation: Split huge pages"}, []),
        ({"weakness meltdown": "Mitigation: PTI"}, []),
        ({"SMT": None}, []),
        ({"disk sda": None, "disk sdb": "SLOW 1 TB"}, ["disk sdb missing -> SLOW 1 TB", "disk sda FAST 1 TB -> missing"]),
    ],
)
def test_facts_that_decide(now: dict[str, str | None], changes: list[str]) -> None:
    """Those that somebody must change; not names, nor what changes by itself or was not known; a disk that is missing is gone."""
    facts = {name: value for name, value in (BEFORE | now).items() if value is not None}
    assert [str(change) for change in deciding("node1", BEFORE, facts)] == [f"node1: {change}" for change in changes]


def kernel(before: str, now: str, machine: str = "m0") -> FactChange:
    return FactChange(machine, "kernel", before, now)


def test_what_is_accepted_of_machines() -> None:
    """Either way, and over values between; not of another machine, fact or value."""
    accepted = AcceptedFacts([(1, kernel("6.1", "6.6")), (2, kernel("6.8", "6.6")), (3, kernel("5.4", "5.10"))])
    assert accepted.covering(kernel("6.6", "6.1")) == {1}
    assert accepted.covering(kernel("6.1", "6.8")) == {1, 2}
    assert accepted.covering(kernel("6.1", "5.4")) == frozenset()
    assert accepted.covering(kernel("6.1", "6.6", "m1")) == frozenset()
    assert accepted.covering(FactChange("m0", "SMT", "6.1", "6.6")) == frozenset()

"""Limits of emulated machines, held by the kernel: processors, cores, memory and disk; and that their control groups go."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from series import Series
from support import eventually, limit
from talk import talking, until

from wke.act.connection.telemetry import WatchOrder
from wke.act.emulation import emulation
from wke.act.emulation.emulation import Emulation
from wke.agent.cgroups import hierarchies
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, MachineSpec
from wke.describe.cluster.machinelimits import MachineLimits
from wke.errors import InputError

HERE = hierarchies()
V1 = {"cpu", "cpuacct", "cpuset", "memory", "blkio"} <= HERE.keys() and os.geteuid() == 0
pytestmark = [pytest.mark.netns, pytest.mark.skipif(not V1, reason="needs root and cgroup v1")]

BURN = """
import os, sys, time
end = time.monotonic() + float(sys.argv[1])
child = os.fork()
while time.monotonic() < end: pass
if child: os.waitpid(child, 0)
"""
ALLOCATE = "import sys; data = bytearray(int(sys.argv[1]) << 20); data[::4096] = b'x' * len(data[::4096]); print(len(data) >> 20)"


def cluster(limits: Mapping[str, MachineLimits], path: Path | None = None) -> ClusterSpec:
    """Return a cluster of two emulated machines, m0 and m1, with limits."""
    machines = tuple(MachineSpec(f"m{n}", n, None, str(LOCAL_NETWORK[n + 2])) for n in range(2))
    return ClusterSpec(path=path, provider="local", machines=machines, limits=limits)


LIMITED = cluster({"m0": MachineLimits(cpus=0.2, memory=64 << 20, disk_rate=1 << 20, cores=(0,)), "m1": MachineLimits(memory=256 << 20)})


@pytest.fixture(autouse=True)
def in_folder(keepers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this module's machines where the other tests keep theirs."""
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(keepers))
    monkeypatch.delenv("WKE_EMULATION", raising=False)


@pytest.fixture
def limited() -> Iterator[Emulation]:
    """Yield machines with limits."""
    with emulation.up(LIMITED, keep=False) as made:
        yield made


def run(made: Emulation, machine: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine."""
    return subprocess.run([*made.transport(machine), *command], capture_output=True, text=True, timeout=limit(60), check=False)


def group(made: Emulation, machine: str, controller: str) -> Path:
    """Return the folder of a machine's control group."""
    (entry,) = [entry for entry in made.machines[machine].groups if entry.startswith(f"/sys/fs/cgroup/{controller}/")]
    return Path(entry).parent


def groups(keeper: int) -> list[Path]:
    """Return the folders of the control groups that a keeper has made."""
    return [path for folder in HERE.values() for path in Path(os.fsdecode(folder)).glob(f"wke-machines-{keeper}-*")]


def test_the_kernel_keeps_the_limits(limited: Emulation) -> None:
    """Two burners together use a fifth of a processor, on one core; a process that needs more memory is killed; direct writes are counted.

    The machine's series and its fingerprint say so.
    """
    assert [note for note in limited.missing if "direct and synced writes only" in note]
    usage, stat = group(limited, "m0", "cpuacct") / "cpuacct.usage", group(limited, "m0", "cpu") / "cpu.stat"
    (stat.parent / "cpu.shares").write_text("262144")  # before all others: only the limit holds it back
    assert run(limited, "m0", "python3", "-c", BURN, "0").returncode == 0
    before, periods = int(usage.read_text()), dict(line.split() for line in stat.read_text().splitlines())
    assert run(limited, "m0", "python3", "-c", BURN, "0.5").returncode == 0
    used_ns, after = int(usage.read_text()) - before, dict(line.split() for line in stat.read_text().splitlines())
    allowed_ns = (int(after["nr_periods"]) - int(periods["nr_periods"]) + 1) * 2_000_000
    assert used_ns <= 1.05 * allowed_ns + 4_000_000  # a tick beyond
    assert int(after["throttled_time"]) > int(periods["throttled_time"])
    assert run(limited, "m0", "python3", "-c", "import os; print(*os.sched_getaffinity(0))").stdout == "0\n"
    assert run(limited, "m0", "python3", "-c", ALLOCATE, "20").stdout == "20\n"
    assert run(limited, "m0", "python3", "-c", ALLOCATE, "100").returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
    assert run(limited, "m1", "python3", "-c", ALLOCATE, "100").stdout == "100\n"
    serviced = group(limited, "m0", "blkio") / "blkio.throttle.io_service_bytes"
    rates = (serviced.parent / "blkio.throttle.write_bps_device").read_text().split()
    assert rates[1:] == [str(1 << 20)]
    assert run(limited, "m0", "dd", "if=/dev/zero", "of=file", "bs=64k", "count=4", "oflag=direct").returncode == 0
    assert f"{rates[0]} Write {256 << 10}" in serviced.read_text()
    series = Series()

    async def body() -> Mapping[str, str]:
        async with talking(limited.transport("m0")) as talk:
            order = WatchOrder(0.05, 0, ("machine", "task"), shared=True)
            channel = (await talk.connection.telemetry.watch(order, series.receive)).channel
            await until(lambda: series.rows)
            await talk.connection.telemetry.finish(channel)
            return await talk.connection.examine()

    facts, row = asyncio.run(body()), series.rows["machine"][0]
    assert (row["cpu.throttled"] or 0) >= int(after["throttled_time"]) // 1000 > 0
    assert (row["cpu.capacity"], row["memory.total"], row["disk.capacity"]) == (200_000, 64 << 20, 1 << 20)
    kinds = ("usable processors", "limit of processors", "limit of memory", "limit of disk rate")
    assert [facts[kind] for kind in kinds] == ["1", "0.2", f"{64 << 20} B", f"{1 << 20} B/s"]


@pytest.mark.parametrize("end", ["close", "kill"])
def test_control_groups_go_with_the_machines(end: str) -> None:
    """Also when the keeper was killed while a program ran on a machine: the next command at the latest removes them."""
    with emulation.up(LIMITED, keep=False) as made:
        assert made.keeper is not None
        keeper = made.keeper.pid
        assert len(groups(keeper)) >= 5
        with subprocess.Popen([*made.transport("m0"), "sh", "-c", "echo up; exec sleep 1000"], stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            program.stdout.readline()
            if end == "kill":
                os.kill(keeper, signal.SIGKILL)
                assert program.wait(limit(30)) != 0
                other = replace(LIMITED, path=Path("/no/such/cluster.toml"))
                eventually(lambda: emulation.find(other) is None and groups(keeper) == [])
            else:
                made.close()
        assert groups(keeper) == []


def test_what_cannot_be_kept_is_refused_or_tried(tmp_path: Path) -> None:
    """A limit beyond this computer is an error with its place and reason, and no machine is left; with `try` it is a note, and others hold."""
    many = len(os.sched_getaffinity(0))
    wanted = cluster({"m0": MachineLimits(cpus=many + 1.0, cores=(0,)), "m1": MachineLimits(cores=(999,))}, tmp_path / "cluster.toml")
    with pytest.raises(InputError) as caught:
        emulation.up(wanted, keep=False)
    assert str(caught.value).splitlines()[0] == (
        f"{tmp_path}/cluster.toml: limits: these limits cannot be kept: cpus of m0: this computer has {many} processors, not {many + 1}"
    )
    with emulation.up(replace(wanted, tries_limits=True), keep=False) as made:
        assert [note.partition(": ")[2].partition(":")[0] for note in made.missing if "do not hold" in note] == [
            "cpus of m0",
            "cores of m1",
        ]
        assert run(made, "m0", "python3", "-c", "import os; print(*os.sched_getaffinity(0))").stdout == "0\n"
    with pytest.raises(InputError, match="only machines that are emulated as root can be limited"):
        emulation.up(wanted, keep=False, mode="user-namespaces")
    assert [p for p in Path(os.environ["WKE_EMULATION_FOLDER"]).iterdir() if p.name.startswith("own-")] == []

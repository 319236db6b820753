"""What tasks and emulated machines use, beside scripts that use known amounts: over every way in which it is found out."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from series import Row, Series
from talk import Talk, talking

from wke.act.connection.telemetry import WatchOrder
from wke.act.emulation import emulation
from wke.agent.cgroups import counting, hierarchies
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, MachineSpec

ROOT = os.geteuid() == 0
HIDE_GROUPS = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'
MEMORY, BYTES, THREADS, DESCRIPTORS = 128 << 20, 16 << 20, 5, 20
USE = b"""#!/bin/bash
sleep 0.1
python3 -c '
import os, resource, threading, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass

time.sleep(0.3)
for _ in range(5): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
files = [open(os.devnull) for _ in range(20)]
held = bytearray(128 << 20)
held[::4096] = bytes([1]) * len(held[::4096])
with open("used-by-a-test", "wb+", buffering=0) as file:
    os.unlink("used-by-a-test")
    file.write(bytes(16 << 20))
    os.fsync(file.fileno())
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    file.seek(0)
    while file.read(1 << 20): pass
burn(0.3)
for _ in range(4):
    if not os.fork():
        burn(0.05)
        os._exit(0)
    os.wait()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
time.sleep(0.3)
print(int(sum(one.ru_utime + one.ru_stime for one in used) * 1e6), flush=True)
time.sleep(1000)
'
"""
AGENT_US = 100_000  # what the agent itself may use on a machine with other work


async def use(talk: Talk, series: Series, *, shared: bool) -> tuple[Sequence[Row], int]:
    """Run the script under observation; return its rows from when it began to use things, and the processor time that it says it has used."""
    order = WatchOrder(0.05, 0, ("machine", "task"), shared=shared)
    channel = (await talk.connection.telemetry.watch(order, series.receive)).channel
    task = await talk.start(USE)
    await task.says(b"\n", 30)
    await talk.connection.telemetry.finish(channel)
    (rows,) = [rows for scope, rows in series.rows.items() if scope.startswith("task.")]
    begun = max(index for index, row in enumerate(rows) if row["threads"] == 2)
    return rows[begun:], int(task.said())


def differences(rows: Sequence[Row], name: str) -> int:
    """Return by how much a column has grown from the first row to the last."""
    known = [value for row in rows if (value := row[name]) is not None]
    return known[-1] - known[0]


def check_task(rows: Sequence[Row], used_us: int) -> None:
    """Compare the series of the task with what it has used."""
    assert rows[-1]["cpu"] == pytest.approx(used_us, rel=0.05)
    assert differences(rows, "memory") == pytest.approx(MEMORY, rel=0.02)
    assert differences(rows, "written") == pytest.approx(BYTES, rel=0.02)
    assert differences(rows, "read") == pytest.approx(BYTES, rel=0.02)
    assert rows[-1]["threads"] == 2 + THREADS
    assert differences(rows, "descriptors") == DESCRIPTORS


def group_of(talk: Talk) -> Path:
    """Return the control group of a connection's tasks, which need not be there."""
    home = os.fsdecode(counting(hierarchies()) or b"/nowhere")
    return Path(home) / talk.connection.hello.workfolder.rpartition("/")[2].replace("wke-", "wke-tasks-")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("groups", marks=pytest.mark.skipif(not ROOT, reason="needs root")),
        pytest.param("processes", marks=pytest.mark.skipif(not ROOT, reason="needs root to hide the groups")),
        pytest.param("ssh", marks=pytest.mark.sshd),
    ],
)
def test_a_task_is_measured_as_it_is(way: str, request: pytest.FixtureRequest) -> None:
    """Processor time with that of ended children, memory, disk bytes, threads and descriptors; its group is gone in the end."""
    transport = request.getfixturevalue("sshd").transport if way == "ssh" else []
    if way == "processes":
        transport = ["unshare", "-m", "sh", "-c", HIDE_GROUPS, "sh", *transport]
    series = Series()

    async def body() -> tuple[Sequence[Row], int]:
        async with talking(transport) as talk:
            found = await use(talk, series, shared=False)
            groups.append(group_of(talk))
            assert groups[0].exists() == (way != "processes" and counting(hierarchies()) is not None and ROOT)
            return found

    groups: list[Path] = []
    rows, used_us = asyncio.run(body())
    check_task(rows, used_us)
    assert not groups[0].exists()


@pytest.mark.netns
@pytest.mark.parametrize("mode", ["namespaces", "user-namespaces"])
def test_an_emulated_machine_is_measured_as_it_is(mode: str, keepers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own series, not its host's, from its group or from its processes; and those of its tasks."""
    if mode == "namespaces" and not ROOT:
        pytest.skip("needs root")
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(keepers))
    series = Series()
    machine = MachineSpec("m0", 0, None, str(LOCAL_NETWORK[2]))
    with emulation.up(ClusterSpec(path=None, provider="local", machines=(machine,)), keep=False, mode=mode) as made:

        async def body() -> tuple[Sequence[Row], int]:
            async with talking(made.transport("m0")) as talk:
                return await use(talk, series, shared=True)

        rows, used_us = asyncio.run(body())
    check_task(rows, used_us)
    since, started_us = series.rows["machine"][-len(rows) :], rows[0]["cpu"] or 0
    assert used_us - started_us <= 1.05 * differences(since, "cpu.busy") <= 1.1 * used_us + AGENT_US
    assert differences(since, "memory.used") == pytest.approx(MEMORY, rel=0.02)
    assert differences(since, "disk.written") == pytest.approx(BYTES, rel=0.02)
    assert differences(since, "disk.read") == pytest.approx(BYTES, rel=0.02)
    assert differences(since, "threads") == THREADS
    assert since[-1]["cpu.capacity"] == 1_000_000 * len(os.sched_getaffinity(0))

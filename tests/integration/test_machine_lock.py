"""One series a machine at a time: the machine's lock names its holder, and is free when nothing of its holder is left there."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from projects import Project
from support import LEASE, alive, eventually, limit
from talk import talking, until

from wke.act.connection.claim import Claim
from wke.act.connection.connection import Connection
from wke.act.providers.provide import provide
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.errors import MachineError
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan

STUBBORN = b"#!/bin/bash\ntrap '' TERM HUP INT\necho $$\nwhile :; do sleep 0.05; done\n"


@pytest.fixture
def claim() -> Claim:
    """Return a claim to a machine that no other test claims."""
    return Claim(f"test-{uuid4().hex}", "series first, pid 1 of anna on desk", 0.2)


def holding(claim: Claim) -> dict:
    return {"made": lambda machine, lease_s: Connection(machine, lease_s, claim)}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def files(claim: Claim) -> list[Path]:
    return list(Path("/tmp").glob(f"wke-lock-{claim.name}*"))


async def refused(transport: Sequence[str], claim: Claim) -> str:
    """Return what somebody is told who wants the machine now."""
    with pytest.raises(MachineError) as caught:
        async with talking(transport, **holding(replace(claim, holder="series second"))):
            pass
    return str(caught.value)


def test_who_wants_a_machine_that_is_held_is_told_by_whom(transport: Sequence[str], claim: Claim) -> None:
    """The error names the holder and the way out; a command that claims nothing gets in, and afterwards the machine is free and clean."""

    async def body() -> None:
        async with talking(transport, **holding(claim)):
            error = await refused(transport, claim)
            assert "machine m: locking it failed" in error
            assert f"it is held by {claim.holder}\n" in error
            assert "--on" in error
            async with talking(transport) as free:
                assert (await free.run(b"#!/bin/sh\n")).outcome == "ok"
        assert files(claim) == []
        async with talking(transport, **holding(claim)):
            assert len(files(claim)) == 1

    asyncio.run(body())


@pytest.mark.parametrize("victim", ["agent", "guardian"])
def test_the_lock_is_held_until_the_last_process_is_gone(transport: Sequence[str], claim: Claim, victim: str) -> None:
    """Kill the agent or its guardian: who waits for the machine gets it when the stubborn process of the first is dead, not before."""

    async def body() -> None:
        async with talking(transport, **holding(claim)) as first:
            task = await first.start(STUBBORN)
            await task.says(b"\n")
            target, agent = int(task.said()), first.connection.hello.pid
            os.kill(agent if victim == "agent" else parent(agent), signal.SIGKILL)
            assert alive(target)
            async with talking(transport, **holding(replace(claim, wait_s=15.0))):
                assert not alive(target)
            await until(first.connection.lost.is_set)

    asyncio.run(body())


def test_a_lock_that_was_left_behind_is_taken_by_the_next(transport: Sequence[str], claim: Claim) -> None:
    """A file is no lock: only the kernel's lock on it counts."""
    left = Path("/tmp") / f"wke-lock-{claim.name}"
    left.write_text("series old\n")

    async def body() -> None:
        async with talking(transport, **holding(claim)):
            pass

    asyncio.run(body())
    left.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (lambda place, _: place.mkdir(), "Is a directory"),
        (lambda place, victim: place.symlink_to(victim), "Too many levels of symbolic links"),
        (lambda place, victim: place.hardlink_to(victim), "it is not a plain file, or has another name elsewhere"),
        (lambda place, _: os.mkfifo(place), "it is not a plain file"),
    ],
    ids=["folder", "link", "hard link", "pipe"],
)
def test_a_lock_that_cannot_be_made_is_an_error(claim: Claim, plant: Callable[[Path, Path], None], why: str) -> None:
    """What lies in its place, and is no file of its own, is named and not written to: others can know the name beforehand."""
    with TemporaryDirectory(dir="/tmp") as folder:
        victim, place = Path(folder, "victim"), Path("/tmp") / f"wke-lock-{claim.name}"
        victim.write_text("precious")
        plant(place, victim)
        try:
            error = asyncio.run(refused([], claim))
        finally:
            place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
        assert f"cannot use its lock {place}: {why}" in error
        assert victim.read_text() == "precious"


def test_two_names_for_one_host_are_told(claim: Claim) -> None:
    """A command that meets its own lock has the host under two names; the hint says what to do."""

    async def body() -> str:
        async with talking([], **holding(claim)):
            with pytest.raises(MachineError) as caught:
                async with talking([], **holding(claim)):
                    pass
            return str(caught.value)

    error = asyncio.run(body())
    assert "this command itself holds it: another machine of the cluster is the same host" in error
    assert "give both machines the same external-addr" in error


SERIES = """
[experiment]
configuration = "kv"
seed = 1
[[steps]]
target = "work"
on = "all"
measure = true
[metrics]
value = { join = "sum" }
"""

WORK = """#!/bin/bash
trap '' TERM HUP INT
note() {{ echo "{{\\"what\\": \\"$1\\", \\"pid\\": $$, \\"machine\\": \\"$WKE_MACHINE\\", \\"at\\": $(date +%s%N)}}" >> {ledger}/ledger; }}
exec 9<>{ledger}/$WKE_MACHINE
flock -n 9 || note overlap
note begin
while [ ! -e {ledger}/go ]; do sleep 0.02; done
echo "wke: value=1"
note end
"""


@pytest.fixture(params=[pytest.param("kept", marks=pytest.mark.netns), pytest.param("ssh", marks=pytest.mark.sshd)])
def staying(request: pytest.FixtureRequest, emulated: Project, ssh_cluster: str) -> Iterator[Project]:
    """Yield a series on machines that stay, m0 and others, whose target ignores every signal that can be ignored."""
    kept = request.param == "kept"
    if not kept:
        emulated.write("cluster.toml", ssh_cluster)
    emulated.targets(work=WORK.format(ledger=emulated.folder / "ledger"))
    emulated.write("experiments/series.toml", SERIES)
    if kept:
        assert emulated.wke("cluster", "up").status == 0
    yield emulated
    if kept:
        emulated.wke("cluster", "down")


def noted(project: Project, what: str) -> list[dict]:
    return [note for note in project.ledger() if note["what"] == what]


def check_ended_well(process: "subprocess.Popen[str]") -> None:
    out = process.communicate(timeout=limit(60))
    assert process.returncode == 0, out


def test_attempts_do_not_overlap_when_the_controller_is_killed(staying: Project) -> None:
    """Give the command again at once after kill -9: it waits for the last process of the old attempt, and then runs."""
    first = staying.start("measure", "experiments/series.toml", "--on", "m0", "--no-figures")
    eventually(lambda: noted(staying, "begin"), within_s=30)
    first.kill()
    first.communicate()
    second = staying.start("measure", "experiments/series.toml", "--on", "m0", "--no-figures")
    eventually(lambda: len(noted(staying, "begin")) == 2, within_s=30)
    staying.write("ledger/go", "")
    check_ended_well(second)
    assert not noted(staying, "overlap")


def test_two_series_share_a_cluster_but_no_machine(staying: Project) -> None:
    """Beside a series on m0 another one runs on m1; one that wants m0, too, is told whose it is."""
    staying.write("experiments/other.toml", SERIES)
    first = staying.start("measure", "experiments/series.toml", "--on", "m0", "--no-figures")
    second = staying.start("measure", "experiments/other.toml", "--on", "m1", "--no-figures")

    def both() -> bool:
        return {note["machine"] for note in noted(staying, "begin")} == {"m0", "m1"}

    eventually(lambda: both() or first.poll() is not None or second.poll() is not None, within_s=40)
    assert both(), [process.communicate(timeout=1) for process in (first, second) if process.poll() is not None]
    third = staying.write("experiments/third.toml", SERIES)
    staying.edit("cluster.toml", "[cluster]", '[cluster]\nconnect-timeout = "6s"')  # of which it waits one half
    refused = staying.wke("measure", str(third), "--on", "m0", "--no-figures")
    assert refused.status == 3
    assert f"it is held by series series, pid {first.pid} of " in refused.err
    staying.write("ledger/go", "")
    check_ended_well(first)
    check_ended_well(second)


@pytest.mark.sshd
@pytest.mark.parametrize("staying", ["ssh"], indirect=True)
def test_a_detached_trial_keeps_its_machines(staying: Project) -> None:
    """Its command is killed, and the machine is still its own; who takes it up signs the lock, and abandoning it frees the machine."""
    staying.edit("cluster.toml", f'lease = "{LEASE}"', 'lease = "60s"\nconnect-timeout = "6s"')
    staying.write("experiments/other.toml", SERIES)
    other = ("measure", "experiments/other.toml", "--on", "m0", "--no-figures")
    series = ("measure", "experiments/series.toml", "--on", "m0", "--no-figures", "--detach")
    first = staying.start(*series)
    eventually(lambda: noted(staying, "begin"), within_s=30)
    first.kill()
    first.communicate()
    results = staying.folder / "results"
    results.rename(staying.folder / "aside")  # as for a colleague, who knows nothing of it
    assert f"held by series series, pid {first.pid} of" in staying.wke(*other).err
    shutil.rmtree(results)
    (staying.folder / "aside").rename(results)
    second = staying.start(*series)
    eventually(lambda: f"pid {second.pid} of" in staying.wke(*other).err, within_s=30)
    second.kill()
    second.communicate()
    assert staying.wke("abandon").status == 0
    staying.write("ledger/go", "")
    assert staying.wke(*other).status == 0


def test_drift_is_told(staying: Project) -> None:
    """A fingerprint is kept with each command that measures; the next one says what is no longer as it was."""
    staying.write("ledger/go", "")
    staying.edit("experiments/series.toml", "seed = 1", "seed = 1\niterations = 1")
    assert "not as it was" not in staying.measure("--on", "m0").err
    with Store.open(staying.folder / "results", series="series") as store:
        ((machine, facts),) = store.examinations.latest().items()
        assert facts["kernel"] == f"Linux {os.uname().release}"
        store.examinations.record(
            store.writer.begin_series("series", StoredPlan("scale.toml", 1), command=""), {machine: facts | {"kernel": "Linux 2.4"}}
        )
    staying.edit("experiments/series.toml", "iterations = 1", "iterations = 2")
    drifted = staying.measure("--on", "m0")
    assert f"not as it was when it was last measured on: kernel was Linux 2.4, and is {facts['kernel']}" in drifted.err
    staying.edit("experiments/series.toml", "iterations = 2", "iterations = 3")
    assert "not as it was" not in staying.measure("--on", "m0").err


def test_a_host_that_is_listed_twice_has_two_locks() -> None:
    """What is one host to ssh, in the eyes of the cluster file, does not shut itself out."""
    addresses = ("node1", "node2", "node1", "node1")
    machines = tuple(MachineSpec(f"m{index}", index, address, address) for index, address in enumerate(addresses))
    with provide(ClusterSpec(None, "ssh", machines)) as place:
        assert place.locks == {"m0": "host", "m1": "host", "m2": "host1", "m3": "host2"}

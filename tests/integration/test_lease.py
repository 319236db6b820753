"""Whoever dies or falls silent, nothing of a connection stays on the machine: no process, no folder, within lease + 5 s."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import controller
import pytest
from support import alive, eventually, limit, marked, parent
from talk import Talk, talk, until

from wke.act.connection import bootstrap
from wke.act.connection.untrusted import Left

LEASE_S = 1.0
ENOUGH_S = LEASE_S + 5


@dataclass(frozen=True, slots=True)
class Victim:
    """A controller process with a script running, and all the processes that this means."""

    controller: subprocess.Popen[bytes]
    agent: int
    guardian: int
    carrier: int  # the transport's process, as the controller knows it
    workfolder: str
    processes: tuple[int, ...]

    def left(self) -> list[int]:
        """Return what still lives of it on the machine."""
        return [p for p in (*self.processes, self.agent, self.guardian, *marked(self.workfolder)) if alive(p)]

    def gone(self) -> bool:
        return not self.left() and not Path(self.workfolder).exists()


def below(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if parent(int(entry.name)) == pid:
                found += [int(entry.name), *below(int(entry.name))]
    return found


@contextmanager
def running(transport: Sequence[str], lease_s: float = LEASE_S) -> Iterator[Victim]:
    """Start a controller and wait until its script and both daemons run."""
    command = [sys.executable, controller.__file__, json.dumps(list(transport)), str(lease_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        agent, workfolder, carrier, _ = json.loads(process.stdout.readline())
        eventually(lambda: len(below(agent)) >= 4)
        yield Victim(process, agent, parent(agent), carrier, workfolder, tuple(below(agent)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.communicate()


@pytest.mark.parametrize("who", ["controller", "carrier", "agent", "guardian"])
def test_kill_dash_nine_leaves_nothing(transport: Sequence[str], who: str) -> None:
    """Without any last word: the others notice, and clean up long before a lease would have run out."""
    with running(transport, lease_s=30) as victim:
        pid = victim.controller.pid if who == "controller" else getattr(victim, who)
        os.kill(pid, signal.SIGKILL)
        eventually(victim.gone, within_s=ENOUGH_S)


@pytest.mark.parametrize("who", ["controller", "carrier", "agent"])
def test_silence_ends_with_the_lease(transport: Sequence[str], who: str) -> None:
    """A process that hangs (SIGSTOP) says nothing: when the lease is over the machine is cleaned up, and not before."""
    if who == "carrier" and not transport:
        who = "controller"  # without a transport of its own the agent is the controller's child
    with running(transport) as victim:
        pid = victim.controller.pid if who == "controller" else getattr(victim, who)
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            eventually(victim.gone, within_s=ENOUGH_S)
            assert time.monotonic() - began > LEASE_S / 2
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_lease_that_is_renewed_lasts(transport: Sequence[str]) -> None:
    """A task that runs for several leases is not disturbed."""

    async def body(one: Talk) -> None:
        run = await one.run(b"sleep %f; echo done" % (5 * lease_s))
        assert (run.outcome, run.out) == ("ok", b"done\n")

    lease_s = limit(0.5)
    talk(transport, body, lease_s=lease_s)


def test_silence_shorter_than_the_lease_is_survived(transport: Sequence[str]) -> None:
    """The machine hangs for a while, as when its network is cut: the task goes on, and all that it said arrives."""

    async def body(one: Talk) -> None:
        task = await one.start(b"echo $$; until [ -e $WKE_DIR/go ]; do sleep 0.05; done; echo on")
        await task.says(b"\n")
        agent = one.connection.hello.pid
        folder = Path(one.connection.hello.workfolder, f"task-{task.running.channel}")
        os.kill(agent, signal.SIGSTOP)
        try:
            beaten = one.connection.link._heartbeat.beat_at
            (folder / "go").touch()
            await until(lambda: one.connection.link._heartbeat.beat_at > beaten)
        finally:
            os.kill(agent, signal.SIGCONT)
        end = await task.running.wait()
        assert (str(end.outcome), task.said().split()[1:]) == ("ok", [b"on"])

    talk(transport, body, lease_s=limit(2.0))


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("agent", "the agent was killed by signal 9 (perhaps by the kernel, because memory ran out); all that ran there"),
        ("guardian", "the agent gave up: its guardian was killed"),
    ],
)
def test_who_was_killed_is_told(transport: Sequence[str], who: str, words: str) -> None:
    """In words, with the task that is lost by it."""

    async def body(one: Talk) -> None:
        task = await one.start(b"echo; sleep 1000")
        await task.says(b"\n")
        agent = one.connection.hello.pid
        os.kill(agent if who == "agent" else parent(agent), signal.SIGKILL)
        end = await task.running.wait()
        assert str(end.outcome) == "lost"
        assert words in end.detail

    talk(transport, body)


def test_an_agent_without_memory_says_so(transport: Sequence[str]) -> None:
    """Its own limit is really hit, while a script writes; the machine is clean afterwards."""
    script = b"#!/bin/bash\nread -r size _ </proc/$PPID/statm\nprlimit --pid $PPID --as=$(((size + 256) * 4096))\nhead -c 1G /dev/zero; sleep 1000"

    async def body(one: Talk) -> None:
        end = (await one.run(script)).end
        assert str(end.outcome) == "lost"
        assert "out of memory" in end.detail
        await until(lambda: marked(one.connection.hello.workfolder) == [] and not Path(one.connection.hello.workfolder).exists())

    talk(transport, body)


def test_a_controller_that_never_begins_is_not_waited_for() -> None:
    """Cut off before its first frame there is no lease yet: what was started on the machine ends by itself."""
    reader = bootstrap.READER.replace("alarm(60)", "alarm(1)")
    assert reader != bootstrap.READER
    with subprocess.Popen([bootstrap.SYSTEM_PYTHON, "-c", reader], stdin=subprocess.PIPE) as python:
        assert python.wait(limit(30)) == -signal.SIGALRM


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_losing_contact_ends_tasks_as_lost(transport: Sequence[str], how: str) -> None:
    """The controller is told, within the lease: each running task ends lost, what waits for an answer fails, and closing works."""

    async def body(one: Talk) -> None:
        task = await one.start(controller.SCRIPT)
        await task.says(b"\n")
        number = signal.SIGKILL if how == "killed" else signal.SIGSTOP
        agent = one.connection.hello.pid
        os.kill(agent, number)
        async with asyncio.timeout(limit(ENOUGH_S)):
            end = await task.running.wait()
        assert str(end.outcome) == "lost"
        assert end.detail
        assert one.connection.lost.is_set()
        assert await one.connection.tasks.clear() == Left()
        assert (await one.run(b"true")).outcome == "unreachable"
        await one.connection.close()
        await until(lambda: not alive(agent) and not Path(one.connection.hello.workfolder).exists(), ENOUGH_S)

    talk(transport, body, lease_s=LEASE_S)

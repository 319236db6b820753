"""What was started can be stopped, all of it, and what stops it is told."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import alive, eventually, limit
from talk import Talk, talk, until

from wke.act.connection.untrusted import Left
from wke.act.providers.place import Place
from wke.act.session.steps import run_steps, steps_session
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.step import PlannedStep
from wke.errors import MachineError

DAEMON = b"""
import os, sys, time
def daemon(environment):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.execve("/bin/sleep", ["sleep", "1000"], environment)
"""
BECOMES_ROOT = b"import os\nos.setresgid(0, 0, 0)\nos.setresuid(0, 0, 0)\ndaemon(os.environ)\n"
CAPABILITIES = "+setuid,+setgid"
AS_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"]
"""A login that may become root, as by sudo, but not send signals to root's processes."""
HOSTILE = {
    "sleeps": (b"#!/bin/sh\necho $$; exec sleep 1000", "SIGTERM", 1),
    "ignores SIGTERM": (b"#!/bin/sh\ntrap '' TERM; echo $$; while :; do sleep 1000; done", "SIGKILL", 2),
    "ignores everything, has children": (
        b"#!/bin/bash\ntrap '' TERM HUP INT QUIT\nfor i in 1 2 3; do (trap '' TERM; sleep 1000) & done\necho $$; wait",
        "SIGKILL",
        4,
    ),
    "stopped": (b"#!/bin/sh\necho $$; kill -STOP $$", "SIGTERM", 1),
    "daemon by double fork": (
        b"#!/usr/bin/env python3" + DAEMON + b"daemon(os.environ)\nprint(os.getpid(), flush=True)\ntime.sleep(1000)",
        "SIGTERM",
        2,
    ),
    "daemon without environment": (
        b"#!/usr/bin/env python3" + DAEMON + b"daemon({})\nprint(os.getpid(), flush=True)\ntime.sleep(1000)",
        "SIGTERM",
        2,
    ),
    "env -i under setsid": (b"#!/bin/sh\n(setsid env -i sleep 1000 >/dev/null 2>&1 &)\necho $$; sleep 1000; :", "SIGTERM", 3),
    "a hundred children": (b"#!/bin/bash\nfor i in {1..100}; do sleep 1000 & done\necho $$; wait", "SIGTERM", 101),
    "closed its output": (b"#!/bin/sh\necho $$; exec >&- 2>&-; sleep 1000; :", "SIGTERM", 2),
    "starts others when asked to end": (b"#!/bin/bash\ntrap 'while :; do sleep 1000; done' TERM\necho $$; sleep 1000 & wait", "SIGKILL", 2),
}


def session(hello_pid: int) -> list[int]:
    """Return the living descendants of the agent, whatever they are."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, pending = [], [hello_pid]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_stopping_a_task_stops_all_of_it(transport: Sequence[str], name: str) -> None:
    """Whatever the script does against it, nothing of it lives on, and the rung that was needed is told."""
    script, rung, processes = HOSTILE[name]

    async def body(one: Talk) -> None:
        task = await one.start(script, grace_s=1.0)
        await task.says(b"\n")
        await until(lambda: len(session(one.connection.hello.pid)) >= processes)
        began = time.monotonic()
        end = await task.running.stop()
        assert session(one.connection.hello.pid) == []
        assert (str(end.outcome), end.rung) == ("cancelled", rung)
        assert time.monotonic() - began < limit(6)
        assert (await one.run(b"echo well")).out == b"well\n"

    talk(transport, body)


def test_a_timeout_is_told_and_stops_all_of_it(transport: Sequence[str]) -> None:
    """The machine itself looks at the clock; a child that ignores SIGTERM is killed too."""

    async def body(one: Talk) -> None:
        run = await one.run(b"(trap '' TERM; echo said; sleep 1000; :) & wait", timeout_s=limit(0.3), grace_s=0.3)
        assert (run.outcome, run.end.rung, run.out) == ("timed-out", "SIGKILL", b"said\n")
        assert 0.3 <= run.end.elapsed_s < limit(5)
        assert session(one.connection.hello.pid) == []
        assert (await one.run(b"true", timeout_s=30)).outcome == "ok"

    talk(transport, body)


def test_a_script_that_tidies_up_is_given_the_time(transport: Sequence[str]) -> None:
    """Within the grace a trap runs to its end and its output arrives; the outcome is still that it was stopped."""

    async def body(one: Talk) -> None:
        task = await one.start(b"trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
        await task.says(b"ready")
        end = await task.running.stop()
        assert (str(end.outcome), end.rung) == ("cancelled", "SIGTERM")
        assert task.said() == b"ready\ntidied\n"

    talk(transport, body)


def test_commands_of_a_handler_live_until_the_grace_ends(transport: Sequence[str]) -> None:
    """The signal is the task's own; what its handler starts is not asked to end, but killed with all else when the grace is over."""

    async def body(one: Talk) -> None:
        script = b"trap 'sleep 0.2; echo slept; exec sleep 1000' INT; echo ready; while :; do sleep 0.05; done"
        task = await one.start(script, stop_signal="SIGINT", grace_s=limit(0.6))
        await task.says(b"ready")
        end = await task.running.stop()
        assert (str(end.outcome), end.rung, task.said()) == ("cancelled", "SIGKILL", b"ready\nslept\n")
        assert session(one.connection.hello.pid) == []

    talk(transport, body)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes of several users")
@pytest.mark.parametrize("hides", [False, True], ids=["seen", "hidden"])
def test_what_cannot_be_stopped_is_named(hides: bool) -> None:  # noqa: FBT001 - a table
    """A daemon that became root's survives a user's agent: it is told by name and user, or that /proc hides it, and soon."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"]

    async def body(one: Talk) -> None:
        script = b"#!/usr/bin/env python3" + DAEMON + BECOMES_ROOT
        assert (await one.run(script, grace_s=0.3, workdir="/")).outcome == "ok"
        (survivor,) = (await one.connection.tasks.clear(grace_s=0.3)).survivors
        name, _, pid = survivor.partition(" (pid ")
        os.kill(int(pid.partition(")")[0]), signal.SIGKILL)
        assert (name, pid.partition(")")[2]) == (("a process that /proc hides", "") if hides else ("sleep", " of root"))
        await until(lambda: not alive(int(pid.partition(")")[0])))
        assert await one.connection.tasks.clear() == Left()

    talk([*(hidden if hides else []), *AS_USER], body)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes of several users")
def test_what_cannot_be_stopped_fails_a_command() -> None:
    """A target that went well but leaves a daemon of root behind is no success: the error names it, the machine, and what to do."""
    machine = MachineSpec("m", 0, None, "127.0.0.1")
    script = b"#!/usr/bin/env python3" + DAEMON + BECOMES_ROOT
    step = PlannedStep(0, TargetSpec("starts", "", content=script), (machine,), workdir="/", grace_s=0.3)
    place = Place(ClusterSpec(None, "local", (machine,)), {"m": AS_USER}, {})
    with pytest.raises(MachineError) as caught:
        asyncio.run(run_steps(steps_session(place, [step], lambda _: None), [step]))
    (problem,) = caught.value.problems
    what, _, pid = problem.what.partition("(pid ")
    os.kill(int(pid.partition(")")[0]), signal.SIGKILL)
    assert (what, pid.partition(")")[2], "sudo kill PID" in str(problem.hint)) == ("could not be stopped on m: sleep ", " of root", True)


def test_stopping_what_ended_changes_nothing(transport: Sequence[str]) -> None:
    """The outcome of a task that ended by itself stays; stopping twice, or by two at once, is fine."""

    async def body(one: Talk) -> None:
        task = await one.start(b"exit 4")
        await task.running.wait()
        assert str((await task.running.stop()).outcome) == "failed(4)"
        other = await one.start(b"sleep 1000")
        first, second = await asyncio.gather(other.running.stop(), other.running.stop())
        assert first is second

    talk(transport, body)


def test_a_successful_tasks_daemons_live_until_the_connection_closes(transport: Sequence[str]) -> None:
    """A target may start a server and end; the server is stopped, and named, when the connection closes."""
    pids = []

    async def body(one: Talk) -> None:
        run = await one.run(b"(setsid sleep 1000 >/dev/null 2>&1 & echo $!)")
        pids.append(int(run.out))
        assert run.outcome == "ok"
        failed = await one.run(b"exit 1")
        assert (failed.outcome, failed.end.rung) == ("failed(1)", "")
        other = await one.start(b"exec sleep 1000")
        await other.running.stop()
        assert alive(pids[0])
        assert await one.connection.close() == Left((f"sleep (pid {pids[0]})",))

    talk(transport, body)
    assert not alive(pids[0])


def test_an_unmarked_daemon_of_an_earlier_task_is_left_alone(transport: Sequence[str]) -> None:
    """A daemon that shed environment and session belongs to the task it was started in, not to the one that is stopped later."""

    async def body(one: Talk) -> None:
        run = await one.run(b"#!/usr/bin/env python3" + DAEMON + b"daemon({})\n")
        assert run.outcome == "ok"
        await until(lambda: len(session(one.connection.hello.pid)) == 1)
        await asyncio.sleep(0.1)  # the kernel counts starts in ticks of 10 ms
        later = await one.start(b"#!/usr/bin/env python3" + DAEMON + b"daemon({})\nprint(1, flush=True)\ntime.sleep(1000)")
        await later.says(b"1")
        await until(lambda: len(session(one.connection.hello.pid)) == 3)
        await later.running.stop()
        assert len(session(one.connection.hello.pid)) == 1

    talk(transport, body)


def test_what_a_failed_task_leaves_is_stopped_and_named(transport: Sequence[str]) -> None:
    """A task that fails takes its daemons along."""

    async def body(one: Talk) -> None:
        run = await one.run(b"setsid sleep 1000 & exit 5")
        assert (run.outcome, run.end.rung) == ("failed(5)", "SIGTERM")
        assert run.end.detail.startswith("it left running, and we stopped: ")
        assert session(one.connection.hello.pid) == []

    talk(transport, body)


def left_by_tasks(one: Talk) -> list[Path]:
    """Return the files in the folders of all tasks."""
    return list(Path(one.connection.hello.workfolder).glob("task-*/*"))


def test_clear_stops_everything_and_keeps_the_connection(transport: Sequence[str]) -> None:
    """Running tasks end cancelled, left-over processes are named, files of tasks go, and the next task runs."""

    async def body(one: Talk) -> None:
        await one.run(b'setsid sleep 1001 >/dev/null 2>&1 & while [ "$(cat /proc/$!/comm)" != sleep ]; do :; done')
        running = await one.start(b"trap '' TERM; echo x >$WKE_DIR/file; echo ready; sleep 1000; sleep 1000", grace_s=0.3)
        await running.says(b"ready")
        left = await one.connection.tasks.clear()
        assert [n.split()[0] for n in left.running] == ["sleep"]
        end = await running.running.wait()
        assert (str(end.outcome), end.rung) == ("cancelled", "SIGKILL")
        assert session(one.connection.hello.pid) == []
        assert left_by_tasks(one) == []
        assert (await one.run(b"ls $WKE_DIR; echo well")).out == b"well\n"
        assert await one.connection.tasks.clear() == Left()

    talk(transport, body)


def test_the_end_is_told_though_a_child_holds_the_output(transport: Sequence[str], tmp_path: Path) -> None:
    """Within two seconds; what was written before is there; the child can go on writing without harm."""
    pids, written = [], tmp_path / "written"

    async def body(one: Talk) -> None:
        began = time.monotonic()
        run = await one.run(b"(while :; do echo more; echo >>%s; sleep 0.02; done) & echo $!; exit 0" % bytes(written))
        assert time.monotonic() - began < limit(2)
        assert run.outcome == "ok"
        assert run.end.elapsed_s < limit(0.5)
        pids.append(int(run.out.split()[0] if run.out.split()[0] != b"more" else run.out.split()[1]))
        before = written.stat().st_size
        await until(lambda: written.stat().st_size >= before + 15)

    talk(transport, body)
    assert not alive(pids[0])


def test_a_child_that_floods_a_held_output_does_not_stop_the_report() -> None:
    """The end is told although there is always more to read."""

    async def body(one: Talk) -> None:
        run = await one.run(b"yes & exit 0", within_s=5)
        assert run.outcome == "ok"

    talk([], body)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE])
def test_the_agent_does_not_hear_a_terminals_signals(number: int) -> None:
    """They are for the person at the controller to send, through it; tasks hear them as ever."""

    async def body(one: Talk) -> None:
        os.kill(one.connection.hello.pid, number)
        run = await one.run(b"#!/usr/bin/perl\nkill %d, $$; sleep 5" % number)
        assert run.outcome == f"signalled({int(number)})"

    talk([], body)


def test_sigterm_to_the_agent_stops_everything() -> None:
    """As when a machine shuts down."""

    async def body(one: Talk) -> None:
        task = await one.start(b"echo $$; exec sleep 1000")
        await task.says(b"\n")
        os.kill(one.connection.hello.pid, signal.SIGTERM)
        end = await task.running.wait()
        assert str(end.outcome) in {"cancelled", "lost"}
        eventually(lambda: not alive(int(task.said())) and not Path(one.connection.hello.workfolder).exists())

    talk([], body)

"""`wke run | less`, left standing: machines are kept while nobody reads, what tasks say waits for the reader, and Ctrl-C works meanwhile."""

import asyncio
import fcntl
import os
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from projects import Project
from support import LEASE_S, eventually, limit, marked
from talk import Talk, talk

from wke.act.connection import link

LINES = 400_000
FLOOD = f"export MARK=FOLDER; touch FOLDER/ledger/begun; seq 1 {LINES}; echo to stderr >&2; echo last"


def flooded(project: Project, script: str = FLOOD) -> Project:
    project.targets(flood=script.replace("FOLDER", str(project.folder)))
    return project


@contextmanager
def running(project: Project, *arguments: str, **how: object) -> Iterator["tuple[subprocess.Popen[str], int]"]:
    """Start `wke run` into a pipe that nobody reads; yield the command and the pipe's other end once it is full and stays so."""
    receive, send = os.pipe()
    process = project.start("run", "kv", "m0,m1", "flood", *arguments, into=send, **how)
    os.close(send)
    try:
        eventually(lambda: unread(receive) > 60_000, within_s=20)
        yield process, receive
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        os.close(receive)


def unread(pipe: int) -> int:
    """Return how many bytes wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")


def read_all(pipe: int) -> bytes:
    """Return all that comes until the writer closes it."""
    return b"".join(iter(lambda: os.read(pipe, 1 << 16), b""))


def test_a_reader_may_stop_for_longer_than_the_lease(project: Project) -> None:
    """Nobody is taken for dead, here or there; then every line comes, in order, and the tasks have ended well."""
    with running(flooded(project)) as (process, pipe):
        time.sleep(2 * LEASE_S)  # not to wait for something: that it takes so long is what happens
        said = read_all(pipe).decode().splitlines()
        assert (process.wait(limit(30)), sorted(process.stderr)) == (0, ["m0 │ to stderr\n", "m1 │ to stderr\n"])
    for machine in ("m0", "m1"):
        words = [line.partition(" │ ")[2] for line in said if line.startswith(machine)]
        assert words == [*map(str, range(1, LINES + 1)), "last"]


def test_both_streams_keep_their_order_in_one_pipe(emulated: Project) -> None:
    """`2>&1`: what a task wrote to stderr after a flood is not shown before it."""
    with running(flooded(emulated, "seq 1 100000; sleep 0.2; echo between >&2; sleep 0.2; seq 1 5"), together=True) as (process, pipe):
        said = [line.partition(" │ ")[2] for line in read_all(pipe).decode().splitlines() if line.startswith("m0")]
        assert process.wait(limit(30)) == 0
    assert said == [*map(str, range(1, 100_001)), "between", "1", "2", "3", "4", "5"]


def test_the_end_that_a_machine_reported_is_believed_however_late_it_is_read(
    transport: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who did not listen does not call a machine late: a timeout that it kept is told as such, and the machine is not given up."""
    monkeypatch.setattr(link, "STUBBORN_S", 0.1)

    async def body(one: Talk) -> None:
        task = await one.start(b"sleep 100", timeout_s=0.2, grace_s=0.2)
        one.connection.pause()
        await asyncio.sleep(2.5)  # not to wait for something: 1.5 s after the start an end that was not reported would be overdue
        assert not task.running.end.done()
        one.connection.resume()
        assert str((await task.running.wait()).outcome) == "timed-out"

    talk(transport, body, lease_s=1.0)


@pytest.mark.parametrize("together", [False, True])
def test_ctrl_c_does_not_wait_for_the_reader(project: Project, *, together: bool) -> None:
    """The tasks are stopped and gone, what nobody read is dropped, and the command ends (2>&1: as soon as it may say so)."""
    with running(flooded(project, FLOOD + "; sleep 1000"), together=together) as (process, pipe):
        process.send_signal(signal.SIGINT)
        eventually(lambda: not marked(f"MARK={project.folder}"), within_s=10)
        if together:
            read_all(pipe)
        assert process.wait(limit(30)) == 130
        if not together:
            assert process.stderr.read().endswith("interrupted\n")
            assert read_all(pipe).count(b"\n") < LINES


def test_a_reader_that_goes_away_ends_the_command(emulated: Project) -> None:
    """`| head` after a while: the tasks are stopped, the status is that of a broken pipe."""
    with running(flooded(emulated, FLOOD + "; sleep 1000")) as (process, pipe):
        os.dup2(os.open(os.devnull, os.O_RDONLY), pipe)
        assert process.wait(limit(30)) == 141
        eventually(lambda: not marked(f"MARK={emulated.folder}"), within_s=LEASE_S + 5)

"""The way of what scripts write: whole and with its times into the log, harmless and unmixed onto the screen, in little memory."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project
from talk import talking, until

from wke.act.connection.task import TaskSpec
from wke.agent.task import PIPE_SIZE
from wke.keep.output.logs import LogWriter, lines, pieces, stderr, stdout, tasks
from wke.records import Output, Record, TaskName

NAME = TaskName(0, "t", "m")
SIZE = 50_000_000
PRINT_MOST_MEMORY = """
import sys
from wke.cli.main import cli
status = cli.main(sys.argv[1:], standalone_mode=False)
sys.stderr.write(next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1])
sys.exit(status)
"""


def most_memory_kb(project: Project, *words: str) -> int:
    """Run a command that must succeed and return how much memory it had at most."""
    command, environment = [sys.executable, "-c", PRINT_MOST_MEMORY, *words], {**os.environ, **project.environment}
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )
    return int(done.stderr)


@pytest.mark.netns
def test_any_volume_needs_the_same_memory(emulated: Project) -> None:
    """A hundred megabytes in lines, in two lines or of any bytes cost the controller no more memory than a few bytes do."""
    emulated.targets(
        little="echo little",
        lines=f"yes 0123456789abcdef | head -c {SIZE}",
        line=f"head -c {SIZE} /dev/zero | tr '\\0' x",
        random=f"head -c {SIZE} /dev/urandom",
    )
    little_kb = most_memory_kb(emulated, "run", "kv", "all", "little", "--log-dir", "little")
    for target, more in (("lines", ()), ("line", ()), ("random", ("-q",))):
        assert most_memory_kb(emulated, "run", "kv", "all", target, "--log-dir", target, *more) - little_kb < 32_000, target
        logs = [path.stat().st_size for path in (emulated.folder / target).rglob("*.out")]
        assert logs == [SIZE] * 2


def test_every_byte_has_its_time(tmp_path: Path) -> None:
    """The index covers both streams without gap or overlap, its times never go back and lie between the task's start and end."""

    async def body() -> None:
        async with talking([]) as one:
            with LogWriter(tmp_path) as logs:
                script = b"#!/bin/bash\nfor i in {1..200}; do echo out $i; echo err $i >&2; done; seq 300000; seq 200000 >&2; printf end"
                task = await one.connection.tasks.start(TaskSpec(NAME, script, (), {}, None, None, None), logs)
                end = await task.wait()
        written = list(pieces(tmp_path, NAME))
        times = [at_ns for at_ns, _, _ in written]
        assert times == sorted(times)
        assert end.started_ns <= times[0] <= times[-1] <= end.ended_ns + 10**9
        for stream, read in ((1, stdout), (2, stderr)):
            assert b"".join(data for _, number, data in written if number == stream) == read(tmp_path, NAME)
        assert stdout(tmp_path, NAME).endswith(b"300000\nend")
        assert stderr(tmp_path, NAME).endswith(b"200000\n")

    asyncio.run(body())


def test_a_full_pipe_is_read_in_larger_pieces(tmp_path: Path) -> None:
    """What says much comes in larger pieces than a pipe holds at first; what says little is not kept waiting for more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    async def body() -> None:
        sizes: list[int] = []

        def sink(record: Record) -> None:
            if isinstance(record, Output):
                sizes.append(len(record.data))

        async with talking([]) as one:
            script = b"#!/bin/sh\necho first\nread line < $1\nhead -c 50000000 /dev/zero"
            task = await one.connection.tasks.start(TaskSpec(NAME, script, (str(gate),), {}, None, None, None), sink)
            await until(lambda: sizes == [6])
            gate.write_text("go\n")  # the script waits for it, so this does not wait
            await task.wait()
        assert sum(sizes) == 50_000_006
        assert max(sizes) > PIPE_SIZE

    asyncio.run(body())


@pytest.mark.netns
def test_each_task_has_its_own_files_byte_for_byte(emulated: Project) -> None:
    """With `--multiply` each copy's log is its own and holds what the screen does not show as it is."""
    emulated.targets(hello='printf "\\033]0;owned\\007 $WKE_MACHINE $WKE_COPY\\r\\n\\377"; echo oops >&2')
    done = emulated.wke("run", "kv", "all", "hello", "--multiply", "2", "--log-dir", "logs")
    assert done.status == 0
    assert "\x1b" not in done.out
    assert sorted(done.out.splitlines()) == sorted(
        line
        for machine in ("m0", "m1")
        for copy, name in ((0, f"{machine} "), (1, f"{machine}.1 "))
        for line in (f"{name.strip():<2} │ \\x1b]0;owned\\x07 {machine} {copy}", f"{name.strip():<2} │ \\xff")
    )
    folder = emulated.folder / "logs"
    assert [(task.machine, task.copy) for task in tasks(folder)] == [("m0", 0), ("m0", 1), ("m1", 0), ("m1", 1)]
    for task in tasks(folder):
        assert stdout(folder, task) == b"\x1b]0;owned\x07 %s %d\r\n\xff" % (task.machine.encode(), task.copy)
        assert stderr(folder, task) == b"oops\n"


@pytest.fixture
def long_line(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with a log of one line of 30 MB, in pieces of all sizes."""
    size = 0
    with LogWriter(tmp_path) as logs:
        while size < 30_000_000:
            for length in (1, 100, 70_000, 262_144):
                logs(Output(NAME, 1, b"x" * length, size))
                size += length
        logs(Output(NAME, 1, b"\nlast", size))
    return tmp_path


def test_a_long_line_is_read_in_bounded_pieces(long_line: Path) -> None:
    """Whoever reads a log gets a line of 30 MB in pieces that say so, and all of it."""
    digest, longest, continues = hashlib.sha256(), 0, []
    for line in lines(long_line):
        digest.update(line.data)
        longest = max(longest, len(line.data))
        continues.append(line.continues)
    assert digest.digest() == hashlib.sha256(stdout(long_line, NAME).replace(b"\n", b"")).digest()
    assert longest < 500_000
    assert continues[-2:] == [False, False]
    assert all(continues[:-2])

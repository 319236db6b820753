"""Scripts, options and output arrive as they are, over every transport."""

import asyncio
import hashlib
import os
import random
import socket
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import alive, eventually, limit, marked
from talk import Run, Talk, talk, talking, until

from wke.act.connection import bootstrap
from wke.act.connection.connection import PortAnswer
from wke.act.connection.task import TaskSpec
from wke.act.connection.untrusted import Left
from wke.errors import MachineError
from wke.records import Output, TaskEnded, TaskName, TaskStarted

NASTY = b"""%s %d %% 'single' "double" `back` \\ \\n $HOME ${x} $(y) '''triple''' \"\"\"more\"\"\" {brace} ~ ! # ; & | < > \t\r \xff\xfe \xc3\xa4"""
SCRIPTS = {
    "sh": b"#!/bin/sh\n: <<'END'\n" + NASTY + b'\nEND\ncat "$0"',
    "no first line": b": <<'END'\n" + NASTY + b'\nEND\ncat "$0"\n',
    "env python3": b"#!/usr/bin/env python3\nimport sys\nsys.stdout.buffer.write(open(sys.argv[0], 'rb').read())  # \xc3\xa4 '\"\\ %s",
    "perl": b"#!/usr/bin/perl\nopen(F, '<', $0); binmode F; print <F>;\n__END__\n" + NASTY,
    "interpreter with an argument": b'#!/bin/sh -e\nfalse || true\ncat "$0"',
    "a megabyte": b'#!/bin/sh\ncat "$0"; exit\n' + random.Random(1).randbytes(1 << 20).replace(b"\0", b"\1"),
    "two megabytes and a bit": b'#!/bin/sh\ncat "$0"; exit\n' + b"x" * (2 << 20),
    "nothing at all": b"",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_arrives_byte_for_byte(transport: Sequence[str], name: str) -> None:
    """Every script prints itself; what comes back is the file, no byte more or less."""

    async def body(one: Talk) -> None:
        run = await one.run(SCRIPTS[name])
        assert (run.outcome, run.err) == ("ok", b"")
        assert hashlib.sha256(run.out).digest() == hashlib.sha256(SCRIPTS[name]).digest()

    talk(transport, body)


ARGUMENTS = [
    "plain",
    "two words",
    "",
    "a;b",
    "*",
    "~",
    "'",
    '"',
    "\\",
    "$HOME",
    "`id`",
    "new\nline",
    "-n",
    "--",
    "ä€",
    "\udcff\udc80",
    "%s",
    "!x",
    "#",
    "a=b",
]
ECHO = b"#!/bin/sh\nprintf '%s\\0' \"$@\"\nprintf '%s' \"$WKE_OPTION_X\" >&2\n"


def test_options_arrive_as_they_are(transport: Sequence[str]) -> None:
    """An option is one argument and one variable, whatever it holds, an empty one and bytes that are not UTF-8 among them."""

    async def body(one: Talk) -> None:
        for prelude in (None, b"true\n"):
            run = await one.run(ECHO, *ARGUMENTS, prelude=prelude)
            assert run.out.split(b"\0")[:-1] == [a.encode("utf-8", "surrogateescape") for a in ARGUMENTS]
        for value in ARGUMENTS:
            run = await one.run(ECHO, environment={"WKE_OPTION_X": value})
            assert run.err == value.encode("utf-8", "surrogateescape")

    talk(transport, body)


TELL = b"""import os, sys
print(os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), os.environ.get("FROM_PRELUDE"), os.environ.get("GIVEN"), sys.stdin.read() == "")
print(os.getsid(0) == os.getpgid(0) == os.getpid() or os.environ.get("FROM_PRELUDE") is not None, oct(os.stat(os.environ["WKE_DIR"]).st_mode)[-3:])
"""


def test_a_task_finds_what_it_was_promised(transport: Sequence[str], tmp_path: Path) -> None:
    """The name of its target as $0, its options, its working folder, its variables, an empty input, a session and a private folder of its own."""

    async def body(one: Talk) -> None:
        run = await one.run(
            b"#!/usr/bin/env python3\n" + TELL, "x", target="start-server", workdir=str(tmp_path), environment={"GIVEN": "1"}
        )
        assert run.out.decode().splitlines() == [f"start-server ['x'] {tmp_path} None 1 True", "True 700"]
        home = await one.run(b"#!/bin/sh\npwd; cd; pwd")
        assert len(set(home.out.split())) == 1
        relative = await one.run(b"#!/bin/sh\npwd", workdir="~")
        assert relative.out == home.out.splitlines(keepends=True)[0]

    talk(transport, body)


PRELUDES = [
    ("sh", b"#!/bin/sh\necho $0 $FROM_PRELUDE $unexported $1 $#", ["PATH", "env", "plain"]),
    ("bash", b'#!/bin/bash\necho $0 $FROM_PRELUDE $unexported $1 $#; [ -n "$BASH_VERSION" ]', []),
    ("env bash", b'#!/usr/bin/env bash\necho $0 $FROM_PRELUDE $unexported $1 $#; [ -n "$BASH_VERSION" ]', []),
    ("no first line", b"echo $0 $FROM_PRELUDE $unexported $1 $#", []),
    ("a dash after the shell", b"#!/bin/sh -\necho $0 $FROM_PRELUDE $unexported $1 $#", []),
]


@pytest.mark.parametrize("script", [s for _, s, _ in PRELUDES], ids=[n for n, _, _ in PRELUDES])
def test_a_prelude_runs_in_the_same_shell(transport: Sequence[str], script: bytes) -> None:
    """What the prelude sets, exported or not, a shell script sees; its name and arguments are its own."""

    async def body(one: Talk) -> None:
        run = await one.run(script, "it's", "b", target="go", prelude=b"FROM_PRELUDE=yes; unexported=also # no newline at the end")
        words = run.out.decode().split()
        assert (run.outcome, run.err) == ("ok", b"")
        assert words[0].endswith("/go")
        assert words[1:] == ["yes", "also", "it's", "2"]

    talk(transport, body)


@pytest.mark.parametrize("first", [b"#!/usr/bin/env python3", b"#!/usr/bin/perl"], ids=["python", "perl"])
def test_what_a_prelude_exports_reaches_any_interpreter(transport: Sequence[str], first: bytes) -> None:
    """The shell of the prelude becomes the interpreter."""
    script = {
        b"#!/usr/bin/env python3": b"import os, sys; print(os.environ['FROM'], *sys.argv[1:])",
        b"#!/usr/bin/perl": b'print "$ENV{FROM} @ARGV\n";',
    }[first]

    async def body(one: Talk) -> None:
        run = await one.run(first + b"\n" + script, "a b", prelude=b"export FROM=prelude\n")
        assert (run.outcome, run.out, run.err) == ("ok", b"prelude a b\n", b"")

    talk(transport, body)


@pytest.mark.parametrize(
    ("prelude", "script", "outcome", "out", "detail"),
    [
        (b"echo before; false; echo after", b"#!/bin/sh\necho script", "failed(1)", b"before\n", "its prelude failed"),
        (b"exit 7", b"#!/usr/bin/env python3\nprint('script')", "failed(7)", b"", "its prelude failed"),
        (b"no-such-command-at-all", b"echo script", "failed(127)", b"", "its prelude failed"),
        (b"true", b"#!/bin/sh\nfalse; echo goes on", "ok", b"goes on\n", ""),
        (b"true", b"#!/bin/sh -e\nfalse; echo goes on", "failed(1)", b"", ""),
        (b"true", b"#!/bin/bash -eu\necho $nothing; echo goes on", "failed(1)", b"", ""),
        (b"false || true", b"#!/bin/sh\nexit 3", "failed(3)", b"", ""),
    ],
)
def test_a_prelude_must_succeed_and_changes_nothing_else(  # noqa: PLR0917 - the table's columns
    transport: Sequence[str], prelude: bytes, script: bytes, outcome: str, out: bytes, detail: str
) -> None:
    """A failing line ends it before the script; whether the script itself stops at errors its own first line says."""

    async def body(one: Talk) -> None:
        run = await one.run(script, prelude=prelude)
        assert (run.outcome, run.out, run.end.detail) == (outcome, out, detail)

    talk(transport, body)


@pytest.mark.parametrize(
    ("script", "arguments", "spec", "outcome", "detail"),
    [
        (b"exit 3", [], {}, "failed(3)", ""),
        (b"kill -9 $$", [], {}, "signalled(9)", ""),
        (
            b"#!/usr/bin/nothing-here\n",
            [],
            {},
            "failed(127)",
            "the script's first line asks for /usr/bin/nothing-here, which is not on this machine",
        ),
        (b"#!/usr/bin/nothing-here\n", [], {"prelude": b"true"}, "failed(127)", "the script's first line asks for /usr/bin/nothing-here"),
        (b"#!/bin/sh\r\necho hi\r\n", [], {}, "failed(127)", "carriage return"),
        (b"true", ["a\0b"], {}, "failed(126)", "cannot be handed to a program: embedded null byte"),
        (b"true", [], {"environment": {"A": "b\0"}}, "failed(126)", "cannot be handed to a program"),
        (b"true", ["x" * 100] * 50_000, {}, "failed(126)", "longer than this machine's kernel allows"),
        (b"true", ["x" * 3_000_000], {}, "failed(126)", "longer than this machine's kernel allows"),
        (b"true", [], {"workdir": "/no/such/folder"}, "failed(127)", "/no/such/folder: No such file or directory"),
        (b"\x7fELF nonsense", [], {}, "failed(126)", "Exec format error"),
    ],
    ids=[
        "code",
        "signal",
        "interpreter",
        "interpreter after prelude",
        "crlf",
        "nul",
        "nul in a variable",
        "many",
        "long",
        "workdir",
        "elf",
    ],
)
def test_a_failure_says_what_failed(  # noqa: PLR0917 - the table's columns
    transport: Sequence[str], script: bytes, arguments: list[str], spec: dict[str, object], outcome: str, detail: str
) -> None:
    """Codes are a shell's; the detail names what is missing. The connection is as good as before."""

    async def body(one: Talk) -> None:
        run = await one.run(script, *arguments, **spec)
        assert run.outcome == outcome
        assert detail in run.end.detail
        assert bool(detail) == bool(run.end.detail)
        assert (await one.run(b"echo well")).out == b"well\n"

    talk(transport, body)


def test_a_program_may_be_a_script(transport: Sequence[str]) -> None:
    """A binary in the place of a script is executed, after a prelude too."""
    program = Path("/bin/echo").resolve().read_bytes()

    async def body(one: Talk) -> None:
        assert (await one.run(program, "a", "b c")).out == b"a b c\n"
        assert (await one.run(program, "a", "b c", prelude=b"true")).out == b"a b c\n"

    talk(transport, body)


def test_records_come_in_order_with_the_machines_times(transport: Sequence[str]) -> None:
    """Started, output, ended: times never run backwards, and durations are right."""

    async def body(one: Talk) -> None:
        task = await one.start(b"echo one; sleep 0.2; echo two >&2; exec sleep 0.1")
        end = await task.running.wait()
        kinds = [type(r) for r in task.records]
        assert kinds == [TaskStarted, Output, Output, TaskEnded]
        times = [r.ended_ns if isinstance(r, TaskEnded) else r.at_ns for r in task.records]
        assert times == sorted(times)
        assert 0.3 <= end.elapsed_s < limit(3)
        assert times[2] - times[1] >= 190_000_000
        assert abs(times[0] - time.time_ns()) < 20e9

    talk(transport, body)


def test_tasks_run_side_by_side(transport: Sequence[str]) -> None:
    """Fifty tasks of one script, each with its own folder and output; the script is sent once."""

    async def body(one: Talk) -> None:
        script = b"#!/bin/sh\necho $1 > $WKE_DIR/mine; ls $WKE_DIR; cat $WKE_DIR/mine"
        runs: list[Run] = await asyncio.gather(*(one.run(script, str(i)) for i in range(50)))
        assert [r.out for r in runs] == [b"mine\n%d\n" % i for i in range(50)]

    talk(transport, body)


def test_much_output_arrives_whole_and_waits_for_a_slow_sink(transport: Sequence[str]) -> None:
    """40 MB, a line of 10 MB and both streams at once: every byte, in order, and the agent keeps no more than its bound."""

    async def body(one: Talk) -> None:
        script = b"#!/bin/sh\nhead -c 10000000 /dev/zero | tr '\\0' x; seq 1 3000000; seq 1 1000000 >&2"
        runs.append(await one.run(script, within_s=60))
        peak_kb = int(proc(one.connection.hello.pid, "status").split("VmHWM:")[1].split()[0])
        assert peak_kb < 40_000

    runs: list[Run] = []
    talk(transport, body)
    lines = b"".join(b"%d\n" % i for i in range(1, 3_000_001))  # while connected, this would keep heartbeats waiting
    assert hashlib.sha256(runs[0].out).digest() == hashlib.sha256(b"x" * 10_000_000 + lines).digest()
    assert hashlib.sha256(runs[0].err).digest() == hashlib.sha256(lines[: lines.index(b"1000001\n")]).digest()


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def test_a_controller_that_does_not_read_holds_the_script_up() -> None:
    """While our event loop is blocked the script cannot write more than the buffers on its way hold."""

    async def body(one: Talk) -> None:
        task = await one.start(b"#!/bin/sh\necho $$ >&2; exec seq 1 100000000")
        await until(lambda: task.said(2))
        pid = int(task.said(2))
        written: list[int] = []

        def settled() -> bool:
            written.append(int(proc(pid, "io").split("wchar: ")[1].split()[0]))
            time.sleep(0.05)
            return len(written) > 10 and len(set(written[-10:])) == 1

        eventually(settled)  # blocks the loop, and that is the point
        assert written[-1] < 40_000_000
        await task.running.stop()

    talk([], body)


def test_a_start_is_staged_until_its_moment(transport: Sequence[str]) -> None:
    """Tasks given one instant of the machine's clock start there together, not when they were sent."""

    async def body(one: Talk) -> None:
        offset = await one.connection.clock.read()
        at_ns = time.time_ns() + offset.offset_ns + int(limit(0.4) * 1e9)
        tasks = [await one.start(b"#!/bin/sh\nexec true", held=True) for _ in range(3)]
        for task in tasks:
            await task.running.staged.wait()
            one.connection.tasks.release(task.running, at_ns)
        ends = [await t.running.wait() for t in tasks]
        for end in ends:
            assert end.outcome.ok
            assert 0 <= end.started_ns - at_ns < limit(0.2) * 1e9
        stopped = await one.start(b"echo never", held=True)
        one.connection.tasks.release(stopped.running, at_ns + 3600 * 10**9)
        end = await stopped.running.stop()
        assert (str(end.outcome), end.detail, stopped.said()) == ("cancelled", "stopped before it began", b"")

    talk(transport, body)


def test_clocks_are_compared_within_a_bound(transport: Sequence[str]) -> None:
    """Both clocks are this machine's: the offset is zero within the bound that is claimed, give or take the wall clock's own steps."""

    async def body(one: Talk) -> None:
        offset = await one.connection.clock.read()
        assert 0 < offset.bound_ns < limit(0.05) * 1e9
        assert abs(offset.offset_ns) < offset.bound_ns + 5_000_000

    talk(transport, body)


def test_who_listens_on_a_port(transport: Sequence[str]) -> None:
    """Every address counts, IPv6 too; a process that none of our tasks started is told by name, and one that a task started is not."""
    serves = b"#!/usr/bin/env python3\nimport socket, sys, time\n" + SERVES

    async def body(one: Talk) -> None:
        with socket.socket(socket.AF_INET6) as server:
            server.bind(("::1", 0))
            port = server.getsockname()[1]
            assert await one.connection.listener(port, "192.0.2.1") == PortAnswer(answered=False)
            server.listen()
            found = await one.connection.listener(port, "192.0.2.1")
            assert (found.answered, f"(pid {os.getpid()})" in found.stranger) == (True, True)
            assert (await one.connection.listener(port, "192.0.2.1", 10)).stranger == found.stranger
        task = await one.start(serves)
        await task.says(b"\n")
        assert await one.connection.listener(int(task.said()), "127.0.0.1") == PortAnswer(answered=True)
        assert await one.connection.listener(int(task.said()), "127.0.0.1", 10) == PortAnswer(answered=True)

    talk(transport, body)


SERVES = b"""
s = socket.create_server(("127.0.0.3", 0))
print(s.getsockname()[1], flush=True)
time.sleep(1000)
"""


def test_waiting_for_a_port(transport: Sequence[str]) -> None:
    """True as soon as something listens, on the address or on loopback; False in time when nothing does."""

    async def body(one: Talk) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]
            began = time.monotonic()
            assert not await one.connection.wait_port(port, "127.0.0.1", 0.3)
            assert 0.25 < time.monotonic() - began < limit(5)
            waiting = asyncio.create_task(one.connection.wait_port(port, "192.0.2.1", 10))
            await asyncio.sleep(0)
            server.listen()
            assert await waiting
        assert not await one.connection.wait_port(port, "no-such-host.invalid", 0.1)

    talk(transport, body)


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_hello_tells_who_is_there(transport: Sequence[str]) -> None:
    """The agent's own words about machine and login; the work folder is private."""

    async def body(one: Talk) -> None:
        hello = one.connection.hello
        assert hello.hostname == socket.gethostname()
        assert hello.cpus == len(os.sched_getaffinity(0))
        assert tuple(map(int, hello.python.split("."))) >= (3, 6)
        assert alive(hello.pid)
        assert os.access(hello.home, os.X_OK)
        assert mode(hello.workfolder) == 0o700
        assert (await one.run(b"echo ${USER:-$(id -un)}")).out.decode().strip() == hello.user or "USER" not in os.environ

    talk(transport, body)


def test_nothing_is_left_after_a_clean_close(transport: Sequence[str]) -> None:
    """No process of ours and no folder; closing twice is fine; a task handed over later is unreachable."""
    seen: list[Talk] = []

    async def body(one: Talk) -> None:
        await one.run(b"echo hello > $WKE_DIR/file; mkdir -p $WKE_DIR/a/b; chmod 0 $WKE_DIR/a")
        seen.append(one)
        assert await one.connection.close() == Left()
        assert await one.connection.close() == Left()
        assert (await one.run(b"true")).outcome == "unreachable"
        assert not one.connection.lost.is_set()

    talk(transport, body)
    hello = seen[0].connection.hello
    assert not alive(hello.pid)
    assert not Path(hello.workfolder).exists()
    assert marked(hello.workfolder) == []


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 10, 20, 50, 100, 200])
def test_cancelling_at_any_step_leaves_nothing(transport: Sequence[str], turns: int, tmp_path: Path) -> None:
    """Cancelled while it opens, starts, runs or closes: nothing of it goes on."""
    marker = str(tmp_path)

    async def whole() -> None:
        async def work() -> None:
            await asyncio.create_task(_open_run_close(transport, marker))

        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0.001 if turns > 10 else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())
    eventually(lambda: marked(marker) == [])


async def _open_run_close(transport: Sequence[str], marker: str) -> None:
    async with talking(transport, environment={"TEST_MARKER": marker}) as one:
        await one.run(b"sleep 0.05; (setsid sleep 1000 &); sleep 0.05", marker)


def test_a_sink_that_fails_ends_only_its_own_connection() -> None:
    """What the sink raised is what waiting for the task tells; the machine is cleaned up."""

    class DiskFullError(Exception):
        pass

    def sink(_: object) -> None:
        raise DiskFullError

    async def body(one: Talk) -> None:
        spec = TaskSpec(TaskName(0, "t", "m"), b"echo hello; sleep 1000", (), {}, None, None, None)
        running = await one.connection.tasks.start(spec, sink)
        with pytest.raises(DiskFullError):
            await running.wait()
        await until(one.connection.lost.is_set)
        with pytest.raises(MachineError, match="could not be kept"):
            await one.connection.wait_port(1, "127.0.0.1", 1)

    talk([], body)


def pythons() -> list[str]:
    """Return the interpreters at hand: the one we run in, the system's, and those that a version manager keeps (3.6 is the oldest we promise)."""
    managed = sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))
    return [sys.executable, bootstrap.SYSTEM_PYTHON, *(p for p in managed if not p.split("/")[-3].startswith(("3.5", "3.4")))]


@pytest.mark.parametrize("python", pythons(), ids=lambda p: p.strip("/").replace("/", "-"))
def test_the_agent_runs_in_old_and_new_pythons(python: str) -> None:
    """Without posix_spawn and with it, compiled by us or there: the same script, the same prelude, the same stop."""

    async def body(one: Talk) -> None:
        run = await one.run(b"#!/bin/sh\necho $1 $FROM; exit 3", "ä b", prelude=b"FROM=prelude")
        assert (run.outcome, run.out) == ("failed(3)", "ä b prelude\n".encode())
        assert (await one.run(b"#!/no/such\n")).outcome == "failed(127)"
        assert "kernel allows" in (await one.run(b"true", "x" * 3_000_000)).end.detail
        assert "null byte" in (await one.run(b"true", "\0")).end.detail
        task = await one.start(b"(setsid sleep 1000 &); trap '' TERM; echo ready; while :; do sleep 1; done", grace_s=0.2)
        await task.says(b"ready")
        assert (await task.running.stop()).rung == "SIGKILL"

    talk([], body, python=python)

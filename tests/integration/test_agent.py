"""The agent as a guest: light, leaving nothing, and neither end trusts the other."""

import asyncio
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import alive, eventually, marked
from talk import Talk, talk, talking, until

from wke.act import bootstrap
from wke.act.connection import Connection, open_connection
from wke.act.task import RunningTask, TaskSpec
from wke.agent import protocol
from wke.agent.protocol import Decoder, Frame, encode
from wke.errors import MachineError
from wke.records import Output, TaskEnded, TaskName

OPEN = {"token": "", "lease": 20, "environment": {}}


@contextmanager
def raw_agent(token: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start an agent and speak to it by hand."""
    agent = subprocess.Popen(bootstrap.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert agent.stdin is not None
    try:
        agent.stdin.write(bootstrap.package() + encode(protocol.OPEN, 0, OPEN | {"token": token}))
        agent.stdin.flush()
        yield agent
    finally:
        agent.communicate(timeout=20)


def frames_of(agent: subprocess.Popen[bytes], decoder: Decoder, kind: int) -> list[Frame]:
    """Read frames until one of that kind comes or none comes any more."""
    assert agent.stdout is not None
    found: list[Frame] = []
    while not any(f.kind == kind for f in found):
        data = os.read(agent.stdout.fileno(), 65536)
        if not data:
            break
        found += decoder.frames(data)
    return found


def test_the_agent_imports_only_what_is_cheap() -> None:
    """Modules that would double its start (json, re, enum, typing, subprocess, signal, os, ctypes, socket, ...) stay out."""
    script = "import sys; before = set(sys.modules)\n" + bootstrap.READER.replace("exec(", "module_source = (")
    script += (
        "\nsource = module_source.decode().replace('module.main()', '')\n"
        "exec(source)\nprint(*sorted(n for n in set(sys.modules) - before if not n.startswith('wke')))\n"
    )
    answer = subprocess.run(
        [bootstrap.SYSTEM_PYTHON, "-I", "-S", "-E", "-c", script], input=bootstrap.package(), capture_output=True, check=True
    )
    assert set(answer.stdout.decode().split()) <= {"zlib", "_json", "_heapq", "_struct", "struct", "select", "_socket", "_ctypes"}


def test_nothing_of_the_agent_is_on_the_disk(tmp_path: Path) -> None:
    """Its work folder holds scripts and tasks, and nothing else; its source is not among its files."""
    with raw_agent("a" * 16, {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) as agent:
        hello = frames_of(agent, Decoder(), protocol.HELLO)[0]
        folder = Path(str(hello.head["workfolder"]))
        assert folder == tmp_path / ("wke-" + "a" * 16)
        assert sorted(p.name for p in folder.rglob("*")) == ["scripts", "tasks"]
        maps = Path(f"/proc/{hello.head['pid']}/maps").read_text()
        assert str(Path(protocol.__file__).parent) not in maps
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_room_says_so(tmp_path: Path) -> None:
    """Where no work folder can be made the error names that stage."""
    fake = tmp_path / "fake"
    fake.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(protocol.__file__).parents[2])!r})\n"
        "from wke.agent import protocol\n"
        "sys.stdout.buffer.write(protocol.encode(protocol.BROKEN, 0, {'why': 'cannot make a work folder: No space left on device'}))\n"
    )
    fake.chmod(0o755)
    assert refusal([str(fake)]) == (
        "machine node1: making a work folder failed: the agent gave up: cannot make a work folder: No space left on device\n"
        "  hint: free space in /tmp there, or set TMPDIR"
    )


def refusal(transport: list[str], deadline_s: float = 10.0) -> str:
    async def attempt() -> str:
        with pytest.raises(MachineError) as caught:
            await open_connection("node1", transport, deadline_s=deadline_s, lease_s=5)
        return str(caught.value)

    return asyncio.run(attempt())


def test_a_transport_that_does_not_exist_says_so() -> None:
    """As when no ssh client is installed."""
    text = refusal(["/no/such/program"])
    assert text.startswith("machine node1: starting the agent failed: cannot start /no/such/program: No such file or directory")


# -- a hostile controller


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        encode(protocol.HELLO, 0, {}),
        encode(protocol.START, 1, {}),
        encode(protocol.START, 1, {"script": 1}),
        encode(protocol.PUT, 0, {"script": "k"}),
        encode(protocol.WAIT_PORT, 1, {"port": "x", "address": 7, "within": None}),
        protocol.HEADER.pack(protocol.MAGIC, 1, protocol.PUT, 0, 0, 2, 2**32 - 1, 0) + b"{}",
    ],
)
def test_an_agent_that_hears_nonsense_says_why_and_ends(rubbish: bytes, tmp_path: Path) -> None:
    """It stops what it started and removes its folder, as at any other end."""
    with raw_agent("b" * 16, {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) as agent:
        assert agent.stdin is not None
        decoder = Decoder()
        frames_of(agent, decoder, protocol.HELLO)
        agent.stdin.write(rubbish)
        agent.stdin.flush()
        broken = frames_of(agent, decoder, protocol.BROKEN)
        assert broken[-1].kind == protocol.BROKEN
        assert broken[-1].head["why"]
        assert agent.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_script_cannot_leave_the_work_folder(tmp_path: Path) -> None:
    """Names with slashes or dots become harmless ones."""

    async def body(one: Talk) -> None:
        for target in ("../../../evil", "..", "", ".", "a/b", "x" * 300):
            run = await one.run(b"#!/bin/sh\necho $0", target=target)
            path = Path(os.fsdecode(run.out.strip()))
            assert path.parent.parent == Path(one.connection.hello.workfolder) / "scripts"

    talk([], body)


# -- a hostile agent

AGENT = """#!{python}
import os, sys, time
sys.path.insert(0, {source!r})
from wke.agent import protocol
from wke.agent.protocol import encode
def send(data):
    os.write(1, data)
hello = dict(python="3", hostname="h", user="u", home="/", cpus=1, uname="u", pid=1, workfolder="/w", at=time.time_ns())
def greet():
    send(encode(protocol.HELLO, 0, hello))
def wait_for_a_task():
    heard = b""
    while b'"arguments"' not in heard:
        heard += os.read(0, 65536)
def started():
    send(encode(protocol.STARTED, 1, {{"at": 1}}))
{body}
time.sleep(1000)
"""


def hostile(folder: Path, body: str) -> list[str]:
    """Return a transport to an agent that does not do what it should."""
    path = folder / "agent"
    path.write_text(AGENT.format(python=sys.executable, source=str(Path(protocol.__file__).parents[2]), body=body))
    path.chmod(0o755)
    return [str(path)]


@pytest.mark.parametrize(
    "body",
    [
        "send(b'x' * 100000)",
        "send(encode(protocol.STARTED, 1, {'at': 1}))",
        "send(encode(protocol.HELLO, 0, {}))",
        "send(encode(protocol.HELLO, 0, dict(hello, cpus='many')))",
        "send(encode(protocol.HELLO, 0, dict(hello, at=None)))",
        "send(encode(protocol.OPEN, 0, {}))",
        "send(protocol.HEADER.pack(protocol.MAGIC, 1, 2, 0, 0, 2**31, 2**31, 0))",
        "sys.exit(3)",
    ],
)
def test_an_agent_that_cannot_introduce_itself_is_refused(tmp_path: Path, body: str) -> None:
    """At once, not at the deadline."""
    began = time.monotonic()
    assert refusal(hostile(tmp_path, body), deadline_s=30).startswith("machine node1: starting the agent failed: ")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "body",
    [
        "send(encode(protocol.OUTPUT, 1, {'stream': 1, 'at': 1}, b'early'))",
        "started(); started()",
        "started(); send(encode(protocol.OUTPUT, 1, {'stream': 3, 'at': 1}, b'?'))",
        "started(); send(encode(protocol.OUTPUT, 1, {'stream': 1, 'at': 'now'}, b'?'))",
        "started(); send(encode(protocol.OUTPUT, 2, {'stream': 1, 'at': 1}, b'whose?'))",
        "started(); send(encode(protocol.ENDED, 1, {'kind': 'splendid'}))",
        "started(); send(encode(protocol.ENDED, 1, {'kind': 'ok', 'code': 'x'}))",
        "started(); send(encode(protocol.ENDED, 1, {'kind': 'ok', 'code': None, 'started': 1, 'ended': 2, 'rung': 7, 'detail': ''}))",
        "greet()",
        "send(encode(protocol.PUT, 0, {}))",
        "send(encode(protocol.BROKEN, 0, {'why': 'enough'}))",
        "send(encode(protocol.BROKEN, 0, {}))",
        "started(); send(b'\\xf7wke' + os.urandom(1000))",
        "started(); send(encode(protocol.OUTPUT, 1, {'stream': 1, 'at': 1}, b'cut')[:-1]); sys.exit()",
        "started()\nwhile True: send(os.urandom(65536))",
    ],
)
def test_an_agent_that_talks_nonsense_fails_alone(tmp_path: Path, body: str) -> None:
    """Its task ends lost, an honest machine's task beside it is not disturbed."""

    async def whole() -> None:
        async def bad(one: Talk) -> None:
            run = await one.run(b"true", within_s=15)
            assert (run.outcome, bool(run.end.detail)) == ("lost", True)
            await until(one.connection.lost.is_set)

        async def good(one: Talk) -> None:
            assert (await one.run(b"sleep 0.3; echo well")).out == b"well\n"

        async with talking(hostile(tmp_path, "greet()\nwait_for_a_task()\n" + body)) as one, talking([]) as other:
            await asyncio.gather(bad(one), good(other))

    asyncio.run(whole())
    eventually(lambda: marked(str(tmp_path)) == [])


def test_an_agent_that_never_answers_costs_the_deadline(tmp_path: Path) -> None:
    """Connecting to a peer that accepts and is silent ends in time, and its process with it."""
    began = time.monotonic()
    text = refusal(hostile(tmp_path, ""), deadline_s=1.0)
    assert time.monotonic() - began < 3
    assert "no answer within 1 s" in text
    assert marked(str(tmp_path)) == []


def test_an_agent_that_hangs_is_given_up_after_the_lease(tmp_path: Path) -> None:
    """Silence is noticed without any help from the transport; closing waits for nothing."""

    async def body(one: Talk) -> None:
        began = time.monotonic()
        run = await one.run(b"true", within_s=10)
        assert (run.outcome, time.monotonic() - began > 0.5) == ("lost", True)
        assert run.end.detail.startswith("no sign of life for ")

    talk(hostile(tmp_path, "greet()"), body, lease_s=1.0)
    assert marked(str(tmp_path)) == []


KEYS = ["at", "stream", "kind", "code", "started", "ended", "rung", "detail", "why", "leftovers", "answered"]
ODD_VALUES = (
    st.none() | st.integers(-(2**63), 2**63) | st.sampled_from(["ok", "failed", "", "lost", 1, 2]) | st.lists(st.integers(0, 9), max_size=2)
)
ODD_FRAMES = st.tuples(st.integers(1, len(protocol.KINDS)), st.integers(0, 2), st.dictionaries(st.sampled_from(KEYS), ODD_VALUES))


@settings(deadline=None)
@given(st.lists(ODD_FRAMES, max_size=8))
def test_any_frames_in_any_order_are_survived(frames: list[tuple[int, int, dict[str, object]]]) -> None:
    """Whatever well-formed frames come, a connection reports its task's end exactly once and nothing escapes."""

    async def whole() -> None:
        connection = Connection("m", 5.0)
        records: list[object] = []
        connection._greeted.set_result(None)
        task = RunningTask(connection, 1, TaskName(0, "t", "m"), records.append)
        connection._tasks[1] = task
        connection._wire.pipe_data_received(1, b"".join(encode(*frame) for frame in frames))
        await connection.abort()
        assert len([r for r in records if isinstance(r, TaskEnded)]) == 1
        assert task.end.done()

    asyncio.run(whole())


def test_the_controller_keeps_little_of_a_flood(tmp_path: Path) -> None:
    """An agent that sends output without end costs the controller no memory: it goes to the sink as it comes."""
    body = "greet()\nwait_for_a_task()\nstarted()\nfor i in range(2000): send(encode(protocol.OUTPUT, 1, {'stream': 1, 'at': 1}, bytes(1 << 19)))"

    async def whole() -> None:
        size = 0

        def sink(record: object) -> None:
            nonlocal size
            size += len(record.data) if isinstance(record, Output) else 0

        tracemalloc.start()
        try:
            async with talking(hostile(tmp_path, body)) as one:
                await one.connection.start(TaskSpec(TaskName(0, "t", "m"), b"", (), {}, None, None, None), sink)
                await until(lambda: size > 30 << 20, 60)
                await one.connection.close(grace_s=0)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()

    asyncio.run(whole())


def test_a_dead_agents_children_do_not_survive_it() -> None:
    """Killed while it holds a thousand children's parents: the guardian inherits and ends them."""

    async def body(one: Talk) -> None:
        task = await one.start(b"#!/bin/bash\nfor i in {1..200}; do sleep 1000 & done; echo ready; wait")
        await task.says(b"ready")
        os.kill(one.connection.hello.pid, 9)
        await task.running.wait()
        folder = one.connection.hello.workfolder
        await one.connection.close()
        eventually(lambda: not alive(one.connection.hello.pid) and marked(folder) == [] and not Path(folder).exists())

    talk([], body)

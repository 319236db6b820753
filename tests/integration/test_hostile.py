"""Neither end trusts the other: whatever one of them says, the other ends or refuses it in words, alone, and keeps little of it."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from heads import heads, wrong_heads
from hypothesis import given, settings
from hypothesis import strategies as st
from rawagent import frames_of, raw_agent, refusal
from support import eventually, limit, marked
from talk import Talk, talk, talking, until

from wke.act.connection import bootstrap
from wke.act.connection.connection import Connection
from wke.act.connection.task import TaskSpec
from wke.act.connection.telemetry import SentChunk, WatchOrder
from wke.act.telemetry.chunks import decode
from wke.agent import frames, protocol
from wke.agent.protocol import Decoder, encode
from wke.errors import WkeError
from wke.records import Output, Record, TaskEnded, TaskName

# -- a hostile controller


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        encode(frames.HELLO, 0, {}),
        encode(frames.START, 1, {}),
        encode(frames.START, 1, {"script": 1}),
        encode(frames.PUT, 0, {"script": "k"}),
        encode(frames.WAIT_PORT, 1, {"port": "x", "address": 7, "within": None}),
        protocol.HEADER.pack(protocol.MAGIC, 1, frames.PUT, 0, 0, 2, 2**32 - 1, 0) + b"{}",
    ],
)
def test_an_agent_that_hears_nonsense_says_why_and_ends(rubbish: bytes, tmp_path: Path) -> None:
    """It stops what it started and removes its folder, as at any other end."""
    with raw_agent("b" * 16, {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) as agent:
        assert agent.stdin is not None
        decoder = Decoder()
        frames_of(agent, decoder, frames.HELLO)
        agent.stdin.write(rubbish)
        agent.stdin.flush()
        broken = frames_of(agent, decoder, frames.BROKEN)
        assert broken[-1].kind == frames.BROKEN
        assert broken[-1].head["why"]
        assert agent.wait(limit(30)) == 0
    assert list(tmp_path.iterdir()) == []


ORDER: dict[str, object] = {
    "script": "k", "name": "t", "arguments": [], "environment": {}, "workdir": None, "prelude": None, "timeout": None, "grace": 1, "held": False,
}  # fmt: skip
ORDERS: list[tuple[int, dict[str, object]]] = [
    (frames.PUT, {"script": "k", "name": "t", "offset": 0}),
    (frames.START, ORDER),
    (frames.STOP, {}),
    (frames.START, ORDER | {"held": True}),
    (frames.RELEASE, {"at": 0}),
    (frames.PING, {}),
    (frames.WAIT_PORT, {"port": 1, "address": "127.0.0.1", "within": 0.01}),
    (frames.CLEAR, {"grace": 0.1}),
    (frames.CLEAR, {"grace": 0.1, "task": 1}),
    (frames.WATCH, {"interval": 0.01, "rows": 100, "at": 0, "scopes": ["machine"]}),
    (frames.UNWATCH, {}),
    (frames.COPY_IN, {"path": "here", "name": "n"}),
    (frames.COPY_OUT, {"path": "there"}),
    (frames.OFFER, {"first": 0, "entries": [["", "d", 448, 1, 0, ""]]}),
    (frames.HAVE, {"first": 0, "have": []}),
    (frames.DATA, {"parts": [[0, 0, 1]]}),
    (frames.COMPLETE, {}),
    (frames.COPY_STOP, {}),
    (frames.BYE, {"grace": 0.1}),
]
WRONG: list[object] = [None, True, -1, 0, 2**63, 10**19, 1e300, -1e300, "", "\ud800", "\0", [], [[]], [None], {}, {"a": None}]


def odd_stream(seed: int) -> bytes:
    """Return frames of a controller that forgets itself: fields that are missing or of any type, in any order, perhaps cut off or followed by rubbish."""
    dice = random.Random(seed)
    data = b""
    for _ in range(dice.randint(1, 12)):
        kind, head = dice.choice(ORDERS)
        fields = dict(head)
        for name in head:
            if dice.random() < 0.2:
                fields[name] = dice.choice(WRONG)
            elif dice.random() < 0.05:
                del fields[name]
        data += encode(kind, dice.choice((0, 1, 2, 2**32 - 1)), fields, b"#" if kind in (frames.PUT, frames.DATA) else b"")
    return data[: -dice.randint(1, 30)] if dice.random() < 0.2 else data + (b"rubbish" if dice.random() < 0.2 else b"")


def test_an_agent_ends_clean_whatever_it_hears(tmp_path: Path) -> None:
    """Sixty controllers that talk nonsense and hang up: each agent ends soon, in order, without a traceback, and its folder is gone."""

    def one(seed: int) -> tuple[int, int | None, bytes]:
        folder = tmp_path / str(seed)
        (folder / "home").mkdir(parents=True)
        environment = {"TMPDIR": str(folder), "HOME": str(folder / "home"), "PATH": os.environ["PATH"]}
        with raw_agent(f"{seed:016x}", environment) as agent:
            assert agent.stdin is not None
            frames_of(agent, Decoder(), frames.HELLO)
            agent.stdin.write(odd_stream(seed))
            agent.stdin.close()
            agent.stdin = None
            complaints = agent.communicate(timeout=limit(60))[1]
        assert [path.name for path in folder.iterdir()] == ["home"], seed
        return seed, agent.returncode, complaints.replace(b"all that ran there for this connection was stopped\n", b"")

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, range(60)))
    assert results == [(seed, 0, b"") for seed in range(60)]
    assert marked(str(tmp_path)) == []


@pytest.mark.parametrize("opening", [{}, {"token": 1, "lease": 1, "environment": {}}, {"token": "t", "lease": "x", "environment": {}}])
def test_an_agent_without_an_opening_says_so(opening: dict[str, object]) -> None:
    """A first frame that is not complete is answered with the reason, and nothing is left."""
    agent = subprocess.run(
        bootstrap.command(), input=bootstrap.package() + encode(frames.OPEN, 0, opening), capture_output=True, check=False
    )
    (broken,) = Decoder().frames(agent.stdout)
    assert (broken.kind, agent.stderr) == (frames.BROKEN, b"")
    assert "its first frame is not complete" in str(broken.head["why"])


# -- a hostile agent

AGENT = """#!{python}
import os, sys, time
sys.path.insert(0, {source!r})
from wke.agent import frames, protocol
from wke.agent.protocol import encode
def send(data):
    os.write(1, data)
hello = dict(python="3", hostname="h", user="u", home="/", cpus=1, uname="u", pid=1, workfolder="/w", at=time.time_ns())
def greet():
    send(encode(frames.HELLO, 0, hello))
def wait_for_a_task():
    heard = b""
    while b'"arguments"' not in heard:
        heard += os.read(0, 65536)
def started():
    send(encode(frames.STARTED, 1, {{"at": 1}}))
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
        "send(encode(frames.STARTED, 1, {'at': 1}))",
        "send(encode(frames.HELLO, 0, {}))",
        "send(encode(frames.HELLO, 0, dict(hello, cpus='many')))",
        "send(encode(frames.HELLO, 0, dict(hello, at=None)))",
        "send(encode(frames.OPEN, 0, {}))",
        "send(protocol.HEADER.pack(protocol.MAGIC, 1, 2, 0, 0, 2**31, 2**31, 0))",
        "sys.exit(3)",
    ],
)
def test_an_agent_that_cannot_introduce_itself_is_refused(tmp_path: Path, body: str) -> None:
    """At once, not at the deadline."""
    began = time.monotonic()
    assert refusal(hostile(tmp_path, body), deadline_s=limit(30)).startswith("machine node1: starting the agent failed: ")
    assert time.monotonic() - began < limit(15)


@pytest.mark.parametrize(
    "body",
    [
        "send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1}, b'early'))",
        "started(); started()",
        "started(); send(encode(frames.OUTPUT, 1, {'stream': 4, 'at': 1}, b'?'))",
        "started(); send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 'now'}, b'?'))",
        "started(); send(encode(frames.OUTPUT, 2, {'stream': 1, 'at': 1}, b'whose?'))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'splendid'}))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'ok', 'code': 'x'}))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'ok', 'code': None, 'started': 1, 'ended': 2, 'rung': 7, 'detail': ''}))",
        "greet()",
        "send(encode(frames.PUT, 0, {}))",
        "send(encode(frames.BROKEN, 0, {'why': 'enough'}))",
        "send(encode(frames.BROKEN, 0, {}))",
        "started(); send(b'\\xf7wke' + os.urandom(1000))",
        "send(protocol.HEADER.pack(protocol.MAGIC, 1, frames.OUTPUT, 0, 1, 2**31, 2**31, 0))",
        "send(protocol.prefix(99, 1, b'{}', 0))",
        "send(encode(frames.PONG, 77, {'at': 1}))",
        "send(encode(frames.SAMPLE, 77, {'at': 1}))",
        "send(encode(frames.CLEARED, 77, {'leftovers': []}))",
        "send(encode(frames.STARTED, 1, {'at': 2**63}))",
        "send(encode(frames.STARTED, 1, {'at': -1}))",
        "started(); send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1e300}, b'late'))",
        "started(); send(encode(frames.ENDED, 1, {'kind': [], 'code': 0, 'started': 1, 'ended': 2, 'rung': '', 'detail': ''}))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'failed', 'code': 2**40, 'started': 1, 'ended': 2, 'rung': '', 'detail': ''}))",
        "started(); send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1}, b'cut')[:-1]); sys.exit()",
        "started()\nwhile True: send(os.urandom(65536))",
        "started()\nwhile True: send(encode(frames.OUTPUT, 1, {'stream': 3, 'at': 1}, bytes(1 << 18)))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'ok', 'code': None, 'started': 2**63 - 1, 'ended': 0, 'rung': '', 'detail': ''}))",
        "started(); send(encode(frames.ENDED, 1, {'kind': 'ok', 'code': None, 'started': 5, 'ended': 9, 'rung': '', 'detail': ''}))",
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


ENDED = "started(); ended = encode(frames.ENDED, 1, {'kind': 'ok', 'code': None, 'started': 1, 'ended': 2, 'rung': '', 'detail': ''}); send(ended)"


@pytest.mark.parametrize("body", ["send(ended)", "send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1}, b'ghost'))", "started()"])
def test_nothing_can_follow_a_tasks_end(tmp_path: Path, body: str) -> None:
    """The end that was told stays what it is; an agent that goes on about the task is not believed any more."""

    async def whole(one: Talk) -> None:
        run = await one.run(b"true", within_s=15)
        await until(one.connection.lost.is_set)
        assert (run.outcome, run.out) == ("ok", b"")
        assert "is about a task that does not run" in one.connection.why

    talk(hostile(tmp_path, f"greet()\nwait_for_a_task()\n{ENDED}\n{body}"), whole)


def test_a_frame_that_never_ends_costs_the_lease(tmp_path: Path) -> None:
    """Half a frame and silence: the machine is given up when its lease is over."""

    async def whole(one: Talk) -> None:
        assert (await one.run(b"true", within_s=10)).end.detail.startswith("no sign of life for 1 s")

    talk(hostile(tmp_path, "greet()\nwait_for_a_task()\nsend(encode(frames.STARTED, 1, {'at': 1})[:-1])"), whole, lease_s=1.0)


def test_words_of_a_machine_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Control characters, lone surrogates and endless texts are made harmless, in frames and on standard error."""
    bad = "'\\x1b[2J\\udcff\\ud800' + 'x' * 100000"

    async def whole(one: Talk) -> None:
        run = await one.run(b"true", within_s=15)
        assert run.end.detail.startswith("the agent gave up: \\x1b[2J\\udcff\\ud800xxx")
        assert "[31m" not in run.end.detail or "\\x1b[31m" in run.end.detail
        assert run.end.detail.isprintable()
        assert len(run.end.detail) < 5000

    body = "os.write(2, b'\\x1b[31m alarm')\ntime.sleep(0.2)\nsend(encode(frames.BROKEN, 0, {'why': " + bad + "}))"
    talk(hostile(tmp_path, "greet()\nwait_for_a_task()\n" + body), whole)


@pytest.mark.parametrize("question", ["stop", "clear", "clock", "port", "timeout", "staging"])
def test_an_agent_that_only_says_that_it_lives_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    """Signs of life do not replace answers: what is asked of a machine has an end, whatever it says."""
    monkeypatch.setattr("wke.act.connection.link.STUBBORN_S", 0.1)
    asks: dict[str, Callable[[Talk], object]] = {
        "clear": lambda one: one.connection.tasks.clear(0.1),
        "clock": lambda one: one.connection.clock.read(),
        "port": lambda one: one.connection.wait_port(1, "127.0.0.1", 0.1),
    }

    async def whole(one: Talk) -> None:
        task = await one.start(b"true", timeout_s=0.1 if question == "timeout" else None, grace_s=0.1, held=question == "staging")
        async with asyncio.timeout(limit(10)):
            if question == "stop":
                await task.running.stop()
            elif question in asks:
                await asyncio.gather(asks[question](one), return_exceptions=True)
            end = await task.running.wait()
        assert str(end.outcome) == "lost"
        assert end.detail.endswith("in time")

    body = "greet()\nwhile True: send(encode(frames.PONG, 0, {'at': 1})); time.sleep(0.05)"
    talk(hostile(tmp_path, body), whole, lease_s=limit(0.5))


def test_an_agent_that_never_answers_costs_the_deadline(tmp_path: Path) -> None:
    """Connecting to a peer that accepts and is silent ends in time, and its process with it."""
    began = time.monotonic()
    text = refusal(hostile(tmp_path, ""), deadline_s=1.0)
    assert time.monotonic() - began < limit(3)
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


CHANNELS = st.integers(0, 8)
ODD_VALUES = st.sampled_from(["ok", "failed", "", "lost", 0, 1, 2, 10**18, "\x1b[2J", "\ud800", "../../x", "f", "d", [], {}, None, True])
ENTRIES = st.lists(st.tuples(*[ODD_VALUES] * 6).map(list) | st.just(["", "d", 448, 1, 0, ""]), max_size=3)
NESTED = {
    "entries": ENTRIES,
    "parts": st.lists(st.lists(ODD_VALUES, max_size=4), max_size=3),
    "kind": st.sampled_from(["ok", "failed", "x"]),
}


@st.composite
def odd_frames(draw: st.DrawFn) -> tuple[int, int, dict[str, object], bytes]:
    """Return what a machine might send: mostly frames for a controller, as the table has them, with values that fit or nearly fit."""
    kind = draw(st.sampled_from([kind for kind in frames.KINDS if frames.is_for(kind, frames.CONTROLLER)]) | st.sampled_from(frames.KINDS))
    head = dict(draw(heads(kind)))
    for name, values in NESTED.items():
        if name in head:
            head[name] = draw(values)
    for name in ("at", "started", "ended", "first", "stream"):
        if name in head and draw(st.booleans()):
            head[name] = draw(st.integers(0, 3))
    if draw(st.integers(0, 9)) == 0:
        head = draw(wrong_heads(kind))
    return kind, draw(CHANNELS), head, draw(st.binary(max_size=min(3, frames.most_payload(kind))))


@settings(deadline=None, max_examples=int(os.environ.get("WKE_FUZZ_FRAMES", "100")))
@given(st.lists(odd_frames(), max_size=12))
def test_any_frames_in_any_order_are_survived(
    tmp_path_factory: pytest.TempPathFactory, sent: list[tuple[int, int, dict[str, object], bytes]]
) -> None:
    """Each field of each kind of frame with anything in it: whoever waits gets an answer or an error of ours, a task one end, and nothing escapes."""
    folder = tmp_path_factory.mktemp("odd")

    async def whole() -> None:
        connection = Connection("m", 5.0)
        records: list[Record] = []
        connection.link._greeted.set_result(None)
        connection.link.is_attached = True
        task = await connection.tasks.start(TaskSpec(TaskName(0, "t", "m"), b"", (), {}, None, None, None), records.append)
        asked = [
            asyncio.ensure_future(question)
            for question in (
                connection.clock.read(),
                connection.wait_port(1, "127.0.0.1", 1),
                connection.telemetry.watch(
                    WatchOrder(1, 1), lambda report: (isinstance(report, SentChunk) and decode(report, 2, [0]), None)[1]
                ),
                connection.tasks.clear(),
                connection.files.receive("x", folder / "here"),
                connection.files.send(__file__, "there"),
            )
        ]
        await asyncio.sleep(0)
        connection.link.wire._hear(b"".join(encode(*frame) for frame in sent))
        await asyncio.sleep(0)
        await connection.abort()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [r for r in results if isinstance(r, BaseException) and not isinstance(r, WkeError)] == []
        ends = [r for r in records if isinstance(r, TaskEnded)]
        assert ends == [await task.wait()]
        assert all(0 <= ns < 2**63 for ns in (ends[0].started_ns, ends[0].ended_ns))
        assert ends[0].detail.isprintable()

    asyncio.run(whole())


def test_the_controller_keeps_little_of_a_flood(tmp_path: Path) -> None:
    """An agent that sends output without end costs the controller no memory: it goes to the sink as it comes."""
    body = "greet()\nwait_for_a_task()\nstarted()\nfor i in range(2000): send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1}, bytes(1 << 19)))"

    async def whole() -> None:
        size = 0

        def sink(record: object) -> None:
            nonlocal size
            size += len(record.data) if isinstance(record, Output) else 0

        tracemalloc.start()
        try:
            async with talking(hostile(tmp_path, body)) as one:
                await one.connection.tasks.start(TaskSpec(TaskName(0, "t", "m"), b"", (), {}, None, None, None), sink)
                await until(lambda: size > 30 << 20, 60)
                await one.connection.close(grace_s=0)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()

    asyncio.run(whole())


def test_output_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task writes has a bound, far beyond what scripts write: it would fill the controller's disk."""
    monkeypatch.setattr("wke.act.connection.tasks.MOST_OUTPUT", 1 << 26)
    body = "greet()\nwait_for_a_task()\nstarted()\nwhile True: send(encode(frames.OUTPUT, 1, {'stream': 1, 'at': 1}, bytes(1 << 20)))"

    async def whole(one: Talk) -> None:
        ended = await (
            await one.connection.tasks.start(TaskSpec(TaskName(0, "t", "m"), b"", (), {}, None, None, None), lambda _: None)
        ).wait()
        assert (str(ended.outcome), ended.detail) == ("lost", "t wrote more than 0 GiB")

    talk(hostile(tmp_path, body), whole)


@pytest.mark.parametrize("flood", ["encode(frames.PONG, 0, {'at': 1})", "encode(frames.SAMPLE, 1, {'at': 1})"])
def test_a_flood_of_frames_is_no_harm_to_others(tmp_path: Path, flood: str) -> None:
    """While one machine says nothing but nonsense without end, another one's task goes on, and the controller keeps none of it."""
    body = f"greet()\nwait_for_a_task()\nwhile True: send({flood} * 1000)"

    async def whole() -> None:
        async with talking(hostile(tmp_path, body)) as bad, talking([]) as good:
            await bad.start(b"true")
            tracemalloc.start()
            try:
                for _ in range(2):
                    assert (await good.run(b"echo well")).out == b"well\n"
                assert tracemalloc.get_traced_memory()[1] < 10_000_000
            finally:
                tracemalloc.stop()
            assert not good.connection.lost.is_set()
            await bad.connection.close(grace_s=0)

    asyncio.run(whole())


@pytest.mark.netns
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and namespaces")
def test_the_table_of_cases_can_be_taken() -> None:
    """The program behind docs/robustness.md makes a machine, kills its guardian, finds nothing left and says what a user saw."""
    program = Path(__file__).parents[2] / "benchmarks" / "hostile.py"
    done = subprocess.run([sys.executable, program, "--only", "guardian"], capture_output=True, text=True, check=True, timeout=limit(60))
    row = done.stdout.strip().splitlines()[-1].split("|")
    assert row[2].endswith("the agent gave up: its guardian was killed ")
    assert (row[3].strip(), row[6].strip()) == ("3", "0")

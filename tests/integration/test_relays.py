"""Machines behind a tree of relays answer as others do; a relay that is lost takes its machines with it, and nothing else."""

import asyncio
import hashlib
import importlib.util
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support import LEASE_S, eventually, limit, marked
from talk import Run, until
from trees import Grove, children, standing

from wke.act.connection import bootstrap
from wke.act.connection.clock import Clock
from wke.act.providers.place import Place
from wke.act.relays import growth
from wke.act.session.clockreadings import read_clocks
from wke.act.session.session import Session
from wke.agent import frames
from wke.agent.handshake import dial
from wke.agent.protocol import Decoder, encode
from wke.describe.cluster.cluster import MachineSpec, read_cluster
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.plan.plan import PlannedStep
from wke.errors import MachineError
from wke.judge.clocks import BESIDE, FEW_BESIDE, enough
from wke.records import OutcomeKind, Output, Record, StartedTogether, TaskEnded

LINE = 10_000_000
ANSWER = b'printf "$NODE"; printf "err $1" >&2; exit $((NODE % 3))'
STARTED = b'until read -r name < /proc/$!/comm && [ "$name" = sleep ]; do :; done'
"""Waits until what runs in the background is no copy of the shell any more."""
LONG_LINE = b"head -c 10000000 /dev/zero | tr '\\0' x; echo"


@pytest.mark.parametrize("fan_out", [2, 8], ids=["two levels of relays", "no relay"])
def test_machines_behind_relays_answer_as_others_do(fan_out: int) -> None:
    """Output, error and status are each machine's own, also while one of them writes a line of 10 MB; nothing is left at the end."""
    grove, mark = Grove(7, fan_out), b"1717%d" % fan_out

    async def body() -> None:
        async with standing(grove):
            talks = grove.talks
            long = asyncio.create_task(talks["m6"].run(LONG_LINE))
            for _ in range(3):
                runs = await asyncio.gather(*(talk.run(ANSWER, name) for name, talk in talks.items()))
                assert {name: _seen(run) for name, run in zip(talks, runs, strict=True)} == {
                    f"m{n}": (f"failed({n % 3})" if n % 3 else "ok", b"%d" % n, b"err m%d" % n) for n in range(7)
                }
            run = await long
            assert (run.outcome, len(run.out)) == ("ok", LINE + 1)
            assert hashlib.sha256(run.out).digest() == hashlib.sha256(b"x" * LINE + b"\n").digest()
            reading = await talks["m5"].connection.clock.read()
            assert abs(reading.offset_ns) < reading.bound_ns + 5_000_000  # our clock began at the wall clock earlier
            await talks["m3"].start(b"exec sleep " + mark)
            await talks["m4"].run(b"sleep " + mark + b" >/dev/null 2>&1 & " + STARTED)

    asyncio.run(body())
    running = {name: [words.split()[0] for words in left.running] for name, left in grove.left.items() if left.running}
    assert running == {"m4": ["sleep"]}
    assert not grove.were_killed
    assert marked(mark.decode()) == []


def _seen(run: Run) -> tuple[str, bytes, bytes]:
    return run.outcome, run.out, run.err


def test_another_python_makes_a_node_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where compiled code of our Python cannot run, the same bytes bring the code as source: there is no one to ask for it."""
    bundle = bootstrap.bundle
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", b"else")
    monkeypatch.setattr(
        bootstrap, "bundle", lambda names, *, compiled: bundle(() if compiled and "node" in names else names, compiled=compiled)
    )
    grove = Grove(3, 2)

    async def body() -> None:
        async with standing(grove):
            runs = await asyncio.gather(*(talk.run(ANSWER, name) for name, talk in grove.talks.items()))
            assert sorted(run.out for run in runs) == [b"0", b"1", b"2"]

    asyncio.run(body())


def test_a_measured_step_starts_together_behind_relays(tmp_path: Path) -> None:
    """A session locks machines behind relays, examines them, reads their clocks, and starts the tasks of a measured step at one instant."""
    grove = Grove(5, 2)
    (tmp_path / "cluster.toml").write_text("[machines]\n" + "".join(f'm{n} = "127.0.0.1"\n' for n in range(5)))
    cluster = read_cluster(tmp_path / "cluster.toml")
    names = [machine.name for machine in cluster.machines]
    step = PlannedStep(0, TargetSpec("load", "", content=b'echo "$NODE"'), cluster.machines, measure=True)
    records: list[Record] = []

    async def body() -> tuple[Sequence[TaskEnded], Mapping[MachineSpec, Mapping[str, str]]]:
        locks = {name: f"relays-{os.getpid()}-{name}" for name in names}
        place = Place(cluster, dict.fromkeys(names, ()), {}, locks=locks, connection=grove.tree().connection)
        async with asyncio.timeout(limit(60)), Session(place, cluster.machines, records.append, holder="a test") as session:
            return await session.run(step), await session.connections.examine()

    ends, facts = asyncio.run(body())
    assert [str(end.outcome) for end in ends] == ["ok"] * 5
    assert {record.data for record in records if isinstance(record, Output)} == {b"%d\n" % n for n in range(5)}
    assert [set(record.clocks) for record in records if isinstance(record, StartedTogether)] == [set(names)]
    assert len(facts) == 5
    assert all("kernel" in found for found in facts.values())
    assert not grove.were_killed


def test_relays_read_the_clocks_of_the_machines_below_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They tell what probes from here tell, within the bounds of both; one machine that stands still keeps no other; a lost one is left out."""
    grove = Grove(8, 7)

    async def body() -> None:
        async with standing(grove):
            clocks = {name: talk.connection.clock for name, talk in grove.talks.items()}
            direct = {name: await clock.read() for name, clock in clocks.items()}
            monkeypatch.setattr(Clock, "read", _refuse)
            stopped = grove.talks["m3"].connection.hello.pid
            os.kill(stopped, signal.SIGSTOP)
            reading = asyncio.create_task(read_clocks(clocks, enough, BESIDE, 0))
            others = [asyncio.create_task(clocks[name].beside(0, FEW_BESIDE)) for name in ("m2", "m4")]
            async with asyncio.timeout(limit(10)):
                await asyncio.gather(*others)
            assert not reading.done()
            os.kill(stopped, signal.SIGCONT)
            for name, found in (await reading).items():
                assert abs(found.offset_ns - direct[name].offset_ns) <= found.bound_ns + direct[name].bound_ns
            os.kill(grove.talks["m5"].connection.hello.pid, signal.SIGKILL)
            async with asyncio.timeout(limit(10)):
                await grove.talks["m5"].connection.lost.wait()
            assert (await read_clocks(clocks, enough, BESIDE, 0)).keys() == clocks.keys() - {"m5"}

    asyncio.run(body())


async def _refuse(clock: Clock, *_: object) -> None:
    raise MachineError("no clock is to be read from here")


def test_a_lost_relay_loses_its_machines_and_no_others() -> None:
    """Their tasks end as lost, are stopped there, and name the cause; others go on; a new connection reaches the machines again."""
    grove = Grove(7, 2)

    async def body() -> None:
        async with standing(grove) as tree:
            tasks = {name: await talk.start(b"echo up; exec sleep 1718") for name, talk in grove.talks.items()}
            for task in tasks.values():
                await task.says(b"up\n")
            relay = _relay(grove, 1)
            os.kill(relay, signal.SIGKILL)
            behind = ("m1", "m2", "m3")
            for name in behind:
                async with asyncio.timeout(limit(10)):
                    end = await tasks[name].running.wait()
                assert end.outcome.kind == OutcomeKind.LOST
                assert "relay" in end.detail
            eventually(lambda: len(marked("sleep\0001718")) == 4)
            for name in tasks.keys() - set(behind):
                assert not tasks[name].running.end.done()
                assert (await grove.talks[name].run(b"echo on")).out == b"on\n"
            for name in behind:
                await grove.talks[name].connection.close()
                again = await grove.open(tree, int(name[1:]))
                assert (await again.run(b'echo "$NODE"')).out == b"%s\n" % name[1:].encode()

    asyncio.run(body())
    assert not grove.were_killed


def _relay(grove: Grove, number: int) -> int:
    """Return the process that is the relay of a machine; the node of the machine is its child."""
    relay = grove.first_process(number)
    assert list(children(relay))
    return relay


def test_a_slow_machine_does_not_hold_up_others(tmp_path: Path) -> None:
    """While one agent stands still, its relay neither keeps the rest of its file nor others from theirs; then it gets all of it."""
    grove = Grove(4, 3, lease_s=60)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 24)

    async def body() -> None:
        async with standing(grove):
            slow = grove.talks["m2"].connection
            os.kill(slow.hello.pid, signal.SIGSTOP)
            try:
                late = asyncio.create_task(slow.files.send(source, str(tmp_path / "m2")))
                async with asyncio.timeout(limit(20)):
                    await asyncio.gather(*(grove.talks[m].connection.files.send(source, str(tmp_path / m)) for m in ("m1", "m3")))
                assert (await grove.talks["m3"].run(b"echo on")).out == b"on\n"
                assert not late.done()
                assert _memory(_relay(grove, 0)) < 24 << 20
            finally:
                os.kill(slow.hello.pid, signal.SIGCONT)
            await late

    asyncio.run(body())
    assert {(tmp_path / m).read_bytes() == source.read_bytes() for m in ("m1", "m2", "m3")} == {True}


def _memory(pid: int) -> int:
    """Return how many bytes of a process's memory are its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def test_a_relay_that_stands_still_is_noticed_at_both_ends() -> None:
    """After a lease the controller has lost all machines behind it, and these have stopped what ran there."""
    grove = Grove(3, 2, lease_s=LEASE_S)

    async def body() -> None:
        async with standing(grove):
            tasks = [await talk.start(b"echo up; exec sleep 1719") for talk in grove.talks.values()]
            for task in tasks:
                await task.says(b"up\n")
            relay = _relay(grove, 0)
            os.kill(relay, signal.SIGSTOP)
            try:
                for task in tasks:
                    async with asyncio.timeout(limit(4 * LEASE_S)):
                        end = await task.running.wait()
                    assert (end.outcome.kind, end.detail.partition(":")[0]) == (OutcomeKind.LOST, f"no sign of life for {LEASE_S:g} s")
                await until(lambda: marked("sleep\0001719") == [], 4 * LEASE_S)
            finally:
                os.kill(relay, signal.SIGCONT)

    asyncio.run(body())
    assert not grove.were_killed


def test_machines_wait_for_an_absent_relay_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it never comes, they are carried by the controller itself; the machine itself is out of reach."""
    monkeypatch.setattr(growth, "ABSENT_S", 0.1)
    grove = Grove(3, 2, absent=[0])

    async def body() -> None:
        async with standing(grove) as tree:
            assert (await grove.talks["m2"].run(b'echo "$NODE"')).out == b"2\n"
            for number in grove.processes:
                os.kill(grove.first_process(number), signal.SIGKILL)
            with pytest.raises(MachineError, match="m0: starting the agent failed: its process has ended before it called back"):
                await grove.open(tree, 0)

    asyncio.run(body())


def test_strangers_and_liars_get_nothing_and_disturb_no_one() -> None:
    """Without the secret no one is let in, by the controller or a relay; a machine that sends nonsense is lost, and the others are not."""
    grove = Grove(3, 2, absent=[2])

    async def body() -> None:
        async with standing(grove) as tree:
            order = grove.order()
            address, port, secret = "127.0.0.1", int(str(order["port"])), str(order["secret"]).encode()
            with pytest.raises(OSError, match="secret"):
                await asyncio.to_thread(dial, address, port, b"wrong")
            opening = asyncio.create_task(grove.open(tree, 2))
            relay_port = await asyncio.to_thread(_lie, address, port, secret)
            with pytest.raises(MachineError, match=r"m2.*makes no sense"):
                await opening
            with pytest.raises(OSError, match="secret"):
                await asyncio.to_thread(dial, address, relay_port, b"wrong")
            assert (await grove.talks["m1"].run(b"echo on")).out == b"on\n"

    asyncio.run(body())


def _lie(address: str, port: int, secret: bytes) -> int:
    """Be machine m2 until it has its place below a relay, and then talk nonsense; return the port of the relay."""
    with socket.socket(fileno=dial(address, port, secret)) as controller:
        controller.sendall(encode(frames.NODE, 0, {"key": "2", "port": 1}))
        (seat,) = Decoder(frames.TREE).frames(controller.recv(4096))
    port = int(str(seat.head["port"]))
    with socket.socket(fileno=dial(address, port, secret)) as relay:
        relay.sendall(encode(frames.NODE, 0, {"key": "2", "port": 1, "number": 2, "relays": False}))
        assert relay.recv(4096)  # an agent is to be opened
        relay.sendall(b"nonsense" * 100)
        while relay.recv(4096):
            pass
    return port

"""A connection that lasts: wires break and controllers come and go; nothing is lost, said twice or started twice, and nothing is left."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from support import alive, eventually, limit, marked, parent
from talk import Talk, until

from wke.act.connection import resumable
from wke.act.connection.connection import Connection
from wke.act.connection.opening import open_connection
from wke.act.connection.resumable import AnchorResumer
from wke.agent import frames

COUNT = 2_000_000


@cache
def numbers() -> bytes:
    """Return what `seq COUNT` writes."""
    return b"".join(b"%d\n" % n for n in range(1, COUNT + 1))


@dataclass(slots=True)
class Lasting:
    """A talk over a lasting connection, and what a person was told."""

    talk: Talk
    connection: Connection
    resumer: AnchorResumer
    said: list[str] = field(default_factory=list)

    def carriers(self) -> list[int]:
        """Return the processes that carry the bytes here: a program, and its carrier where the program is the shell of that."""
        carrier = self.connection.link.wire.pid
        return [carrier, *map(int, Path(f"/proc/{carrier}/task/{carrier}/children").read_text().split())]

    def break_wire(self) -> None:
        """Kill what carries the bytes here."""
        kill_all(self.carriers(), signal.SIGKILL)

    @property
    def pids(self) -> dict[str, int]:
        agent = self.connection.hello.pid
        return {"agent": agent, "guardian": parent(agent), "anchor": parent(parent(agent))}


def kill_all(pids: Sequence[int], number: int) -> None:
    """Send a signal to those processes that still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def attached(transport: Sequence[str], folder: str = "", lease_s: float = 60.0) -> Lasting:
    said: list[str] = []
    resumers: list[AnchorResumer] = []

    def made(machine: str, lease_s: float) -> Connection:
        resumers.append(AnchorResumer(lease_s, folder, said.append))
        return Connection(machine, resumers[-1].heartbeat_lease_s, resumer=resumers[-1])

    connection = await open_connection("m", transport, deadline_s=limit(20), lease_s=lease_s, made=made)
    return Lasting(Talk(connection), connection, resumers[-1], said)


def lasting_talk(transport: Sequence[str], body: Callable[[Lasting], Awaitable[None]], lease_s: float = 60.0) -> None:
    """Run a test body that holds an attempt; at its end nothing may be left on the machine."""

    async def whole() -> str:
        one = await attached(transport, lease_s=lease_s)
        folder = one.connection.hello.workfolder
        try:
            await one.resumer.hold("aa-0.1")
            await body(one)
        finally:
            await one.connection.close()
        return folder

    folder = asyncio.run(whole())
    eventually(lambda: not Path(folder).exists() and not marked(folder))


# -- the wire


def test_output_is_whole_though_the_wire_breaks(transport: Sequence[str]) -> None:
    """Killed again and again in the middle of heavy output: every byte comes, once, in order, and the script never knows."""

    async def body(one: Lasting) -> None:
        task = await one.talk.start(b"seq 1 %d" % COUNT)
        for part in (1, 2, 3):
            await until(lambda part=part: sum(len(getattr(r, "data", b"")) for r in task.records) > part * len(numbers()) // 5)
            one.break_wire()
            await until(lambda part=part: len(one.said) == 2 * part, 20)
        end = await asyncio.wait_for(task.running.wait(), limit(30))
        assert (str(end.outcome), task.said() == numbers()) == ("ok", True)
        assert [words.split()[0:2] for words in one.said] == [["contact", "is"], ["contact", "again;"]] * 3

    lasting_talk(transport, body)


def test_a_wire_that_falls_silent_is_replaced(transport: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs (a cut network looks like that) is given up after a while without a sign of life; what runs there does not notice."""
    monkeypatch.setattr(resumable, "PATIENCE_S", 1.0)

    async def body(one: Lasting) -> None:
        task = await one.talk.start(b"echo one; sleep 2.5; echo two")
        await task.says(b"one\n")
        frozen = one.carriers()
        kill_all(frozen, signal.SIGSTOP)
        try:
            end = await asyncio.wait_for(task.running.wait(), limit(30))
        finally:
            kill_all(frozen, signal.SIGKILL)
        assert (str(end.outcome), task.said()) == ("ok", b"one\ntwo\n")
        assert 2.4 < end.elapsed_s < limit(6)

    lasting_talk(transport, body)


def test_questions_and_orders_survive_a_broken_wire(transport: Sequence[str]) -> None:
    """What was asked, started or stopped while there was no contact happens when there is: once."""

    async def body(one: Lasting) -> None:
        stubborn = await one.talk.start(b"trap '' TERM; echo up; while :; do sleep 0.1; done")
        await stubborn.says(b"up\n")
        one.break_wire()
        await until(lambda: one.said)
        began = asyncio.create_task(one.talk.run(b"echo began >> $HOME/began-$PPID; cat $HOME/began-$PPID; rm $HOME/began-$PPID"))
        asked = asyncio.create_task(one.connection.clock.read())
        run = await asyncio.wait_for(began, limit(30))
        assert (run.outcome, run.out) == ("ok", b"began\n")
        assert (await asyncio.wait_for(asked, 20)).bound_ns < 1 << 62
        cleared = asyncio.create_task(one.connection.tasks.clear(0.3))
        await asyncio.sleep(0)  # the question is on its way
        one.break_wire()
        await asyncio.wait_for(cleared, limit(30))
        end = await asyncio.wait_for(stubborn.running.wait(), limit(30))
        assert str(end.outcome) == "cancelled"

    lasting_talk(transport, body)


def test_an_order_that_comes_twice_is_carried_out_once(transport: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself sees to it, by the task's key, whatever the controller believes."""
    ledger = tmp_path / "ledger"

    async def body(one: Lasting) -> None:
        tell = one.connection.link.tell

        def twice(kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
            for _ in range(2 if kind == frames.START else 1):
                tell(kind, channel, head, payload)

        monkeypatch.setattr(one.connection.link, "tell", twice)
        assert (await one.talk.run(b"echo begun | tee -a %s" % bytes(ledger))).out == b"begun\n"
        assert (await one.talk.run(b"true")).outcome == "ok"

    lasting_talk(transport, body)
    assert ledger.read_text() == "begun\n"


# -- another controller


def test_another_controller_takes_up_what_there_is(transport: Sequence[str], tmp_path: Path) -> None:
    """The same steps again: what began is not begun again, whether it has ended or goes on, and its records are the same ones."""
    ledger, go = tmp_path / "ledger", tmp_path / "go"
    ended, going, later = (
        b"echo %s >> %s; echo %s; while [ %s = going -a ! -e %s ]; do sleep 0.02; done; echo over"
        % (word, bytes(ledger), word, word, bytes(go))
        for word in (b"ended", b"going", b"later")
    )

    async def whole() -> None:
        first = await attached(transport)
        await first.resumer.hold("aa-0.1")
        before = await first.talk.start(ended, target="ended")
        await asyncio.wait_for(before.running.wait(), limit(30))
        running = await first.talk.start(going, target="going")
        await running.says(b"going\n")
        await first.resumer.leave()
        folder = first.connection.hello.workfolder
        assert alive(first.connection.hello.pid)

        second = await attached(transport, folder)
        assert (second.resumer.held.attempt, len(second.resumer.held.tasks)) == ("aa-0.1", 2)
        await second.resumer.hold("aa-0.1")
        again = await second.talk.run(ended, target="ended")
        assert (again.end, again.out) == (before.running.end.result(), b"ended\nover\n")
        task = await second.talk.start(going, target="going")
        await task.says(b"going\n")
        assert (await second.talk.run(later, target="later")).out == b"later\nover\n"
        go.touch()
        await asyncio.wait_for(task.running.wait(), limit(30))
        assert (task.said(), task.records[:2]) == (b"going\nover\n", running.records[:2])
        await second.resumer.hold("aa-1.1")  # another attempt: nothing of the first is known any more
        assert (await second.talk.run(later, target="later")).out == b"later\nover\n"
        await second.connection.close()

    asyncio.run(whole())
    assert ledger.read_text().split() == ["ended", "going", "later", "later"]


def test_who_takes_over_ends_the_talk_of_who_was_there(transport: Sequence[str]) -> None:
    """One controller at a time: the latest. Nobody hears half of what is said."""

    async def body(one: Lasting) -> None:
        task = await one.talk.start(b"echo one; sleep 1; echo two")
        await task.says(b"one\n")
        other = await attached(transport, one.connection.hello.workfolder)
        assert other.connection.hello.pid == one.connection.hello.pid
        await other.resumer.leave()
        await asyncio.wait_for(task.running.wait(), limit(30))
        assert task.said() == b"one\ntwo\n"

    lasting_talk(transport, body)


# -- the end


@pytest.mark.parametrize("who", ["agent", "guardian", "anchor"])
def test_nothing_is_left_when_one_of_them_dies_alone(transport: Sequence[str], who: str) -> None:
    """Nobody is there to see it, and the lease is long: the others clean up at once. Who comes then learns that it is gone."""

    async def whole() -> None:
        one = await attached(transport)
        await one.resumer.hold("aa-0.1")
        task = await one.talk.start(b"(setsid sleep 1000 &) ; echo up; sleep 1000")
        await task.says(b"up\n")
        folder, pids = one.connection.hello.workfolder, one.pids
        await one.resumer.leave()
        os.kill(pids[who], signal.SIGKILL)
        await until(lambda: not Path(folder).exists() and not marked(folder) and not any(map(alive, pids.values())), 10)
        fresh = await attached(transport, folder)
        assert (fresh.resumer.held.attempt, fresh.connection.hello.workfolder == folder) == ("", False)
        await fresh.connection.close()

    asyncio.run(whole())


def test_the_last_one_removes_what_was_written_meanwhile(transport: Sequence[str]) -> None:
    """The anchor may still be writing its journal while the guardian removes the folder; afterwards it is gone all the same."""

    async def whole() -> None:
        one = await attached(transport)
        folder, pids = Path(one.connection.hello.workfolder), one.pids
        os.kill(pids["anchor"], signal.SIGSTOP)
        try:
            await one.resumer.leave()
            os.kill(pids["agent"], signal.SIGKILL)
            await until(lambda: not folder.exists())
            (folder / "journal").mkdir(parents=True)
        finally:
            os.kill(pids["anchor"], signal.SIGCONT)
        await until(lambda: not folder.exists() and not alive(pids["anchor"]))

    asyncio.run(whole())


def test_the_lease_ends_what_nobody_takes_up(transport: Sequence[str]) -> None:
    """Left alone for longer, the machine is clean, and not before."""

    async def whole() -> None:
        one = await attached(transport, lease_s=2.0)
        await one.resumer.hold("aa-0.1")
        task = await one.talk.start(b"trap '' TERM; echo up; while :; do sleep 0.1; done")
        await task.says(b"up\n")
        folder = one.connection.hello.workfolder
        left = asyncio.get_running_loop().time()
        await one.resumer.leave()
        await until(lambda: not Path(folder).exists() and not marked(folder), 2 + 5)
        assert asyncio.get_running_loop().time() - left > 1

    asyncio.run(whole())


def test_without_an_attempt_nothing_outlives_us(transport: Sequence[str]) -> None:
    """Before the first trial and after the last there is nothing to wait for."""

    async def whole() -> None:
        one = await attached(transport)
        await one.resumer.hold("aa-0.1")
        await one.resumer.hold("")
        folder = one.connection.hello.workfolder
        await one.resumer.leave()
        await until(lambda: not Path(folder).exists())

    asyncio.run(whole())


@pytest.mark.parametrize("script", [b"sleep 1000", b"exec yes"], ids=["quiet", "loud"])
def test_what_was_said_before_leaving_arrives(transport: Sequence[str], script: bytes) -> None:
    """The way there may be slow, and the machine may be talking at that moment."""

    async def whole() -> None:
        one = await attached(transport)
        await one.resumer.hold("aa-0.1")
        task = await one.talk.start(b"echo up; " + script)
        await task.says(b"up\n")
        slow = one.carriers()
        kill_all(slow, signal.SIGSTOP)
        await one.resumer.hold("")
        leaving = asyncio.create_task(one.resumer.leave())
        await asyncio.sleep(0)  # it leaves as far as it gets without the machine
        kill_all(slow, signal.SIGCONT)
        await leaving
        folder = one.connection.hello.workfolder
        await until(lambda: not Path(folder).exists() and not marked(folder))

    asyncio.run(whole())


def test_a_machine_that_has_stopped_everything_is_lost(transport: Sequence[str]) -> None:
    """When contact comes back and nothing is there any more, tasks end lost, with the reason, and what stood in is gone, too."""

    async def body(one: Lasting) -> None:
        task = await one.talk.start(b"echo up; sleep 1000")
        await task.says(b"up\n")
        os.kill(one.pids["anchor"], signal.SIGKILL)
        end = await asyncio.wait_for(task.running.wait(), limit(30))
        assert (str(end.outcome), end.detail) == ("lost", "it has stopped everything that ran there: it was restarted, or its agent ended")
        stand_in = one.connection.hello
        await until(lambda: not alive(stand_in.pid) and not Path(stand_in.workfolder).exists())

    lasting_talk(transport, body)


def test_a_journal_that_cannot_be_kept_fails_loudly() -> None:
    """Output that has no room on the machine ends the task as lost, with the disk's words; nothing hangs and nothing is left."""
    small = ["/bin/sh", "-c", 'ulimit -f 600; exec "$@"', "sh"]

    async def body(one: Lasting) -> None:
        end = (await one.talk.run(b"seq 1 1000000; sleep 1000")).end
        assert (str(end.outcome), end.detail) == ("lost", "the agent gave up: cannot keep the journal of its tasks: File too large")

    lasting_talk(small, body)

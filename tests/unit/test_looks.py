"""A look at the tasks of a machine: which processes belong to which task, and what they use together; made-up machines under /proc."""

import asyncio
import os
from pathlib import Path

import pytest

from wke.act.connection.telemetry import SentChunk, SentColumns
from wke.act.telemetry.onlooker import CONNECTING, SILENT, Onlooker, Sight, _Rows, looking_at
from wke.agent import frames
from wke.agent.looks import TURNS, Looks
from wke.agent.protocol import Frame, ProtocolError
from wke.agent.sampler import chunk
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.errors import InputError, MachineError
from wke.judge.usage import TaskUsage, Usage

PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
SERVE = b"WKE_TARGET=serve\0WKE_MACHINE=m0\0WKE_COPY=0\0WKE_TASK=token.7\0HOME=/root\0"


def process(proc: Path, pid: int, parent: int, environ: bytes = b"", *, ticks: int = 0, state: str = "S", start: int = 5) -> None:
    """Write a process of 2 pages and 3 threads, whose name is made to confuse."""
    (proc / str(pid)).mkdir(exist_ok=True)
    fields = [state, parent, pid, pid, 0, -1, 0, 0, 0, 0, 0, ticks, ticks, 0, 0, 20, 0, 3, 0, start, 999999, 2, 0]
    (proc / str(pid) / "stat").write_text(f"{pid} (a b) S 1 () {' '.join(map(str, fields))}\n")
    (proc / str(pid) / "environ").write_bytes(environ)


def test_processes_belong_to_the_task_of_their_marker_or_their_parent(tmp_path: Path) -> None:
    """Their numbers are added up, in milliseconds and bytes; the dead, strangers and what is no process do not count."""
    process(tmp_path, 1, 0)
    process(tmp_path, 10, 1, SERVE, ticks=TICKS)
    process(tmp_path, 11, 10, b"HOME=/\0", ticks=TICKS // 2)  # has cleared its environment
    process(tmp_path, 12, 1, SERVE)  # a daemon whose parent has ended
    process(tmp_path, 13, 10, SERVE, state="Z")
    process(tmp_path, 14, 1, SERVE.replace(b"serve", b"l\xffoad").replace(b"COPY=0", b"COPY=2").replace(b".7", b".8"))
    process(tmp_path, 15, 1, b"X=WKE_TASK=token.9\0")
    (tmp_path / "16").mkdir()  # ends at this moment
    (tmp_path / "self").mkdir()
    assert Looks(str(tmp_path)).look() == [
        ["serve", "m0", "0", "token.7", 3000, 6 * PAGE, 9, 3],
        ["l\udcffoad", "m0", "2", "token.8", 0, 2 * PAGE, 3, 1],
    ]


def test_a_stranger_is_looked_at_again(tmp_path: Path) -> None:
    """Its number may belong to a task's process later; one that has just been started may still become one at once."""
    process(tmp_path, TURNS + 1, 1)
    process(tmp_path, TURNS + 2, 1, start=1 << 60)
    looks = Looks(str(tmp_path))
    assert looks.look() == []
    process(tmp_path, TURNS + 1, 1, SERVE)
    process(tmp_path, TURNS + 2, 1, SERVE, start=1 << 60)
    assert looks.look()[0][-1] == 1
    assert max(look[0][-1] for look in (looks.look() for _ in range(TURNS))) == 2


def machine(name: str) -> MachineSpec:
    return MachineSpec(name, 0, None, "127.0.0.1")


def seen(*tasks: object) -> Frame:
    return Frame(frames.SEEN, 1, {"at": 5, "tasks": list(tasks)}, b"")


def test_tasks_are_told_apart_by_their_markers() -> None:
    """Processor time becomes busy processors; tasks of another machine of the cluster are left out, those of strange clusters are not."""
    onlooker = Onlooker(lambda: None, [machine("m0")], {"m0", "m1"}, are_shared=True)
    frame = seen(
        ["serve", "m0", "0", "t.1", 3000, 4096, 3, 1],
        ["load", "elsewhere", "x", "u.1", 10, 0, 1, 1],
        ["serve", "m1", "0", "t.2", 0, 0, 1, 1],
    )
    tasks, times = onlooker._tasks_of("m0", frame, {"t.1": 1000}, 4.0)
    assert tasks == (TaskUsage("m0", "serve", 0, 0.5, 4096, 3, 1), TaskUsage("m0", "load", 0, None, 0, 1, 1))
    assert times == {"t.1": 3000, "u.1": 10}


@pytest.mark.parametrize(
    "task", [7, [], ["a", "m0", "0", "t", 1, 1, 1], ["a", "m0", "0", "t", -1, 1, 1, 1], ["a", "m0", "9" * 99, "t", 1, 1, 1, 1]]
)
def test_what_is_no_task_is_refused(task: object) -> None:
    """A machine that sends nonsense loses its own connection."""
    with pytest.raises(ProtocolError, match="not a task"):
        Onlooker(lambda: None, [machine("m0")], {"m0"}, are_shared=False)._tasks_of("m0", seen(task), {}, 1.0)


def test_numbers_of_a_machine_and_its_host_are_told_apart() -> None:
    """Two rows give rates, of devices together without the loopback; of a column that is new there is none yet."""
    sight = Sight("m0")
    rows = _Rows("m0", sight)
    texts = ["host cpu.busy us counter", "host cpu.capacity us/s gauge", "host load.1 1/100 gauge", "host pressure.io.some us counter"]
    texts += ["machine net.eth0.received B counter", "machine net.lo.received B counter", "machine net.eth1.received B counter"]
    texts += ["machine memory.used B gauge", "machine memory.total B gauge"]

    def take(*lines: list[int | None]) -> None:
        rows.take(SentChunk(1, len(lines), 0, 1, chunk(list(zip(*lines, strict=True))), {}))

    rows.take(SentColumns(1, tuple((scope, name, unit, kind) for scope, name, unit, kind in map(str.split, texts))))
    take([0, 100, 2_000_000, 50, 0, 1000, 0, None, 10, 40])
    assert sight.problem == CONNECTING
    take([2_000_000_000, 1_000_100, 2_000_000, 150, 500_000, 3000, 9999, 7, 20, 40])
    assert sight.usage == Usage("m0", memory=20, memory_total=40, received=1000)
    assert sight.host == Usage("host", 0.5, 2.0, load=1.5, pressure={"io": 0.25})
    sight.lose(MachineError("machine m0: gone"))
    assert (sight.usage, sight.problem, sight.settled.is_set()) == (None, "gone", True)


def test_numbers_of_a_machine_that_hangs_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds without new ones it has none, nor have its tasks."""
    onlooker = Onlooker(lambda: None, [machine("m0")], {"m0"}, are_shared=False)
    sight = onlooker._sights["m0"]
    assert onlooker.usages() == [Usage("m0", problem=CONNECTING)]
    sight.look((TaskUsage("m0", "load", 0, 1.0, 0, 1, 1),))
    sight.show(Usage("m0", 1.0, 2), Usage("host"))
    assert (onlooker.usages(), onlooker.hosts(), len(onlooker.tasks())) == ([Usage("m0", 1.0, 2)], [Usage("host")], 1)
    monkeypatch.setattr(sight, "shown_s", sight.shown_s - 6)
    assert (onlooker.usages()[0].problem, onlooker.hosts(), onlooker.tasks()) == (SILENT, [], [])


def test_a_cluster_file_that_changes_meanwhile_is_a_problem_of_its_machines() -> None:
    """What is wrong with the place is shown, and the display goes on."""

    def find() -> None:
        raise InputError("cluster.toml has changed")

    async def problems() -> list[str]:
        machines = [machine("m0"), machine("m1")]
        async with looking_at(find, machines, ClusterSpec(None, "local", tuple(machines)), are_shared=True) as onlooker:
            await onlooker.settle()
            return [usage.problem for usage in onlooker.usages()]

    assert asyncio.run(problems()) == ["cluster.toml has changed"] * 2

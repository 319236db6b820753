"""Start together: real agents, some with a wrong clock, begin at one instant; how far apart they began is recorded and shown."""

import asyncio
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from projects import Project, emulated_cluster, write_series
from support import limit

from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.plan.plan import PlannedStep
from wke.judge.clocks import placed
from wke.records import Record, StartedTogether, TaskEnded
from wke.tell.terminal.progress import SeriesState, uneven_text

HOUR_NS = 3600 * 10**9
SHIFTED = """\
import posix, sys, time
shift, pace, delay = map(float, sys.argv[1:4])
program = sys.argv[sys.argv.index("-c") + 2]
wall, steady_ns, began = time.time, time.clock_gettime_ns, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
time.time = lambda: wall() + shift
time.clock_gettime_ns = lambda clock: began + int((steady_ns(clock) - began) * pace)
sleep, spawn = time.sleep, posix.posix_spawn
posix.posix_spawn = lambda *a, **k: (spawn(*a, **k), sleep(delay))[0]
exec(program)
"""
"""Runs the agent's program with a clock that is `shift` seconds ahead and runs `pace` times as fast; to spawn takes `delay` seconds."""


def run_together(
    folder: Path, script: bytes, clocks: dict[str, tuple[float, ...]], multiply: int = 1, times: int = 1
) -> tuple[list[Record], tuple[TaskEnded, ...]]:
    """Measure `script` on machines with those clocks (the shim's arguments); return all records and how the tasks of the last time ended."""
    machines = "".join(f'{name} = "127.0.0.1"\n' for name in clocks)
    (folder / "cluster.toml").write_text(f'[cluster]\nprovider = "ssh"\nlease = "20s"\n[machines]\n{machines}')
    cluster = read_cluster(folder / "cluster.toml")
    shim = folder / "shim.py"
    shim.write_text(SHIFTED)
    transports = {name: [sys.executable, str(shim), *map(str, (*clock, 0)[:3])] for name, clock in clocks.items()}
    records: list[Record] = []

    step = PlannedStep(0, TargetSpec("load", "", content=script), cluster.machines, multiply=multiply, measure=True)

    async def body() -> tuple[TaskEnded, ...]:
        async with asyncio.timeout(limit(60)), Session(Place(cluster, transports, {}), cluster.machines, records.append) as session:
            return [await session.run(step) for _ in range(times)][-1]

    return records, asyncio.run(body())


def test_machines_with_wrong_clocks_start_together(tmp_path: Path) -> None:
    """An hour ahead, an hour behind and right: each is told by its own clock, and the times that it tells are put on ours."""
    wrong = {"ahead": (3600.0, 1.0), "behind": (-3600.0, 1.0), "right": (0.0, 1.0)}
    records, ends = run_together(tmp_path, b"#!/bin/sh\nsleep 0.1\n", wrong)
    (together,) = [record for record in records if isinstance(record, StartedTogether)]
    assert [str(end.outcome) for end in ends] == ["ok"] * 3
    raw = {end.task.machine: end.started_ns for end in ends}
    assert raw["ahead"] - raw["behind"] > 1.9 * HOUR_NS
    assert together.skew_ns < limit(1e9)  # without the offsets two hours
    assert 0 < together.bound_ns < limit(1e9)
    for name, (shift_s, _) in wrong.items():
        clock, start = together.clocks[name], placed(together.clocks[name], raw[name])
        before, after = clock.readings
        for reading in clock.readings:
            assert abs(reading.offset_ns - shift_s * 1e9) < reading.bound_ns + 500_000_000  # our clock began at the wall clock minutes ago
        assert before.at_ns < together.released_ns < after.at_ns
        assert start is not None
        assert 0 <= start.at_ns - together.released_ns + start.bound_ns < limit(1e9)


def test_a_clock_that_runs_too_fast_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are read again while a step is measured; one that gains a part in fifty is unknown, and the start is known all the same."""
    monkeypatch.setattr("wke.act.session.clocks.EVERY_S", 0.1)
    records, ends = run_together(tmp_path, b"#!/bin/sh\nsleep 0.5\n", {"fast": (0.0, 1.02), "right": (0.0, 1.0)})
    (together,) = [record for record in records if isinstance(record, StartedTogether)]
    assert all(len(clock.readings) > 3 for clock in together.clocks.values())
    start, end = ends[0].started_ns, ends[0].ended_ns
    assert [placed(together.clocks["fast"], at_ns) for at_ns in (start, end)] == [None, None]
    right = [placed(together.clocks["right"], at_ns) for at_ns in (ends[1].started_ns, ends[1].ended_ns)]
    assert all(at is not None and at.bound_ns < limit(1e9) for at in right)
    assert together.skew_ns < limit(1e9)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_clock_that_was_read_just_now_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fresh: bool) -> None:
    """Of two measurements in a row, what ended the first begins the second; what is too old for that is read again."""
    monkeypatch.setattr("wke.act.session.clocks.FRESH_NS", 10 * HOUR_NS if fresh else 0)
    records, _ = run_together(tmp_path, b"#!/bin/sh\n", {"one": (0.0, 1.0), "two": (3600.0, 1.0)}, times=2)
    first, second = (record.clocks for record in records if isinstance(record, StartedTogether))
    assert [second[name].readings[0] == first[name].readings[-1] for name in ("one", "two")] == [fresh, fresh]
    assert all(len(second[name].readings) == 2 for name in ("one", "two"))


def test_a_late_start_is_told(tmp_path: Path) -> None:
    """A machine that takes half a second to make a process starts its second copy late: the skew says so, and a series tells at its end."""
    clocks = {"slow": (0.0, 1.0, 0.5), "right": (0.0, 1.0)}
    records, _ = run_together(tmp_path, b"#!/bin/sh\nsleep 0.1\n", clocks, multiply=2)
    (together,) = [record for record in records if isinstance(record, StartedTogether)]
    assert (together.last, 400_000_000 < together.skew_ns < limit(5e9)) == ("slow", True)
    state = SeriesState(0, {})
    for record in records:
        state.take(record)
    told = r"began unevenly: 1 of 0 trials, at worst \d+\.\d\d( to \d+\.\d\d)? ms (later on slow than on right|apart on slow)"
    assert re.fullmatch(told, uneven_text(state))


def test_who_is_stopped_while_held_never_began(tmp_path: Path) -> None:
    """A script that cannot be started fails when it is staged: the others are released without it, and no skew is claimed for it."""
    records, ends = run_together(tmp_path, b"#!/no/such/interpreter\n", {"one": (0.0, 1.0), "two": (0.0, 1.0)})
    assert [str(end.outcome) for end in ends] == ["failed(127)"] * 2
    assert [record for record in records if isinstance(record, StartedTogether)] == []


@pytest.mark.netns
def test_the_recorded_skew_is_shown_with_the_trial(emulated: Project) -> None:
    """`wke results` says how far apart the measured tasks of a trial began, and the store has both readings of each machine's clock."""
    write_series(emulated).write("cluster.toml", emulated_cluster(3))
    assert emulated.measure("--only", "size=1", "--only", "engine=new", "--limit", "1").status == 0
    (trial,) = emulated.wke("results", "series", "--json").json["series"]["trials"]
    start = trial["start"]
    assert {start["first"], start["last"]} == {"m1", "m2"}
    assert 0 < start["skew-ms"] < limit(1000)
    assert 0 < start["bound-ms"] < limit(1000)
    (line,) = emulated.wke("results", "series", "--trials").lines
    low, high = (max(0.0, start["skew-ms"] + sign * start["bound-ms"]) for sign in (-1, 1))
    assert f"; began {low:.2f} to {high:.2f} ms apart" in line
    with closing(sqlite3.connect(emulated.folder / "results/wke.sqlite")) as store:
        readings = store.execute("SELECT machine, count(*), max(abs(offset_ns)) < 1e9 FROM clocks GROUP BY machine").fetchall()
        order = "SELECT min(c.at_ns) < s.released_ns, max(c.at_ns) > s.released_ns FROM clocks c JOIN starts s USING (attempt)"
        assert readings == [("m0", 2, 1), ("m1", 2, 1), ("m2", 2, 1)]  # m0 has a background task, and telemetry
        assert store.execute(order).fetchall() == [(1, 1)]

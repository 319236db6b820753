"""Loads of real machines: recorded while targets run, drawn while they are recorded, and honest about what is missing."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from support import limit
from talk import Talk, until

from wke.act.providers.place import Place
from wke.act.providers.provide import provide
from wke.act.session.session import Session
from wke.act.telemetry.loads import sampling
from wke.agent import frames, protocol
from wke.describe.cluster.cluster import LOCAL_NETWORK, ClusterSpec, MachineSpec
from wke.errors import StoreError
from wke.keep.output.telemetry import COLUMNS, LOADS, Loads, is_growing, read_loads, record_window
from wke.tell.figures.loads import TITLES, _figure, make_load_drawing

BUSY = b"#!/usr/bin/env python3\nimport time\nover = time.monotonic() + 1\nwhile time.monotonic() < over: pass\n"
TAKE = b"""#!/usr/bin/env python3
import socket
server = socket.create_server(("", 0))
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
while peer.recv(1 << 16): pass
"""
GIVE = b"""#!/usr/bin/env python3
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).sendall(bytes(4_000_000))
"""
MOVED = 4_000_000


def machines(count: int) -> tuple[MachineSpec, ...]:
    return tuple(MachineSpec(f"m{n}", n, None, str(LOCAL_NETWORK[n + 2])) for n in range(count))


def in_session(place: Place, body: Callable[[Session], Awaitable[None]]) -> None:
    """Run an asynchronous test body with all machines of a place connected."""

    async def whole() -> None:
        async with asyncio.timeout(limit(60)), Session(place, place.cluster.machines, lambda _: None) as session:
            await body(session)

    asyncio.run(whole())


def here(count: int, transport: Sequence[str] = ()) -> Place:
    """Return a place whose machines are all this computer."""
    cluster = ClusterSpec(path=None, provider="ssh", machines=machines(count))
    return Place(cluster, {m.name: transport or [] for m in cluster.machines}, {})


def wke(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-m", "wke.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows(folder: Path) -> int:
    """Return how many rows have been recorded, the header among them."""
    return (folder / LOADS).read_bytes().count(b"\n") if (folder / LOADS).exists() else 0


@pytest.fixture
def five(keepers: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Loads":
    """Return what was recorded in tmp_path/logs of five emulated machines, all busy for the measured second; m1 sends MOVED bytes to m0."""
    monkeypatch.setenv("WKE_EMULATION_FOLDER", str(keepers))
    logs = tmp_path / "logs"

    async def body(session: Session) -> None:
        talks = [Talk(session.connection(machine)) for machine in session.machines]
        async with sampling(session, logs):
            await until(lambda: rows(logs) > 5)
            start_ns = time.time_ns()
            taking = await talks[0].start(TAKE)
            await until(lambda: taking.said().endswith(b"\n"))
            await talks[1].run(GIVE, session.place.cluster.machines[0].internal_addr, taking.said().decode().strip())
            await asyncio.gather(*(talk.run(BUSY) for talk in talks))
            record_window(logs, start_ns, time.time_ns())
            written = rows(logs)
            await until(lambda: rows(logs) > written + 2)

    with provide(ClusterSpec(path=None, provider="local", machines=machines(5))) as place:
        in_session(place, body)
    return read_loads(logs)


def amount(times: Sequence[float], rates: Sequence[float]) -> float:
    """Return what rates add up to; each is that since the machine's row before, which on a busy machine is not always the last one."""
    known = [(at, rate) for at, rate in zip(times, rates, strict=True) if not math.isnan(rate)]
    return sum(rate * (at - before) for (before, _), (at, rate) in pairwise(known))


@pytest.mark.netns
def test_a_session_on_five_machines_is_recorded_and_drawn(five: Loads, tmp_path: Path) -> None:
    """Ten rows a second on one time axis; what was busy was busy, who sent sent and who received received; six panels, the window marked."""
    header = (tmp_path / "logs" / LOADS).read_text().splitlines()[0]
    assert header.split(",") == ["time", *(f"m{n}.{column}" for n in range(5) for column in COLUMNS)]
    assert all(gap == pytest.approx(0.1, abs=0.001) or gap > 0.19 for gap in map(float.__sub__, five.times[1:], five.times))
    ((start, end),) = five.windows
    assert 1 < end - start < five.times[-1]
    inside = [k for k, at in enumerate(five.times) if end - 0.9 < at < end - 0.1]
    assert inside
    cores = os.cpu_count() or 1
    for columns in five.machines.values():
        known = [columns["cpu"][k] for k in inside if not math.isnan(columns["cpu"][k])]
        assert sum(known) / len(known) > 75 * min(cores, 5) / cores
        assert all(1e6 < used < 1e15 for used in columns["mem"] if not math.isnan(used))
    moved = {
        (machine, column): amount(five.times, columns[column])
        for machine, columns in five.machines.items()
        for column in ("netin", "netout")
    }
    assert moved["m0", "netin"] > 0.9 * MOVED
    assert moved["m1", "netout"] > 0.9 * MOVED
    assert max(moved[key] for key in moved if key not in {("m0", "netin"), ("m1", "netout")}) < 0.3 * MOVED
    drawing = make_load_drawing(five)
    assert [(panel.column, list(panel.lines)) for panel in drawing.panels] == [(c, [f"m{n}" for n in range(5)]) for c in COLUMNS]
    assert drawing.footnote == (
        "Shaded: measured window. Machines share a host, and processors, memory and disk shown are the host's; "
        "the network is each machine's own."
    )
    figure = _figure(drawing)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*(f"m{n}" for n in range(5)), "measured"]
    panels = figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == list(TITLES.values())
    for panel in panels:
        assert len(panel.get_lines()) == 5
        (shade,) = panel.patches
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((start, end))
    plot = wke("plot-loads", str(tmp_path / "logs"), "--out", str(tmp_path / "loads.png"))
    out, err = plot.communicate(timeout=limit(60))
    assert (plot.returncode, out, err) == (0, f"{tmp_path / 'loads.png'}\n", "")
    assert (tmp_path / "loads.png").read_bytes().startswith(b"\x89PNG")


def test_a_machine_that_is_lost_has_empty_fields(transport: Sequence[str], tmp_path: Path) -> None:
    """Over every transport: rows go on without it, and its fields are empty from then on."""

    async def body(session: Session) -> None:
        async with sampling(session, tmp_path / "logs"):
            await until(lambda: rows(tmp_path / "logs") > 5)
            os.kill(session.connection("m1").hello.pid, signal.SIGKILL)
            await session.connection("m1").lost.wait()
            written = rows(tmp_path / "logs")
            await until(lambda: rows(tmp_path / "logs") > written + 12)

    in_session(here(2, transport), body)
    loads = read_loads(tmp_path / "logs")
    kept = {name: [not math.isnan(value) for value in loads.machines[name]["mem"]] for name in ("m0", "m1")}
    last = max(index for index, known in enumerate(kept["m1"]) if known)
    assert len(kept["m1"]) - last > 10
    assert all(kept["m0"][last + 1 :])


def test_a_recording_is_followed_to_its_end(tmp_path: Path) -> None:
    """The figure is there while the recording grows; when that ends the command does, with status 0; Ctrl-C ends it before, with 0 too."""
    logs, figures = tmp_path / "logs", [tmp_path / "a.svg", tmp_path / "b.svg"]

    async def body(session: Session) -> None:
        async with sampling(session, logs):
            await until(lambda: rows(logs) > 5)
            for figure in figures:
                follow.append(wke("plot-loads", str(logs), "--follow", "--update-interval", "0.5", "--out", str(figure)))
            await until(lambda: all(figure.exists() for figure in figures), 30)
            seen = figures[0].stat().st_mtime_ns
            await until(lambda: figures[0].stat().st_mtime_ns > seen, 30)
            follow[1].send_signal(signal.SIGINT)
            await until(lambda: follow[1].poll() is not None)
            assert follow[0].poll() is None
            assert is_growing(logs)

    follow: list[subprocess.Popen[str]] = []
    try:
        in_session(here(1), body)
        assert not is_growing(logs)
        ended = [process.communicate(timeout=limit(60)) for process in follow]
    finally:
        for process in follow:
            process.kill()
            process.communicate()
    assert ended == [(f"{figure}\n", "") for figure in figures]
    assert [process.returncode for process in follow] == [0, 0]


def test_what_goes_wrong_with_the_disk_is_told_and_nothing_more(tmp_path: Path) -> None:
    """A recording that is there is not written over, and nothing samples; one that fails later lets the block run to its end."""

    async def body(session: Session) -> None:
        (tmp_path / LOADS).write_text("time\n")
        with pytest.raises(StoreError, match="File exists"):
            async with sampling(session, tmp_path):
                pytest.fail("the block ran")
        assert not session.connection("m0").telemetry._watches
        to_the_end = False
        with pytest.raises(StoreError, match="is full"):  # noqa: PT012 - it comes from the end of the block
            async with sampling(session, tmp_path / "logs"):
                _fill_up(tmp_path / "logs" / LOADS)
                assert (await Talk(session.connection("m0")).run(b"sleep 0.3")).outcome == "ok"
                to_the_end = True
        assert to_the_end
        assert not session.connection("m0").lost.is_set()
        assert not session.connection("m0").telemetry._watches

    in_session(here(1), body)


def _fill_up(path: Path) -> None:
    """Let everything that is written to an open file of ours fail as on a full disk."""
    full = os.open("/dev/full", os.O_WRONLY)
    for entry in Path("/proc/self/fd").iterdir():
        if entry.exists() and entry.readlink() == path:
            os.dup2(full, int(entry.name))
    os.close(full)


def test_a_sample_that_is_none_breaks_the_connection(tmp_path: Path) -> None:
    """A machine's nonsense ends its own connection only: the other one's rows go on."""

    async def body(session: Session) -> None:
        async with sampling(session, tmp_path / "logs"):
            await until(lambda: rows(tmp_path / "logs") > 3)
            liar = session.connection("m0")
            (channel,) = liar.telemetry._watches
            head = {"epoch": 1, "rows": 1, "first": 1, "at": 1, "now": {}}
            liar.link.wire._hear(protocol.encode(frames.SAMPLE, channel, head, b"much"))
            assert liar.lost.is_set()
            assert "rows that cannot be unpacked" in liar.why
            written = rows(tmp_path / "logs")
            await until(lambda: rows(tmp_path / "logs") > written + 3)

    in_session(here(2), body)

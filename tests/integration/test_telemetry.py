"""Telemetry of real trials: what scripts did is what it says, wherever they ran; and what becomes of it when things go wrong."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from projects import Project
from talk import Talk, talk, until

from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder
from wke.act.telemetry.chunks import decode
from wke.keep.output.logs import read_output
from wke.keep.output.telemetry import read_loads
from wke.keep.telemetry.file import TELEMETRY
from wke.keep.telemetry.reader import StoredTelemetry, read_telemetry

BURNT_S, SENT, WRITTEN, HELD = 1.0, 80_000_000, 48 << 20, 256 << 20
TRUTH = f"""#!/usr/bin/env python3
import json, os, socket, threading, time

def counted():
    stat = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    lines = [line.replace(":", " ").split() for line in open("/proc/net/dev")]
    lo = next(line for line in lines if line[0] == "lo")
    disks = [line.split() for line in open("/proc/diskstats")]
    written = sum(512 * int(line[9]) for line in disks if os.path.exists("/sys/block/" + line[2] + "/device"))
    sizes = dict(line.split()[:2] for line in open("/proc/meminfo"))
    used = 1024 * (int(sizes["MemTotal:"]) - int(sizes["MemAvailable:"]))
    busy = sum(stat[:3]) + sum(stat[5:7])
    return {{"at": time.time_ns(), "cpu": busy / 100, "lo": int(lo[9]), "written": written, "used": used}}

def quiet():
    time.sleep(0.2)
    now = counted()
    held = [now["used"]]
    for _ in range(10):
        time.sleep(0.02)
        held.append(counted()["used"])
    return {{**now, "least": min(held), "most": max(held)}}

seen = {{"began": quiet()}}
over = time.process_time() + {BURNT_S}
while time.process_time() < over: pass
seen["burnt"] = quiet()
server = socket.create_server(("127.0.0.1", 0))
def take():
    peer, _ = server.accept()
    while peer.recv(1 << 20): pass
taking = threading.Thread(target=take)
taking.start()
with socket.create_connection(server.getsockname()) as out: out.sendall(bytes({SENT}))
taking.join()
seen["sent"] = quiet()
with open("file", "wb") as file:
    file.write(os.urandom({WRITTEN}))
    file.flush()
    os.fsync(file.fileno())
os.unlink("file")
seen["written"] = quiet()
block = bytearray({HELD})
for place in range(0, len(block), 4096): block[place] = 1
seen["held"] = quiet()
print(json.dumps(seen))
"""
SERIES = """
[experiment]
configuration = "kv"
[[steps]]
target = "truth"
on = "m1"
measure = true
"""
OURS = {"boot", "cpu.agent", "cpu.controller"}
PERF = """#!/bin/sh
[ "$*" = "stat -a -x ; -I 100 -e cycles,instructions,misses" ] || { echo "Error: $*" >&2; exit 1; }
echo "     0.10;1000;;cycles;100;100.00;;" >&2
echo "     0.10;<not supported>;;misses;0;100.00;;" >&2
echo "     0.20;500;;cycles;100;100.00;;" >&2
echo "     0.20;7;;instructions;100;40.00;0.1;per cycle" >&2
exec sleep 1000
"""


def grown(telemetry: StoredTelemetry, names: Sequence[str], before: int, after: int) -> tuple[float, float]:
    """Return the least and the most by which columns of m1's can have grown together between two moments of its clock.

    At a moment between two rows the value may be any between theirs; where nothing happens these are the same.
    """
    low = high = 0.0
    for name in names:
        (column,) = (column for column in telemetry.columns("m1") if (column.scope, column.name) == ("machine", name))
        series = telemetry.series("m1", column)
        sides = [series.values[place - 1 : place + 1] for place in np.searchsorted(series.times_ns, [before, after])]
        low += min(sides[1]) - max(sides[0])
        high += max(sides[1]) - min(sides[0])
    return low, high


def test_telemetry_agrees_with_what_a_script_did(project: Project) -> None:
    """A known share of a core, bytes sent and written, and memory: within 2 % (processors 5 %).

    Where other tests run on the same kernel, it counts them too: there the script's own readings of the kernel's files are the truth.
    """
    project.targets(truth=TRUTH)
    project.write("experiments/series.toml", SERIES)
    done = project.measure()
    assert done.status == 0, done.err
    (folder,) = (path.parent for path in project.folder.glob(f"results/trials/*/1/{TELEMETRY}"))
    (output,) = read_output(folder).values()
    seen = json.loads(bytes(output))
    telemetry = read_telemetry(folder)
    assert (set(telemetry.machines), list(telemetry.damage)) == ({"m1"}, [])
    names = [column.name for column in telemetry.columns("m1") if column.scope == "machine"]
    disks = [name for name in names if name.startswith("disk.") and name.endswith(".written")]
    has_own_network = "local" in project.cluster
    steps = [(["net.lo.sent"], "lo", "burnt", "sent", 0.02, 1)]
    if not has_own_network:
        steps += [(["cpu.busy"], "cpu", "began", "burnt", 0.05, 1e6), (disks, "written", "sent", "written", 0.02, 1)]
    for columns, key, before, after, error, unit in steps:
        low, high = grown(telemetry, columns, seen[before]["at"], seen[after]["at"])
        known = SENT if has_own_network else seen[after][key] - seen[before][key]
        assert known >= {"lo": SENT, "cpu": 0.9 * BURNT_S, "written": WRITTEN}[key]
        assert (1 - error) * low <= known * unit <= (1 + error) * high
    if not has_own_network:  # others take and free memory meanwhile: what it can have been by the script and by the samples overlaps
        before, after = seen["written"], seen["held"]
        low, high = grown(telemetry, ["memory.used"], before["at"], after["at"])
        assert after["most"] - before["least"] >= 0.98 * low
        assert after["least"] - before["most"] <= 1.02 * high
    ours = {column.name: telemetry.series("m1", column).values for column in telemetry.columns("m1") if column.name in OURS}
    assert set(ours) == ({"boot"} if has_own_network else OURS)  # the agent is a part of an emulated machine
    boot = int(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:12], 16)
    assert set(ours.pop("boot")[::10]) == {boot}
    for used in ours.values():
        assert 0 < np.nanmin(used) <= np.nanmax(used)  # the controller may rest for so long
    assert all(np.nanmin(ours[name]) < np.nanmax(ours[name]) for name in ours if name == "cpu.agent")
    _check_what_is_told(project, telemetry)


def _check_what_is_told(project: Project, telemetry: StoredTelemetry) -> None:
    """Compare exports with the samples that are stored, and ask `wke show` what was used in the measured window."""
    (trial,) = project.trials()
    (sent,) = (column for column in telemetry.columns("m1") if (column.scope, column.name) == ("machine", "net.lo.sent"))
    told = project.wke("export", trial.id, "--json", "--only", "net.lo.sent").json
    (series,) = told["samples"]
    assert series["values"] == telemetry.series("m1", sent).values.tolist()
    window, (task,) = told["window"], (span for span in told["spans"] if span["kind"] == "task")
    assert window["start-ns"] <= task["start-ns"] < task["end-ns"] == window["end-ns"]
    assert (
        sum(window["start-ns"] <= at < window["end-ns"] for at in series["times-ns"]) >= 5 * (window["end-ns"] - window["start-ns"]) / 1e9
    )
    usage = project.wke("show", trial.id, "--json").json["usage"]
    assert usage["window"] == {**window, "measured": True}
    assert usage["machines"]["m1"]["received"]["covered"] > 0.8
    assert "machine" in project.wke("show", trial.id).out
    for form in ("csv", "openmetrics", "trace", "loads"):
        done = project.wke("export", trial.id, "--format", form, "-o", f"out/{form}")
        assert (done.status, done.out) == (0, ""), done.err
    assert len(read_loads(project.folder / "out" / "loads").windows) == 1
    nothing = project.wke("export", trial.id, "--only", "net.lo.snt")
    assert (nothing.status, "did you mean" in nothing.err) == (2, True)
    assert project.wke("export", trial.id, "--format", "loads").status == 2
    figure = f'type = "timeline", trial = "{trial.id}", columns = ["cpu.busy", "net.lo.sent"]'
    drawn = project.wke("plot", trial.series, "--figure", figure, "--format", "csv")
    assert (drawn.status, drawn.out) == (0, f"plots/{trial.series}_timeline.csv\n"), drawn.err
    rows = (project.folder / drawn.out.strip()).read_text().splitlines()
    assert {row.split(" ")[0] for row in rows[1:]} == {"cpu.busy", "net.lo.sent"}


def test_perf_counts_what_it_can_and_its_failures_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts add up; what is not supported, scaled or fails is a note. It is no leftover of a task, and ends with its watch."""
    perf = tmp_path / "perf"
    perf.write_text(PERF)
    perf.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def body(one: Talk) -> None:
        heard: list[SentColumns | SentChunk] = []

        def notes() -> list[str]:
            return [note for report in heard if isinstance(report, SentColumns) for note in report.notes]

        def counts() -> dict[str, int | None]:
            known: dict[str, int | None] = {}
            columns: Sequence[tuple[str, str, str, str]] = ()
            for report in heard:
                if isinstance(report, SentColumns):
                    columns = report.columns
                    continue
                places = [place for place, (_, name, _, _) in enumerate(columns) if name.startswith("perf.")]
                for place, values in zip(places, decode(report, len(columns), places)[1], strict=True):
                    name, told = columns[place][1], [value for value in values if value is not None]
                    known[name] = told[-1] if told else known.get(name)
            return known

        telemetry = one.connection.telemetry
        order = WatchOrder(0.1, 0, perf=("cycles", "instructions", "misses"))
        channel = (await telemetry.watch(order, heard.append)).channel
        await until(lambda: counts() == {"perf.cycles": 1500, "perf.instructions": 7})
        assert (await one.connection.tasks.clear()).running == ()
        scaled = "perf counts instructions only part of the time and scales the count: fewer events would help"
        assert sorted(notes()) == ["perf cannot count misses here", scaled]
        await telemetry.finish(channel)
        await telemetry.watch(WatchOrder(0.1, 0, perf=("nonsense",)), heard.append)
        await until(lambda: "perf counts nothing more: Error: stat -a -x ; -I 100 -e nonsense" in notes())
        perf.chmod(0o600)
        await telemetry.watch(WatchOrder(0.1, 0, perf=("cycles",)), heard.append)

    talk([], body)

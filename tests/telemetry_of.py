"""A trial's telemetry, made up: one machine with counters and gauges, a task, a host, and what was scraped."""

import struct
from pathlib import Path

from wke.judge.clocks import Knot
from wke.judge.telemetry.spans import measured_window, spans_of
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import MISSING, SCRAPES, encode
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.details import StoredTask
from wke.records import TaskName

S = 1_000_000_000
START = 1_700_000_000 * S
AHEAD = 5_000_000
"""By how much the machine's clock is ahead of ours."""
LOAD = TaskName(1, "load", "node1")


def bits(value: float) -> int:
    """Return a floating point number's bits as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def made_up(folder: Path) -> TrialTelemetry:
    """Store four samples, one second apart, the first at START on our clock, and return them as a trial's telemetry.

    Between them node1 uses 1, 0.5 and 1 of 2 cores, holds 100, 300 and 200 bytes (the last but one is not known), reads 10 bytes/s from each of
    two disks, receives 5 bytes/s and sends 7. The task uses half a core. node2 has a clock that nobody read.
    """
    machine = [
        Column.of("machine", text)
        for text in (
            "cpu.busy us counter",
            "cpu.capacity us/s gauge",
            "cpu.0.busy us counter",
            "memory.used B gauge",
            "disk.sda.read B counter",
            "disk.sdb.read B counter",
            "net.eth0.received B counter",
            "net.eth0.sent B counter",
            "net.lo.sent B counter",
            "load.1 1/100 gauge",
        )
    ]
    columns = [*machine, Column.of("host", "memory.total B gauge"), Column.of("task.3", "cpu us counter", LOAD)]
    times = [START + AHEAD + each * S for each in range(4)]
    busy = [7_000_000, 8_000_000, 8_500_000, 9_500_000]
    values = [
        busy,
        [2_000_000] * 4,
        busy,
        [100, 100, MISSING, 200],
        [0, 10, 20, 30],
        [1, 11, 21, 31],
        [0, 5, 10, 15],
        [3, 10, 17, 24],
        [0, 9, 18, 27],
    ]
    values += [[150, 150, 160, 170], [1000] * 4, [0, 500_000, 1_000_000, 1_500_000]]
    writer = TelemetryWriter(folder)
    writer.columns("node1", 0, columns)
    for rows in (slice(0, 3), slice(3, 4)):
        chunk = [times[rows], *(each[rows] for each in values)]
        writer.chunk("node1", 0, len(chunk[0]), encode(chunk))
    writer.columns("node2", 0, machine[:1])
    writer.chunk("node2", 0, 1, encode([times[:1], [1]]))
    writer.close()
    scraped = TelemetryWriter(folder, SCRAPES)
    scraped.columns("node1", 0, [Column("scrape.2379", 'etcd_ops_total{op="put"}', "1", "counter", floating=True)])
    scraped.chunk("node1", 0, 2, encode([[times[0], times[2]], [bits(1.5), bits(4.0)]]))
    scraped.close()
    clocks = {"node1": [Knot(START, AHEAD, AHEAD)]}
    tasks = [
        StoredTask(TaskName(0, "serve", "node1"), "cancelled", times[0] - S, times[3], "", ""),
        StoredTask(LOAD, "ok", times[0], times[3], "", ""),
    ]
    spans = spans_of(tasks, clocks, 1)
    return TrialTelemetry(
        "abc-1", 1, "demo", read_telemetry(folder), read_telemetry(folder, SCRAPES), clocks, spans, measured_window(spans, START)
    )

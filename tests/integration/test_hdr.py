"""Metrics of histograms, raw values and load generators: collected from the machines, merged, asked, kept; and what is said when they tell nothing."""

import contextlib
import sqlite3

import hdr
import pytest
from projects import Project

from wke.judge.statistics.latency import quantile
from wke.keep.output.hdrlog import read_log
from wke.keep.output.histogram import decode, merge

pytestmark = pytest.mark.netns

SERIES = """
[experiment]
configuration = "kv"
[[steps]]
target = "load"
on = "all"
measure = true
multiply = 2
collect = "out/*"
[metrics]
p50 = { hdr = "out/*.hlog", quantile = 0.5, unit = "ms", better = "lower" }
p99 = { hdr = "out/*.hlog", quantile = 0.99, unit = "us" }
mean = { hdr = "out/*.hlog", statistic = "mean", unit = "ms" }
worst = { hdr = "out/*.hlog", statistic = "max", unit = "ms", on = "m1" }
requests = { hdr = "out/*.hlog", statistic = "count" }
reads = { hdr = "out/*.hlog", statistic = "count", tag = "READ" }
size = { hdr = "out/*.hlog", quantile = 0.5, unit = "kB", scale = "B", tag = "READ" }
over = { value = "p99 / p50" }
raw = { raw = "out/*.csv", column = "ns", quantile = 0.99, scale = "ns", unit = "us" }
tps = { from = "pgbench", field = "throughput", join = "sum" }
"""
LOAD = """#!/bin/sh
mkdir -p "$WKE_DIR/out"
cp "FOLDER/$WKE_MACHINE.$WKE_COPY.hlog" "$WKE_DIR/out/latency.hlog"
cp "FOLDER/idle.hlog" "$WKE_DIR/out/idle.hlog"
cp "FOLDER/$WKE_MACHINE.$WKE_COPY.csv" "$WKE_DIR/out/latency.csv"
echo "tps = 12.5 (without initial connection time)"
"""


def latencies(machine: int, copy: int) -> list[int]:
    """Return what one load generator recorded, in nanoseconds."""
    return [1_000_000 * (1 + (7 * k + machine + copy) % 90) for k in range(200)]


def project(emulated: Project) -> Project:
    """Write a project of four generators on two machines, whose histograms have different settings, and beside them one that is empty."""
    emulated.targets(load=LOAD.replace("FOLDER", str(emulated.folder)))
    emulated.write("experiments/series.toml", SERIES)
    emulated.write("idle.hlog", hdr.log(hdr.line([])))
    for machine in (0, 1):
        for copy in (0, 1):
            values, shape = latencies(machine, copy), {"digits": 3 - copy, "lowest": 1 + 999 * machine}
            lines = hdr.line(values[:50], tag="READ", **shape), hdr.line(values[50:], **shape)
            emulated.write(f"m{machine}.{copy}.hlog", hdr.log(*lines))
            emulated.write(f"m{machine}.{copy}.csv", "\n".join(["ns", *map(str, values)]))
    return emulated


def test_histograms_of_all_machines_are_merged_and_asked(emulated: Project) -> None:
    """Quantiles, mean, largest, counts, a tag and a scale are those of all values together; what was merged is kept beside the logs."""
    done = project(emulated).measure()
    assert done.status == 0, done.err
    (trial,) = emulated.trials()
    shapes = [(machine, copy, {"digits": 3 - copy, "lowest": 1 + 999 * machine}) for machine in (0, 1) for copy in (0, 1)]
    every = merge(decode(hdr.encoded(latencies(machine, copy), **shape)) for machine, copy, shape in shapes)
    values = sorted(value for machine, copy, _ in shapes for value in latencies(machine, copy))
    seen = trial.observations
    assert seen["p50"] == quantile(every, 0.5) / 1e6 == pytest.approx(values[399] / 1e6, rel=0.01)
    assert seen["p99"] == quantile(every, 0.99) / 1e3 == pytest.approx(values[791] / 1e3, rel=0.01)
    assert seen["mean"] == pytest.approx(sum(values) / 800 / 1e6, rel=0.005)
    assert seen["worst"] == pytest.approx(max(values) / 1e6, rel=0.01)
    assert (seen["requests"], seen["reads"], seen["over"]) == (800, 200, seen["p99"] / 1e3 / seen["p50"])
    assert seen["size"] == pytest.approx(sorted(v for m, c, _ in shapes for v in latencies(m, c)[:50])[99] / 1e3, rel=0.01)
    assert (trial.units["p99"], trial.units["size"]) == ("us", "kB")
    assert (seen["raw"], trial.units["raw"]) == (values[791] / 1e3, "us")
    assert (seen["tps"], trial.units["tps"]) == (50.0, "1/s")

    kept = {path.name: read_log(path) for path in (trial.folder / "histograms").iterdir()}
    assert {name: (log.histogram.total, log.unit) for name, log in kept.items()} == {
        "p50.hlog": (800, "ns"),
        "worst.hlog": (400, "ns"),
        "reads.hlog": (200, "ns"),
    }
    assert quantile(kept["p50.hlog"].histogram, 0.99) == quantile(every, 0.99)

    emulated.edit("experiments/series.toml", "[metrics]", '[metrics]\np90 = { hdr = "out/*.hlog", quantile = 0.9, unit = "ms" }')
    assert emulated.wke("reanalyse", "experiments/series.toml", "--no-figures").status == 0
    (trial,) = emulated.trials()
    assert trial.observations["p90"] == quantile(every, 0.9) / 1e6

    seen = emulated.wke("results", "series", "--json").json["series"]["rows"][0]["summaries"]
    kinds = {name: (one["kind"], one.get("values")) for name, one in seen.items()}
    assert {kinds["p50"], kinds["p90"], kinds["p99"], kinds["raw"]} == {("pooled", 800)}
    assert kinds["mean"] == ("geometric-mean", None)
    with contextlib.closing(sqlite3.connect(emulated.folder / "results/wke.sqlite")) as sql:
        stored = sql.execute("SELECT count(*), count(DISTINCT buckets), unit FROM distributions GROUP BY source").fetchall()
    assert sorted(stored) == [(2, 1, "B"), *[(2, 1, "ns")] * 3], "measured and read again, the same bytes"


BAD = {
    "too few": (
        hdr.log(hdr.line([5_000_000] * 20)),
        "p99: load on m0, m0.1: 40 values are too few for a quantile of 0.99, which needs at least 368",
    ),
    "none": (hdr.log(), "mean: load on m0, m0.1: no value was recorded"),
    "cut short": (
        hdr.log(hdr.line([5_000_000]))[:-9],
        "p99: out/x.hlog of load on m0: line 4 is cut short",
    ),
    "nonsense": ("hello\n", "mean: out/x.hlog of load on m0: line 1 has no histogram"),
    "no unit": (hdr.log(hdr.line([5_000_000] * 400, per_ms=10)), 'p99: "out/x.hlog" does not tell in which unit values were recorded'),
    "a link": (None, "p99: load on m0 left no out/x.hlog in $WKE_DIR"),
}


@pytest.mark.parametrize("name", BAD)
def test_logs_that_tell_nothing_fail_the_trial(emulated: Project, name: str) -> None:
    """In words, with the file and its line; a link to what is not the trial's is no log."""
    text, words = BAD[name]
    put = 'ln -s /etc/passwd "$WKE_DIR/out/x.hlog"' if text is None else f'cp "{emulated.folder}/x.hlog" "$WKE_DIR/out/x.hlog"'
    emulated.targets(load=f'#!/bin/sh\nmkdir "$WKE_DIR/out"\n{put}\n')
    emulated.write("x.hlog", text or "")
    series = SERIES.split("[metrics]", maxsplit=1)[0].replace('"all"', '"m0"').replace("out/*", "out")
    metrics = '[metrics]\np99 = { hdr = "out/x.hlog", quantile = 0.99, unit = "ms" }\nmean = { hdr = "out/x.hlog", statistic = "mean", unit = "ms" }\n'
    emulated.write("experiments/series.toml", series + metrics)
    done = emulated.measure()
    assert done.status == 1, done.err
    (trial,) = emulated.trials()
    assert trial.outcome == "failed", done.err
    assert words in trial.why

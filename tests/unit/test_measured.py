"""Metrics of telemetry: the values and units of series in the measured window, and what is said where there is none."""

from pathlib import Path

import pytest

from wke.act.trials.attempttelemetry import attempt_telemetry
from wke.describe.experiment.metrics import Metric, joined, observe
from wke.judge.telemetry.measured import measured
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.exposition import Exposed
from wke.keep.telemetry.file import MISSING, encode
from wke.keep.telemetry.scrapes import ScrapeWriter
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.details import AttemptTimes
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, StartedTogether, TaskEnded, TaskName

S = 1_000_000_000
AHEAD = 7 * S
"""By how much the machine's clock is ahead of ours."""
SERVE, LOAD = TaskName(0, "serve", "m0"), TaskName(1, "load", "m0")
ROWS = 61  # ten per second, from one second before the window of four seconds to one second behind it

SERIES = {
    "machine cpu.busy us counter": lambda k: 150_000 * k,
    "machine memory.used B gauge": lambda k: 1 << 30 if k < 30 else 3 << 30,
    "machine load.1 1/100 gauge": lambda _: 150,
    "machine cpu.capacity us/s gauge": lambda _: 2_000_000,
    "machine disk.sda.written B counter": lambda k: 1000 * k,
    "machine disk.sdb.written B counter": lambda k: 3000 * k,
    "machine energy.package-0 uJ counter": lambda k: 1_200_000 * k,
    "machine switches.context 1 counter": lambda k: 5 * k,
    "machine swap.used B gauge": lambda k: 5 if k < 20 else MISSING,
    "machine faults 1 counter": lambda k: 7 * k if not 20 < k < 35 else MISSING,
    "machine swap.in B counter": lambda k: 7 * k if not 2 <= k < 25 else MISSING,
    "host cpu.busy us counter": lambda k: 190_000 * k,
    "task.1 cpu us counter": lambda k: 100_000 * k,
    "task.1 memory B gauge": lambda k: 50_000_000,
}


@pytest.fixture
def telemetry(tmp_path: Path) -> TrialTelemetry:
    """Return the telemetry of a machine that served and loaded itself, with programs that were scraped."""
    writer = TelemetryWriter(tmp_path)
    columns = [Column.of(*text.split(" ", 1), SERVE if text.startswith("task") else None) for text in SERIES]
    writer.columns("m0", 1, columns)
    times = [AHEAD + 9 * S + k * S // 10 for k in range(ROWS)]
    writer.chunk("m0", 1, ROWS, encode([times, *([value(k) for k in range(ROWS)] for value in SERIES.values())]))
    writer.close()
    scrapes = ScrapeWriter(tmp_path)
    for k in range(7):
        scrapes.add("m0", "scrape.81", AHEAD + (9 + k) * S, [Exposed("slow_total", k, "counter", ""), Exposed("both", k, "gauge", "")])
    for k in (0.3 * number for number in range(21)):
        exposed = [
            Exposed("fsync_seconds_sum", 0.25 * k, "counter", "s"),
            Exposed("queue", 3.5, "gauge", ""),
            Exposed("both", 1, "gauge", ""),
        ]
        exposed += [Exposed(f'sent_total{{to="{to}"}}', 10.0 * k, "counter", "") for to in "ab"]
        scrapes.add("m0", "scrape.80", AHEAD + round((9 + k) * S), exposed)
    scrapes.close()
    ends = [TaskEnded(task, Outcome(OutcomeKind.OK), AHEAD + a * S, AHEAD + b * S) for task, a, b in ((SERVE, 9, 15), (LOAD, 10, 14))]
    clock = MachineClock((ClockReading(AHEAD, 1000, 8 * S),), 0)
    return attempt_telemetry(tmp_path, AttemptTimes.of(ends, StartedTogether(1, "load", 10 * S, 0, 0, "m0", "m0", {"m0": clock})))


GIB = float(1 << 30)
VALUES = [
    (Metric("x", telemetry="cpu"), None, (1.5, "cores")),
    (Metric("x", telemetry="cpu.busy", statistic="max"), None, (1.5, "cores")),
    (Metric("x", telemetry="cpu", statistic="total"), None, (6.0, "s")),
    (Metric("x", telemetry="cpu", unit="%"), None, (150.0, "%")),
    (Metric("x", telemetry="memory", unit="GiB"), None, (2.05, "GiB")),
    (Metric("x", telemetry="memory", statistic="max", unit="MiB"), None, (3072.0, "MiB")),
    (Metric("x", telemetry="memory", statistic="min"), None, (GIB, "B")),
    (Metric("x", telemetry="load.1"), None, (1.5, "")),
    (Metric("x", telemetry="cpu.capacity"), None, (2.0, "cores")),
    (Metric("x", telemetry="disk.*.written", unit="kB/s"), None, (40.0, "kB/s")),
    (Metric("x", telemetry="disk.*.written", statistic="total"), None, (160_000.0, "B")),
    (Metric("x", telemetry="energy.*"), None, (12.0, "W")),
    (Metric("x", telemetry="energy.*", statistic="total", unit="kJ"), None, (0.048, "kJ")),
    (Metric("x", telemetry="switches.context", statistic="total"), None, (200.0, "")),
    (Metric("x", telemetry="switches.context"), None, (50.0, "1/s")),
    (Metric("x", telemetry="faults"), None, (70.0, "1/s")),
    (Metric("x", telemetry="host.cpu"), None, (1.9, "cores")),
    (Metric("x", telemetry="cpu", step="serve"), SERVE, (1.0, "cores")),
    (Metric("x", telemetry="memory", step="serve", unit="MB"), SERVE, (50.0, "MB")),
    (Metric("x", scrape="queue"), None, (3.5, "")),
    (Metric("x", scrape="fsync_seconds_sum"), None, (25.0, "%")),
    (Metric("x", scrape="fsync_seconds_sum", unit="cores"), None, (0.25, "cores")),
    (Metric("x", scrape="fsync_seconds_sum", statistic="total"), None, (1.0, "s")),
    (Metric("x", scrape='sent_total{to="a"}'), None, (10.0, "1/s")),
    (Metric("x", scrape="sent_total*", statistic="total"), None, (80.0, "")),
]


@pytest.mark.parametrize(
    ("metric", "task", "expected"), VALUES, ids=[f"{metric.series} {metric.statistic} {metric.step}" for metric, _, _ in VALUES]
)
def test_a_series_in_the_window(telemetry: TrialTelemetry, metric: Metric, task: TaskName | None, expected: tuple[float, str]) -> None:
    """Counters become rates or totals, gauges their mean or extreme, of the window alone, on a clock that is not ours; units convert."""
    value, unit = joined(metric, {"m0": measured(metric, "m0", task, telemetry)})
    assert (round(value, 9), unit) == expected


REFUSED = [
    (Metric("x", telemetry="swap.used"), None, '"swap.used" of m0 is known for 22% of the measured 4 s, and 90% are needed'),
    (
        Metric("x", telemetry="faults", statistic="max"),
        None,
        'samples of "faults" of m0 are missing in the measured window, so its max is not known',
    ),
    (Metric("x", telemetry="swap.in"), None, '"swap.in" of m0 is known for 62% of the measured 4 s, and 90% are needed'),
    (Metric("x", telemetry="memory", statistic="total"), None, '"memory.used" of m0 is a state, which has no total'),
    (
        Metric("x", scrape="slow_total"),
        None,
        'the measured 4 s are too short for "slow_total" of m0, which is sampled every 1 s; 10 samples are needed',
    ),
    (Metric("x", telemetry="cpu.bussy"), None, 'm0 has no series "cpu.bussy"; did you mean "cpu.busy"?'),
    (Metric("x", telemetry="cpu", step="load"), LOAD, 'load on m0 has no series "cpu"; it has none at all'),
    (Metric("x", telemetry="read", step="serve"), SERVE, 'serve on m0 has no series "read"; it has cpu, memory'),
    (Metric("x", telemetry="*", step="serve"), SERVE, '"*" of serve on m0 is in several units: B, cores'),
    (Metric("x", scrape="both"), None, 'several ports of m0 expose "both": 81, 80'),
    (Metric("x", scrape="sent_total"), None, 'm0 exposes 2 series "sent_total"; write one with its labels, or "sent_total{*"'),
]


@pytest.mark.parametrize(("metric", "task", "why"), REFUSED, ids=[metric.series for metric, _, _ in REFUSED])
def test_a_series_that_is_not_known_has_no_value(telemetry: TrialTelemetry, metric: Metric, task: TaskName | None, why: str) -> None:
    """A gap, also one across an edge of the window, a series that is not there and a name that means several are refused with the reason, and with the names there are."""
    with pytest.raises(ValueError) as refused:
        measured(metric, "m0", task, telemetry)
    assert str(refused.value) == why


def test_without_telemetry_there_is_no_value(tmp_path: Path) -> None:
    """A machine without telemetry, and a trial whose measured step was not released, are told as such."""
    metric = Metric("x", telemetry="cpu")
    ends = [TaskEnded(LOAD, Outcome(OutcomeKind.OK), 10 * S, 14 * S)]
    clock = MachineClock((ClockReading(0, 1000, 8 * S),), 0)
    start = StartedTogether(1, "load", 10 * S, 0, 0, "m0", "m0", {"m0": clock})
    for times, why in (
        (AttemptTimes.of(ends, start), "there is no telemetry of m0"),
        (AttemptTimes.of(ends, None), "there is no measured window: its step was not released, or the clocks are not known"),
    ):
        with pytest.raises(ValueError, match=why):
            measured(metric, "m0", None, attempt_telemetry(tmp_path, times))


def test_expressions_over_telemetry_have_the_right_units(telemetry: TrialTelemetry) -> None:
    """Processor time, energy and bytes per operation come out in their units, whatever those of the parts are."""
    metrics = [
        Metric("throughput", unit="k/s"),
        Metric("cpu", telemetry="cpu", unit="%"),
        Metric("power", telemetry="energy.*"),
        Metric("written", telemetry="disk.*.written", unit="kB/s"),
        Metric("cpu-per-op", value="power / power * cpu / throughput"),
        Metric("time-per-op", value="cores / throughput", unit="us"),
        Metric("cores", telemetry="cpu"),
        Metric("energy-per-op", value="power / throughput", unit="mJ"),
        Metric("bytes-per-op", value="written / throughput"),
    ]
    ask = lambda metric, _: joined(metric, {"m0": measured(metric, "m0", None, telemetry)})  # noqa: E731
    seen = observe(metrics, {LOAD: b"wke: throughput=2\n"}, ask=ask)
    assert seen.problems == ()
    found = {name: (round(seen.values[name], 9), seen.units[name]) for name in ("time-per-op", "energy-per-op", "bytes-per-op")}
    assert found == {"time-per-op": (750.0, "us"), "energy-per-op": (6.0, "mJ"), "bytes-per-op": (20.0, "B")}

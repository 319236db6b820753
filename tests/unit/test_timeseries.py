"""Time series: what scripts write as `wke: @SECONDS name=value unit`, what is refused, and that reports do not change by it."""

from dataclasses import replace
from pathlib import Path

import hdr
import pytest
from telemetry_of import LOAD as TASK
from telemetry_of import START, S, made_up

from wke.describe.experiment.metrics import Metric, observe
from wke.describe.experiment.reports import read_reports
from wke.describe.experiment.timeseries import TimeSeries, read_time_series
from wke.judge.telemetry.intervals import interval_series
from wke.judge.telemetry.measured import measured
from wke.keep.output.hdrlog import read_intervals
from wke.keep.output.logs import LogWriter
from wke.keep.output.timeseries import series_of_tasks
from wke.records import Output, TaskName

LOAD = TaskName(1, "load", "client1")

WRITTEN: dict[bytes, dict[str, TimeSeries]] = {
    b"wke: x=1\nwke: y=2 ms\n": {},
    b"wke: @1 x=5": {"x": TimeSeries("", (1.0,), (5.0,))},
    b"wke:@ 1 x=5": {},
    b"wke:\t@0 x=-5 things\r\nwke: @0.25  x=6\n": {"x": TimeSeries("things", (0.0, 0.25), (-5.0, 6.0))},
    b"wke: @2 x=1s\nwke: @1 x=350ms\nwke: @3 x=1m3s\n": {"x": TimeSeries("s", (1.0, 2.0, 3.0), (0.35, 1.0, 63.0))},
    b"wke: @1 due=9 sent=8 done=7 lag=1.5 ms\nwke: @2 due=9 done=8 lag=900 us": {
        "due": TimeSeries("", (1.0, 2.0), (9.0, 9.0)),
        "sent": TimeSeries("", (1.0,), (8.0,)),
        "done": TimeSeries("", (1.0, 2.0), (7.0, 8.0)),
        "lag": TimeSeries("ms", (1.0, 2.0), (1.5, 0.9)),
    },
    b"wke: @1 x=1\nwke: @1 x=2\n": {"x": TimeSeries("", (1.0,), (2.0,))},
    b"not wke: @1 x=1\n wke: @2 x=2\n\xffwke: @3 x=3": {},
}


@pytest.mark.parametrize(("text", "series"), WRITTEN.items(), ids=map(repr, WRITTEN))
def test_samples_become_time_series(text: bytes, series: dict[str, TimeSeries]) -> None:
    """Each name is a series in the unit of its first sample, in the order of time; of one moment the last sample counts."""
    assert read_time_series(text) == series


MALFORMED = {
    b"wke: @1": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @ 1 x=5": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @-1 x=5": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @1s x=5": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @1 x = 5": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @1 x=5 a lot": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @1 y=5 9x=5": "which is not of the form wke: @SECONDS name=value unit",
    b"wke: @1 y=5 x=nan": 'where the value is "nan", not a number',
    b"wke: @1 y=5 x=1 kg": "where x is in kg, and before it was in s",
    b"wke: @1 due=5.5": "where due is not a number of requests",
    b"wke: @1 sent=5 1/s": "where sent is not a number of requests",
    b"wke: @1 done=-5": "where done is not a number of requests",
    b"wke: @1 lag=5": "where lag is not a time",
    b"wke: @1 load-cpu=5 ms": "where load-cpu is not a share",
    b"wke: @1 load-cpu=-5 %": "where load-cpu is not a share",
}


@pytest.mark.parametrize(("line", "problem"), MALFORMED.items(), ids=map(repr, MALFORMED))
def test_a_malformed_sample_is_a_problem(line: bytes, problem: str) -> None:
    """A line that begins like a sample but is not one fails the trial with the reason, and nothing of it gets into a series."""
    text = b"wke: @0.5 x=1 s\n" + line + b"\nwke: throughput=7\n"
    seen = observe([], {LOAD: text})
    assert seen.problems == (f'load on client1 wrote "{line.decode()}", {problem}',)
    assert seen.values == {"throughput": 7.0}
    assert read_time_series(text) == {"x": TimeSeries("s", (0.5,), (1.0,))}


def test_samples_are_no_metrics() -> None:
    """A sample gives a metric of its name neither a value nor another one."""
    assert read_reports(b"wke: x=1\nwke: @1 x=2\nwke: @1 y=3\n") == ({"x": (1.0, "")}, [])


def test_the_series_of_an_attempt_are_read_from_its_folder(tmp_path: Path) -> None:
    """Samples in stored output are found for each task, also where a line came in several pieces, and not in standard error."""
    other = TaskName(1, "load", "client2", 1)
    with LogWriter(tmp_path) as logs:
        for task, stream, data in ((LOAD, 1, b"wke: @1 do"), (other, 1, b"ready\n"), (LOAD, 2, b"wke: @1 lag=1 s\n"), (LOAD, 1, b"ne=5\n")):
            logs(Output(task, stream, data, 0))
    assert series_of_tasks(tmp_path) == {LOAD: {"done": TimeSeries("", (1.0,), (5.0,))}}


def interval(start_s: float, values: list[int], tag: str = "") -> str:
    return hdr.line(values, tag=tag).replace("0.127,1.007", f"{start_s:.3f},1.500")


RELEASED_NS = 1441812279 * S
HEADS = {
    "relative": ("#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09]\n", 0.0),
    "absolute": ("#[StartTime: 1441812279.474 (seconds since epoch)]\n", 1441812279.474),
    "to a base": ("#[StartTime: 1441812200.000 (seconds since epoch)]\n#[BaseTime: 1441812279.474 (seconds since epoch)]\n", 0.0),
}


@pytest.mark.parametrize(("head", "from_s"), HEADS.values(), ids=HEADS)
def test_interval_logs_become_time_series(tmp_path: Path, head: str, from_s: float) -> None:
    """Each interval is a sample at its end, whatever its start counts from; quantiles that too few values tell are left out."""
    path = tmp_path / "x.hlog"
    lines = [interval(from_s, [1_000_000] * 400), interval(from_s + 1.5, [2_000_000] * 10), interval(from_s + 1.5, [7_000_000], "READ")]
    path.write_text(head + hdr.HEADER + "".join(lines) + interval(from_s + 3, []))
    found = interval_series(read_intervals(path), made_up(tmp_path).clocks["node1"], RELEASED_NS)
    ends = tuple(round(0.474 + end_s - 0.005, 3) for end_s in (1.5, 3.0, 4.5))  # the machine's clock is 5 ms ahead
    assert {name: tuple(round(at, 3) for at in one.times) for name, one in found.items()} == {
        "count": ends,
        "max": ends[:2],
        "p50": ends[:2],
        "p90": ends[:1],
        "p99": ends[:1],
        "READ:count": ends[1:2],
        "READ:max": ends[1:2],
    }
    assert (found["count"].values, found["count"].unit) == ((400.0, 10.0, 0.0), "")
    assert (found["p50"].values, found["p50"].unit) == (pytest.approx((1e6, 2e6), rel=0.001), "ns")


def test_a_log_without_a_beginning_has_no_series(tmp_path: Path) -> None:
    """When the intervals were is not guessed."""
    (tmp_path / "x.hlog").write_text(interval(0, [5] * 10))
    assert interval_series(read_intervals(tmp_path / "x.hlog"), made_up(tmp_path).clocks["node1"], RELEASED_NS) == {}


def test_written_series_stand_beside_telemetry(tmp_path: Path) -> None:
    """What a task wrote is a series of its machine, on the controller's clock, and does not pass for the task's telemetry."""
    telemetry = replace(made_up(tmp_path), written={TASK: {"cpu": TimeSeries("ms", (0.5, 1.5), (3.0, 4.0))}})
    column = telemetry.columns("node1")[-1]
    assert (column.scope, column.name, column.unit, column.kind, column.task) == ("script", "cpu", "ms", "gauge", TASK)
    readings = telemetry.readings("node1", [column])[column]
    assert (readings.times_ns.tolist(), readings.values.tolist()) == ([START + S // 2, START + 3 * S // 2], [3.0, 4.0])
    with pytest.raises(ValueError, match="which is sampled every 1 s"):  # the counter of the task
        measured(Metric("x", telemetry="cpu", step="load"), "node1", TASK, telemetry)

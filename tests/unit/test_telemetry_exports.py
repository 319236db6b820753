"""Exports of telemetry: each form has what was sampled, where its readers look for it."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_of import START, S, made_up

from wke.errors import InputError
from wke.judge.telemetry.course import Window
from wke.judge.telemetry.windowusage import trial_usage
from wke.keep.output.telemetry import read_loads
from wke.keep.telemetry.columns import Column
from wke.tell.exports.telemetry.chosen import TelemetryExport
from wke.tell.exports.telemetry.chrometrace import chrome_trace
from wke.tell.exports.telemetry.loads import write_loads
from wke.tell.exports.telemetry.openmetrics import _metric, openmetrics
from wke.tell.exports.telemetry.samples_csv import samples_csv
from wke.tell.exports.telemetry.samples_json import samples_json
from wke.tell.exports.telemetry.samples_parquet import write_samples_parquet


def test_csv_has_a_row_per_sample(tmp_path: Path) -> None:
    """Times are the controller's; counters are as they were read; an unknown value is empty; a task has its step, target and copy."""
    rows = list(csv.reader(io.StringIO("".join(samples_csv(TelemetryExport(made_up(tmp_path), ("memory.used", "cpu")))))))
    assert rows == [
        ["time", "machine", "scope", "step", "target", "copy", "name", "kind", "unit", "value"],
        *(
            [f"{1_700_000_000 + second}.000000000", "node1", "machine", "", "", "", "memory.used", "gauge", "B", value]
            for second, value in enumerate(["100", "100", "", "200"])
        ),
        *(
            [f"{1_700_000_000 + second}.000000000", "node1", "task.3", "1", "load", "0", "cpu", "counter", "us", str(500_000 * second)]
            for second in range(4)
        ),
    ]


def test_json_has_the_window_the_spans_and_the_samples(tmp_path: Path) -> None:
    """The document is one JSON object, in which unknown values are null and scraped ones are not rounded."""
    told = json.loads("".join(samples_json(TelemetryExport(made_up(tmp_path), ("memory.used", "etcd*")))))
    assert told["window"] == {"start-ns": START, "end-ns": START + 3 * S}
    assert [(span["kind"], span["name"], span["measured"]) for span in told["spans"]] == [
        ("step", "serve", False), ("task", "serve", False), ("step", "load", True), ("task", "load", True),
    ]  # fmt: skip
    assert [(each["name"], each["values"]) for each in told["samples"]] == [
        ("memory.used", [100, 100, None, 200]),
        ('etcd_ops_total{op="put"}', [1.5, 4.0]),
    ]
    assert told["damage"] == ["the clock of node2 is not known, so its telemetry is of no known time"]


def test_parquet_has_the_rows_of_the_csv(tmp_path: Path) -> None:
    """The file has the same rows, with types: a time in UTC, numbers, and null for what is not known."""
    parquet = pytest.importorskip("pyarrow.parquet")
    export = TelemetryExport(made_up(tmp_path))
    write_samples_parquet(tmp_path / "out.parquet", export)
    table = parquet.read_table(tmp_path / "out.parquet")
    rows = list(csv.DictReader(io.StringIO("".join(samples_csv(export)))))
    assert table.column_names == list(rows[0])
    assert [None if row["value"] == "" else float(row["value"]) for row in rows] == table["value"].to_pylist()
    assert [row["machine"] + row["name"] + row["target"] for row in rows] == [
        row["machine"] + row["name"] + (row["target"] or "") for row in table.to_pylist()
    ]
    assert table["time"].cast("int64").to_pylist()[:2] == [START, START + S]
    assert list(tmp_path.glob("*.tmp")) == []


def test_loads_are_drawn_as_those_of_a_session(tmp_path: Path) -> None:
    """The folder has the six columns of a session's recording, and the measured window."""
    write_loads(tmp_path / "loads", TelemetryExport(made_up(tmp_path), machines=("node1",)))
    loads = read_loads(tmp_path / "loads")
    assert loads.windows == ((0.0, 3.0),)
    assert len(loads.times) == 31
    assert loads.times[0] == 0.1
    at = {second: {name: values[10 * second + 4] for name, values in loads.machines["node1"].items()} for second in range(3)}
    assert [at[second]["cpu"] for second in range(3)] == [50, 25, 50]
    assert at[0] == {
        "cpu": 50,
        "mem": 100,
        "disk-read": 20,
        "disk-write": pytest.approx(float("nan"), nan_ok=True),
        "netout": 7,
        "netin": 5,
    }
    assert at[2]["mem"] == 200
    with pytest.raises(InputError, match=r"has a loads\.csv already"):
        write_loads(tmp_path / "loads", TelemetryExport(made_up(tmp_path / "again")))


def test_openmetrics_is_what_prometheus_expects(tmp_path: Path) -> None:
    """Families stand together, in base units; devices, tasks and scraped labels are labels; unknown values are left out."""
    text = "".join(openmetrics(TelemetryExport(made_up(tmp_path), ("cpu.0.busy", "cpu", "memory.used", "disk.*", "load.1", "etcd*"))))
    of = 'trial="abc-1",series="demo",machine="node1"'
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# TYPE wke_core_busy_seconds counter",
        "# TYPE wke_memory_used_bytes gauge",
        "# TYPE wke_disk_read_bytes counter",
        "# TYPE wke_load_1 gauge",
        "# TYPE wke_task_cpu_seconds counter",
        "# TYPE etcd_ops_total unknown",
        "# EOF",
    ]
    assert lines[1] == f'wke_core_busy_seconds_total{{{of},device="0"}} 7 1700000000.000000000'
    assert [line for line in lines if line.startswith("wke_memory")][2] == f"wke_memory_used_bytes{{{of}}} 200 1700000003.000000000"
    assert (
        next(line for line in lines if 'device="sdb"' in line) == f'wke_disk_read_bytes_total{{{of},device="sdb"}} 1 1700000000.000000000'
    )
    assert f"wke_load_1{{{of}}} 1.6 1700000002.000000000" in lines
    assert f'wke_task_cpu_seconds_total{{{of},target="load",step="1",copy="0"}} 0.5 1700000001.000000000' in lines
    assert f'etcd_ops_total{{op="put",{of},port="2379"}} 4 1700000002.000000000' in lines


def test_a_scraped_label_that_is_ours_has_another_name(tmp_path: Path) -> None:
    """No sample has two labels of one name, and what stands in a label's value is no label."""
    column = Column("scrape.80", 'up{port="1",of="a,port=\\"2"}', "", "gauge", floating=True)
    metric = _metric(made_up(tmp_path), "node1", column)
    assert (metric.given, metric.labels["port"]) == ('exported_port="1",of="a,port=\\"2"', "80")


def test_a_trace_has_spans_and_counters(tmp_path: Path) -> None:
    """Steps are in the trial's process, tasks and counters in their machine's; times are microseconds since the first span."""
    events = json.loads("".join(chrome_trace(TelemetryExport(made_up(tmp_path), ("cpu.busy", "cpu")))))["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert names == {1: "trial abc-1", 2: "node1", 3: "node2"}
    spans = [(event["pid"], event["name"], event["ts"], event["dur"]) for event in events if event["ph"] == "X"]
    assert spans == [
        (1, "measured window", 1e6, 3e6),
        (1, "0 serve", 0, 4e6),
        (2, "0 serve", 0, 4e6),
        (1, "1 load", 1e6, 3e6),
        (2, "1 load", 1e6, 3e6),
    ]
    counters = [(event["name"], event["ts"], event["args"]) for event in events if event["ph"] == "C" and event["pid"] == 2]
    assert counters == [
        *(("cpu.busy", (1 + at) * 1e6, {"cores": pytest.approx(cores)}) for at, cores in enumerate([1, 0.5, 1])),
        *(("1 load cpu", (1 + at) * 1e6, {"cores": pytest.approx(0.5)}) for at in range(3)),
    ]
    tracks = {(event["pid"], event["tid"]) for event in events if event["ph"] == "X"}
    assert len(tracks) == len(spans)


@pytest.mark.parametrize(
    ("names", "machines", "what"),
    [(("cpu.bussy",), (), 'no series is named "cpu.bussy"'), ((), ("node9",), 'no machine "node9" has telemetry')],
)
def test_what_is_not_there_is_refused(tmp_path: Path, names, machines, what) -> None:
    """A name without a series, and a machine without telemetry, is a mistake rather than an empty export."""
    with pytest.raises(InputError, match=what):
        TelemetryExport(made_up(tmp_path), names, machines).check()


def test_usage_of_machines_and_tasks(tmp_path: Path) -> None:
    """Devices are added up without the loopback; what only the host knows is told as the host's; most is the highest second."""
    telemetry = made_up(tmp_path)
    used = trial_usage(telemetry)
    assert used is not None
    usage = used.machines["node1"]
    shown = {part: (each.mean, each.most, each.unit) for part, each in usage.figures.items()}
    assert shown == {
        "cpu": (pytest.approx(2.5 / 3), pytest.approx(1), "cores"),
        "cores": (pytest.approx(2), pytest.approx(2), "cores"),
        "memory": (pytest.approx(500 / 3), pytest.approx(200), "B"),
        "memory_total": (1000, 1000, "B"),
        "read": (pytest.approx(20), pytest.approx(20), "B/s"),
        "received": (pytest.approx(5), pytest.approx(5), "B/s"),
        "sent": (pytest.approx(7), pytest.approx(7), "B/s"),
    }
    assert usage.of_host == {"memory_total"}
    assert {task.target: each.figures["cpu"].mean for task, each in used.tasks.items()} == {"load": pytest.approx(0.5)}
    assert used.machines["node2"].figures == {}
    assert (used.window, used.is_measured) == (Window(START, START + 3 * S), True)
    assert trial_usage(replace(telemetry, spans=())) is None

"""Load generators: what wke reads from their output, real where the head of the file names a version, else as documented."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric, observe
from wke.describe.expression.quantity import Report
from wke.describe.expression.units import convert
from wke.describe.generators.generators import GENERATORS, yielded
from wke.records import TaskName

OUTPUTS = Path(__file__).parents[1] / "known_answers" / "generators"
EXPECTED: dict[str, tuple[int, dict[str, Report]]] = {
    "fio-jobs.json": (6, {"throughput": (17400.921659, "1/s"), "bandwidth": (71274174.0, "B/s")}),
    "fio-randrw.json": (
        46,
        {"read-latency-mean": (78910.560606, "ns"), "read-p99": (536576.0, "ns"), "write-throughput": (10333.333333, "1/s")},
    ),
    "hey-errors.txt": (
        12,
        {
            "throughput": (1390.2917, "1/s"),
            "latency-mean": (0.002, "s"),
            "latency-max": (0.0036, "s"),
            "errors": (30.0, ""),
            "p95": (0.0036, "s"),
        },
    ),
    "hey-refused.txt": (2, {"errors": (6.0, "")}),
    "hey.txt": (
        13,
        {
            "throughput": (1001.8286, "1/s"),
            "latency-mean": (0.003, "s"),
            "latency-max": (0.0112, "s"),
            "errors": (0.0, ""),
            "p95": (0.0061, "s"),
            "p99": (0.0077, "s"),
        },
    ),
    "iperf3-parallel.txt": (3, {"sent": (101.0, "Mbit/s"), "retransmits": (0.0, ""), "throughput": (101.0, "Mbit/s")}),
    "iperf3-udp.json": (
        4,
        {
            "throughput": (10218363.761026833, "bit/s"),
            "sent": (10222706.179150056, "bit/s"),
            "jitter": (0.011055397505065491, "ms"),
            "loss": (0.0, "%"),
        },
    ),
    "iperf3-udp.txt": (4, {"sent": (10.2, "Mbit/s"), "throughput": (10.2, "Mbit/s"), "jitter": (0.639, "ms"), "loss": (0.0, "%")}),
    "iperf3.json": (3, {"throughput": (50286591.214272015, "bit/s"), "sent": (50326967.59201395, "bit/s"), "retransmits": (0.0, "")}),
    "iperf3.txt": (3, {"sent": (9.73, "Gbit/s"), "retransmits": (12.0, ""), "throughput": (9.68, "Gbit/s")}),
    "k6-handler.json": (
        8,
        {"throughput": (19.7, "1/s"), "errors": (25.0, "%"), "latency-mean": (268.3, "ms"), "latency-max": (846.1, "ms")},
    ),
    "k6.json": (
        10,
        {
            "throughput": (8.13254, "1/s"),
            "errors": (1.22, "%"),
            "latency-mean": (143.14, "ms"),
            "latency-max": (301.93, "ms"),
            "p95": (177.75, "ms"),
        },
    ),
    "k6.txt": (
        10,
        {
            "throughput": (8.13254, "1/s"),
            "errors": (1.22, "%"),
            "latency-mean": (143.14, "ms"),
            "latency-max": (62.0, "s"),
            "p95": (177.75, "ms"),
        },
    ),
    "memtier-old.txt": (
        12,
        {
            "sets-throughput": (4579.26, "1/s"),
            "throughput": (50366.07, "1/s"),
            "latency-mean": (3.961, "ms"),
            "bandwidth": (2187458.56, "B/s"),
        },
    ),
    "memtier.json": (
        15,
        {"gets-p99.9": (9.727, "ms"), "throughput": (82300.5, "1/s"), "latency-mean": (2.169, "ms"), "p99": (5.087, "ms")},
    ),
    "memtier.txt": (
        24,
        {
            "sets-throughput": (8241.71, "1/s"),
            "gets-p99.9": (9.727, "ms"),
            "throughput": (90608.24, "1/s"),
            "latency-mean": (2.17045, "ms"),
            "p99": (5.087, "ms"),
            "bandwidth": (4051138.56, "B/s"),
        },
    ),
    "pgbench-select.txt": (4, {"throughput": (1698.124422, "1/s"), "errors": (0.0, ""), "latency-mean": (0.589, "ms")}),
    "pgbench.txt": (4, {"throughput": (331.813119, "1/s"), "errors": (0.0, ""), "latency-mean": (6.027, "ms")}),
    "redis-benchmark-csv.txt": (21, {"set-p99": (4.167, "ms"), "get-p99": (7.895, "ms"), "mset-10-keys-p50": (0.151, "ms")}),
    "redis-benchmark-one.txt": (
        14,
        {
            "get-p99": (5.975, "ms"),
            "throughput": (8968.61, "1/s"),
            "latency-mean": (0.403, "ms"),
            "p95": (2.543, "ms"),
            "p99": (5.975, "ms"),
            "latency-max": (10.519, "ms"),
        },
    ),
    "redis-benchmark-quiet.txt": (4, {"mset-10-keys-p50": (0.119, "ms")}),
    "redis-benchmark.txt": (14, {"set-p99": (0.559, "ms"), "get-p99": (0.335, "ms")}),
    "sysbench-cpu.txt": (
        5,
        {"throughput": (1409.53, "1/s"), "latency-mean": (0.7, "ms"), "latency-max": (8.46, "ms"), "p95": (4.33, "ms")},
    ),
    "sysbench-threads.txt": (
        5,
        {"throughput": (605.3655131145906, "1/s"), "latency-mean": (1.65, "ms"), "latency-max": (9.31, "ms"), "p99": (6.21, "ms")},
    ),
    "vegeta.json": (
        11,
        {
            "throughput": (101.00012489812, "1/s"),
            "errors": (0.0, "%"),
            "latency-mean": (2371194.0, "ns"),
            "p95": (3478629.0, "ns"),
            "p99": (3530000.0, "ns"),
            "latency-max": (3660505.0, "ns"),
        },
    ),
    "vegeta.txt": (
        10,
        {
            "throughput": (65.87, "1/s"),
            "latency-mean": (113.172398, "ms"),
            "p95": (140.18235, "ms"),
            "p99": (62.5, "s"),
            "latency-max": (64.0, "s"),
            "errors": (44.58, "%"),
        },
    ),
    "wrk-errors.txt": (
        6,
        {
            "throughput": (976.96, "1/s"),
            "bandwidth": (496.11, "KiB/s"),
            "latency-mean": (2.3, "ms"),
            "latency-max": (14.62, "ms"),
            "errors": (1075.0, ""),
        },
    ),
    "wrk.txt": (
        10,
        {
            "throughput": (887.95, "1/s"),
            "bandwidth": (12.12, "MiB/s"),
            "latency-mean": (3.24, "ms"),
            "latency-max": (48.64, "ms"),
            "p99": (34.99, "ms"),
            "errors": (0.0, ""),
        },
    ),
    "ycsb.txt": (
        12,
        {
            "read-latency-mean": (54.689409368635, "us"),
            "read-p99": (331.0, "us"),
            "update-p99.9": (68000.0, "us"),
            "throughput": (98.91196834817013, "1/s"),
            "errors": (2.0, ""),
        },
    ),
}


def generator(file: str) -> str:
    return max((name for name in GENERATORS if file.startswith(name)), key=len)


@pytest.mark.parametrize("file", EXPECTED)
def test_the_fields_of_an_output(file: str) -> None:
    """Every field has its number and unit, in whatever form the tool prints it, and the unit is of the kind that the reader declares."""
    name, (count, expected) = generator(file), EXPECTED[file]
    found = GENERATORS[name].read((OUTPUTS / file).read_bytes())
    assert {field: found.get(field) for field in expected} == expected
    assert len(found) == count
    units = {field: (unit, GENERATORS[name].unit(field)) for field, (_, unit) in found.items()}
    assert [field for field, (unit, declared) in units.items() if declared is None or convert(1.0, unit, declared) is None] == []


def test_every_file_and_generator_is_tested() -> None:
    """No output lies there unread, and no generator is without one."""
    assert sorted(path.name for path in OUTPUTS.iterdir()) == sorted(EXPECTED)
    assert {generator(file) for file in EXPECTED} == set(GENERATORS)


@pytest.mark.parametrize("file", ["wrk.txt", "hey.txt", "pgbench.txt", "vegeta.txt", "fio-randrw.json", "ycsb.txt"])
def test_the_last_report_counts(file: str) -> None:
    """Of two runs in one output, no field comes from the first one."""
    name, text = generator(file), (OUTPUTS / file).read_bytes()
    other = (OUTPUTS / {"wrk.txt": "wrk-errors.txt", "hey.txt": "hey-errors.txt"}.get(file, file)).read_bytes()
    assert GENERATORS[name].read(text + b"\n" + other) == GENERATORS[name].read(other)


@given(st.sampled_from(sorted(GENERATORS)), st.sampled_from(sorted(EXPECTED)), st.integers(0, 9999), st.binary(max_size=9))
def test_damaged_outputs_do_no_harm(name: str, file: str, at: int, bytes_: bytes) -> None:
    """Output that is cut, altered or of another tool has fewer fields or raises ValueError."""
    text = (OUTPUTS / file).read_bytes()
    with contextlib.suppress(ValueError):
        GENERATORS[name].read(text[:at] + bytes_ + text[at + len(bytes_) :])


def test_metrics_of_a_load_generator() -> None:
    """The unit is converted, tasks are joined, and a field that is not there is a problem that says what is."""
    tasks = [TaskName(0, "load", "m0"), TaskName(0, "load", "m1")]
    logs = {task: (OUTPUTS / "wrk.txt").read_bytes() for task in tasks}
    metrics = [
        Metric("throughput", from_="wrk", join="sum", unit="1/s"),
        Metric("slow", from_="wrk", field="p99", join="max", unit="s"),
        Metric("p95", from_="wrk", join="max", unit="ms"),
    ]
    seen = observe(metrics, logs)
    assert seen.values == {"throughput": 2 * 887.95, "slow": 0.03499}
    assert seen.problems[0].startswith('p95: in the output of load on m0 wrk says nothing of "p95": only throughput, requests, ')
    with pytest.raises(ValueError, match=r'^fio says nothing of "throughput": wke reads `--output-format=json`'):
        yielded("fio", "throughput", b"read: IOPS=1000")

"""Metrics: what is read from logs, how tasks are joined, and what is said instead of a guess."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.logpattern import compile_log, matched
from wke.describe.experiment.metrics import Metric, observe
from wke.describe.experiment.reports import read_json_lines, read_reports
from wke.describe.expression.quantity import Report
from wke.describe.expression.units import FAMILIES, convert
from wke.records import TaskName

REPORTS: dict[bytes, dict[str, tuple[float, str]]] = {
    b"": {},
    b"wke: x=1": {"x": (1.0, "")},
    b"wke: x=1 ms\n": {"x": (1.0, "ms")},
    b"wke:x=1\r\n": {"x": (1.0, "")},
    b"wke:  p99.9 = -1.5e-3   1/s  \n": {"p99.9": (-0.0015, "1/s")},
    b"hello\nwke: a_b-c=.5 s\nwke: y=2. KiB\n": {"a_b-c": (0.5, "s"), "y": (2.0, "KiB")},
    b"wke: x=1\nwke: x=2\n": {"x": (2.0, "")},
    b"not wke: x=1\n wke: x=2\n": {},
    b"\xff\xfe\x00\nwke: x=1 \xc2\xb5s\n\xff": {"x": (1.0, "µs")},
    b"wke: x=1 \xff\n": {"x": (1.0, "\ufffd")},
    b"wke: x=+1E+6\nxwke: x=3 wke: x=4": {"x": (1e6, "")},
    b"wke: x=350us\nwke: y=1m3.5s\nwke: z=12.5MB/sec\nwke: e=1.2e+06ms\n": {
        "x": (350.0, "us"),
        "y": (63.5, "s"),
        "z": (12.5, "MB/sec"),
        "e": (1.2e6, "ms"),
    },
}


@pytest.mark.parametrize(("text", "reports"), REPORTS.items(), ids=map(repr, REPORTS))
def test_reported_lines(text: bytes, reports: dict[str, tuple[float, str]]) -> None:
    """A report is a line of its own, its unit behind the number or apart; the last of a name counts; other bytes do not matter."""
    assert read_reports(text) == (reports, [])


CLIENT1 = TaskName(1, "load", "client1")
CLIENT2 = TaskName(1, "load", "client2")
COPY = TaskName(1, "load", "client2", 1)
SERVER = TaskName(0, "serve", "server1")

MALFORMED = {
    b"wke: x=nan": 'load on client1 wrote "wke: x=nan", where the value is "nan", not a number',
    b"wke: x=inf": 'load on client1 wrote "wke: x=inf", where the value is "inf", not a number',
    b"wke: x=1e999": 'load on client1 wrote "wke: x=1e999", where the value is "1e999", not a finite number',
    b"wke: x=1_000": 'load on client1 wrote "wke: x=1_000", where the value is "1_000", not a number',
    b"wke: x=1,5 s": 'load on client1 wrote "wke: x=1,5 s", where the value is "1,5", not a number',
    b"wke: x 5": 'load on client1 wrote "wke: x 5", which is not of the form wke: name=value unit',
    b"wke: 9x=5": 'load on client1 wrote "wke: 9x=5", which is not of the form wke: name=value unit',
    b"wke: x=3s1m": 'load on client1 wrote "wke: x=3s1m", where the value is "3s1m", not a number',
    b"wke: x=5ms us": 'load on client1 wrote "wke: x=5ms us", where the value is "5ms", not a number',
    b"wke: x=1 y=2": 'load on client1 wrote "wke: x=1 y=2", which is not of the form wke: name=value unit',
    b"wke: x=1 a lot": 'load on client1 wrote "wke: x=1 a lot", which is not of the form wke: name=value unit',
    b"wke: x=\xff": 'load on client1 wrote "wke: x=\ufffd", where the value is "\ufffd", not a number',
    b"wke: x=" + b"1" * 500: (f'load on client1 wrote "wke: x={"1" * 73}"…, where the value is "{"1" * 80}"…, not a number'),
}


@pytest.mark.parametrize(("line", "problem"), MALFORMED.items(), ids=[repr(line[:20]) for line in MALFORMED])
def test_a_malformed_report_is_a_problem(line: bytes, problem: str) -> None:
    """A line that begins like a report but is not one is reported; it is never taken for a number or dropped."""
    seen = observe([], {CLIENT1: b"before\n" + line + b"\nwke: y=7\n"})
    assert seen.problems == (problem,)
    assert seen.values == {"y": 7.0}


def test_many_malformed_reports_are_cut_short() -> None:
    """A task that writes nothing but nonsense is told about in four sentences."""
    seen = observe([], {CLIENT1: b"wke: ?\n" * 100})
    assert len(seen.problems) == 4
    assert seen.problems[3] == "load on client1 wrote 97 more malformed report lines"


MATCHES: dict[tuple[str, bytes, str], Report | None] = {
    (r"ops: (\d+)", b"ops: 1\nops: 2\n", ""): (2.0, ""),
    (r"ops: (\d+)", b"nothing", ""): None,
    (r"(?:a|b)=(?P<value>[0-9.]+)( ms)?", b"a=1.5 ms b=2.5", ""): (2.5, ""),
    (r"^total (\S+)$", b"x total 1\ntotal -2e3\nend", ""): (-2000.0, ""),
    (r"mittlere Dauer: ([0-9.]+) µs", "mittlere Dauer: 4 µs".encode(), ""): (4.0, ""),
    (r"v=(\S+)", b"v=\xff\nv=3\n\xfe", ""): (3.0, ""),
    # ready-made forms
    ("{value} ops/sec", b"1.2e+06 ops/sec", "1/s"): (1.2e6, "1/s"),
    ("{value} ops", b"did -1,234,567.5 ops", ""): (-1234567.5, ""),
    ("p99: {value}{unit}", b"p99: 350us", "ms"): (350.0, "us"),
    ("p99: {value}{unit}", b"p99: 1.5 ms.", "ms"): (1.5, "ms"),
    ("p99: {value}{unit}", "p99: 1m3µs".encode(), "ms"): (60.000003, "s"),
    ("rate: {value}{unit}", b"rate: 12.5MB/sec", "MB/s"): (12.5, "MB/sec"),
    (r"latency \({unit}\): {value}", b"latency (us): 5", "ms"): (5.0, "us"),
    (r"t=(\d+)(?P<unit>\w+)", b"t=1m3s", "ms"): (63.0, "s"),
    # a unit directly behind the number is read, unless the pattern spells it
    (r"p99=([0-9.]+)", b"p99=350us", "ms"): (350.0, "us"),
    (r"p99=([0-9.]+)", b"p99=94 us,", ""): (94.0, "us"),
    (r"([0-9.]+) MB", b"12 MB", "MiB"): (12.0, "MiB"),
    (r"([0-9.]+)", b"12 MB", "things"): (12.0, "things"),
    (r"ops took ([0-9.]+)", b"ops took 5s", "ms"): (5.0, "s"),
    (r"lat=([0-9.]+)\S* ", b"lat=350us now", "ms"): (350.0, "us"),
    (r"lat=([0-9.]+)s ", b"lat=5s now", "things"): (5.0, "things"),
    (r"([0-9.]+)", b"12 ops/s", ""): (12.0, ""),
    (r"=([0-9]+)", b"a=5 s=3", "ms"): (3.0, "ms"),
    # what only looks like a part of a number
    (r"took ([0-9.]+)", b"took 5.\n", "s"): (5.0, "s"),
    (r"^\d+,(\d+),", b"12,345,678", ""): (345.0, ""),
    (r"-([0-9]+)T", b"2024-01-15T", ""): (15.0, ""),
    (r"=(\d+)", b"=5x3", ""): (5.0, ""),
    (r"x(\d+)$", b"5x3", ""): (3.0, ""),
}


@pytest.mark.parametrize(("case", "report"), MATCHES.items(), ids=[f"{pattern} {text!r}" for pattern, text, _ in MATCHES])
def test_a_pattern_finds_the_last_number(case: tuple[str, bytes, str], report: Report | None) -> None:
    """The last match counts, ^ and $ are ends of lines, a group called value is the one, and a unit behind the number is not lost."""
    pattern, text, unit = case
    assert matched(compile_log(pattern), text, unit) == report


PARTS: dict[tuple[str, bytes], str] = {
    (r"([0-9.]+) ops/sec", b"1.2e+06 ops/sec"): '"06", a part of the number "1.2e+06"; write "{value} ops/sec"',
    (r"ops/s: ([0-9.]+)", b"ops/s: 1.2e+06\n"): '"1.2", a part of the number "1.2e+06"; write "ops/s: {value}"',
    (r"x: (?P<value>\d+)", b"x: 12.7"): '"12", a part of the number "12.7"; write "x: {value}"',
    (r"\.(\d+) ms", b"12.70 ms"): '"70", a part of the number "12.70"; write "\\\\.{value} ms"',
    (r"(\d+)ms", b"offset -5ms"): '"5", a part of the number "-5"; write "{value}ms"',
    (r"took ([0-9.]+)", b"took 1m3s"): '"1", a part of the number "1m3s"; write "{value}{unit}"',
    (r"([0-9.]+)s", b"took 1m3s"): '"3", a part of the number "1m3"; write "{value}{unit}"',
    (r"n=(\d+)", b"n=0x1f"): '"0", a part of the number "0x1f"; write "n={value}"',
    (r"([0-9.]+) ops", b"1,234 ops"): '"234", a part of the number "1,234"; write "{value} ops" if its commas separate thousands',
    (r"(\d+)(?P<unit>\w+)", b"12MB/s"): '"MB", whose unit goes on behind it; write "{value}{unit}"',
    ("{value}{unit}", b"3s1m"): '"3s1m", not a number',
}


@pytest.mark.parametrize(("case", "message"), PARTS.items(), ids=[f"{pattern} {text!r}" for pattern, text in PARTS])
def test_a_part_of_a_number_is_an_error(case: tuple[str, bytes], message: str) -> None:
    """A group that begins or ends inside a number, or a unit that is cut, is never a value; the message has a pattern that works."""
    with pytest.raises(ValueError) as error:
        matched(compile_log(case[0]), case[1], "")
    assert str(error.value) == message


@pytest.mark.parametrize("text", [b"v=abc", b"v=1.2.3", b"v=inf", b"v=", b"v=1\nv=x"])
def test_a_match_that_is_no_number_is_an_error(text: bytes) -> None:
    """What the group holds must be a finite number, in the match that counts."""
    with pytest.raises(ValueError, match="not a number"):
        matched(compile_log(r"v=(\S*)"), text)


PATTERNS = {
    "(": "is not a regular expression: missing ), unterminated subpattern at position 0",
    "x": "must have one group in parentheses, around the number; it has none",
    "(a)(b)": "must have one group in parentheses, around the number; it has 2",
    "[[a](b)": "is ambiguous: Possible nested set at position 1",
}


@pytest.mark.parametrize(("pattern", "message"), PATTERNS.items(), ids=PATTERNS)
def test_a_wrong_pattern_is_refused(pattern: str, message: str) -> None:
    """A pattern compiles, says which group is the number, and means one thing."""
    with pytest.raises(ValueError) as error:
        compile_log(pattern)
    assert str(error.value) == message


@pytest.mark.parametrize(("join", "value"), [("sum", 9.0), ("mean", 3.0), ("min", 1.0), ("max", 6.0), ("median", 2.0)])
def test_numbers_of_several_tasks_are_joined(join: str, value: float) -> None:
    """Every join there is, over machines and copies."""
    logs = {CLIENT1: b"wke: x=1", CLIENT2: b"wke: x=6", COPY: b"wke: x=2"}
    assert observe([Metric("x", join=join, unit="s")], logs).values == {"x": value}


LOGS = {CLIENT1: b"wke: x=1 ms\nops 5\n", CLIENT2: b"wke: x=2000 us\n", COPY: b"wke: x=0.003 s\nops 7\n", SERVER: b"wke: rss=4 KiB\n"}

CLIENTS = (CLIENT1, CLIENT2, COPY)
OBSERVED: dict[str, tuple[Metric, tuple[TaskName, ...], float | str]] = {
    "units are converted to the declared one": (Metric("x", join="sum", unit="ms"), CLIENTS, 6.0),
    "without a declared unit the first task's counts": (Metric("x", join="max"), CLIENTS, 3.0),
    "one task needs no join": (Metric("x", unit="us"), (CLIENT1,), 1000.0),
    "units of another kind": (Metric("x", join="sum", unit="B"), CLIENTS, "x: load on client1 reported it in ms, which is not B"),
    "no join": (Metric("x"), CLIENTS, "x: 3 tasks have a value, and join is missing"),
    "silent tasks": (
        Metric("y", join="sum"),
        (*CLIENTS, SERVER),
        'y: load on client1, client2, client2.1, server1 reported no value; a target does that by printing "wke: y=VALUE"',
    ),
    "a silent task among others": (
        Metric("ops", log=r"ops (\d+)", join="sum"),
        CLIENTS,
        r'ops: load on client2 wrote no line that matched "ops (\\d+)"',
    ),
    "a pattern": (Metric("ops", log=r"ops (\d+)", join="sum"), (CLIENT1, COPY), 12.0),
    "a value with a unit": (Metric("ops", log=r"rss={value}{unit}", unit="B"), (SERVER,), 4096.0),
    "a unit that cannot be converted": (
        Metric("ops", log=r"rss={value}{unit}", unit="ms"),
        (SERVER,),
        "ops: load on server1 reported it in KiB, which is not ms".replace("load", "serve"),
    ),
    "a pattern that matches no number": (
        Metric("ops", log=r"(ops) \d+"),
        (CLIENT1,),
        r'ops: in the output of load on client1 "(ops) \\d+" matched "ops", not a number',
    ),
    "no task": (Metric("x"), (), "x: there is no task to read it from"),
    "a task without a log": (
        Metric("x"),
        (TaskName(9, "load", "m"),),
        'x: load on m reported no value; a target does that by printing "wke: x=VALUE"',
    ),
}


@pytest.mark.parametrize(("metric", "tasks", "expected"), OBSERVED.values(), ids=OBSERVED)
def test_one_metric_of_a_trial(metric: Metric, tasks: tuple[TaskName, ...], expected: float | str) -> None:
    """A metric has a value or a sentence that says why not, never both."""
    seen = observe([metric], LOGS, {metric.name: tasks})
    got = (seen.values.get(metric.name), [p for p in seen.problems if p.startswith(metric.name)])
    assert got == ((None, [expected]) if isinstance(expected, str) else (expected, []))


def test_many_silent_machines_are_cut_short() -> None:
    """A problem names some machines and counts the rest."""
    tasks = tuple(TaskName(0, "load", f"m{i}") for i in range(100))
    seen = observe([Metric("x", join="sum")], dict.fromkeys(tasks, b""))
    assert seen.problems == ('x: load on m0, m1, m2, m3 and 96 more reported no value; a target does that by printing "wke: x=VALUE"',)


def test_a_sum_beyond_all_numbers_is_a_problem() -> None:
    """Overflow has no value."""
    seen = observe([Metric("x", join="sum")], {CLIENT1: b"wke: x=1e308", CLIENT2: b"wke: x=1e308"})
    assert (seen.values, seen.problems) == ({}, ("x: the sum of 2 values is too large",))


def test_undeclared_names_are_kept_when_one_task_reports_them() -> None:
    """What several tasks report without a join is noted, and is no reason to distrust the trial."""
    seen = observe([], LOGS)
    assert (seen.values, seen.units) == ({"rss": 4.0}, {"rss": "KiB"})
    assert seen.problems == ()
    assert seen.notes == ("x is ignored: 3 tasks reported it; declare it in [metrics] with join",)


def test_a_declared_metric_is_not_taken_from_another_step() -> None:
    """What a server reports under the same name is not the clients'."""
    seen = observe([Metric("x")], {CLIENT1: b"wke: x=1", SERVER: b"wke: x=2"}, {"x": (CLIENT1,)})
    assert (seen.values, seen.notes) == ({"x": 1.0}, ())


@pytest.mark.parametrize("piece", [b"x", b"\n", b"wke:", b"wke: ", b"a wke: ", b"wke: x=1\n", b"1"], ids=repr)
def test_large_logs_are_read_in_linear_time(piece: bytes) -> None:
    """Eight times the output takes about eight times as long, whatever it is made of; quadratic would be sixty-four times."""

    def elapsed(size: int) -> float:
        text = b"wke: x=" + piece * (size // len(piece))
        began = time.process_time()
        observe([], {CLIENT1: text})
        return time.process_time() - began

    small = min(elapsed(1 << 18) for _ in range(3))
    assert elapsed(1 << 21) < 24 * small + 0.1


UNITS = [(family, unit) for family in FAMILIES for unit in family]


@settings(deadline=None)
@given(st.floats(-1e100, 1e100), st.sampled_from(UNITS), st.data())
def test_conversion_goes_there_and_back(value: float, source: tuple[dict[str, object], str], data: st.DataObject) -> None:
    """Converting between any two units of a family and back gives the value again, but for rounding."""
    family, unit = source
    other = data.draw(st.sampled_from(sorted(family)))
    there = convert(value, unit, other)
    assert there is not None
    assert convert(there, other, unit) == pytest.approx(value, rel=1e-12)


CONVERSIONS: list[tuple[float, str, str, float | None]] = [
    (1500.0, "us", "ms", 1.5),
    (2.0, "min", "s", 120.0),
    (1.0, "GiB", "MiB", 1024.0),
    (1.0, "MB", "kB", 1000.0),
    (1.0, "MiB", "B", 1048576.0),
    (1.0, "Gbit/s", "Mbit/s", 1000.0),
    (3.0, "k/s", "1/s", 3000.0),
    (7.0, "ops/s", "1/s", 7.0),
    (7.0, "requests/sec", "k/s", 0.007),
    (12.5, "MB/sec", "MB/s", 12.5),
    (2.0, "secs", "ms", 2000.0),
    (9.7, "Gbits/sec", "Mbit/s", 9700.0),
    (1.0, "m/s", "1/s", None),
    (12.5, "%", "1", 0.125),
    (1.0, "fsyncs", "fsyncs", 1.0),
    (1.0, "ms", "B", None),
    (1.0, "B", "B/s", None),
    (1.0, "B", "bit", None),
    (1.0, "ms", "Ms", None),
]


@pytest.mark.parametrize(("value", "unit", "to", "expected"), CONVERSIONS)
def test_known_conversions(value: float, unit: str, to: str, expected: float | None) -> None:
    """Exact where a person can check; units of another kind do not convert."""
    assert convert(value, unit, to) == expected


def test_metrics_are_computed_of_others_and_of_the_point() -> None:
    """Whatever their order; in their own unit where it is of the same kind, else that unit is its name."""
    metrics = [
        Metric("twice", value="per-op * 2", unit="us"),
        Metric("per-op", value="cpu / ops"),
        Metric("share", value="lost / ops", unit="%"),
        Metric("each", value="ops / clients", unit="1/s"),
        Metric("work", value="cpu", unit="jobs"),
        Metric("ops", unit="1/s"),
        Metric("cpu", unit="ms"),
        Metric("lost", unit="1/s"),
    ]
    text = b"wke: ops=50\nwke: cpu=100\nwke: lost=1\n"
    seen = observe(metrics, {TaskName(0, "load", "m0"): text}, None, point={"clients": 5, "engine": "new"})
    assert (seen.problems, seen.notes) == ((), ())
    expected = {"ops": (50.0, "1/s"), "cpu": (100.0, "ms"), "lost": (1.0, "1/s"), "per-op": (2.0, "ms/(1/s)"), "twice": (4.0, "us")}
    expected |= {"share": (2.0, "%"), "each": (10.0, "1/s"), "work": (100.0, "jobs")}
    assert {name: (seen.values[name], seen.units[name]) for name in seen.values} == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("ops / none", "x: divides by 0"),
        ("engine * 2", 'x: engine is the text "new", not a number'),
        ("cpu", "x: comes out in ms, which is not B"),
    ],
)
def test_what_cannot_be_computed_is_a_problem(value: str, problem: str) -> None:
    """The trial does not show its metric."""
    metrics = [Metric("ops", unit="1/s"), Metric("cpu", unit="ms"), Metric("x", value=value, unit="B")]
    seen = observe(metrics, {TaskName(0, "load", "m0"): b"wke: ops=50\nwke: cpu=1\n"}, None, point={"none": 0, "engine": "new"})
    assert seen.problems == (problem,)
    assert "x" not in seen.values


@pytest.mark.parametrize(
    ("text", "reports", "malformed"),
    [
        (b"", {}, []),
        (b'{"ops": 5}\n\n{"ops": 6.5, "p99": "3.4 ms", "n": -1e3}\n', {"ops": (6.5, ""), "p99": (3.4, "ms"), "n": (-1000.0, "")}, []),
        (b'{"ops": 5}', {"ops": (5.0, "")}, []),
        (b"5\n", {}, ['"5" to $WKE_METRICS, which is not of the form {"name": 1.5, "other": "3 ms"}']),
        (
            b'{"ops": 5}\n{"ops":',
            {"ops": (5.0, "")},
            ['"{\\"ops\\":" to $WKE_METRICS, which is not of the form {"name": 1.5, "other": "3 ms"}'],
        ),
        (b'{"a": NaN}', {}, ['"{\\"a\\": NaN}" to $WKE_METRICS, where "a" is not a finite number']),
        (b'{"a": 1' + b"0" * 400 + b"}", {}, ['"{\\"a\\": 1' + "0" * 73 + '"… to $WKE_METRICS, where "a" is not a finite number']),
        (b'{"a": true}', {}, ['"{\\"a\\": true}" to $WKE_METRICS, where "a" is not a finite number']),
        (b'{"a": "x ms"}', {}, ['"{\\"a\\": \\"x ms\\"}" to $WKE_METRICS, where "a" is "x", not a number']),
        (b'{"a b": 1}', {}, ['"{\\"a b\\": 1}" to $WKE_METRICS, where "a b" cannot be the name of a metric']),
        (b"[" * 100_000, {}, ['"' + "[" * 80 + '"… to $WKE_METRICS, which is not of the form {"name": 1.5, "other": "3 ms"}']),
        (b" " * (2**20 + 1), {}, ["more than 1048576 bytes to $WKE_METRICS"]),
    ],
)
def test_json_lines_report_metrics(text: bytes, reports: dict[str, tuple[float, str]], malformed: list[str]) -> None:
    """Names with numbers, or numbers and units; what is no such line is a problem, never a guess."""
    assert read_json_lines(text) == (reports, malformed)


@given(st.binary(max_size=200))
def test_no_bytes_in_the_metrics_file_do_harm(text: bytes) -> None:
    """Whatever a script writes, there is an answer, and it holds finite numbers."""
    reports, _ = read_json_lines(text)
    assert all(math.isfinite(value) for value, _ in reports.values())


def test_both_ways_of_reporting_go_together() -> None:
    """A task may print one metric and write another; of one that it does both with, what is in the file counts."""
    task, other = TaskName(0, "load", "m0"), TaskName(0, "load", "m1")
    seen = observe(
        [Metric("ops", join="sum"), Metric("p99", join="max", unit="ms")],
        {task: b"wke: ops=5\nwke: p99=1\n"},
        {"ops": [task, other], "p99": [task, other]},
        written={task: b'{"p99": "2 ms"}', other: b'{"ops": 7, "p99": "3000 us"}\nnonsense'},
    )
    assert seen.values == {"ops": 12.0, "p99": 3.0}
    assert seen.problems == ('load on m1 wrote "nonsense" to $WKE_METRICS, which is not of the form {"name": 1.5, "other": "3 ms"}',)

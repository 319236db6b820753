"""The text of Prometheus endpoints: samples, kinds and units as the reference reads them; what is no such text is refused."""

import importlib
import math
import random

import pytest

from wke.act.telemetry.httpanswer import body
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.exposition import MOST_SERIES, Exposed, Exposition
from wke.keep.telemetry.file import SCRAPES
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.scrapes import ScrapeWriter

AWKWARD = ("plain", 'a "quoted" \\ word', "two\nlines", "a}b,c=", "", "ü ☃", 'x" 5')


def registry(luck: random.Random) -> object:
    """Return metrics of every type, with labels and values that are awkward to write."""
    prometheus = pytest.importorskip("prometheus_client")
    made = prometheus.CollectorRegistry()
    counter = prometheus.Counter("requests", "Requests\nserved", ["path", "code"], registry=made)
    gauge = prometheus.Gauge("queue_bytes", "Length", ["name"], registry=made)
    histogram = prometheus.Histogram("fsync_duration_seconds", "Time", ["disk"], registry=made)
    summary = prometheus.Summary("sizes_bytes", "Sizes", registry=made)
    for text in AWKWARD:
        counter.labels(text, "200").inc(luck.expovariate(1e-6))
        gauge.labels(text).set(luck.choice([-1.5, 0, math.inf, -math.inf, 1e300, luck.gauss(0, 1e9)]))
        histogram.labels(text).observe(luck.expovariate(10))
        summary.observe(luck.random())
    return made


def test_every_sample_is_read_as_the_reference_reads_it() -> None:
    """Of generated metrics of all types, the values of all samples, and which of them count, are as Prometheus' own Python client has them."""
    for seed in range(5):
        made = registry(random.Random(seed))
        text = importlib.import_module("prometheus_client.exposition").generate_latest(made).decode()
        families = list(importlib.import_module("prometheus_client.parser").text_string_to_metric_families(text))
        found = Exposition(["*"]).read(text)
        assert sorted(one.value for one in found) == sorted(sample.value for family in families for sample in family.samples)
        assert len({one.name for one in found}) == len(found)
        counting = {"counter": ("_total",), "histogram": ("_sum", "_count", "_bucket"), "summary": ("_sum", "_count")}
        counters = sorted(s.value for f in families for s in f.samples if s.name.removeprefix(f.name) in counting.get(f.type, ()))
        assert sorted(one.value for one in found if one.kind == "counter") == counters


def test_openmetrics_is_read_alike() -> None:
    """The same metrics in the newer format have the same names, values, kinds and units, without those that it adds."""
    made = registry(random.Random(1))
    older, newer = (
        {one.name: one for one in Exposition(["*"]).read(importlib.import_module(f"prometheus_client{of}").generate_latest(made).decode())}
        for of in (".exposition", ".openmetrics.exposition")
    )
    assert older.keys() >= {'queue_bytes{name="plain"}', 'requests_total{code="200",path="plain"}'}
    assert {name: one for name, one in newer.items() if "_created" not in name} == {
        name: one for name, one in older.items() if "_created" not in name
    }


SAMPLES = {
    "x 5": Exposed("x", 5.0, "gauge", ""),
    "x{} 5 1700000000000": Exposed("x", 5.0, "gauge", ""),
    'x { a = "1" , b="}" , } 1e+06\r': Exposed('x{a="1",b="}"}', 1e6, "gauge", ""),
    "# TYPE x counter\nx 5": Exposed("x", 5.0, "counter", ""),
    '# TYPE x counter\nx_total 5 # {trace="y"} 0.5': Exposed("x_total", 5.0, "counter", ""),
    "# TYPE x gauge\nx_total 5": Exposed("x_total", 5.0, "gauge", ""),
    "# TYPE x_total counter\nx_total 5": Exposed("x_total", 5.0, "counter", ""),
    "# TYPE x_seconds summary\nx_seconds_sum 5": Exposed("x_seconds_sum", 5.0, "counter", "s"),
    "# TYPE x_seconds summary\nx_seconds_count 5": Exposed("x_seconds_count", 5.0, "counter", ""),
    '# TYPE x_seconds summary\nx_seconds{quantile="0.5"} 5': Exposed('x_seconds{quantile="0.5"}', 5.0, "gauge", "s"),
    "# TYPE x_bytes counter\nx_bytes_total 5": Exposed("x_bytes_total", 5.0, "counter", "B"),
    "# UNIT x_joules joules\n# TYPE x_joules counter\nx_joules_total 5": Exposed("x_joules_total", 5.0, "counter", "joules"),
}


@pytest.mark.parametrize(("text", "sample"), SAMPLES.items(), ids=map(repr, SAMPLES))
def test_kinds_and_units(text: str, sample: Exposed) -> None:
    """Blanks, times and exemplars do not matter; what a type counts is a counter; units come from the name or its declaration."""
    assert Exposition(["*"]).read(f"# HELP x about\n\n{text}\n# EOF\n") == [sample]


def test_a_later_text_is_read_like_the_first() -> None:
    """What is remembered of a text changes nothing: neither a number with a time behind it nor a new series is taken for another one."""
    texts = ["x 5 5\ny 1\n", 'x 5 7\ny 2\ny{a="1"} 3\n', "y 4\nx 6\n", 'y{a="1"} 5 9\ny x\n']
    reader = Exposition(["*"])
    assert [[(one.name, one.value) for one in reader.read(text)] for text in texts[:3]] == [
        [("x", 5.0), ("y", 1.0)],
        [("x", 5.0), ("y", 2.0), ('y{a="1"}', 3.0)],
        [("y", 4.0), ("x", 6.0)],
    ]
    with pytest.raises(ValueError, match="line 2 of the answer has 'x' where a number should be"):
        reader.read(texts[3])
    assert [one.value for one in reader.read("  z 5\n")] == [5.0]
    with pytest.raises(ValueError, match="line 1 of the answer is no sample: '8'"):
        reader.read("  8\n")


def test_only_wanted_names_are_kept() -> None:
    """Patterns select names without their labels."""
    text = 'etcd_disk_a{x="1"} 1\netcd_disk_b 2\netcd_net 3\ngo_threads{x="etcd_disk_"} 4\n'
    assert [one.name for one in Exposition(["etcd_disk_*"]).read(text)] == ['etcd_disk_a{x="1"}', "etcd_disk_b"]
    assert [one.name for one in Exposition(["*_b", "go_threads"]).read(text)] == ["etcd_disk_b", 'go_threads{x="etcd_disk_"}']


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x 1\n<html>", "line 2 of the answer is no sample: '<html>'"),
        ("x one", "line 1 of the answer has 'one' where a number should be"),
        ("x 1_0", "line 1 of the answer has '1_0' where a number should be"),
        ('x{a="1 5', "line 1 of the answer is no sample"),
        ("x{a=1} 5", "line 1 of the answer has labels that are none: 'a=1'"),
        ("".join(f'x{{n="{n}"}} 1\n' for n in range(MOST_SERIES + 1)), f"it exposes more than {MOST_SERIES} series"),
    ],
)
def test_what_is_no_such_text_is_refused(text: str, why: str) -> None:
    """A line that cannot be read makes the whole answer worthless, and is named; so are too many series."""
    with pytest.raises(ValueError, match=None) as refused:
        Exposition(["*"]).read(text)
    assert str(refused.value).startswith(why)


def test_a_hostile_line_is_read_in_linear_time() -> None:
    """Labels without an end are given up at once."""
    with pytest.raises(ValueError):
        Exposition(["*"]).read("x{" + 'a="' * 100_000)


ANSWERS = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nx 1rest": "x 1",
    b"HTTP/1.0 200 OK\r\n\r\nx 1": "x 1",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nx \r\nA;ext=1\r\n123456789\n\r\n0\r\n\r\n": "x 123456789\n",
    b"HTTP/1.1 404 Not Found\r\n\r\n": "it answered '404 Not Found'",
    b"SSH-2.0-OpenSSH\r\n": "the answer is not HTTP",
    b"\x15\x03\x01": "the answer is not HTTP",
    b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nx 1": "the answer is not complete",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx 1": "the answer is not complete",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nx ": "the answer is not complete",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nx 1\r\n": "the answer is not complete",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx": "the answer is encoded as 'gzip', which was not asked for",
    b"HTTP/1.1 200 OK\r\n\r\n\xff": "the answer is not text",
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.items(), ids=map(repr, ANSWERS))
def test_answers_by_http(answer: bytes, expected: str) -> None:
    """The body of an answer with a length, in chunks or up to the end; anything else is refused with what is wrong."""
    try:
        found = body(answer)
    except ValueError as error:
        found = str(error)
    assert found == expected


def test_scrapes_are_stored_as_they_were(tmp_path) -> None:
    """What was scraped is read back bit for bit; a series that is missing once is unknown then, and a new one begins where it came."""
    writer = ScrapeWriter(tmp_path)
    for at, values in enumerate([{"a": 1.5, "b": math.inf}, {"b": -0.1}, {"b": 3.0, "c": 1e-300}]):
        writer.add("m0", "scrape.80", at, [Exposed(name, value, "counter", "s") for name, value in values.items()])
    writer.add("m1", "scrape.80", 7, [Exposed("a", math.nan, "gauge", "")])
    writer.close()
    stored = read_telemetry(tmp_path, SCRAPES)
    assert stored.machines == ("m0", "m1")
    series = {name: stored.series("m0", Column("scrape.80", name, "s", "counter", floating=True)) for name in "abc"}
    assert [found.times_ns.tolist() for found in series.values()] == [[0, 1], [0, 1, 2], [2]]
    assert [str(found.values.tolist()) for found in series.values()] == ["[1.5, nan]", "[inf, -0.1, 3.0]", "[1e-300]"]

"""redis-benchmark: its report, `-q` and `--csv`."""

import csv
import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, joined

_COLUMNS = {"avg": "latency-mean", "min": "latency-min", "p50": "p50", "p95": "p95", "p99": "p99", "max": "latency-max"}
_TITLE = re.compile(rb"====== (.*) ======\s*$", re.MULTILINE)
_SUMMARY = re.compile(
    rb"throughput summary: ([0-9.]+) requests per second\s+latency summary \(msec\):\s+([a-z0-9 ]+?)\s*\n\s*([0-9. ]+)", re.MULTILINE
)
_QUIET = re.compile(rb"(?:^|\r) *(\S[^\r\n]*?): ([0-9.]+) requests per second, p50=([0-9.]+) msec", re.MULTILINE)


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of each test, by its name."""
    if text.find(b'"test","rps"') >= 0:
        return joined(dict(_csv(text)))
    parts = {}
    titles = list(_TITLE.finditer(text))
    for title, after in zip(titles, [*titles[1:], None], strict=False):
        if summary := _SUMMARY.search(text, title.end(), after.start() if after else len(text)):
            names, values = summary[2].decode().split(), summary[3].decode().split()
            fields = {_COLUMNS[name]: (number(value), "ms") for name, value in zip(names, values, strict=False) if name in _COLUMNS}
            parts[_part(title[1].decode(errors="replace"))] = {"throughput": (number(summary[1].decode()), "1/s"), **fields}
    for test, rate, median in _QUIET.findall(text) if not parts else ():
        fields = {"throughput": (number(rate.decode()), "1/s"), "p50": (number(median.decode()), "ms")}
        parts[_part(test.decode(errors="replace"))] = fields
    return joined(parts)


def _csv(text: Text) -> dict[str, dict[str, Report]]:
    lines = text[text.find(b'"test","rps"') :].decode(errors="replace").splitlines()
    parts = {}
    for row in csv.DictReader(line for line in lines if line.startswith('"')):
        latencies = {field: row.get(f"{name}_latency_ms") for name, field in _COLUMNS.items()}
        fields = {field: (number(value), "ms") for field, value in latencies.items() if value is not None}
        parts[_part(row["test"])] = {"throughput": (number(row["rps"]), "1/s"), **fields}
    return parts


def _part(test: str) -> str:
    """Return a test's name as a part of a metric's name: `mset-10-keys` for "MSET (10 keys)"."""
    return re.sub(r"[^A-Za-z0-9]+", "-", test).strip("-")


REDIS_BENCHMARK = Generator(
    "redis-benchmark", "its report, `-q`, `--csv`; a part for each test, such as `set-p99`", read, {"throughput": "1/s"}, splits=True
)

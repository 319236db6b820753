"""memtier_benchmark: its table and `--json-out-file`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, document, inside, joined, named, percentile, told

_TABLE = re.compile(rb"^Type +(Ops/sec .*)\n-+\n((?:[A-Z][a-z]+ .*\n)+)", re.MULTILINE)


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of each kind of operation, and of all of them without a prefix."""
    found = inside(document(text), "ALL STATS")
    parts = _of_json(found) if isinstance(found, dict) else _of_table(text)
    return {**joined({name: fields for name, fields in parts.items() if fields["throughput"][0]}), **parts.get("totals", {})}


def _of_table(text: Text) -> dict[str, dict[str, Report]]:
    tables = list(_TABLE.finditer(text))
    if not tables:
        return {}
    columns = re.split(r" {2,}", tables[-1][1].decode().strip())
    parts = {}
    for row in tables[-1][2].decode().splitlines():
        kind, *cells = row.split()
        fields = {name: number(cell) for name, cell in zip(columns, cells, strict=False) if cell != "---"}
        part: dict[str, Report] = {"throughput": (fields.get("Ops/sec", 0.0), "1/s")}
        for name, value in fields.items():
            if name in {"Latency", "Avg. Latency"}:
                part["latency-mean"] = value, "ms"
            elif name == "KB/sec":
                part["bandwidth"] = 1024 * value, "B/s"
            elif re.fullmatch(r"p[0-9.]+ Latency", name):
                part[name.split()[0]] = value, "ms"
        parts[kind.lower()] = part
    return parts


def _of_json(found: Mapping[str, object]) -> dict[str, dict[str, Report]]:
    parts = {}
    for kind, one in found.items():
        fields = named(
            throughput=told("1/s", one, "Ops/sec"),
            latency_mean=told("ms", one, "Average Latency"),
            latency_min=told("ms", one, "Min Latency"),
            latency_max=told("ms", one, "Max Latency"),
        )
        shares = inside(one, "Percentile Latencies")
        for share, value in shares.items() if isinstance(shares, dict) else ():
            if re.fullmatch(r"p[0-9.]+", share) and isinstance(value, int | float):
                fields[percentile(share[1:])] = number(repr(value)), "ms"
        if "throughput" in fields:
            parts[kind.lower()] = fields
    return parts


MEMTIER = Generator(
    "memtier",
    "its table, `--json-out-file`; a part for each kind, such as `sets-p99`; all together without a prefix",
    read,
    {"throughput": "1/s", "bandwidth": "B/s"},
    splits=True,
)

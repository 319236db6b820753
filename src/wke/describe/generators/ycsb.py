"""YCSB: its report (lines such as `[READ], AverageLatency(us), 312.5`)."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, joined, since

_LINE = re.compile(rb"^\[([A-Z-]+)\], ([^,\n]+), ([0-9.E+-]+)\s*$", re.MULTILINE)
_LATENCY = re.compile(r"(?:(Average|Min|Max)|([0-9.]+)(?:st|nd|rd|th)?Percentile)Latency\((us|ms)\)")
_NAMES = {"Average": "latency-mean", "Min": "latency-min", "Max": "latency-max"}


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of the whole run and of each operation."""
    text = since(r"^\[OVERALL\], RunTime", text)
    whole: dict[str, Report] = {}
    parts: dict[str, dict[str, Report]] = {}
    errors = 0.0
    for part, name, value in ((a.decode(), b.decode(errors="replace"), number(c.decode())) for a, b, c in _LINE.findall(text)):
        if part == "OVERALL" and name == "Throughput(ops/sec)":
            whole["throughput"] = value, "1/s"
        elif part == "OVERALL" and name == "RunTime(ms)":
            whole["runtime"] = value, "ms"
        elif name.startswith("Return=") and name != "Return=OK":
            errors += value
        elif part == "CLEANUP" or part.endswith("-FAILED"):
            continue
        elif match := _LATENCY.fullmatch(name):
            parts.setdefault(part, {})[_NAMES.get(match[1]) or f"p{match[2]}"] = value, match[3]
        elif name == "Operations":
            parts.setdefault(part, {})["operations"] = value, ""
    return {**joined(parts), **whole, "errors": (errors, "")} if whole else {}


YCSB = Generator(
    "ycsb",
    "its report; a part for each operation, such as `read-p99`",
    read,
    {"throughput": "1/s", "runtime": "ms", "operations": "", "errors": ""},
    splits=True,
)

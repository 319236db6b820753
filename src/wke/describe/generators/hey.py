"""hey: its report. Its `-o csv` has a line for each request: read that with `raw` and `column = "response-time"`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, named, percentile, plain, since

BAD_REQUEST = 400
_PERCENTILE = re.compile(rb"^ +([0-9]+)%+ in ([0-9.]+) secs", re.MULTILINE)
_CODES = re.compile(rb"^ +\[([0-9]{3})\]\t([0-9]+) responses", re.MULTILINE)
_ERRORS = re.compile(rb"^ +\[([0-9]+)\]\t(?![0-9]+ responses)", re.MULTILINE)


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of the report."""
    text = since(r"^Summary:", text)
    codes = [(int(code), int(count)) for code, count in _CODES.findall(text)]
    requests, failed = sum(count for _, count in codes), sum(map(int, _ERRORS.findall(text)))
    failed += sum(count for code, count in codes if code >= BAD_REQUEST)
    counts: dict[str, Report] = {"requests": (float(requests), ""), "errors": (float(failed), "")}
    if not requests:  # then hey prints rates of attempts, and latencies of 0
        return counts if failed else {}
    found = named(
        throughput=plain(r"^ +Requests/sec:\s+([0-9.]+)", text, "1/s"),
        latency_mean=plain(r"^ +Average:\s+([0-9.]+) secs", text, "s"),
        latency_min=plain(r"^ +Fastest:\s+([0-9.]+) secs", text, "s"),
        latency_max=plain(r"^ +Slowest:\s+([0-9.]+) secs", text, "s"),
    )
    shares = ((share.decode(), value.decode()) for share, value in _PERCENTILE.findall(text))
    # hey prints "0% in 0.0000 secs" where there are too few requests for a percentile
    return {**found, **counts, **{percentile(share): (number(value), "s") for share, value in shares if share != "0"}}


HEY = Generator("hey", "its report", read, {"throughput": "1/s", "requests": "", "errors": ""})

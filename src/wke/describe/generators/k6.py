"""k6: the summary at the end of a test, and `--summary-export`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number, quantity
from wke.describe.generators.generator import Generator, document, inside, last, named, plain, told

_TRENDS = {"avg": "latency-mean", "min": "latency-min", "med": "p50", "max": "latency-max"}
_TREND = re.compile(r"(avg|min|med|max|p\(([0-9.]+)\))=(\S+)")


def read(text: Text) -> Mapping[str, Report]:
    """Return what k6 says of requests over HTTP and of iterations."""
    metrics = inside(document(text), "metrics")
    if isinstance(metrics, dict):
        return _of_json(metrics)
    found = named(
        throughput=plain(r"^\s*http_reqs\.*: +[0-9]+ +([0-9.]+)/s", text, "1/s"),
        requests=plain(r"^\s*http_reqs\.*: +([0-9]+)", text),
        iterations=plain(r"^\s*iterations\.*: +[0-9]+ +([0-9.]+)/s", text, "1/s"),
        errors=plain(r"^\s*http_req_failed\.*: +([0-9.]+)%", text, "%"),
    )
    if match := last(r"^\s*http_req_duration\.*: +(.*)$", text):
        for name, share, value in _TREND.findall(match[1].decode(errors="replace")):
            found[_TRENDS.get(name) or f"p{share}"] = quantity(value)
    return found


def _of_json(metrics: Mapping[str, object]) -> dict[str, Report]:
    """Return the fields of an exported summary, whose numbers stand in `values` if a handler of the script wrote it."""
    every = {name: inside(metric, "values") or metric for name, metric in metrics.items()}
    found = named(
        throughput=told("1/s", every, "http_reqs", "rate"),
        requests=told("", every, "http_reqs", "count"),
        iterations=told("1/s", every, "iterations", "rate"),
    )
    failed = inside(every, "http_req_failed")
    for value in (inside(failed, "rate"), inside(failed, "value")):
        if isinstance(value, int | float):
            found["errors"] = 100 * value, "%"
    trend = inside(every, "http_req_duration")
    for name, value in trend.items() if isinstance(trend, dict) else ():
        share = re.fullmatch(r"p\(([0-9.]+)\)", name)
        if isinstance(value, int | float) and (share or name in _TRENDS):
            found[f"p{share[1]}" if share else _TRENDS[name]] = number(repr(value)), "ms"
    return found


K6 = Generator(
    "k6",
    "the summary at the end, `--summary-export=FILE`; requests over HTTP",
    read,
    {"throughput": "1/s", "requests": "", "iterations": "1/s", "errors": "%"},
)

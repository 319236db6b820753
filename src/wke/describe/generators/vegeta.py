"""vegeta: `vegeta report` as text and as JSON. Its `encode --to csv` has a line for each request: read that with `raw`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number, quantity
from wke.describe.generators.generator import Generator, document, last, measured, named, plain, since, told

_NAMES = {"min": "latency-min", "mean": "latency-mean", "max": "latency-max"}


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of a report; `throughput` counts the requests that succeeded, `errors` is the share of the others."""
    found = document(text)
    if found is not None:
        return _of_json(found)
    text = since(r"^Requests +\[", text)
    fields = named(
        requests=plain(r"^Requests +\[total, rate(?:, throughput)?\] +([0-9]+),", text),
        rate=plain(r"^Requests +\[total, rate(?:, throughput)?\] +[0-9]+, ([0-9.]+)", text, "1/s"),
        throughput=plain(r"^Requests +\[total, rate, throughput\] +[0-9]+, [0-9.]+, ([0-9.]+)", text, "1/s"),
    )
    if match := last(r"^Latencies +\[([^\]]*)\] +(.*)$", text):
        names, values = (part.decode(errors="replace").split(", ") for part in match.groups())
        for name, value in zip(names, values, strict=False):
            fields[_NAMES.get(name) or f"p{name}"] = quantity(value)
    for share, _ in measured(r"^Success +\[ratio\] +([0-9.]+%)", text):
        fields["errors"] = 100 - share, "%"
    return fields


def _of_json(found: Mapping[str, object]) -> dict[str, Report]:
    fields = named(
        requests=told("", found, "requests"),
        rate=told("1/s", found, "rate"),
        throughput=told("1/s", found, "throughput"),
    )
    for success, _ in told("", found, "success"):
        fields["errors"] = 100 * (1 - success), "%"
    latencies = found.get("latencies")
    for name, value in latencies.items() if isinstance(latencies, dict) else ():
        share = re.fullmatch(r"([0-9.]+)th", name)
        if isinstance(value, int | float) and (share or name in _NAMES):
            fields[f"p{share[1]}" if share else _NAMES[name]] = number(repr(value)), "ns"
    return fields


VEGETA = Generator("vegeta", "`vegeta report`, `-type=json`", read, {"throughput": "1/s", "rate": "1/s", "requests": "", "errors": "%"})

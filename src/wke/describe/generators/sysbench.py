"""sysbench: its report, of databases, processors, memory, threads, mutexes and files."""

from collections.abc import Iterator, Mapping
from itertools import chain

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, last, named, plain, since


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of the last report. A rate is of transactions, or of events where there are none; some reports do not state it."""
    text = since(r"^sysbench [0-9]", text)
    rates = (
        plain(r"^ +transactions: +[0-9]+ +\(([0-9.]+) per sec", text, "1/s"),
        plain(r"^ +events/s \(eps\): +([0-9.]+)", text, "1/s"),
        plain(r"^ +events per second: +([0-9.]+)", text, "1/s"),
        plain(r"^Total operations: +[0-9]+ +\( *([0-9.]+) per second\)", text, "1/s"),
        _rate(text),
    )
    found = named(
        throughput=chain(*rates),
        errors=plain(r"^ +ignored errors: +([0-9]+)", text),
        latency_min=plain(r"^ +min: +([0-9.]+)", text, "ms"),
        latency_mean=plain(r"^ +avg: +([0-9.]+)", text, "ms"),
        latency_max=plain(r"^ +max: +([0-9.]+)", text, "ms"),
    )
    if match := last(r"^ +([0-9]+)(?:st|nd|rd|th) percentile: +([0-9.]+)", text):
        found[f"p{match[1].decode()}"] = number(match[2].decode()), "ms"
    return found


def _rate(text: Text) -> Iterator[Report]:
    """Yield the rate that follows from the number of events and their time."""
    for (events, _), (seconds, _) in zip(
        plain(r"^ +total number of events: +([0-9]+)", text), plain(r"^ +total time: +([0-9.]+)s", text), strict=False
    ):
        if seconds:
            yield events / seconds, "1/s"


SYSBENCH = Generator("sysbench", "its report; the percentile that `--percentile` asks for", read, {"throughput": "1/s", "errors": ""})

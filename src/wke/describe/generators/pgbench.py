"""pgbench: its report."""

from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text
from wke.describe.generators.generator import Generator, named, plain, since


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of the last report; of two rates, as old versions print them, that without the time to connect."""
    text = since(r"^transaction type: ", text)
    return named(
        throughput=plain(r"^tps = ([0-9.]+) \((?:without|excluding)", text, "1/s"),
        transactions=plain(r"^number of transactions actually processed: ([0-9]+)", text),
        errors=plain(r"^number of failed transactions: ([0-9]+)", text),
        latency_mean=plain(r"^latency average = ([0-9.]+) ms", text, "ms"),
    )


PGBENCH = Generator("pgbench", "its report", read, {"throughput": "1/s", "transactions": "", "errors": ""})

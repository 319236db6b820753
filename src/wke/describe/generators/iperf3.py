"""iperf3: its report and `-J`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, document, inside, named, since, told

_LINE = re.compile(
    rb"^\[ *(\d+|SUM)\] +[0-9.]+-[0-9.]+ +sec +[0-9.]+ \w+ +([0-9.]+) ([KMGT]?)bits/sec +"
    rb"(?:(\d+) +|([0-9.]+) ms +(\d+)/(\d+) \S+ +)?(sender|receiver)\s*$",
    re.MULTILINE,
)


def read(text: Text) -> Mapping[str, Report]:
    """Return the rate that arrived, and what was sent again or lost."""
    found = document(text)
    if found is not None:
        end = inside(found, "end")
        udp = inside(end, "sum_received", "jitter_ms") is not None or inside(end, "sum", "jitter_ms") is not None
        arrived = "sum_received" if inside(end, "sum_received", "bits_per_second") else "sum"
        lossy = "sum" if inside(end, "sum", "lost_percent") is not None else arrived
        return named(
            throughput=told("bit/s", end, arrived, "bits_per_second"),
            sent=told("bit/s", end, "sum_sent", "bits_per_second"),
            retransmits=told("", end, "sum_sent", "retransmits"),
            **({"jitter": told("ms", end, lossy, "jitter_ms"), "loss": told("%", end, lossy, "lost_percent")} if udp else {}),
        )
    lines = list(_LINE.finditer(since("^Connecting to host", text)))
    sums = [line for line in lines if line[1] == b"SUM"] or lines
    fields: dict[str, Report] = {}
    for line in sums:
        rate = number(line[2].decode()), f"{line[3].decode().replace('K', 'k')}bit/s"
        fields["sent" if line[8] == b"sender" else "throughput"] = rate
        if line[4] is not None:
            fields["retransmits"] = number(line[4].decode()), ""
        if line[5] is not None and line[8] == b"receiver":
            fields["jitter"] = number(line[5].decode()), "ms"
            fields["loss"] = 100 * int(line[6]) / max(1, int(line[7])), "%"
    return fields


IPERF3 = Generator(
    "iperf3",
    "its report, `-J`; the rate is that of the receiver",
    read,
    {"throughput": "bit/s", "sent": "bit/s", "retransmits": "", "jitter": "ms", "loss": "%"},
    latencies=False,
)

"""fio: `--output-format=json` (also json+)."""

from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, document, inside, joined, named, percentile, told

_DIRECTIONS = ("read", "write", "trim")


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of each direction that did something. Rates of several jobs are added; their latencies are not there."""
    jobs = inside(document(text), "jobs")
    if not isinstance(jobs, list):
        return {}
    parts = {}
    for direction in _DIRECTIONS:
        busy = [job[direction] for job in jobs if isinstance(job, dict) and next(told("", job, direction, "total_ios"), (0, ""))[0] > 0]
        if len(busy) == 1:
            parts[direction] = _fields(busy[0])
        elif busy:
            every = [_fields(one) for one in busy]
            parts[direction] = {
                name: (sum(fields[name][0] for fields in every), unit)
                for name, (_, unit) in every[0].items()
                if name in {"throughput", "bandwidth", "operations"} and all(name in fields for fields in every)
            }
    return joined(parts)


def _fields(found: object) -> dict[str, Report]:
    """Return the fields of one direction of one job; latencies are from submission to completion."""
    fields = named(
        throughput=told("1/s", found, "iops"),
        bandwidth=told("B/s", found, "bw_bytes"),
        operations=told("", found, "total_ios"),
        latency_mean=told("ns", found, "clat_ns", "mean"),
        latency_min=told("ns", found, "clat_ns", "min"),
        latency_max=told("ns", found, "clat_ns", "max"),
    )
    shares = inside(found, "clat_ns", "percentile")
    for share, value in shares.items() if isinstance(shares, dict) else ():
        fields[percentile(share)] = number(repr(value)), "ns"
    return fields


FIO = Generator(
    "fio",
    "`--output-format=json`; a part for each direction, such as `read-p99`; with several jobs, add `--group_reporting`",
    read,
    {"throughput": "1/s", "bandwidth": "B/s", "operations": ""},
    splits=True,
)

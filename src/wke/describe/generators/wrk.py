"""wrk and wrk2: their report; percentiles are there with `--latency`."""

import re
from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text, number
from wke.describe.generators.generator import Generator, last, named, percentile, plain, since

_TIMES = {"us": "us", "ms": "ms", "s": "s", "m": "min", "h": "h"}
_SIZES = {"": "B", "K": "KiB", "M": "MiB", "G": "GiB", "T": "TiB"}  # wrk divides by 1024
_PERCENTILE = re.compile(rb"^ +([0-9.]+)% +([0-9.]+)([a-z]+)$", re.MULTILINE)


def read(text: Text) -> Mapping[str, Report]:
    """Return the fields of the last report."""
    text = since(r"^Running .* test @ ", text)
    found = named(
        throughput=plain(r"^Requests/sec: +([0-9.]+)$", text, "1/s"),
        requests=plain(r"^ +([0-9]+) requests in ", text),
    )
    if not found:
        return {}
    if match := last(r"^Transfer/sec: +([0-9.]+)([KMGT]?)B$", text):
        found["bandwidth"] = number(match[1].decode()), f"{_SIZES[match[2].decode()]}/s"
    if match := last(r"^ +Latency +([0-9.]+)([a-z]+) +\S+ +([0-9.]+)([a-z]+) ", text):
        found["latency-mean"] = number(match[1].decode()), _TIMES[match[2].decode()]
        found["latency-max"] = number(match[3].decode()), _TIMES[match[4].decode()]
    for share, value, unit in _PERCENTILE.findall(text):
        found[percentile(share.decode())] = number(value.decode()), _TIMES[unit.decode()]
    socket = last(r"^ +Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)$", text)
    status = last(r"^ +Non-2xx or 3xx responses: ([0-9]+)$", text)
    found["errors"] = float(sum(int(count) for match in (socket, status) if match for count in match.groups())), ""
    return found


WRK = Generator(
    "wrk",
    "its report and that of wrk2; percentiles with `--latency`",
    read,
    {
        "throughput": "1/s",
        "requests": "",
        "bandwidth": "B/s",
        "errors": "",
    },
)

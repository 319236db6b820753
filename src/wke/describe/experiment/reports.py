"""Reports: the metrics that a task names itself, by a line `wke: name=value unit` or by a JSON line in the file $WKE_METRICS.

A value may carry its unit ("350us"). A line that begins like a report but is not one is a problem; nothing is guessed. Lines with a time,
`wke: @SECONDS name=value unit`, are samples of a time series and no metrics.
"""

import json
import re
import sys

from wke.describe.experiment.timeseries import NAME, SampleLines, is_sample, marked_lines
from wke.describe.expression.quantity import LONGEST_QUOTE, Report, Text, excerpt, number, quantity
from wke.describe.toml.wording import quoted

MOST_WRITTEN = 1 << 20
_REPORT = re.compile(rb"wke:[ \t]*(%b)[ \t]*=[ \t]*([^\s=]+)(?:[ \t]+([^\s=]+))?\s*" % NAME.pattern.encode())


def read_reports(text: Text) -> tuple[dict[str, Report], list[str]]:
    """Return what a task reported, and the problems of malformed lines, those with samples included."""
    reports: dict[str, Report] = {}
    malformed = []
    samples = SampleLines()
    for line in marked_lines(text):
        if is_sample(line):
            try:
                samples.add(line)
            except ValueError as error:
                malformed.append(f"{_quote(line)}, {error}")
            continue
        match = _REPORT.fullmatch(line)
        if match is None:
            malformed.append(f"{_quote(line)}, which is not of the form wke: name=value unit")
            continue
        try:
            reports[match[1].decode()] = _report(match[2].decode(errors="replace"), (match[3] or b"").decode(errors="replace"))
        except ValueError as error:
            malformed.append(f"{_quote(line)}, where the value is {error}")
    return reports, malformed


def read_json_lines(text: bytes) -> tuple[dict[str, Report], list[str]]:
    """Return what JSON lines such as {"throughput": 812.5, "p99": "3.4 ms"} report, and the problems of malformed lines.

    The last value of a name counts.
    """
    if len(text) > MOST_WRITTEN:
        return {}, [f"more than {MOST_WRITTEN} bytes to $WKE_METRICS"]
    reports: dict[str, Report] = {}
    malformed = []
    for line in filter(bytes.strip, text.split(b"\n")):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            malformed.append(f'{_quote(line)} to $WKE_METRICS, which is not of the form {{"name": 1.5, "other": "3 ms"}}')
            continue
        for name, value in fields.items():
            try:
                reports[name] = _json_report(name, value)
            except ValueError as error:
                malformed.append(f"{_quote(line)} to $WKE_METRICS, where {quoted(name)} {error}")
    return reports, malformed


def _json_report(name: str, value: object) -> Report:
    if not NAME.fullmatch(name):
        raise ValueError("cannot be the name of a metric")
    if isinstance(value, str):
        try:
            return quantity(value)
        except ValueError as error:
            raise ValueError(f"is {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError("is not a finite number")
    return float(value), ""


def _report(value: str, unit: str) -> Report:
    """Return a value with the unit behind it, or with its own."""
    return (number(value), unit) if unit else quantity(value)


def _quote(line: bytes) -> str:
    return excerpt(line[:LONGEST_QUOTE].decode(errors="replace")) + ("…" if len(line) > LONGEST_QUOTE else "")

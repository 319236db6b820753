"""Metrics: what a trial's output says, as one number per metric.

A task reports a number by a line `wke: name=value unit` or by a JSON line in the file $WKE_METRICS, or a pattern finds it in the task's
output. Numbers of several tasks are joined. A metric whose value is unclear has no value, and the problem is reported; nothing is guessed.
All functions here are pure functions of bytes.
"""

import json
import math
import re
import statistics
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap

from wke.describe.expression.evaluation import calculate
from wke.describe.expression.parser import parse
from wke.describe.expression.units import convert, is_known
from wke.describe.toml.wording import labelled, quoted
from wke.records import TaskName

JOINS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "median": statistics.median,
}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")

MOST_WRITTEN = 1 << 20
_MARK = b"wke:"
_REPORT = re.compile(rb"wke:[ \t]*(%b)[ \t]*=[ \t]*([^\s=]+)(?:[ \t]+([^\s=]+))?\s*" % NAME.pattern.encode())
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_LONGEST_NUMBER = 400
_LONGEST_QUOTE = 80
_MOST_MALFORMED = 3


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of an experiment.

    `value` is the expression of a computed metric. With `hdr`, the histograms in these files are merged, and their `quantile` or
    `statistic` is taken, of intervals with `tag` if given; recorded values are in `scale`. All other metrics are read from output: `log`
    is a pattern with one group (without it, tasks report the metric by name), `on` and `step` select the tasks (by default those of the
    measured step), and `join` says how the numbers of several tasks become one.
    """

    name: str
    log: str | None = None
    join: str | None = None
    unit: str = ""
    better: str | None = None
    on: str | None = None
    step: str | None = None
    summary: str | None = None
    value: str | None = None
    hdr: str | None = None
    quantile: float | None = None
    statistic: str | None = None
    scale: str | float | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """The observations of one trial. `problems` are reasons not to trust it; `notes` are omissions that do not matter."""

    values: Mapping[str, float]
    units: Mapping[str, str]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Report = tuple[float, str]
Text = bytes | mmap
Ask = Callable[[Metric, Sequence[TaskName]], Report]
"""Returns a metric of the histograms of some tasks; raises ValueError with the reason if there is none."""


def compile_log(pattern: str) -> re.Pattern[bytes]:
    """Return a compiled pattern in which ^ and $ match at line ends; raise ValueError with a message for the user."""
    try:
        with warnings.catch_warnings(action="error"):
            compiled = re.compile(pattern.encode(), re.MULTILINE)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    except Warning as warning:
        raise ValueError(f"is ambiguous: {warning}") from None
    if compiled.groups != 1 and "value" not in compiled.groupindex:
        raise ValueError(f"must have one group in parentheses, around the number; it has {compiled.groups or 'none'}")
    return compiled


def matched(pattern: str | re.Pattern[bytes], text: Text) -> float | None:
    """Return the number in a pattern's last match, None without a match; raise ValueError if it is not a number."""
    compiled = compile_log(pattern) if isinstance(pattern, str) else pattern
    last = deque(compiled.finditer(text), maxlen=1)
    return _number(last[0]["value" if "value" in compiled.groupindex else 1] or b"") if last else None


def reported(text: Text) -> dict[str, Report]:
    """Return the value and unit of every name in lines `wke: name=value unit`; the last line of a name counts."""
    return _read_reports(text)[0]


def observe(
    metrics: Sequence[Metric],
    logs: Mapping[TaskName, Text],
    sources: Mapping[str, Sequence[TaskName]] | None = None,
    *,
    point: Mapping[str, object] | None = None,
    written: Mapping[TaskName, bytes] | None = None,
    ask: Ask | None = None,
) -> Observations:
    """Read metrics from what tasks wrote to standard output and to $WKE_METRICS (`written`); `ask` reads those of histograms.

    Computed metrics follow from these and from the trial's `point`. `sources` has the tasks that each metric is read from, all of which
    must have a value; a metric without sources is read from all `logs`. Reported names that are not declared as metrics are kept if
    exactly one task reported them.
    """
    reports: dict[TaskName, dict[str, Report]] = {}
    problems: list[str] = []
    for task in dict.fromkeys((*logs, *(written or {}))):
        said, malformed = _read_reports(logs.get(task, b""))
        recorded, unreadable = read_json_lines((written or {}).get(task, b""))
        reports[task], malformed = said | recorded, malformed + unreadable
        problems += [f"{labelled([task])} wrote {what}" for what in malformed[:_MOST_MALFORMED]]
        if len(malformed) > _MOST_MALFORMED:
            problems.append(f"{labelled([task])} wrote {len(malformed) - _MOST_MALFORMED} more malformed report lines")
    values: dict[str, float] = {}
    units: dict[str, str] = {}
    for metric in (metric for metric in metrics if metric.value is None):
        tasks = (sources or {}).get(metric.name, tuple(logs))
        try:
            values[metric.name], units[metric.name] = _observed(metric, tasks, logs, reports, ask)
        except ValueError as error:
            problems.append(f"{metric.name}: {error}")
    if not problems:
        problems += _compute(metrics, point or {}, values, units)
    notes = []
    for name, tasks in _undeclared(metrics, reports).items():
        if len(tasks) == 1:
            values[name], units[name] = reports[tasks[0]][name]
        else:
            notes.append(f"{name} is ignored: {len(tasks)} tasks reported it; declare it in [metrics] with join")
    return Observations(values, units, tuple(problems), tuple(notes))


def computed(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return the computed metrics, each after those that it needs; raise ValueError for metrics that need each other."""
    waiting = {metric.name: set(parse(metric.value).names) for metric in metrics if metric.value is not None}
    ordered: list[str] = []
    while waiting:
        free = [name for name, needed in waiting.items() if not needed & waiting.keys()]
        if not free:
            raise ValueError(f"go in a circle: {', '.join(waiting)}")
        ordered += free
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    named = {metric.name: metric for metric in metrics}
    return tuple(named[name] for name in ordered)


def _compute(metrics: Sequence[Metric], point: Mapping[str, object], values: dict[str, float], units: dict[str, str]) -> Iterator[str]:
    """Add the computed metrics to `values` and `units`; yield why one cannot be computed."""
    for metric in computed(metrics):
        try:
            number, unit = calculate(parse(metric.value or ""), {**point, **values}, units)
            values[metric.name], units[metric.name] = _declared(number, unit, metric.unit)
        except ValueError as error:
            yield f"{metric.name}: {error}"


def _declared(number: float, unit: str, declared: str) -> Report:
    """Return a computed number in its metric's declared unit; if they cannot be converted, that unit is only a name."""
    if not declared or unit == declared:
        return number, unit or declared
    converted = convert(number, unit or ("1" if declared == "%" else declared), declared)
    if converted is None and is_known(unit) and is_known(declared):
        raise ValueError(f"comes out in {unit}, which is not {declared}")
    return number if converted is None else converted, declared


def _observed(
    metric: Metric,
    tasks: Sequence[TaskName],
    logs: Mapping[TaskName, Text],
    reports: Mapping[TaskName, Mapping[str, Report]],
    ask: Ask | None,
) -> Report:
    """Return a metric's joined value and its unit; raise ValueError with the reason if it has none."""
    if not tasks:
        raise ValueError("there is no task to read it from")
    if metric.hdr is not None and ask is not None:
        return ask(metric, tasks)
    if metric.log is None:
        found = {task: reports[task][metric.name] for task in tasks if metric.name in reports.get(task, {})}
        absent = f'reported no value; a target does that by printing "wke: {metric.name}=VALUE"'
    else:
        found = {task: (number, metric.unit) for task, number in _matches(metric.log, tasks, logs)}
        absent = f"wrote no line that matched {quoted(metric.log)}"
    silent = [task for task in tasks if task not in found]
    if silent:
        raise ValueError(f"{labelled(silent)} {absent}")
    return _joined(metric, found)


def _joined(metric: Metric, found: Mapping[TaskName, Report]) -> Report:
    """Return the values of several tasks joined to one, in the metric's unit."""
    if len(found) > 1 and metric.join is None:
        raise ValueError(f"{len(found)} tasks have a value, and join is missing")
    unit = metric.unit or next(iter(found.values()))[1]
    numbers = [_in_unit(task, report, unit) for task, report in found.items()]
    try:
        return JOINS[metric.join](numbers) if metric.join else numbers[0], unit
    except OverflowError:
        raise ValueError(f"the {metric.join} of {len(numbers)} values is too large") from None


def _matches(pattern: str, tasks: Sequence[TaskName], logs: Mapping[TaskName, Text]) -> Iterator[tuple[TaskName, float]]:
    compiled = compile_log(pattern)
    for task in tasks:
        try:
            number = matched(compiled, logs.get(task, b""))
        except ValueError as error:
            raise ValueError(f"in the output of {labelled([task])} {quoted(pattern)} matched {error}") from None
        if number is not None:
            yield task, number


def _in_unit(task: TaskName, report: Report, unit: str) -> float:
    number, own = report
    converted = convert(number, own or unit, unit)
    if converted is None:
        raise ValueError(f"{labelled([task])} reported it in {own}, which is not {unit}")
    return converted


def _undeclared(metrics: Sequence[Metric], reports: Mapping[TaskName, Mapping[str, Report]]) -> dict[str, list[TaskName]]:
    declared = {metric.name for metric in metrics}
    reporters: dict[str, list[TaskName]] = {}
    for task, named in reports.items():
        for name in named:
            if name not in declared:
                reporters.setdefault(name, []).append(task)
    return reporters


def _read_reports(text: Text) -> tuple[dict[str, Report], list[str]]:
    """Return what a task reported, and the problems of malformed report lines."""
    reports: dict[str, Report] = {}
    malformed = []
    for line in _report_lines(text):
        match = _REPORT.fullmatch(line)
        if match is None:
            malformed.append(f"{_excerpt(line)}, which is not of the form wke: name=value unit")
            continue
        try:
            reports[match[1].decode()] = _number(match[2]), (match[3] or b"").decode(errors="replace")
        except ValueError as error:
            malformed.append(f"{_excerpt(line)}, where the value is {error}")
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
            malformed.append(f'{_excerpt(line)} to $WKE_METRICS, which is not of the form {{"name": 1.5, "other": "3 ms"}}')
            continue
        for name, value in fields.items():
            try:
                reports[name] = _json_report(name, value)
            except ValueError as error:
                malformed.append(f"{_excerpt(line)} to $WKE_METRICS, where {quoted(name)} {error}")
    return reports, malformed


def _json_report(name: str, value: object) -> Report:
    if not NAME.fullmatch(name):
        raise ValueError("cannot be the name of a metric")
    if isinstance(value, str):
        number, _, unit = value.strip().partition(" ")
        try:
            return _number(number.encode()), unit.strip()
        except ValueError as error:
            raise ValueError(f"is {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError("is not a finite number")
    return float(value), ""


def _report_lines(text: Text) -> Iterator[bytes]:
    """Yield the lines that start with `wke:`. Every byte is looked at once, however long the lines are."""
    at = text.find(_MARK)
    while at >= 0:
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        if at == 0 or text[at - 1] == ord("\n"):
            yield text[at:end]
        at = text.find(_MARK, end)


def _number(text: bytes) -> float:
    """Return a finite decimal number; raise ValueError with the text that is there instead."""
    digits = text.strip().decode(errors="replace") if len(text) <= _LONGEST_NUMBER else ""
    value = float(digits) if _NUMBER.fullmatch(digits) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{_excerpt(text)}, not a {'finite ' if math.isinf(value) else ''}number")
    return value


def _excerpt(text: bytes) -> str:
    shown = text[:_LONGEST_QUOTE].decode(errors="replace").strip()
    return quoted(shown) + ("…" if len(text) > _LONGEST_QUOTE else "")

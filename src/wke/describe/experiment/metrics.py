"""Metrics: what a trial's output says, as one number per metric.

A task reports a number by a line `wke: name=value unit` or by a JSON line in the file $WKE_METRICS, or a pattern finds it in the task's
output. Numbers of several tasks are joined. A metric whose value is unclear has no value, and the problem is reported; nothing is guessed.
All functions here are pure functions of bytes.
"""

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from graphlib import CycleError, TopologicalSorter

from wke.describe.experiment.logpattern import compile_log, matched
from wke.describe.experiment.patterns import Find, SearchError, last_match
from wke.describe.experiment.reports import read_json_lines, read_reports
from wke.describe.expression.evaluation import calculate
from wke.describe.expression.parser import parse
from wke.describe.expression.quantity import Report, Text, quantity
from wke.describe.expression.units import convert, is_known
from wke.describe.generators.generators import yielded
from wke.describe.toml.wording import counted, labelled, quoted
from wke.records import TaskName
from wke.values import dataclass

JOINS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "mean": statistics.mean,
    "min": min,
    "max": max,
    "median": statistics.median,
}
_MOST_MALFORMED = 3


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of an experiment.

    `value` is the expression of a computed metric. With `hdr`, the histograms in these files are merged, and their `quantile` or
    `statistic` is taken, of intervals with `tag` if given; with `raw`, so are the values in these files, of a `column` if given; recorded
    values are in `scale`. Values of a closed loop with an `expected_interval` are corrected for requests that it omitted. With `from_`, it
    is the `field` (by default of its own name) in what a load generator printed, or wrote to `file`. With `telemetry` or `scrape`, it is
    the `statistic` of such a series in the measured window: of tasks with a `step`, else of machines. All other metrics are read from
    output: `log` is a pattern (without it, tasks report the metric by name). `on` and `step` select the tasks (by default those of the
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
    raw: str | None = None
    column: str | int | None = None
    from_: str | None = None
    field: str | None = None
    file: str | None = None
    telemetry: str | None = None
    scrape: str | None = None
    expected_interval: str | None = None

    @property
    def path(self) -> str | None:
        """The collected files that it is read from, None if it is read from output."""
        return self.hdr or self.raw or self.file

    @property
    def series(self) -> str:
        """The series of telemetry, or of what was scraped, that it is read from; "" for other metrics."""
        return self.telemetry or self.scrape or ""

    @property
    def of_machines(self) -> bool:
        """Whether it is read from series of machines, and not of tasks."""
        return bool(self.series) and self.step is None

    @property
    def merges(self) -> bool:
        """Whether the values of several tasks are merged before it is read, so that nothing is joined."""
        return self.hdr is not None or self.raw is not None

    @property
    def source(self) -> str | None:
        """What identifies the recorded values that it is a quantile of; None for other metrics."""
        if self.quantile is None or not self.merges:
            return None
        keys = (self.hdr, self.raw, self.tag, self.column, self.scale, self.unit, self.on, self.step, self.expected_interval)
        return json.dumps(keys)

    def scaled(self, value: float, unit: str | None) -> float | None:
        """Return a recorded value, which is in `unit` unless `scale` is a factor, in the metric's unit; None if it cannot be converted."""
        if isinstance(self.scale, int | float):
            return value * self.scale
        return None if unit is None else convert(value, unit, self.unit)

    def interval(self, point: Mapping[str, object]) -> tuple[float, str]:
        """Return the expected interval at a point and its unit, by default the metric's; raise ValueError if it has none."""
        text = self.expected_interval or ""
        try:
            number, unit = quantity(text)
        except ValueError:
            number, unit = calculate(parse(text), point)
        return number, unit or self.unit


@dataclass(frozen=True, slots=True)
class Observations:
    """The observations of one trial. `problems` are reasons not to trust it; `notes` are omissions that do not matter.

    `recorded` has the distributions of recorded values, each with its unit, by the sources of the metrics that are quantiles of them.
    """

    values: Mapping[str, float]
    units: Mapping[str, str]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    recorded: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


Ask = Callable[[Metric, Sequence[TaskName]], Report]
"""Returns a metric of the files of some tasks; raises ValueError with the reason if there is none."""


def observe(
    metrics: Sequence[Metric],
    logs: Mapping[TaskName, Text],
    sources: Mapping[str, Sequence[TaskName]] | None = None,
    *,
    point: Mapping[str, object] | None = None,
    written: Mapping[TaskName, bytes] | None = None,
    ask: Ask | None = None,
    find: Find = last_match,
) -> Observations:
    """Read metrics from what tasks wrote to standard output and to $WKE_METRICS (`written`); `ask` reads those of files.

    `find` searches with patterns. Computed metrics follow from these and from the trial's `point`. `sources` has the tasks that each
    metric is read from, all of which must have a value; a metric without sources is read from all `logs`. Reported names that are not
    declared as metrics are kept if exactly one task reported them.
    """
    reports: dict[TaskName, dict[str, Report]] = {}
    problems: list[str] = []
    for task in dict.fromkeys((*logs, *(written or {}))):
        said, malformed = read_reports(logs.get(task, b""))
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
            values[metric.name], units[metric.name] = _observed(metric, tasks, logs, reports, ask=ask, find=find)
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
    named = {metric.name: metric for metric in metrics if metric.value is not None}
    needed = {name: [one for one in parse(metric.value or "").names if one in named] for name, metric in named.items()}
    try:
        return tuple(named[name] for name in TopologicalSorter(needed).static_order())
    except CycleError as error:
        raise ValueError(f"go in a circle: {', '.join(error.args[1][:-1])}") from None


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
    *,
    ask: Ask | None,
    find: Find,
) -> Report:
    """Return a metric's joined value and its unit; raise ValueError with the reason if it has none."""
    if metric.series and ask is not None:
        return ask(metric, tasks)
    if not tasks:
        raise ValueError("there is no task to read it from")
    if metric.merges and ask is not None:
        return ask(metric, tasks)
    if metric.from_ is not None:
        found = {task: _yielded(metric, task, logs, ask) for task in tasks}
        absent = ""
    elif metric.log is None:
        found = {task: reports[task][metric.name] for task in tasks if metric.name in reports.get(task, {})}
        absent = f'reported no value; a target does that by printing "wke: {metric.name}=VALUE"'
    else:
        found = dict(_matches(metric, tasks, logs, find))
        absent = f"wrote no line that matched {quoted(metric.log)}"
    silent = [task for task in tasks if task not in found]
    if silent:
        raise ValueError(f"{labelled(silent)} {absent}")
    return joined(metric, {labelled([task]): report for task, report in found.items()})


def _yielded(metric: Metric, task: TaskName, logs: Mapping[TaskName, Text], ask: Ask | None) -> Report:
    """Return what a load generator says of a metric, in a file or in a task's output."""
    if metric.file is not None and ask is not None:
        return ask(metric, [task])
    try:
        return yielded(metric.from_ or "", metric.field or metric.name, logs.get(task, b""))
    except ValueError as error:
        raise ValueError(f"in the output of {labelled([task])} {error}") from None


def joined(metric: Metric, found: Mapping[str, Report]) -> Report:
    """Return the values of several tasks or machines, by what these are called, joined to one in the metric's unit.

    Raises ValueError with the reason if that is not possible.
    """
    if len(found) > 1 and metric.join is None:
        raise ValueError(f"{len(found)} {'machines' if metric.of_machines else 'tasks'} have a value, and join is missing")
    unit = metric.unit or next(iter(found.values()))[1]
    numbers = [_in_unit(whose, report, unit) for whose, report in found.items()]
    try:
        value = float(JOINS[metric.join](numbers)) if metric.join else numbers[0]
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"the {metric.join} of {counted(len(numbers), 'value')} is too large")
    return value, unit


def _matches(metric: Metric, tasks: Sequence[TaskName], logs: Mapping[TaskName, Text], find: Find) -> Iterator[tuple[TaskName, Report]]:
    pattern = compile_log(metric.log or "")
    for task in tasks:
        try:
            found = matched(pattern, logs.get(task, b""), metric.unit, find)
        except SearchError as error:
            raise ValueError(f"in the output of {labelled([task])} {error}") from None
        except ValueError as error:
            raise ValueError(f"in the output of {labelled([task])} {quoted(metric.log or '')} matched {error}") from None
        if found is not None:
            yield task, found


def _in_unit(whose: str, report: Report, unit: str) -> float:
    number, own = report
    converted = convert(number, own or unit, unit)
    if converted is None:
        raise ValueError(f"{whose} reported it in {own}, which is not {unit}")
    return converted


def _undeclared(metrics: Sequence[Metric], reports: Mapping[TaskName, Mapping[str, Report]]) -> dict[str, list[TaskName]]:
    declared = {metric.name for metric in metrics}
    reporters: dict[str, list[TaskName]] = {}
    for task, named in reports.items():
        for name in named:
            if name not in declared:
                reporters.setdefault(name, []).append(task)
    return reporters

"""Metrics from files, load generators and telemetry: checks of their files, fields, series and units before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.units import convert
from wke.describe.generators.generators import GENERATORS
from wke.describe.toml.wording import quoted
from wke.errors import Location, Problem, did_you_mean

At = Callable[..., Location]
OF_TASKS = ("cpu", "memory", "read", "written", "threads", "descriptors")
OF_MACHINES = (
    *("cpu", "memory", "load", "pressure", "swap", "faults", "disk", "net", "tcp", "udp", "processes", "threads", "switches"),
    *("frequency", "temperature", "throttled", "energy", "perf", "host"),
)
"""The first words of the series of machines. What follows depends on the machine, such as the names of its disks."""


def covered(pattern: str, collect: Sequence[str]) -> bool:
    """Return whether all files of a pattern are collected; a collected folder includes everything in it."""
    parts = pattern.strip("/").split("/")
    return any(_covers(one.strip("/").split("/"), parts) for one in collect)


def recorded_problems(metrics: Sequence[Metric], collected: Callable[[Metric], Sequence[str] | None], at: At) -> Iterator[Problem]:
    """Find metrics whose files are not collected or whose values have no unit; `collected` returns what a metric's step collects."""
    for metric in metrics:
        collect = collected(metric) if metric.path is not None else None
        found = (
            None if collect is None else _collect_problem(metric, collect, at),
            _unit_problem(metric, at) if metric.merges else None,
            _field_problem(metric, at) if metric.from_ is not None else None,
        )
        yield from (problem for problem in found if problem)


def series_problems(metrics: Sequence[Metric], at: At, *, recorded: bool, scraped: bool) -> Iterator[Problem]:
    """Find metrics of series that no machine has, or that are not `recorded` or `scraped` in this experiment."""
    for metric in metrics:
        if metric.telemetry is not None and not recorded:
            hint = 'write every = "100ms" in [telemetry], or remove the metric'
            yield Problem("is read from telemetry, which is not recorded", at("metrics", metric.name, "telemetry"), hint)
        if metric.scrape is not None and not scraped:
            yield Problem("nothing is scraped", at("metrics", metric.name, "scrape"), "write [[scrape]] with the port of the program")
        known, whose = (OF_MACHINES, "machines") if metric.of_machines else (OF_TASKS, "tasks")
        name = metric.telemetry or known[0]
        first = name.partition(".")[0] if metric.of_machines else name
        if first not in known and "*" not in first:
            yield Problem(f"{whose} have no series {quoted(name)}", at("metrics", metric.name, "telemetry"), did_you_mean(first, known))


def _field_problem(metric: Metric, at: At) -> Problem | None:
    """Return why a load generator does not say anything of the metric, or not in its unit."""
    generator = GENERATORS[metric.from_ or ""]
    field, key = metric.field or metric.name, ("field",) if metric.field else ()
    unit = generator.unit(field)
    if unit is None:
        hint = f"write field = {quoted(next(iter(generator.fields)))}; it has {generator.fields_text}"
        return Problem(f"{generator.name} has no {quoted(field)}", at("metrics", metric.name, *key), hint)
    if metric.unit and convert(1, unit, metric.unit) is None:
        what = f"{field} of {generator.name} is in {unit or 'no unit'}, which is not {metric.unit}"
        return Problem(what, at("metrics", metric.name, "unit"), f"write unit = {quoted(unit)}" if unit else "remove unit")
    return None


def _unit_problem(metric: Metric, at: At) -> Problem | None:
    """Return why recorded values cannot be converted to the metric's unit, if they cannot."""
    if metric.statistic == "count":
        return None
    if isinstance(metric.scale, str) and convert(1, metric.scale, metric.unit) is None:
        what = f"values in {metric.scale} cannot be converted to {metric.unit or 'values without a unit'}"
        hint = f'write unit = "{metric.scale}", or a number as scale: the factor for recorded values'
        return Problem(what, at("metrics", metric.name, "scale"), hint)
    if metric.scale is None and not metric.unit:
        return Problem("unit is missing", at("metrics", metric.name), 'write unit = "ms"')
    if metric.hdr is not None and metric.scale is None and convert(1, "ms", metric.unit) is None:
        hint = 'write scale = "B", or a number: the factor for recorded values'
        return Problem(f"scale is missing: how many {metric.unit} is one recorded value?", at("metrics", metric.name), hint)
    return None


def _collect_problem(metric: Metric, collect: Sequence[str], at: At) -> Problem | None:
    """Return the problem that the metric's files are not among those that its step collects, if they are not."""
    if metric.path is None or covered(metric.path, collect):
        return None
    some = f" (it collects {', '.join(collect)})" if collect else ""
    hint = f"write collect = [{', '.join(map(quoted, [*collect, metric.path]))}] in that step"
    key = "hdr" if metric.hdr else "raw" if metric.raw else "file"
    return Problem(f"its step does not collect {quoted(metric.path)}{some}", at("metrics", metric.name, key), hint)


def _covers(collect: Sequence[str], parts: Sequence[str]) -> bool:
    return len(collect) <= len(parts) and all(map(_covers_part, collect, parts))


def _covers_part(own: str, part: str) -> bool:
    return own in {part, "*"} or (not set("*?[") & set(part) and fnmatchcase(part, own))

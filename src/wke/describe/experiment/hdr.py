"""Metrics that histograms tell: which files they are read from, and what must be said of them before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.units import convert
from wke.describe.toml.wording import quoted
from wke.errors import Location, Problem

At = Callable[..., Location]


def covered(pattern: str, collect: Sequence[str]) -> bool:
    """Tell whether all files of a pattern come back with what is collected; with a folder, all that is in it does."""
    parts = pattern.strip("/").split("/")
    return any(_covers(one.strip("/").split("/"), parts) for one in collect)


def hdr_problems(metrics: Sequence[Metric], collected: Callable[[Metric], Sequence[str] | None], at: At) -> Iterator[Problem]:
    """Find metrics whose files do not come back or whose values have no unit; `collected` tells what a metric's step collects, if known."""
    for metric in metrics:
        if metric.hdr is not None:
            collect = collected(metric)
            found = (_collect_problem(metric, collect, at) if collect is not None else None, _unit_problem(metric, at))
            yield from (problem for problem in found if problem)


def _unit_problem(metric: Metric, at: At) -> Problem | None:
    """Return why the recorded values cannot be told in the metric's unit, if they cannot."""
    if metric.statistic == "count":
        return None
    if isinstance(metric.scale, str) and convert(1, metric.scale, metric.unit) is None:
        what = f"what was recorded in {metric.scale} cannot be told {f'in {metric.unit}' if metric.unit else 'without a unit'}"
        hint = f'write unit = "{metric.scale}", or as scale the number that recorded values are multiplied by'
        return Problem(what, at("metrics", metric.name, "scale"), hint)
    if metric.scale is None and not metric.unit:
        return Problem("unit is missing", at("metrics", metric.name), 'write unit = "ms"')
    if metric.scale is None and convert(1, "ms", metric.unit) is None:
        hint = 'write scale = "B", or the number that recorded values are multiplied by'
        return Problem(f"it is not told how many {metric.unit} one recorded value is", at("metrics", metric.name), hint)
    return None


def _collect_problem(metric: Metric, collect: Sequence[str], at: At) -> Problem | None:
    """Return that nothing brings the metric's files from the machines, if nothing does; `collect` is what its step collects."""
    if metric.hdr is None or covered(metric.hdr, collect):
        return None
    some = f" (it collects {', '.join(collect)})" if collect else ""
    hint = f"write collect = [{', '.join(map(quoted, [*collect, metric.hdr]))}] in that step"
    return Problem(f"the step that it is read from does not collect {quoted(metric.hdr)}{some}", at("metrics", metric.name, "hdr"), hint)


def _covers(collect: Sequence[str], parts: Sequence[str]) -> bool:
    return len(collect) <= len(parts) and all(map(_covers_part, collect, parts))


def _covers_part(own: str, part: str) -> bool:
    return own in {part, "*"} or (not set("*?[") & set(part) and fnmatchcase(part, own))

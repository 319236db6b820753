"""Checks of the expressions in an experiment file: excluded points, conditions on trials, computed metrics."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from wke.describe.experiment.metrics import Metric, computed
from wke.describe.experiment.sweep import Sweep, excludes, point_text
from wke.describe.expression.evaluation import ExpressionError
from wke.describe.expression.expression import Expression, check_names
from wke.describe.expression.parser import parse
from wke.describe.expression.units import convert
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import Location, Problem, did_you_mean

At = Callable[..., Location]


def without(sweep: Sweep, conditions: Sequence[Expression], at: At, problems: list[Problem]) -> Sweep:
    """Return a sweep without the points for which a condition is true; mistakes in conditions are added to `problems`."""
    points = sweep.points()
    wrong: list[Problem] = []
    for index, condition in enumerate(conditions):
        where = at("exclude", index, "when")
        try:
            check_names(condition, sweep.names, "parameter")
        except FlawError as error:
            wrong.append(Problem(str(error), where, error.hint))
            continue
        for point in points:
            try:
                excludes(condition, point)
            except ExpressionError as error:
                wrong.append(Problem(str(error), where, f"at {point_text(point)}"))
                break
    problems += wrong
    if wrong:
        return sweep
    left = replace(sweep, exclude=tuple(conditions))
    if conditions and points and not left.points():
        problems.append(Problem("no point is left", at("exclude", len(conditions) - 1, "when"), "the conditions exclude all points"))
    return left


def check_problems(checks: Sequence[Expression], known: Mapping[str, str], at: At) -> Iterator[Problem]:
    """Find checks with names that are neither metrics nor parameters; `known` has the names of these."""
    for index, check in enumerate(checks):
        try:
            check_names(check, known, "metric or parameter")
        except FlawError as error:
            hint = error.hint or ""
            hint = hint if hint.startswith(("did", "to")) else f"declare it in [metrics]; {hint}"
            yield Problem(str(error), at("checks", index, "that"), hint)


def interval_problems(metrics: Sequence[Metric], sweep: Sweep, at: At) -> Iterator[Problem]:
    """Find expected intervals that some point does not have, or that are not of the kind of their metric's values."""
    for metric in (metric for metric in metrics if metric.expected_interval is not None):
        where = at("metrics", metric.name, "expected-interval")
        for point in sweep.points():
            try:
                number, unit = metric.interval(point)
            except ValueError as error:
                yield Problem(str(error), where, f"at {point_text(point)}; its names are parameters")
                break
            if number <= 0:
                yield Problem(f"is {number:g} at {point_text(point)}, and must be more than 0", where)
                break
            if convert(number, unit, metric.unit) is None:
                yield Problem(f"is in {unit}, which is not {metric.unit or 'a plain number'}", where)
                break


def value_problems(metrics: Sequence[Metric], parameters: Sequence[str], at: At) -> Iterator[Problem]:
    """Find computed metrics with names that are neither metrics nor parameters, and metrics that need each other."""
    names = {metric.name for metric in metrics}
    wrong = False
    for metric in metrics:
        for name in parse(metric.value).names if metric.value is not None else ():
            if name not in names and name not in parameters:
                wrong = True
                hint = did_you_mean(name, [*names, *parameters])
                yield Problem(f"there is no metric or parameter {quoted(name)}", at("metrics", metric.name, "value"), hint)
    if wrong:
        return
    try:
        computed(metrics)
    except ValueError as error:
        circle = str(error).partition(": ")[2].split(", ")
        yield Problem(f"the values of metrics {error}", at("metrics", circle[0], "value"), "compute one of them from metrics that are read")

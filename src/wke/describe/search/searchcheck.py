"""What can be wrong with a search although its table is right by itself: names, units, and a condition that does not tell where to look."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from wke.describe.expression.evaluation import ExpressionError, UnitError, calculate, holds
from wke.describe.expression.expression import Expression, check_names
from wke.describe.expression.units import is_known
from wke.describe.search.search import MAX, Bound, Search, parts
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import Location, Problem

At = Callable[..., Location]
ONE = 'one part compares a latency, a metric with a unit of time, with a constant: while = "p99 < 10ms and errors < 0.1%"'


def search_problems(name: str, search: Search, metrics: Mapping[str, str], point: Mapping[str, object], at: At) -> Iterator[Problem]:
    """Find what is wrong with the search of parameter `name`, whose keys are `at`; `metrics` are declared, each with its unit.

    `point` is one of the experiment: its parameters may be in the condition.
    """
    known = {**dict.fromkeys(point, "parameter"), **dict.fromkeys(metrics, "metric")}
    wrong = list(_name_problems(search.condition, known, partial(at, "while")))
    if search.completions is not None:
        wrong += _name_problems(search.completions, known, partial(at, "completions"))
    yield from wrong
    if wrong:
        return
    units = {**metrics, name: search.unit}
    row = {**point, **dict.fromkeys(metrics, 1.0)}
    yield from _unit_problems(search, row, {key: unit for key, unit in units.items() if unit}, at)
    if search.find == MAX:
        yield from _bound_problems(search, metrics, partial(at, "while"))


def _name_problems(expression: Expression, known: Mapping[str, str], here: Callable[[], Location]) -> Iterator[Problem]:
    try:
        check_names(expression, known, "metric or parameter")
    except FlawError as error:
        yield Problem(str(error), here(), error.hint)


def _unit_problems(search: Search, row: Mapping[str, object], units: Mapping[str, str], at: At) -> Iterator[Problem]:
    """Check each part of the condition by itself, with values that are all 1."""
    for part in parts(search.condition.node):
        try:
            holds(Expression("", part), row, units)
        except UnitError as error:
            yield Problem(str(error), at("while"), "give the metric its unit in [metrics], or compare it with a number of that unit")
        except ExpressionError:
            continue  # what depends on the values
    if search.completions is not None:
        try:
            _, unit = calculate(search.completions, row, units)
        except UnitError as error:
            yield Problem(str(error), at("completions"), None)
        except ExpressionError:
            return
        else:
            if unit not in {"", "1"}:
                yield Problem(f"comes out in {unit}, which is no number of requests", at("completions"), "multiply a rate by a time")


def _bound_problems(search: Search, metrics: Mapping[str, str], here: Callable[[], Location]) -> Iterator[Problem]:
    """Check that exactly one part compares a latency with a constant: how far from it a trial is tells where to look."""
    bounds = search.bounds(metrics)
    if len(bounds) > 1:
        names = " and ".join(bound.metric for bound in bounds)
        hint = f"keep the one that matters; another one only decides whether a trial holds as `not {bounds[-1].metric} >= ...`"
        yield Problem(f"limits {names}: it is one latency whose distance from its limit tells where to look", here(), hint)
    elif not bounds:
        unknown = [name for name in search.condition.names if name in metrics and not is_known(metrics[name])]
        told = f" (metric {quoted(unknown[0])} has no unit)" if unknown else ""
        yield Problem(f"compares no latency with a constant{told}", here(), ONE)
    elif _limit(bounds[0]) <= 0:
        yield Problem(f"limits {bounds[0].metric} by {bounds[0].limit_text}, which must be more than 0", here(), None)


def _limit(bound: Bound) -> float:
    try:
        return calculate(Expression(bound.limit_text, bound.limit), {})[0]
    except ExpressionError:
        return 0.0

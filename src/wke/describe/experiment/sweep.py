"""A sweep: every point that an experiment visits, as nested loops over its parameters in the order of the file.

A loop runs over the values of one parameter, or over tables one of which is chosen (`sub-parameters`), each a sweep of its own. The last
loop is the innermost: it varies fastest. What a later loop sets replaces what an earlier one set, and a point that comes up twice is
visited once. Points for which one of the conditions in `exclude` is true are left out; one that does not set what a condition needs stays.

The innermost loop may be climbed: then only those of its points are visited that a search for the best value asks for. One loop may be
searched (describe/search): a search for the largest value has only the value that it starts with, results choose the others.
"""

from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property
from itertools import product
from math import prod

from wke.describe.experiment.point import point_key, value_key
from wke.describe.expression.evaluation import UnsetError, holds
from wke.describe.expression.expression import Expression
from wke.describe.search.search import Search
from wke.describe.toml.wording import quoted
from wke.values import dataclass

Value = bool | int | float | str
Point = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A loop over the values of one parameter; with `climb`, only over those that lead to the best; with `search`, what it asks for."""

    name: str
    values: tuple[Value, ...]
    climb: bool = False
    search: Search | None = None

    @property
    def size(self) -> int:
        """The number of rounds of the loop."""
        return len(self.values)

    def settings(self) -> tuple[Point, ...]:
        """Return what each round of the loop sets."""
        return tuple({self.name: value} for value in self.values)


@dataclass(frozen=True, slots=True)
class Choice:
    """A loop over tables of parameters, by their names in the file."""

    tables: Mapping[str, "Sweep"]

    @property
    def size(self) -> int:
        """The number of rounds of the loop."""
        return sum(sweep.size for sweep in self.tables.values())

    def settings(self) -> tuple[Point, ...]:
        """Return what each round of the loop sets."""
        return tuple(point for sweep in self.tables.values() for point in sweep.points())


@dataclass(frozen=True)
class Sweep:
    """Nested loops, the outermost first. Without loops, the sweep is one empty point. `left_out` has the keys of points that cannot run."""

    loops: tuple[Parameter | Choice, ...] = ()
    exclude: tuple[Expression, ...] = ()
    left_out: frozenset[Hashable] = frozenset()

    @property
    def size(self) -> int:
        """The number of points, including repeated and excluded ones."""
        return prod(loop.size for loop in self.loops)

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that some point sets, in the order of the file."""
        return tuple(dict.fromkeys(loop.name for loop in self.flat()))

    @property
    def varied(self) -> tuple[str, ...]:
        """The parameters that do not have the same value at every point, in the order of the file."""
        values, searched = self._values, self.searched
        return tuple(name for name in self.names if len(values[name]) > 1 or (searched is not None and name == searched.name))

    @property
    def constants(self) -> Point:
        """The parameters that have the same value at every point."""
        varied = self.varied
        fixed = {name: seen for name, seen in self._values.items() if name not in varied}
        return {name: value for name, seen in fixed.items() for value in seen.values() if value is not None}

    def varied_from(self, values: Point) -> bool:
        """Return whether some point sets all these parameters, at least one to another value."""
        return any(values.keys() <= point.keys() and point_key({**point, **values}) != point_key(point) for point in self.points())

    @property
    def climb(self) -> str | None:
        """The parameter that is climbed; None when every point is visited."""
        last = self.loops[-1] if self.loops else None
        return last.name if isinstance(last, Parameter) and last.climb else None

    @property
    def searched(self) -> Parameter | None:
        """The parameter that is searched; None when its values are known before anything runs."""
        return next((loop for loop in self.loops if isinstance(loop, Parameter) and loop.search is not None), None)

    def load_of(self, search: Search) -> tuple[str | None, str]:
        """Return the parameter through whose values, from below, a search for the smallest value goes; and what is wrong, "" if nothing is.

        It is the one that the file names, or else the only other one that varies and has numbers.
        """
        numeric = [name for name in self.varied if all(_is_number(value) for value in self.values(name))]
        others = [name for name in numeric if self.searched is None or name != self.searched.name]
        if search.load is not None:
            return (
                search.load,
                "" if search.load in others else f"{quoted(search.load)} is not another parameter that varies and has numbers",
            )
        if len(others) > 1:
            return None, f"several parameters could be the load of the search: {', '.join(others)}"
        return next(iter(others), None), ""

    def points(self) -> tuple[Point, ...]:
        """Return all points in the order of nested loops, each once."""
        return self._points

    @cached_property
    def _points(self) -> tuple[Point, ...]:
        points: dict[Hashable, Point] = {}
        for settings in product(*(loop.settings() for loop in self.loops)):
            point = {name: value for setting in settings for name, value in setting.items()}
            points.setdefault(point_key(point), point)
        return tuple(
            point
            for key, point in points.items()
            if key not in self.left_out and not any(excludes(condition, point) for condition in self.exclude)
        )

    def values(self, name: str) -> tuple[Value, ...]:
        """Return the values of a parameter in the order of the points; none if no point sets it."""
        return tuple(value for value in self._values.get(name, {}).values() if value is not None)

    def flat(self) -> Iterator[Parameter]:
        """Yield the loops over parameters, including those in chosen tables, in the order of the file."""
        for loop in self.loops:
            if isinstance(loop, Parameter):
                yield loop
            else:
                for sweep in loop.tables.values():
                    yield from sweep.flat()

    def tables(self) -> Iterator[tuple[str, "Sweep"]]:
        """Yield the tables that sub-parameters choose from, at all depths, with their names in the file."""
        for loop in self.loops:
            if isinstance(loop, Choice):
                for name, sweep in loop.tables.items():
                    yield name, sweep
                    yield from sweep.tables()

    @cached_property
    def _values(self) -> dict[str, dict[object, Value | None]]:
        """Return the distinct values of each parameter; None stands for the points that do not set it."""
        values: dict[str, dict[object, Value | None]] = {name: {} for name in self.names}
        for point in self.points():
            for name, seen in values.items():
                value = point.get(name)
                seen[value_key(value)] = value
        return values


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def excludes(condition: Expression, point: Point) -> bool:
    """Return whether a condition excludes a point; raise ExpressionError if its values do not fit together."""
    try:
        return holds(condition, point)
    except UnsetError:
        return False


def value_text(value: Value) -> str:
    """Return a parameter's value as the file would write it, text without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def point_text(point: Point) -> str:
    """Return a point as `name=value, name=value`."""
    return ", ".join(f"{name}={value_text(value) if not isinstance(value, str) else quoted(value)}" for name, value in point.items())

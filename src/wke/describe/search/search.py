"""A search: a parameter whose values are chosen by results, until the largest or smallest is known at which a condition holds.

    rate = { find = "max", while = "p99 < 10ms and errors < 0.1%", from = 100, to = "1M" }
    servers = { find = "min", while = "p99 < 10ms", from = 1, to = 8 }

The condition compares one latency with a constant, its *bound*: how far the latency is from it tells where to look. The other parts only
decide whether the condition holds.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Self

from wke.describe.expression.expression import Calculation, Expression, Junction, Literal, Minus, Name, Node, Relation, node_text
from wke.describe.expression.parser import parse, parse_condition
from wke.describe.expression.units import is_time
from wke.values import dataclass

MAX, MIN = "max", "min"
DIGITS = 3
"""How many digits a rate has that results choose: few enough to read and to write again."""
_UPWARDS = {">", ">="}
_DOWNWARDS = {"<", "<="}


@dataclass(frozen=True, slots=True)
class Bound:
    """A part of a condition that limits a metric from above: its name, and the constant as an expression of numbers."""

    metric: str
    limit: Node

    @property
    def limit_text(self) -> str:
        """The limit as the file spells it."""
        return node_text(self.limit)

    @property
    def ratio(self) -> Expression:
        """The metric as a share of its limit."""
        node = Calculation(Name(self.metric), (("/", self.limit),))
        return Expression(node_text(node), node)


@dataclass(frozen=True, slots=True)
class WantedTrial:
    """A trial that a search asks for: a point, and which iteration of it."""

    point: Mapping[str, object]
    iteration: int


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched: the largest or smallest value (`find`) from `lowest` to `highest` at which the `condition` holds.

    A search for the largest starts at `start` and has `trials` trials in all, one for the smallest has them at each value. How many
    requests a trial completed is what the expression `completions` comes to; without it, it is read from what the trial recorded. A
    search for the smallest value goes through the values of the parameter `load` from below, if there is one. `unit` is that of the value.
    """

    find: str
    condition: Expression
    lowest: float
    highest: float
    start: float
    trials: int
    completions: Expression | None = None
    load: str | None = None
    unit: str = ""

    @property
    def values(self) -> tuple[int | float, ...]:
        """The values that are known before anything runs: all for the smallest, where a search for the largest starts."""
        if self.find == MIN:
            return tuple(range(int(self.lowest), int(self.highest) + 1))
        return (self.value(self.start),)

    def value(self, wanted: float) -> int | float:
        """Return the value that is tried if this one is wanted: within the range and readable; its ends and the start are as written."""
        if wanted == self.start or not self.lowest < wanted < self.highest:
            return whole_or_not(min(max(wanted, self.lowest), self.highest))
        return readable(wanted)

    def bounds(self, units: Mapping[str, str]) -> tuple[Bound, ...]:
        """Return the parts of the condition that compare a latency with a constant; `units` are those of the metrics."""
        return tuple(bound for part in parts(self.condition.node) if (bound := _bound(part)) and is_time(units.get(bound.metric, "")))

    def to_form(self) -> dict[str, object]:
        """Return the search as values for `json.dumps`."""
        return {
            "find": self.find,
            "while": self.condition.text,
            "from": self.lowest,
            "to": self.highest,
            "start": self.start,
            "trials": self.trials,
            "completions": self.completions.text if self.completions else None,
            "load": self.load,
            "unit": self.unit,
        }

    @classmethod
    def of_form(cls, form: Mapping[str, object]) -> Self:
        """Return the search that `to_form` made these values of."""
        completions, load = form["completions"], form["load"]
        return cls(
            find=str(form["find"]),
            condition=parse_condition(str(form["while"])),
            lowest=float(str(form["from"])),
            highest=float(str(form["to"])),
            start=float(str(form["start"])),
            trials=int(str(form["trials"])),
            completions=None if completions is None else parse(str(completions)),
            load=None if load is None else str(load),
            unit=str(form["unit"]),
        )


def readable(value: float) -> int | float:
    """Return a positive number with DIGITS digits, without a fraction if it is whole."""
    return whole_or_not(float(f"{value:.{DIGITS}g}"))


def whole_or_not(value: float) -> int | float:
    """Return a number without a fraction if it is whole."""
    return int(value) if math.isfinite(value) and value == int(value) else float(value)


def parts(node: Node) -> Iterator[Node]:
    """Yield the parts of a condition all of which must hold."""
    if isinstance(node, Junction) and node.word == "and":
        for part in node.parts:
            yield from parts(part)
    else:
        yield node


def _bound(node: Node) -> Bound | None:
    """Return what a part of a condition limits from above by a constant, None if it is something else."""
    if not isinstance(node, Relation):
        return None
    low, high = (node.left, node.right) if node.sign in _DOWNWARDS else (node.right, node.left)
    if node.sign not in _DOWNWARDS | _UPWARDS or not isinstance(low, Name) or not _is_constant(high):
        return None
    return Bound(low.name, high)


def _is_constant(node: Node) -> bool:
    """Return whether a node is made of numbers only."""
    match node:
        case Literal(value):
            return not isinstance(value, bool | str)
        case Minus(inner):
            return _is_constant(inner)
        case Calculation(first, rest):
            return _is_constant(first) and all(_is_constant(part) for _, part in rest)
    return False

"""Expressions: conditions and calculations that a file spells as text, such as `p99 < 10ms and errors == 0` or `cpu / throughput`.

    or, and, not            conditions
    == != < <= > >=         one comparison between two values; values of different kinds (a text, a number) are never equal
    + - * /                 arithmetic
    12.5  10ms  0.1%        numbers with the unit directly behind; one without takes the unit of what it is compared with or added to
    'text'  true  false     the other values
    num-clients             a name: of a parameter, a metric

A name may contain dashes, so a minus needs spaces around it. Nothing is executed: `parser` turns the text into the tree of nodes defined
here, at most MOST_DEPTH deep, and `evaluation` computes its value. Errors in the text are FlawErrors, those in values ExpressionErrors.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Union

from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import did_you_mean
from wke.values import dataclass

MOST_DEPTH = 30

PRINTED: Mapping[str, str] = {"*": "\u00d7", "-": "\u2212"}
"""The signs of arithmetic as they are printed in figures, where they differ."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit: "" if it has none, None if it takes the unit of its neighbour."""

    number: float
    unit: str | None = ""


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a parameter or metric."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; `text` is its spelling."""

    value: Quantity | str | bool
    text: str


@dataclass(frozen=True, slots=True)
class Minus:
    """A number with its sign changed."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions, joined by "and" or by "or"."""

    word: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Relation:
    """Two values and the sign between them."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Calculation:
    """Values joined by signs of equal precedence, from left to right."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"


Node = Union[Name, Literal, Minus, Not, Junction, Relation, Calculation]  # noqa: UP007 - a string cannot be joined by |


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read; `text` is how the file spells it, or how it can be written."""

    text: str
    node: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it, in order, each once."""
        return tuple(dict.fromkeys(_names(self.node)))

    @property
    def name(self) -> str | None:
        """The name that the whole expression consists of; None for any other expression."""
        return self.node.name if isinstance(self.node, Name) else None

    def printed(self) -> str:
        """Return the expression as figures show it: `(read + write) / num-clients`, with typographic signs."""
        return node_text(self.node, PRINTED)


def named(name: str) -> Expression:
    """Return the expression that is one name, whatever characters it contains."""
    return Expression(name, Name(name))


def check_names(expression: Expression, known: Iterable[str], noun: str) -> None:
    """Raise FlawError for the first name that is not among `known`; `noun` says what these are."""
    names = tuple(known)
    for name in expression.names:
        if name in names:
            continue
        parts = next(((name[:at], name[at + 1 :]) for at, sign in enumerate(name) if sign == "-" and name[:at] in names), None)
        hint = f"to subtract, put spaces around the minus: {parts[0]} - {parts[1]}" if parts else did_you_mean(name, names)
        raise FlawError(f"there is no {noun} {quoted(name)}", hint)


def node_text(node: Node, signs: Mapping[str, str] = {}) -> str:  # noqa: PLR0911 - one per kind of node
    """Return a node as people write it; `signs` replaces signs of arithmetic."""

    def inner(part: Node) -> str:
        text = node_text(part, signs)
        return text if isinstance(part, Name | Literal) else f"({text})"

    match node:
        case Name(name):
            return name
        case Literal():
            return node.text
        case Minus(negated):
            return f"-{node_text(negated, signs) if isinstance(negated, Minus) else inner(negated)}"
        case Not(negated):
            return f"not {node_text(negated, signs) if isinstance(negated, Not) else inner(negated)}"
        case Junction(word, parts):
            return f" {word} ".join(map(inner, parts))
        case Relation(sign, left, right):
            return f"{inner(left)} {sign} {inner(right)}"
        case Calculation(first, rest):
            return " ".join([inner(first), *(f"{signs.get(sign, sign)} {inner(part)}" for sign, part in rest)])


def _names(node: Node) -> Iterator[str]:
    match node:
        case Name(name):
            yield name
        case Minus(inner) | Not(inner):
            yield from _names(inner)
        case Junction(_, parts):
            for part in parts:
                yield from _names(part)
        case Relation(_, left, right):
            yield from _names(left)
            yield from _names(right)
        case Calculation(first, rest):
            yield from _names(first)
            for _, part in rest:
                yield from _names(part)

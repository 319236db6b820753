"""Expressions: conditions and calculations that a file spells as text, such as `p99 < 10ms and errors == 0` or `cpu / throughput`.

    or, and, not            conditions
    == != < <= > >=         one comparison between two values; values of different kinds (a text, a number) are never equal
    + - * /                 arithmetic
    12.5  10ms  0.1%        numbers, a unit close behind; one without takes the unit of what it is compared with or added to
    'text'  true  false     the other values
    num-clients             a name: of a parameter, a metric

A name may hold dashes, so a minus stands between blanks. Nothing here is executed: the text becomes a tree of these few nodes, no deeper
than MOST_DEPTH, and `evaluate` walks it. What is wrong with the text is a FlawError, what is wrong with the values an ExpressionError.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from wke.describe.expression.units import FAMILIES, convert
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import did_you_mean

MOST_DEPTH = 30
MOST_SIGNS = 2000

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[A-Za-zµμ]+(?:/s\b)?|/s\b)?"
    r"|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)*)"
    r"|(?P<sign>==|!=|<=|>=|[<>+*/()-])"
)
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNITS = [unit for family in FAMILIES for unit in family if unit != "1"]


class ExpressionError(ValueError):
    """What keeps an expression from having a value."""


class UnsetError(ExpressionError):
    """A name that the expression needs has no value."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit; "" where it has none, None where it takes that of its neighbour."""

    number: float
    unit: str | None = ""


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a parameter or metric."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it is."""

    value: Quantity | str | bool
    text: str


@dataclass(frozen=True, slots=True)
class Minus:
    """A number with its sign changed."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions, joined by "and" or by "or"."""

    word: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and the sign between them."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Calculation:
    """Values joined by signs of one rank, from left to right."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"


Node = Union[Name, Literal, Minus, Not, Junction, Comparison, Calculation]  # noqa: UP007 - names of later classes cannot be joined by |
Result = Quantity | str | bool


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read; `text` is how the file has it."""

    text: str
    node: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it, in order, none twice."""
        return tuple(dict.fromkeys(_names(self.node)))


def parse(text: str) -> Expression:
    """Return the expression that a text spells; raise FlawError when it spells none."""
    if len(text) > MOST_SIGNS:
        raise FlawError(f"is {len(text)} signs long; {MOST_SIGNS} are the most")
    parser = _Parser(tuple(_tokens(text)))
    node = parser.junction("or")
    if parser.next is not None:
        raise FlawError(f"has {quoted(parser.next.text)} where nothing more can stand", "between two values stands a sign, and or or")
    return Expression(text, node)


def parse_condition(text: str) -> Expression:
    """Return an expression that is true or false; raise FlawError when it is none or has another kind of value."""
    expression = parse(text)
    if isinstance(expression.node, Minus | Calculation) or (
        isinstance(expression.node, Literal) and not isinstance(expression.node.value, bool)
    ):
        raise FlawError("is no condition", f"compare it with something: {text.strip()} > 0")
    return expression


def parse_calculation(text: str) -> Expression:
    """Return an expression that is a number; raise FlawError when it is none or has another kind of value."""
    expression = parse(text)
    node = expression.node
    if isinstance(node, Not | Junction | Comparison) or (isinstance(node, Literal) and not isinstance(node.value, Quantity)):
        raise FlawError("is no calculation", "write a number that follows from metrics: cpu / throughput")
    return expression


def check_names(expression: Expression, known: Iterable[str], noun: str) -> None:
    """Raise FlawError for the first name that is not among `known`, each of which is a `noun`."""
    names = tuple(known)
    for name in expression.names:
        if name in names:
            continue
        parts = next(((name[:at], name[at + 1 :]) for at, sign in enumerate(name) if sign == "-" and name[:at] in names), None)
        hint = f"to subtract, put blanks around the minus: {parts[0]} - {parts[1]}" if parts else did_you_mean(name, names)
        raise FlawError(f"there is no {noun} {quoted(name)}", hint)


def evaluate(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> Result:
    """Return an expression's value where names have the values of `row`, numbers in `units`; raise ExpressionError if it has none."""
    return _evaluate(expression.node, row, units or {})


def holds(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> bool:
    """Tell whether a condition is true; raise ExpressionError when that cannot be said."""
    return _truth(expression.node, row, units or {})


def calculate(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> tuple[float, str]:
    """Return a number and its unit; raise ExpressionError where the expression is none."""
    quantity = _number(expression.node, row, units or {})
    return quantity.number, quantity.unit or ""


def node_text(node: Node) -> str:  # noqa: PLR0911 - one a kind of node
    """Return a node as people write it."""
    match node:
        case Name(name):
            return name
        case Literal():
            return node.text
        case Minus(inner):
            return f"-{node_text(inner) if isinstance(inner, Minus) else _inner_text(inner)}"
        case Not(inner):
            return f"not {node_text(inner) if isinstance(inner, Not) else _inner_text(inner)}"
        case Junction(word, parts):
            return f" {word} ".join(map(_inner_text, parts))
        case Comparison(sign, left, right):
            return f"{_inner_text(left)} {sign} {_inner_text(right)}"
        case Calculation(first, rest):
            return " ".join([_inner_text(first), *(f"{sign} {_inner_text(part)}" for sign, part in rest)])


def _inner_text(node: Node) -> str:
    return node_text(node) if isinstance(node, Name | Literal) else f"({node_text(node)})"


# -- reading


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    number: float = 0.0
    unit: str | None = None


def _tokens(text: str) -> Iterator[_Token]:
    at = len(text) - len(text.lstrip())
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FlawError(f"has {quoted(text[at])} where no value or sign begins", _sign_hint(text[at:]))
        yield _token(match)
        rest = text[match.end() :]
        at = match.end() + len(rest) - len(rest.lstrip())


def _token(match: re.Match[str]) -> _Token:
    if match["number"] is None:
        return _Token(str(match.lastgroup), match[0])
    number, unit = float(match["number"]), match["unit"]
    if not math.isfinite(number):
        raise FlawError(f"has the number {match['number']}, which is too large")
    if unit is not None and unit not in _UNITS:
        raise FlawError(f"has {quoted(match[0])}, but {quoted(unit)} is no unit", did_you_mean(unit, _UNITS))
    return _Token("number", match[0], number, unit)


def _sign_hint(rest: str) -> str:
    signs = {"=": "equality is ==", "&": "write and", "|": "write or", "!": "write not, or != for unequal"}
    return signs.get(rest[0], "a text stands in single quotes" if rest[0] in "'\"" else "known are + - * / == != < <= > >= and ( )")


class _Parser:
    """Reads tokens by recursive descent; one method a rank, from the loosest sign to the tightest."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def next(self) -> _Token | None:
        """The token that comes next."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *texts: str) -> str | None:
        """Take the next token if it is one of these signs or words."""
        token = self.next
        if token is None or token.kind not in {"sign", "name"} or token.text not in texts:
            return None
        self._at += 1
        return token.text

    def junction(self, word: str) -> Node:
        parts = [self._junction_part(word)]
        while self._take(word):
            parts.append(self._junction_part(word))
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _junction_part(self, word: str) -> Node:
        return self.junction("and") if word == "or" else self._negation()

    def _negation(self) -> Node:
        return Not(self._deeper(self._negation)) if self._take("not") else self._comparison()

    def _comparison(self) -> Node:
        left = self._calculation("+", "-")
        sign = self._take(*_COMPARISONS)
        if sign is None:
            return left
        right = self._calculation("+", "-")
        if self._take(*_COMPARISONS):
            raise FlawError("compares more than two values in a row", "write a < b and b < c")
        return Comparison(sign, left, right)

    def _calculation(self, *signs: str) -> Node:
        first, rest = self._calculation_part(signs), []
        while sign := self._take(*signs):
            rest.append((sign, self._calculation_part(signs)))
        return Calculation(first, tuple(rest)) if rest else first

    def _calculation_part(self, signs: tuple[str, ...]) -> Node:
        return self._calculation("*", "/") if "+" in signs else self._signed()

    def _signed(self) -> Node:
        return Minus(self._deeper(self._signed)) if self._take("-") else self._value()

    def _value(self) -> Node:
        token = self.next
        if token is None:
            raise FlawError("ends where a value is missing")
        if self._take("("):
            inner = self._deeper(lambda: self.junction("or"))
            if not self._take(")"):
                raise FlawError("has a bracket that is not closed")
            return inner
        self._at += 1
        if token.kind == "number":
            return Literal(Quantity(token.number, token.unit), token.text)
        if token.kind == "text":
            return Literal(token.text[1:-1], token.text)
        if token.text in {"true", "false"}:
            return Literal(token.text == "true", token.text)
        if token.kind == "sign" or token.text in {"and", "or", "not"}:
            raise FlawError(f"has {quoted(token.text)} where a value should stand")
        return Name(token.text)

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise FlawError("is nested too deeply")
        node = read()
        self._depth -= 1
        return node


def _names(node: Node) -> Iterator[str]:
    match node:
        case Name(name):
            yield name
        case Minus(inner) | Not(inner):
            yield from _names(inner)
        case Junction(_, parts):
            for part in parts:
                yield from _names(part)
        case Comparison(_, left, right):
            yield from _names(left)
            yield from _names(right)
        case Calculation(first, rest):
            yield from _names(first)
            for _, part in rest:
                yield from _names(part)


# -- evaluating


def _evaluate(node: Node, row: Mapping[str, object], units: Mapping[str, str]) -> Result:  # noqa: PLR0911 - one a kind of node
    match node:
        case Name(name):
            return _named(name, row, units)
        case Literal(value):
            return value
        case Minus(inner):
            quantity = _number(inner, row, units)
            return Quantity(-quantity.number, quantity.unit)
        case Not(inner):
            return not _truth(inner, row, units)
        case Junction(word, parts):
            truths = (_truth(part, row, units) for part in parts)
            return all(truths) if word == "and" else any(truths)
        case Comparison():
            return _compared(node, row, units)
        case Calculation(first, rest):
            quantity = _number(first, row, units)
            for sign, part in rest:
                quantity = _calculated(sign, quantity, _number(part, row, units))
            return quantity


def _named(name: str, row: Mapping[str, object], units: Mapping[str, str]) -> Result:
    value = row.get(name)
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return Quantity(float(value), units.get(name, ""))
    raise UnsetError(f"{name} has no value")


def _truth(node: Node, row: Mapping[str, object], units: Mapping[str, str]) -> bool:
    value = _evaluate(node, row, units)
    if not isinstance(value, bool):
        raise ExpressionError(f"{node_text(node)} is {_kind(value)}, not a condition")
    return value


def _number(node: Node, row: Mapping[str, object], units: Mapping[str, str]) -> Quantity:
    value = _evaluate(node, row, units)
    if not isinstance(value, Quantity):
        raise ExpressionError(f"{node_text(node)} is {_kind(value)}, not a number")
    return value


def _kind(value: Result) -> str:
    if isinstance(value, Quantity):
        return "a number"
    return f"the text {quoted(value)}" if isinstance(value, str) else str(value).lower()


def _compared(node: Comparison, row: Mapping[str, object], units: Mapping[str, str]) -> bool:
    left, right = _evaluate(node.left, row, units), _evaluate(node.right, row, units)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        numbers = _aligned(left, right)
        if numbers is None:
            raise ExpressionError(f"{node_text(node)} compares {_in_unit(left)} with {_in_unit(right)}")
        return _COMPARISONS[node.sign](numbers[0], numbers[1])
    if node.sign in {"==", "!="}:
        return (type(left) is type(right) and left == right) is (node.sign == "==")
    wrong, value = (node.left, left) if not isinstance(left, Quantity) else (node.right, right)
    raise ExpressionError(f"{node_text(wrong)} is {_kind(value)}, which is neither less nor more than anything")


def _calculated(sign: str, left: Quantity, right: Quantity) -> Quantity:
    if sign in {"+", "-"}:
        numbers = _aligned(left, right)
        if numbers is None:
            raise ExpressionError(f"{_in_unit(left)} and {_in_unit(right)} cannot be added up")
        first, second, unit = numbers
        result = Quantity(first + second if sign == "+" else first - second, unit)
    elif sign == "*":
        left, right = _share(left), _share(right)
        result = Quantity(left.number * right.number, "*".join(unit for unit in (left.unit, right.unit) if unit))
    else:
        result = _divided(left, right)
    if not math.isfinite(result.number):
        raise ExpressionError("gives a number that is too large")
    return result


def _divided(left: Quantity, right: Quantity) -> Quantity:
    if right.number == 0:
        raise ExpressionError("divides by 0")
    if left.unit and right.unit:
        numbers = _aligned(left, right)
        if numbers is not None and numbers[1] != 0:
            return Quantity(numbers[0] / numbers[1])
    left, right = _share(left), _share(right)
    unit = left.unit or ""
    if right.unit:
        unit = f"{unit or '1'}/{right.unit}" if "/" not in right.unit else f"{unit or '1'}/({right.unit})"
    return Quantity(left.number / right.number, unit)


def _aligned(left: Quantity, right: Quantity) -> tuple[float, float, str | None] | None:
    """Return two numbers in one unit, and the unit; None when they do not measure the same thing."""
    if left.unit == right.unit:
        return left.number, right.number, left.unit
    if left.unit is None or right.unit is None:
        return left.number, right.number, left.unit if right.unit is None else right.unit
    if {left.unit, right.unit} == {"", "%"}:
        return _share(left).number, _share(right).number, ""
    converted = convert(right.number, right.unit, left.unit)
    return None if converted is None or not math.isfinite(converted) else (left.number, converted, left.unit)


def _share(quantity: Quantity) -> Quantity:
    """Return per cents as a plain number."""
    return Quantity(quantity.number / 100) if quantity.unit == "%" else quantity


def _in_unit(quantity: Quantity) -> str:
    return f"a number in {quantity.unit}" if quantity.unit else "a number without a unit"

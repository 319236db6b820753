"""The value of an expression, given the values of its names and the units of these."""

import math
import operator
from collections.abc import Callable, Mapping

from wke.describe.expression.expression import (
    Calculation,
    Expression,
    Junction,
    Literal,
    Minus,
    Name,
    Node,
    Not,
    Quantity,
    Relation,
    node_text,
)
from wke.describe.expression.units import combined, convert
from wke.describe.toml.wording import quoted

Result = Quantity | str | bool

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ExpressionError(ValueError):
    """Raised when an expression has no value; the message says why."""


class UnsetError(ExpressionError):
    """A name that the expression needs has no value."""


class UnitError(ExpressionError):
    """Two values are added or compared whose units do not measure the same thing."""


def holds(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> bool:
    """Return whether a condition is true; raise ExpressionError if it has no value."""
    return _truth(expression.node, row, units or {})


def calculate(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> tuple[float, str]:
    """Return an expression's number and its unit; raise ExpressionError if it has no value or another kind of value."""
    quantity = _number(expression.node, row, units or {})
    return quantity.number, quantity.unit or ""


def number_or_nan(expression: Expression, row: Mapping[str, object], units: Mapping[str, str] | None = None) -> float:
    """Return an expression's number, NaN if it has none."""
    try:
        return calculate(expression, row, units)[0]
    except ExpressionError:
        return math.nan


def _evaluate(node: Node, row: Mapping[str, object], units: Mapping[str, str]) -> Result:  # noqa: PLR0911 - one per kind of node
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
        case Relation():
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


def _compared(node: Relation, row: Mapping[str, object], units: Mapping[str, str]) -> bool:
    left, right = _evaluate(node.left, row, units), _evaluate(node.right, row, units)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        numbers = _aligned(left, right)
        if numbers is None:
            raise UnitError(f"{node_text(node)} compares {_in_unit(left)} with {_in_unit(right)}")
        return _COMPARISONS[node.sign](numbers[0], numbers[1])
    if node.sign in {"==", "!="}:
        return (type(left) is type(right) and left == right) is (node.sign == "==")
    wrong, value = (node.left, left) if not isinstance(left, Quantity) else (node.right, right)
    raise ExpressionError(f"{node_text(wrong)} is {_kind(value)}, which cannot be less or more than another value")


def _calculated(sign: str, left: Quantity, right: Quantity) -> Quantity:
    if sign in {"+", "-"}:
        numbers = _aligned(left, right)
        if numbers is None:
            raise UnitError(f"{_in_unit(left)} and {_in_unit(right)} cannot be added or subtracted")
        first, second, unit = numbers
        result = Quantity(first + second if sign == "+" else first - second, unit)
    elif sign == "*":
        result = _multiplied(left, right)
    else:
        result = _divided(left, right)
    if not math.isfinite(result.number):
        raise ExpressionError("gives a number that is too large")
    return result


def _multiplied(left: Quantity, right: Quantity) -> Quantity:
    if known := _combined(left, right, divided=False):
        return Quantity(left.number * right.number * known[0], known[1])
    left, right = _share(left), _share(right)
    return Quantity(left.number * right.number, "*".join(unit for unit in (left.unit, right.unit) if unit))


def _combined(left: Quantity, right: Quantity, *, divided: bool) -> tuple[float, str] | None:
    """Return the factor and the unit of a product or quotient that has a unit of its own, such as joules; None for others."""
    if not left.unit or not right.unit or "%" in {left.unit, right.unit}:
        return None
    return combined(left.unit, right.unit, divided=divided)


def _divided(left: Quantity, right: Quantity) -> Quantity:
    if right.number == 0:
        raise ExpressionError("divides by 0")
    if left.unit and right.unit:
        numbers = _aligned(left, right)
        if numbers is not None and numbers[1] != 0:
            return Quantity(numbers[0] / numbers[1])
        if known := _combined(left, right, divided=True):
            return Quantity(left.number / right.number * known[0], known[1])
    left, right = _share(left), _share(right)
    unit = left.unit or ""
    if right.unit:
        unit = f"{unit or '1'}/{right.unit}" if "/" not in right.unit else f"{unit or '1'}/({right.unit})"
    return Quantity(left.number / right.number, unit)


def _aligned(left: Quantity, right: Quantity) -> tuple[float, float, str | None] | None:
    """Return two numbers in one unit, and the unit; None if they do not measure the same thing."""
    if left.unit == right.unit:
        return left.number, right.number, left.unit
    if left.unit is None or right.unit is None:
        return left.number, right.number, left.unit if right.unit is None else right.unit
    if {left.unit, right.unit} == {"", "%"}:
        return _share(left).number, _share(right).number, ""
    converted = convert(right.number, right.unit, left.unit)
    return None if converted is None or not math.isfinite(converted) else (left.number, converted, left.unit)


def _share(quantity: Quantity) -> Quantity:
    """Return a percentage as a plain number."""
    return Quantity(quantity.number / 100) if quantity.unit == "%" else quantity


def _in_unit(quantity: Quantity) -> str:
    return f"a number in {quantity.unit}" if quantity.unit else "a number without a unit"

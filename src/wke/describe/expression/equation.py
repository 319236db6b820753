"""Equations: values that are not columns of the results but are computed of columns, such as throughput divided by clients.

An expression is the name of a column (a parameter or a metric), a number, or an equation of two expressions. It is evaluated for each
trial by itself; whoever summarises the values afterwards gets intervals of the computed value, not of its parts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

from wke.describe.toml.shape import FlawError, Key
from wke.describe.toml.wording import quoted, shown
from wke.errors import did_you_mean

SIGNS: Mapping[str, str] = {"mul": "\u00d7", "div": "/", "add": "+", "sub": "\u2212"}
KEYS = ("op", "left", "right")


@dataclass(frozen=True, slots=True)
class Equation:
    """Two expressions joined by an operation: "mul", "div", "add" or "sub"."""

    op: str
    left: "Expression"
    right: "Expression"


Expression = Union[str, float, Equation]  # noqa: UP007 - a string cannot be joined by |


def read_expression(form: Any, key: Key = ()) -> Expression:
    """Return the expression that a TOML value describes; raise FlawError, `key` being the way to the value, when it describes none."""
    if isinstance(form, Mapping):
        return _read_equation(form, key)
    if isinstance(form, str):
        if not form:
            raise FlawError("must not be empty", "name a column", key)
        return form
    if isinstance(form, bool) or not isinstance(form, int | float):
        raise FlawError(f"must be a column, a number or an equation, not {shown(form)}", None, key)
    if not math.isfinite(form):
        raise FlawError("must be a finite number", None, key)
    return form


def _read_equation(form: Mapping[str, Any], key: Key) -> Equation:
    for name in form:
        if name not in KEYS:
            raise FlawError("unknown key", did_you_mean(name, KEYS), (*key, name))
    for name in KEYS:
        if name not in form:
            raise FlawError(f"{name} is missing", 'an equation is { op = "div", left = "throughput", right = "num-clients" }', key)
    if form["op"] not in SIGNS:
        raise FlawError(f"must be one of {', '.join(map(quoted, SIGNS))}, not {shown(form['op'])}", None, (*key, "op"))
    left, right = (read_expression(form[side], (*key, side)) for side in ("left", "right"))
    return Equation(form["op"], left, right)


def columns_of(expression: Expression) -> tuple[str, ...]:
    """Return the columns that an expression is computed of, from left to right."""
    if isinstance(expression, Equation):
        return (*columns_of(expression.left), *columns_of(expression.right))
    return (expression,) if isinstance(expression, str) else ()


def evaluate(expression: Expression, row: Mapping[str, object]) -> float:
    """Return an expression's value in a row of columns; NaN where a column is no number, a divisor is 0 or the result is not finite."""
    if isinstance(expression, Equation):
        left, right = evaluate(expression.left, row), evaluate(expression.right, row)
        return _calculate(expression.op, left, right)
    value = row.get(expression) if isinstance(expression, str) else expression
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def _calculate(op: str, left: float, right: float) -> float:
    if op == "div":
        value = left / right if right else math.nan
    else:
        value = left * right if op == "mul" else left + right if op == "add" else left - right
    return value if math.isfinite(value) else math.nan


def unit_of(expression: Expression, units: Mapping[str, str]) -> str | None:
    """Return the unit of an expression's values given those of columns; "" where they have none, None where it takes a physicist."""
    if not isinstance(expression, Equation):
        return units.get(expression, "") if isinstance(expression, str) else ""
    left, right = unit_of(expression.left, units), unit_of(expression.right, units)
    if left is None or right is None:
        return None
    if left == right and expression.op in {"add", "sub", "div"}:
        return "" if expression.op == "div" else left
    if not right:
        return left
    return right if not left and expression.op != "div" else None


def text_of(expression: Expression) -> str:
    """Return an expression as people write it: `(read + write) / num-clients`."""
    if isinstance(expression, Equation):
        return f"{_operand(expression.left)} {SIGNS[expression.op]} {_operand(expression.right)}"
    return expression if isinstance(expression, str) else f"{expression:g}"


def _operand(expression: Expression) -> str:
    return f"({text_of(expression)})" if isinstance(expression, Equation) else text_of(expression)

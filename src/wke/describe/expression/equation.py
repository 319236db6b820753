"""What a plot's y-axis may be in the file: text, a number, or a table `{ op = "div", left = "throughput", right = "num-clients" }`.

All become expressions. The tables are equations as wke 0.1 writes them. Results of benchmark scripts may have columns of any name, such as
"ops/s": a text that is no expression is the name of a column, and `over` finds columns whose names could also be read as expressions.
"""

import math
from collections.abc import Collection, Mapping

from wke.describe.expression.expression import MOST_DEPTH, Calculation, Expression, Literal, Node, Quantity, named, node_text
from wke.describe.expression.parser import parse_calculation
from wke.describe.toml.shape import FlawError, Key
from wke.describe.toml.wording import quoted, shown
from wke.errors import did_you_mean

SIGNS: Mapping[str, str] = {"mul": "*", "div": "/", "add": "+", "sub": "-"}
KEYS = ("op", "left", "right")


def read_expression(form: object, key: Key = ()) -> Expression:
    """Return the expression that a TOML value describes; raise FlawError for other values. `key` leads to the value."""
    if isinstance(form, str):
        return _read_text(form, key)
    node = _read_node(form, key)
    return Expression(node_text(node), node)


def over(expression: Expression, columns: Collection[str]) -> Expression:
    """Return an expression as it applies to results with these columns: its text may be the name of one."""
    return named(expression.text) if expression.text in columns else expression


def divided(expression: Expression, column: str) -> Expression:
    """Return an expression divided by a column."""
    node = Calculation(expression.node, (("/", named(column).node),))
    return Expression(node_text(node), node)


def _read_text(text: str, key: Key) -> Expression:
    if not text:
        raise FlawError("must not be empty", "name a column", key)
    try:
        return parse_calculation(text)
    except FlawError:
        return named(text)


def _read_node(form: object, key: Key) -> Node:
    if isinstance(form, str):
        if not form:
            raise FlawError("must not be empty", "name a column", key)
        return named(form).node
    if isinstance(form, Mapping):
        return _read_equation(form, key)
    if isinstance(form, bool) or not isinstance(form, int | float):
        raise FlawError(f"must be a column, a number or an equation, not {shown(form)}", None, key)
    if not math.isfinite(form):
        raise FlawError("must be a finite number", None, key)
    return Literal(Quantity(float(form), None), f"{form:g}")


def _read_equation(form: Mapping[str, object], key: Key) -> Node:
    if len(key) > MOST_DEPTH:
        raise FlawError("is nested too deeply", None, key)
    for name in form:
        if name not in KEYS:
            raise FlawError("unknown key", did_you_mean(name, KEYS), (*key, name))
    for name in KEYS:
        if name not in form:
            raise FlawError(f"{name} is missing", 'an equation is { op = "div", left = "throughput", right = "num-clients" }', key)
    sign = SIGNS.get(str(form["op"]))
    if sign is None:
        raise FlawError(f"must be one of {', '.join(map(quoted, SIGNS))}, not {shown(form['op'])}", None, (*key, "op"))
    left, right = (_read_node(form[side], (*key, side)) for side in ("left", "right"))
    return Calculation(left, ((sign, right),))

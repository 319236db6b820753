"""Equations: what they come to, row by row, and what is said of their units and in words."""

import math

import pytest

from wke.describe.expression.equation import Equation, Expression, columns_of, evaluate, read_expression, text_of, unit_of
from wke.describe.toml.shape import FlawError

ROW = {"a": 6, "b": 1.5, "zero": 0, "word": "4", "flag": True, "huge": 1e308, "nothing": math.nan}
UNITS = {"a": "1/s", "b": "1/s", "t": "ms"}


@pytest.mark.parametrize(
    ("equation", "value", "text"),
    [
        ("a", 6.0, "a"),
        (2.5, 2.5, "2.5"),
        (Equation("mul", "a", "b"), 9.0, "a × b"),
        (Equation("div", "a", "b"), 4.0, "a / b"),
        (Equation("add", "a", 1), 7.0, "a + 1"),
        (Equation("sub", "a", Equation("sub", "b", 1)), 5.5, "a − (b − 1)"),
        (Equation("div", Equation("add", "a", "b"), Equation("mul", "b", 2)), 2.5, "(a + b) / (b × 2)"),
    ],
)
def test_equations_are_computed_and_told(equation: Expression, value: float, text: str) -> None:
    """Columns, numbers and nested operations come to these values and are written with these signs."""
    assert evaluate(equation, ROW) == value
    assert text_of(equation) == text


@pytest.mark.parametrize(
    "equation",
    [
        "missing",
        "word",
        "flag",
        "nothing",
        Equation("div", "a", "zero"),
        Equation("mul", "huge", "huge"),
        Equation("add", "a", Equation("div", 1, "zero")),
    ],
)
def test_what_is_no_number_is_nan(equation: Expression) -> None:
    """A missing column, text, true, a division by zero and an overflow never come to a number, at any depth."""
    assert math.isnan(evaluate(equation, ROW))


@pytest.mark.parametrize(
    ("equation", "unit"),
    [
        ("a", "1/s"),
        ("unknown", ""),
        (3, ""),
        (Equation("div", "a", 1000), "1/s"),
        (Equation("mul", 2, "t"), "ms"),
        (Equation("add", "a", "b"), "1/s"),
        (Equation("div", "a", "b"), ""),
        (Equation("div", 1, "t"), None),
        (Equation("mul", "t", "t"), None),
        (Equation("add", "a", Equation("mul", "a", "t")), None),
    ],
)
def test_units(equation: Expression, unit: str | None) -> None:
    """A number changes no unit, like and like divide to none, and what we cannot tell is not told."""
    assert unit_of(equation, UNITS) == unit


def test_columns_from_left_to_right() -> None:
    """Numbers are no columns."""
    assert columns_of(Equation("div", Equation("add", "a", 1), "b")) == ("a", "b")


@pytest.mark.parametrize(
    ("form", "what", "key"),
    [
        ({"op": "pow", "left": 1, "right": 2}, 'must be one of "mul", "div", "add", "sub", not the text "pow"', ("op",)),
        ({"op": "mul", "left": 1}, "right is missing", ()),
        ({"op": "mul", "left": 1, "rigth": 2, "right": 2}, "unknown key", ("rigth",)),
        (
            {"op": "mul", "left": {"op": "add", "left": True, "right": 1}, "right": 2},
            "must be a column, a number or an equation, not true",
            ("left", "left"),
        ),
        ({"op": "mul", "left": math.inf, "right": 2}, "must be a finite number", ("left",)),
        ({"op": "mul", "left": "", "right": 2}, "must not be empty", ("left",)),
        ([1], "must be a column, a number or an equation, not a list", ()),
    ],
)
def test_what_is_no_equation(form: object, what: str, key: tuple[str, ...]) -> None:
    """Each mistake is named at its place in the equation."""
    with pytest.raises(FlawError) as caught:
        read_expression(form)
    assert (str(caught.value), caught.value.key) == (what, key)

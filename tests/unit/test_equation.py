"""The y-axis of a plot: text, numbers and equation tables of wke 0.1 become expressions; what these give, row by row."""

import math

import pytest

from wke.describe.expression.equation import divided, over, read_expression
from wke.describe.expression.evaluation import calculate, number_or_nan
from wke.describe.expression.expression import MOST_DEPTH
from wke.describe.expression.parser import parse
from wke.describe.toml.shape import FlawError

ROW = {"a": 6, "b": 1.5, "zero": 0, "word": "4", "flag": True, "huge": 1e308, "nothing": math.nan, "p": 2.0, "q": 500.0}
UNITS = {"a": "1/s", "b": "1/s", "p": "ms", "q": "us"}


def table(op: str, left: object, right: object) -> dict[str, object]:
    return {"op": op, "left": left, "right": right}


FORMS = [
    ("a", 6.0, "a", "a"),
    (2.5, 2.5, "2.5", "2.5"),
    (table("mul", "a", "b"), 9.0, "a * b", "a × b"),
    (table("div", "a", "b"), 4.0, "a / b", "a / b"),
    (table("add", "a", 1), 7.0, "a + 1", "a + 1"),
    (table("sub", "a", table("sub", "b", 1)), 5.5, "a - (b - 1)", "a − (b − 1)"),
    (table("div", table("add", "a", "b"), table("mul", "b", 2)), 2.5, "(a + b) / (b * 2)", "(a + b) / (b × 2)"),
    ("(a + b) / (b * 2)", 2.5, "(a + b) / (b * 2)", "(a + b) / (b × 2)"),
]


@pytest.mark.parametrize(("form", "value", "text", "printed"), FORMS, ids=[printed for *_, printed in FORMS])
def test_forms_of_a_y_axis(form: object, value: float, text: str, printed: str) -> None:
    """Columns, numbers, nested tables and text give these values and are printed with these signs."""
    expression = read_expression(form)
    assert number_or_nan(expression, ROW) == value
    assert (expression.text, expression.printed()) == (text, printed)


def test_a_table_and_its_text_are_one_expression() -> None:
    """There is one language: the tables are only another spelling."""
    assert read_expression(table("div", "a", table("mul", "b", 2))) == parse("a / (b * 2)")


@pytest.mark.parametrize(
    "form", ["missing", "word", "flag", "nothing", "a / zero", "huge * huge", table("add", "a", table("div", 1, "zero"))]
)
def test_what_is_not_a_number_is_nan(form: object) -> None:
    """A missing column, text, true, a division by zero and an overflow give no number, at any depth."""
    assert math.isnan(number_or_nan(read_expression(form), ROW))


@pytest.mark.parametrize(
    ("form", "number", "unit"),
    [
        (table("div", "a", 1000), 0.006, "1/s"),
        (table("mul", 2, "p"), 4.0, "ms"),
        (table("add", "p", "q"), 2.5, "ms"),
        (table("add", "p", 1), 3.0, "ms"),
        (table("div", "p", "q"), 4.0, ""),
        (table("div", 1, "p"), 0.5, "1/ms"),
    ],
)
def test_units(form: object, number: float, unit: str) -> None:
    """Units are converted as in every expression; a plain number takes the unit of its neighbour."""
    assert calculate(read_expression(form), ROW, UNITS) == (pytest.approx(number), unit)


def test_a_column_with_the_name_of_an_expression() -> None:
    """Results of benchmark scripts may have columns of any name; texts that are no expression are always such names."""
    assert over(read_expression("ops/s"), ["ops/s", "ops", "s"]).names == ("ops/s",)
    assert over(read_expression("ops/s"), ["ops", "s"]).names == ("ops", "s")
    assert read_expression("99th percentile (ms)").names == ("99th percentile (ms)",)


def test_division_by_a_column() -> None:
    """It applies to the whole expression."""
    assert divided(read_expression("a + b"), "b").text == "(a + b) / b"


DEEP = MOST_DEPTH + 1


def nested(depth: int) -> object:
    return table("add", nested(depth - 1), 1) if depth else "a"


@pytest.mark.parametrize(
    ("form", "what", "key"),
    [
        (table("pow", 1, 2), 'must be one of "mul", "div", "add", "sub", not the text "pow"', ("op",)),
        ({"op": "mul", "left": 1}, "right is missing", ()),
        ({"op": "mul", "left": 1, "rigth": 2, "right": 2}, "unknown key", ("rigth",)),
        (table("mul", table("add", True, 1), 2), "must be a column, a number or an equation, not true", ("left", "left")),
        (table("mul", math.inf, 2), "must be a finite number", ("left",)),
        (table("mul", "", 2), "must not be empty", ("left",)),
        ("", "must not be empty", ()),
        ([1], "must be a column, a number or an equation, not a list", ()),
        (nested(DEEP + 1), "is nested too deeply", ("left",) * DEEP),
    ],
    ids=["op", "missing", "unknown", "true", "infinite", "empty", "empty-text", "list", "deep"],
)
def test_other_forms_are_refused(form: object, what: str, key: tuple[str, ...]) -> None:
    """Each mistake is reported at its place in the table."""
    with pytest.raises(FlawError) as caught:
        read_expression(form)
    assert (str(caught.value), caught.value.key) == (what, key)

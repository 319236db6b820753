"""Expressions: their values, the errors in others, and that no text does harm."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.expression.evaluation import ExpressionError, UnsetError, calculate, holds
from wke.describe.expression.expression import MOST_DEPTH, check_names, node_text
from wke.describe.expression.parser import parse, parse_calculation, parse_condition
from wke.describe.toml.shape import FlawError

ROW = {"engine": "old", "num-clients": 8, "fsync": True, "ops": 2000.0, "p99": 3.5, "cpu": 500.0, "lost": 0.002, "busy": 20.0, "n": 0}
UNITS = {"ops": "1/s", "p99": "ms", "cpu": "us", "busy": "%"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine == 'old' and num-clients > 32", False),
        ('engine == "old" and num-clients < 32', True),
        ("engine != 'old' or num-clients == 8", True),
        ("not engine == 'new'", True),
        ("fsync", True),
        ("not fsync or fsync", True),
        ("fsync == true and not false", True),
        ("engine == 8", False),
        ("num-clients != '8'", True),
        ("p99 < 10ms and p99 >= 3500us", True),
        ("p99 < 0.01s and p99 > 3", True),
        ("cpu < p99", True),
        ("lost < 0.1%", False),
        ("lost <= 0.2%", True),
        ("busy > 10", True),
        ("busy > 0.5", True),
        ("busy + lost == 0.202", True),
        ("2 + 3 * 4 == 14 and (2 + 3) * 4 == 20", True),
        ("10 - 3 - 2 == 5 and 16 / 4 / 2 == 2", True),
        ("-num-clients == -8 and - -1 == 1 and 2 - -1 == 3", True),
        ("1e3 == 1000 and .5 == 0.5 and 5. == 5", True),
        ("ops * 5% == 100", True),
        ("p99 + cpu == 4ms", True),
        ("p99 / cpu == 7", True),
        ("ops/num-clients == 250", True),
        ("false and n / 0 == 1 or true or n / 0 == 1", True),
    ],
)
def test_what_conditions_mean(text: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Ranks of signs, units, kinds of values; what need not be looked at is not."""
    assert holds(parse_condition(text), ROW, UNITS) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99 * 2", (7.0, "ms")),
        ("p99 - 1", (2.5, "ms")),
        ("p99 / 1s", (0.0035, "")),
        ("ops / num-clients", (250.0, "1/s")),
        ("cpu / ops", (0.25, "us/(1/s)")),
        ("1 / cpu", (0.002, "1/us")),
        ("cpu * p99", (1750.0, "us*ms")),
        ("num-clients", (8.0, "")),
        ("7", (7.0, "")),
    ],
)
def test_what_calculations_give(text: str, expected: tuple[float, str]) -> None:
    """A number and its unit."""
    number, unit = calculate(parse_calculation(text), ROW, UNITS)
    assert (pytest.approx(number), unit) == expected


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "ends where a value is missing", None),
        ("ops >", "ends where a value is missing", None),
        ("ops = 3", 'has "=" where a value or a sign should begin', "write == for equality"),
        ("a && b", 'has "&" where a value or a sign should begin', "write and"),
        ("engine == 'old", 'has "\'" where a value or a sign should begin', "put text in single quotes"),
        ("a $ b", 'has "$" where a value or a sign should begin', "the signs are + - * / == != < <= > >= and ( )"),
        ("ops 3", 'has "3" after the end of a value', "put a sign, `and` or `or` between two values"),
        ("(ops > 3", "has a bracket that is not closed", None),
        ("ops > 3)", 'has ")" after the end of a value', "put a sign, `and` or `or` between two values"),
        ("* 3", 'has "*" where a value should be', None),
        ("ops > and", 'has "and" where a value should be', None),
        ("1 < ops < 3", "compares more than two values in a row", "write a < b and b < c"),
        ("p99 < 10mss", 'has "10mss", but "mss" is not a unit', 'did you mean "ms"?'),
        ("ops > 1e999", "has the number 1e999, which is too large", None),
        ("(" * (MOST_DEPTH + 1) + "1" + ")" * (MOST_DEPTH + 1), "is nested too deeply", None),
        ("-" * 1000 + "1", "is nested too deeply", None),
        ("not " * 400 + "fsync", "is nested too deeply", None),
        ("x" * 2001, "is 2001 characters long; at most 2000 are allowed", None),
    ],
)
def test_what_is_wrong_with_a_text(text: str, what: str, hint: str | None) -> None:
    """In words, with what would mend it."""
    with pytest.raises(FlawError) as error:
        parse(text)
    assert str(error.value) == what
    assert hint is None or (error.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (parse_condition, "ops + 1", "is not a condition"),
        (parse_condition, "3", "is not a condition"),
        (parse_condition, "'x'", "is not a condition"),
        (parse_calculation, "ops > 1", "is not a calculation"),
        (parse_calculation, "not fsync", "is not a calculation"),
        (parse_calculation, "true", "is not a calculation"),
    ],
)
def test_kinds_that_do_not_fit(read: Callable[[str], object], text: str, what: str) -> None:
    """What can be told without values is told when the file is read."""
    with pytest.raises(FlawError, match=what):
        read(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ops", "ops is a number, not a condition"),
        ("engine", 'engine is the text "old", not a condition'),
        ("engine > 3", 'engine is the text "old", which cannot be less or more than another value'),
        ("3 < fsync", "fsync is true, which cannot be less or more than another value"),
        ("engine + 1 > 0", 'engine is the text "old", not a number'),
        ("ops / n > 1", "divides by 0"),
        ("p99 < ops", "p99 < ops compares a number in ms with a number in 1/s"),
        ("num-clients < 10ms", "num-clients < 10ms compares a number without a unit with a number in ms"),
        ("p99 + ops > 1", "a number in ms and a number in 1/s cannot be added or subtracted"),
        ("ops * 1e308 > 1", "gives a number that is too large"),
    ],
)
def test_what_is_wrong_with_values(text: str, what: str) -> None:
    """The column is named."""
    with pytest.raises(ExpressionError) as error:
        holds(parse_condition(text), ROW, UNITS)
    assert str(error.value) == what


def test_a_name_without_a_value() -> None:
    """It is an error of its own kind, and none where the name need not be looked at."""
    with pytest.raises(UnsetError, match=r"^depth has no value$"):
        holds(parse_condition("depth > 3"), ROW)
    assert holds(parse_condition("engine == 'old' or depth > 3"), ROW)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("thruput > 3", 'there is no metric "thruput"', 'did you mean "throughput"?'),
        ("throughput-p99 > 3", 'there is no metric "throughput-p99"', "to subtract, put spaces around the minus: throughput - p99"),
    ],
)
def test_unknown_names(text: str, what: str, hint: str) -> None:
    """The nearest known one is offered, and a minus without blanks is recognised."""
    with pytest.raises(FlawError) as error:
        check_names(parse(text), ["throughput", "p99"], "metric")
    assert (str(error.value), error.value.hint) == (what, hint)
    check_names(parse("throughput - p99 > 3"), ["throughput", "p99"], "metric")


PIECES = st.sampled_from(
    [
        *ROW,
        "and",
        "or",
        "not",
        "true",
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "(",
        ")",
        "0",
        "1",
        "2.5ms",
        "3%",
        "1e308",
        "'old'",
        "é",
        "=",
    ]
)


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map(" ".join)))
def test_no_text_does_harm(text: str) -> None:
    """Whatever it is, there is a value or one of our two errors, and as it is written back it means the same."""
    try:
        expression = parse(text)
    except FlawError:
        return
    again = parse(node_text(expression.node))
    assert set(again.names) == set(expression.names)
    for value_of in (holds, calculate):
        try:
            value = value_of(expression, ROW, UNITS)
        except ExpressionError:
            with pytest.raises(ExpressionError):
                value_of(again, ROW, UNITS)
        else:
            assert value_of(again, ROW, UNITS) == value


NUMBERS = st.recursive(
    st.integers(0, 9).map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})") | inner.map("-{}".format)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(NUMBERS)
def test_arithmetic_is_that_of_school(text: str) -> None:
    """The same text means the same number elsewhere."""
    assert calculate(parse(text), {})[0] == eval(text)

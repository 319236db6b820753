"""The forms that values of an experiment file may have: what is accepted for a key, and what it becomes."""

import re

from wke.describe.experiment.experiment import FRESH
from wke.describe.experiment.patterns import compile_pattern
from wke.describe.experiment.plot import Filter, read_filter
from wke.describe.expression.equation import read_expression
from wke.describe.expression.expression import Expression
from wke.describe.expression.parser import parse_condition
from wke.describe.toml.limits import name_excess
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import shown
from wke.documents import TomlValue


def file_name(value: str) -> str:
    """Return a text that can be part of file names unchanged; raise FlawError for any other."""
    if not value or re.search(r"[/\0\n]", value) or value.startswith("."):
        raise FlawError("becomes part of file names: it must not be empty, start with a dot or contain a slash")
    if excess := name_excess(value):
        raise FlawError(f"becomes part of file names, and {excess}", "shorten it")
    return value


def enough_rounds(value: int) -> int:
    """Accept a number of fresh rounds: none, or as many as an interval needs that may be relied upon."""
    if value < 0 or 0 < value < FRESH:
        raise FlawError(f"must be 0 or at least {FRESH}, not {value}", "with 0 nothing is measured again, and figures say so")
    return value


def number_or_template(value: TomlValue) -> str:
    """Accept a whole number where text is expected: 3 means the template "3"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FlawError(f'must be a whole number or a template such as "{{num-clients}}", not {shown(value)}')
    return str(value)


def url_path(value: str) -> str:
    """Accept the path of a URL, perhaps with a query."""
    if not re.fullmatch(r"/[!-~]*", value):
        raise FlawError("must begin with a slash, without blanks, and with every other sign than ASCII encoded", 'write path = "/metrics"')
    return value


def pattern(value: str) -> str:
    """Accept a regular expression."""
    compile_pattern(value)
    return value


def expressions(value: TomlValue) -> tuple[Expression, ...]:
    """Turn a column, an expression or a list of them into expressions."""
    if isinstance(value, list):
        return tuple(read_expression(one, (index,)) for index, one in enumerate(value))
    return (read_expression(value),)


def normaliser(value: TomlValue) -> str | Filter:
    """Accept the name of a column or a filter."""
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, dict):
        raise FlawError(f"must be a column or a table, not {shown(value)}", 'write { key = "engine", value = "old" } to divide by its mean')
    return read_filter(value, ())


def listed(value: TomlValue) -> TomlValue:
    """Turn one text into a list of one."""
    return [value] if isinstance(value, str) else value


def as_iterations(value: TomlValue) -> TomlValue:
    """Turn the short form, a number of iterations, into a table."""
    if isinstance(value, bool) or not isinstance(value, int | dict):
        raise FlawError(f'must be a whole number or {{ min = 5, max = 30, precision = "5%" }}, not {shown(value)}')
    if isinstance(value, dict):
        return value
    if value < 1:
        raise FlawError(f"must be at least 1, not {value}")
    return {"max": value}


def condition(value: TomlValue) -> Expression:
    """Read a text as a condition."""
    if not isinstance(value, str):
        raise FlawError(f"must be a condition in quotes, not {shown(value)}", "write when = \"engine == 'old'\"")
    return parse_condition(value)


def labels(value: TomlValue) -> TomlValue:
    """Turn a list of labels into a table with their positions as keys."""
    if isinstance(value, list):
        return dict(enumerate(value))
    if not isinstance(value, dict):
        raise FlawError(f"must be a list of labels or a table from value to label, not {shown(value)}")
    return value

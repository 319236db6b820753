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
from wke.errors import did_you_mean


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


WIDTHS = {  # inches; a point of TeX is 1/72.27 of one
    "acm": 241.15 / 72.27,  # acmart, two columns
    "acm-wide": 506.3 / 72.27,
    "ieee": 252 / 72.27,  # IEEEtran
    "ieee-wide": 516 / 72.27,
    "usenix": 3.335,  # two columns of a text of 7 inches, 0.33 inches apart
    "usenix-wide": 7.0,
    "springer": 122 / 25.4,  # llncs, one column
    "springer-column": 84 / 25.4,  # journals
    "springer-wide": 174 / 25.4,
}
UNITS_IN = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}
LEAST_IN, MOST_IN = 1.0, 40.0


def figure_width(value: TomlValue) -> float:
    """Return the width of a figure in inches: that of a column of a publisher, or a length with its unit."""
    example = 'write width = "acm", or a length such as "8.5cm"'
    if not isinstance(value, str):
        raise FlawError(f"must be a text, not {shown(value)}", example)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(in|cm|mm|pt)\s*", value)
    if found is None and value not in WIDTHS:
        raise FlawError(f"must be a length or one of {', '.join(WIDTHS)}, not {shown(value)}", did_you_mean(value, WIDTHS) or example)
    inches = WIDTHS[value] if found is None else float(found[1]) * UNITS_IN[found[2]]
    if not LEAST_IN <= inches <= MOST_IN:
        raise FlawError(f"must be from {LEAST_IN:g} to {MOST_IN:g} inches, not {value.strip()}")
    return inches


STYLES = ("whitegrid", "darkgrid", "white", "dark", "ticks")
"""The styles that wke 0.1 has."""
STYLE_FILE = ".mplstyle"


def figure_style(value: str) -> str:
    """Return a style unchanged: one of STYLES, or the file of one of matplotlib, which is looked for when it is drawn."""
    if value not in STYLES and not value.endswith(STYLE_FILE):
        known = ", ".join(f'"{name}"' for name in STYLES)
        hint = did_you_mean(value, STYLES)
        raise FlawError(f'must be one of {known}, or a style of matplotlib such as "ggplot{STYLE_FILE}", not {shown(value)}', hint)
    return value

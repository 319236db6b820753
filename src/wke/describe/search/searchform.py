"""How a file writes a search: the table of a parameter that has the key `find`."""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from wke.describe.expression.expression import Expression
from wke.describe.expression.parser import parse_calculation, parse_condition
from wke.describe.expression.quantity import NUMBER
from wke.describe.search.search import MAX, MIN, Search, readable
from wke.describe.toml.limits import LARGEST_INTEGER
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted, shown
from wke.documents import TomlValue
from wke.errors import did_you_mean

FIND = "find"
KEYS: Mapping[str, tuple[str, ...]] = {
    MAX: (FIND, "while", "from", "to", "start", "trials", "completions", "unit"),
    MIN: (FIND, "while", "from", "to", "trials", "load", "unit"),
}
EXAMPLES: Mapping[str, str] = {
    MAX: 'rate = { find = "max", while = "p99 < 10ms", from = 100, to = "1M" }',
    MIN: 'servers = { find = "min", while = "p99 < 10ms", from = 1, to = 8 }',
}
TRIALS: Mapping[str, int] = {MAX: 12, MIN: 3}
FEWEST: Mapping[str, int] = {MAX: 8, MIN: 1}
MOST_TRIALS = 100
MOST_SIZES = 1000
UNIT = "requests/s"

_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_RATE = re.compile(rf"\s*({NUMBER})\s*([kKMG]?)\s*(?:1?/s)?\s*")
V = TypeVar("V")


def read_search(form: Mapping[str, TomlValue]) -> Search:
    """Return the search that a table describes; raise FlawError, whose key leads to the mistake, for any other table."""
    find = form[FIND]
    if not isinstance(find, str) or find not in KEYS:
        raise FlawError(f'must be "max" or "min", not {shown(find)}', None, (FIND,))
    for key in form:
        if key not in KEYS[find]:
            raise FlawError(f"unknown key of a search for the {find}", did_you_mean(key, KEYS[find]), (key,))
    for key in ("while", "from", "to"):
        if key not in form:
            raise FlawError(f"{key} is missing", f"a search is {EXAMPLES[find]}")
    number = _rate if find == MAX else _size
    lowest, highest = _read(form, "from", number), _read(form, "to", number)
    if lowest >= highest:
        raise FlawError(f"must be more than from, not {shown(form['to'])}", None, ("to",))
    if find == MIN and highest - lowest >= MOST_SIZES:
        raise FlawError(f"gives more than {MOST_SIZES} values", "search in a smaller range", ("to",))
    return Search(
        find=find,
        condition=_read(form, "while", _condition),
        lowest=lowest,
        highest=highest,
        start=_start(form, lowest, highest),
        trials=_trials(form, find),
        completions=_read(form, "completions", _calculation) if "completions" in form else None,
        load=_read(form, "load", _text) if "load" in form else None,
        unit=_read(form, "unit", _text) if "unit" in form else UNIT if find == MAX else "",
    )


def _read(form: Mapping[str, TomlValue], key: str, read: Callable[[TomlValue], V]) -> V:
    """Return what a key's value means; a FlawError has the key."""
    try:
        return read(form[key])
    except FlawError as error:
        raise FlawError(str(error), error.hint, (key,)) from None


def _start(form: Mapping[str, TomlValue], lowest: float, highest: float) -> float:
    """Return where a search starts: as given, else in the middle between its ends, by ratio."""
    if "start" not in form:
        return readable(math.sqrt(lowest * highest))
    start = _read(form, "start", _rate)
    if not lowest <= start <= highest:
        raise FlawError(f"must be between from and to, not {shown(form['start'])}", None, ("start",))
    return start


def _trials(form: Mapping[str, TomlValue], find: str) -> int:
    trials = form.get("trials", TRIALS[find])
    if isinstance(trials, bool) or not isinstance(trials, int):
        raise FlawError(f"must be a whole number, not {shown(trials)}", None, ("trials",))
    if not FEWEST[find] <= trials <= MOST_TRIALS:
        raise FlawError(f"must be from {FEWEST[find]} to {MOST_TRIALS}, not {trials}", None, ("trials",))
    if find == MIN and trials % 2 == 0:
        raise FlawError(f"must be odd, not {trials}", "a value holds if it does in most of its trials", ("trials",))
    return trials


def _rate(value: TomlValue) -> float:
    """Accept a positive number, or a text such as "12k" or "1M/s"."""
    found = math.nan
    if isinstance(value, str) and (match := _RATE.fullmatch(value)):
        found = float(match[1]) * _SCALES[match[2].lower()]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    if not 0 < found <= LARGEST_INTEGER:
        raise FlawError(f"must be a positive number, not {shown(value)}", 'write 100, or "12k", "1M" for 12 000, 1 000 000')
    return found


def _size(value: TomlValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FlawError(f"must be a whole number of at least 1, not {shown(value)}", "the smallest of a range of whole numbers is searched")
    return float(value)


def _condition(value: TomlValue) -> Expression:
    if not isinstance(value, str):
        raise FlawError(f"must be a condition in quotes, not {shown(value)}", 'write while = "p99 < 10ms"')
    return parse_condition(value)


def _calculation(value: TomlValue) -> Expression:
    if not isinstance(value, str):
        raise FlawError(f"must be a metric or a calculation in quotes, not {shown(value)}", 'write completions = "requests"')
    return parse_calculation(value)


def _text(value: TomlValue) -> str:
    if not isinstance(value, str) or not value:
        raise FlawError(f"must be a text, not {shown(value)}", f"write it in quotes: {quoted('rate')}")
    return value

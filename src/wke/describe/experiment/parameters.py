"""Reads the table [parameters] of an experiment file, and the tables named by sub-parameters, into a sweep."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from fractions import Fraction
from math import isfinite

from wke.describe.experiment.sweep import Choice, Parameter, Sweep, Value
from wke.describe.search.search import Search
from wke.describe.search.searchform import FIND, read_search
from wke.describe.toml.limits import LARGEST_INTEGER, MOST_NESTED, MOST_POINTS
from wke.describe.toml.shape import FlawError, Key, present_spelling
from wke.describe.toml.tables import key_text
from wke.describe.toml.wording import shown
from wke.documents import TomlValue
from wke.errors import Location, Problem, did_you_mean
from wke.values import dataclass

At = Callable[..., Location]

LARGEST_EXPONENT = 10_000
EXACT_EXPONENT = 400
MOST_TABLES = 10_000
ROOT = "parameters"
CHOICE = "sub-parameters"
CLIMB = "hill-climb"


def read_sweep(tables: Mapping[str, TomlValue], at: At, problems: list[Problem]) -> Sweep:
    """Return the sweep of the table `parameters`; `tables` also has those of sub-parameters. Mistakes are added to `problems`."""
    before = len(problems)
    try:
        sweep = _Reader(tables, at, problems).sweep(ROOT, {}, ())
        size = sweep.size
    except OverflowError:
        size = MOST_POINTS + 1
    if len(problems) == before and size > MOST_POINTS:
        what = f"the sweep has more than {MOST_POINTS} points"
        problems.append(Problem(what, at(ROOT), "vary fewer parameters in one experiment, or take larger steps"))
    return Sweep() if size > MOST_POINTS else sweep


@dataclass(frozen=True, slots=True)
class _Reader:
    """The tables of one file, and the list of its problems."""

    tables: Mapping[str, TomlValue]
    at: At
    problems: list[Problem]
    read: Counter[str] = field(default_factory=Counter)  # values and tables; one that is chosen several times counts each time

    def wrong(self, what: str, hint: str | None, *key: str | int) -> None:
        self.problems.append(Problem(what, self.at(*key), hint))

    def sweep(self, table: str, outer: Mapping[str, str], path: tuple[str, ...]) -> Sweep:
        """Read one table. `outer` maps the varied parameters of outer loops to their tables; `path` leads from the root to this table."""
        self.read["tables"] += 1
        if self.read["tables"] > MOST_TABLES:
            raise OverflowError
        loops: list[Parameter | Choice] = []
        varied = dict(outer)
        for name, form in self.tables.get(table, {}).items():
            if present_spelling(name) == CHOICE:
                for choice in self.choices(table, form, varied, (*path, table)):
                    loops.append(choice)  # before the next choice is read, whose varied parameters must differ
                    varied |= {p.name: inside for inside, sweep in choice.tables.items() for p in sweep.flat() if p.size > 1}
                continue
            if name in varied:
                what = f"is already varied in [{varied[name]}]"
                self.wrong(what, "only one table may vary a parameter; remove one of the two", table, name)
            loops.append(self.parameter(form, table, name))
            if loops[-1].size > 1:
                varied[name] = table
        return Sweep(tuple(loop for loop in loops if loop.size))

    def climbs(self, form: TomlValue, table: str, name: str) -> bool:
        """Return whether a parameter is climbed; only the innermost loop can be."""
        wishes = [key for key in form if present_spelling(key) == CLIMB] if isinstance(form, Mapping) else []
        for key in wishes:
            if not isinstance(form[key], bool):
                self.wrong(f"must be true or false, not {shown(form[key])}", None, table, name, key)
            elif form[key] and (table != ROOT or name != list(self.tables[ROOT])[-1]):
                hint = f"each setting of the other parameters has its own search: put it last in [{ROOT}]"
                self.wrong("only the last parameter can be climbed", hint, table, name, key)
            elif form[key]:
                return True
        return False

    def parameter(self, form: TomlValue, table: str, name: str) -> Parameter:
        """Read one parameter."""
        search = None
        if isinstance(form, Mapping) and FIND in form:
            search = self.search(form, table, name)
            values: tuple[Value, ...] = search.values if search else ()
        else:
            values = tuple(self.values(form, table, name))
        self.read["values"] += len(values)
        if self.read["values"] > MOST_POINTS:
            raise OverflowError
        return Parameter(name, values, climb=search is None and self.climbs(form, table, name), search=search)

    def search(self, form: Mapping[str, TomlValue], table: str, name: str) -> Search | None:
        """Return the search of a parameter; one parameter of the root table can have one."""
        try:
            search = read_search(form)
        except FlawError as error:
            self.wrong(str(error), error.hint, table, name, *error.key)
            return None
        self.read["searches"] += 1
        if table != ROOT:
            self.wrong("only a parameter of the experiment can be searched", f"write it in [{ROOT}]", table, name, FIND)
        elif self.read["searches"] > 1:
            hint = "give the other one as a list or a range: the answer is then found for each of its values"
            self.wrong("a second parameter is searched", hint, table, name, FIND)
        return search

    def choices(self, table: str, form: TomlValue, varied: Mapping[str, str], path: tuple[str, ...]) -> Iterator[Choice]:
        key = (table, CHOICE)
        if not isinstance(form, list) or not form:
            self.wrong(f"must be a list of table names, not {shown(form)}", 'write sub-parameters = ["foo", "bar"]', *key)
            return
        nested = all(isinstance(group, list) and group for group in form)
        if not nested and not all(isinstance(name, str) for name in form):
            hint = 'a choice is ["foo", "bar"], a product of two choices [["foo", "bar"], ["x", "y"]]'
            self.wrong("must contain table names, or lists of them", hint, *key)
            return
        for group_index, group in enumerate(form if nested else [form]):
            chosen = {}
            for index, name in enumerate(group):
                place: Key = (*key, group_index, index) if nested else (*key, index)
                if self.is_table(name, place, path):
                    chosen[name] = self.sweep(name, varied, path)
            if chosen:
                yield Choice(chosen)

    def is_table(self, name: TomlValue, place: Key, path: tuple[str, ...]) -> bool:
        """Return whether a sub-parameter names a table that can be read here."""
        if not isinstance(name, str):
            self.wrong(f"must be the name of a table, not {shown(name)}", None, *place)
        elif len(path) > MOST_NESTED:
            self.wrong("is nested too deeply", f"at most {MOST_NESTED} tables may choose one another", *place)
        elif name in path:
            self.wrong(f"goes in a circle: {' -> '.join((*path[path.index(name) :], name))}", "a table cannot choose itself", *place)
        elif not isinstance(self.tables.get(name), Mapping):
            known = [table for table, content in self.tables.items() if isinstance(content, Mapping) and table not in path]
            self.wrong(f"there is no table [{name}] in this file", did_you_mean(name, known), *place)
        else:
            return True
        return False

    def values(self, form: TomlValue, *key: str) -> Iterator[Value]:
        """Yield the values of a parameter, which is a value, a list or a range."""
        if isinstance(form, Mapping):
            yield from self.range(form, *key)
            return
        if form == []:
            self.wrong("has no value", "give at least one", *key)
        for index, value in enumerate(form if isinstance(form, list) else [form]):
            place: Key = (*key, index) if isinstance(form, list) else key
            if not isinstance(value, Value):
                self.wrong(f"must be text, a number, true or false, not {shown(value)}", None, *place)
            elif isinstance(value, float) and not isfinite(value):
                self.wrong("must be a finite number", None, *place)
            else:
                yield value

    def range(self, form: Mapping[str, TomlValue], *key: str) -> Iterator[Value]:
        before = len(self.problems)
        numbers = self.numbers(form, *key)
        if len(self.problems) == before:
            for part in ("start", "end"):
                if part not in numbers:
                    self.wrong(f"{part} is missing", f"a range is {key_text(key[-1:])} = {{ start = 1, end = 10 }}", *key)
        if len(self.problems) == before:
            try:
                yield from _exponential(numbers) if "base" in numbers else _linear(numbers)
            except ValueError as error:
                self.wrong(str(error), None, *key)
            except OverflowError:
                self.wrong("contains a number that is too large", None, *key)

    def numbers(self, form: Mapping[str, TomlValue], *key: str) -> dict[str, int | float]:
        """Return the numbers of a range by their keys."""
        known = ("base", "start", "end", "step-size")
        numbers: dict[str, int | float] = {"step-size": 1}
        for written, number in form.items():
            part = present_spelling(written)
            if part == CLIMB:
                continue  # see climbs
            if part not in known:
                self.wrong("unknown key", did_you_mean(part, [*known, CLIMB, FIND]), *key, written)
            elif isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
                self.wrong(f"must be a number, not {shown(number)}", None, *key, written)
            else:
                numbers[part] = number
        return numbers


def _linear(numbers: Mapping[str, int | float]) -> list[Value]:
    """Return start, start + step, … up or down to end; floats are added as the decimal numbers that the file has."""
    start, end, step = (Fraction(str(numbers[part])) for part in ("start", "end", "step-size"))
    if step == 0:
        raise ValueError("step-size must not be 0")
    if step < 0 and end > start:
        raise ValueError(f"cannot count from {numbers['start']} up to {numbers['end']} in negative steps")
    step = abs(step) if end >= start else -abs(step)
    count = (end - start) // step + 1
    if count > MOST_POINTS:
        raise ValueError(f"has {count} values; at most {MOST_POINTS} are allowed")
    whole = isinstance(numbers["start"], int) and isinstance(numbers["step-size"], int)
    return [_number(start + index * step, whole=whole) for index in range(count)]


def _exponential(numbers: Mapping[str, int | float]) -> list[Value]:
    """Return base to the power of each number of the linear range."""
    base = numbers["base"]
    if base <= 0:
        raise ValueError(f"base must be more than 0, not {base}")
    if max(abs(numbers["start"]), abs(numbers["end"])) > LARGEST_EXPONENT:
        raise ValueError(f"an exponent of more than {LARGEST_EXPONENT} gives a number that is too large")
    return [_power(base, exponent) for exponent in _linear(numbers) if not isinstance(exponent, str)]


def _power(base: float, exponent: float) -> Value:
    if exponent != int(exponent) or (isinstance(base, float) and abs(exponent) > EXACT_EXPONENT):
        return _number(Fraction(float(base) ** exponent), whole=False)
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    return _number(Fraction(str(base)) ** int(exponent), whole=whole)


def _number(value: Fraction, *, whole: bool) -> int | float:
    if not whole:
        return float(value)
    if abs(value) > LARGEST_INTEGER:
        raise OverflowError
    return int(value)

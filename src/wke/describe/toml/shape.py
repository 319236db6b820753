"""The shape of a TOML table: a class whose annotated names are the table's keys, and the reader that checks a table against it.

    class Server(TableModel):
        host: NonEmpty
        port: Annotated[int, Bounds(at_least=1, at_most=65535)] = 22

Keys are the names in kebab-case (a trailing underscore is dropped). Those without a default are required, all other keys are refused.
An annotation is str, int, float, bool, TomlValue, a `Literal` of texts, a TableModel, `Mapping[str, X]`, `Items[X]` (a list), `X | Y`,
`X | None` for a key that may be left out, or any of these `Annotated` with further rules.
Types are exact, except that a whole number is a number too.

This is not a library because every command reads files when it starts: docs/decisions/0003.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin

from wke.describe.toml.limits import MOST_ENTRIES, name_excess
from wke.describe.toml.wording import not_among, of_other_type
from wke.documents import TomlValue
from wke.errors import did_you_mean
from wke.values import dataclass

Key = tuple[str | int, ...]
T = TypeVar("T")
Items = tuple[T, ...]
"""A TOML list as a tuple."""

OLD_SPELLINGS: Mapping[str, str] = {"num-iterations": "iterations", "arguments": "options", "group-by": "sort-by"}

UNKNOWN = "unknown key"
_WRONG = object()
"""Takes the place of a value with a mistake."""


class FlawError(ValueError):
    """Raised by a check: what is wrong with the value and how to correct it. `key` leads from the value to the mistake in it."""

    def __init__(self, what: str, hint: str | None = None, key: Key = ()) -> None:
        super().__init__(what)
        self.hint = hint
        self.key = key


@dataclass(frozen=True, slots=True)
class Before:
    """The value in the file is first given to `function`, whose result must have the annotated type. It may raise any ValueError.

    `form` is the type of the value in the file, for the JSON Schema.
    """

    function: Callable[[TomlValue], object]
    form: object


@dataclass(frozen=True, slots=True)
class After:
    """A value of the right type is given to `function`, which returns it or raises any ValueError."""

    function: Callable[[TomlValue], object]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number must be within these bounds."""

    at_least: float | None = None
    over: float | None = None
    at_most: float | None = None

    def check(self, number: float, written: object) -> None:
        """Raise FlawError for a number outside the bounds; `written` is its spelling in the file."""
        if self.at_least is not None and number < self.at_least:
            raise FlawError(f"must be at least {self.at_least}, not {written}")
        if self.over is not None and not number > self.over:
            raise FlawError(f"must be more than {self.over}, not {written}")
        if self.at_most is not None and number > self.at_most:
            raise FlawError(f"must be at most {self.at_most}, not {written}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A text must not be empty."""


@dataclass(frozen=True, slots=True)
class Most:
    """A list or table must not have more entries."""

    number: int = MOST_ENTRIES

    def check(self, value: Sequence[object] | Mapping[str, object]) -> None:
        """Raise FlawError for too many entries."""
        if len(value) > self.number:
            raise FlawError(f"has {len(value)} entries; at most {self.number} are allowed", "divide it among several files")


def _short(value: str) -> str:
    if excess := name_excess(value):
        raise FlawError(excess, "shorten the name")
    return value


NonEmpty = Annotated[str, Filled()]
Name = Annotated[str, Filled(), After(_short)]
"""A text that names something that a file, a folder or a key is called."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class TableModel:
    """A TOML table of wke. `given` are the attributes that the file sets; with `others=True` a table may contain other keys."""

    keys: ClassVar[Mapping[str, str]]
    """The attribute of each key."""
    open: ClassVar[bool] = False
    given: ClassVar[frozenset[str]] = frozenset()
    others: ClassVar[Mapping[str, TomlValue]] = {}

    def __init_subclass__(cls, *, others: bool = False) -> None:
        cls.open = others
        cls.keys = {name.rstrip("_").replace("_", "-"): name for name in cls.__annotations__}

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values, given=frozenset(values))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def check(self) -> None:
        """Raise FlawError when the values do not fit together."""


M = TypeVar("M", bound=TableModel)


def _alternative(forms: Sequence[Any], value: object) -> Any:
    """Return which of several types a value has; the first if it has none of them. None, which TOML does not have, is never it."""
    kind = type(value)
    exact = (form for form in forms if kind is (get_origin(form) or form) or (form is float and kind is int))
    return next(exact, forms[0])


def value_of(kind: Callable[..., T], table: TableModel, **others: object) -> T:
    """Return a dataclass whose fields have the values of a table's keys of the same names, except `others`, which are given."""
    fields = kind.__annotations__
    return kind(**{name: getattr(table, name) for name in table.keys.values() if name in fields} | others)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the value at `key`."""

    key: Key
    what: str
    hint: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it is a key that the table does not have."""
        return self.what == UNKNOWN


@dataclass(frozen=True, slots=True)
class OldSpelling:
    """In the table at `key`, the key `old` is an old spelling of `new`."""

    key: Key
    old: str
    new: str


def present_spelling(key: str) -> str:
    """Return the present spelling of a key, which may be in an old one."""
    dashed = key.replace("_", "-")
    return OLD_SPELLINGS.get(dashed, dashed)


class Reader:
    """Reads one document; collects its `mistakes` and old `spellings`.

    A `tolerant` reader leaves wrong values out, so that what remains can be checked too: a key has its default then, and a list lacks the
    elements in `holes`.
    """

    def __init__(self, *, tolerant: bool = False) -> None:
        self.mistakes: list[Mistake] = []
        self.spellings: list[OldSpelling] = []
        self.holes: dict[Key, list[int]] = {}
        self._tolerant = tolerant

    def table(self, model: type[M], data: object) -> M | None:
        """Return a document as its model; None if it has mistakes other than unknown keys that cannot be left out."""
        value = self._table(model, data, ())
        return value if isinstance(value, model) else None

    def _wrong(self, key: Key, what: str, hint: str | None = None) -> object:
        self.mistakes.append(Mistake(key, what, hint))
        return _WRONG

    def _flaw(self, key: Key, error: ValueError) -> object:
        return self._wrong((*key, *getattr(error, "key", ())), str(error), getattr(error, "hint", None))

    def _value(self, annotation: Any, value: object, key: Key) -> object:
        """Return a value converted to its annotation, or `_WRONG` after recording the mistake."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is None:
            return self._simple(annotation, value, key)
        if origin is Annotated:
            return self._annotated(arguments[0], arguments[1:], value, key)
        if origin is Literal:
            return value if value in arguments else self._wrong(key, *not_among(arguments, value))
        if origin is tuple:
            return self._list(arguments[0], value, key)
        if origin in {UnionType, Union}:
            return self._value(_alternative(arguments, value), value, key)
        return self._mapping(arguments[1], value, key)

    def _simple(self, annotation: Any, value: object, key: Key) -> object:
        if annotation is TomlValue or type(value) is annotation or (annotation is float and type(value) is int):
            return value
        if issubclass(annotation, TableModel):
            return self._table(annotation, value, key)
        return self._wrong(key, *of_other_type(annotation, value))

    def _annotated(self, inner: Any, rules: Iterable[object], written: object, key: Key) -> object:
        value: TomlValue = written
        try:
            for rule in rules:
                if isinstance(rule, Before):
                    value = rule.function(value)
            value = self._value(inner, value, key)
            for rule in rules if value is not _WRONG else ():
                if isinstance(rule, After):
                    value = rule.function(value)
                elif isinstance(rule, Bounds):
                    rule.check(value, written)
                elif isinstance(rule, Most):
                    rule.check(value)
                elif isinstance(rule, Filled) and not value:
                    raise FlawError("must not be empty")
        except ValueError as error:
            return self._flaw(key, error)
        return value

    def _list(self, element: Any, value: object, key: Key) -> object:
        if not isinstance(value, list | tuple):
            return self._wrong(key, *of_other_type(list, value))
        items = tuple(self._value(element, item, (*key, index)) for index, item in enumerate(value))
        holes = [index for index, item in enumerate(items) if item is _WRONG]
        if holes and not self._tolerant:
            return _WRONG
        if holes:
            self.holes[key] = holes
        return tuple(item for item in items if item is not _WRONG)

    def _mapping(self, element: Any, value: object, key: Key) -> object:
        if not isinstance(value, dict):
            return self._wrong(key, *of_other_type(dict, value))
        entries = {name: self._value(element, entry, (*key, name)) for name, entry in value.items()}
        right = {name: entry for name, entry in entries.items() if entry is not _WRONG}
        return right if self._tolerant or len(right) == len(entries) else _WRONG

    def _table(self, model: type[TableModel], value: object, key: Key) -> object:
        if not isinstance(value, dict):
            return self._wrong(key, *of_other_type(dict, value))
        try:
            data = self._present(model, value, key)
        except FlawError as error:
            return self._flaw(key, error)
        known = model.keys
        others = {name: item for name, item in data.items() if name not in known}
        unknown = [] if model.open else list(others)
        for name in unknown:
            self._wrong((*key, name), UNKNOWN, did_you_mean(name, known))
        right, is_whole = self._values_of(model, data, key)
        lacks_something = any(not hasattr(model, name) and name not in right for name in known.values())
        if self._missing(model, data, unknown, key) or lacks_something or not (is_whole or self._tolerant):
            return _WRONG
        table = model(**right)
        if model.open:
            table.__dict__["others"] = others
        return self._checked(table, key, is_whole=is_whole, has_unknown=bool(unknown))

    def _values_of(self, model: type[TableModel], data: Mapping[str, object], key: Key) -> tuple[dict[str, object], bool]:
        """Return the right values of known keys by their attributes, and whether they are all."""
        known = {model.keys[name]: (name, item) for name, item in data.items() if name in model.keys}
        values = {attribute: self._value(model.__annotations__[attribute], item, (*key, name)) for attribute, (name, item) in known.items()}
        right = {attribute: value for attribute, value in values.items() if value is not _WRONG}
        return right, len(right) == len(values)

    def _checked(self, table: TableModel, key: Key, *, is_whole: bool, has_unknown: bool) -> object:
        """Return a table whose values fit together; a part of one is not checked."""
        try:
            if is_whole:
                table.check()
        except FlawError as error:
            return _WRONG if has_unknown else self._flaw(key, error)  # an unknown key may be a misspelling of what is missing
        return table

    def _missing(self, model: type[TableModel], data: Mapping[str, object], unknown: Sequence[str], key: Key) -> bool:
        """Report keys that are missing, except those that an unknown key seems to misspell; tell whether there are any."""
        missing = [name for name, attribute in model.keys.items() if name not in data and not hasattr(model, attribute)]
        for name in missing:
            if not any(did_you_mean(other, [name]).startswith("did") for other in unknown):
                self._wrong((*key, name), "is missing")
        return bool(missing)

    def _present(self, model: type[TableModel], data: Mapping[str, TomlValue], key: Key) -> Mapping[str, TomlValue]:
        """Return a table with the present spellings of its keys."""
        known = model.keys
        renamed = {name: new for name in data if name not in known and (new := present_spelling(name)) in known}
        for old, new in renamed.items():
            if new in data or list(renamed.values()).count(new) > 1:
                raise FlawError(f"is given twice: as {new} and in its old spelling {old}", "keep one of them", key=(old,))
        self.spellings += [OldSpelling(key, old, new) for old, new in renamed.items()]
        return {renamed.get(name, name): value for name, value in data.items()} if renamed else data

"""TOML files in, checked values out: the only translator between the files' kebab-case keys and our names.

A file's shape is a pydantic model derived from `TableModel`. Whatever is wrong with a file becomes a `Problem` in plain words with line,
column, key and hint; all problems of a file are raised at once, and `gather` adds up those of several files. A validator of a model
raises `FlawError` (or any ValueError) to say what is wrong with its value.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails

from wke.describe.locator import Position, locate
from wke.describe.wording import in_words, quoted, syntax_hint
from wke.errors import InputError, Location, Problem, did_you_mean

Key = tuple[str | int, ...]
T = TypeVar("T")
Spelling = tuple[dict[str, Any], str, str]
"""A table in which a key has an old spelling, that spelling, and today's."""

OLD_SPELLINGS: Mapping[str, str] = {"num-iterations": "iterations", "arguments": "options", "group-by": "sort-by"}

Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A TOML list as a tuple; its elements are checked as strictly as everything else."""


class FlawError(ValueError):
    """Raised by a model's validator: what is wrong with the value, and what would mend it. `key` leads from the value to the culprit."""

    def __init__(self, what: str, hint: str | None = None, key: Key = ()) -> None:
        super().__init__(what)
        self.hint = hint
        self.key = key


class TableModel(BaseModel):
    """A TOML table of ours: kebab-case keys, exact types, no unknown keys, old spellings accepted."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=lambda name: name.rstrip("_").replace("_", "-"),
        defer_build=True,  # a command pays only for the files it reads
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_old_spellings(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict):
            return data
        known = {field.alias for field in cls.model_fields.values()}
        renamed = {key: new for key in data if key not in known and (new := present_spelling(key)) in known}
        for old, new in renamed.items():
            if new in data or list(renamed.values()).count(new) > 1:
                raise FlawError(f"is given twice, as {new} and in its old spelling {old}", "keep one of them", key=(old,))
        if isinstance(info.context, list):
            info.context.extend((data, old, new) for old, new in renamed.items())
        return {renamed.get(key, key): value for key, value in data.items()}


M = TypeVar("M", bound=TableModel)


@dataclass(frozen=True, slots=True)
class Table(Generic[M]):
    """A file that was read: its value, and where each of its keys stands. `old_spellings` is what `wke check` would say about them."""

    path: Path
    value: M
    positions: Mapping[Key, Position]
    old_spellings: tuple[Problem, ...] = ()

    def at(self, *key: str | int) -> Location:
        """Return where a key stands, spelled old or new; a key that is not in the file stands where its nearest parent does."""
        return _where(self.path, self.positions, key)


def present_spelling(key: str) -> str:
    """Return today's spelling of a key that may be written in an old one."""
    dashed = key.replace("_", "-")
    return OLD_SPELLINGS.get(dashed, dashed)


def read(path: Path, model: type[M], build: Callable[[Table[M], list[Problem]], T]) -> T:
    """Read a file and build a value of it; raise one InputError with everything that is wrong, by line.

    `build` gets the table and a list, and appends to the list what is wrong with the meaning of the file. It runs when the file's shape
    is right, unknown keys aside: they are raised together with what `build` finds.
    """
    document = _open(path)
    spellings: list[Spelling] = []
    problems: list[Problem] = []
    value = _validated(document, model, spellings, problems)
    if value is None:
        raise _in_order(path, problems)
    result = build(Table(path, value, document.positions, tuple(_old_spellings(document, spellings))), problems)
    if problems:
        raise _in_order(path, problems)
    return result


def load(path: Path, model: type[M]) -> Table[M]:
    """Read a file whose shape is all there is to check; raise one InputError with all its problems, by line."""

    def whole(table: Table[M], _: list[Problem]) -> Table[M]:
        return table

    return read(path, model, whole)


def gather(*readers: Callable[[], T]) -> tuple[T, ...]:
    """Call every reader and return what they return; raise one InputError with the problems of all that failed, each problem once."""
    results: list[T] = []
    problems: dict[Problem, None] = {}
    for reader in readers:
        try:
            results.append(reader())
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InputError(*problems)
    return tuple(results)


def read_text(path: Path) -> str:
    """Return the text of a file that the user wrote; raise InputError when it is missing, not a file, unreadable or not UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file", where=Location(str(path)), hint=_missing_hint(path)) from None
    except IsADirectoryError:
        raise InputError("is a folder, not a file", where=Location(str(path)), hint="name the .toml file in it") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(str(path)), hint="check its owner and mode") from None
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        where = Location(str(path), *_end(before))
        raise InputError(f"is not UTF-8 text: byte 0x{raw[error.start]:02x}", where=where, hint="save the file as UTF-8") from None


def key_text(key: Iterable[str | int]) -> str:
    """Return a key as the user would write it: `steps[0].options."my key"`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else quoted(part))
    return text


@dataclass(frozen=True, slots=True)
class _Document:
    """A TOML document as the parser gives it."""

    path: Path
    data: dict[str, Any]
    positions: Mapping[Key, Position]

    def at(self, key: Key) -> Location:
        return _where(self.path, self.positions, key)


def _open(path: Path) -> _Document:
    text = read_text(path)
    try:
        return _Document(path, tomllib.loads(text), locate(text))
    except RecursionError:
        raise InputError("is nested too deeply", where=Location(str(path))) from None
    except ValueError as error:  # besides TOMLDecodeError, an endless number is one
        what, _, rest = str(error).partition(" (at ")
        numbers = [int(number) for number in re.findall(r"\d+", rest)]
        line, column = numbers if len(numbers) == 2 else _end(text)
        raise InputError(f"is not TOML: {what}", where=Location(str(path), line, column), hint=syntax_hint(what)) from None


def _validated(document: _Document, model: type[M], spellings: list[Spelling], problems: list[Problem]) -> M | None:
    """Return the document as its model, unknown keys left out; None when more than that is wrong with its shape."""
    try:
        return model.model_validate(document.data, context=spellings)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    problems += [_problem(document, model, mistake) for mistake in _without_echoes(mistakes)]
    unknown = [mistake["loc"] for mistake in mistakes if mistake["type"] == "extra_forbidden"]
    if len(unknown) < len(mistakes):
        return None
    spellings.clear()
    try:
        return model.model_validate(_without(document.data, unknown), context=spellings)
    except ValidationError:
        return None


def _missing_hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    names = sorted(entry.name for entry in folder.glob("*.toml"))
    return did_you_mean(path.name, names) if names else f"no .toml file is in {folder}"


def _end(text: str) -> Position:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _where(path: Path, positions: Mapping[Key, Position], key: Key) -> Location:
    """Find a key part by part, as written or in an old spelling.

    A list that the file gives where its models want a table (`NAME = [...]` for `NAME = { options = [...] }`) makes keys that are not in
    the file, followed by indices that are: such keys are left out.
    """
    found: Key = ()
    missing: Key = ()
    for part in key:
        actual = _spelled(positions, found, part) if not missing or isinstance(part, int) else None
        found, missing = (found, (*missing, part)) if actual is None else ((*found, actual), ())
    line, column = positions.get(found, (None, None))
    return Location(str(path), line, column, key_text((*found, *missing)) or None)


def _spelled(positions: Mapping[Key, Position], table: Key, part: str | int) -> str | int | None:
    """Return a key of a table as the file spells it, None when it is not there."""
    if (*table, part) in positions:
        return part
    if isinstance(part, int):
        return None
    keys = (key[-1] for key in positions if key[:-1] == table)
    return next((key for key in keys if isinstance(key, str) and present_spelling(key) == part), None)


def _in_order(path: Path, problems: Iterable[Problem]) -> InputError:
    """Return one error with each problem once, by line, those of the file itself before those of files that it leads to."""

    def place(problem: Problem) -> tuple[bool, str, int, int]:
        where = problem.where or Location(str(path))
        return where.file != str(path), where.file, where.line or 0, where.column or 0

    return InputError(*sorted(dict.fromkeys(problems), key=place))


def _without(data: dict[str, Any], keys: Iterable[Key]) -> dict[str, Any]:
    """Return the document without the values at some keys; what is shared with the original is not changed."""
    for key in keys:
        data = _dropped(data, key)
    return data


def _dropped(data: Any, key: Key) -> Any:
    first, rest = key[0], key[1:]
    if isinstance(data, list) and isinstance(first, int) and rest:
        return [_dropped(value, rest) if index == first else value for index, value in enumerate(data)]
    if not isinstance(data, dict):
        return data
    actual = first if first in data else next((k for k in data if present_spelling(k) == first), first)
    if rest:
        return {k: _dropped(value, rest) if k == actual else value for k, value in data.items()}
    return {k: value for k, value in data.items() if k != actual}


def _without_echoes(mistakes: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out a missing key whose misspelling is reported as an unknown one."""
    misspelled = [m["loc"] for m in mistakes if m["type"] == "extra_forbidden"]

    def is_echo(mistake: ErrorDetails) -> bool:
        if not mistake["loc"]:
            return False
        *table, name = mistake["loc"]
        near = (loc[-1] for loc in misspelled if list(loc[:-1]) == table)
        return mistake["type"] == "missing" and any(did_you_mean(str(other), [str(name)]).startswith("did") for other in near)

    return [mistake for mistake in mistakes if not is_echo(mistake)]


def _old_spellings(document: _Document, spellings: list[Spelling]) -> Iterator[Problem]:
    """Say where old spellings stand. A validator does not know its place in the file: its table is recognised by identity."""
    places = {id(table): key for key, table in _tables(document.data, ())}
    for table, old, new in spellings:
        if id(table) in places:
            yield Problem(f"is an old spelling of {new}", document.at((*places[id(table)], old)), f"write {new}")


def _tables(data: object, key: Key) -> Iterator[tuple[Key, dict[str, Any]]]:
    if isinstance(data, dict):
        yield key, data
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for part, value in children:
        yield from _tables(value, (*key, part))


def _problem(document: _Document, model: type[TableModel], mistake: ErrorDetails) -> Problem:
    """Say one of pydantic's errors in plain words, and where it stands."""
    key, context = mistake["loc"], mistake.get("ctx", {})
    hint: str | None
    error = context.get("error")
    if isinstance(error, ValueError):
        what, hint, key = str(error), getattr(error, "hint", None), (*key, *getattr(error, "key", ()))
    elif mistake["type"] == "extra_forbidden":
        what, hint = "unknown key", did_you_mean(str(key[-1]), _known_keys(model, key[:-1]))
    else:
        what, hint = in_words(mistake["type"], mistake["msg"], mistake["input"], context)
    return Problem(what, document.at(key), hint)


def _known_keys(model: type[TableModel], key: Key) -> list[str]:
    """Return the keys that the table at `key` may have. Names and indices that users choose lead to the same models."""
    models = [model]
    for part in key:
        annotations = [field.annotation for m in models for field in m.model_fields.values() if field.alias == part]
        if annotations:
            models = [m for annotation in annotations for m in _models_in(annotation)]
    return [str(field.alias) for m in models for field in m.model_fields.values()]


def _models_in(annotation: object) -> Iterator[type[TableModel]]:
    if isinstance(annotation, type) and issubclass(annotation, TableModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)

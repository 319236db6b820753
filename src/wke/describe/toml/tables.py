"""Reads TOML files into checked values. Only this module translates the files' kebab-case keys to names in the code.

A file's shape is a `TableModel`. Whatever is wrong with a file becomes a `Problem` in plain words with line, column, key and hint; all
problems of a file are raised at once, and `gather` adds up those of several files.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Generic, TypeVar

from wke.describe.toml.limits import MOST_BYTES, excesses
from wke.describe.toml.locator import Position, Positions, locate
from wke.describe.toml.shape import Key, OldSpelling, Reader, TableModel
from wke.describe.toml.wording import MOST_SHOWN, quoted, shortened, syntax_hint
from wke.documents import TomlValue
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.values import dataclass

IGNORED = "unknown key, ignored as in wke 0.1"
T = TypeVar("T")
M = TypeVar("M", bound=TableModel)


@dataclass(frozen=True, slots=True)
class TomlTable(Generic[M]):
    """A file that was read: its value, and the place of each key. `old_spellings` are the problems that `wke check` reports.

    `wrong` are the keys of values with mistakes, which were left out; lists lack the elements in `holes`.
    """

    path: Path
    value: M
    positions: Positions
    old_spellings: tuple[Problem, ...] = ()
    wrong: frozenset[Key] = frozenset()
    holes: Mapping[Key, Sequence[int]] = field(default_factory=dict)

    def at(self, *key: str | int) -> Location:
        """Return the place of a key in either spelling; a key that is not in the file has the place of its nearest parent."""
        return _where(self.path, self.positions, self.key_in_file(*key))

    def key_in_file(self, *key: str | int) -> Key:
        """Return the key that the file has for one in the value, where lists lack their wrong elements."""
        actual: Key = ()
        for part in key:
            index = part
            for hole in self.holes.get(actual, ()) if isinstance(part, int) else ():
                index = int(index) + (hole <= int(index))
            actual = (*actual, index)
        return actual

    def is_sound(self, *key: str | int) -> bool:
        """Return whether nothing was left out at a key, in what it contains, or in what contains it."""
        actual = self.key_in_file(*key)
        return not any(one[: len(actual)] == actual[: len(one)] for one in self.wrong)


def read(path: Path, model: type[M], build: Callable[[TomlTable[M], list[Problem]], T]) -> T:
    """Read a file and build a value of it; raise one InputError with all mistakes, by line.

    `build` gets the table and a list, and appends to the list what is wrong with the meaning of the file. It runs when the file's shape
    is right, unknown keys aside: they are raised together with what `build` finds. In a file for wke 0.1, which ignored them, they are
    warnings, unless they look misspelled. Such a file has an old spelling, or is an experiment without steps.
    """
    result, problems = read_draft(path, model, build, tolerant=False)
    if problems or result is None:
        raise InputError(*problems)
    return result


def read_draft(
    path: Path, model: type[M], build: Callable[[TomlTable[M], list[Problem]], T], *, tolerant: bool = True
) -> tuple[T | None, tuple[Problem, ...]]:
    """Return what `read` does, or as much of it as there is without what is wrong, and all mistakes.

    `build` has to leave out mistakes that only follow from what was left out: see `TomlTable.is_sound`. Raises InputError for a file that
    is not TOML.
    """
    document = _open(path)
    reader = Reader(tolerant=tolerant)
    value = reader.table(model, document.data)
    is_old = bool(reader.spellings) or ({"steps", "parameters"} <= model.keys.keys() and "steps" not in document.data)
    ignored = [mistake for mistake in reader.mistakes if is_old and mistake.is_unknown and not (mistake.hint or "").startswith("did")]
    problems = [Problem(mistake.what, document.at(mistake.key), mistake.hint) for mistake in reader.mistakes if mistake not in ignored]
    if value is None:
        return None, in_order(path, problems)
    old_spellings = (
        *(_spelling_problem(document, spelling) for spelling in reader.spellings),
        *(Problem(IGNORED, document.at(mistake.key), "remove it") for mistake in ignored),
    )
    wrong = frozenset(mistake.key for mistake in reader.mistakes if not mistake.is_unknown)
    result = build(TomlTable(path, value, document.positions, old_spellings, wrong, reader.holes), problems)
    return result, in_order(path, problems)


def load(path: Path, model: type[M]) -> TomlTable[M]:
    """Read a file of which only the shape is checked; raise one InputError with all its problems, by line."""

    def whole(table: TomlTable[M], _: list[Problem]) -> TomlTable[M]:
        return table

    return read(path, model, whole)


def gather(*readers: Callable[[], T]) -> tuple[T, ...]:
    """Call all readers and return their results; raise one InputError with the problems of all of them, each problem once."""
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
    """Return the text of a user's file; raise InputError if it is missing, not a file, unreadable or not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)  # also of a device that never ends
    except FileNotFoundError:
        raise InputError("there is no such file", where=Location(str(path)), hint=_missing_hint(path)) from None
    except IsADirectoryError:
        raise InputError("is a folder, not a file", where=Location(str(path)), hint="name the .toml file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot be read: {reason}", where=Location(str(path)), hint="check its owner and mode") from None
    if len(raw) > MOST_BYTES:
        raise InputError(f"is longer than {MOST_BYTES >> 20} MiB", where=Location(str(path)), hint="is it the file that you meant?")
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
        elif len(part) > MOST_SHOWN:
            text += ("." if text else "") + shortened(part)
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else quoted(part))
    return text


@dataclass(frozen=True, slots=True)
class _Document:
    """A parsed TOML document."""

    path: Path
    data: dict[str, TomlValue]
    positions: Positions

    def at(self, key: Key) -> Location:
        return _where(self.path, self.positions, key)


def _open(path: Path) -> _Document:
    text = read_text(path)
    try:
        document = _Document(path, tomllib.loads(text), locate(text))
    except RecursionError:
        raise InputError("is nested too deeply", where=Location(str(path))) from None
    except ValueError as error:  # TOMLDecodeError, or a number that is too long
        what, _, rest = str(error).partition(" (at ")
        numbers = [int(number) for number in re.findall(r"\d+", rest)]
        line, column = numbers if len(numbers) == 2 else _end(text)
        raise InputError(f"is not TOML: {what}", where=Location(str(path), line, column), hint=syntax_hint(what)) from None
    if problems := [Problem(what, document.at(key), hint) for key, what, hint in excesses(document.data)]:
        raise InputError(*in_order(path, problems))
    return document


def _spelling_problem(document: _Document, spelling: OldSpelling) -> Problem:
    where = document.at((*spelling.key, spelling.old))
    return Problem(f"is an old spelling of {spelling.new}", where, f"write {spelling.new}")


def _missing_hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    names = sorted(entry.name for entry in folder.glob("*.toml"))
    return did_you_mean(path.name, names) if names else f"no .toml file is in {folder}"


def _end(text: str) -> Position:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _where(path: Path, positions: Positions, key: Key) -> Location:
    """Find a key part by part, as written or in an old spelling.

    A list that is the short form of a table (`NAME = [...]` for `NAME = { options = [...] }`) leads to keys that are not in the file,
    followed by indices that are; such keys are skipped.
    """
    found: Key = ()
    missing: Key = ()
    for part in key:
        actual = _spelled(positions, found, part) if not missing or isinstance(part, int) else None
        found, missing = (found, (*missing, part)) if actual is None else ((*found, actual), ())
    line, column = positions.get(found, (None, None))
    return Location(str(path), line, column, key_text((*found, *missing)) or None)


def _spelled(positions: Positions, table: Key, part: str | int) -> str | int | None:
    """Return a key of a table as the file spells it, None if the file does not have it."""
    if (*table, part) in positions:
        return part
    return None if isinstance(part, int) else positions.spellings.get((table, part))


def in_order(path: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return each problem once, by line; problems of the file itself come before those of other files."""

    def place(problem: Problem) -> tuple[bool, str, int, int]:
        where = problem.where or Location(str(path))
        return where.file != str(path), where.file, where.line or 0, where.column or 0

    return tuple(sorted(dict.fromkeys(problems), key=place))

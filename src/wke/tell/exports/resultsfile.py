"""A results file: a CSV file with a header, and beside it NAME.csv.json with what its rows have in common.

Benchmark scripts have the form of wke 0.1 instead: comment lines (command, constants) before the header. Files that wke 0.1 wrote have
`, ` between fields and no quotes, not even around constants, so constants with blanks are read on a best-effort basis.
"""

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from wke.describe.toml.tables import read_text
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.keep.files.csvtext import csv_text
from wke.keep.files.disk import write_if_new
from wke.tell.terminal.sanitize import visible
from wke.values import dataclass

COMMAND, CONSTANTS = "# command:", "# constants:"
HINT = "is it a results file of wke?"


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """One results file: the commands that wrote it, the parameters that do not vary, the rows under their header, the units of metrics.

    Values are text if the file was read. `commented` tells the form: comment lines before the header, or a file beside it.
    """

    commands: tuple[str, ...]
    constants: Mapping[str, object]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, object], ...]
    units: Mapping[str, str] = field(default_factory=dict)
    commented: bool = False

    @property
    def csv(self) -> str:
        """The header and the rows."""
        rows: Iterable[list[object]] = ([row.get(name) for name in self.columns] for row in self.rows)
        if self.commented:  # as wke 0.1 wrote: True, not true
            rows = (["" if value is None else str(value) for value in row] for row in rows)
        return csv_text(self.columns, rows)

    @property
    def text(self) -> str:
        """The content of the CSV file."""
        if not self.commented:
            return self.csv
        comments = [*(_comment(COMMAND, command) for command in self.commands), _comment(CONSTANTS, _assigned(self.constants))]
        return "".join([*comments, self.csv])

    def write(self, path: Path, *, private: bool = False) -> None:
        """Write the file to `path`, and the one beside it: safe to print, each whole or not at all, for the owner only if `private`."""
        if not self.commented:
            facts = {"commands": self.commands, "constants": dict(self.constants), "units": dict(self.units)}
            write_if_new(_beside(path), json.dumps(facts, indent=2, default=str).encode() + b"\n", private=private)
        write_if_new(path, visible(self.text).encode(), private=private)


def read_results_file(path: Path) -> ResultsFile:
    """Read a results file in any of its forms; raise InputError for one that is missing or malformed."""
    text = read_text(path)
    commented = text.removeprefix("\ufeff").startswith("#") or not _beside(path).exists()
    return _read_commented(text, str(path)) if commented else _read_plain(text, path)


def _read_plain(text: str, path: Path) -> ResultsFile:
    try:
        facts = json.loads(read_text(_beside(path)))
        commands, constants, units = tuple(map(str, facts["commands"])), dict(facts["constants"]), dict(facts["units"])
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{_beside(path)} does not say what the rows of {path} have in common", hint=HINT) from error
    columns, rows = _table(text, str(path))
    return ResultsFile(commands, constants, columns, rows, units)


def _read_commented(text: str, name: str) -> ResultsFile:
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    head = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    comments = lines[:head]
    told = [line.removeprefix(CONSTANTS) for line in comments if line.startswith(CONSTANTS)]
    if not told:
        beside = _beside(Path(name))
        raise InputError(f'{name} has no line that begins with "{CONSTANTS}", and there is no {beside} beside it', hint=HINT)
    is_old = head < len(lines) and ", " in lines[head]
    unescaped: Callable[[str], str] = str if is_old else _commented
    columns, rows = _table("\n".join(lines[head:]), name, is_old=is_old)
    return ResultsFile(
        commands=tuple(unescaped(line.removeprefix(COMMAND).strip()) for line in comments if line.startswith(COMMAND)),
        constants=_assignments(unescaped(told[0].strip())),
        columns=columns,
        rows=rows,
        commented=True,
    )


def _table(text: str, name: str, *, is_old: bool = False) -> tuple[tuple[str, ...], tuple[Mapping[str, str], ...]]:
    """Return the columns and rows of a CSV text; in the form of wke 0.1, lines that begin with # are comments."""
    records = csv.reader(io.StringIO(text.replace("\r\n", "\n").removeprefix("\ufeff")), skipinitialspace=is_old)
    try:
        header, *rest = [record for record in records if record and not record[0].startswith("#")] or [[]]
    except csv.Error as error:
        raise InputError(f"{name} is not a CSV file: {error}", hint=HINT) from error
    columns = tuple(column.strip() for column in header)
    if not columns:
        raise InputError(f"{name} has no header", hint=HINT)
    if columns[0] != "uid" or len(set(columns)) != len(columns):
        raise InputError(f"{name} has no header that begins with uid and names each column once", hint=HINT)
    return columns, tuple(_rows(rest, columns, name))


def _rows(records: Sequence[Sequence[str]], columns: Sequence[str], name: str) -> Iterator[Mapping[str, str]]:
    for number, record in enumerate(records, start=1):
        if len(record) != len(columns):
            what = f"{name}: row {number} ({record[0]}) has {counted(len(record), 'field')}, and the first row has {len(columns)}"
            raise InputError(what, hint="put a value that contains a comma in quotes")
        yield dict(zip(columns, (field.strip() for field in record), strict=True))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _comment(key: str, value: str) -> str:
    """Return a comment line; newlines and backslashes in the value are escaped, since a newline would end the comment."""
    shown = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{key} {shown}".rstrip(" ") + "\n"


def _commented(text: str) -> str:
    """Return the value of a comment line, unescaped."""
    signs = {"n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: signs.get(match[1], match[1]), text)


def _assigned(constants: Mapping[str, object]) -> str:
    return " ".join(f"{name}={shlex.quote(str(value))}" for name, value in constants.items())


def _assignments(text: str) -> dict[str, str]:
    """Read `k=v k=v`, values quoted as for a shell or bare; a bare word without `=` continues the value before it."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    constants: dict[str, str] = {}
    last = ""
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            last = key
            constants[key] = value
        elif last:
            constants[last] += f" {word}"
    return constants

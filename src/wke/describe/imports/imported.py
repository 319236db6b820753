"""The interface of importers: the text that they read, and the machines that they return."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from wke.documents import Json
from wke.errors import InputError, Location
from wke.values import dataclass

MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A text to import. Messages call it by its `name`; `path` is None if it is no file."""

    name: str
    text: str
    path: Path | None = None

    def wrong(self, what: str, line: int | None = None, hint: str | None = None) -> InputError:
        """Return the error that says what is wrong with the text, and where."""
        return InputError(what, where=Location(self.name, line), hint=hint)

    def json(self) -> Json:
        """Return the value of a JSON text; raise InputError for other texts."""
        try:
            return json.loads(self.text)
        except RecursionError:
            raise self.wrong("is nested too deeply", hint="is it the file that you meant?") from None
        except ValueError as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else None
            what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise self.wrong(f"is not JSON: {what}", line, "save the whole output of the command, and nothing else") from None


@dataclass(frozen=True, slots=True)
class ImportedMachine:
    """A machine as a source describes it. Its name need not be one that cluster.toml allows; `about` becomes a comment.

    wke connects to `external_addr`, "" for a machine that it reaches `via` a program; `internal_addr` is None if the source does not tell
    another one. `line` is where it is described.
    """

    name: str
    external_addr: str
    internal_addr: str | None = None
    classes: tuple[str, ...] = ()
    username: str | None = None
    ssh_port: int | None = None
    python: str | None = None
    about: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedMachines:
    """All machines of a source, in its order. A machine may be there more than once.

    With `via`, a preset and its settings, they are not reached by ssh. `notes` say what was not taken over, and why.
    """

    machines: tuple[ImportedMachine, ...]
    ssh_options: tuple[str, ...] = ()
    via: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Importer:
    """A format: its name for `--format`, what it is, whether a text looks like it, and its reader.

    `read` raises InputError with the line for what is wrong. `program` prints the same as JSON where it is installed; `{}` is the file.
    """

    name: str
    title: str
    recognises: Callable[[str], bool]
    read: Callable[[ImportSource], ImportedMachines]
    program: tuple[str, ...] = ()


def parsed(text: str) -> Json:
    """Return the value of a text that may be JSON, None for other texts."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def port(source: ImportSource, value: Json, line: int | None = None) -> int | None:
    """Return the number of a port, None for that of ssh; raise InputError for what is none."""
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MOST_PORT:
        raise source.wrong(f"has the port {text!r}", line, f"a port is a number between 1 and {MOST_PORT}")
    return None if int(text) == 22 else int(text)


def lines(text: str, comments: str = "#") -> list[tuple[int, str]]:
    """Return the lines of a text that say something, stripped of blanks and of what follows a comment sign, with their numbers."""
    found = [(number, re.split(f"[{comments}]", line)[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in found if line]

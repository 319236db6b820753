"""Everything that can go wrong, as data: where, what, and how to fix it.

Subclasses differ by what the user has to fix (a file, a machine, a target, the store), not by the module that raises them. Only `cli/`
turns an error into text on a terminal and an exit status.
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from wke.values import dataclass

MOST_NAMES = 20
MOST_COMPARED = 200
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file (or on the command line): `file:line:column: dotted.key`."""

    file: str
    line: int | None = None
    column: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        numbers = [str(n) for n in (self.line, self.column) if n is not None]
        place = ":".join([self.file, *numbers])
        return f"{place}: {self.key}" if self.key else place


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: what is wrong, where, and how to correct it."""

    what: str
    where: Location | None = None
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def facts(self) -> dict[str, str | int | None]:
        """Return the problem for programs; None for what is unknown."""
        where = self.where or Location("")
        return {
            "what": self.what,
            "hint": self.hint,
            "file": where.file or None,
            "line": where.line,
            "column": where.column,
            "key": where.key,
        }


class WkeError(Exception):
    """The base class. `problems` has at least one problem; `str()` returns them one after the other, at most MOST_PROBLEMS."""

    exit_status: ClassVar[int] = 1

    def __init__(self, *problems: Problem | str, where: Location | None = None, hint: str | None = None) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p, where, hint) for p in problems)
        rest = len(self.problems) - MOST_PROBLEMS
        shown = [*map(str, self.problems[:MOST_PROBLEMS]), *([f"and {rest} more"] if rest > 0 else [])]
        super().__init__("\n".join(shown))


class InputError(WkeError, ValueError):
    """A file or a command line is wrong. Nothing was started."""

    exit_status = 2


class MachineError(WkeError):
    """A machine cannot be reached or lacks something that every machine needs."""

    exit_status = 3


class TargetError(WkeError):
    """A target ran and failed."""


class StillUpError(WkeError):
    """Machines that were made could not be removed."""

    exit_status = 5


class StoreError(WkeError):
    """The results cannot be read or written."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return an error of the API, which scripts for wke 0.1 import from here."""
        api = sys.modules["wke"]
        if not name.endswith("Error") or name not in api.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(api, name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest of `known`, or with the first of them if none is near."""
    import difflib  # noqa: PLC0415 - for mistakes only

    names = list(known)
    near = difflib.get_close_matches(word, names[:MOST_COMPARED], n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    if not names:
        return "none is defined"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return "known: " + ", ".join(names[:MOST_NAMES]) + more


class AskedToEndError(WkeError):
    """SIGTERM or SIGHUP arrived, and everything that had been started was stopped."""

    exit_status = 143

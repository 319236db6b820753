"""Columns of telemetry: what one number of a sample is, whose it is, and how it is told on the wire and on disk."""

from functools import lru_cache
from typing import Literal, Self, cast, get_args

from wke.documents import Json
from wke.records import TaskName
from wke.values import dataclass

Kind = Literal["counter", "gauge"]
MOST_COLUMNS = 100_000
LONGEST_WORD = 200
KEPT = 1 << 14  # descriptions of columns: hundreds of machines have the same
THIS_MACHINE, HOST, SCRIPT = "machine", "host", "script"
"""Scopes: the machine itself, the computer that carries emulated machines, and what the script of a task wrote.

Others are `task.CHANNEL` and `scrape.PORT`.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One series of a machine: `name` is what was read, `unit` its unit, `scope` whose it is.

    A `counter` only grows, until it starts again from 0; a `gauge` is a state. `task` is the task of a scope `task.CHANNEL`. The values
    are whole numbers, or 64-bit floating point numbers if it is `floating`.
    """

    scope: str
    name: str
    unit: str
    kind: Kind
    task: TaskName | None = None
    floating: bool = False

    @staticmethod
    @lru_cache(maxsize=KEPT)
    def of(scope: str, text: str, task: TaskName | None = None) -> "Column":
        """Return the column that an agent describes as "NAME UNIT KIND"; raise ValueError if the text is not one."""
        words = text.split(" ")
        if len(words) != 3 or words[2] not in get_args(Kind) or not all(_is_word(word) for word in (scope, *words)):
            raise ValueError(f"{text!r:.100} does not describe a column")
        return Column(scope, words[0], words[1], cast("Kind", words[2]), task)

    def __hash__(self) -> int:  # the two fields in which columns of a machine differ; a hash of all is five times slower
        return hash((self.scope, self.name))

    def facts(self) -> list[Json]:
        """Return the column as JSON."""
        task = None if self.task is None else [self.task.step, self.task.target, self.task.machine, self.task.copy]
        return [self.scope, self.name, self.unit, self.kind, task, self.floating]

    @classmethod
    def from_facts(cls, facts: Json) -> Self:
        """Return the column of this JSON; raise ValueError if it is not one."""
        match facts:
            case [str(scope), str(name), str(unit), "counter" | "gauge" as kind, None, bool(floating)]:
                return cls(scope, name, unit, kind, None, floating)
            case [str(scope), str(name), str(unit), "counter" | "gauge" as kind, [int(s), str(target), str(m), int(copy)], bool(floating)]:
                return cls(scope, name, unit, kind, TaskName(s, target, m, copy), floating)
        raise ValueError(f"{facts!r:.100} is not a column")


def _is_word(text: str) -> bool:
    return 0 < len(text) <= LONGEST_WORD and text.isprintable()

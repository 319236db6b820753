"""Text and numbers that a machine sent, before they are shown or kept: a machine is not trusted with the terminal or the disk.

The decoder has checked a frame's fields by the table (agent/frames.py). Here they get their Python types, and text is made printable.
"""

from collections.abc import Mapping
from typing import Any, cast

from wke.agent.protocol import ProtocolError
from wke.records import Outcome, OutcomeKind, TaskEnded, TaskName
from wke.values import dataclass

LONGEST = 2000
OUTCOMES = frozenset(kind.value for kind in OutcomeKind)


@dataclass(frozen=True, slots=True)
class Left:
    """The names of processes that tasks had left `running`, and of those that could not be stopped."""

    running: tuple[str, ...] = ()
    survivors: tuple[str, ...] = ()


def shown(text: str) -> str:
    """Return a text with what is not printable made visible, so that it cannot steer the terminal; a very long one is cut."""
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    if cut.isprintable():  # nearly always
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def text_of(head: Mapping[str, object], name: str) -> str:
    """Return a text of a frame's head, as `shown`."""
    return shown(cast("str", head[name]))


def number_of(head: Mapping[str, object], name: str) -> int:
    """Return a number of a frame's head."""
    number: Any = head[name]  # a cast would be one more call, in each of a trial's probes of the clocks
    return number  # type: ignore[no-any-return]


def facts_of(head: Mapping[str, object]) -> dict[str, str]:
    """Return the facts of a frame's head, texts by their names, as `shown`."""
    return {shown(name): shown(value) for name, value in cast("dict[str, str]", head["facts"]).items()}


def texts_of(head: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a list of texts of a frame's head, as `shown`."""
    return tuple(map(shown, cast("list[str]", head[name])))


def left_of(head: Mapping[str, object]) -> Left:
    """Return what tasks had left running."""
    return Left(texts_of(head, "leftovers"), texts_of(head, "survivors") if "survivors" in head else ())


def end_of(head: Mapping[str, object], task: TaskName) -> TaskEnded:
    """Return how a task ended, which the head of an ENDED frame tells; raise ProtocolError when there is no such outcome."""
    kind, code = text_of(head, "kind"), cast("int | None", head["code"])
    if kind not in OUTCOMES:
        raise ProtocolError(f"there is no outcome {kind}")
    times = number_of(head, "started"), number_of(head, "ended")
    return TaskEnded(task, Outcome(OutcomeKind(kind), code), *times, text_of(head, "rung"), text_of(head, "detail"))

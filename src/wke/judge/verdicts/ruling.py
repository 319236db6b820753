"""A ruling: what one rule finds in values of a trial. `words.py` makes a sentence of it, and with that it is stored as a judgement."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum

from wke.keep.trials.judgements import Level
from wke.values import dataclass


class Missing(StrEnum):
    """What a rule lacks."""

    WINDOW = "window"
    WINDOWS = "windows"
    DUE = "due"
    DONE = "done"
    COMPLETIONS = "completions"
    CLIENTS = "clients"
    LATENCY = "latency"
    FINENESS = "fineness"
    GENERATOR = "generator"
    STARTS = "starts"
    CLOCKS = "clocks"
    TELEMETRY = "telemetry"
    EMULATION = "emulation"


@dataclass(frozen=True, slots=True)
class Lack:
    """What a rule lacks that cannot judge; where it is a number, how many there are (`have`) and how many the rule needs."""

    what: Missing
    have: float = 0.0
    needs: float = 0.0


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule finds. `numbers` are its evidence; `where` is the machine or task they are of, `others` how many more are as bad.

    A finding may have several `parts`, of which each has a sentence.
    """

    level: Level
    numbers: Mapping[str, float] = field(default_factory=dict)
    where: str = ""
    others: int = 0
    lack: Lack | None = None
    parts: Sequence["Ruling"] = ()


def unknown(what: Missing, have: float = 0.0, needs: float = 0.0, where: str = "") -> Ruling:
    """Return the ruling of a rule that lacks something."""
    return Ruling(Level.UNKNOWN, where=where, lack=Lack(what, have, needs))


def worst_place(rulings: Sequence[Ruling]) -> Ruling:
    """Return the worst of one rule's rulings on several places, the first of equals. An unknown place is worse than one that is ok."""
    found = max(rulings, key=lambda each: list(Level).index(each.level))
    return replace(found, others=sum(each.level is found.level for each in rulings) - 1)

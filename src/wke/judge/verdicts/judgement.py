"""A judgement: what one rule says of a trial, as values. `tell.terminal` has the words.

The verdict on a trial is the worst that its rules know. `UNKNOWN` is never the same as `OK`: a rule that cannot judge says what it lacks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum

from wke.values import dataclass


class Level(StrEnum):
    """What a rule, or all rules together, say of a trial: it counts, nobody can tell, it counts and is marked, it does not count."""

    OK = "ok"
    UNKNOWN = "unknown"
    SUSPECT = "suspect"
    INVALID = "invalid"


class Missing(StrEnum):
    """What a rule lacks."""

    WINDOWS = "windows"
    DUE = "due"
    COMPLETIONS = "completions"
    CLIENTS = "clients"
    LATENCY = "latency"
    GENERATOR = "generator"
    STARTS = "starts"
    CLOCKS = "clocks"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, slots=True)
class Lack:
    """What an unknown judgement lacks; where it is a number, how many there are (`have`) and how many the rule needs."""

    what: Missing
    have: float = 0.0
    needs: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says. `numbers` are its evidence; `where` is the machine or task they are of, `others` how many more are as bad."""

    level: Level
    numbers: Mapping[str, float] = field(default_factory=dict)
    where: str = ""
    others: int = 0
    lack: Lack | None = None


def unknown(what: Missing, have: float = 0.0, needs: float = 0.0, where: str = "") -> Judgement:
    """Return the judgement of a rule that lacks something."""
    return Judgement(Level.UNKNOWN, where=where, lack=Lack(what, have, needs))


def worst_place(judgements: Sequence[Judgement]) -> Judgement:
    """Return the worst of one rule's judgements of several places, the first of equals. An unknown place is worse than one that is ok."""
    found = max(judgements, key=lambda each: list(Level).index(each.level))
    return replace(found, others=sum(each.level is found.level for each in judgements) - 1)


def verdict(levels: Iterable[Level]) -> Level:
    """Return the verdict of several rules: the worst that is known, unknown if none is."""
    known = [level for level in levels if level is not Level.UNKNOWN]
    return max(known, key=list(Level).index, default=Level.UNKNOWN)

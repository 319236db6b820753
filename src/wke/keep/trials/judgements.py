"""What rules say of an attempt, as it is stored, and the verdict that follows."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from wke.keep.database.checkedconnection import storable
from wke.keep.files.damage import read_object
from wke.values import dataclass


class Level(StrEnum):
    """What a rule, or all rules together, say of a trial.

    The rule is switched off; it found something that is no fault; the trial counts; nobody can tell; it counts and is marked; it does not
    count.
    """

    OFF = "off"
    FINDING = "finding"
    OK = "ok"
    UNKNOWN = "unknown"
    SUSPECT = "suspect"
    INVALID = "invalid"


LEVELS = {level.value: level for level in Level}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says of an attempt. `said` is the evidence in a sentence, of the machine or task `place`, and `numbers` are in it."""

    rule: str
    level: Level
    place: str = ""
    said: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


def verdict(levels: Iterable[Level]) -> Level:
    """Return the verdict of several rules: the worst that is known, unknown if none is."""
    known = [level for level in levels if level not in {Level.OFF, Level.FINDING, Level.UNKNOWN}]
    return max(known, key=list(Level).index, default=Level.UNKNOWN)


def doubts(judgements: Sequence[Judgement]) -> str:
    """Return the evidence that makes a verdict suspect or invalid; "" if it is neither."""
    level = verdict(each.level for each in judgements)
    return "; ".join(each.said for each in judgements if each.level is level) if level in {Level.SUSPECT, Level.INVALID} else ""


def insert_judgements(sql: sqlite3.Connection, attempt: int, judgements: Iterable[Judgement]) -> None:
    """Replace what rules say of an attempt."""
    sql.execute("DELETE FROM judgements WHERE attempt = ?", (attempt,))
    rows = [
        (attempt, each.rule, each.level.value, storable(each.place), storable(each.said), json.dumps(dict(each.numbers)))
        for each in judgements
    ]
    sql.executemany("INSERT INTO judgements VALUES (?, ?, ?, ?, ?, ?)", rows)


def read_judgement(rule: str, level: str, place: str, said: str, numbers: str) -> Judgement:
    """Return the judgement of a row of the store."""
    seen = {} if numbers == "{}" else read_object(numbers, f"the numbers of rule {rule}")
    return Judgement(rule, LEVELS.get(level, Level.UNKNOWN), place, said, seen)  # unknown: a level of a later version

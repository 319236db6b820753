"""Aspects: one thing that a trial says of a machine, of a task or of itself, and in which two results may differ."""

from enum import StrEnum
from functools import cache
from typing import Literal, get_args

from wke.values import dataclass


class AspectKind(StrEnum):
    """What a difference is to a reader, in the order of the ranking."""

    WAIT = "wait"
    """Something is waited for, lost or taken away: this makes a system slow."""
    WORK = "work"
    """How much machines and tasks do: often the consequence of something else."""
    EXPOSED = "exposed"
    """What the experiment chose to keep of what programs say of themselves, or of what processors count."""
    METRIC = "metric"
    """What the experiment measures: the difference that is to be explained."""


Join = Literal["sum", "most", "mean"]
JOINS = get_args(Join)


@dataclass(frozen=True, slots=True)
class Aspect:
    """One number of a trial for each machine, for each target on a machine (`of` "task"), or for the trial: a mean over the measured step.

    `what` are patterns of columns with blanks between them, which are added up; "most PATTERN" is the largest of them, "mean PATTERN" their
    mean, and "PATTERN / COLUMN" is divided by that column. The number is 0 for a machine that has telemetry but no such column, if it is
    `absent_is_0`. With the `statistic` "most" it is the largest value instead of the mean. Aspects of one `topic` are often different sides
    of the same thing.

    Amounts up to the `floor` are nothing: it is added to both sides before they are divided, and if no trial has more, nothing is
    compared. `threshold` is the smallest relative difference that matters. A difference by a `large` amount is as remarkable as one
    by a factor of four, by which it is ranked without such an amount. The `sentence` has the places {where} and {value}.
    """

    name: str
    topic: str
    kind: AspectKind
    what: str
    unit: str
    floor: float
    large: float | None
    sentence: str
    of: Literal["machine", "task", "trial"] = "machine"
    statistic: Literal["mean", "most"] = "mean"
    absent_is_0: bool = False
    threshold: float = 0.1


@dataclass(frozen=True, slots=True)
class AspectFormula:
    """What an aspect's `what` means."""

    join: Join
    patterns: tuple[str, ...]
    per: str

    @staticmethod
    @cache
    def of(what: str) -> "AspectFormula":
        """Return the formula of this text."""
        columns, _, per = what.partition(" / ")
        join = next((each for each in JOINS if columns.startswith(f"{each} ")), None)
        return AspectFormula(join or "sum", tuple(columns.removeprefix(f"{join} ").split()), per)

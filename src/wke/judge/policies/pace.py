"""The pace of a series that is being measured: how long a trial takes with all that comes before the next, and so how long the rest takes.

It goes by the starts of the latest trials, so that pauses and figures count and a change of pace is soon seen. Where points differ in how
long they take, or machines are about to fail, it is wrong: it is said with the word "about" and with what it is taken from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from wke.keep.trials.trials import StoredAttempt

RECENT = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """A trial in `each_s` seconds, by the last `of` trials; `earlier`: those of earlier commands, for want of others."""

    each_s: float
    of: int
    earlier: bool = False

    def left_s(self, trials: int, begun_s: float) -> float:
        """Return about how long so many trials take, the first of which began so many seconds ago."""
        return max(0.0, trials * self.each_s - begun_s)


def pace(starts_ns: Sequence[int], ended: Sequence[StoredAttempt], earlier: Sequence[StoredAttempt]) -> Pace | None:
    """Return the pace by the starts of a command's trials, in order; None when nothing can be known.

    `ended` are those of them that have ended, `earlier` trials of other commands that have.
    """
    recent = starts_ns[-RECENT - 1 :]
    if ended and len(recent) > 1:
        return Pace((recent[-1] - recent[0]) / 1e9 / (len(recent) - 1), len(recent) - 1)
    took = [trial.elapsed_s for trial in (ended or earlier) if trial.elapsed_s is not None]
    return Pace(fmean(took), len(took), earlier=not ended) if took else None

"""The pace of a series that is being measured: the time from the start of a trial to the start of the next, and so the time left.

It is taken from the latest starts, so it includes pauses and figures and follows changes soon. It is an estimate: points may differ in how
long their trials take. Texts therefore say "about", and which trials it is taken from.
"""

from collections.abc import Sequence
from statistics import fmean

from wke.keep.trials.trials import StoredAttempt
from wke.values import dataclass

RECENT = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds per trial, taken from the last `of` trials; `earlier`: these were trials of earlier commands, because there are no others."""

    each_s: float
    of: int
    earlier: bool = False

    def left_s(self, trials: int, begun_s: float) -> float:
        """Return about how many seconds this many trials still take, when the first of them began `begun_s` seconds ago."""
        return max(0.0, trials * self.each_s - begun_s)


def pace(starts_ns: Sequence[int], ended: Sequence[StoredAttempt], earlier: Sequence[StoredAttempt]) -> Pace | None:
    """Return the pace by the starts of a command's trials, in order; None when nothing is known.

    `ended` are the trials of the command that have ended, `earlier` the ended trials of other commands.
    """
    recent = starts_ns[-RECENT - 1 :]
    if ended and len(recent) > 1:
        return Pace((recent[-1] - recent[0]) / 1e9 / (len(recent) - 1), len(recent) - 1)
    took = [trial.elapsed_s for trial in (ended or earlier) if trial.elapsed_s is not None]
    return Pace(fmean(took), len(took), earlier=not ended) if took else None

"""Failures alike: trials that fail one after the other in the same way say that more of them would fail, too."""

from collections.abc import Sequence

from wke.records import Outcome, OutcomeKind
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """How a trial ended: in which step (by its index; None after the last), and why."""

    outcome: Outcome
    step: int | None = None
    why: str = ""

    @property
    def way(self) -> object:
        """A value that is equal for failures alike: the step and the outcome, or the reason if no step failed."""
        return self.outcome, self.step, self.why if self.step is None and self.outcome.kind is OutcomeKind.FAILED else ""


def all_alike(ends: Sequence[TrialEnd], most: int) -> bool:
    """Tell whether the last `most` trials failed alike; never if that is 0. Invalid trials did not fail."""
    last = ends[-most:] if most else ()
    failed = [end for end in last if not end.outcome.ok and end.outcome.kind is not OutcomeKind.INVALID]
    return bool(most) and len(failed) == most and len({end.way for end in failed}) == 1

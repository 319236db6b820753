"""The fixed policy: every trial of the plan runs once."""

from collections.abc import Sequence

from wke.judge.policies.policy import Outlook, Policy, Seen
from wke.keep.trials.trials import PlannedTrial
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Fixed(Policy):
    """Runs all trials that have no result, in the order of the plan."""

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return all missing trials."""
        return seen.missing(planned)

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> Outlook:
        """Return the number of missing trials."""
        missing = len(seen.missing(planned))
        return Outlook(missing, missing)

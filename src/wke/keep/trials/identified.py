"""A trial of a plan together with what the store knows it by."""

from dataclasses import replace
from typing import Self

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.plan.binding import bound
from wke.describe.plan.plan import Trial
from wke.keep.trials.trials import PlannedTrial
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class IdentifiedTrial:
    """A trial that is to run, and what the store knows it by."""

    planned: PlannedTrial
    trial: Trial

    def on(self, cluster: ClusterSpec) -> Self:
        """Return it with the addresses that lent machines have now; the store knows it by the same id."""
        return replace(self, trial=bound(self.trial, cluster))

"""A trial of a plan together with what the store knows it by."""

from wke.describe.plan.plan import Trial
from wke.keep.trials.trials import PlannedTrial
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class IdentifiedTrial:
    """A trial that is to run, and what the store knows it by."""

    planned: PlannedTrial
    trial: Trial

"""Stored results of a series: which of its trials have one, which were invalid, and which trials run next."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wke.act.trials.runner import IdentifiedTrial
from wke.judge.policies.budget import Seen, spent_s
from wke.judge.policies.due import done_with, due
from wke.judge.policies.stopping import rounds_of
from wke.keep.machines.fingerprint import Reference
from wke.keep.store import Store
from wke.keep.trials.trials import Invalid, StoredAttempt
from wke.series.planned import PlannedSeries


@dataclass(frozen=True, slots=True)
class StoredResults:
    """What the store has of a series' trials, by id: results, and trials that were invalid so far.

    `spent_s` is how long commands of the series took for these trials, if it has a budget.
    """

    stored: Mapping[str, StoredAttempt]
    invalid: Mapping[str, Invalid]
    spent_s: float = 0.0

    def due(self, series: PlannedSeries, candidates: Sequence[IdentifiedTrial], attempted: Collection[str] = ()) -> list[IdentifiedTrial]:
        """Return the candidates that run next, in their order, given those that this command attempted already."""
        planned = [item.planned for item in candidates]
        wanted = {trial.id for trial in due(series.plan.experiment, planned, self.stored, attempted, self.invalid, spent_s=self.spent_s)}
        return [item for item in candidates if item.planned.id in wanted]

    def seen(self) -> Seen:
        """Return what a budget is judged by."""
        return Seen(self.stored, done_with((), self.invalid), self.spent_s)

    def rounds(self, series: PlannedSeries) -> int:
        """Return how many rounds the series will have, as far as is known now."""
        return rounds_of(series.plan.experiment, series.planned, self.stored, done_with((), self.invalid))


def load_results(series: PlannedSeries, store: Store, reference: Reference | None = None) -> StoredResults:
    """Return what a store has of a series on machines that are as `reference` says, by default as they were last examined."""
    ids = [trial.id for trial in series.planned]
    now = store.examinations.latest() if reference is None else reference
    experiment, name = series.plan.experiment, series.plan.experiment.name
    tried = store.attempts.of_trials(ids, now) if experiment.budget is not None else ()
    used_s = spent_s(experiment, series.planned, [attempt for attempt in tried if attempt.series == name and not attempt.changes])
    return StoredResults(store.attempts.results(ids, now), store.attempts.invalid(ids, now), used_s)

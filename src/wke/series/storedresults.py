"""Stored results of a series: which of its trials have one, which were invalid, and which trials run next."""

from collections.abc import Collection, Mapping, Sequence

from wke.describe.experiment.rules import Rules, rules_of
from wke.judge.policies.choose import policy_by
from wke.judge.policies.costs import spent_s
from wke.judge.policies.policy import Outlook, Seen
from wke.judge.policies.repetition import tried_in_vain
from wke.judge.policies.tried import BACKLOG
from wke.keep.machines.fingerprint import Reference
from wke.keep.store import Store
from wke.keep.trials.history import History
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.trials import Invalid, PlannedTrial, StoredAttempt
from wke.series.planned import PlannedSeries
from wke.values import dataclass

LOOKED_AT = (BACKLOG, "steady")
"""The rules whose numbers policies, tables and figures look at; of the others only what they suspect, reject or find."""


@dataclass(frozen=True, slots=True)
class StoredResults:
    """What the store has of a series' trials, by id: results, and trials that were invalid so far.

    If the policy of the series needs them, `attempts` are all attempts at these trials, and `spent_s` the time this series took for them.
    """

    stored: Mapping[str, StoredAttempt]
    invalid: Mapping[str, Invalid]
    spent_s: float = 0.0
    attempts: Sequence[StoredAttempt] = ()

    def due(self, series: PlannedSeries, candidates: Sequence[IdentifiedTrial], attempted: Collection[str] = ()) -> list[IdentifiedTrial]:
        """Return the candidates that run next, in their order, given those that this command attempted already."""
        wanted = {trial.id for trial in series.policy.next_trials([item.planned for item in candidates], self.seen(attempted))}
        return [item for item in candidates if item.planned.id in wanted]

    def seen(self, attempted: Collection[str] = ()) -> Seen:
        """Return what the policy of the series looks at, given the trials that this command attempted already."""
        return Seen(self.stored, tried_in_vain(attempted, self.invalid), self.spent_s, self.attempts)

    def outlook(self, series: PlannedSeries) -> Outlook:
        """Return how much the series still has to do."""
        return series.policy.outlook(series.planned, self.seen())


def load_results(series: PlannedSeries, store: Store, reference: Reference | None = None) -> StoredResults:
    """Return what a store has of a series on machines that are as `reference` says, by default as they were last examined."""
    now = store.examinations.latest() if reference is None else reference
    experiment = series.plan.experiment
    return results_of(store, experiment.name, series.planned, rules_of(experiment), now)


def results_of(
    store: Store, name: str, planned: Sequence[PlannedTrial], rules: Rules, machines: Reference, *, history: History | None = None
) -> StoredResults:
    """Return what a store has of these trials of series `name` on such machines; of their `history`, if that is known already."""
    policy = policy_by(rules)
    known = store.attempts.history((trial.id for trial in planned), machines, LOOKED_AT) if history is None else history
    tried = known.attempts if policy.needs_attempts else ()
    used_s = spent_s(planned, [one for one in tried if one.series == name and not one.changes], rules.cooldown_s)
    results = known.results
    stored = store.attempts.units(name).of(tuple(results.values()), refuse=False)
    stored = store.distributions.added(stored, rules.metrics) if policy.needs_recorded else stored
    return StoredResults(dict(zip(results, stored, strict=True)), known.invalid, used_s, tried)

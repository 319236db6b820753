"""What is due: which trials of a plan to run next, given what is stored. When nothing is, the series is over."""

from collections.abc import Collection, Mapping, Sequence

from wke.describe.experiment.experiment import Experiment
from wke.judge.policies.budget import Seen, affordable
from wke.judge.policies.climbing import searches
from wke.judge.policies.stopping import rounds_of
from wke.judge.statistics.summaries import point_key
from wke.keep.trials.trials import Invalid, PlannedTrial, StoredAttempt

REPEATS = 2


def due(
    experiment: Experiment,
    planned: Sequence[PlannedTrial],
    stored: Mapping[str, StoredAttempt],
    attempted: Collection[str] = (),
    invalid: Mapping[str, Invalid] | None = None,
    *,
    spent_s: float = 0.0,
) -> list[PlannedTrial]:
    """Return the trials to run next: those of `planned` that are neither `stored` (by id) nor `attempted`.

    One that turned out to be `invalid` runs again, REPEATS times and never more, whoever attempted it.

    Where one climbs, only those that the searches want; where the series stops when it is precise, only those before the next look;
    where it has a budget, of which `spent_s` are used, those that are affordable.
    """
    tried = done_with(attempted, invalid or {})
    if experiment.budget is not None:
        return affordable(experiment, planned, Seen(stored, tried, spent_s))
    missing = [trial for trial in planned if trial.id not in stored and trial.id not in tried]
    if experiment.stopping is not None:
        rounds = rounds_of(experiment, planned, stored, tried)
        return [trial for trial in missing if trial.warmup or trial.iteration < rounds]
    if experiment.parameters.climb is None:
        return missing
    wanted = {point_key(climb.next) for climb in searches(experiment, planned, stored, tried) if climb.next is not None}
    return [trial for trial in missing if point_key(trial.point) in wanted]


def done_with(attempted: Collection[str], invalid: Mapping[str, Invalid]) -> frozenset[str]:
    """Return the trials that do not run (again) although they have no result: attempted here, or invalid too often."""
    over = {trial for trial, seen in invalid.items() if seen.times > REPEATS}
    again = {trial for trial, seen in invalid.items() if seen.last and trial not in over}
    return frozenset(attempted) - again | over

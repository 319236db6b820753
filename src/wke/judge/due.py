"""What is due: which trials of a plan to run next, given what is stored. When nothing is, the series is over."""

from collections.abc import Collection, Mapping, Sequence

from wke.describe.experiment import Experiment
from wke.judge.climbing import searches
from wke.judge.stopping import rounds_of
from wke.judge.summaries import point_key
from wke.keep.trials import PlannedTrial, StoredTrial


def due(
    experiment: Experiment, planned: Sequence[PlannedTrial], stored: Mapping[str, StoredTrial], attempted: Collection[str] = ()
) -> list[PlannedTrial]:
    """Return the trials to run next: those of `planned` that are neither `stored` (by id) nor `attempted`.

    Where one climbs, only those that the searches want; where the series stops when it is precise, only those before the next look.
    """
    missing = [trial for trial in planned if trial.id not in stored and trial.id not in attempted]
    if experiment.stopping is not None:
        rounds = rounds_of(experiment, planned, stored, attempted)
        return [trial for trial in missing if trial.warmup or trial.iteration < rounds]
    if experiment.parameters.climb is None:
        return missing
    wanted = {point_key(climb.next) for climb in searches(experiment, planned, stored, attempted) if climb.next is not None}
    return [trial for trial in missing if point_key(trial.point) in wanted]

"""Reanalysis: which stored attempts can give a planned trial its result, because they ran the same and only their output is read anew."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wke.describe.configuration.step import PlannedStep
from wke.keep.trials.identity import run_digest
from wke.keep.trials.trials import Inputs, StoredAttempt
from wke.records import OutcomeKind, TaskName


def same_runs(planned: Mapping[str, Inputs], stored: Mapping[str, Inputs]) -> dict[str, tuple[str, ...]]:
    """Return the planned trials for which other stored trials ran the same in the same iteration, with the ids of these."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    digests: dict[int, str] = {}

    def ran(inputs: Inputs) -> str:
        if id(inputs) not in digests:  # all trials of a point have the same inputs
            digests[id(inputs)] = run_digest(inputs)
        return digests[id(inputs)]

    for trial, inputs in stored.items():
        found[ran(inputs), _iteration(trial)].append(trial)
    same = {trial: found.get((ran(inputs), _iteration(trial)), []) for trial, inputs in planned.items()}
    others = {trial: tuple(other for other in ids if other != trial) for trial, ids in same.items()}
    return {trial: ids for trial, ids in others.items() if ids}


def readable(
    tried: Sequence[StoredAttempt],
    attempts: Iterable[StoredAttempt],
    steps: Sequence[PlannedStep],
    ends: Callable[[StoredAttempt], Mapping[TaskName, str]],
) -> Iterator[StoredAttempt]:
    """Yield the `attempts` whose tasks all ended well, the oldest first and each run once, without those that were `tried` at the trial.

    Attempts that failed only because of their metrics, or were invalid by their checks, are among them: other metrics and checks may pass.
    """
    seen = {attempt.ran for attempt in tried}
    for attempt in sorted(attempts, key=lambda attempt: attempt.started_ns):
        if attempt.ran not in seen and (attempt.ok or attempt.outcome == OutcomeKind.INVALID or _went_well(steps, ends(attempt))):
            seen.add(attempt.ran)
            yield attempt


def _went_well(steps: Sequence[PlannedStep], ends: Mapping[TaskName, str]) -> bool:
    """Tell whether every task ended well: a background task because it was stopped, any other by itself."""
    return all(ends.get(task) == (OutcomeKind.CANCELLED if step.background else OutcomeKind.OK) for step in steps for task in step.tasks())


def _iteration(trial: str) -> str:
    return trial.rpartition("-")[2]

"""Which stored attempts tell what a planned trial asks: those that ran what it would run, and whose output is read in another way only."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from wke.describe.configuration.step import PlannedStep
from wke.keep.trials.identity import run_of
from wke.keep.trials.trials import StoredAttempt
from wke.records import OutcomeKind, TaskName

Inputs = Mapping[str, Any]


def same_runs(planned: Mapping[str, Inputs], stored: Mapping[str, Inputs]) -> dict[str, tuple[str, ...]]:
    """Return, for each planned trial that has any, the other stored trials that ran the same in the same iteration, by their ids."""
    found: defaultdict[tuple[str | None, str], list[str]] = defaultdict(list)
    for trial, inputs in stored.items():
        found[run_of(inputs), _iteration(trial)].append(trial)
    same = {trial: found.get((run_of(inputs), _iteration(trial)), []) for trial, inputs in planned.items() if run_of(inputs)}
    others = {trial: tuple(other for other in ids if other != trial) for trial, ids in same.items()}
    return {trial: ids for trial, ids in others.items() if ids}


def readable(
    tried: Sequence[StoredAttempt],
    attempts: Iterable[StoredAttempt],
    steps: Sequence[PlannedStep],
    ends: Callable[[StoredAttempt], Mapping[TaskName, str]],
) -> Iterator[StoredAttempt]:
    """Yield those of the `attempts` whose tasks all went well, each run once, the oldest first; not what was `tried` at the trial itself.

    One that failed for its metrics only, or was invalid by its checks, is among them: others may make something of it.
    """
    seen = {attempt.ran for attempt in tried}
    for attempt in sorted(attempts, key=lambda attempt: attempt.started_ns):
        if attempt.ran not in seen and (attempt.ok or attempt.outcome == OutcomeKind.INVALID or _went_well(steps, ends(attempt))):
            seen.add(attempt.ran)
            yield attempt


def _went_well(steps: Sequence[PlannedStep], ends: Mapping[TaskName, str]) -> bool:
    """Tell whether every task ended as it should: in the background by being stopped, else by itself."""
    return all(ends.get(task) == (OutcomeKind.CANCELLED if step.background else OutcomeKind.OK) for step in steps for task in step.tasks())


def _iteration(trial: str) -> str:
    return trial.rpartition("-")[2]

"""Costs: how long trials take, by what earlier ones took, and which of them fit into a time."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from wke.describe.experiment.point import point_key
from wke.judge.statistics.summaries import by_point
from wke.keep.trials.trials import PlannedTrial, StoredAttempt


def spent_s(planned: Sequence[PlannedTrial], attempts: Iterable[StoredAttempt], cooldown_s: float) -> float:
    """Return how long those of `attempts` took that were at trials of the plan, each with its cooldown."""
    ids = {trial.id for trial in planned}
    took = [attempt.elapsed_s for attempt in attempts if attempt.id in ids]
    return sum(elapsed_s + cooldown_s for elapsed_s in took if elapsed_s is not None)


class Costs:
    """How long a trial takes: the mean of the trials at its point, or else of all trials, and the cooldown before it."""

    def __init__(self, attempts: Iterable[StoredAttempt], cooldown_s: float) -> None:
        took = {key: [t.elapsed_s for t in trials if t.elapsed_s is not None] for key, trials in by_point(attempts).items()}
        self._pause_s = cooldown_s
        self._means = {key: fmean(seconds) for key, seconds in took.items() if seconds}
        self.mean_s = fmean(self._means.values()) + cooldown_s if self._means else None

    def of(self, trial: PlannedTrial) -> float:
        """Return the seconds that a trial will take; 0 when no trial has shown it."""
        known = self._means.get(point_key(trial.point))
        return (self.mean_s or 0.0) if known is None else known + self._pause_s

    def cut(self, trials: Sequence[PlannedTrial], left_s: float, ahead: float) -> list[PlannedTrial]:
        """Return the first of the trials that fit, up to the share `ahead` of the time left, and up to one at a point of unknown cost."""
        batch: list[PlannedTrial] = []
        used_s = 0.0
        for trial in trials if left_s > 0 else ():
            cost_s = self.of(trial)
            if batch and used_s + cost_s > ahead * left_s:
                break
            if cost_s <= left_s:
                batch.append(trial)
                used_s += cost_s
                if point_key(trial.point) not in self._means:
                    break
        return batch

    def whole(self, trials: list[PlannedTrial], left_s: float) -> list[PlannedTrial]:
        """Return the trials if all of them fit together, else none."""
        return trials if sum(map(self.of, trials)) <= left_s and left_s > 0 else []

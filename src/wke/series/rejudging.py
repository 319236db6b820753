"""Rejudging: what the rules of an experiment say now of attempts that were stored before, perhaps with other rules or thresholds."""

from collections.abc import Iterator

from wke.act.trials.judge_attempt import judge_attempt
from wke.describe.experiment.metrics import Observations
from wke.describe.plan.plan import Trial
from wke.keep.store import Store
from wke.keep.trials.judgements import Judgement, Level, verdict
from wke.keep.trials.trials import StoredAttempt
from wke.series.planned import PlannedSeries
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Rejudged:
    """An attempt as it is stored, and its judgements now, which differ."""

    attempt: StoredAttempt
    judgements: tuple[Judgement, ...]

    @property
    def verdict(self) -> Level:
        """The verdict now."""
        return verdict(each.level for each in self.judgements)


def rejudge_series(series: PlannedSeries, store: Store) -> Iterator[Rejudged]:
    """Yield the attempts at the trials of a series of which rules say something else now; only stored data are read.

    Attempts that a check rejected are not judged by rules, and those without their files, or of which some were cleaned, keep what was said
    of them.
    """
    cleaned = store.cleaning.attempts()
    trials = {item.planned.id: item.trial for item in series.trials}
    for attempt in store.attempts.of_trials(trials, store.examinations.latest()):
        rejected = verdict(each.level for each in attempt.judgements) is Level.INVALID
        if (attempt.ok or rejected) and attempt.folder.is_dir() and attempt.ran not in cleaned:
            judgements = judge_stored(series, store, attempt, trials[attempt.id], Observations(attempt.observations, attempt.units))
            if tuple(sorted(judgements, key=lambda each: each.rule)) != attempt.judgements:
                yield Rejudged(attempt, judgements)


def judge_stored(series: PlannedSeries, store: Store, attempt: StoredAttempt, trial: Trial, seen: Observations) -> tuple[Judgement, ...]:
    """Return what the rules of a series say of a stored attempt, taken as one at `trial` whose output says what was `seen`."""
    of, start = store.details.of(attempt.id, attempt.attempt), attempt.start
    skew = (start.skew_ns, start.bound_ns) if start else None
    return judge_attempt(series.plan.experiment, trial, attempt.folder, of.times, seen, skew=skew)

"""The deciding policy: rounds run until every comparison with the baseline is decided, by looks at fixed numbers of rounds.

The looks, and why there are so few, are explained in looks.py. Whole rounds run or none. A point whose trials fail more often than the
baseline's is decided: its metrics are not waited for, because their comparisons stay incomplete.
"""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.experiment import LOOKS
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.statistics.anytime import certain, evidence
from wke.judge.statistics.comparison import MIN_ROUNDS, Comparison, Question, Verdict, compare
from wke.judge.statistics.looks import DECIDED, compare_by_looks, next_look
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class DecidedOutlook(Outlook):
    """`due` trials are missing for the look after `look` rounds, of at most `most`."""

    look: int
    most: int

    @property
    def by_looks(self) -> bool:
        """True: looks at comparisons decide what follows."""
        return True


@dataclass(frozen=True, slots=True)
class Decision(Finding):
    """What the comparisons of a series came to at the look after `rounds` rounds; the next look is after `next` rounds, if there is one.

    `rounds` is 0 before the first look. `judged` have a verdict, `open` are those that are not decided. Of these, `sure` differ for certain
    by all `complete` rounds, whatever the next look says.
    """

    rounds: int
    complete: int
    next: int | None
    judged: tuple[Comparison, ...]
    open: tuple[Comparison, ...]
    sure: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided(Policy):
    """Runs rounds until a look finds all comparisons with the `baseline` decided, or `most` rounds have run."""

    baseline: Mapping[str, object]
    threshold: float
    metrics: tuple[Metric, ...]
    points: tuple[Place, ...]
    most: int

    @property
    def needs_attempts(self) -> bool:
        """True: first attempts tell whether trials fail."""
        return True

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the missing trials of the rounds before the next look."""
        rounds = self._rounds(planned, seen)
        return [trial for trial in seen.missing(planned) if trial.warmup or trial.iteration < rounds]

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> DecidedOutlook:
        """Return how many trials are missing for the next look, and for all rounds."""
        rounds = self._rounds(planned, seen)
        due = [trial for trial in seen.missing(planned) if trial.warmup or trial.iteration < rounds]
        return DecidedOutlook(len(due), len(seen.missing(planned)), rounds, self.most)

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Finding, ...]:
        """Return what is decided, and what is not."""
        complete = self._complete(planned, seen)
        looks = [look for look in LOOKS if look <= min(complete, self._rounds(planned, seen))]
        found = self._compared(planned, seen, looks[-1]) if looks else ()
        waiting = _waiting(found)
        after = next_look(looks[-1] if looks else 0, self.most) if waiting or not looks else None
        sure = self._sure(planned, seen, complete, waiting) if after is not None else ()
        judged = tuple(one for one in found if one.better)
        return (Decision(looks[-1] if looks else 0, complete, after, judged, waiting, sure),)

    def _rounds(self, planned: Sequence[PlannedTrial], seen: Seen) -> int:
        """Return how many rounds are to run in all, as far as it is known."""
        complete = self._complete(planned, seen)
        return next(look for look in LOOKS if look >= self.most or complete < look or not _waiting(self._compared(planned, seen, look)))

    def _complete(self, planned: Sequence[PlannedTrial], seen: Seen) -> int:
        """Return how many rounds are complete: no trial of them is missing."""
        return min((trial.iteration for trial in seen.missing(planned) if not trial.warmup), default=self.most)

    def _compared(self, planned: Sequence[PlannedTrial], seen: Seen, rounds: int) -> tuple[Comparison, ...]:
        """Return the comparisons by the looks at the first `rounds` rounds."""
        question = Question(self.baseline, self.threshold, looks=True)
        return compare_by_looks(_counted(seen), self.metrics, self._asked(planned), question, seen.attempts, complete=rounds)

    def _asked(self, planned: Sequence[PlannedTrial]) -> tuple[Place, ...]:
        """Return the points that can be compared: those of which the trials to choose from include both sides."""
        there = {point_key(trial.point) for trial in planned}
        return tuple(one for one in self.points if {point_key(one), point_key({**one, **self.baseline})} <= there)

    def _sure(self, planned: Sequence[PlannedTrial], seen: Seen, complete: int, waiting: Sequence[Comparison]) -> tuple[Comparison, ...]:
        """Return those of the undecided comparisons that all complete rounds are certain of."""
        trials, names = [one for one in _counted(seen) if one.iteration < complete], {(point_key(one.point), one.metric) for one in waiting}
        question = Question(self.baseline, self.threshold, complete)
        found = [one for one in compare(trials, self.metrics, self._asked(planned), question) if one.better and one.failures is None]
        sizes = [evidence(one.effect, self.threshold) if one.effect and one.n >= MIN_ROUNDS else 0.0 for one in found]
        together = zip(found, certain(sizes), strict=True)
        return tuple(one for one, is_sure in together if is_sure and not one.stored and (point_key(one.point), one.metric) in names)


def _counted(seen: Seen) -> list[StoredAttempt]:
    return [one for one in seen.stored.values() if not one.warmup]


def _waiting(found: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the comparisons that are not decided, without those at points where trials fail more often than at the baseline."""
    failing = {point_key(one.point) for one in found if one.failures is not None and one.verdict is Verdict.WORSE}
    done = DECIDED | {Verdict.EQUAL, Verdict.UNJUDGED}
    return tuple(one for one in found if one.verdict not in done and one.failures is None and point_key(one.point) not in failing)

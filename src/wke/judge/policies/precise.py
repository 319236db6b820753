"""The precise policy: rounds run until the interval of every point is narrow enough.

Theory. Looking at an interval after every trial and stopping as soon as it is narrow finds intervals that are narrow by chance, and these
miss the truth too often. So looks are rare, after `min` rounds and then every EVERY, and a look counts only when the next one agrees. Whole
rounds run or none: a point that is precise already continues with the others, so that all points are measured over the same time.

A look after n rounds uses the trials of the first n rounds only, so a series that runs in pieces decides as one that runs in one go.
"""

from collections.abc import Callable, Sequence

from wke.describe.experiment.experiment import Stopping
from wke.describe.experiment.metrics import Metric
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.precision import Precision, all_precise, precisions
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

EVERY = 5
AGREE = 2


@dataclass(frozen=True, slots=True)
class PreciseOutlook(Outlook):
    """`due` trials are missing for the next look; `rule` says what it looks at."""

    rule: Stopping

    @property
    def by_looks(self) -> bool:
        """True: looks at intervals decide what follows."""
        return True


@dataclass(frozen=True, slots=True)
class Undecided(Finding):
    """`missing` trials of the first `rounds` rounds have no result yet, so it is not known whether more are needed."""

    missing: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Reached(Finding):
    """How precise each of `points` is after `rounds` rounds, all that the series needs; `rule` says how precise it should be."""

    rounds: int
    rule: Stopping
    points: tuple[Precision, ...]


@dataclass(frozen=True, slots=True)
class Precise(Policy):
    """Runs rounds until two looks in a row find all of `points` precise enough, or `most` rounds have run."""

    rule: Stopping
    metrics: tuple[Metric, ...]
    points: tuple[Place, ...]
    most: int

    def rounds(self, planned: Sequence[PlannedTrial], seen: Seen) -> int:
        """Return how many rounds are to run in all, as far as it is known.

        A round is complete when no trial of it is missing. Points without a successful trial are not waited for.
        """
        counted = [trial for trial in planned if not trial.warmup]
        complete = min((trial.iteration for trial in seen.missing(counted)), default=self.most)
        mine = seen.results_of(counted)

        def is_precise(rounds: int) -> bool:
            return all_precise(self.rule, self.metrics, [trial for trial in mine if trial.iteration < rounds])

        return rounds_wanted(self.rule, self.most, complete, is_precise)

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the missing trials of the rounds before the next look."""
        rounds = self.rounds(planned, seen)
        return [trial for trial in seen.missing(planned) if trial.warmup or trial.iteration < rounds]

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> PreciseOutlook:
        """Return how many trials are missing for the next look, and for all rounds."""
        return PreciseOutlook(len(self.next_trials(planned, seen)), len(seen.missing(planned)), self.rule)

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Finding, ...]:
        """Return how precise every point is, or that this is not decided yet."""
        rounds, due = self.rounds(planned, seen), len(self.next_trials(planned, seen))
        if due:
            return (Undecided(due, rounds),)
        return (Reached(rounds, self.rule, self.precisions(self.points, tuple(seen.stored.values()))),)

    def precisions(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Precision, ...]:
        """Return how precise each point is."""
        return precisions(self.rule, self.metrics, trials, points) if points else ()


def rounds_wanted(rule: Stopping, most: int, complete: int, is_precise: Callable[[int], bool]) -> int:
    """Return how many rounds are to run in all, as far as it is known when the first `complete` ones have run.

    `is_precise(n)` tells whether every point is precise enough by the first n rounds; it is asked for n <= `complete` only.
    """
    agreeing = 0
    for look in range(rule.min, most + 1, EVERY):
        if complete < look:
            return look
        agreeing = agreeing + 1 if is_precise(look) else 0
        if agreeing == AGREE:
            return look
    return most

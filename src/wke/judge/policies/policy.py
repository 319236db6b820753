"""What a policy is: it chooses the trials that a series runs next, and knows when the series is over.

Every policy is pure and remembers nothing. What is stored decides, so an interrupted series continues exactly as if it had not been
interrupted. A new policy is one file next to this one; `choose.policy_of` selects it, and `tell.terminal` has the words for what it finds.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from wke.describe.search.search import WantedTrial
from wke.judge.policies.precision import Precision
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

Place = Mapping[str, object]
"""A point of the sweep: the value of each parameter."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the trials of a plan.

    `stored` maps the id of a trial to its result. Trials in `tried` have no result but do not run now: they were attempted by this
    command, or were invalid too often. `attempts` are all attempts at trials of the plan, and `spent_s` is
    the time that those of this series took; they are given to policies that need them (`needs_attempts`) only.
    """

    stored: Mapping[str, StoredAttempt]
    tried: Collection[str] = ()
    spent_s: float = 0.0
    attempts: Sequence[StoredAttempt] = ()

    def lacks(self, trial: PlannedTrial) -> bool:
        """Return whether a trial has no result and may still run."""
        return trial.id not in self.stored and trial.id not in self.tried

    def missing(self, planned: Sequence[PlannedTrial]) -> list[PlannedTrial]:
        """Return the trials that have no result and may still run, in their order."""
        return [trial for trial in planned if self.lacks(trial)]

    def results_of(self, planned: Sequence[PlannedTrial]) -> list[StoredAttempt]:
        """Return the stored results of these trials, in their order."""
        return [self.stored[trial.id] for trial in planned if trial.id in self.stored]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How much a series still has to do: `due` trials run before the policy is asked again, `at_most` in all.

    A policy that knows more returns a subclass with more numbers.
    """

    due: int
    at_most: int

    @property
    def by_looks(self) -> bool:
        """True when whole rounds run until results have been looked at."""
        return False

    @property
    def exact(self) -> bool:
        """True when results cannot change how many trials run."""
        return self.due == self.at_most


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a series found out about itself. Each policy has subclasses of its own, with numbers and places."""


class Policy(ABC):
    """A way to choose trials. `planned` are the trials to choose from, in running order: those of the plan, or a selection of them."""

    __slots__ = ()

    @property
    def needs_attempts(self) -> bool:
        """Whether `Seen` has to have all attempts, and the time that they took."""
        return False

    @property
    def grows(self) -> bool:
        """Whether results choose points that the plan does not have yet."""
        return False

    @property
    def needs_recorded(self) -> bool:
        """Whether it looks at how the recorded values of results are distributed."""
        return False

    @abstractmethod
    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the trials to run next; none when the series is over."""

    @abstractmethod
    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> Outlook:
        """Return how much there is still to do, as far as it is known."""

    def wanted(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[WantedTrial, ...]:  # noqa: ARG002 - others need them
        """Return the trials that the plan needs in addition, by the results so far; none unless the policy grows."""
        return ()

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Finding, ...]:  # noqa: ARG002 - others need them
        """Return what the series found; nothing when results do not change what runs."""
        return ()

    def counted(self, trials: Sequence[StoredAttempt]) -> tuple[StoredAttempt, ...]:
        """Return those of `trials` that tables and figures show: all, unless some only served to choose points."""
        return tuple(trials)

    def compared(self, trials: Sequence[StoredAttempt]) -> tuple[StoredAttempt, ...]:
        """Return those of `trials` that comparisons and diagnostics use: rounds of all points, if there are any."""
        return self.counted(trials)

    def visited(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Place, ...]:  # noqa: ARG002 - others need them
        """Return those of `points` that a table has a row for, given the trials so far: all, unless the policy leaves points out."""
        return tuple(points)

    def precisions(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Precision, ...]:  # noqa: ARG002 - others need them
        """Return how precise the trials make each of `points`; nothing when the policy has no target precision."""
        return ()

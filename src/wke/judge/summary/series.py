"""What a series says: everything that commands, exports and figures show of it."""

from collections.abc import Callable
from dataclasses import replace

from wke.judge.diagnostics.diagnose import diagnose
from wke.judge.diagnostics.observed import Hint
from wke.judge.policies.choose import policy_by
from wke.judge.policies.policy import Finding, Outlook
from wke.judge.summary.pointtable import Point, PointTable
from wke.judge.summary.versions import VersionReport
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import INTERRUPTED, RUNNING, PlannedTrial, StoredAttempt
from wke.records import OutcomeKind
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class TrialCounts:
    """How many trials a plan has, and how many of them are ok, failed or were invalid when last tried.

    `broken` and `suspect` ones are among those that are ok.
    """

    planned: int
    ok: int
    failed: int
    invalid: int
    broken: int
    suspect: int


@dataclass(frozen=True, slots=True)
class InputChanges:
    """How the inputs of results differ from the files as they are now: the `kinds` of changes at `changed` of `of` points with results.

    `gone` of these points are in the files no more. With a `problem`, the files cannot be read.
    """

    kinds: str = ""
    changed: int = 0
    gone: int = 0
    of: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SeriesWork:
    """What of a series is done and what there is to do, by its latest plan and the store.

    `trials` are the planned trials that were begun, in running order, each with the attempt that counts, else its last. `shown` are those
    that tables show: all, unless some only served to choose points. `due` are the trials that run next, before the policy is asked
    again; `outlook` is how much there is to do in all. `findings` are what the series found about itself.
    """

    name: str
    plan: StoredPlan
    planned: tuple[PlannedTrial, ...]
    trials: tuple[StoredAttempt, ...]
    shown: tuple[StoredAttempt, ...]
    due: tuple[PlannedTrial, ...]
    outlook: Outlook
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> TrialCounts:
        """How many trials there are of each kind."""
        ok, invalid = sum(trial.ok for trial in self.trials), sum(trial.outcome == OutcomeKind.INVALID for trial in self.trials)
        ended = sum(trial.outcome not in {INTERRUPTED, RUNNING} for trial in self.trials)
        broken, suspect = sum(trial.broken for trial in self.trials), sum(trial.suspect for trial in self.trials)
        begun = {trial.id for trial in self.trials}
        planned = sum(not trial.fresh or trial.id in begun for trial in self.planned)
        return TrialCounts(planned, ok, ended - ok - invalid, invalid, broken, suspect)


@dataclass(frozen=True, slots=True)
class SeriesSummary(SeriesWork):
    """All that a series says.

    It has also a `table` with a row for each point and the comparisons, and the `versions` of software that it ran on.
    """

    table: PointTable
    versions: VersionReport = VersionReport()

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What diagnostics say of the values in the table."""
        in_rounds = self.plan.order != "sequential" and self.plan.rules.visits_all
        return diagnose(policy_by(self.plan.rules).compared(self.trials), self.plan.rules.metrics, in_rounds=in_rounds)

    @property
    def without_result(self) -> tuple[StoredAttempt, ...]:
        """The trials that were begun and have no result."""
        return tuple(trial for trial in self.trials if not trial.ok)

    @property
    def accepted(self) -> tuple[StoredAttempt, ...]:
        """The trials that count only because a user accepted a change."""
        return tuple(trial for trial in self.trials if trial.accepted)

    def of_points(self, is_selected: Callable[[Point], bool]) -> "SeriesSummary":
        """Return what the series says of some of its points; they are compared with the baseline whether that is selected or not."""
        rows = tuple(row for row in self.table.rows if is_selected(row.point))
        comparisons = tuple(one for one in self.table.comparisons if is_selected(one.point))
        trials = tuple(trial for trial in self.trials if is_selected(trial.point))
        shown = tuple(trial for trial in self.shown if is_selected(trial.point))
        due = tuple(trial for trial in self.due if is_selected(trial.point))
        return replace(self, trials=trials, shown=shown, due=due, table=replace(self.table, rows=rows, comparisons=comparisons))

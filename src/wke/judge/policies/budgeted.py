"""The budgeted policy: which trials to run next so that a given time buys the most, how far it will go, and what it did not reach.

Theory. First the shape, then the precision. (1) `min` rounds of the coarse points, which have the ends and the middle of each range of
numbers; then of the points halfway between those, and so on, until all points have `min` rounds. (2) Then one iteration after another, each
of the point with the widest interval, until all are narrow enough if a precision is wanted. Trials that would not end in time do not begin.

Points that are compared with a baseline form one unit with it: a comparison is of the same iteration, so both must run at about the same
time. For the same reason all values of the baseline's parameters are coarse, and so are values that are not numbers.

Giving more trials to wide intervals does not shift their centres. Intervals that are narrow by chance get no more trials, and stay a little
too narrow: see docs/decisions/0018.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from wke.describe.experiment.experiment import Budget, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.policies.coarseness import coarseness
from wke.judge.policies.costs import Costs
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.precise import rounds_wanted
from wke.judge.policies.precision import Precision, all_precise, precisions
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

AHEAD = 0.1  # the share of the time left that is planned at once, by what trials took so far


@dataclass(frozen=True, slots=True)
class BudgetOutlook(Outlook):
    """What the rest of a budget will probably buy: `basic` of the `lacking` trials of the first `rounds` rounds, then `further` trials.

    `basic` and `further` are None until a first trial shows how long one takes. `rule` is the precision that is wanted, if any.
    """

    total_s: float
    spent_s: float
    rounds: int
    lacking: int
    basic: int | None = None
    further: int | None = None
    rule: Stopping | None = None

    @property
    def left_s(self) -> float:
        """How much of the budget is left."""
        return max(0.0, self.total_s - self.spent_s)


@dataclass(frozen=True, slots=True)
class BudgetUse(Finding):
    """What a budget bought. `points` are all points with their precision.

    Each point should have `rounds` iterations, and the precision `wanted` if there is one.
    """

    spent_s: float
    total_s: float
    rounds: int
    points: tuple[Precision, ...]
    wanted: float | None

    @property
    def unmeasured(self) -> tuple[Precision, ...]:
        """The points without a result."""
        return tuple(point for point in self.points if not point.n)

    @property
    def begun(self) -> tuple[Precision, ...]:
        """The points with fewer iterations than each point should have."""
        return tuple(point for point in self.points if 0 < point.n < self.rounds)

    @property
    def wide(self) -> tuple[Precision, ...]:
        """The points with results whose intervals are not narrow enough, the widest first."""
        wide = [point for point in self.points if point.n and not point.enough]
        return tuple(sorted(wide, key=_width, reverse=True))


@dataclass(frozen=True, slots=True)
class Budgeted(Policy):
    """Runs what a budget affords: the coarse points first, then where intervals are widest; with a `rule` until that is reached."""

    budget: Budget
    rule: Stopping | None
    metrics: tuple[Metric, ...]
    points: tuple[Place, ...]
    baseline: Mapping[str, object]
    most: int
    cooldown_s: float = 0.0

    @property
    def needs_attempts(self) -> bool:
        """True: all attempts take time."""
        return True

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return trials that fit into the rest of the budget: some of the first rounds, or else the next iteration of one unit."""
        costs, left_s = Costs(seen.stored.values(), self.cooldown_s), self.budget.total_s - seen.spent_s
        for level in self._levels(planned):
            lacking = [trial for trial in level if seen.lacks(trial) and self._is_basic(trial)]
            if lacking and (batch := costs.cut(lacking, left_s, AHEAD)):
                return batch
        return next((batch for unit in self._widest_first(planned, seen) if (batch := costs.whole(unit, left_s))), [])

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> BudgetOutlook:
        """Return how far the rest of the budget will go."""
        costs = Costs(seen.stored.values(), self.cooldown_s)
        lacking = [trial for level in self._levels(planned) for trial in level if seen.lacks(trial) and self._is_basic(trial)]
        further = sum(1 for trial in planned if seen.lacks(trial) and not self._is_basic(trial))
        rest_s, basic = max(0.0, self.budget.total_s - seen.spent_s), 0
        for trial in lacking:
            rest_s -= costs.of(trial)
            if rest_s < 0:
                further = 0
                break
            basic += 1
        bought = min(further, int(rest_s / costs.mean_s)) if costs.mean_s and further else further
        return BudgetOutlook(
            due=len(self.next_trials(planned, seen)),
            at_most=len(seen.missing(planned)),
            total_s=self.budget.total_s,
            spent_s=seen.spent_s,
            rounds=self.budget.min,
            lacking=len(lacking),
            basic=None if costs.mean_s is None else basic,
            further=None if costs.mean_s is None else bought,
            rule=self.rule,
        )

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Finding, ...]:  # noqa: ARG002 - all points count
        """Return what the budget was used for."""
        points = precisions(self._looked_at, self.metrics, tuple(seen.stored.values()), self.points)
        return (BudgetUse(seen.spent_s, self.budget.total_s, self.budget.min, points, self.rule.precision if self.rule else None),)

    def precisions(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Precision, ...]:
        """Return how precise each point is, if a precision is wanted."""
        return precisions(self.rule, self.metrics, trials, points) if points and self.rule else ()

    @property
    def _looked_at(self) -> Stopping:
        """The rule, or else one by which no interval is narrow enough."""
        return self.rule or Stopping(0.0, self.budget.of, self.budget.min)

    def _is_basic(self, trial: PlannedTrial) -> bool:
        return trial.warmup or trial.iteration < self.budget.min

    def _levels(self, planned: Sequence[PlannedTrial]) -> Iterator[list[PlannedTrial]]:
        levels = coarseness(self.points, self.baseline)
        trials: dict[int, list[PlannedTrial]] = {}
        for trial in planned:
            trials.setdefault(levels[point_key(trial.point)], []).append(trial)
        yield from (trials[level] for level in sorted(trials))

    def _widest_first(self, planned: Sequence[PlannedTrial], seen: Seen) -> Iterator[list[PlannedTrial]]:
        """Yield the next iteration of each unit that needs one: units whose iteration has begun, then those with the widest intervals."""
        found: list[tuple[float, int, list[PlannedTrial]]] = []
        mine = seen.results_of(planned)
        widths = {point_key(point.point): _width(point) for point in precisions(self._looked_at, self.metrics, mine)}
        for number, unit in enumerate(self._units(planned)):
            complete = min((trial.iteration for trial in unit if seen.lacks(trial)), default=self.most)
            width = max((widths[key] for key in {point_key(trial.point) for trial in unit} if key in widths), default=None)
            if width is None or complete >= self._wanted(unit, seen, complete):
                continue
            due = [trial for trial in unit if trial.iteration == complete]
            begun = any(not seen.lacks(trial) for trial in due)
            found.append((-math.inf if begun else -width, number, seen.missing(due)))
        yield from (trials for _, _, trials in sorted(found, key=lambda entry: entry[:2]))

    def _units(self, planned: Sequence[PlannedTrial]) -> list[list[PlannedTrial]]:
        """Return the trials that count, grouped by their points without the baseline's parameters."""
        units: dict[object, list[PlannedTrial]] = {}
        for trial in planned:
            if not trial.warmup:
                rest = {name: value for name, value in trial.point.items() if name not in self.baseline}
                units.setdefault(point_key(rest), []).append(trial)
        return list(units.values())

    def _wanted(self, unit: Sequence[PlannedTrial], seen: Seen, complete: int) -> int:
        """Return how many iterations of a unit are wanted, as far as it is known when the first `complete` ones have run."""
        rule = self.rule
        if rule is None:
            return self.most
        mine = seen.results_of(unit)

        def is_precise(rounds: int) -> bool:
            return all_precise(rule, self.metrics, [trial for trial in mine if trial.iteration < rounds])

        return rounds_wanted(rule, self.most, complete, is_precise)


def _width(point: Precision) -> float:
    """Return the share of the widest interval of a point; infinite without an interval."""
    return max((math.inf if share is None else share for share in point.shares.values()), default=math.inf)

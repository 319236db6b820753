"""The maximising policy: what plots with `maximize-by` choose by its results is measured again, when another policy has run its rounds.

At each setting of a plot the value with the highest mean wins. Its results are too good by chance (again.py), so fresh rounds measure it
and its neighbours, and tables and figures show these results of it only. The winner stays the one that the first rounds chose.

Comparisons and diagnostics use the first rounds only, because those have all points.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, mean

from wke.describe.experiment.experiment import FRESH
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.plot import Contest
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, Value
from wke.describe.expression.evaluation import number_or_nan
from wke.describe.toml.limits import FRESH_FROM
from wke.judge.policies.again import Again, finite, measured_again
from wke.judge.policies.budgeted import AHEAD
from wke.judge.policies.costs import Costs
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.precision import Precision
from wke.judge.statistics.summaries import by_point, metric_units, trial_kind, unit_of
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

CLOSE = 3
"""The winner and its two neighbours."""
KEPT = 1 / 3
"""The share of a budget that is kept for fresh rounds."""


@dataclass(frozen=True, slots=True)
class AgainOutlook(Outlook):
    """What follows the rounds of all points, of which `first` is the outlook: at most `again` trials measure the best values again.

    These are values of `parameters`. `done` trials of fresh rounds have a result. `total_s` is the whole budget, if there is one.
    """

    first: Outlook
    again: int
    done: int
    parameters: tuple[str, ...]
    total_s: float | None = None

    @property
    def by_looks(self) -> bool:
        """True when whole rounds run until results have been looked at."""
        return self.first.by_looks and self.first.due > 0


@dataclass(frozen=True, slots=True)
class Best(Finding):
    """The winner of a contest at one `setting`: the `value` with the highest `mean`, and what fresh rounds say of it.

    `entrants` are all points of the setting; `close` are those of the winner and its neighbours. It was chosen by `rounds` rounds.
    """

    contest: Contest
    setting: Point
    value: Value
    mean: float
    entrants: tuple[Point, ...]
    close: tuple[tuple[Point, ...], ...]
    rounds: int
    again: Again | None = None

    @property
    def points(self) -> tuple[Point, ...]:
        """All points that are measured again."""
        return tuple(point for same in self.close for point in same)


@dataclass(frozen=True, slots=True)
class Maximizing(Policy):
    """Runs what `first` wants; then measures what the `contests` chose among `points` again.

    It does so in `rounds` fresh rounds; None: in as many as chose it, and at least FRESH. A budget of `budget_s` seconds ends all of it.
    """

    first: Policy
    contests: tuple[Contest, ...]
    metrics: tuple[Metric, ...]
    points: tuple[Point, ...]
    rounds: int | None = None
    budget_s: float | None = None
    cooldown_s: float = 0.0

    @property
    def needs_attempts(self) -> bool:
        """As the first policy."""
        return self.first.needs_attempts

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return what the first policy wants; when it wants nothing more, the missing fresh trials of the winners and their neighbours."""
        first = [trial for trial in planned if not trial.fresh]
        wanted = self.first.next_trials(first, self._before(seen))
        return wanted or self._affordable(self._missing(planned, seen), seen)

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> AgainOutlook:
        """Return what the first policy still has to do, and how many trials measure its winners again, at most."""
        outlook = self.first.outlook([trial for trial in planned if not trial.fresh], self._before(seen))
        missing = self._missing(planned, seen)
        due = len(self._affordable(missing, seen))
        again = self._at_most(planned, seen) if outlook.due else len(missing) if due else 0
        return AgainOutlook(
            due=outlook.due or due,
            at_most=outlook.at_most + again if outlook.due else again,
            first=outlook,
            again=again,
            done=sum(trial.fresh and trial.id in seen.stored for trial in planned),
            parameters=tuple(dict.fromkeys(contest.parameter for contest in self.contests)),
            total_s=self.budget_s,
        )

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Finding, ...]:
        """Return what the first policy found; when it is over, also each winner and what came of it in fresh rounds."""
        first, before = [trial for trial in planned if not trial.fresh], self._before(seen)
        found = self.first.findings(first, before)
        if self.first.next_trials(first, before):
            return found
        fresh = by_point(result for result in seen.stored.values() if result.fresh)
        missing = self._missing(planned, seen)
        return (*found, *(replace(best, again=self._again(best, fresh, missing)) for best in self.bests(seen.stored.values())))

    def counted(self, trials: Sequence[StoredAttempt]) -> tuple[StoredAttempt, ...]:
        """Return the trials that tables show: of the winners and their neighbours those of fresh rounds, if there are results of these."""
        close = {point_key(point) for best in self.bests(trials) for point in best.points}
        again = {point_key(trial.point) for trial in trials if trial.fresh and trial.ok} & close
        first = {trial.id for trial in self.compared(trials)}
        return tuple(
            trial
            for trial in trials
            if (point_key(trial.point) in close if trial.fresh else trial.id in first and point_key(trial.point) not in again)
        )

    def compared(self, trials: Sequence[StoredAttempt]) -> tuple[StoredAttempt, ...]:
        """Return those of the rounds of all points."""
        return self.first.compared([trial for trial in trials if not trial.fresh])

    def visited(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Place, ...]:
        """As the first policy."""
        return self.first.visited(points, trials)

    def precisions(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Precision, ...]:
        """Return how precise the rounds of all points make each of `points`, if that is wanted."""
        return self.first.precisions(points, [trial for trial in trials if not trial.fresh])

    def bests(self, trials: Iterable[StoredAttempt]) -> tuple[Best, ...]:
        """Return the winner of each contest at each setting that has a result, by the results of the rounds of all points."""
        counting = [trial for trial in trials if trial.ok and not trial.warmup and not trial.fresh]
        at, units = by_point(counting), metric_units(counting, self.metrics)
        settings = ((contest, *each) for contest in self.contests for each in contest.settings(self.points))
        found = (_best(contest, setting, values, at, units) for contest, setting, values in settings)
        return tuple(best for best in found if best is not None)

    def _before(self, seen: Seen) -> Seen:
        """Return what the first policy looks at: nothing of fresh rounds, nor their time."""
        fresh = [result for result in seen.stored.values() if result.fresh]
        took_s = sum((result.elapsed_s or 0.0) + self.cooldown_s for result in fresh)
        return replace(
            seen,
            stored={id_: result for id_, result in seen.stored.items() if not result.fresh},
            spent_s=max(0.0, seen.spent_s - took_s),
            attempts=[attempt for attempt in seen.attempts if not attempt.fresh],
        )

    def _missing(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the fresh trials without a result of all winners so far whose setting can be chosen from as a whole."""
        there = {point_key(trial.point) for trial in planned}
        wanted: dict[object, int] = {}
        for best in self.bests(seen.stored.values()):
            rounds = max(FRESH, best.rounds) if self.rounds is None else self.rounds
            if {point_key(point) for point in best.entrants} <= there:
                wanted |= {key: max(rounds, wanted.get(key, 0)) for key in map(point_key, best.points)}
        return [
            trial for trial in seen.missing(planned) if trial.fresh and trial.iteration - FRESH_FROM < wanted.get(point_key(trial.point), 0)
        ]

    def _at_most(self, planned: Sequence[PlannedTrial], seen: Seen) -> int:
        """Return how many fresh trials there can be before winners are known: those of the three largest values of each setting."""
        fresh = [trial for trial in planned if trial.fresh]
        rounds = len({trial.iteration for trial in fresh})
        sizes = [sorted(map(len, values), reverse=True)[:CLOSE] for contest in self.contests for _, values in contest.settings(self.points)]
        return min(rounds * sum(map(sum, sizes)), len(seen.missing(fresh)))

    def _affordable(self, trials: list[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the first of the trials for which there is time; all of them without a budget."""
        if self.budget_s is None:
            return trials
        return Costs(seen.stored.values(), self.cooldown_s).cut(trials, self.budget_s - seen.spent_s, AHEAD)

    def _again(self, best: Best, fresh: Mapping[object, Sequence[StoredAttempt]], missing: Sequence[PlannedTrial]) -> Again | None:
        """Return what fresh rounds say of a winner; None where there are none."""
        mine = {point_key(point) for point in best.points}
        results = [result for key in mine for result in fresh.get(key, ())]
        left = sum(point_key(trial.point) in mine for trial in missing)
        if not results and not left:
            return None
        units = metric_units(results, self.metrics)
        values: dict[Value, dict[int, float]] = {}
        for same in best.close:
            rounds: dict[int, list[float]] = {}
            for result in (result for point in same for result in fresh.get(point_key(point), ())):
                rounds.setdefault(result.iteration, []).append(_observed(best.contest, result, units))
            values[same[0][best.contest.parameter]] = finite({number: fmean(seen) for number, seen in rounds.items()})
        goal = best.contest.goal(units)
        kind = trial_kind(goal.name or "", self.metrics, unit_of(goal, [{**one.point, **one.observations} for one in results], units))
        return measured_again(best.value, values, left, better="higher", kind=kind)


def _best(
    contest: Contest,
    setting: Point,
    values: Sequence[tuple[Point, ...]],
    at: Mapping[object, Sequence[StoredAttempt]],
    units: Mapping[str, str],
) -> Best | None:
    """Return the winner at one setting among points of one value after another, by the trials at each point; None without a result."""
    seen = [[trial for point in same for trial in at.get(point_key(point), ())] for same in values]
    place, highest = best_of([[_observed(contest, trial, units) for trial in here] for here in seen])
    if highest == -math.inf:
        return None
    entrants = tuple(point for same in values for point in same)
    close, value = tuple(values[max(0, place - 1) : place + 2]), values[place][0][contest.parameter]
    return Best(contest, setting, value, highest, entrants, close, len({trial.iteration for trial in seen[place]}))


def _observed(contest: Contest, trial: StoredAttempt, units: Mapping[str, str]) -> float:
    """Return what a trial observed of what a contest looks at; NaN if nothing, or if it does not take part."""
    columns = {**trial.point, **trial.observations}
    return number_or_nan(contest.goal(columns), columns, units) if contest.keeps(columns) else math.nan


def best_of(candidates: Sequence[Sequence[float]]) -> tuple[int, float]:
    """Return the place of the candidate with the highest mean, and this mean; of equals the first, of candidates without a value -inf."""
    seen = [[value for value in values if math.isfinite(value)] for values in candidates]
    means = [mean(values) if values else -math.inf for values in seen]
    highest = max(means)
    return means.index(highest), highest

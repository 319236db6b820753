"""The climbing policy: at every setting of the other parameters, it searches for the best value of one parameter.

Only trials on the way to the best value run. How a search proceeds is in `search`; here each search gets its points and its results.

When a search is over, the value that it found and its neighbours are measured again in fresh rounds, and only these count (again.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, Value
from wke.describe.expression.equation import over
from wke.describe.expression.evaluation import number_or_nan
from wke.describe.expression.expression import Expression
from wke.judge.policies.again import Again, finite, measured_again
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.search import Advice, next_value
from wke.judge.statistics.summaries import trial_kind
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

CLOSE = 3  # the best value and its two neighbours


@dataclass(frozen=True, slots=True)
class ClimbOutlook(Outlook):
    """`due` trials run at the values that the searches along `parameter` try next; how many follow depends on their results.

    At most `again` trials measure the best values again.
    """

    parameter: str
    again: int = 0


@dataclass(frozen=True, slots=True)
class Climb(Finding):
    """One search: the points along the range of `parameter`, the goal it looks at, where it is, and what it came to `again`."""

    parameter: str
    goal: Expression
    points: tuple[Point, ...]
    advice: Advice[Value]
    again: Again | None = None

    @property
    def close(self) -> tuple[Point, ...]:
        """The best value's point and its neighbours, when the search is over."""
        values = [point[self.parameter] for point in self.points]
        if not self.advice.over or self.advice.best is None:
            return ()
        best = values.index(self.advice.best)
        return self.points[max(0, best - 1) : best + 2]

    @property
    def next(self) -> Point | None:
        """The point to try next; None when the search is over."""
        wanted = self.advice.next
        return next((point for point in self.points if wanted is not None and point[self.parameter] == wanted), None)


@dataclass(frozen=True, slots=True)
class Climbing(Policy):
    """Climbs along `parameter` to the best mean of `goal`, once for each setting of the others; `points` are in the order of the ranges.

    A point is worse than all others if the system is broken in half of its trials or more: that is an answer, whatever the goal was there.
    """

    parameter: str
    goal: Expression
    better: str
    metrics: tuple[Metric, ...]
    points: tuple[Point, ...]

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the missing trials at the point that each search tries next, and the fresh rounds of those that are over."""
        climbs, missing = self._climbs(planned, seen), seen.missing(planned)
        wanted = {point_key(climb.next) for climb in climbs if climb.next is not None}
        again = {point_key(point) for climb in climbs for point in climb.close}
        searching = [trial for trial in missing if not trial.fresh and point_key(trial.point) in wanted]
        fresh = [trial for trial in missing if trial.fresh and point_key(trial.point) in again]
        return searching + fresh

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> ClimbOutlook:
        """Return how many trials run next; at most all missing ones do, and the fresh rounds of three values for each search."""
        missing = seen.missing(planned)
        fresh = [trial for trial in missing if trial.fresh]
        rounds = len({trial.iteration for trial in fresh})
        left = sum(self._left(climb, fresh, rounds) for climb in self._climbs(planned, seen))
        return ClimbOutlook(len(self.next_trials(planned, seen)), len(missing) - len(fresh) + left, self.parameter, left)

    def _left(self, climb: Climb, fresh: Sequence[PlannedTrial], rounds: int) -> int:
        """Return how many of the `fresh` trials a search still needs, at most."""
        close, there = {point_key(point) for point in climb.close}, {point_key(trial.point) for trial in fresh}
        here = sum(point_key(point) in there for point in climb.points)
        return sum(point_key(trial.point) in close for trial in fresh) if climb.advice.over else rounds * min(CLOSE, here)

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Climb, ...]:
        """Return all searches, with what came of their best values in fresh rounds."""
        fresh = [trial for trial in planned if trial.fresh]
        return tuple(replace(climb, again=self._again(climb, fresh, seen)) for climb in self._climbs(planned, seen))

    def _climbs(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Climb, ...]:
        """Return all searches. A point is tried when no trial of it is missing; trials without a result are observations of nothing."""
        trials_at: dict[object, list[PlannedTrial]] = {}
        for trial in planned:
            if not trial.fresh:
                trials_at.setdefault(point_key(trial.point), []).append(trial)
        tried = [trials for trials in trials_at.values() if not seen.missing(trials)]
        return self.climbs((trials[0].point, self._observations(seen.results_of(_counted(trials)))) for trials in tried)

    def _again(self, climb: Climb, fresh: Sequence[PlannedTrial], seen: Seen) -> Again | None:
        """Return what the fresh rounds of a search say; None without any."""
        close = {point_key(point): point[self.parameter] for point in climb.close}
        mine = [trial for trial in fresh if point_key(trial.point) in close]
        if not mine:
            return None
        values: dict[Value, dict[int, float]] = {value: {} for value in close.values()}
        for result in seen.results_of(mine):
            values[close[point_key(result.point)]][result.iteration] = self._observed(result)
        found = {value: finite(rounds) for value, rounds in values.items()}
        unit = next((metric.unit for metric in self.metrics if metric.name == self.goal.name), None)
        kind = trial_kind(self.goal.name or "", self.metrics, unit)
        return measured_again(climb.advice.best, found, len(seen.missing(mine)), better=self.better, kind=kind)

    def counted(self, trials: Sequence[StoredAttempt]) -> tuple[StoredAttempt, ...]:
        """Return the trials that tables and figures show: where there are fresh results, these alone."""
        fresh = {point_key(trial.point) for trial in trials if trial.ok and trial.fresh}
        return tuple(trial for trial in trials if trial.fresh or point_key(trial.point) not in fresh)

    def visited(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Place, ...]:
        """Return the points with a trial: most others are never tried."""
        begun = {point_key(trial.point) for trial in trials}
        return tuple(point for point in points if point_key(point) in begun)

    def climbs(self, tried: Iterable[tuple[Place, Sequence[float]]]) -> tuple[Climb, ...]:
        """Return all searches, in the order of the points, given the points tried so far, each with its observations of the goal."""
        given = {point_key(point): values for point, values in tried}
        found = []
        for points in self._ranges():
            known = {point[self.parameter]: given[point_key(point)] for point in points if point_key(point) in given}
            advice = next_value(known, [point[self.parameter] for point in points], self.better)
            found.append(Climb(self.parameter, self.goal, points, advice))
        return tuple(found)

    def _ranges(self) -> list[tuple[Point, ...]]:
        """Return the points of each search: those that differ in the climbed parameter only."""
        groups: dict[object, list[Point]] = {}
        for point in self.points:
            others = {name: value for name, value in point.items() if name != self.parameter}
            groups.setdefault(point_key(others), []).append(point)
        return list(map(tuple, groups.values()))

    def _observations(self, results: Sequence[StoredAttempt]) -> list[float]:
        """Return what the trials of a point observed of the goal; nothing if the system is broken there."""
        is_broken = results and 2 * sum(result.broken for result in results) >= len(results)
        return [] if is_broken else list(map(self._observed, results))

    def _observed(self, result: StoredAttempt) -> float:
        """Return what a trial observed of the goal; NaN if nothing."""
        columns = {**result.point, **result.observations}
        return number_or_nan(over(self.goal, columns), columns, {metric.name: metric.unit for metric in self.metrics})


def _counted(trials: Iterable[PlannedTrial]) -> list[PlannedTrial]:
    return [trial for trial in trials if not trial.warmup]

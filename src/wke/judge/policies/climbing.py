"""The climbing policy: at every setting of the other parameters, it searches for the best value of one parameter.

Only trials on the way to the best value run. How a search proceeds is in `search`; here each search gets its points and its results.
"""

from collections.abc import Iterable, Sequence

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, Value
from wke.describe.expression.equation import over
from wke.describe.expression.evaluation import number_or_nan
from wke.describe.expression.expression import Expression
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.search import Advice, next_value
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class ClimbOutlook(Outlook):
    """`due` trials run at the values that the searches along `parameter` try next; how many follow depends on their results."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Climb(Finding):
    """One search: the points along the range of `parameter`, the goal it looks at, and where it is."""

    parameter: str
    goal: Expression
    points: tuple[Point, ...]
    advice: Advice[Value]

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
        """Return the missing trials at the point that each search tries next."""
        wanted = {point_key(climb.next) for climb in self.findings(planned, seen) if climb.next is not None}
        return [trial for trial in seen.missing(planned) if point_key(trial.point) in wanted]

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> ClimbOutlook:
        """Return how many trials run next; at most all missing ones do."""
        return ClimbOutlook(len(self.next_trials(planned, seen)), len(seen.missing(planned)), self.parameter)

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[Climb, ...]:
        """Return all searches. A point is tried when no trial of it is missing; trials without a result are observations of nothing."""
        trials_at: dict[object, list[PlannedTrial]] = {}
        for trial in planned:
            trials_at.setdefault(point_key(trial.point), []).append(trial)
        tried = [trials for trials in trials_at.values() if not seen.missing(trials)]
        return self.climbs((trials[0].point, self._observations(seen.results_of(_counted(trials)))) for trials in tried)

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

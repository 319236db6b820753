"""The policy of a search for the smallest value: the least size for each load, by the walk of judge/statistics/demand.py.

All points are planned; only those run that the walk asks for, each with all its trials. A point that the file excludes does not hold. There
is one walk for each setting of the parameters that are neither the load nor the size, and walks run side by side.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, Value
from wke.describe.search.search import Search
from wke.judge.policies.largest import SearchOutlook
from wke.judge.policies.policy import Finding, Place, Policy, Seen
from wke.judge.policies.tried import Condition
from wke.judge.statistics.demand import Demand, Walk, walk
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass

Number = int | float


@dataclass(frozen=True, slots=True)
class TriedCell:
    """What the trials of one load and size say: in how many of them the condition held."""

    load: Number | None
    size: Number
    held: int
    trials: int


@dataclass(frozen=True, slots=True)
class SizesFound(Finding):
    """How far the walk of one `setting` of the other parameters is: the demand of each load, and the cell that is tried next.

    `load` names the parameter of the loads; without one there is one load, None. `most` is the largest size that can be tried.
    """

    parameter: str
    search: Search
    setting: Place
    load: str | None
    demands: tuple[Demand[Number | None, Number], ...]
    cells: tuple[TriedCell, ...]
    next: tuple[Number | None, Number] | None
    most: Number


@dataclass(frozen=True, slots=True)
class _Cells:
    """The points of one walk by load and size, in ascending order."""

    setting: Place
    loads: tuple[Number | None, ...]
    sizes: tuple[Number, ...]
    points: dict[tuple[Number | None, Number], Point]


@dataclass(frozen=True, slots=True)
class Smallest(Policy):
    """Searches for the smallest value of a parameter at which a condition holds, for each load."""

    parameter: str
    search: Search
    metrics: tuple[Metric, ...]
    points: tuple[Point, ...]

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the missing trials of the cell that each walk tries next."""
        following = {point_key(cells.points[at.next]) for cells, at, _ in self._walks(planned, seen) if at.next in cells.points}
        return [trial for trial in seen.missing(planned) if point_key(trial.point) in following]

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> SearchOutlook:
        """Return how many trials run next; at most each walk goes on to the last load and the last size."""
        most = searches = 0
        for cells, at, tried in self._walks(planned, seen):
            searches += 1
            if at.next is None or not any(
                seen.lacks(trial) for trial in planned if point_key(trial.point) == point_key(cells.points[at.next])
            ):
                continue
            load, size = at.next
            left = len(cells.loads) - cells.loads.index(load) + len(cells.sizes) - cells.sizes.index(size) - 1
            begun = next((one.trials for one in tried if (one.load, one.size) == at.next), 0)
            most += left * self.search.trials - begun
        return SearchOutlook(len(self.next_trials(planned, seen)), most, self.parameter, self.search, searches)

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[SizesFound, ...]:
        """Return how far all walks are."""
        return tuple(
            SizesFound(self.parameter, self.search, cells.setting, self.search.load, at.demands, tried, at.next, cells.sizes[-1])
            for cells, at, tried in self._walks(planned, seen)
        )

    def visited(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Place, ...]:
        """Return the points with a trial: most others are never tried."""
        begun = {point_key(trial.point) for trial in trials}
        return tuple(point for point in points if point_key(point) in begun)

    def _walks(
        self, planned: Sequence[PlannedTrial], seen: Seen
    ) -> Iterator[tuple[_Cells, Walk[Number | None, Number], tuple[TriedCell, ...]]]:
        """Yield the points of each walk, how far it is, and what was tried."""
        condition = Condition(self.parameter, self.search, self.metrics)
        results: dict[object, list[bool]] = {}
        for result in seen.results_of([trial for trial in planned if not trial.warmup]):
            results.setdefault(point_key(result.point), []).append(condition.holds(result))
        for cells in self._settings():
            held = {cell: results[key] for cell, point in cells.points.items() if (key := point_key(point)) in results}
            tried = tuple(TriedCell(load, size, sum(each), len(each)) for (load, size), each in held.items())
            excluded = {cell: [False] * self.search.trials for cell in product(cells.loads, cells.sizes) if cell not in cells.points}
            yield cells, walk(cells.loads, cells.sizes, {**excluded, **held}, self.search.trials), tried

    def _settings(self) -> Iterator[_Cells]:
        """Yield the points of each walk: those that differ in the load and the size only."""
        groups: dict[object, list[Point]] = {}
        for point in self.points:
            groups.setdefault(point_key(self._others(point)), []).append(point)
        for points in groups.values():
            at = {(self._load(point), _number(point[self.parameter])): point for point in points}
            loads = sorted({load for load, _ in at}, key=lambda load: (load is not None, load or 0))
            yield _Cells(self._others(points[0]), tuple(loads), tuple(sorted({size for _, size in at})), at)

    def _load(self, point: Point) -> Number | None:
        name = self.search.load
        return _number(point[name]) if name is not None and name in point else None

    def _others(self, point: Point) -> Place:
        return {name: value for name, value in point.items() if name not in {self.parameter, self.search.load}}


def _number(value: Value) -> Number:
    return value if isinstance(value, int | float) else float(value)

"""The policy of a search for the largest value: one search for each setting of the other parameters, trial by trial.

How a search proceeds is in judge/statistics/capacity.py. Here each search gets its results, and its next rate becomes a trial: results
choose the rate, so the plan has that trial only when the one before has a result. A rate that comes up again is a further iteration.

Searches of several settings run side by side, one trial of each in turn, so that slow periods affect all alike. A trial without a result
holds up its search: what it would have said is not known.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point
from wke.describe.search.search import Search, WantedTrial
from wke.judge.policies.policy import Finding, Outlook, Place, Policy, Seen
from wke.judge.policies.tried import Condition
from wke.judge.statistics.capacity import RateRange, RateSearch, RateTrial, search_rate
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class SearchOutlook(Outlook):
    """`searches` look for the value of `parameter`; each has a trial that runs next until it is over."""

    parameter: str
    search: Search
    searches: int


@dataclass(frozen=True, slots=True)
class TriedRate:
    """A trial of a search: the result, and what it says of its rate."""

    attempt: StoredAttempt
    says: RateTrial


@dataclass(frozen=True, slots=True)
class RateFound(Finding):
    """How far the search of one `setting` of the other parameters is, by its trials; `next` is the value that it tries next.

    It is `stuck` if that trial has no result but does not run now: it was invalid too often, or the running command attempted it. The
    latency `metric` has this `unit` and `limit`.
    """

    parameter: str
    search: Search
    setting: Place
    tried: tuple[TriedRate, ...]
    state: RateSearch
    next: int | float | None
    metric: str
    unit: str
    limit: float
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class _Walk:
    """A search by its results so far: its trials, where it is, and its next trial, which the plan may not have yet."""

    setting: Point
    tried: tuple[TriedRate, ...]
    state: RateSearch
    wanted: WantedTrial | None
    trial: PlannedTrial | None


@dataclass(frozen=True, slots=True)
class Largest(Policy):
    """Searches for the largest value of a parameter at which a condition holds; `starts` are the points at which searches begin."""

    parameter: str
    search: Search
    metrics: tuple[Metric, ...]
    starts: tuple[Point, ...]

    @property
    def grows(self) -> bool:
        """True: results choose the rates."""
        return True

    @property
    def needs_recorded(self) -> bool:
        """Whether the number of recorded values tells how many requests a trial completed."""
        latency = self._condition.latency
        return self.search.completions is None and latency is not None and latency.source is not None

    def next_trials(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
        """Return the next trial of each search that has one in the plan."""
        return [walk.trial for walk in self._walks(planned, seen) if walk.trial is not None and seen.lacks(walk.trial)]

    def wanted(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[WantedTrial, ...]:
        """Return the next trials that the plan does not have."""
        return tuple(walk.wanted for walk in self._walks(planned, seen) if walk.wanted is not None and walk.trial is None)

    def outlook(self, planned: Sequence[PlannedTrial], seen: Seen) -> SearchOutlook:
        """Return how many trials run next, one for each search that goes on, and how many there can be in all."""
        walks = self._walks(planned, seen)
        going = [walk for walk in walks if walk.wanted is not None and (walk.trial is None or seen.lacks(walk.trial))]
        most = sum(self.search.trials - len(walk.tried) for walk in going)
        return SearchOutlook(len(going), most, self.parameter, self.search, len(walks))

    def findings(self, planned: Sequence[PlannedTrial], seen: Seen) -> tuple[RateFound, ...]:
        """Return how far all searches are."""
        walks = self._walks(planned, seen)
        stuck = [walk.trial is not None and not seen.lacks(walk.trial) for walk in walks]
        return tuple(replace(self._found(walk), stuck=is_stuck) for walk, is_stuck in zip(walks, stuck, strict=True))

    def visited(self, points: Sequence[Place], trials: Sequence[StoredAttempt]) -> tuple[Place, ...]:  # noqa: ARG002 - results chose others
        """Return the points with a trial, setting by setting, the lowest rate first."""
        places = {point_key(setting): place for place, setting in enumerate(map(self._setting, self.starts))}
        there = {point_key(trial.point): trial.point for trial in trials if point_key(self._setting(trial.point)) in places}
        return tuple(sorted(there.values(), key=lambda point: (places[point_key(self._setting(point))], float(str(point[self.parameter])))))

    @property
    def _condition(self) -> Condition:
        return Condition(self.parameter, self.search, self.metrics)

    def _walks(self, planned: Sequence[PlannedTrial], seen: Seen) -> list[_Walk]:
        """Return all searches: each from its start to its first trial without a result."""
        there = {(point_key(trial.point), trial.iteration): trial for trial in planned if not trial.warmup}
        return [self._walk(start, there, seen) for start in self.starts]

    def _walk(self, start: Point, planned: Mapping[tuple[Hashable, int], PlannedTrial], seen: Seen) -> _Walk:
        search, condition = self.search, self._condition
        rates = RateRange(search.start, search.lowest, search.highest, search.trials)
        tried: list[TriedRate] = []
        times: Counter[int | float] = Counter()
        while True:
            state = _state(tuple(one.says for one in tried), rates)
            if state.next is None:
                return _Walk(start, tuple(tried), state, None, None)
            rate = search.value(state.next)
            wanted = WantedTrial({**start, self.parameter: rate}, times[rate])
            trial = planned.get((point_key(wanted.point), wanted.iteration))
            result = seen.stored.get(trial.id) if trial is not None else None
            if result is None:
                return _Walk(start, tuple(tried), state, wanted, trial)
            tried.append(TriedRate(result, condition.rate_trial(result)))
            times[rate] += 1

    def _found(self, walk: _Walk) -> RateFound:
        condition, latency = self._condition, self._condition.latency
        following = walk.wanted.point[self.parameter] if walk.wanted is not None else None
        return RateFound(
            parameter=self.parameter,
            search=self.search,
            setting=self._setting(walk.setting),
            tried=walk.tried,
            state=walk.state,
            next=following if isinstance(following, int | float) else None,
            metric=latency.name if latency else "",
            unit=latency.unit if latency else "",
            limit=condition.limit,
        )

    def _setting(self, point: Place) -> Place:
        return {name: value for name, value in point.items() if name != self.parameter}


@lru_cache(maxsize=1 << 10)  # a plan that grows replays each search from its start at every trial
def _state(trials: tuple[RateTrial, ...], rates: RateRange) -> RateSearch:
    """Return how far a search is, as `search_rate` does."""
    return search_rate(trials, rates)

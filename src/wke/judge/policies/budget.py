"""A budget of time: which trials to run next so that it buys the most, how far it will go, and what it did not reach.

Theory. First the shape, then the precision. (1) `min` rounds of the coarse points, which have the ends and the middle of each range of
numbers; then of the points halfway between those, and so on, until all points have `min` rounds. (2) Then one iteration after the other,
each of the point that has the widest interval, until all are narrow enough, if a precision is wanted. Trials that would not end in time do
not begin.

Points that are compared with a baseline go with it as one unit: a comparison is of the same iteration, so both have to meet the same times.
For the same reason all values of the baseline's parameters, and all that are no numbers, are coarse.

To give more trials to wide intervals does not bend their centres. It does make those a little too narrow that were narrow by luck, and
were left alone: see docs/decisions/0018.

Pure, and nothing is remembered: what is stored decides, so a series that was interrupted goes on as it would have without.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from wke.describe.experiment.experiment import Budget, Experiment, Stopping
from wke.judge.policies.stopping import Precise, place_text, precisions, rounds_wanted, share_text
from wke.judge.statistics.summaries import by_point, point_key
from wke.keep.trials.trials import PlannedTrial, StoredAttempt

AHEAD = 0.1  # of what is left of the budget is decided on at once, by what trials took so far


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known when it is decided: results by id, trials that were tried in vain, and the time that all of it took."""

    stored: Mapping[str, StoredAttempt]
    tried: Collection[str]
    spent_s: float

    def lacks(self, trial: PlannedTrial) -> bool:
        """Tell whether a trial has neither a result nor was tried."""
        return trial.id not in self.stored and trial.id not in self.tried


def affordable(experiment: Experiment, planned: Sequence[PlannedTrial], seen: Seen) -> list[PlannedTrial]:
    """Return the trials of `planned` to run next, none when the budget is used up or nothing is left to do."""
    budget = experiment.budget
    if budget is None:
        return []
    costs, left_s = _Costs(experiment, seen), budget.total_s - seen.spent_s
    for level in _levels(experiment, planned):
        lacking = [trial for trial in level if seen.lacks(trial) and _is_basic(trial, budget)]
        if lacking and (batch := costs.cut(lacking, left_s)):
            return batch
    return next((batch for unit in _widest_first(experiment, planned, seen) if (batch := costs.whole(unit, left_s))), [])


def spent_s(experiment: Experiment, planned: Sequence[PlannedTrial], attempts: Iterable[StoredAttempt]) -> float:
    """Return how long those `attempts`, made by commands of the series, took that were at trials of the plan, each with its cooldown."""
    ids = {trial.id for trial in planned}
    took = [attempt.elapsed_s for attempt in attempts if attempt.id in ids]
    return sum(elapsed_s + experiment.cooldown_s for elapsed_s in took if elapsed_s is not None)


def halving(count: int) -> tuple[int, ...]:
    """Return for each of so many values in a row when it comes: 0 for both ends and the middle, then level by level what lies between."""
    levels = dict.fromkeys((0, (count - 1) // 2, count - 1), 0)
    while len(levels) < count:
        level = max(levels.values()) + 1
        levels |= {(a + b) // 2: level for a, b in pairwise(sorted(levels)) if b - a > 1}
    return tuple(levels[at] for at in range(count))


def coarseness(experiment: Experiment) -> dict[object, int]:
    """Return for each point, by its key, the level at which it comes: the highest of those that its numbers have in their ranges."""
    sweep, ranks = experiment.parameters, dict[tuple[str, object], int]()
    for name in sweep.names:
        values = sweep.values(name)
        if name not in experiment.baseline and all(type(value) in {int, float} for value in values):
            ordered = sorted(values, key=float)
            ranks |= {(name, value): level for value, level in zip(ordered, halving(len(ordered)), strict=True)}
    return {point_key(point): max((ranks.get(item, 0) for item in point.items()), default=0) for point in sweep.points()}


def _is_basic(trial: PlannedTrial, budget: Budget) -> bool:
    return trial.warmup or trial.iteration < budget.min


def _levels(experiment: Experiment, planned: Sequence[PlannedTrial]) -> Iterator[list[PlannedTrial]]:
    levels = coarseness(experiment)
    for level in sorted(set(levels.values())):
        yield [trial for trial in planned if levels[point_key(trial.point)] == level]


# -- where intervals are widest


def _widest_first(experiment: Experiment, planned: Sequence[PlannedTrial], seen: Seen) -> Iterator[list[PlannedTrial]]:
    """Yield the next iteration of each unit that is to have one: those that were begun, then those with the widest intervals."""
    found: list[tuple[float, int, list[PlannedTrial]]] = []
    shares = _shares(experiment, planned, seen)
    for number, unit in enumerate(_units(experiment, planned)):
        complete = min((trial.iteration for trial in unit if seen.lacks(trial)), default=experiment.iterations)
        width = max((shares[key] for key in {point_key(trial.point) for trial in unit} if key in shares), default=None)
        if width is None or complete >= _wanted(experiment, unit, seen, complete):
            continue
        due = [trial for trial in unit if trial.iteration == complete]
        begun = any(not seen.lacks(trial) for trial in due)
        found.append((-math.inf if begun else -width, number, [trial for trial in due if seen.lacks(trial)]))
    yield from (trials for _, _, trials in sorted(found, key=lambda entry: entry[:2]))


def _units(experiment: Experiment, planned: Sequence[PlannedTrial]) -> list[list[PlannedTrial]]:
    """Return the trials that count, by what their points are but for the baseline's parameters."""
    units: dict[object, list[PlannedTrial]] = {}
    for trial in planned:
        if not trial.warmup:
            rest = {name: value for name, value in trial.point.items() if name not in experiment.baseline}
            units.setdefault(point_key(rest), []).append(trial)
    return list(units.values())


def _shares(experiment: Experiment, planned: Sequence[PlannedTrial], seen: Seen) -> dict[object, float]:
    """Return how wide the widest interval of each point is; infinite without one, nothing for points at which no trial went well."""
    mine = [seen.stored[trial.id] for trial in planned if trial.id in seen.stored]
    return {
        point_key(point.point): max((math.inf if share is None else share for share in point.shares.values()), default=math.inf)
        for point in precisions(_rule(experiment), experiment.metrics, mine)
    }


def _rule(experiment: Experiment) -> Stopping:
    """Return what is looked at; without a precision no interval is narrow enough."""
    budget = experiment.budget
    assert budget is not None
    return experiment.stopping or Stopping(0.0, budget.of, budget.min)


def _wanted(experiment: Experiment, unit: Sequence[PlannedTrial], seen: Seen, complete: int) -> int:
    """Return how many iterations of a unit are wanted, as far as that can be told after so many."""
    rule = experiment.stopping
    if rule is None:
        return experiment.iterations
    mine = [seen.stored[trial.id] for trial in unit if trial.id in seen.stored]

    def is_precise(rounds: int) -> bool:
        points = precisions(rule, experiment.metrics, [trial for trial in mine if trial.iteration < rounds])
        return bool(points) and all(point.enough for point in points)

    return rounds_wanted(rule, experiment.iterations, complete, is_precise)


# -- what it costs


class _Costs:
    """How long trials take: by the mean of what those at the same point took, else of all."""

    def __init__(self, experiment: Experiment, seen: Seen) -> None:
        self._pause_s = experiment.cooldown_s
        took = {key: [t.elapsed_s for t in trials if t.elapsed_s is not None] for key, trials in by_point(seen.stored.values()).items()}
        self._means = {key: fmean(seconds) for key, seconds in took.items() if seconds}
        self.mean_s = fmean(self._means.values()) + self._pause_s if self._means else None

    def of(self, trial: PlannedTrial) -> float | None:
        known = self._means.get(point_key(trial.point))
        return self.mean_s if known is None else known + self._pause_s

    def cut(self, trials: Sequence[PlannedTrial], left_s: float) -> list[PlannedTrial]:
        """Return the first of those that fit, for a share of what is left, up to one of a point of which nothing is known yet."""
        batch: list[PlannedTrial] = []
        used_s = 0.0
        for trial in trials if left_s > 0 else ():
            cost_s = self.of(trial) or 0.0
            if batch and used_s + cost_s > AHEAD * left_s:
                break
            if cost_s <= left_s:
                batch.append(trial)
                used_s += cost_s
                if point_key(trial.point) not in self._means:
                    break
        return batch

    def whole(self, trials: list[PlannedTrial], left_s: float) -> list[PlannedTrial]:
        """Return them if they fit all."""
        return trials if sum(self.of(trial) or 0.0 for trial in trials) <= left_s and left_s > 0 else []


# -- what is to be said of it


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is left of a budget will probably buy: `basic` of the `lacking` trials of the first rounds, and then `further` ones.

    Both are None as long as no trial has shown what one takes.
    """

    left_s: float
    lacking: int
    basic: int | None = None
    further: int | None = None


def outlook(experiment: Experiment, planned: Sequence[PlannedTrial], seen: Seen) -> Outlook | None:
    """Return how far the budget will go, None without one."""
    budget = experiment.budget
    if budget is None:
        return None
    costs, left_s = _Costs(experiment, seen), max(0.0, budget.total_s - seen.spent_s)
    lacking = [trial for level in _levels(experiment, planned) for trial in level if seen.lacks(trial) and _is_basic(trial, budget)]
    if costs.mean_s is None:
        return Outlook(left_s, len(lacking))
    rest_s, basic = left_s, 0
    for trial in lacking:
        rest_s -= costs.of(trial) or 0.0
        if rest_s < 0:
            return Outlook(left_s, len(lacking), basic, 0)
        basic += 1
    possible = sum(1 for unit in _units(experiment, planned) for trial in unit if seen.lacks(trial) and not _is_basic(trial, budget))
    return Outlook(left_s, len(lacking), basic, min(possible, int(rest_s / costs.mean_s) if costs.mean_s else possible))


def missed_text(experiment: Experiment, seen: Seen) -> str:
    """Return what the budget did not reach, in words; that it reached all, where it did."""
    budget = experiment.budget
    assert budget is not None
    points = precisions(_rule(experiment), experiment.metrics, tuple(seen.stored.values()), experiment.parameters.points())
    short = [point for point in points if point.n < budget.min]
    parts = []
    if unmeasured := [point for point in short if not point.n]:
        parts.append(f"{len(unmeasured)} of {len(points)} points have no result ({_places(experiment, unmeasured)})")
    if begun := [point for point in short if point.n]:
        parts.append(f"{len(begun)} have fewer than {budget.min} iterations ({_places(experiment, begun)})")
    wide = [point for point in points if point.n and not point.enough]
    if wide and experiment.stopping is not None:
        parts.append(
            f"{share_text(experiment.stopping.precision)} is not reached at {len(wide)}: {_places(experiment, wide, precise=True)}"
        )
    elif wide:
        widest = max(wide, key=lambda point: max((math.inf if s is None else s for s in point.shares.values()), default=0.0))
        parts.append(f"the widest interval is {_places(experiment, [widest], precise=True)}")
    return "; ".join(parts) or "all that was wanted is reached"


def _places(experiment: Experiment, points: Sequence[Precise], *, precise: bool = False) -> str:
    names = [place_text(point.point, experiment.parameters.varied) for point in points[:5]]
    told = [f"{name}{point}" if precise else name.removesuffix(": ") for name, point in zip(names, points, strict=False)]
    more = f"; and {len(points) - 5} more" if len(points) > 5 else ""
    return "; ".join(told) + more

"""Compares stored values: points of a series with others of it, with another series, or with results from elsewhere.

Two selections of one series were measured in the same rounds, and can confirm a regression. Everything else was measured at another time:
days and machines differ, so that it suggests and never confirms.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.expression.quantity import fraction
from wke.describe.plan.revisions import REVISION
from wke.errors import InputError
from wke.judge.policies.choose import policy_by
from wke.judge.reuse.drift import drift
from wke.judge.statistics.comparison import Question
from wke.judge.statistics.looks import conclude
from wke.judge.statistics.summaries import metric_units
from wke.judge.summary.pointtable import varied
from wke.judge.summary.regression import Compared, Point, RegressionReport
from wke.keep.store import Store
from wke.keep.trials.identity import addresses
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.units import in_units
from wke.series.folders import RESULTS
from wke.series.resolve import SeriesSelection
from wke.tell.comparisons import baseline_text
from wke.values import dataclass

SIDE = ""
"""What tells the two sides apart while they are compared; no parameter has this name."""


@dataclass(frozen=True, slots=True)
class Comparand:
    """Stored values of one side: the counting `trials` and all `attempts` at the selected points, by the latest plan of the series.

    `machines` are the facts of those that its trials ran on, by their names.
    """

    name: str
    folder: Path
    selection: SeriesSelection
    plan: StoredPlan
    points: tuple[Point, ...]
    trials: tuple[StoredAttempt, ...]
    attempts: tuple[StoredAttempt, ...]
    machines: Mapping[str, Mapping[str, str]]

    def is_beside(self, other: "Comparand") -> bool:
        """Tell whether both were measured in the same rounds."""
        return (self.folder.resolve(), self.selection.series) == (other.folder.resolve(), other.selection.series)

    @property
    def compared(self) -> Compared:
        """What a report says of it."""
        return Compared(self.name, self.selection.series, "" if self.folder.resolve() == RESULTS.resolve() else str(self.folder))


def load_comparand(store: Store, selection: SeriesSelection, name: str) -> Comparand:
    """Return the values of a selection of a series in a store."""
    series = selection.series
    plan = store.plans.latest(series)
    policy = policy_by(plan.rules)
    attempts = tuple(one for one in policy.compared(store.attempts.of_plan(series)) if selection.has(one.point))
    known = plan.rules.points if plan.rules.compares_all else [attempt.point for attempt in attempts]
    points = {point_key(point): point for point in known if selection.has(point)}
    examined, ran = store.examinations.by_name(series), {point_key(one.point): one.id for one in attempts}
    used = {machine for trial in ran.values() for machine in addresses(store.inputs.of(trial))}
    return Comparand(
        name,
        store.folder,
        selection,
        plan,
        tuple(points.values()),
        tuple(one for one in policy.compared(store.attempts.one_per_trial(series)) if selection.has(one.point)),
        attempts,
        {machine: facts for machine, facts in examined.items() if machine in used or not used},
    )


def read_threshold(text: str | None) -> float | None:
    """Return the share in the option --threshold, None without one."""
    if text is None:
        return None
    try:
        share = fraction(text)
    except ValueError as error:
        raise InputError(f"--threshold {text}: {error}") from error
    if share < 0:
        raise InputError(f"--threshold {text}: must not be less than 0")
    return share


def compare_stored(
    baseline: Comparand, candidate: Comparand, threshold: float | None, asked: Iterable[Point] | None = None
) -> RegressionReport:
    """Return how the candidate compares with the baseline, at the points that are `asked` for (by default at all).

    Raise InputError when no points meet, or when values cannot be converted to one unit.
    """
    partners, alone = partners_of(baseline, candidate, asked)
    together = baseline.is_beside(candidate)
    metrics = _metrics(baseline, candidate)
    trials = _labelled(converted(baseline.trials, candidate), candidate.trials, partners)
    attempts = _labelled(converted(baseline.attempts, candidate), candidate.attempts, partners)
    points = [{**point, SIDE: "candidate"} for point, _ in partners.values()]
    share = candidate.plan.rules.threshold if threshold is None else threshold
    rules = candidate.plan.rules
    question = Question({SIDE: "baseline"}, share, rules.fixed_rounds, stored=not together, looks=together and rules.decided)
    found = conclude(trials, metrics, points, question, attempts)
    seen = {trial.id: trial for trial in (*(baseline.trials if together else ()), *candidate.trials)}.values()
    return RegressionReport(
        title=candidate.name,
        baseline=baseline.compared,
        candidate=candidate.compared,
        parameters=[name for name in varied([point for point, _ in partners.values()]) if name != REVISION],
        comparisons=[replace(one, point={name: value for name, value in one.point.items() if name != SIDE}) for one in found],
        stored=not together,
        alone=alone,
        drift={} if together else _drift(baseline, candidate),
        machines=candidate.machines,
        ok=sum(trial.ok for trial in seen),
        not_ok=sum(not trial.ok for trial in seen),
        seed=candidate.plan.seed,
        wke=version("wke"),
    )


def partners_of(
    baseline: Comparand, candidate: Comparand, asked: Iterable[Point] | None
) -> tuple[dict[object, tuple[Point, Point]], list[Point]]:
    """Return, by the key of each point of the candidate, the point and the baseline's for it; and the points that have none."""
    points = _candidates(baseline, candidate)
    wanted = None if asked is None else {point_key(point) for point in asked}
    names = _matched(baseline, candidate)
    groups: dict[object, list[Point]] = {}
    for point in baseline.points:
        groups.setdefault(_key(point, names), []).append(point)
    found, alone = {}, []
    for point in points:
        if wanted is not None and point_key(point) not in wanted:
            continue
        partners = groups.get(_key(point, names), [])
        if len(partners) > 1:
            differ = varied(partners)
            what = f"{baseline.name} has {len(partners)} points for {baseline_text(point)}: they differ in {', '.join(differ)}"
            raise InputError(what, hint=f"name one: {baseline.selection.series}:{differ[0]}=VALUE")
        if partners:
            found[point_key(point)] = (point, partners[0])
        else:
            alone.append(point)
    if not found:
        raise InputError(_why_apart(baseline, candidate, names))
    return found, alone


def _candidates(baseline: Comparand, candidate: Comparand) -> list[Point]:
    """Return the candidate's points that are not the baseline's own."""
    theirs = {point_key(point) for point in baseline.points} if baseline.is_beside(candidate) else set()
    ours = [point for point in candidate.points if point_key(point) not in theirs]
    if theirs and not ours:
        hint = f"name points of both, as in {baseline.selection.series}:PARAMETER=VALUE"
        raise InputError(f"every point of {candidate.name} is one of {baseline.name}: nothing can be compared with itself", hint=hint)
    return ours


def _matched(baseline: Comparand, candidate: Comparand) -> list[str]:
    """Return the parameters that must be equal at two compared points: all that both have, without those that the names fix."""
    ours, theirs = candidate.selection.names, baseline.selection.names
    fixed = ours & theirs if ours or not baseline.is_beside(candidate) else theirs
    common = [
        name for name in dict.fromkeys(name for point in candidate.points for name in point) if any(name in p for p in baseline.points)
    ]
    return [name for name in common if name not in fixed]


def _key(point: Point, names: Sequence[str]) -> object:
    return point_key({name: point[name] for name in names if name in point})


def _why_apart(baseline: Comparand, candidate: Comparand, names: Sequence[str]) -> str:
    """Return why no point of the one is a point of the other."""
    if not baseline.points or not candidate.points:
        empty = candidate if baseline.points else baseline
        return f"{empty.name} has no point that can be compared"
    for name in names:
        here, there = ({repr(point.get(name)): point.get(name) for point in side.points} for side in (candidate, baseline))
        if not here.keys() & there.keys():
            ours, theirs = (", ".join(baseline_text({name: value}) for value in islice(side.values(), 3)) for side in (here, there))
            return f"no point of {candidate.name} is one of {baseline.name}: {ours} against {theirs}"
    return f"no point of {candidate.name} is one of {baseline.name}: no values of {', '.join(names)} meet"


def _metrics(baseline: Comparand, candidate: Comparand) -> list[Metric]:
    """Return the candidate's metrics; one that does not say which way is better does as that of the baseline."""
    theirs = {metric.name: metric for metric in baseline.plan.rules.metrics}
    return [
        replace(one, better=one.better or (theirs[one.name].better if one.name in theirs else None)) for one in candidate.plan.rules.metrics
    ]


def converted(trials: Sequence[StoredAttempt], candidate: Comparand) -> Sequence[StoredAttempt]:
    """Return the baseline's trials in the units of the candidate; raise InputError where that is impossible."""
    seen = {name for trial in candidate.trials for name in trial.units}
    units = metric_units(candidate.trials, candidate.plan.rules.metrics)
    return in_units(trials, {name: unit for name, unit in units.items() if unit or name in seen}, declared={})


def _labelled(
    baselines: Sequence[StoredAttempt], candidates: Sequence[StoredAttempt], partners: Mapping[object, tuple[Point, Point]]
) -> list[StoredAttempt]:
    """Return trials with their side in point and id. The baseline's are there for each point that is compared with theirs."""
    found = [_as(one, one.point, "candidate") for one in candidates if point_key(one.point) in partners]
    by_point: dict[object, list[StoredAttempt]] = {}
    for one in baselines:
        by_point.setdefault(point_key(one.point), []).append(one)
    for number, (point, partner) in enumerate(partners.values()):
        found += [_as(one, point, "baseline", str(number)) for one in by_point.get(point_key(partner), ())]
    return found


def _as(trial: StoredAttempt, point: Point, side: str, number: str = "") -> StoredAttempt:
    return replace(trial, id=f"{side}{number}:{trial.id}", point={**point, SIDE: side})


def _drift(baseline: Comparand, candidate: Comparand) -> dict[str, Sequence[str] | None]:
    """Return how each machine of the candidate differs from that of the same name; None where that is not known."""
    before, now = baseline.machines, candidate.machines
    known = {name: tuple(drift(before[name], facts)) if name in before else None for name, facts in sorted(now.items())}
    return {name: changes for name, changes in known.items() if changes is None or changes}

"""Stopping when precise: how many rounds a series needs until the interval of every point is narrow enough.

Theory. Who looks at an interval after every trial and stops as soon as it pleases stops on those that are narrow by chance, and they miss
the truth too often. So we look seldom, after `min` rounds and then every EVERY, and believe a look only when the next one agrees. And
whole rounds run or none: a point that is precise already goes on with the others, so that all points have met the same times.

Pure, and nothing is remembered: a look after n rounds uses the trials of the first n only, so a series that was interrupted, or run in
pieces, decides as it would have without.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from wke.describe.experiment.experiment import Experiment, Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Point, point_text
from wke.judge.statistics.summaries import point_key, point_summaries
from wke.keep.trials.trials import PlannedTrial, StoredAttempt

EVERY = 5
AGREE = 2


@dataclass(frozen=True, slots=True)
class Precise:
    """How precise a point is after `n` trials: for each metric half its interval as a share of the centre, None without an interval."""

    point: Mapping[str, object]
    n: int
    shares: Mapping[str, float | None]
    wanted: float

    @property
    def enough(self) -> bool:
        """Tell whether all of its intervals are narrow enough."""
        return all(share is not None and share <= self.wanted for share in self.shares.values())

    def __str__(self) -> str:
        """Say the precision of each metric, such as `throughput ±3.2 %`."""
        return ", ".join(f"{name} {share_text(share)}" for name, share in self.shares.items())


def rounds_wanted(rule: Stopping, most: int, complete: int, is_precise: Callable[[int], bool]) -> int:
    """Return how many rounds are to be run in all, as far as it can be told now that the first `complete` ones are.

    `is_precise(n)` tells whether every point is precise enough by the first n rounds; it is asked for n <= `complete` only.
    """
    agreeing = 0
    for look in range(rule.min, most + 1, EVERY):
        if complete < look:
            return look
        agreeing = agreeing + 1 if is_precise(look) else 0
        if agreeing == AGREE:
            return look
    return most


def rounds_of(
    experiment: Experiment, planned: Sequence[PlannedTrial], stored: Mapping[str, StoredAttempt], attempted: Collection[str] = ()
) -> int:
    """Return how many rounds of `planned` are to be run in all; all of them unless the experiment stops when it is precise.

    A round is complete when each of its trials is stored (by id) or was attempted. Points none of whose trials succeeded are not waited
    for: to run them again makes no interval.
    """
    rule = experiment.stopping
    if rule is None:
        return experiment.iterations
    counted = [trial for trial in planned if not trial.warmup]
    missing = [trial.iteration for trial in counted if trial.id not in stored and trial.id not in attempted]
    mine = [stored[trial.id] for trial in counted if trial.id in stored]

    def is_precise(rounds: int) -> bool:
        seen = precisions(rule, experiment.metrics, [trial for trial in mine if trial.iteration < rounds])
        return bool(seen) and all(point.enough for point in seen)

    return rounds_wanted(rule, experiment.iterations, min(missing, default=experiment.iterations), is_precise)


def precisions(
    rule: Stopping, metrics: Sequence[Metric], trials: Sequence[StoredAttempt], points: Sequence[Mapping[str, object]] = ()
) -> tuple[Precise, ...]:
    """Return how precise each point is by those of `trials` that are ok: `points`, or else all at which there is such a trial."""
    counted = [trial for trial in trials if trial.ok and not trial.warmup]
    summaries = point_summaries(counted, metrics, rule.of)
    known = {point_key(trial.point): trial.point for trial in counted}
    numbers: dict[object, int] = {}
    for trial in counted:
        numbers[point_key(trial.point)] = numbers.get(point_key(trial.point), 0) + 1
    return tuple(
        Precise(
            point,
            numbers.get(point_key(point), 0),
            {name: summary.precision if (summary := summaries.get(point_key(point), {}).get(name)) else None for name in rule.of},
            rule.precision,
        )
        for point in points or known.values()
    )


def rule_text(rule: Stopping) -> str:
    """Return what a series waits for, in words."""
    return f"until every interval of {' and '.join(rule.of)} is within {share_text(rule.precision)}"


def undecided_text(missing: int, rounds: int) -> str:
    """Return what is to be said as long as trials are missing for the next look, which is after so many rounds."""
    return f"precision: not decided yet; trials of the first {rounds} rounds without a result: {missing}"


def precision_text(experiment: Experiment, seen: Sequence[Precise], rounds: int) -> str:
    """Return what a series that stopped after so many rounds has reached, in words."""
    rule = experiment.stopping
    if rule is None:
        return ""
    wide = [point for point in seen if not point.enough]
    if not wide:
        return f"precision: after {rounds} rounds every interval of {' and '.join(rule.of)} is within {share_text(rule.precision)}"
    varied = experiment.parameters.varied
    places = [f"{place_text(point.point, varied)}{point}" for point in wide]
    more = f"; and {len(wide) - 5} more" if len(wide) > 5 else ""
    wish = share_text(rule.precision)
    return f"precision: {wish} is not reached at {len(wide)} of {len(seen)} points after {rounds} rounds: {'; '.join(places[:5])}{more}"


def place_text(point: Mapping[str, object], varied: Sequence[str]) -> str:
    """Return the parameters that tell a point from others, with a colon behind; nothing where it is the only one."""
    told: Point = {name: value for name, value in point.items() if name in varied and isinstance(value, bool | int | float | str)}
    return f"{point_text(told)}: " if told else ""


def share_text(share: float | None) -> str:
    """Return a precision as `±3.2 %`, rounded up: what is not narrow enough never looks as if it were."""
    if share is None or share > 10:
        return "unknown" if share is None else "±more than 1000 %"
    thousandths = -int(-share * 1000 // 1)
    return f"±{thousandths / 10:g} %"

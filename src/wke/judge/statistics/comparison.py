"""Comparisons of a series' points with a baseline: what may be concluded of each, given all of them.

The values of each round are pairs (pairs.py). Of many comparisons some look different by luck, so whether one is confirmed is decided by
Holm's method over the whole family: the chance that any comparison of equals is confirmed stays at 5 %. The family has the metrics that
say which way is `better`, and failed trials (failures.py). Other metrics get an interval and no verdict: each of them in the family would
cost the rest power.

What fails closed: below MIN_ROUNDS rounds there is no verdict, since drift within a round can look like a difference. Where a planned
round has no pair the comparison is `incomplete`: it may be worse, but never better, the same or equal, because the missing pairs may be
missing for the reason that is looked for. A stored baseline was measured on another day, and days differ: it never confirms. The same holds
for two points of one series if different commands measured them, because one was added or repeated later.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Self

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.rules import Rules
from wke.judge.statistics.failures import Failures
from wke.judge.statistics.family import LEVEL, holm
from wke.judge.statistics.pairs import Effect, Pair, Rule, effect_of
from wke.judge.statistics.summaries import by_point, metric_units
from wke.keep.trials.trials import StoredAttempt
from wke.records import OutcomeKind
from wke.values import dataclass

MIN_ROUNDS = 5
FAILED_TRIALS = "failed trials"
FAILING = {OutcomeKind.FAILED, OutcomeKind.SIGNALLED, OutcomeKind.TIMED_OUT}
DECIDED = {*FAILING, OutcomeKind.OK, OutcomeKind.INVALID}


class Verdict(StrEnum):
    """What a comparison comes to. UNJUDGED: its metric does not say which way is better."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    EQUAL = "equal"
    INCONCLUSIVE = "inconclusive"
    INCOMPLETE = "incomplete"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric at one point beside the baseline's point, or their failed trials (`failures`; then the metric is FAILED_TRIALS).

    `effect` is what the pairs say, None where there is no pair; `planned` is the number of rounds that there should be, `family` the number
    of comparisons among which this one is `significant` or not at `level`. A `stored` baseline was not measured in the same rounds. Of a
    series that is looked at several times, `earlier` is the first look that decided it, if that was not the last one.
    """

    point: Mapping[str, object]
    metric: str
    unit: str
    better: str | None
    planned: int
    effect: Effect | None = None
    failures: Failures | None = None
    threshold: float = 0.0
    family: int = 0
    significant: bool = False
    stored: bool = False
    level: float = LEVEL
    earlier: "Comparison | None" = None

    @property
    def n(self) -> int:
        """In how many rounds both have a value; of failed trials, how many of the candidate's were tried."""
        if self.failures is not None:
            return self.failures.tried
        return self.effect.n if self.effect is not None else 0

    @property
    def p(self) -> float | None:
        """The chance of such values, or of so many failures, for equals; None where there is nothing to tell it from."""
        if self.failures is not None:
            return self.failures.p
        return self.effect.p if self.effect is not None else None

    @property
    def incomplete(self) -> bool:
        """Tell whether a planned round has no pair."""
        return self.failures is None and self.n < self.planned

    @property
    def fails_more(self) -> bool:
        """Tell whether the candidate failed more often than the baseline, and that proves nothing."""
        return self.failures is not None and self.failures.failed > self.failures.baseline_failed and not self.significant

    @property
    def direction(self) -> str | None:
        """Which way the candidate differs, where a test shows that it does: "higher" or "lower"."""
        if self.earlier is not None and self.verdict is self.earlier.verdict:
            return self.earlier.direction
        if not self.significant:
            return None
        return "higher" if self.effect is None or self.effect.direction > 0 else "lower"

    @property
    def verdict(self) -> Verdict:
        """What may be concluded; of a `stored` baseline, what it suggests.

        What a look has decided stays, unless a later one finds a difference where there seemed to be none, or misses pairs.
        """
        own = self._own_verdict
        if self.earlier is None or own is Verdict.WORSE:
            return own
        before = self.earlier.verdict
        if own is Verdict.INCOMPLETE and before is not Verdict.WORSE:
            return own
        return own if own is Verdict.BETTER and before is Verdict.SAME else before

    @property
    def _own_verdict(self) -> Verdict:
        """What the values of this look say."""
        if self.better is None:
            return Verdict.UNJUDGED
        higher = self.effect is None or self.effect.direction > 0
        if self.significant and ("higher" if higher else "lower") != self.better:
            return Verdict.WORSE
        if self.incomplete:
            return Verdict.INCOMPLETE
        if self.significant:
            return Verdict.BETTER
        if self.effect is not None and self.effect.rule is Rule.EQUAL:
            return Verdict.EQUAL
        return Verdict.SAME if self.effect is not None and self.effect.within and self.n >= MIN_ROUNDS else Verdict.INCONCLUSIVE

    @property
    def confirmed(self) -> bool:
        """Tell whether the candidate is worse beyond doubt."""
        return self.verdict is Verdict.WORSE and not self.stored

    @property
    def detectable(self) -> float | None:
        """The smallest difference, as a share, that so many rounds show in four of five cases."""
        return self.effect.detectable(self.level / max(1, self.family), self.threshold) if self.effect is not None else None

    @property
    def more_rounds(self) -> int | None:
        """About how many more rounds would show the difference seen so far: a guess; None where there is none to be seen."""
        return self.effect.more_rounds(self.level / max(1, self.family), self.threshold) if self.effect is not None else None

    @property
    def decided_after(self) -> int | None:
        """After how many rounds a look decided it, None if none did."""
        if self.earlier is not None and self.verdict is self.earlier.verdict:
            return self.earlier.planned
        return self.planned if self.level < LEVEL and self.verdict in {Verdict.WORSE, Verdict.BETTER, Verdict.SAME} else None

    @property
    def _in_family(self) -> bool:
        if self.failures is not None:
            return self.failures.testable(self.level)
        return self.better is not None and self.n >= MIN_ROUNDS


def partner(point: Mapping[str, object], baseline: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the baseline's point for a point: the same but for what the baseline fixes; None for that point itself, and without one."""
    if not baseline.keys() <= point.keys():
        return None
    other = {**point, **baseline}
    return None if point_key(other) == point_key(point) else other


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of all comparisons of a series: the `baseline`'s values, the `threshold`, the planned `rounds`, if they are fixed.

    With `stored`, the baseline's trials are those of another session. `looks` says that the series is looked at several times (looks.py);
    `level` is the chance of a false verdict among all comparisons of one look.
    """

    baseline: Mapping[str, object]
    threshold: float = 0.0
    rounds: int | None = None
    stored: bool = False
    looks: bool = False
    level: float = LEVEL

    @classmethod
    def of(cls, rules: Rules, threshold: float) -> Self | None:
        """Return what the rules of a series ask, None without a baseline."""
        return cls(rules.baseline, threshold, rules.fixed_rounds, looks=rules.decided) if rules.baseline else None


def compare(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric],
    points: Iterable[Mapping[str, object]],
    question: Question,
    attempts: Sequence[StoredAttempt] = (),
) -> tuple[Comparison, ...]:
    """Return, for every point with a partner, the comparison of each metric with the same metric there, and of failed trials.

    `trials` holds the attempt of each trial that counts; `attempts` holds all, the first of which tell who failed. Metrics without a
    direction that have no pair are left out.
    """
    counting = by_point(trial for trial in trials if not trial.warmup)
    first = by_point(trial for trial in _first(attempts or trials) if not trial.warmup)

    def side(point: Mapping[str, object]) -> _Side:
        return _Side(counting.get(point_key(point), []), first.get(point_key(point), []))

    units, better = metric_units(trials, metrics), {metric.name: metric.better for metric in metrics}
    asked = [Metric(name, unit=unit, better=better.get(name)) for name, unit in units.items()]
    pairs = ((point, partner(point, question.baseline)) for point in points)
    found = [one for point, other in pairs if other is not None for one in _at(point, side(point), side(other), asked, question)]
    return tuple(_judged(found, question.level))


@dataclass(frozen=True, slots=True)
class _Side:
    """The trials of one point: those that count, and the first attempts."""

    counting: Sequence[StoredAttempt]
    first: Sequence[StoredAttempt]

    @property
    def rounds(self) -> set[int]:
        return {trial.iteration for trial in (*self.counting, *self.first)}

    @property
    def failed(self) -> int:
        return sum(trial.outcome.partition("(")[0] in FAILING for trial in self.first)


def _at(point: Mapping[str, object], here: _Side, there: _Side, metrics: Sequence[Metric], question: Question) -> Iterator[Comparison]:
    """Yield the comparisons at one point, not yet judged."""
    planned = question.rounds or len(here.rounds if question.stored else here.rounds | there.rounds)
    apart = question.stored or _measured_apart(here.counting, there.counting)
    made = partial(Comparison, point, planned=planned, threshold=question.threshold, stored=apart, level=question.level)
    for metric in metrics:
        effect = _effect(here.counting, there.counting, metric.name, question)
        if effect is not None or metric.better:
            yield made(metric.name, metric.unit, metric.better, effect=effect)
    failures = Failures(here.failed, len(here.first), there.failed, len(there.first))
    if failures.testable(question.level) or failures.failed > failures.baseline_failed:
        yield made(FAILED_TRIALS, "", "lower", failures=failures)


def _judged(found: Sequence[Comparison], level: float) -> Iterable[Comparison]:
    """Yield the comparisons with what Holm's method says of each."""
    chances = {index: one.p or 0.0 for index, one in enumerate(found) if one._in_family}  # noqa: SLF001 - ours
    significant = dict(zip(chances, holm(list(chances.values()), level), strict=True))
    for index, one in enumerate(found):
        yield replace(one, family=len(chances), significant=significant.get(index, False))


def _effect(here: Sequence[StoredAttempt], there: Sequence[StoredAttempt], metric: str, question: Question) -> Effect | None:
    candidates, baselines = ({t.iteration: t for t in trials if t.ok and _has(t, metric)} for trials in (here, there))
    pairs = [
        Pair(
            candidate.observations[metric],
            baselines[k].observations[metric],
            None if question.stored else ran_first(candidate, baselines[k]),
        )
        for k, candidate in sorted(candidates.items())
        if k in baselines
    ]
    return effect_of(pairs, question.threshold, question.level) if pairs else None


def _measured_apart(here: Sequence[StoredAttempt], there: Sequence[StoredAttempt]) -> bool:
    """Tell whether more rounds were measured by two commands than interruptions explain: each splits at most one round."""
    candidates, baselines = ({t.iteration: t.command for t in trials if t.ok and t.command} for trials in (here, there))
    split = sum(candidates[k] != baselines[k] for k in candidates.keys() & baselines.keys())
    return split >= max(1, len({*candidates.values(), *baselines.values()}))


def _has(trial: StoredAttempt, metric: str) -> bool:
    return math.isfinite(trial.observations.get(metric, math.nan))


def ran_first(candidate: StoredAttempt, baseline: StoredAttempt) -> bool | None:
    """Tell whether the candidate's trial began before the baseline's; None where that is not known."""
    if candidate.started_ns is None or baseline.started_ns is None or candidate.started_ns == baseline.started_ns:
        return None
    return candidate.started_ns < baseline.started_ns


def _first(attempts: Iterable[StoredAttempt]) -> Iterable[StoredAttempt]:
    """Return, for each trial, its first attempt that ended in a way that says something of the system."""
    first: dict[str, StoredAttempt] = {}
    for attempt in attempts:
        if attempt.outcome.partition("(")[0] in DECIDED and (attempt.id not in first or attempt.attempt < first[attempt.id].attempt):
            first[attempt.id] = attempt
    return first.values()

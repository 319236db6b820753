"""The ranking: which differences between two results are confirmed, and in which order a reader should see them.

Theory. The unit of replication is a pair of trials: each trial gives one number for an aspect at a place. Both numbers of a pair are moved
up by the aspect's floor and divided by each other, and the logarithms of these ratios are tested as those of a metric are (pairs.py):
whether the difference is larger than the threshold below which it does not matter. Holm's method runs over everything that could be
named, so that equal results name anything at all in less than 5 % of cases; what programs expose can be a lot, so it has half of this
chance for itself. An aspect of which no trial has more than its floor is not
among these; that does not depend on which trial is on which side. Below MIN_ROUNDS pairs nothing is tested, and what is larger in every
pair is told as undecided.

Facts are certain. Those that people change come first, but only MOST_FACTS of them before the most remarkable measured difference.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from statistics import fmean

from wke.judge.statistics.comparison import MIN_ROUNDS
from wke.judge.statistics.family import LEVEL, holm
from wke.judge.statistics.pairs import Effect, Pair, Rule, effect_of
from wke.judge.why.aspect import Aspect, AspectKind
from wke.judge.why.facts import FactDifference
from wke.values import dataclass

MOST_FACTS = 2
AS_LARGE = math.log(4)
"""A difference by this factor (as a logarithm) is as remarkable as one of an aspect's `large` amount."""
ALIKE = 0.1
REMARKABLE = 0.25
"""Undecided differences of a lower severity are not told: of few trials, many small numbers differ in one direction."""
KINDS = tuple(AspectKind)


@dataclass(frozen=True, slots=True)
class Contrast:
    """The numbers of an aspect at a place in the two trials of each pair."""

    aspect: Aspect
    place: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class MeasuredDifference:
    """A difference that trials show: means of both sides, and the interval of the candidate's mean if that of the baseline is as it is.

    Without an interval `low` and `high` are None. `severity` is 1 for a difference by a factor of four, or of the aspect's large amount.
    Other places with the same difference are among `others`.
    """

    aspect: Aspect
    place: str
    n: int
    baseline: float
    candidate: float
    low: float | None
    high: float | None
    p: float
    confirmed: bool
    severity: float
    others: tuple["MeasuredDifference", ...] = ()

    @property
    def rises(self) -> bool:
        """Whether the candidate has more."""
        return self.candidate > self.baseline


@dataclass(frozen=True, slots=True)
class Ranking:
    """What differs, the most telling first; `undecided` is what may differ: there are too few pairs to tell.

    Of the measured differences `tested` were tested, and of these `doubtful` would be confirmed if they had been the only ones. These are
    undecided where something else is confirmed: between equal results nothing is named.
    """

    differences: tuple[FactDifference | MeasuredDifference, ...] = ()
    undecided: tuple[MeasuredDifference, ...] = ()
    all: tuple[MeasuredDifference, ...] = field(default=())
    tested: int = 0
    doubtful: int = 0


def ranked(contrasts: Iterable[Contrast], facts: Sequence[FactDifference]) -> Ranking:
    """Return the ranking of measured differences and facts."""
    asked = [(one, _effect(one)) for one in contrasts if one.pairs and _is_something(one)]
    tested = _tested([one for one in asked if len(one[0].pairs) >= MIN_ROUNDS])
    few = {one: _measured(one, effect, confirmed=False) for one, effect in asked if len(one.pairs) < MIN_ROUNDS}
    confirmed = [each for each in tested if each.confirmed]
    doubtful = [each for each in tested if each.p <= LEVEL and not each.confirmed]
    return Ranking(
        tuple(_with_facts(_in_order(confirmed), facts)),
        _undecided(few, doubtful if confirmed else ()),
        (*tested, *few.values()),
        len(tested),
        len(doubtful),
    )


def _undecided(few: Mapping[Contrast, MeasuredDifference], doubtful: Sequence[MeasuredDifference]) -> tuple[MeasuredDifference, ...]:
    """Return what may differ and is remarkable: in each of too few pairs, or `doubtful` beside what is confirmed."""
    larger = [each for one, each in few.items() if _all_larger(one)]
    return tuple(_in_order([each for each in (*larger, *doubtful) if each.severity >= REMARKABLE]))


def _tested(asked: Sequence[tuple[Contrast, Effect]]) -> list[MeasuredDifference]:
    """Return what was seen, confirmed or not, given all of it; what programs expose shares the chance of a false name half and half."""
    families = [[one for one in asked if (one[0].aspect.kind is AspectKind.EXPOSED) is wanted] for wanted in (False, True)]
    level = LEVEL / max(1, sum(bool(family) for family in families))
    found = []
    for family in families:
        decisions = holm([effect.p for _, effect in family], level)
        found += [_measured(one, effect, confirmed=confirmed) for (one, effect), confirmed in zip(family, decisions, strict=True)]
    return found


def _with_facts(measured: Sequence[MeasuredDifference], facts: Sequence[FactDifference]) -> list[FactDifference | MeasuredDifference]:
    first, last = ([fact for fact in sorted(facts, key=_fact_key) if fact.kind.decides is decides] for decides in (True, False))
    return [*first[:MOST_FACTS], *measured[:1], *first[MOST_FACTS:], *measured[1:], *last]


def _is_something(one: Contrast) -> bool:
    return max(max(abs(pair.candidate), abs(pair.baseline)) for pair in one.pairs) > one.aspect.floor


def _effect(one: Contrast) -> Effect:
    floor = one.aspect.floor
    moved = [replace(pair, candidate=pair.candidate + floor, baseline=pair.baseline + floor) for pair in one.pairs]
    return effect_of(moved, one.aspect.threshold)


def _measured(one: Contrast, effect: Effect, *, confirmed: bool) -> MeasuredDifference:
    aspect, floor = one.aspect, one.aspect.floor
    baseline, candidate = fmean(pair.baseline for pair in one.pairs), fmean(pair.candidate for pair in one.pairs)
    low = high = None
    if effect.low is not None and effect.high is not None:
        if effect.rule is Rule.DIFFERENCE:
            low, high = baseline + effect.low, baseline + effect.high
        elif effect.rule is not Rule.EQUAL:
            low, high = (max(0.0, (baseline + floor) * end - floor) for end in (effect.low, effect.high))
    return MeasuredDifference(
        aspect, one.place, len(one.pairs), baseline, candidate, low, high, effect.p, confirmed, _severity(aspect, baseline, candidate)
    )


def _severity(aspect: Aspect, baseline: float, candidate: float) -> float:
    if aspect.large is not None:
        return abs(candidate - baseline) / aspect.large
    before, now = baseline + aspect.floor, candidate + aspect.floor
    if before > 0 and now > 0:
        return abs(math.log(now / before)) / AS_LARGE
    return abs(now - before) / max(abs(now), abs(before), 1e-300)


def _all_larger(one: Contrast) -> bool:
    """Tell whether every pair differs by more than the threshold, all in one direction."""
    allowed, floor = 1 + one.aspect.threshold, one.aspect.floor
    above = [pair.candidate + floor > allowed * (pair.baseline + floor) for pair in one.pairs]
    below = [pair.baseline + floor > allowed * (pair.candidate + floor) for pair in one.pairs]
    return all(above) or all(below)


def _in_order(found: Sequence[MeasuredDifference]) -> list[MeasuredDifference]:
    """Return differences in their order: by kind, of each topic the most remarkable one first; the same one at several places once."""
    together: dict[tuple[str, bool], list[MeasuredDifference]] = {}
    for each in sorted(found, key=lambda one: -one.severity):
        together.setdefault((each.aspect.name, each.rises), []).append(each)
    merged = [replace(places[0], others=tuple(places[1:])) for places in together.values()]
    merged = [each for at, each in enumerate(merged) if not any(_is_echo(each, before) for before in merged[:at])]
    seen: Counter[tuple[AspectKind, str]] = Counter()
    keys: list[tuple[int, int, float]] = []
    for each in merged:
        topic = each.aspect.kind, each.aspect.topic
        keys.append((KINDS.index(each.aspect.kind), seen[topic], -each.severity))
        seen[topic] += 1
    return [each for _, each in sorted(zip(keys, merged, strict=True), key=lambda pair: pair[0])]


def _is_echo(one: MeasuredDifference, before: MeasuredDifference) -> bool:
    """Tell whether a difference is the same amount again, seen of a task and of its machine."""
    same_place = one.place.endswith(f" {before.place}") or before.place.endswith(f" {one.place}")
    pairs = ((one.baseline, before.baseline), (one.candidate, before.candidate))
    return same_place and one.aspect.unit == before.aspect.unit and all(math.isclose(*pair, rel_tol=ALIKE) for pair in pairs)


def _fact_key(fact: FactDifference) -> tuple[int, str, tuple[str, ...]]:
    return fact.kind, fact.name, fact.where


Values = Mapping[tuple[Aspect, str], float]


@dataclass(frozen=True, slots=True)
class PairSeen:
    """What two trials of a pair show, by aspect and place; `round_` is shared by the pairs of one round."""

    round_: int
    baseline: Values
    candidate: Values
    candidate_first: bool | None = None


def contrasts_of(seen: Sequence[PairSeen]) -> list[Contrast]:
    """Return the contrasts that pairs of trials show. Several pairs of a round depend on each other: they give one, of their means."""
    values: dict[tuple[Aspect, str], dict[int, list[Pair]]] = {}
    for pair in seen:
        for key in (key for key in pair.candidate if key in pair.baseline):
            one = Pair(pair.candidate[key], pair.baseline[key], pair.candidate_first)
            values.setdefault(key, {}).setdefault(pair.round_, []).append(one)
    return [
        Contrast(aspect, place, tuple(_joined(pairs, aspect.floor) for _, pairs in sorted(rounds.items())))
        for (aspect, place), rounds in values.items()
    ]


def _joined(pairs: Sequence[Pair], floor: float) -> Pair:
    """Return one pair for those of a round: of the geometric means of both sides as far as that is possible, else of their means."""
    if len(pairs) == 1:
        return pairs[0]
    sides = [pair.candidate + floor for pair in pairs], [pair.baseline + floor for pair in pairs]
    if min(map(min, sides)) <= 0:
        return Pair(fmean(sides[0]) - floor, fmean(sides[1]) - floor)
    candidate, baseline = (math.exp(fmean(map(math.log, side))) - floor for side in sides)
    return Pair(candidate, baseline)

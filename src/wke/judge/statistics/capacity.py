"""The largest rate at which a system keeps a latency within a limit: which rate to try next, and what the trials say in the end.

Theory. A trial says how far its latency is from the limit: the *excess*, the logarithm of their ratio. Rates are multiplied or divided by
1.6 until one holds and one fails; the interval between them is bisected twice; the other trials lie around the estimate, on both sides in
turn, so that a drift does not tilt the line. Near the limit the excess is a line over the logarithm of the rate. Where it crosses 0 is the
capacity, with the interval for a ratio of two estimates (Fieller 1954). Bisection to the end would claim more than the truth in half of all
series, and has no interval: each step trusts one trial.

A line needs latencies close to the limit on both sides. If another part of the condition fails first, or the system is overloaded at rates
where the line would still hold, there is no interval: the highest rate that held and the lowest that failed are all that is known.

Nothing is remembered between calls: the trials so far decide what is next, so an interrupted search continues where it was.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from statistics import fmean

from wke.judge.statistics.statistics import LARGEST_LOG
from wke.values import dataclass

FACTOR = 1.6
"""By how much rates differ until one holds and one fails."""
BRACKET_TRIALS = 9
BISECTIONS = 2
TRIALS = 12
SPREAD = 0.05
"""How far the other rates are from the estimate, as logarithms, times one of these:"""
OFFSETS = (-1.0, 1.0, -0.4, 0.4)
NEAR = 0.16
"""The line has trials whose rate is so close to the estimate, as a logarithm,"""
CLOSE = 1.2
"""and whose latency is so close to the limit."""
LEAST_SLOPE = 1e-6
"""A line that rises less does not rise."""
MOVE = 0.1
"""The most by which one fit moves the estimate, as a share of it."""
FEWEST_COMPLETIONS = 10_000
"""Trials near the limit with fewer completions refuse the answer: their tail latencies are too uncertain."""
ENOUGH_COMPLETIONS = 30_000
"""From this number on, in TRIALS trials, the interval holds the truth as often as it says."""
CONFIDENCE = 0.95
ROUGH_CONFIDENCE = 0.87
"""How often the interval of shorter or fewer trials holds the truth."""
MOST_G = 0.8
"""Fieller's g: from 1 on there is no interval, and close to it hardly one."""
_SAME = 0.01
"""Rates that differ by less than this share are one: they may be rounded to three digits."""


class Phase(StrEnum):
    """How far a search is."""

    BRACKET = "bracket"
    BISECT = "bisect"
    SPREAD = "spread"
    OVER = "over"


class Refusal(StrEnum):
    """Why a search has no interval.

    No rate failed; none held; a trial near the limit is too short; the line is too uncertain. GATE: another part of the condition fails
    while the latency is within its limit. ABRUPT: the system is overloaded, or its latency far beyond the limit, where the line says that
    it holds.
    """

    HOLDS = "holds"
    FAILS = "fails"
    COMPLETIONS = "completions"
    UNCERTAIN = "uncertain"
    GATE = "gate"
    ABRUPT = "abrupt"


@dataclass(frozen=True, slots=True)
class RateTrial:
    """A valid trial at a `rate`: whether the whole condition holds, and the `excess` of its latency over the limit.

    The excess is the logarithm of latency / limit, infinite if the trial is overloaded or has no latency. `completions` is how many
    requests the latency is taken from, None if that is not known.
    """

    rate: float
    excess: float
    holds: bool
    completions: int | None = None

    @property
    def gated(self) -> bool:
        """Whether another part of the condition fails while the latency is within its limit."""
        return not self.holds and self.excess < 0


@dataclass(frozen=True, slots=True)
class RateRange:
    """Where a search starts, the lowest and the highest rate it may try, and its number of trials."""

    start: float
    lowest: float = 0.0
    highest: float = math.inf
    trials: int = TRIALS

    def within(self, rate: float) -> float:
        """Return the rate of the range that is closest to this one."""
        return min(max(rate, self.lowest), self.highest)


@dataclass(frozen=True, slots=True)
class Fit:
    """A least-squares line through the excesses of some trials, over the logarithms of their rates.

    `points` trials have a mean logarithm and a mean `excess`; `spread` is the sum of squares of the logarithms around their mean,
    `variance` that of what the line leaves.
    """

    points: int
    log_rate: float
    excess: float
    slope: float
    spread: float
    variance: float

    @property
    def shift(self) -> float:
        """How far the line's zero is from the mean logarithm."""
        return -self.excess / self.slope

    @property
    def zero(self) -> float:
        """The rate at which the latency is at its limit."""
        return _rate(self.log_rate + self.shift)

    def at(self, rate: float) -> float:
        """Return the excess at a rate."""
        return self.excess + self.slope * (math.log(rate) - self.log_rate)

    def t_and_g(self) -> tuple[float, float]:
        """Return the quantile of Student's t of a 95 % interval, and Fieller's g: how uncertain the slope is."""
        from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only when statistics are needed

        t = float(stdtrit(self.points - 2, (1 + CONFIDENCE) / 2))
        return t, t * t * self.variance / (self.slope * self.slope * self.spread)

    def interval(self, t: float, g: float) -> tuple[float, float]:
        """Return the ends of the interval of the zero; g is below 1."""
        middle = self.log_rate + self.shift / (1 - g)
        root = math.sqrt((1 - g) / self.points + self.shift * self.shift / self.spread)
        half = t * math.sqrt(self.variance) / (self.slope * (1 - g)) * root
        return _rate(middle - half), _rate(middle + half)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found in `trials` trials.

    Without a `refusal`, the capacity is `estimate`, and `low` to `high` holds it with this `confidence`: promise `low`. With UNCERTAIN
    there is the estimate alone. With HOLDS, FAILS, GATE and ABRUPT the answer is that of the search: the highest rate that held, and the
    lowest that failed. `g` and `points` are of the line, if there is one; the shortest trial near the limit had so many `completions`.
    """

    trials: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = CONFIDENCE
    g: float | None = None
    points: int = 0
    completions: int | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class RateSearch:
    """How far a search is: the rate to try `next`, None when it is over and has a `capacity`.

    `held` is the highest rate that held below all that failed while the ends were sought, `failed` the lowest that failed. There is an
    `estimate` from the bisection on; `fit` is the last line.
    """

    phase: Phase
    next: float | None
    held: float | None = None
    failed: float | None = None
    estimate: float | None = None
    fit: Fit | None = None
    capacity: Capacity | None = None


def search_rate(trials: Sequence[RateTrial], rates: RateRange) -> RateSearch:
    """Return how far the search is after these trials, in the order in which they ran."""
    held, failed, used = _bracket(trials)
    if held is None or failed is None:
        return _go_on(held, failed, used, rates)
    for trial in trials[used : used + BISECTIONS]:
        held, failed = (trial.rate, failed) if trial.holds else (held, trial.rate)
    estimate, fit = math.sqrt(held * failed), None
    others = len(trials) - used - BISECTIONS
    for count in range(used + BISECTIONS + 1, len(trials) + 1):
        estimate, fit = _moved(trials[:count], estimate)
    if len(trials) >= rates.trials or (others >= 0 and _too_short(trials, estimate)):
        return _over(trials, RateSearch(Phase.OVER, None, held, failed, estimate, fit))
    if others < 0:
        return RateSearch(Phase.BISECT, rates.within(estimate), held, failed)
    wanted = estimate * math.exp(SPREAD * OFFSETS[others % len(OFFSETS)])
    return RateSearch(Phase.SPREAD, rates.within(wanted), held, failed, estimate, fit)


def fitted(trials: Sequence[RateTrial], estimate: float) -> Fit | None:
    """Return the line through the trials near an estimate; None for fewer than three of them, or if it does not rise."""
    near = [(math.log(trial.rate), trial.excess) for trial in trials if _is_near(trial, estimate) and abs(trial.excess) < CLOSE]
    if len(near) < 3:
        return None
    x, y = fmean(one for one, _ in near), fmean(one for _, one in near)
    spread = math.fsum((one - x) ** 2 for one, _ in near)
    rise = math.fsum((one - x) * (other - y) for one, other in near)
    slope = rise / spread if spread else 0.0
    if slope < LEAST_SLOPE:
        return None
    variance = math.fsum((other - y - slope * (one - x)) ** 2 for one, other in near) / (len(near) - 2)
    return Fit(len(near), x, y, slope, spread, variance)


def _rate(logarithm: float) -> float:
    return math.exp(min(logarithm, LARGEST_LOG))


def _bracket(trials: Sequence[RateTrial]) -> tuple[float | None, float | None, int]:
    """Return the highest rate that held and the lowest that failed, and how many trials it took to have both."""
    held: float | None = None
    failed: float | None = None
    for used, trial in enumerate(trials, 1):
        if trial.holds:
            held = max(trial.rate, held or 0.0)
        else:
            failed = min(trial.rate, math.inf if failed is None else failed)
        if held is not None and failed is not None:
            return held, failed, used
    return held, failed, len(trials)


def _go_on(held: float | None, failed: float | None, used: int, rates: RateRange) -> RateSearch:
    """Return the next rate while one end is missing."""
    over = used >= min(BRACKET_TRIALS, rates.trials)
    if held is not None and (over or held >= rates.highest * (1 - _SAME)):
        return RateSearch(Phase.OVER, None, held, None, capacity=Capacity(used, refusal=Refusal.HOLDS))
    if failed is not None and (over or failed <= rates.lowest * (1 + _SAME)):
        return RateSearch(Phase.OVER, None, None, failed, capacity=Capacity(used, refusal=Refusal.FAILS))
    wanted = held * FACTOR if held is not None else failed / FACTOR if failed is not None else rates.start
    return RateSearch(Phase.BRACKET, rates.within(wanted), held, failed)


def _moved(trials: Sequence[RateTrial], estimate: float) -> tuple[float, Fit | None]:
    """Return where the last of these trials moves the estimate, and the line that says so: never to where trials fail beyond the line."""
    fit = fitted(trials, estimate)
    moved = estimate if fit is None else min(max(fit.zero, estimate * (1 - MOVE)), estimate * (1 + MOVE))
    wall = _wall(trials)
    if wall is None or moved < wall.rate:
        return moved, fit
    held = _held_below(trials, wall)
    return (wall.rate if held is None else math.sqrt(held * wall.rate)), fit


def _over(trials: Sequence[RateTrial], search: RateSearch) -> RateSearch:
    """Return a search that is over, with its capacity."""
    assert search.estimate is not None
    fit, shortest, wall = search.fit, _shortest(trials, search.estimate), _wall(trials)
    t, g = (math.nan, math.inf) if fit is None else fit.t_and_g()
    found = Capacity(len(trials), search.estimate, completions=shortest)
    if fit is not None:
        found = replace(found, g=g, points=fit.points)
    if wall is not None and _is_wall(wall, trials, search.estimate, fit if g < MOST_G else None):
        refusal = Refusal.GATE if wall.gated else Refusal.ABRUPT
        held = _held_below(trials, wall)
        return replace(search, held=held, failed=wall.rate, capacity=replace(found, estimate=None, refusal=refusal))
    if _too_short(trials, search.estimate):
        return replace(search, capacity=replace(found, estimate=None, refusal=Refusal.COMPLETIONS))
    if fit is None or g >= MOST_G:
        return replace(search, capacity=replace(found, refusal=Refusal.UNCERTAIN))
    low, high = fit.interval(t, g)
    enough = len(trials) >= TRIALS and (shortest or 0) >= ENOUGH_COMPLETIONS
    confidence = CONFIDENCE if enough else ROUGH_CONFIDENCE
    return replace(search, capacity=replace(found, estimate=fit.zero, low=low, high=high, confidence=confidence))


def _wall(trials: Sequence[RateTrial]) -> RateTrial | None:
    """Return the trial with the lowest rate of those that failed and are not on any line: overloaded, far beyond the limit, or gated."""
    beyond = [trial for trial in trials if not trial.holds and (trial.gated or trial.excess >= CLOSE)]
    return min(beyond, key=lambda trial: trial.rate, default=None)


def _held_below(trials: Sequence[RateTrial], wall: RateTrial) -> float | None:
    return max((trial.rate for trial in trials if trial.holds and trial.rate < wall.rate), default=None)


def _is_wall(wall: RateTrial, trials: Sequence[RateTrial], estimate: float, fit: Fit | None) -> bool:
    """Tell whether a wall decides where the condition fails: the line ends beyond it, or there is none and nothing failed gradually."""
    if fit is not None:
        return fit.zero >= wall.rate
    near = [trial for trial in trials if _is_near(trial, estimate) and not trial.holds]
    return bool(near) and all(trial.gated or trial.excess >= CLOSE for trial in near)


def _is_near(trial: RateTrial, estimate: float) -> bool:
    return abs(math.log(trial.rate / estimate)) < NEAR


def _shortest(trials: Sequence[RateTrial], estimate: float) -> int | None:
    """Return the fewest completions of the trials near an estimate that have a latency; None if one does not know its number."""
    near = [trial.completions for trial in trials if _is_near(trial, estimate) and math.isfinite(trial.excess)]
    known = [count for count in near if count is not None]
    return min(known) if known and len(known) == len(near) else None


def _too_short(trials: Sequence[RateTrial], estimate: float) -> bool:
    return (_shortest(trials, estimate) or 0) < FEWEST_COMPLETIONS

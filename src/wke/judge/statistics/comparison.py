"""Comparisons with a baseline: by what factor a metric differs between a point and the baseline's point, and whether it differs at all.

Theory. Slow changes (heat, a neighbour, a disk that fills up) affect the trials of one round alike. So the two values of each round are
divided, and the factor is the geometric mean of these ratios, with Student's t on their logarithms: drift from round to round cancels. This
needs rounds; when one point is measured after the other, drift looks like a difference.

Among many comparisons some look different by chance. Holm's method over all of them decides whether one is `different`: the chance that any
comparison of equals is called different stays at 5 %. The interval is that of the single factor.

With a threshold, different means by more than the threshold. The test is then whether the factor lies outside 1 / (1 + threshold) to 1 +
threshold. When the whole interval lies inside, the two are the `same`.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wke.judge.statistics.statistics import summarise
from wke.judge.statistics.summaries import by_point, point_key
from wke.keep.trials.trials import StoredAttempt

LEVEL = 0.05
MOST_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `n` rounds say about one metric at `point`: its value is `factor` times the baseline's, between `low` and `high` with 95 %.

    `p` is the chance of a difference at least this large if the true one is no larger than the `threshold`. `more` is about how many more
    rounds would show that it is larger, if it is as large as it seems; None if that is shown already, or would take too many.
    """

    point: Mapping[str, object]
    metric: str
    n: int
    factor: float
    low: float
    high: float
    p: float
    different: bool = False
    more: int | None = None
    threshold: float = 0.0

    @property
    def verdict(self) -> str:
        """The conclusion: "higher", "lower", "inconclusive" or, with a threshold, "same"."""
        if self.different:
            return "higher" if self.factor > 1 else "lower"
        return "same" if self.is_same else "inconclusive"

    @property
    def is_same(self) -> bool:
        """True when any difference lies within the threshold."""
        return self.threshold > 0 and 1 / (1 + self.threshold) <= self.low and self.high <= 1 + self.threshold


def partner(point: Mapping[str, object], baseline: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the baseline's point for a point: with the baseline's values in it; None for that point itself, and if there is none."""
    if not baseline.keys() <= point.keys():
        return None
    other = {**point, **baseline}
    return None if point_key(other) == point_key(point) else other


def compare(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[str],
    points: Sequence[Mapping[str, object]],
    baseline: Mapping[str, object],
    threshold: float = 0.0,
) -> tuple[Comparison, ...]:
    """Return the comparison of every metric at every point with the same metric at the point's partner, round by round.

    There is none if fewer than two rounds have both values, if a value is not positive, or if the two have different units.
    """
    counted = by_point(trial for trial in trials if trial.ok and not trial.warmup)
    found = []
    for point in points:
        other = partner(point, baseline)
        for metric in metrics if other is not None else ():
            both = [counted.get(point_key(each), []) for each in (point, other or {})]
            if len({trial.units.get(metric, "") for seen in both for trial in seen if metric in trial.observations}) > 1:
                continue
            here, there = (_by_round(seen, metric) for seen in both)
            ratios = [here[k] / there[k] for k in sorted(here.keys() & there.keys()) if here[k] > 0 and there[k] > 0]
            if len(ratios) >= 2 and len(ratios) == len(here.keys() & there.keys()):
                found.append(_compared(point, metric, ratios, threshold))
    verdicts = holm([one.p for one in found])
    level = LEVEL / max(1, verdicts.count(False))  # the level that Holm's method requires of the next comparison
    return tuple(
        replace(one, different=True) if different else replace(one, more=_more(one, level))
        for one, different in zip(found, verdicts, strict=True)
    )


def holm(chances: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Return which of several tests are significant, so that the chance of any false one is at most `level`."""
    significant = [False] * len(chances)
    for rank, index in enumerate(sorted(range(len(chances)), key=lambda index: chances[index])):
        if chances[index] > level / (len(chances) - rank):
            break
        significant[index] = True
    return significant


def _by_round(trials: Sequence[StoredAttempt], metric: str) -> dict[int, float]:
    values = {trial.iteration: trial.observations.get(metric, math.nan) for trial in trials}
    return {iteration: value for iteration, value in values.items() if math.isfinite(value)}


def _compared(point: Mapping[str, object], metric: str, ratios: Sequence[float], threshold: float) -> Comparison:
    from scipy.special import stdtr  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    summary = summarise(ratios, "geometric-mean")
    logs = [math.log(ratio) for ratio in ratios]
    n, mean = len(logs), math.fsum(logs) / len(logs)
    spread = math.sqrt(math.fsum((log - mean) ** 2 for log in logs) / (n - 1))
    low, high = (summary.centre, summary.centre) if summary.low is None or summary.high is None else (summary.low, summary.high)
    beyond = abs(mean) - math.log1p(threshold)
    if not spread:
        return Comparison(point, metric, n, summary.centre, low, high, 0.0 if beyond > 0 else 1.0, threshold=threshold)
    p = min(1.0, 2 * float(stdtr(n - 1, -beyond * math.sqrt(n) / spread)))
    return Comparison(point, metric, n, summary.centre, low, high, p, threshold=threshold)


def _more(one: Comparison, level: float) -> int | None:
    """Return after how many more rounds `p` would be `level`, if mean and spread stay as they are; None for never or too many."""
    from scipy.special import stdtrit  # noqa: PLC0415 - 0.2 s, only when statistics are needed

    effect = -float(stdtrit(one.n - 1, one.p / 2)) / math.sqrt(one.n)
    rounds = range(one.n + 1, MOST_ROUNDS + 1)
    first = bisect_left(rounds, True, key=lambda n: effect * math.sqrt(n) >= -stdtrit(n - 1, level / 2))
    return first + 1 if first < len(rounds) else None

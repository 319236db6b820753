"""Precision: how wide the intervals of a point are, as a share of their centres."""

from collections import Counter
from collections.abc import Mapping, Sequence

from wke.describe.experiment.experiment import Stopping
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.statistics.summaries import point_summaries
from wke.keep.trials.trials import StoredAttempt
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Precision:
    """How precise a point is after `n` trials: for each metric half its interval as a share of the centre, None without an interval."""

    point: Mapping[str, object]
    n: int
    shares: Mapping[str, float | None]
    wanted: float

    @property
    def enough(self) -> bool:
        """True when all intervals are narrow enough."""
        return all(share is not None and share <= self.wanted for share in self.shares.values())


def precisions(
    rule: Stopping, metrics: Sequence[Metric], trials: Sequence[StoredAttempt], points: Sequence[Mapping[str, object]] = ()
) -> tuple[Precision, ...]:
    """Return how precise each of `points` is, by the trials that are ok; without `points`, each point that has such a trial.

    Of a quantile this looks at the quantiles of single trials: their spread tells how much more trials would help, from two trials on.
    """
    counted = [trial for trial in trials if trial.ok and not trial.warmup]
    summaries = point_summaries(counted, metrics, rule.of, pooled=False)
    known = {point_key(trial.point): trial.point for trial in counted}
    numbers = Counter(point_key(trial.point) for trial in counted)
    return tuple(
        Precision(
            point,
            numbers[point_key(point)],
            {name: summary.precision if (summary := summaries.get(point_key(point), {}).get(name)) else None for name in rule.of},
            rule.precision,
        )
        for point in points or known.values()
    )


def all_precise(rule: Stopping, metrics: Sequence[Metric], trials: Sequence[StoredAttempt]) -> bool:
    """Return whether every point with a result is precise enough; False when there is no result at all."""
    found = precisions(rule, metrics, trials)
    return bool(found) and all(point.enough for point in found)

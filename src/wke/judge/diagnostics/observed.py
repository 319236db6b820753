"""What diagnostics look at: the values of the metrics of a series, by point and round; and what they return."""

import math
from collections.abc import Mapping, Sequence

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.statistics.summaries import by_point, metric_units, trial_kind
from wke.keep.trials.trials import StoredAttempt
from wke.values import dataclass

Place = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Hint:
    """Something that a reader of a table or figure should know of a metric. Each diagnostic has a subclass with its numbers."""

    metric: str


@dataclass(frozen=True, slots=True)
class Values:
    """The finite values of a metric at a `point`, by iteration, in trials that count; `trials` are these trials in the same order."""

    point: Place
    trials: tuple[StoredAttempt, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """One metric of a series: how it is summarised, its values at each point, and whether trials ran in rounds of all points."""

    metric: str
    kind: str
    points: tuple[Values, ...]
    in_rounds: bool = True


def observe(trials: Sequence[StoredAttempt], metrics: Sequence[Metric], *, in_rounds: bool) -> tuple[Observed, ...]:
    """Return the metrics of a series, each with its values by point."""
    counted = sorted((one for one in trials if one.ok and not one.warmup), key=lambda one: (one.iteration, one.id))
    points = {point_key(one.point): one.point for one in trials}
    found = []
    for name, unit in metric_units(counted, metrics).items():
        here = [
            Values(points[key], tuple(kept), tuple(one.observations[name] for one in kept))
            for key, at in by_point(counted).items()
            if (kept := [one for one in at if math.isfinite(one.observations.get(name, math.nan))])
        ]
        here.sort(key=lambda one: [repr(item) for item in sorted(one.point.items(), key=repr)])
        found.append(Observed(name, trial_kind(name, metrics, unit), tuple(here), in_rounds))
    return tuple(found)


def logarithms(values: Sequence[float]) -> list[float]:
    """Return the logarithms of values, or the values as they are if one is 0 or less."""
    return [math.log(value) for value in values] if min(values) > 0 else list(values)

"""Summaries of a series: one for each point and metric, of one kind at every point."""

import math
from collections.abc import Iterable, Sequence

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.statistics.statistics import Summary, summarise, usual_kind
from wke.keep.trials.trials import StoredAttempt


def by_point(trials: Iterable[StoredAttempt]) -> dict[object, list[StoredAttempt]]:
    """Return trials by the key of their point."""
    points: dict[object, list[StoredAttempt]] = {}
    for trial in trials:
        points.setdefault(point_key(trial.point), []).append(trial)
    return points


def point_summaries(trials: Sequence[StoredAttempt], metrics: Sequence[Metric], names: Iterable[str]) -> dict[object, dict[str, Summary]]:
    """Return, by the key of each point, the summary of each of these metrics over the trials that are ok and have a value."""
    units = metric_units(trials, metrics)
    kinds = {name: summary_kind(name, metrics, units.get(name, "")) for name in names}
    return {
        point: {name: summarise(seen, kind) for name, kind in kinds.items() if (seen := _values(name, here))}
        for point, here in by_point(trials).items()
    }


def metric_units(trials: Sequence[StoredAttempt], metrics: Sequence[Metric]) -> dict[str, str]:
    """Return the unit of every metric: first the declared metrics in their order, then those that only trials have."""
    seen = {name: unit for trial in trials for name, unit in trial.units.items()}
    return {
        **{metric.name: metric.unit or seen.get(metric.name, "") for metric in metrics},
        **{n: u for n, u in seen.items() if n not in {m.name for m in metrics}},
    }


def summary_kind(name: str, metrics: Sequence[Metric], unit: str | None) -> str:
    """Return the kind of summary at all points, whatever the values are: the declared one, or the default.

    The default of a `unit` that is a product or quotient without a common name, None, is a mean.
    """
    declared = next((metric.summary for metric in metrics if metric.name == name), None)
    return declared or ("mean" if unit is None else usual_kind(unit))


def _values(name: str, trials: Iterable[StoredAttempt]) -> list[float]:
    """Return the values of a metric in the trials that are ok, without those that are not finite numbers."""
    seen = (trial.observations.get(name, math.nan) for trial in trials if trial.ok)
    return [value for value in seen if math.isfinite(value)]

"""Summaries of a series: what the trials of each point say of each metric, the same kind of summary at every point."""

import math
from collections.abc import Iterable, Mapping, Sequence

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.statistics import Summary, summarise, usual_kind
from wke.keep.trials.trials import StoredAttempt


def point_key(point: Mapping[str, object]) -> object:
    """Return what tells points apart."""
    return frozenset((name, type(value), value) for name, value in point.items())


def by_point(trials: Iterable[StoredAttempt]) -> dict[object, list[StoredAttempt]]:
    """Return trials by the key of their point."""
    points: dict[object, list[StoredAttempt]] = {}
    for trial in trials:
        points.setdefault(point_key(trial.point), []).append(trial)
    return points


def point_summaries(trials: Sequence[StoredAttempt], metrics: Sequence[Metric], names: Iterable[str]) -> dict[object, dict[str, Summary]]:
    """Return, by the key of each point, the summary of each of these metrics over those of `trials` that are ok and show it."""
    units = metric_units(trials, metrics)
    kinds = {name: summary_kind(name, trials, metrics, units.get(name, "")) for name in names}
    return {
        point: {name: summarise(seen, kind) for name, kind in kinds.items() if (seen := _values(name, here))}
        for point, here in by_point(trials).items()
    }


def metric_units(trials: Sequence[StoredAttempt], metrics: Sequence[Metric]) -> dict[str, str]:
    """Return the unit of every metric: the declared ones in their order, then those that only the trials know."""
    seen = {name: unit for trial in trials for name, unit in trial.units.items()}
    return {
        **{metric.name: metric.unit or seen.get(metric.name, "") for metric in metrics},
        **{n: u for n, u in seen.items() if n not in {m.name for m in metrics}},
    }


def summary_kind(name: str, trials: Sequence[StoredAttempt], metrics: Sequence[Metric], unit: str) -> str:
    """Return how a metric is summarised, the same way at every point: as declared where its values allow, else as is usual."""
    values = [trial.observations[name] for trial in trials if trial.ok and name in trial.observations]
    declared = next((metric.summary for metric in metrics if metric.name == name), None)
    if declared == "geometric-mean" and values and min(values) <= 0:
        return "mean"
    return declared or usual_kind(unit, values)


def _values(name: str, trials: Iterable[StoredAttempt]) -> list[float]:
    """Return what the trials that are ok gave of a metric, as far as it is a number."""
    seen = (trial.observations.get(name, math.nan) for trial in trials if trial.ok)
    return [value for value in seen if math.isfinite(value)]

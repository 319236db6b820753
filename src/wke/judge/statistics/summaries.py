"""Summaries of a series: one for each point and metric, of one kind at every point."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.expression.evaluation import ExpressionError, calculate
from wke.describe.expression.expression import Expression
from wke.describe.expression.units import is_known
from wke.judge.statistics.statistics import POOLED, Summary, summarise, usual_kind
from wke.keep.trials.trials import Recorded, StoredAttempt


def by_point(trials: Iterable[StoredAttempt]) -> dict[object, list[StoredAttempt]]:
    """Return trials by the key of their point."""
    points: dict[object, list[StoredAttempt]] = {}
    for trial in trials:
        points.setdefault(point_key(trial.point), []).append(trial)
    return points


def by_deployment(trials: Iterable[StoredAttempt]) -> list[list[StoredAttempt]]:
    """Return trials in groups that ran on one deployment; trials without steps with a scope are alone."""
    groups: dict[object, list[StoredAttempt]] = {}
    for trial in trials:
        groups.setdefault(trial.deployed or trial.id, []).append(trial)
    return list(groups.values())


def point_summaries(
    trials: Sequence[StoredAttempt], metrics: Sequence[Metric], names: Iterable[str], *, pooled: bool = True
) -> dict[object, dict[str, Summary]]:
    """Return, by the key of each point, the summary of each of these metrics over the trials that are ok and have a value.

    Quantiles of recorded values are `pooled`, if all trials have these, unless the quantiles of single trials are asked for. Where trials
    share several deployments, the interval is that of the deployments' centres: trials on one are not independent.
    """
    units = metric_units(trials, metrics)
    pooling = {metric.name: metric for metric in metrics if pooled and is_pooled(metric) and all(_recorded(metric.name, trials))}
    kinds = {name: trial_kind(name, metrics, units.get(name, "")) for name in names}

    def summary(name: str, here: Sequence[StoredAttempt]) -> Summary | None:
        if name in pooling and any(_recorded(name, here)):
            return pooled_summary(pooling[name], [[one for one in _recorded(name, group) if one] for group in by_deployment(here)])
        return _summary(name, kinds[name], by_deployment(here)) if _values(name, here) else None

    return {
        point: {name: found for name in kinds if (found := summary(name, here)) is not None} for point, here in by_point(trials).items()
    }


def _summary(name: str, kind: str, groups: Sequence[Sequence[StoredAttempt]]) -> Summary:
    """Return the summary of a metric over the trials of all deployments, of which one has a value."""
    seen = [values for group in groups if (values := _values(name, group))]
    trials = [value for values in seen for value in values]
    if not 1 < len(seen) < len(trials) or (kind == "geometric-mean" and min(trials) <= 0):
        return summarise(trials, kind)
    return replace(summarise([summarise(values, kind).centre for values in seen], kind), n=len(trials), deployments=len(seen))


def metric_units(trials: Sequence[StoredAttempt], metrics: Sequence[Metric]) -> dict[str, str]:
    """Return the unit of every metric: first the declared metrics in their order, then those that only trials have."""
    seen = {name: unit for trial in trials for name, unit in trial.units.items()}
    return {
        **{metric.name: metric.unit or seen.get(metric.name, "") for metric in metrics},
        **{n: u for n, u in seen.items() if n not in {m.name for m in metrics}},
    }


def trial_kind(name: str, metrics: Sequence[Metric], unit: str | None) -> str:
    """Return the kind of summary of one value per trial at all points, whatever the values are: the declared one, or the default.

    The default of a `unit` that is a product or quotient without a common name, None, is a mean.
    """
    declared = next((metric.summary for metric in metrics if metric.name == name and metric.summary != POOLED), None)
    return declared or ("mean" if unit is None else usual_kind(unit))


def unit_of(expression: Expression, rows: Iterable[Mapping[str, object]], units: Mapping[str, str]) -> str | None:
    """Return the unit of an expression's values; None for a product or quotient of units that has no common name."""
    for row in rows:
        try:
            unit = calculate(expression, row, units)[1]
        except ExpressionError:
            continue
        return unit if not unit or unit in units.values() or is_known(unit) else None
    return units.get(expression.name or "", "")


def is_pooled(metric: Metric) -> bool:
    """Return whether a metric is the quantile of all recorded values of all trials of a point, as quantiles are by default."""
    return metric.source is not None and metric.summary in {None, POOLED}


def pooled_summary(metric: Metric, deployments: Sequence[Sequence[Recorded]]) -> Summary:
    """Return the quantile of the values that at least one trial recorded; trials on one of several deployments count as one."""
    from wke.judge.statistics.tails import pool_of, summary_of  # noqa: PLC0415 - numpy, only where values are pooled

    groups = [group for group in deployments if group]
    trials = [one for group in groups for one in group]
    shared = 1 < len(groups) < len(trials)
    pool, unit = pool_of(groups if shared else [[one] for one in trials])
    found = summary_of(pool.quantile(metric.quantile or 0.0))
    ends = [None if end is None else metric.scaled(end, unit) for end in (found.centre, found.low, found.high)]
    whole = replace(found, n=len(trials), deployments=len(groups)) if shared else found
    return replace(whole, centre=ends[0] or 0.0, low=ends[1], high=ends[2])


def _recorded(name: str, trials: Iterable[StoredAttempt]) -> Iterator[Recorded | None]:
    """Yield what each trial that is ok and has a value of a metric recorded of it, None for nothing."""
    yield from (trial.recorded.get(name) for trial in trials if trial.ok and name in trial.observations)


def _values(name: str, trials: Iterable[StoredAttempt]) -> list[float]:
    """Return the values of a metric in the trials that are ok, without those that are not finite numbers."""
    seen = (trial.observations.get(name, math.nan) for trial in trials if trial.ok)
    return [value for value in seen if math.isfinite(value)]

"""The metrics and checks of an experiment, applied to an attempt's folder: when a trial has ended, and again by `wke reanalyse`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wke.act.matcher import Matcher
from wke.act.trials.trial import FAILED, OK, TrialResult
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Metric, Observations, observe
from wke.describe.expression.quantity import Report
from wke.describe.plan.plan import Trial, sources
from wke.judge.verdicts.verdicts import objections
from wke.keep.output.logs import read_metrics, read_output
from wke.keep.trials.details import AttemptTimes
from wke.records import Outcome, OutcomeKind, TaskName

if TYPE_CHECKING:
    from wke.act.trials.attempttelemetry import SeriesMetrics
    from wke.act.trials.recordings import Recordings


def observe_trial(
    experiment: Experiment, trial: Trial, folder: Path, times: Callable[[], AttemptTimes], *, keep: bool = False
) -> tuple[TrialResult, Observations]:
    """Return whether a trial counts whose tasks went well, and what it showed; `keep` histograms that were merged in its folder.

    `times` is asked when its tasks ran, if a metric is read from telemetry.

    A trial without its metrics has failed, so that this shows at once and not after the series. A trial with them counts unless a check of
    the measurement rejects it; if a check of the system does not hold, it counts and is broken.
    """
    metrics = experiment.metrics
    output, written = read_output(folder), read_metrics(folder)
    recordings = _recordings(folder, trial.point) if any(metric.path for metric in metrics) else None
    series = _series(trial, folder, times()) if any(metric.series for metric in metrics) else None
    asked = {True: series.ask if series else None, False: recordings.ask if recordings else None}

    def ask(metric: Metric, tasks: Sequence[TaskName]) -> Report:
        reader = asked[bool(metric.series)]
        assert reader is not None
        return reader(metric, tasks)

    with Matcher() as matcher:
        find = matcher.last
        seen = observe(metrics, output, sources(metrics, trial), point=trial.point, written=written, ask=ask, find=find)
    if keep and recordings:
        recordings.keep(metrics)
    if seen.problems:
        measured = next((task for step in trial.steps if step.measure for task in step.tasks()), None)
        return TrialResult(FAILED, "; ".join(seen.problems), task=measured), seen
    if recordings:
        seen = replace(seen, recorded=recordings.distributions(metrics))
    return _checked(experiment, trial, seen), seen


def _checked(experiment: Experiment, trial: Trial, seen: Observations) -> TrialResult:
    """Return whether a trial with all its metrics counts."""
    against = objections(experiment.checks, {**trial.point, **seen.values}, seen.units)
    if against.measurement:
        return TrialResult(Outcome(OutcomeKind.INVALID), "; ".join(against.measurement))
    return TrialResult(OK, "; ".join(against.system))


def _series(trial: Trial, folder: Path, times: AttemptTimes) -> "SeriesMetrics":
    from wke.act.trials.attempttelemetry import SeriesMetrics, attempt_telemetry  # noqa: PLC0415 - likewise

    return SeriesMetrics(trial, attempt_telemetry(folder, times))


def _recordings(folder: Path, point: Mapping[str, object]) -> "Recordings":
    from wke.act.trials.recordings import Recordings  # noqa: PLC0415 - numpy, only where it is needed

    return Recordings(folder, point)

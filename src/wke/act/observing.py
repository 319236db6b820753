"""What an attempt's folder shows by an experiment's metrics and checks: asked when a trial has ended, and again by `wke reanalyse`."""

from pathlib import Path

from wke.act.trial import FAILED, OK, TrialResult
from wke.describe.experiment import Experiment
from wke.describe.metrics import Observations, observe
from wke.describe.plan import Trial, sources
from wke.judge.verdicts import objections
from wke.keep.logs import read_metrics, read_output
from wke.records import Outcome, OutcomeKind


def observed(experiment: Experiment, trial: Trial, folder: Path) -> tuple[TrialResult, Observations]:
    """Return whether a trial counts whose tasks went well, and what it showed.

    One that does not show its metrics has failed: nobody should find that out at the end of the night. One that shows them counts unless a
    check speaks against it.
    """
    metrics = experiment.metrics
    seen = observe(metrics, read_output(folder), sources(metrics, trial), point=trial.point, written=read_metrics(folder))
    if seen.problems:
        return TrialResult(FAILED, "; ".join(seen.problems)), seen
    against = objections(experiment.checks, {**trial.point, **seen.values}, seen.units)
    return TrialResult(Outcome(OutcomeKind.INVALID), "; ".join(against)) if against else TrialResult(OK), seen

"""The rules of verdicts, applied to an attempt's folder: when a trial has ended, and again by `wke reanalyse`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wke.act.trials.trial import TrialResult
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Observations
from wke.describe.plan.plan import Trial
from wke.errors import StoreError
from wke.judge.clocks import knots, offset, placer
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.rules import judge_trial
from wke.keep.output.configuration import read_check
from wke.keep.output.timeseries import series_of_tasks
from wke.keep.trials.details import AttemptTimes
from wke.keep.trials.judgements import Judgement, Level, doubts, verdict
from wke.records import MachineClock, Outcome, OutcomeKind, TaskName

if TYPE_CHECKING:
    from wke.judge.verdicts.uses import Uses


def judged(result: TrialResult, judgements: Sequence[Judgement]) -> TrialResult:
    """Return the result of a trial, which is invalid if rules reject it."""
    rejected = result.outcome.ok and verdict(each.level for each in judgements) is Level.INVALID
    return TrialResult(Outcome(OutcomeKind.INVALID), doubts(judgements)) if rejected else result


def judge_attempt(
    experiment: Experiment, trial: Trial, folder: Path, times: AttemptTimes, seen: Observations, *, skew: tuple[int, int] | None
) -> tuple[Judgement, ...]:
    """Return what the rules say of an attempt whose tasks went well, and whose output says what was `seen`.

    Its measured tasks began so many nanoseconds apart as the `skew` says, with its largest error; None if that is not known.
    """
    measured = _measured(trial)
    series = series_of_tasks(folder)
    ended_ns = _ended_ns(times, measured)
    evidence = Evidence(
        window_s=None if times.released_ns is None or ended_ns is None else (ended_ns - times.released_ns) / 1e9,
        columns={**trial.point, **seen.values},
        units=seen.units,
        metrics=experiment.metrics,
        load={task: series.get(task, {}) for task in measured},
        starts=(max(0, skew[0] - skew[1]) / 1e9, (skew[0] + skew[1]) / 1e9) if skew else None,
        clocks={machine: _bound_s(clock, times.released_ns, ended_ns) for machine, clock in times.clocks.items()},
        has_generator=bool(_backgrounds(trial)) or any(metric.from_ for metric in experiment.metrics),
        uses=partial(_uses, trial, folder, times),
        clients=experiment.verdicts.little.clients,
        configuration=read_check(folder),
    )
    return judge_trial(evidence, experiment.verdicts)


def _measured(trial: Trial) -> list[TaskName]:
    return [task for step in trial.steps if step.measure for task in step.tasks()]


def _backgrounds(trial: Trial) -> list[TaskName]:
    return [task for step in trial.steps if step.background for task in step.tasks()]


def _ended_ns(times: AttemptTimes, measured: Sequence[TaskName]) -> int | None:
    """Return when the last task of the measured step ended, on our clock; None if that is not after its release."""
    place = placer(times.clocks)
    ends = [(task.name.machine, task.ended_ns) for task in times.tasks if task.name in measured]
    last_ns = max((place(machine, at_ns) for machine, at_ns in ends if machine in times.clocks), default=0)
    return last_ns if last_ns > (times.released_ns or 0) else None


def _bound_s(clock: MachineClock, *moments_ns: int | None) -> float | None:
    """Return the largest error of a clock's offset at its readings, between them and at these moments; None if the clock was set."""
    pieces = knots(clock)
    if not pieces:
        return None
    at = [offset(clock, at_ns) for at_ns in moments_ns if at_ns is not None]
    return max(knot.high_ns - knot.low_ns for knot in (*pieces, *(each for each in at if each is not None))) / 2e9


def _uses(trial: Trial, folder: Path, times: AttemptTimes, disturbed: Sequence[tuple[float, float]]) -> "Uses":
    """Return what machines and tasks did; other machines of the series are recorded, too, and say nothing of this trial."""
    from wke.act.trials.attempttelemetry import attempt_telemetry  # noqa: PLC0415 - numpy, only for trials that are long enough
    from wke.judge.verdicts.uses import Uses, uses_of  # noqa: PLC0415

    try:
        telemetry = attempt_telemetry(folder, times)
        return uses_of(telemetry, frozenset(_measured(trial)), frozenset(_backgrounds(trial)), machines=trial.machines, disturbed=disturbed)
    except StoreError:  # unreadable: rules that need it say that it is missing
        return Uses()

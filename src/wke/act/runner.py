"""A series: every trial that is still missing, one after the other, each stored as it ends.

What to run was decided before (`describe.plan`), and which trials are missing was asked of the store. A trial that fails is stored and the
series goes on; one that is interrupted stays a partial attempt and runs again next time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from wke.act.provider import Place
from wke.act.session import Session
from wke.act.trial import FAILED, TrialResult, run_trial
from wke.describe.experiment import Experiment
from wke.describe.metrics import Observations, observe
from wke.describe.plan import PlannedStep, Trial, sources
from wke.errors import MachineError
from wke.keep.logs import LogWriter, read_output
from wke.keep.store import Store
from wke.keep.trials import PlannedTrial, Result
from wke.records import Outcome, OutcomeKind, Record, Sink, TaskEnded, TaskName, TrialEnded, TrialStarted

UNREACHABLE_LIMIT = 3  # so many trials in a row without a machine end the series: to wait for it would only burn the night


@dataclass(frozen=True, slots=True)
class Due:
    """A trial that is to run, and what the store knows it by."""

    planned: PlannedTrial
    trial: Trial


@dataclass(frozen=True, slots=True)
class Series:
    """Where and how the trials of an experiment run. `after_trial` is awaited between trials, while the machines are quiet."""

    place: Place
    store: Store
    number: int
    experiment: Experiment
    sink: Sink
    after_trial: Callable[[], Awaitable[None]]
    fail_fast: bool = False


async def run_steps(place: Place, steps: Sequence[PlannedStep], sink: Sink) -> tuple[TaskEnded, ...]:
    """Run steps one after the other and return how every task ended; stop after the first step that did not end well everywhere."""
    machines = {m.name: m for step in steps for m in step.machines}
    ends: list[TaskEnded] = []
    async with Session(place, machines.values(), sink) as session:
        for step in steps:
            ends += await session.run(step)
            if not all(end.outcome.ok for end in ends):
                break
    return tuple(ends)


async def run_series(series: Series, due: Sequence[Due]) -> tuple[Outcome, ...]:
    """Run all that is due in the given order and return the outcomes; raise MachineError when machines stay out of reach."""
    outcomes: list[Outcome] = []
    machines = {m.name: m for item in due for step in item.trial.steps for m in step.machines}
    async with Session(series.place, machines.values(), series.sink) as session:
        for position, item in enumerate(due, start=1):
            if position > 1:
                await asyncio.sleep(series.experiment.cooldown_s)
            planned = item.planned
            series.sink(TrialStarted(planned.id, position, len(due), planned.point, planned.iteration, planned.warmup))
            outcomes.append(await _run_and_store(series, session, item))
            await series.after_trial()
            if series.fail_fast and not outcomes[-1].ok:
                break
            if [o.kind for o in outcomes[-UNREACHABLE_LIMIT:]] == [OutcomeKind.UNREACHABLE] * UNREACHABLE_LIMIT:
                raise MachineError(
                    f"machines were out of reach for {UNREACHABLE_LIMIT} trials in a row; the series stops here",
                    hint="all that is stored stays; when the machines are back, the same command goes on",
                )
    return tuple(outcomes)


async def _run_and_store(series: Series, session: Session, item: Due) -> Outcome:
    attempt = series.store.begin_attempt(series.number, item.planned)
    started_ns = time.time_ns()
    ends: dict[TaskName, TaskEnded] = {}  # a target that tells when a server is ready runs again and again: its last end counts
    with LogWriter(attempt.folder) as logs:

        def keep(record: Record) -> None:
            logs(record)
            if isinstance(record, TaskEnded):
                ends[record.task] = record
            series.sink(record)

        with session.reporting_to(keep):
            result = await _connect_and_run(session, item.trial)
    seen = Observations({}, {})
    if result.outcome.ok:
        seen = observe(series.experiment.metrics, read_output(attempt.folder), sources(series.experiment.metrics, item.trial))
        result = _judged(result, seen)
    ended_ns = time.time_ns()
    tasks, machines = tuple(ends.values()), session.fingerprints()
    series.store.finish_attempt(attempt, Result(result.outcome, started_ns, ended_ns, result.why, seen.values, seen.units, tasks, machines))
    series.sink(TrialEnded(attempt.trial, result.outcome, (ended_ns - started_ns) / 1e9, seen.values, result.why))
    return result.outcome


def _judged(result: TrialResult, seen: Observations) -> TrialResult:
    """Fail a trial that ran well but does not show its metrics: nobody should find that out at the end of the night."""
    return TrialResult(FAILED, "; ".join(seen.problems)) if seen.problems else result


async def _connect_and_run(session: Session, trial: Trial) -> TrialResult:
    """Run a trial after opening again the connections that an earlier one lost."""
    try:
        await session.connect()
    except MachineError as error:
        return TrialResult(Outcome(OutcomeKind.UNREACHABLE), str(error))
    return await run_trial(session, trial)

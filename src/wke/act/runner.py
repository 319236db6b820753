"""A series: every trial that is still missing, one after the other, each stored as it ends.

What to run was decided before (`describe.plan`), and which trials are missing was asked of the store. A trial that fails is stored and the
series goes on; one that is interrupted stays a partial attempt and runs again next time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from wke.act.detached import DetachedSession, Detachment
from wke.act.observing import observed
from wke.act.provider import Place
from wke.act.session import Session
from wke.act.trial import TrialResult, run_trial
from wke.describe.experiment import Experiment
from wke.describe.metrics import Observations
from wke.describe.plan import Trial
from wke.errors import MachineError
from wke.judge.drift import drift
from wke.keep.lock import holder
from wke.keep.logs import LogWriter
from wke.keep.store import Store
from wke.keep.trials import Attempt, Detached, PlannedTrial, Result
from wke.records import Note, Outcome, OutcomeKind, Record, Sink, StartedTogether, TaskEnded, TaskName, TrialEnded, TrialStarted

UNREACHABLE_LIMIT = 3  # so many trials in a row without a machine end the series: to wait for it would only burn the night


@dataclass(frozen=True, slots=True)
class Due:
    """A trial that is to run, and what the store knows it by."""

    planned: PlannedTrial
    trial: Trial


@dataclass(frozen=True, slots=True)
class Series:
    """Where and how the trials of an experiment run. `after_trial` is awaited between trials, while the machines are quiet.

    With a `detachment` the trial that runs may outlive this command.
    """

    place: Place
    store: Store
    number: int
    experiment: Experiment
    sink: Sink
    after_trial: Callable[[], Awaitable[None]]
    fail_fast: bool = False
    detachment: Detachment | None = None


async def run_series(series: Series, due: Sequence[Due]) -> tuple[Outcome, ...]:
    """Run all that is due in the given order and return the outcomes; raise MachineError when machines stay out of reach."""
    outcomes: list[Outcome] = []
    async with _session(series, due) as session:
        await _examine(series, session)
        for position, item in enumerate(due, start=1):
            if position > 1:
                await asyncio.sleep(series.experiment.cooldown_s)
            planned = item.planned
            series.sink(TrialStarted(planned.id, position, len(due), planned.point, planned.iteration, planned.warmup))
            attempt = series.store.begin_attempt(series.number, planned)
            outcomes.append(await _run_and_store(series, session, item, attempt, series.place.now()))
            await series.after_trial()
            if series.fail_fast and not outcomes[-1].ok:
                break
            if [o.kind for o in outcomes[-UNREACHABLE_LIMIT:]] == [OutcomeKind.UNREACHABLE] * UNREACHABLE_LIMIT:
                raise MachineError(
                    f"machines were out of reach for {UNREACHABLE_LIMIT} trials in a row; the series stops here",
                    hint="all that is stored stays; when the machines are back, the same command goes on",
                )
    return tuple(outcomes)


async def take_up(series: Series, left: Detached, item: Due, total: int) -> Outcome | None:
    """Go on with an attempt that another command left running, the first of `total`; None when that cannot be, and why is stored then.

    Its steps are gone through from the first: what a machine has done already is not done again, its records come from there. Needs a
    detachment. Raises MachineError while a machine is out of reach; then all stays as it is.
    """
    assert series.detachment is not None
    detachment = replace(series.detachment, attempt=left.attempt.name, folders=left.folders, release=left.release)
    async with _session(replace(series, detachment=detachment), [item]) as session:
        assert isinstance(session, DetachedSession)
        why = session.obstacle(item.trial)
        if why:
            series.store.interrupt(left.attempt, why)
            await session.hold("")
            series.sink(Note(f"trial {left.attempt.trial} runs again: {why}"))
            return None
        planned = item.planned
        series.sink(TrialStarted(planned.id, 1, total, planned.point, planned.iteration, planned.warmup))
        await _examine(series, session)
        series.store.begin_again(left.attempt)
        return await _run_and_store(series, session, item, left.attempt, left.started_ns)


async def _examine(series: Series, session: Session) -> None:
    """Store what the machines are, and tell what is no longer as it was when they were measured on last."""
    known, found = series.store.fingerprints(), await session.examine()
    series.store.examined(series.number, found)
    for machine, facts in found.items():
        for change in drift(known[machine], facts) if machine in known else ():
            series.sink(Note(f"not as it was when it was last measured on: {change}", machine))


@asynccontextmanager
async def _session(series: Series, due: Sequence[Due]) -> AsyncIterator[Session]:
    """Open a session with all machines; when it ends without leaving a trial running, the store shall expect none."""
    machines = {m.name: m for item in due for step in item.trial.steps for m in step.machines}.values()
    owner = f"series {series.experiment.name}, {holder()}"
    if series.detachment is None:
        async with Session(series.place, machines, series.sink, holder=owner) as session:
            yield session
        return
    detached = DetachedSession(series.place, machines, series.sink, series.detachment, holder=owner)
    try:
        async with detached:
            yield detached
    finally:
        if not detached.left:
            for left in series.store.detached(series.experiment.name):
                series.store.interrupt(left.attempt, "the command that ran it stopped it")


async def _run_and_store(series: Series, session: Session, item: Due, attempt: Attempt, started_ns: int) -> Outcome:
    ends: dict[TaskName, TaskEnded] = {}  # a target that tells when a server is ready runs again and again: its last end counts
    starts: list[StartedTogether] = []  # of the measured step, of which a trial has one
    with LogWriter(attempt.folder) as logs:

        def keep(record: Record) -> None:
            logs(record)
            if isinstance(record, TaskEnded):
                ends[record.task] = record
            elif isinstance(record, StartedTogether):
                starts.append(record)
            series.sink(record)

        with session.reporting_to(keep):
            result = await _connect_and_run(series, session, item.trial, attempt)
    seen = Observations({}, {})
    if result.outcome.ok:
        # In a thread: machines want to hear from us meanwhile.
        result, seen = await asyncio.to_thread(observed, series.experiment, item.trial, attempt.folder, keep=True)
    ended_ns = series.place.now()
    tasks, machines = tuple(ends.values()), session.fingerprints()
    start = starts[-1] if starts else None
    series.store.finish_attempt(
        attempt, Result(result.outcome, started_ns, ended_ns, result.why, seen.values, seen.units, tasks, machines, start)
    )
    if isinstance(session, DetachedSession):
        await session.hold("")
    series.sink(TrialEnded(attempt.trial, result.outcome, (ended_ns - started_ns) / 1e9, seen.values, result.why))
    return result.outcome


async def _connect_and_run(series: Series, session: Session, trial: Trial, attempt: Attempt) -> TrialResult:
    """Run a trial after opening again the connections that an earlier one lost; one that may outlive us is first stored as such."""
    try:
        await session.connect()
    except MachineError as error:
        return TrialResult(Outcome(OutcomeKind.UNREACHABLE), str(error))
    if isinstance(session, DetachedSession):
        series.store.detach(attempt, session.folders())
        await session.hold(attempt.name, partial(series.store.agree, attempt))
    return await run_trial(session, trial, attempt.folder)

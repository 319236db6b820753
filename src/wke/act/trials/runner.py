"""A series: every trial that is still missing, one after the other, each stored as it ends.

What to run was decided before (`describe.plan`), and the store knows which trials are missing. A trial that fails is stored and the series
continues; an interrupted trial stays a partial attempt and runs again next time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from wke.act.providers.place import Place
from wke.act.session.detached import Detachment, TrialDetacher
from wke.act.session.session import Session
from wke.act.steadyclock import CLOCK
from wke.act.telemetry.recorder import Recorder
from wke.act.trials.deployment import Deployed
from wke.act.trials.judge_attempt import judge_attempt, judged
from wke.act.trials.observe_trial import observe_trial
from wke.act.trials.term import Remaining, check_term, with_fate
from wke.act.trials.trial import TrialResult, run_trial
from wke.act.trials.versions import Versions
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Observations
from wke.describe.plan.plan import Trial
from wke.describe.toml.wording import counted
from wke.errors import MachineError, Problem
from wke.judge.policies.repetition import repeat_now
from wke.judge.reuse.drift import drift
from wke.judge.verdicts.alike import TrialEnd, all_alike
from wke.keep.files.lock import holder
from wke.keep.machines.fingerprint import Facts, Reference, deciding, place
from wke.keep.output.logs import LogWriter, tail
from wke.keep.store import Store
from wke.keep.trials.details import AttemptTimes
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.judgements import Judgement
from wke.keep.trials.trials import Attempt, Detached, Result
from wke.records import Note, Outcome, OutcomeKind, Record, Sink, StartedTogether, TaskEnded, TaskName, TrialEnded, TrialStarted
from wke.values import dataclass

TAIL_LINES = 5  # of the output of a task that failed
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0  # between two attempts to reach a machine


@dataclass(frozen=True, slots=True)
class RunningSeries:
    """Where and how the trials of an experiment run. `after_trial` is awaited between trials, while the machines are quiet.

    With a `detachment` the trial that runs may outlive this command. `settle` is called when machines were examined, with what they were
    before: it settles what was found, or raises what then ends the run. Without it all that is found is settled. `watched` tells that
    a person looks at what machines use.
    """

    place: Place
    store: Store
    number: int
    experiment: Experiment
    sink: Sink
    after_trial: Callable[[], Awaitable[None]]
    fail_fast: bool = False
    detachment: Detachment | None = None
    settle: Callable[[Reference], None] | None = None
    watched: bool = False


@dataclass(frozen=True, slots=True)
class _Running:
    """A series, the session that its trials run in, what stands on the machines, the recorder of their telemetry, and versions."""

    series: RunningSeries
    session: Session
    deployed: Deployed
    recorder: Recorder
    versions: Versions


async def run_series(
    series: RunningSeries, next_due: Callable[[Collection[str]], Sequence[IdentifiedTrial]], *, taken_up: Collection[str] = ()
) -> tuple[Outcome, ...]:
    """Run what is due, and what is due after that, until nothing is; return the outcomes.

    `next_due` gets the ids of the trials that were attempted, of those that were `taken_up` before too. For each trial:

    1. The machines cool down. Those with which contact was lost are waited for; what is deployed that the trial cannot use is stopped.
    2. It begins in the store.
    3. Its steps run, less those that are deployed already.
    4. What its tasks said is read: metrics, then checks.
    5. Its result is stored.
    6. Figures are drawn, now that the machines are quiet.

    A trial that lost contact runs again, and the series stops early when trials fail alike. Raises MachineError when machines stay out of
    reach, when the time for which they are ours is too short for another trial, or when something is left running there that cannot be
    stopped.
    """
    ends: list[tuple[str, TrialEnd]] = []
    attempted = set(taken_up)
    if not (batch := next_due(attempted)):
        return ()
    with Deployed(series.store.folder / "deployments", series.sink) as deployed:
        async with _session(series, batch, deployed) as session:
            running, remaining = _begun(series, session, deployed), Remaining(series.place)
            while batch:
                await session.connect(m for name, m in _machines(batch).items() if name not in session.machines)
                if found := await session.connections.examine():
                    _settle(series, _take_note(series, found))
                done = len(taken_up) + len(ends)
                for position, item in enumerate(batch, done + 1):
                    await asyncio.sleep(series.experiment.cooldown_s if ends else 0)
                    await remaining.check()
                    began = asyncio.get_running_loop().time()
                    ends.append((item.planned.id, await _run_item(running, item, position, done + len(batch))))
                    await series.after_trial()
                    remaining.took(asyncio.get_running_loop().time() - began)
                    if (series.fail_fast and not ends[-1][1].outcome.ok) or _stops(series, ends):
                        return _last(ends)
                again = repeat_now((name, end.outcome) for name, end in ends)
                attempted.update(item.planned.id for item in batch if item.planned.id not in again)
                batch = next_due(attempted)
    return _last(ends)


async def _run_item(running: _Running, item: IdentifiedTrial, position: int, total: int) -> TrialEnd:
    """Run a trial on machines that are ready for it, and store it. Raises MachineError when they do not get ready, or do not stay clean."""
    series, session, deployed = running.series, running.session, running.deployed
    await _reach(running)
    await deployed.make_way(session, item.trial.deployment)
    session.connections.check_clean()
    CLOCK.catch_up()
    _tell_start(series, item, position, total)
    attempt = series.store.writer.begin_attempt(series.number, item.planned)
    end = await _run_and_store(running, item, attempt, series.place.now())
    session.connections.check_clean()
    return end


def _begun(series: RunningSeries, session: Session, deployed: Deployed) -> _Running:
    recorder = Recorder(session, series.experiment.telemetry, series.sink, watched=series.watched)
    return _Running(series, session, deployed, recorder, Versions(session, series.place.now, series.sink))


def _last(ends: Sequence[tuple[str, TrialEnd]]) -> tuple[Outcome, ...]:
    """Return how each trial ended when it ran last."""
    return tuple({name: end.outcome for name, end in ends}.values())


def _stops(series: RunningSeries, ends: Sequence[tuple[str, TrialEnd]]) -> bool:
    """Tell whether the series stops, and say why, because the latest trials failed alike."""
    most = series.experiment.stop_after
    if not all_alike([end for _, end in ends[-most:]], most):
        return False
    last = ends[-1][1]
    target = "" if last.step is None else f" in step {series.experiment.steps[last.step].target}"
    what = f"the series stops: {counted(most, 'trial')} in a row failed alike{target}, the last one with: {last.why or last.outcome}"
    hint = "the same command goes on when that is mended; stop-after in [experiment] sets the number, 0 for never"
    series.sink(Note(f"{what}\n  hint: {hint}", stops=True))
    return True


async def _reach(running: _Running) -> None:
    """Connect again to machines that were lost, and wait for those that are away; raise MachineError when they stay away."""
    session, sink, loop = running.session, running.series.sink, asyncio.get_running_loop()
    wait_s = running.series.place.cluster.wait_s
    deadline, pause_s, waited = loop.time() + wait_s, FIRST_PAUSE_S, False
    if any(map(session.connections.is_missing, session.machines)):
        await check_term(running.series.place)
    while True:
        try:
            await session.connect()
        except MachineError as error:
            if loop.time() >= deadline:
                hint = "what was measured is stored; when the machines are back, run the same command again to continue"
                what = f"machines were out of reach{f' for {wait_s:g} s' if wait_s else ''}; the series stops here"
                raise MachineError(*error.problems, Problem(what, hint=hint)) from None
            if not waited:
                sink(Note(f"the series waits for at most {wait_s:g} s (wait in [cluster]): {error.problems[0].what}"))
            waited = True
        else:
            if waited:
                sink(Note("contact again; the series goes on"))
            return
        await asyncio.sleep(min(pause_s, max(0.0, deadline - loop.time())))
        pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


def _tell_start(series: RunningSeries, item: IdentifiedTrial, position: int, total: int) -> None:
    planned = item.planned
    series.sink(TrialStarted(planned.id, position, total, planned.point, planned.iteration, planned.warmup))


async def look(series: RunningSeries, due: Sequence[IdentifiedTrial]) -> None:
    """Examine the machines of trials, and settle what was found; run nothing."""
    async with _session(series, due, series.sink) as session:
        _settle(series, _take_note(series, await session.connections.examine()))


async def take_up(series: RunningSeries, detachment: Detachment, left: Detached, item: IdentifiedTrial, total: int) -> Outcome | None:
    """Go on with an attempt that another command left running, the first of `total`; None when that cannot be, and why is stored then.

    Its steps are gone through from the first: what a machine has done already is not done again, its records come from there. Raises
    MachineError while a machine is out of reach; then all stays as it is.
    """
    detachment = replace(detachment, attempt=left.attempt.name, folders=left.folders, release=left.release)
    with Deployed(series.store.folder / "deployments", series.sink) as deployed:
        detacher = TrialDetacher(detachment)
        async with _detached_session(series, detacher, [item], deployed) as session:
            why = detacher.obstacle(item.trial)
            if why:
                series.store.writer.interrupt(left.attempt, why)
                await session.detacher.let_go()
                series.sink(Note(f"trial {left.attempt.trial} runs again: {why}"))
                return None
            _tell_start(series, item, 1, total)
            _take_note(series, await session.connections.examine())
            series.store.writer.begin_again(left.attempt)
            running = _begun(series, session, deployed)
            return (await _run_and_store(running, item, left.attempt, left.started_ns)).outcome


def _take_note(series: RunningSeries, found: Mapping[MachineSpec, Facts]) -> Reference:
    """Record what machines are, tell what is no longer as it was when one was examined before, and return what all were then.

    Raises MachineError when one is not what this command has settled: it was away and came back as another one.
    """
    before, settled = series.store.examinations.latest(), series.store.examinations.confirmed(series.number)
    now = {(machine.name, place(machine.known_as)): facts for machine, facts in found.items()}
    for machine, facts in now.items():
        for change in drift(before[machine], facts) if machine in before else ():
            series.sink(Note(f"not as it was when it was last measured on: {change}", machine[0]))
    others = [str(change) for machine in now if machine in settled for change in deciding(machine[0], settled[machine], now[machine])]
    if others:
        what = f"no longer what it was when this command began: {'; '.join(others)}"
        raise MachineError(what, hint="what was measured is stored; run the same command again to continue")
    series.store.examinations.record(series.number, now)
    return before


def _settle(series: RunningSeries, before: Reference) -> None:
    if series.settle is None:
        series.store.examinations.confirm(series.number)
    else:
        series.settle(before)


def _machines(due: Sequence[IdentifiedTrial]) -> dict[str, MachineSpec]:
    return {m.name: m for item in due for step in item.trial.steps for m in step.machines}


def _session(series: RunningSeries, due: Sequence[IdentifiedTrial], sink: Sink) -> AbstractAsyncContextManager[Session]:
    """Return a session with all machines of these trials; a trial of it outlives the command if the series says so."""
    if series.detachment is not None:
        return _detached_session(series, TrialDetacher(series.detachment), due, sink)
    return Session(series.place, _machines(due).values(), sink, holder=_owner(series))


@asynccontextmanager
async def _detached_session(
    series: RunningSeries, detacher: TrialDetacher, due: Sequence[IdentifiedTrial], sink: Sink
) -> AsyncIterator[Session]:
    """Open a session whose trial may outlive it; when it ends without leaving one running, the store no longer expects one."""
    try:
        async with Session(series.place, _machines(due).values(), sink, holder=_owner(series), detacher=detacher) as session:
            yield session
    finally:
        if not detacher.left:
            for left in series.store.attempts.detached(series.experiment.name):
                series.store.writer.interrupt(left.attempt, "the command that ran it stopped it")


def _owner(series: RunningSeries) -> str:
    return f"series {series.experiment.name}, {holder()}"


async def _run_and_store(running: _Running, item: IdentifiedTrial, attempt: Attempt, started_ns: int) -> TrialEnd:
    series, session, deployed = running.series, running.session, running.deployed
    ends: dict[TaskName, TaskEnded] = {}  # a ready target runs repeatedly: its last end counts
    starts: list[StartedTogether] = []  # of the measured step, of which a trial has one
    with LogWriter(attempt.folder) as logs:

        def keep(record: Record) -> None:
            logs(record)
            if isinstance(record, TaskEnded):
                ends[record.task] = record
            elif isinstance(record, StartedTogether):
                starts.append(record)
            series.sink(record)

        with session.reporting_to(keep), running.recorder.recording(attempt.folder, started_ns):
            result = await with_fate(series.place, await _connect_and_run(running, item.trial, attempt))
    seen = Observations({}, {})
    judgements: tuple[Judgement, ...] = ()
    tasks, start = tuple(ends.values()), starts[-1] if starts else None
    if result.outcome.ok:
        # In a thread: machines want to hear from us meanwhile.
        result, seen, judgements = await asyncio.to_thread(_read, series.experiment, item.trial, attempt.folder, tasks, start)
    deployed.ended(result.outcome)
    ended_ns = series.place.now()
    machines, versions = session.connections.fingerprints(), await running.versions.of(item.trial, deployed.makers)
    outcome, why, values, units, makers = result.outcome, result.why, seen.values, seen.units, deployed.makers
    folder = series.store.writer.finish_attempt(
        attempt,
        Result(outcome, started_ns, ended_ns, why, values, units, tasks, machines, start, makers, versions, judgements, seen.recorded),
    )
    result = judged(result, judgements)
    await session.detacher.let_go()
    said = tail(folder, result.task, TAIL_LINES) if result.task else ()
    series.sink(TrialEnded(attempt.trial, result.outcome, (ended_ns - started_ns) / 1e9, seen.values, result.why, result.task, said))
    return TrialEnd(result.outcome, result.step, result.why)


def _read(
    experiment: Experiment, trial: Trial, folder: Path, tasks: Sequence[TaskEnded], start: StartedTogether | None
) -> tuple[TrialResult, Observations, tuple[Judgement, ...]]:
    """Return what the output of a trial says: whether it counts by its checks, what it observed, and what rules say of it if it counts."""
    times, skew = AttemptTimes.of(tasks, start), (start.skew_ns, start.bound_ns) if start else None
    result, seen = observe_trial(experiment, trial, folder, lambda: times, keep=True)
    return result, seen, judge_attempt(experiment, trial, folder, times, seen, skew=skew) if result.outcome.ok else ()


async def _connect_and_run(running: _Running, trial: Trial, attempt: Attempt) -> TrialResult:
    """Run a trial after examining machines that were connected again; one that may outlive us is first stored as such."""
    session, deployed, store = running.session, running.deployed, running.series.store
    already = len(deployed.layers)
    deployed.serve(attempt, trial.deployment)
    try:
        found = await session.connections.examine()
    except MachineError as error:
        return TrialResult(Outcome(OutcomeKind.UNREACHABLE), str(error))
    if found:
        _take_note(running.series, found)
    await running.recorder.attach()
    await session.detacher.hold(attempt.name, partial(store.writer.detach, attempt), partial(store.writer.record_release, attempt))
    async with _scraping(running, trial, attempt.folder):
        return await run_trial(session, trial, attempt.folder, deployed=already)


def _scraping(running: _Running, trial: Trial, folder: Path) -> AbstractAsyncContextManager[None]:
    """Have machines scrape the ports that the experiment names."""
    if not running.series.experiment.scrapes:
        return nullcontext()
    from wke.act.telemetry.scraping import scraping  # noqa: PLC0415 - only where it is needed

    return scraping(running.session, trial, running.series.experiment.scrapes, folder, running.series.sink)

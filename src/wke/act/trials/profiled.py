"""A profiled trial: one that runs outside the statistics, with profilers beside its measured step. Nothing of it goes into the store."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from wke.act.providers.place import Place
from wke.act.session.session import Session
from wke.act.telemetry.profiler import MachineRecording, Profiler
from wke.act.telemetry.recorder import Recorder
from wke.act.telemetry.scraping import scraping
from wke.act.trials.observe_trial import observe_trial
from wke.act.trials.trial import TrialResult, run_trial
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.metrics import Observations
from wke.describe.plan.plan import Trial
from wke.describe.plan.profiling import Profiling
from wke.errors import Problem
from wke.keep.files.disk import private_folder
from wke.keep.files.lock import holder
from wke.keep.output.logs import LogWriter, tail
from wke.keep.profiles import RECORDED, TRIAL
from wke.keep.trials.details import AttemptTimes
from wke.records import Record, Sink, StartedTogether, TaskEnded, TaskName, TrialEnded, TrialStarted
from wke.values import dataclass

TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class ProfiledTrial:
    """How a profiled trial went, what it observed, when its tasks ran, and what machines recorded; `problems` are those of profilers."""

    result: TrialResult
    seen: Observations
    times: AttemptTimes
    recorded: Sequence[MachineRecording]
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class TrialToProfile:
    """A trial of an experiment, what of it is sampled, and the folder that gets its output and what is recorded."""

    experiment: Experiment
    trial: Trial
    profiling: Profiling
    folder: Path


async def run_profiled(place: Place, asked: TrialToProfile, sink: Sink) -> ProfiledTrial:
    """Run a trial with all its steps.

    Raises MachineError when a machine cannot be reached or cannot sample, TargetError when there is nothing to sample.
    """
    experiment, trial, folder = asked.experiment, asked.trial, asked.folder
    machines = {machine.name: machine for step in trial.steps for machine in step.machines}
    owner = f"profile of series {experiment.name}, {holder()}"
    sink(TrialStarted("profile", 1, 1, trial.point, trial.iteration, trial.warmup))
    async with Session(place, machines.values(), sink, holder=owner) as session:
        profiler = Profiler(session, asked.profiling, folder / RECORDED)
        await profiler.check()
        began = time.monotonic()
        result, times = await _run(session, asked, profiler, sink)
        seen = Observations({}, {})
        if result.outcome.ok:
            # In a thread: machines want to hear from us meanwhile.
            result, seen = await asyncio.to_thread(observe_trial, experiment, trial, folder / TRIAL, lambda: times)
        said = tail(folder / TRIAL, result.task, TAIL_LINES) if result.task else ()
        ended = TrialEnded("profile", result.outcome, time.monotonic() - began, seen.values, result.why, result.task, said)
        sink(ended)
    return ProfiledTrial(result, seen, times, profiler.recorded, profiler.problems)


async def _run(session: Session, asked: TrialToProfile, profiler: Profiler, sink: Sink) -> tuple[TrialResult, AttemptTimes]:
    experiment, trial, folder = asked.experiment, asked.trial, asked.folder / TRIAL
    ends: dict[TaskName, TaskEnded] = {}
    starts: list[StartedTogether] = []
    private_folder(folder)
    recorder = Recorder(session, experiment.telemetry, sink)
    await recorder.attach()
    with LogWriter(folder) as logs:

        def keep(record: Record) -> None:
            logs(record)
            if isinstance(record, TaskEnded):
                ends[record.task] = record
            elif isinstance(record, StartedTogether):
                starts.append(record)
            sink(record)

        with session.reporting_to(keep), recorder.recording(folder, session.place.now()):
            async with scraping(session, trial, experiment.scrapes, folder, sink) if experiment.scrapes else nullcontext():
                result = await run_trial(session, trial, folder, around=profiler.around)
    return result, AttemptTimes.of(ends.values(), starts[-1] if starts else None)

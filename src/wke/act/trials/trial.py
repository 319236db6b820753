"""One trial: its steps in order, on machines that are already connected."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from wke.act.session.session import Session
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.errors import MachineError
from wke.keep.output.configuration import write_check
from wke.records import Outcome, OutcomeKind, TaskEnded, TaskName
from wke.values import dataclass

OK = Outcome(OutcomeKind.OK)
FAILED = Outcome(OutcomeKind.FAILED)
LOST = Outcome(OutcomeKind.LOST)

Around = Callable[[PlannedStep], AbstractAsyncContextManager[None]]
"""What else is done while the measured step runs."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial went. `why` says why it is not ok, or is broken; `step` is the index of the step in which it failed.

    The output of `task` may tell more.
    """

    outcome: Outcome
    why: str = ""
    step: int | None = None
    task: TaskName | None = None


async def run_trial(session: Session, trial: Trial, folder: Path, *, deployed: int = 0, around: Around | None = None) -> TrialResult:
    """Run a trial's steps in order, less those that are `deployed` from earlier ones; the first that does not end well ends the trial.

    The measured step runs in the block that `around` makes.

    1. Foreground steps run to their end on all their machines.
    2. Background steps are started, awaited until ready, and keep running.
    3. When a background task ends before the trial does, the trial has failed, however the steps ended.
    4. When the measured step has ended, rendered files are compared with what was deployed.
    5. When contact breaks off while a machine is asked something (a port, its clock), the trial is lost.
    6. The files that a step is to leave are copied to the trial's `folder` when it has ended. For that, background steps are stopped at the
       end of the trial; only those with a scope keep running.
    7. Everything that still runs is stopped; after a trial that went well, steps with a scope stay as they are.
    """
    kept = 0
    session.clocks.bystanders = trial.machines
    try:
        for step in (step for step in trial.steps[deployed:] if not step.is_skipped):
            problem = await _take(session, step, around) or (None if step.background else await _fetch(session, step, folder))
            if problem:
                return problem
            if step.measure and (check := await session.copies.compare(trial.steps)):
                await asyncio.to_thread(write_check, folder, check)
        if any(step.background and step.collect for step in trial.steps):
            await session.end_backgrounds(len(trial.deployment))
        for step in trial.steps:
            problem = await _fetch(session, step, folder)
            if problem:
                return problem
        kept = len(trial.deployment)
        return TrialResult(OK)
    except MachineError as error:
        return TrialResult(LOST, str(error))
    finally:
        await session.clear(kept)


async def _take(session: Session, step: PlannedStep, around: Around | None) -> TrialResult | None:
    """Take one step; return what is wrong when it ends the trial."""
    if step.copy is not None:
        problem = await session.copies.run(step)
        return _broken(session) or (TrialResult(FAILED, problem, step.index) if problem else None)
    if step.background:
        not_ready = await session.start(step)
        return _broken(session) or (TrialResult(not_ready.outcome, not_ready.why, step.index, not_ready.task) if not_ready else None)
    async with around(step) if around and step.measure else nullcontext():
        ends = await session.run(step)
    return _broken(session) or _worst(ends)


async def _fetch(session: Session, step: PlannedStep, folder: Path) -> TrialResult | None:
    """Collect what a step was to leave, if that has not been done; return what is wrong with it."""
    problems = await session.copies.fetch(step, folder) if step.collect else ()
    return TrialResult(FAILED, "; ".join(problems), step.index, step.tasks()[0]) if problems else None


def _broken(session: Session) -> TrialResult | None:
    end = session.broken
    if end is None:
        return None
    where, at = f"{end.task.target} on {end.task.machine}", (end.task.step, end.task)
    if end.outcome.kind is OutcomeKind.CANCELLED:
        return TrialResult(LOST, f"an earlier command had begun to end the trial: it had stopped background step {where}", *at)
    outcome = end.outcome if end.outcome.kind is OutcomeKind.LOST else FAILED
    return TrialResult(outcome, f"background step {where} ended before the trial did: {_words(end)}", *at)


def _worst(ends: tuple[TaskEnded, ...]) -> TrialResult | None:
    """Explain by the first task that did not end well; a task that was cancelled because of another one is not the cause."""
    bad = [end for end in ends if not end.outcome.ok]
    if not bad:
        return None
    end = next((e for e in bad if e.outcome.kind is not OutcomeKind.CANCELLED), bad[0])
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return TrialResult(end.outcome, f"{end.task.target} on {end.task.machine}: {_words(end)}{others}", end.task.step, end.task)


def _words(end: TaskEnded) -> str:
    return f"{end.outcome}, {end.detail}" if end.detail else str(end.outcome)

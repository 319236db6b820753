"""Trials that outlive their command: whether to detach, what is left running, and the words for it."""

from collections.abc import Callable, Collection, Sequence

from wke.act.session.detached import Detachment
from wke.act.trials import runner
from wke.act.trials.runner import IdentifiedTrial
from wke.cli.prepare import Series
from wke.describe.cluster.cluster import Cluster
from wke.describe.experiment.experiment import Experiment
from wke.errors import InputError, Location
from wke.keep.files.lock import series_lock, writer_of
from wke.keep.store import Store
from wke.keep.trials.trials import Detached
from wke.records import Outcome
from wke.tell.terminal.console import Printer, counted, seconds

LONG_LEASE_S = 300.0


def detachment(cluster: Cluster, *, wanted: bool | None, scoped: Location | None = None) -> Detachment | None:
    """Return how trials outlive the command, None when they do not: by default only a long lease makes them.

    `scoped` is where a step has a scope, if one has: what it deploys belongs to the command, so InputError is raised if both are wanted.
    """
    detach = cluster.lease_s >= LONG_LEASE_S if wanted is None else wanted
    if detach and scoped is not None:
        if wanted is None:
            Printer().talk("not detached, in spite of the long lease: its trials share what is deployed, which ends with the command")
            return None
        hint = "remove scope, or measure without --detach"
        raise InputError("trials that share what is deployed cannot be detached: it ends with the command", where=scoped, hint=hint)
    return Detachment(cluster.detached_lease_s, leaves=True) if detach else None


def scope_at(series: Series) -> Location | None:
    """Return where the first step stands whose scope makes trials share what it does, None when there is none."""
    shares = any(item.trial.deployment for item in series.trials)
    return series.plan.experiment.at("steps", 0, "scope") if shares else None


def left_running(series: Series, store: Store) -> tuple[Detached, IdentifiedTrial] | None:
    """Return the attempt that an earlier command left running and what is planned of it, None when there is none.

    Raises InputError when what was left running on our machines is not of this series: they are not free.
    """
    ours = {machine.name for machine in series.project.cluster.machines}
    for left in store.attempts.detached():
        is_own = left.series == series.plan.experiment.name
        for item in series.trials:
            if is_own and item.planned.id == left.attempt.trial:
                return left, item
        if not is_own and (not ours & left.folders.keys() or writer_of(series_lock(store.folder, left.series)) is not None):
            continue  # it is on other machines, or somebody has taken it up
        raise InputError(
            f"trial {left.attempt.trial} of series {left.series} was left running on {_machines(left)}, and is not of this plan",
            hint="measure that series as it was, or stop the trial: wke abandon",
        )
    return None


async def run_due(
    running: runner.RunningSeries,
    left: tuple[Detached, IdentifiedTrial] | None,
    next_due: Callable[[Collection[str]], Sequence[IdentifiedTrial]],
) -> Sequence[Outcome]:
    """Take up what was left running, then run what is due as `run_series` does; `next_due` is told of all that was attempted."""
    if left is None:
        return await runner.run_series(running, next_due)
    detached = running.detachment or Detachment(running.place.cluster.detached_lease_s, leaves=False)
    outcome = await runner.take_up(running, detached, *left, len(next_due(())))
    if outcome is None:
        return await runner.run_series(running, next_due)
    if running.fail_fast and not outcome.ok:
        return (outcome,)
    return outcome, *await runner.run_series(running, next_due, taken_up={left[1].planned.id})


def say_detached(chosen: Detachment) -> None:
    """Tell at the start what will happen at the end."""
    Printer().talk(f"detached: without this command a trial goes on for at most {seconds(chosen.lease_s)}")


def say_left(store: Store, experiment: Experiment, lease_s: float) -> None:
    """Tell at the end what runs on."""
    for left in store.attempts.detached(experiment.name):
        Printer().talk(
            f"trial {left.attempt.trial} goes on on {_machines(left)} for at most {seconds(lease_s)};"
            f" `wke measure {experiment.path}` takes it up again, `wke abandon` stops it"
        )


def _machines(left: Detached) -> str:
    return counted(len(left.folders), "machine")

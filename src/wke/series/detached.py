"""Trials that outlive their command: whether to detach, and what an earlier command left running."""

from collections.abc import Callable, Collection, Sequence

from wke.act.session.detached import Detachment
from wke.act.trials import runner
from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location
from wke.keep.files.lock import series_lock, writer_of
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.trials import Detached
from wke.records import Outcome
from wke.series.planned import PlannedSeries
from wke.values import dataclass

LONG_LEASE_S = 300.0


@dataclass(frozen=True, slots=True)
class Detaching:
    """How trials outlive the command, None when they do not; `note` is what the person should know about it, "" for nothing."""

    detachment: Detachment | None
    note: str = ""


def detachment(cluster: ClusterSpec, *, wanted: bool | None, scoped: Location | None = None) -> Detaching:
    """Decide whether trials outlive the command: as wanted, else if the lease is long.

    `scoped` is where a step has a scope, if one has: what it deploys belongs to the command, so InputError is raised if both are wanted.
    """
    detach = cluster.lease_s >= LONG_LEASE_S if wanted is None else wanted
    if detach and scoped is not None:
        if wanted is None:
            return Detaching(None, "not detached, although the lease is long: its trials share a deployment, which ends with the command")
        hint = "remove scope, or measure without --detach"
        raise InputError("trials that share a deployment cannot be detached: it ends with the command", where=scoped, hint=hint)
    return Detaching(Detachment(cluster.detached_lease_s, leaves=True) if detach else None)


def scope_at(series: PlannedSeries) -> Location | None:
    """Return where the first step stands whose scope makes trials share a deployment, None when there is none."""
    shares = any(item.trial.deployment for item in series.trials)
    return series.plan.experiment.at("steps", 0, "scope") if shares else None


def left_running(series: PlannedSeries, store: Store) -> tuple[Detached, IdentifiedTrial] | None:
    """Return the attempt that an earlier command left running and its planned trial, None when there is none.

    Raises InputError when another series left a trial running on our machines: they are not free.
    """
    ours = {machine.name for machine in series.project.cluster.machines}
    for left in store.attempts.detached():
        is_own = left.series == series.plan.experiment.name
        for item in series.trials:
            if is_own and item.planned.id == left.attempt.trial:
                return left, item
        if not is_own and (not ours & left.folders.keys() or writer_of(series_lock(store.folder, left.series)) is not None):
            continue  # it is on other machines, or a command has taken it up
        raise InputError(
            f"trial {left.attempt.trial} of series {left.series} was left running on {counted(len(left.folders), 'machine')}, "
            "and is not in this plan",
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

"""Rehearsals: an experiment's file carried out from the first trial to the table, on machines that are played, in no time.

    from wke.testing import Asked, Said, rehearse

    def load(asked: Asked) -> Said:
        return Said(f"ops/s: {1000 * int(asked.option('clients'))}", lasts_s=30)

    rehearsal = rehearse("experiments/scale.toml", {"load": load})

Plan, order, runner, sessions, store, metrics, checks and statistics are the real ones. No process is started, no machine is connected to,
and an hour of the rehearsal's time is over at once.
"""

import asyncio
import os
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from wke.act.rehearsal.scripted import FOREVER, Asked, Play, Said, scripted_place
from wke.act.rehearsal.timelapse import TimelapseLoop
from wke.act.trials.runner import IdentifiedTrial, RunningSeries, run_series
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.plan.plan import Plan, make_plan
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.judge.policies.costs import spent_s
from wke.judge.policies.policy import Seen
from wke.judge.policies.repetition import tried_in_vain
from wke.keep.store import Store
from wke.keep.trials.identity import planned_trials
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.records import Record
from wke.tell.tables import Table, results_table

__all__ = ["FOREVER", "Asked", "Rehearsal", "Said", "rehearse", "rehearse_plan"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it: every trial in running order, the table of its points, and how long it would have taken."""

    trials: tuple[StoredAttempt, ...]
    table: Table
    elapsed_s: float


def rehearse(file: str | Path, play: Play, *, cluster: str | Path = "cluster.toml", seed: int | None = None) -> Rehearsal:
    """Carry out an experiment whose targets are played, to its end, and return what came of it.

    `play` maps each target to a function from what a machine is asked to what comes of it. Paths are as for `wke measure`. The seed is the
    argument, else the file's, else a new one. What is stored is forgotten, for it is not true. Raises InputError when the files are wrong,
    or a target is asked for that nobody plays.
    """
    experiment, machines = read_experiment(Path(file)), read_cluster(Path(cluster))
    if experiment.configuration is None:
        raise InputError("has no [[steps]], so there is nothing to rehearse", where=experiment.where)
    chosen = next((known for known in (seed, experiment.seed) if known is not None), random.getrandbits(32))
    plan = make_plan(experiment, read_configuration(experiment.configuration, Path()), machines, seed=chosen)
    return rehearse_plan(plan, machines, play)


def rehearse_plan(plan: Plan, cluster: ClusterSpec, play: Play) -> Rehearsal:
    """Carry out a plan, made for `cluster`, as `rehearse` does with that of a file."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own in it
    with TemporaryDirectory(dir=memory) as folder:
        return _rehearse_in(Path(folder), plan, cluster, play)


def _rehearse_in(folder: Path, plan: Plan, cluster: ClusterSpec, play: Play) -> Rehearsal:
    experiment = plan.experiment
    trials = tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials))
    planned = [item.planned for item in trials]
    ids = [trial.id for trial in planned]
    name, command, policy = experiment.name, "a rehearsal", policy_of(experiment)
    with Store.open(folder, command=command, series=name) as store, asyncio.Runner(loop_factory=TimelapseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TimelapseLoop)
        number = store.writer.begin_series(name, StoredPlan.of(experiment, plan.seed, {}), command=command, planned=planned)
        series = RunningSeries(scripted_place(cluster, play, loop), store, number, experiment, _ignore, _nothing)

        def next_due(attempted: Collection[str]) -> Sequence[IdentifiedTrial]:
            used_s = spent_s(planned, store.attempts.of_series(name), experiment.cooldown_s)
            seen = Seen(store.attempts.results(ids), tried_in_vain(attempted, store.attempts.invalid(ids)), used_s)
            wanted = {trial.id for trial in policy.next_trials(planned, seen)}
            return [item for item in trials if item.planned.id in wanted]

        runner.run(run_series(series, next_due))
        ended, points = store.attempts.one_per_trial(name), tuple(experiment.parameters.points())
        table = results_table(ended, experiment.metrics, points, policy, experiment.baseline, threshold=experiment.threshold)
        return Rehearsal(ended, table, loop.time())


def _ignore(_: Record) -> None:
    """Tell nobody."""


async def _nothing() -> None:
    """Draw nothing."""

"""Rehearsals: an experiment runs from the first trial to the table on simulated machines, in no time.

    from wke.testing import Asked, Said, rehearse

    def load(asked: Asked) -> Said:
        return Said(f"ops/s: {1000 * int(asked.option('clients'))}", lasts_s=30)

    rehearsal = rehearse("experiments/scale.toml", {"load": load})

Plan, order, runner, sessions, store, metrics, checks and statistics are the real ones. No process is started and no machine is connected;
an hour of the rehearsal's time passes at once.
"""

import asyncio
import os
import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from wke.act.rehearsal.scripted import FOREVER, Asked, Play, Said, scripted_place
from wke.act.rehearsal.timelapse import TimelapseLoop
from wke.act.trials.runner import RunningSeries, run_series
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import rules_of
from wke.describe.experiment.telemetryfile import NOT_RECORDED, TelemetryRules
from wke.describe.plan.growing import with_trials
from wke.describe.plan.plan import Plan, make_plan
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.identity import planned_trials
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.records import Record
from wke.series.storedresults import results_of
from wke.series.summary import load_summary
from wke.tell.tables import TextTable, text_table
from wke.values import dataclass

__all__ = ["FOREVER", "Asked", "Rehearsal", "Said", "rehearse", "rehearse_plan"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the series of a rehearsal says, and how long it would have taken."""

    summary: SeriesSummary
    elapsed_s: float

    @property
    def trials(self) -> tuple[StoredAttempt, ...]:
        """Every trial, in running order."""
        return self.summary.trials

    @property
    def table(self) -> TextTable:
        """The table that `wke measure` would print: `header` and `cells`."""
        return text_table(self.summary.table)


def rehearse(file: str | Path, play: Play, *, cluster: str | Path = "cluster.toml", seed: int | None = None) -> Rehearsal:
    """Run an experiment to its end on simulated machines, and return what its series says.

    `play` maps each target to a function that gets what a machine is asked and returns what it does. Paths are as for `wke measure`. The
    seed is the argument, else the file's, else a new one. Nothing stays stored. Raises InputError when the files are wrong, or a target has
    no function.
    """
    experiment, machines = read_experiment(Path(file)), read_cluster(Path(cluster))
    if experiment.configuration is None:
        raise InputError("has no [[steps]], so there is nothing to rehearse", where=experiment.where)
    chosen = next((known for known in (seed, experiment.seed) if known is not None), random.getrandbits(32))
    configuration = replace(read_configuration(experiment.configuration, Path()), versions={})  # no software is there to be asked
    plan = make_plan(experiment, configuration, machines, seed=chosen)
    return rehearse_plan(plan, machines, play)


def rehearse_plan(plan: Plan, cluster: ClusterSpec, play: Play) -> Rehearsal:
    """Run a plan that was made for `cluster`, as `rehearse` does with that of a file."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of ours in it
    with TemporaryDirectory(dir=memory) as folder:
        return _rehearse_in(Path(folder), replace(plan, experiment=_without_telemetry(plan.experiment)), cluster, play)


def _without_telemetry(experiment: Experiment) -> Experiment:
    """Return an experiment whose metrics of telemetry are reported by tasks, because played machines have none."""
    metrics = tuple(_reported(metric) if metric.series else metric for metric in experiment.metrics)
    return replace(experiment, metrics=metrics, scrapes=(), telemetry=TelemetryRules(every_s=NOT_RECORDED))


def _reported(metric: Metric) -> Metric:
    on = None if metric.of_machines else metric.on  # then by the tasks of the measured step, wherever they run
    return replace(metric, telemetry=None, scrape=None, statistic=None, on=on, join=metric.join or "sum")


def _rehearse_in(folder: Path, plan: Plan, cluster: ClusterSpec, play: Play) -> Rehearsal:
    experiment, trials = plan.experiment, _identified(plan)
    planned, name, command, rules = [item.planned for item in trials], experiment.name, "a rehearsal", rules_of(experiment)
    policy = policy_of(experiment)
    with Store.open(folder, command=command, series=name) as store, asyncio.Runner(loop_factory=TimelapseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TimelapseLoop)
        number = store.writer.begin_series(name, StoredPlan.of(experiment, plan.seed, {}), command=command, planned=planned)
        series = RunningSeries(scripted_place(cluster, play, loop), store, number, experiment, _ignore, _nothing)

        def next_due(attempted: Collection[str]) -> Sequence[IdentifiedTrial]:
            nonlocal plan, trials, planned
            results = results_of(store, name, planned, rules, store.examinations.latest())
            if more := policy.wanted(planned, results.seen(attempted)):
                plan = with_trials(plan, more)
                trials = _identified(plan)
                planned = [item.planned for item in trials]
                return next_due(attempted)
            wanted = {trial.id for trial in policy.next_trials(planned, results.seen(attempted))}
            return [item for item in trials if item.planned.id in wanted]

        runner.run(run_series(series, next_due))
        return Rehearsal(load_summary(store, name), loop.time())


def _identified(plan: Plan) -> tuple[IdentifiedTrial, ...]:
    return tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials))


def _ignore(_: Record) -> None:
    """Ignore a record."""


async def _nothing() -> None:
    """Draw nothing."""

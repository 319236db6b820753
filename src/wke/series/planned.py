"""A planned series: every trial of an experiment with its identity, in running order, and how the store records it."""

import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.names import has_values, points_with
from wke.describe.plan.plan import Plan, make_plan
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Policy
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.identity import planned_trials, scripts
from wke.keep.trials.software import software
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial
from wke.series.folders import PROJECT, RESULTS
from wke.series.project import Project, read_project


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """An experiment planned on a cluster: every trial with its identity, in running order.

    `seed_is_settled` is False when the seed was drawn for this plan only; the series keeps the seed of its first measurement.
    """

    project: Project
    plan: Plan
    trials: tuple[IdentifiedTrial, ...]
    seed_is_settled: bool = True

    @property
    def policy(self) -> Policy:
        """How the series chooses its trials."""
        return policy_of(self.plan.experiment)

    @property
    def points(self) -> tuple[Mapping[str, object], ...]:
        """The points in the order of the file."""
        return tuple(self.plan.experiment.parameters.points())

    @property
    def planned(self) -> list[PlannedTrial]:
        """The trials as the store knows them."""
        return [item.planned for item in self.trials]


def plan_series(project: Project, seed: int | None = None) -> PlannedSeries:
    """Plan an experiment; raise InputError with everything that does not fit together.

    The seed is the argument, else the file's, else that of the stored series, else a new one.
    """
    known = (seed, project.experiment.seed, _stored_seed(project.experiment.name))
    chosen = next((s for s in known if s is not None), None)
    settled_seed = secrets.randbits(32) if chosen is None else chosen
    plan = make_plan(project.experiment, project.configuration, project.cluster, seed=settled_seed, revisions=project.revisions)
    return PlannedSeries(project, plan, tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials)), chosen is not None)


def all_planned(cluster_file: Path) -> list[PlannedSeries]:
    """Plan all experiments in experiments/, except those of benchmark scripts, whose trials are not known."""
    files = [file for file in sorted(Path("experiments").glob("*.toml")) if read_experiment(file).steps]
    return [plan_series(read_project(file, cluster_file)) for file in files]


def by_id(series: Iterable[PlannedSeries]) -> dict[str, IdentifiedTrial]:
    """Return the trials of all these series by their ids."""
    return {item.planned.id: item for each in series for item in each.trials}


def on_cluster(series: PlannedSeries, cluster: ClusterSpec) -> PlannedSeries:
    """Plan the same series again for machines whose addresses are now known."""
    return plan_series(replace(series.project, whole=cluster), series.plan.seed)


def _stored_seed(name: str) -> int | None:
    if not Store.exists(RESULTS):
        return None
    with Store.open(RESULTS, readonly=True) as store:
        return store.plans.seed(name)


def select_trials(series: PlannedSeries, only: Mapping[str, str]) -> list[IdentifiedTrial]:
    """Return the trials, in running order, whose parameters have the values of `only`; raise InputError when no point has them."""
    if only:
        points_with(series.points, only, "--only " + ",".join(f"{name}={text}" for name, text in only.items()))
    return [item for item in series.trials if has_values(item.trial.point, only)]


def record(series: PlannedSeries, store: Store) -> int:
    """Store the plan of the series as it is now; return the number of this command in the store."""
    plan = series.plan
    copied = {step.copy.source: None for trial in plan.trials for step in trial.steps if step.copy and Path(step.copy.source).is_dir()}
    kept = StoredPlan.of(plan.experiment, plan.seed, software({**plan.experiment.files, **copied}, PROJECT))
    store.writer.keep_scripts({name: content for trial in plan.trials for name, content in scripts(trial).items()})
    command = shlex.join(["wke", *sys.argv[1:]])
    return store.writer.begin_series(plan.experiment.name, kept, command=command, planned=series.planned)

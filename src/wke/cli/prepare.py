"""What the commands about experiments share: read the files, plan, give each trial its identity."""

import json
import secrets
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from wke.act.trials.runner import IdentifiedTrial
from wke.cli.options import PROJECT, RESULTS
from wke.describe.cluster.cluster import Cluster, read_cluster, restricted
from wke.describe.configuration.configuration import Configuration, read_configuration
from wke.describe.experiment.experiment import Experiment, read_experiment
from wke.describe.experiment.sweep import value_text
from wke.describe.plan.plan import Plan, make_plan
from wke.describe.plan.revisions import Revisions
from wke.describe.toml.tables import gather
from wke.errors import InputError, Problem, did_you_mean
from wke.judge.policies.budget import Seen, spent_s
from wke.judge.policies.due import done_with, due
from wke.judge.policies.stopping import rounds_of
from wke.keep.machines.fingerprint import Reference
from wke.keep.store import Store
from wke.keep.trials.identity import planned_trials, scripts
from wke.keep.trials.software import software
from wke.keep.trials.trials import Invalid, PlannedTrial, StoredAttempt


@dataclass(frozen=True, slots=True)
class Project:
    """The files that an experiment consists of, read and found right by themselves.

    `whole` is the cluster as its file has it, `cluster` those of its machines that the selector `on` leaves.
    With `revisions`, those two are measured beside each other; `configuration` is that of the head.
    """

    whole: Cluster
    experiment: Experiment
    configuration: Configuration
    on: str | None = None
    revisions: Revisions | None = None

    @property
    def cluster(self) -> Cluster:
        """The machines that may be measured on."""
        return self.whole if self.on is None else restricted(self.whole, self.on)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What could be better in the experiment's file."""
        return self.experiment.warnings


@dataclass(frozen=True, slots=True)
class Series:
    """An experiment planned on a cluster: every trial with its identity, in running order.

    The seed is not settled when it was drawn for this plan only: what is measured keeps the one that it began with.
    """

    project: Project
    plan: Plan
    trials: tuple[IdentifiedTrial, ...]
    seed_is_settled: bool = True

    @property
    def points(self) -> tuple[Mapping[str, object], ...]:
        """The points in the order of the file."""
        return tuple(self.plan.experiment.parameters.points())

    @property
    def planned(self) -> list[PlannedTrial]:
        """What the store knows the trials by."""
        return [item.planned for item in self.trials]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store knows of a series' trials, by their ids: those with a result, and those that were invalid so far.

    `spent_s` is what commands of the series took for these trials, if it has a budget.
    """

    stored: Mapping[str, StoredAttempt]
    invalid: Mapping[str, Invalid]
    spent_s: float = 0.0

    def due(self, series: Series, candidates: Sequence[IdentifiedTrial], attempted: Collection[str] = ()) -> list[IdentifiedTrial]:
        """Return those of the candidates that are to run next, in their order, after those that were attempted just now."""
        planned = [item.planned for item in candidates]
        wanted = {trial.id for trial in due(series.plan.experiment, planned, self.stored, attempted, self.invalid, spent_s=self.spent_s)}
        return [item for item in candidates if item.planned.id in wanted]

    def seen(self) -> Seen:
        """Return what a budget is judged by."""
        return Seen(self.stored, done_with((), self.invalid), self.spent_s)

    def rounds(self, series: Series) -> int:
        """Return how many rounds the series is to have, as far as it can be told now."""
        return rounds_of(series.plan.experiment, series.planned, self.stored, done_with((), self.invalid))


def kept(series: Series, store: Store, reference: Reference | None = None) -> Kept:
    """Return what a store knows of a series that is measured on such machines, by default as they were examined last."""
    ids = [trial.id for trial in series.planned]
    now = store.examinations.latest() if reference is None else reference
    experiment, name = series.plan.experiment, series.plan.experiment.name
    tried = store.attempts.of_trials(ids, now) if experiment.budget is not None else ()
    used_s = spent_s(experiment, series.planned, [attempt for attempt in tried if attempt.series == name and not attempt.changes])
    return Kept(store.attempts.results(ids, now), store.attempts.invalid(ids, now), used_s)


def read_project(file: Path, cluster_file: Path, on: str | None = None) -> Project:
    """Read a cluster, an experiment and its configuration; raise one InputError with everything that is wrong in them.

    With `on` only the machines that it selects may be measured on.
    """
    clusters: list[Cluster] = []
    experiments: list[tuple[Experiment, Configuration]] = []
    gather(lambda: clusters.append(read_cluster(cluster_file)), lambda: experiments.append(_with_configuration(file)))
    return Project(clusters[0], *experiments[0], on)


def _with_configuration(file: Path) -> tuple[Experiment, Configuration]:
    experiment = read_experiment(file)
    if experiment.configuration is None:
        hint = 'give it [[steps]] and configuration = "FOLDER" in [experiment]; or run the Python script that it was written for'
        raise InputError("has no [[steps]], so there is nothing that wke could run", where=experiment.where, hint=hint)
    return experiment, read_configuration(experiment.configuration, Path())


def plan_series(project: Project, seed: int | None = None) -> Series:
    """Plan an experiment; raise InputError with everything that does not fit together.

    The seed is the argument, else the file's, else the one that the series is stored with, else a new one.
    """
    known = (seed, project.experiment.seed, _stored_seed(project.experiment.name))
    chosen = next((s for s in known if s is not None), None)
    settled_seed = secrets.randbits(32) if chosen is None else chosen
    plan = make_plan(project.experiment, project.configuration, project.cluster, seed=settled_seed, revisions=project.revisions)
    return Series(project, plan, tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials)), chosen is not None)


def all_planned(cluster_file: Path) -> dict[str, IdentifiedTrial]:
    """Return the trials of all experiments in experiments/, by their ids; those that benchmark scripts run are not known."""
    files = [file for file in sorted(Path("experiments").glob("*.toml")) if read_experiment(file).steps]
    return {item.planned.id: item for file in files for item in plan_series(read_project(file, cluster_file)).trials}


def named(prefix: str, planned: Iterable[str]) -> str | None:
    """Return the planned trial whose id begins so, None when there is none; InputError when there are several."""
    found = [identity for identity in planned if identity.startswith(prefix)]
    if len(found) > 1 and prefix not in found:
        raise InputError(f'"{prefix}" begins several trials: {", ".join(found[:5])}', hint="give more of the id")
    return prefix if prefix in found else found[0] if found else None


def on_cluster(series: Series, cluster: Cluster) -> Series:
    """Plan the same series again for machines whose addresses turned out to be others."""
    return plan_series(replace(series.project, whole=cluster), series.plan.seed)


def _stored_seed(name: str) -> int | None:
    if not Store.exists(RESULTS):
        return None
    with Store.open(RESULTS, readonly=True) as store:
        return store.plans.seed(name)


def chosen(series: Series, only: Mapping[str, str]) -> list[IdentifiedTrial]:
    """Return the trials, in running order, whose parameters have the values of `only`."""
    parameters = series.plan.experiment.parameters
    for name, text in only.items():
        values = [value_text(value) for value in parameters.values(name)]
        if name not in parameters.names:
            raise InputError(f'--only {name}={text}: there is no parameter "{name}"', hint=did_you_mean(name, parameters.names))
        if text not in values:
            raise InputError(f"--only {name}={text}: {name} is never {text}", hint=did_you_mean(text, values))
    return [item for item in series.trials if all(value_text(item.trial.point.get(n, "")) == text for n, text in only.items())]


def record(series: Series, store: Store) -> int:
    """Store what the series consists of now, and that this command goes on with it."""
    plan = series.plan
    copied = {step.copy.source: None for trial in plan.trials for step in trial.steps if step.copy and Path(step.copy.source).is_dir()}
    text = json.dumps(
        {
            "file": str(plan.experiment.path),
            "metrics": [asdict(metric) for metric in plan.experiment.metrics],
            "points": [dict(point) for point in series.points],
            "baseline": dict(plan.experiment.baseline),
            "threshold": plan.experiment.threshold,
            "climb": plan.experiment.parameters.climb,
            "software": software({**plan.experiment.files, **copied}, PROJECT),
            "stopping": asdict(plan.experiment.stopping) if plan.experiment.stopping else None,
            "budget": asdict(plan.experiment.budget) if plan.experiment.budget else None,
        }
    )
    store.writer.keep_scripts({name: content for trial in plan.trials for name, content in scripts(trial).items()})
    command = shlex.join(["wke", *sys.argv[1:]])
    return store.writer.begin_series(
        plan.experiment.name, text, plan.seed, order=plan.experiment.order, command=command, planned=series.planned
    )

"""A planned series: every trial of an experiment with its identity, in running order, and how the store records it."""

import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.point import point_key
from wke.describe.names import points_with
from wke.describe.plan.plan import Plan, Trial, make_plan
from wke.describe.toml.userfile import is_file
from wke.errors import InputError, Problem
from wke.judge.policies.choose import policy_of
from wke.judge.policies.policy import Policy
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.identity import planned_trials, scripts
from wke.keep.trials.software import software
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial
from wke.series.folders import PROJECT, RESULTS
from wke.series.project import Project
from wke.values import dataclass


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
        """The points in the order of the file; those that results have asked for last."""
        points = [*self.plan.experiment.parameters.points(), *(trial.point for trial in self.one_per_point)]
        return tuple({point_key(point): point for point in points}.values())

    @property
    def one_per_point(self) -> tuple[Trial, ...]:
        """A trial of each point: trials of a point have the same steps. A point that results have asked for may have several."""
        return tuple({id(trial.point): trial for trial in self.plan.trials}.values())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What could be better in the experiment's file, and which points are left out."""
        return (*self.project.warnings, *((self.plan.omission,) if self.plan.omission else ()))

    @property
    def first_trials(self) -> int:
        """How many trials there are without those of fresh rounds, of which only some run."""
        return sum(not item.planned.fresh for item in self.trials)

    @property
    def planned(self) -> list[PlannedTrial]:
        """The trials as the store knows them."""
        return [item.planned for item in self.trials]


def plan_first(project: Project, seed: int | None = None) -> PlannedSeries:
    """Plan what is known of an experiment before anything ran; raise InputError with everything that does not fit together.

    The seed is the argument, else the file's, else that of the stored series, else a new one.
    """
    known = (seed, project.experiment.seed, _stored_seed(project.experiment))
    chosen = next((s for s in known if s is not None), None)
    if project.experiment.decided and not project.experiment.baseline:
        where = project.experiment.at("experiment", "iterations", "until")
        hint = "write baseline = {...} in [experiment], or measure it with --ci --baseline COMMIT"
        raise InputError("there is no baseline, so nothing can be decided", where=where, hint=hint)
    settled_seed = secrets.randbits(32) if chosen is None else chosen
    plan = make_plan(project.experiment, project.configuration, project.cluster, seed=settled_seed, revisions=project.revisions)
    return PlannedSeries(project, plan, tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials)), chosen is not None)


def experiment_files() -> tuple[Path, ...]:
    """Return all files of experiments: those in experiments/ and its folders, except hidden ones."""
    found = sorted(Path("experiments").rglob("*.toml"))
    return tuple(path for path in found if not any(part.startswith(".") for part in path.parts))


def refuse_same_names(files: Iterable[Path]) -> None:
    """Raise InputError for experiments that would share one series; files with mistakes are left out."""
    found: dict[str, Path] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            experiment = read_experiment(file)
        except InputError:
            continue
        first = found.setdefault(experiment.name, file)
        if first.resolve() != file.resolve():
            problems.append(_same_name(experiment, first))
    if problems:
        raise InputError(*problems)


def refuse_name_of_another(experiment: Experiment, measured: Path) -> None:
    """Raise InputError if the file by which the series was `measured` is another one, and still describes a series of that name."""
    if measured.resolve() == experiment.path.resolve() or not is_file(measured):
        return
    try:
        name = read_experiment(measured).name
    except InputError:
        return
    if name == experiment.name.partition("@")[0]:
        raise InputError(_same_name(experiment, measured))


def _same_name(experiment: Experiment, other: Path) -> Problem:
    hint = f'write another name = "..." in [experiment] of one of them: results/{experiment.name}.csv and figures are called so'
    return Problem(f'is called "{experiment.name}", as {other} is', experiment.at("experiment", "name"), hint)


def by_id(series: Iterable[PlannedSeries]) -> dict[str, IdentifiedTrial]:
    """Return the trials of all these series by their ids."""
    return {item.planned.id: item for each in series for item in each.trials}


def copied_sources(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Return what the steps of trials copy from here, as the experiment names it, each source once."""
    return tuple(dict.fromkeys(str(dict(step.options)["source"]) for trial in trials for step in trial.steps if step.copy))


def _stored_seed(experiment: Experiment) -> int | None:
    if not Store.exists(RESULTS):
        return None
    with Store.open(RESULTS, readonly=True) as store:
        seed = store.plans.seed(experiment.name)
        if seed is not None:
            refuse_name_of_another(experiment, Path(store.plans.latest(experiment.name).file))
        return seed


def select_trials(series: PlannedSeries, only: Mapping[str, str]) -> list[IdentifiedTrial]:
    """Return the trials, in running order, whose parameters have the values of `only`; raise InputError when no point has them."""
    if not only:
        return list(series.trials)
    given = "--only " + ",".join(f"{name}={text}" for name, text in only.items())
    left_out = {point_key(one.point): one for one in series.plan.left_out}
    asked = set(map(point_key, points_with([*series.points, *(one.point for one in left_out.values())], only, given)))
    if asked <= left_out.keys():
        raise InputError(f"{given}: {left_out[asked.pop()].why}", hint="the cluster is too small for this point")
    return [item for item in series.trials if point_key(item.trial.point) in asked]


def record(series: PlannedSeries, store: Store) -> int:
    """Store the plan of the series as it is now; return the number of this command in the store."""
    plan = series.plan
    copied = {source: None for source in copied_sources(series.one_per_point) if Path(source).is_dir()}
    whole, on = series.project.whole, series.project.on
    kept = StoredPlan.of(plan.experiment, plan.seed, software({**plan.experiment.files, **copied}, PROJECT))
    kept = replace(kept, cluster=str(whole.path or ""), on=on)
    store.writer.keep_scripts({name: content for trial in series.one_per_point for name, content in scripts(trial).items()})
    command = shlex.join(["wke", *sys.argv[1:]])
    return store.writer.begin_series(plan.experiment.name, kept, command=command, planned=series.planned)

"""Regressions: what a series is compared with, and the report of the comparison.

A reference is a point (`engine=old`), a folder with results from elsewhere, a commit, or another series in results/. A commit is measured
beside the working tree, round by round. Results from elsewhere were measured at another time, and never confirm a regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.point import point_key
from wke.describe.expression.quantity import fraction
from wke.describe.names import FileOf, FolderOf, GitRef, PointsOf, Word, parse_name, points_with
from wke.describe.plan.plan import make_plan
from wke.describe.plan.revisions import REVISION, Revision, Revisions
from wke.errors import InputError
from wke.judge.reuse.drift import drift
from wke.judge.statistics.comparison import MIN_ROUNDS, Comparison, Question, compare
from wke.judge.summary.pointtable import varied
from wke.judge.summary.regression import RegressionReport
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries, select_trials
from wke.series.project import Project
from wke.series.resolve import SeriesSelection, find_series, series_name
from wke.series.revision import checked_out, commit_of, head
from wke.tell.comparisons import baseline_text


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Results of another time or place: those of a series in the store in `folder`, and the facts of its machines."""

    folder: Path
    series: str
    trials: tuple[StoredAttempt, ...]
    attempts: tuple[StoredAttempt, ...]
    machines: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Comparand:
    """What a series is compared with: the `project` to measure for it, its name, and results from `elsewhere` if it is such."""

    project: Project
    name: str
    elsewhere: Elsewhere | None = None


def find_comparand(project: Project, reference: str | None, threshold: str | None) -> Comparand:
    """Resolve a reference; raise InputError when it names nothing, or nothing can be compared with it."""
    experiment = project.experiment
    if threshold is not None:
        experiment = replace(experiment, threshold=_threshold(threshold))
    if not experiment.has_rounds:
        hint = 'write order = "interleaved", and do not use hill-climb'
        raise InputError("comparisons need rounds of all points, and this experiment has none", where=experiment.where, hint=hint)
    if experiment.iterations < MIN_ROUNDS:
        what = f"a comparison needs at least {MIN_ROUNDS} rounds"
        raise InputError(what, where=experiment.where, hint="write iterations = 10")
    if not any(metric.better for metric in experiment.metrics):
        raise InputError("no metric says which way is better", where=experiment.at("metrics"), hint='write better = "higher" or "lower"')
    return _meant(replace(project, experiment=experiment), reference)


def _meant(project: Project, reference: str | None) -> Comparand:
    experiment = project.experiment
    if reference is None:
        if not experiment.baseline:
            raise InputError(
                "--ci needs something to compare with", hint="give --baseline COMMIT, or write baseline = {...} in [experiment]"
            )
        return Comparand(project, baseline_text(experiment.baseline))
    name = parse_name(reference)
    if isinstance(name, PointsOf) and name.series in {None, experiment.name}:
        return _point(project, name.values, reference)
    if isinstance(name, Word | FolderOf) and Store.exists(Path(reference)):
        return Comparand(project, reference, _elsewhere(Path(reference), SeriesSelection(experiment.name), experiment))
    commit = commit_of(name.ref if isinstance(name, GitRef) else reference)
    if commit is not None:
        return _revisions(project, Revision(commit), reference)
    if isinstance(name, Word | PointsOf | FileOf) and Store.exists(RESULTS):
        with Store.open(RESULTS, readonly=True) as store:
            series = name.text if isinstance(name, Word) else series_name(reference)
            selection = find_series(store, reference) if series in store.plans.names() else None
        if selection is not None and selection.series != experiment.name:
            return Comparand(project, f"series {reference}", _elsewhere(RESULTS, selection, experiment))
    hint = "give a commit that this repository has (a shallow clone: git fetch), a results folder, a series, or PARAMETER=VALUE"
    raise InputError(f"--baseline {reference}: there is no such commit, folder or series", hint=hint)


def _point(project: Project, values: Mapping[str, str], reference: str) -> Comparand:
    """Compare with a point of the experiment, as `baseline` in its file does."""
    sweep = project.experiment.parameters
    point = points_with(sweep.points(), values, f"--baseline {reference}")[0]
    baseline = {name: value for name, value in point.items() if name in values and isinstance(value, bool | int | float | str)}
    if not sweep.varied_from(baseline):
        raise InputError(f"--baseline {reference}: no point differs from it", hint="name a parameter that varies")
    return Comparand(replace(project, experiment=replace(project.experiment, baseline=baseline)), baseline_text(baseline))


def _revisions(project: Project, base: Revision, reference: str) -> Comparand:
    """Compare with a commit: its scripts are measured beside those of the working tree."""
    experiment, name = project.experiment, project.experiment.configuration or ""
    try:
        with checked_out(base.commit) as folder:
            configuration = read_configuration(name, folder)
        revisions = Revisions(base, head(), configuration)
        make_plan(experiment, configuration, project.cluster, seed=0)
    except InputError as error:
        raise InputError(*(replace(problem, what=f"baseline {reference}: {problem.what}") for problem in error.problems)) from error
    both = replace(project, experiment=revisions.experiment(experiment), revisions=revisions)
    return Comparand(both, f"{reference} ({base})" if str(base) != reference else reference)


def _elsewhere(folder: Path, selection: SeriesSelection, experiment: Experiment) -> Elsewhere:
    series = selection.series
    if folder.resolve() == RESULTS.resolve() and series == experiment.name:
        what = f"--baseline {folder}: a series cannot be compared with itself"
        raise InputError(what, hint="give a commit, or a copy of results from elsewhere")
    with Store.open(folder, readonly=True) as store:
        counting, every = store.attempts.one_per_trial(series), store.attempts.of_plan(series)
        trials, attempts = (tuple(trial for trial in group if selection.has(trial.point)) for group in (counting, every))
        found = Elsewhere(folder, series, trials, attempts, store.examinations.by_name(series))
    ours = {point_key(point) for point in experiment.parameters.points()}
    if all(point_key(trial.point) not in ours for trial in found.trials):
        hint = f"it has {baseline_text(found.trials[0].point)}" if found.trials else "it has no trial"
        raise InputError(f"--baseline {folder}: series {series} there has no point of this experiment", hint=hint)
    return found


def _threshold(text: str) -> float:
    try:
        share = fraction(text)
    except ValueError as error:
        raise InputError(f"--threshold {text}: {error}") from error
    if share < 0:
        raise InputError(f"--threshold {text}: must not be less than 0")
    return share


# -- the report


def regression_report(
    what: Comparand, series: PlannedSeries, summary: SeriesSummary, store: Store, only: Mapping[str, str]
) -> RegressionReport:
    """Return the report of a series that was measured to be compared."""
    experiment, asked = series.plan.experiment, {point_key(item.planned.point) for item in select_trials(series, only)}
    found = summary.table.comparisons if what.elsewhere is None else _with_elsewhere(what.elsewhere, summary, store)
    comparisons = [one for one in found if point_key(one.point) in asked]
    machines = store.examinations.by_name(experiment.name)
    used = {machine.name for item in series.trials for step in item.trial.steps for machine in step.machines}
    return RegressionReport(
        title=f"{experiment.name.partition('@')[0]}: compared with {what.name}",
        parameters=[name for name in varied([one.point for one in comparisons]) if name != REVISION],
        comparisons=comparisons,
        facts=_facts(what, series, summary),
        machines={name: facts for name, facts in machines.items() if name in used},
        doubts=_doubts(what.elsewhere, {name: machines.get(name) for name in used}),
    )


def _with_elsewhere(elsewhere: Elsewhere, summary: SeriesSummary, store: Store) -> list[Comparison]:
    """Return the comparisons of a series with results of another time."""
    rules = summary.plan.rules
    trials = [*_labelled(elsewhere.trials, "base"), *_labelled(summary.trials, "head")]
    attempts = [*_labelled(elsewhere.attempts, "base"), *_labelled(store.attempts.of_plan(summary.name), "head")]
    points = [{**point, REVISION: "head"} for point in rules.points]
    question = Question({REVISION: "base"}, summary.plan.threshold, rules.fixed_rounds, stored=True)
    found = compare(trials, rules.metrics, points, question, attempts)
    return [replace(one, point={name: value for name, value in one.point.items() if name != REVISION}) for one in found]


def _labelled(trials: Sequence[StoredAttempt], revision: str) -> list[StoredAttempt]:
    """Return trials as those of a revision, in point and id: both sides may have the same trial."""
    return [replace(trial, id=f"{revision}:{trial.id}", point={**trial.point, REVISION: revision}) for trial in trials]


def _doubts(elsewhere: Elsewhere | None, machines: Mapping[str, Mapping[str, str] | None]) -> list[str]:
    """Return what readers should know of results from elsewhere: that they confirm nothing, and how the machines differ."""
    if elsewhere is None:
        return []
    doubts = ["the baseline was measured at another time, so that it cannot confirm a regression"]
    for name, now in sorted(machines.items()):
        before = elsewhere.machines.get(name)
        if before is None or now is None:
            doubts.append(f"{name} may not be the same machine: its facts are not known for both")
        else:
            doubts += [f"{name} is not the same: {change}" for change in drift(before, now)]
    return doubts


def _facts(what: Comparand, series: PlannedSeries, summary: SeriesSummary) -> dict[str, str]:
    revisions, ok, facts = series.project.revisions, summary.counts.ok, {}
    here = revisions.head if revisions is not None else head() if commit_of("HEAD") else None
    if here is not None:
        facts["head"] = f"{here.commit}{' with uncommitted changes' if here.changed else ''}"
    if revisions is not None:
        facts["baseline"] = f"{revisions.base.commit}, measured beside it in each round"
    elif what.elsewhere is not None:
        facts["baseline"] = (
            f"series {what.elsewhere.series} in {what.elsewhere.folder}, measured at another time: later changes of the machines count too"
        )
    facts["trials"] = f"{ok} ok, {len(summary.trials) - ok} not"
    facts["seed"] = str(series.plan.seed)
    return facts | {"wke": version("wke")}

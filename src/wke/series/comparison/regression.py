"""What `wke measure --ci` compares with: how it is measured, and the report.

A reference is a point (`engine=old`), a commit, a folder with results from elsewhere, or another series in results/. A commit is measured
beside the working tree, round by round. The report is that of the stored values (comparing.py), as `wke compare` makes it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.names import GitRef, PointsOf, parse_name, points_with
from wke.describe.plan.plan import Trial, make_plan, sources
from wke.describe.plan.revisions import REVISION, Revision, Revisions, Side
from wke.errors import InputError
from wke.judge.statistics.comparison import MIN_ROUNDS
from wke.judge.summary.regression import Compared, RegressionReport
from wke.keep.store import Store
from wke.keep.trials.storedplan import StoredPlan
from wke.series.comparison.comparands import meanings
from wke.series.comparison.comparing import Comparand, compare_stored, load_comparand
from wke.series.comparison.revision import Checkout, checked_out, commit_of, head, refuse_outside, refuse_unheld, text_of
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries, copied_sources, select_trials
from wke.series.project import Project
from wke.series.resolve import SeriesSelection, points_at
from wke.tell.comparisons import baseline_text
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """What a series is compared with: the `project` to measure for it, its name, and stored values if these are from `elsewhere`."""

    project: Project
    name: str
    elsewhere: Comparand | None = None


@contextmanager
def open_reference(project: Project, text: str | None, threshold: float | None) -> Iterator[Reference]:
    """Yield what a text refers to; the files of a commit are there meanwhile. Raise InputError if nothing can be compared with it.

    Fresh rounds are left out: they are not of all points, so nothing in them can be compared.
    """
    experiment = replace(project.experiment, fresh_rounds=0)
    if threshold is not None:
        experiment = replace(experiment, threshold=threshold)
    if not experiment.has_rounds:
        hint = 'write order = "interleaved", and do not use hill-climb; instead of a search, compare the latency at one rate'
        raise InputError("comparisons need rounds of all points, and this experiment has none", where=experiment.where, hint=hint)
    if experiment.iterations < MIN_ROUNDS:
        what = f"a comparison needs at least {MIN_ROUNDS} rounds"
        raise InputError(what, where=experiment.where, hint="write iterations = 10")
    if not any(metric.better for metric in experiment.metrics):
        raise InputError("no metric says which way is better", where=experiment.at("metrics"), hint='write better = "higher" or "lower"')
    asked = replace(project, experiment=experiment)
    reference, commit = _known(asked, text)
    if reference is not None:
        yield reference
    else:
        with _revisions(asked, Revision(commit), text or "") as reference:
            yield reference


def _known(project: Project, text: str | None) -> tuple[Reference | None, str]:
    """Return what a text refers to that is known already, or the commit that has to be measured."""
    experiment = project.experiment
    if text is None:
        if not experiment.baseline:
            raise InputError(
                "--ci needs something to compare with", hint="give --baseline COMMIT, or write baseline = {...} in [experiment]"
            )
        return Reference(project, baseline_text(experiment.baseline)), ""
    name = parse_name(text)
    if isinstance(name, PointsOf) and name.series in {None, experiment.name}:
        return _point(project, name.values, text), ""
    if not isinstance(name, GitRef) and Store.exists(Path(text)):
        return Reference(project, text, _elsewhere(text, experiment)), ""
    refusal = ""
    try:
        commit = commit_of(name.ref if isinstance(name, GitRef) else text)
    except InputError as error:
        commit, refusal = None, f": {error.problems[0].what}"
    if commit is not None:
        return None, commit
    if not isinstance(name, GitRef) and Store.exists(RESULTS) and _is_series(text):
        return Reference(project, text, _elsewhere(text, experiment)), ""
    hint = "give a commit that this repository has (a shallow clone: git fetch), a results folder, a series, or PARAMETER=VALUE"
    raise InputError(f"--baseline {text}: there is no such commit, folder or series{refusal}", hint=hint)


def _is_series(text: str) -> bool:
    try:
        return bool(meanings(text))
    except InputError:
        return False


def _point(project: Project, values: Mapping[str, str], text: str) -> Reference:
    """Compare with a point of the experiment, as `baseline` in its file does."""
    sweep = project.experiment.parameters
    point = points_with(sweep.points(), values, f"--baseline {text}")[0]
    baseline = {name: value for name, value in point.items() if name in values and isinstance(value, bool | int | float | str)}
    if not sweep.varied_from(baseline):
        raise InputError(f"--baseline {text}: no point differs from it", hint="name a parameter that varies")
    return Reference(replace(project, experiment=replace(project.experiment, baseline=baseline)), baseline_text(baseline))


@contextmanager
def _revisions(project: Project, base: Revision, text: str) -> Iterator[Reference]:
    """Compare with a commit: what its trials depend on is measured beside the working tree."""
    experiment, path = project.experiment, Path(os.path.relpath(project.experiment.path))
    here = make_plan(experiment, project.configuration, project.cluster, seed=0)
    refuse_unheld([*copied_sources(here.trials), *experiment.files])
    old = text_of(base.commit, path)
    whole = any(b".." in part for part in (path.read_bytes(), old or b"", os.fsencode(path)))
    with checked_out(base.commit, whole=whole) as checkout:
        try:
            side = _side(checkout, path if old is None else checkout.project / path)
            revisions = Revisions(base, head(), side, borrowed=old is None)
            both = revisions.experiment(experiment)
            plan = make_plan(both, project.configuration, project.cluster, seed=0, revisions=revisions)
            trials = [trial for trial in plan.trials if revisions.is_base(trial.point) and trial.iteration == 0]
            refuse_outside([*copied_sources(trials), *side.experiment.files], checkout)
            _refuse_unread(experiment, trials)
        except InputError as error:
            told = checkout.told(error)
            raise InputError(*(replace(problem, what=f"baseline {text}: {problem.what}") for problem in told.problems)) from error
        yield Reference(replace(project, experiment=both, revisions=revisions), f"{text} ({base})" if str(base) != text else text)


def _refuse_unread(experiment: Experiment, trials: Iterable[Trial]) -> None:
    """Raise InputError for a metric that is read from a step that trials do not have."""
    for trial in trials:
        for metric, tasks in sources(experiment.metrics, trial).items():
            if not tasks:
                what = f"metric {metric} is read from a step that is not there"
                raise InputError(what, where=experiment.at("metrics", metric), hint="compare with a commit that has the step")


def _side(checkout: Checkout, path: Path) -> Side:
    """Return the project of a commit, with the steps of the experiment's file at `path`."""
    experiment = read_experiment(path, checkout.project)
    return Side(experiment, read_configuration(experiment.configuration or "", checkout.project), checkout.project)


def _elsewhere(text: str, experiment: Experiment) -> Comparand:
    """Return stored values that a text names: a results folder has a series of this name."""
    found = meanings(text)
    one = found[0] if len(found) == 1 else next((each for each in found if each.series == experiment.name), None)
    if one is None:
        raise InputError(
            f"--baseline {text}: there is no series {experiment.name} in it", hint="give a series, or a folder that has this one"
        )
    if one.folder.resolve() == RESULTS.resolve() and one.series == experiment.name:
        what = f"--baseline {text}: a series cannot be compared with itself"
        raise InputError(what, hint="give a commit, or a copy of results from elsewhere")
    with Store.open(one.folder, readonly=True) as store:
        comparand = load_comparand(store, one.selection, text)
    points = tuple(experiment.parameters.points())
    planned = Comparand("the experiment", RESULTS, SeriesSelection(experiment.name), StoredPlan.of(experiment, 0, {}), points, (), (), {})
    compare_stored(comparand, planned, None)  # raises before anything is measured
    return comparand


def regression_report(what: Reference, series: PlannedSeries, store: Store, only: Mapping[str, str]) -> RegressionReport:
    """Return the report of a series that was measured to be compared."""
    experiment, revisions = series.plan.experiment, series.project.revisions
    asked = [item.planned.point for item in select_trials(series, only)]
    points = tuple(experiment.parameters.points())
    if what.elsewhere is not None:
        baseline, mine = what.elsewhere, SeriesSelection(experiment.name)
    else:
        mine = points_at(experiment.name, points, {REVISION: f"head:{revisions.head}"}) if revisions else SeriesSelection(experiment.name)
        baseline = load_comparand(store, points_at(experiment.name, points, experiment.baseline), what.name)
    report = compare_stored(baseline, load_comparand(store, mine, "the working tree"), experiment.threshold, asked)
    here = revisions.head if revisions is not None else _head()
    now = replace(report.candidate, commit=here.commit, changed=bool(here.changed)) if here is not None else report.candidate
    before = Compared(what.name, report.baseline.series, report.baseline.folder, "" if revisions is None else revisions.base.commit)
    borrowed = revisions is not None and revisions.borrowed
    return replace(report, title=experiment.name.partition("@")[0], baseline=before, candidate=now, borrowed=borrowed)


def _head() -> Revision | None:
    """Return the revision of the working tree, None where there is no commit or git refuses to tell it."""
    try:
        return head() if commit_of("HEAD") else None
    except InputError:
        return None

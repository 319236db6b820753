"""A series whose results choose its trials: its plan with all trials that results have asked for so far.

Nothing is stored for it. The trials follow from the results, one after the other, so a search that was interrupted stands where it stood.
"""

from dataclasses import replace
from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.plan.growing import with_trials
from wke.keep.machines.fingerprint import Reference
from wke.keep.store import Store
from wke.keep.trials.identified import IdentifiedTrial
from wke.keep.trials.identity import planned_trials
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries, experiment_files, plan_first
from wke.series.project import Project, read_project
from wke.series.storedresults import load_results


def plan_series(project: Project, seed: int | None = None) -> PlannedSeries:
    """Plan an experiment as `plan_first` does, with the trials that results in results/ ask for."""
    series = plan_first(project, seed)
    if not series.policy.grows or not Store.exists(RESULTS):
        return series
    with Store.open(RESULTS, readonly=True) as store:
        return grown(series, store)


def grown(series: PlannedSeries, store: Store, reference: Reference | None = None) -> PlannedSeries:
    """Return a series with the trials that its results ask for, on machines that are as `reference` says, else as last examined."""
    while series.policy.grows:
        wanted = series.policy.wanted(series.planned, load_results(series, store, reference).seen())
        if not wanted:
            break
        plan = with_trials(series.plan, wanted)
        series = replace(series, plan=plan, trials=tuple(map(IdentifiedTrial, planned_trials(plan), plan.trials)))
    return series


def all_planned(cluster_file: Path) -> list[PlannedSeries]:
    """Plan all experiments in experiments/, except those of benchmark scripts, whose trials are not known."""
    files = [file for file in experiment_files() if read_experiment(file).steps]
    return [plan_series(read_project(file, cluster_file)) for file in files]


def on_cluster(series: PlannedSeries, cluster: ClusterSpec) -> PlannedSeries:
    """Plan the same series again for machines whose addresses are now known; a plan on lent machines does not depend on them."""
    if any(machine.is_lent for machine in cluster.machines):
        return series
    return plan_series(replace(series.project, whole=cluster), series.plan.seed)

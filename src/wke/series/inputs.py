"""Whether the inputs of stored results have changed: what a series' files describe now, beside what was measured."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from wke.describe.experiment.point import point_key
from wke.describe.plan.growing import with_trials
from wke.describe.plan.plan import make_plan
from wke.describe.plan.revisions import REVISION
from wke.describe.search.search import WantedTrial
from wke.errors import InputError
from wke.judge.reuse.differences import changes
from wke.judge.reuse.state import kinds
from wke.judge.summary.series import InputChanges, SeriesWork
from wke.keep.trials.identity import planned_trials
from wke.keep.trials.trials import PlannedTrial
from wke.series.project import read_project


def input_changes(work: SeriesWork) -> InputChanges | None:
    """Return how the inputs of a series' results differ from its files as they are now; None if they do not.

    Nothing is known of a benchmark script's inputs. Those of two compared revisions are what they were.
    """
    plan = work.plan
    if not plan.cluster or REVISION in plan.rules.baseline or not Path(plan.file).exists():
        return None
    try:
        project = read_project(Path(plan.file), Path(plan.cluster), plan.on)
        once = replace(project.experiment, iterations=1, warmups=0, fresh_rounds=0)
        first = make_plan(once, project.configuration, project.cluster, seed=0)
        chosen = [WantedTrial(trial.point, 0) for trial in work.planned] if plan.rules.search else []
        now = _by_point(planned_trials(with_trials(first, chosen)))
    except InputError as error:
        return InputChanges(problem=error.problems[0].what)
    measured = {point_key(trial.point) for trial in work.trials if trial.ok}
    begun = {trial.stands_for or trial.id for trial in work.trials}  # the store has the inputs of no others
    planned = _by_point(trial for trial in work.planned if trial.id in begun)
    return _differences({key: planned[key] for key in planned.keys() & measured}, now)


def _differences(then: Mapping[object, PlannedTrial], now: Mapping[object, PlannedTrial]) -> InputChanges | None:
    changed = [(one, now[key]) for key, one in then.items() if key in now and _inputs(one) != _inputs(now[key])]
    gone = len(then.keys() - now.keys())
    found = [change for before, after in changed for change in changes(before.inputs, after.inputs)]
    return InputChanges(kinds(found), len(changed), gone, len(then)) if changed or gone else None


def _by_point(trials: Iterable[PlannedTrial]) -> dict[object, PlannedTrial]:
    """Return one trial of each point, by the key of the point."""
    return {point_key(one.point): one for one in trials}


def _inputs(trial: PlannedTrial) -> str:
    """Return the part of a trial's id that is the hash of its inputs."""
    return trial.id.rpartition("-")[0]

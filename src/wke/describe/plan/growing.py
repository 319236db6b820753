"""Plans that grow: results choose which further points a search tries, and their trials join the plan.

A trial that joins has the identity that it would have had from the start. So the plan of a search is what its results make of it: planned
again from the same results, it has the same trials.
"""

from collections.abc import Iterable
from dataclasses import replace

from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point
from wke.describe.plan.plan import Plan, Trial, set_apart
from wke.describe.plan.points import PointPlanner
from wke.describe.plan.revisions import Side
from wke.describe.search.search import WantedTrial


def with_trials(plan: Plan, wanted: Iterable[WantedTrial]) -> Plan:
    """Return a plan with further trials, without those that it has; raise InputError for a point that cannot be planned."""
    known = {(point_key(trial.point), trial.iteration) for trial in plan.trials}
    new = {key: one for one in wanted if (key := (point_key(one.point), one.iteration)) not in known}
    if not new:
        return plan
    planner = PointPlanner(Side(plan.experiment, plan.configuration), plan.cluster)
    return replace(plan, trials=set_apart([*plan.trials, *(_trial(planner, one) for one in new.values())]))


def _trial(planner: PointPlanner, wanted: WantedTrial) -> Trial:
    point: Point = {name: value for name, value in wanted.point.items() if isinstance(value, bool | int | float | str)}
    one = planner.plan(point)
    return Trial(point, wanted.iteration, False, wanted.iteration, one.cluster, one.steps, (), one.files, one.versions)

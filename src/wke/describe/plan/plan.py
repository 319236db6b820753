"""A plan: every trial of an experiment on a cluster, in running order, fixed before anything runs. All checks happen here."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import TypeVar

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, TooFewMachinesError
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import ConfigurationSpec
from wke.describe.configuration.step import PlannedStep
from wke.describe.experiment.experiment import Experiment, Scrape
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, point_text
from wke.describe.plan.deployment import Deployment, apart, layers, of_round, several, shuffled
from wke.describe.plan.points import PlannedPoint, PointPlanner, taking_part, tasks_of
from wke.describe.plan.revisions import Revisions, Side
from wke.describe.toml.limits import FRESH_FROM
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location, Problem
from wke.records import TaskName
from wke.values import dataclass

ENOUGH_MISTAKES = 200
"""After this many different mistakes, further points are not looked at."""

MOST_MISTAKES = 5
"""At most this many different mistakes are reported per place: a hundred points make similar ones."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Trial:
    """One iteration of one point. Warm-ups are counted separately, also from 0; `round` counts both.

    `cluster` is reduced to the sizes of its classes. `deployment` is what its steps with a scope, which run first, leave deployed. `files`
    are the listed files that it depends on, with their SHA-256, folders with None. `versions` ask its machines for versions of software.
    """

    point: Point
    iteration: int
    warmup: bool
    round: int
    cluster: ClusterSpec
    steps: tuple[PlannedStep, ...]
    deployment: Deployment = ()
    files: Mapping[str, str | None] = field(default_factory=dict)
    versions: tuple[PlannedStep, ...] = ()

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of the machines that take part: those on which a step runs."""
        return tuple(dict.fromkeys(machine.name for step in self.steps for machine in step.machines))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A point for which the cluster is too small, and why."""

    point: Point
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of an experiment in running order; the same seed gives the same order.

    The cluster is too small for the points in `left_out`, which `experiment` does not have. It was made for the `configuration` and the
    `cluster`, and further trials can be (growing.py).
    """

    experiment: Experiment
    seed: int
    trials: tuple[Trial, ...]
    left_out: tuple[LeftOut, ...] = ()
    configuration: ConfigurationSpec | None = None
    cluster: ClusterSpec | None = None

    @property
    def omission(self) -> Problem | None:
        """What is left out, None if nothing is."""
        if not self.left_out:
            return None
        total = len(self.left_out) + len(self.experiment.parameters.points())
        shown = [f"{point_text(one.point)} ({one.why})" for one in self.left_out[:MOST_MISTAKES]]
        more = f", and {len(self.left_out) - MOST_MISTAKES} more" if len(self.left_out) > MOST_MISTAKES else ""
        what = (
            f"{len(self.left_out)} of {counted(total, 'point')} are left out, for which the cluster is too small: {'; '.join(shown)}{more}"
        )
        return Problem(what, self.experiment.at("classes"))


def make_plan(
    experiment: Experiment, configuration: ConfigurationSpec, cluster: ClusterSpec, *, seed: int, revisions: Revisions | None = None
) -> Plan:
    """Plan every trial; raise InputError with the mistakes of all points, each once, with its place in the file.

    With `revisions`, whose experiment this is, each point belongs to one of them; `configuration` is that of the head.
    """
    if not experiment.steps:
        hint = f"run that script: python benchmark.py toml {experiment.path}; `wke measure` needs [[steps]] and configuration"
        raise InputError("has no [[steps]]: this experiment belongs to a benchmark script", where=experiment.where, hint=hint)
    points: list[PlannedPoint] = []
    problems: dict[Problem, None] = {}
    too_large: list[tuple[Point, TooFewMachinesError]] = []
    plan_point = _planner(Side(experiment, configuration), cluster, revisions)
    for point in experiment.parameters.points():
        try:
            points.append(plan_point(point))
        except TooFewMachinesError as error:
            too_large.append((point, error))
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
            if len(problems) > ENOUGH_MISTAKES:
                break
    if too_large and not any(_is_at(experiment.baseline, planned.point) for planned in points):  # nothing, or no baseline, is left
        problems.update((problem, None) for _, error in too_large for problem in error.problems)
    if problems:
        raise InputError(*sorted(_each_once(problems), key=_line))
    left_out = tuple(LeftOut(point, error.problems[0].what) for point, error in too_large)
    fitting = _without(experiment, left_out)
    return Plan(fitting, seed, _trials(fitting, points, seed), left_out, configuration, cluster)


def _planner(head: Side, cluster: ClusterSpec, revisions: Revisions | None) -> Callable[[Point], PlannedPoint]:
    """Return a function that plans a point, with `revisions` by what belongs to the point's revision."""
    if revisions is None:
        return PointPlanner(head, cluster).plan
    planners: dict[bool, PointPlanner] = {}

    def plan(point: Point) -> PlannedPoint:
        is_base = revisions.is_base(point)
        if is_base not in planners:
            planners[is_base] = PointPlanner(revisions.side(point, head), cluster)
        planned = planners[is_base].plan(point)
        return replace(planned, steps=revisions.told(point, planned.steps))

    return plan


def _without(experiment: Experiment, left_out: Sequence[LeftOut]) -> Experiment:
    """Return an experiment without some of its points."""
    keys = frozenset(point_key(one.point) for one in left_out)
    return replace(experiment, parameters=replace(experiment.parameters, left_out=keys)) if keys else experiment


def draft_problems(experiment: Experiment, configuration: ConfigurationSpec | None, cluster: ClusterSpec | None) -> tuple[Problem, ...]:
    """Return what does not fit together as far as it is known: of an experiment with mistakes, without its configuration or the cluster."""
    problems: dict[Problem, None] = {}
    planner = PointPlanner(Side(experiment, configuration), cluster)
    for point in experiment.parameters.points() if experiment.is_sweep_known else ({},):
        try:
            planner.plan(point)
        except TooFewMachinesError:
            continue
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
            if len(problems) > ENOUGH_MISTAKES:
                break
    return tuple(sorted(_each_once(problems), key=_line))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a point: its round, and which iteration it is. Warm-ups and fresh rounds (from FRESH_FROM) are counted separately."""

    round: int
    iteration: int
    warmup: bool


def running_order(experiment: Experiment, points: Sequence[P], seed: int, stacks: Sequence[Deployment] = ()) -> Iterator[tuple[Turn, P]]:
    """Yield every turn of every point: point by point, or in rounds, which have every point once, each round in its own random order.

    Fresh rounds, which measure again what results chose, are rounds in any case, and come last.
    Within a round, points that share layers of their deployment are neighbours; `stacks` has the deployment of each point.
    """
    turns = [Turn(number, number, warmup=True) for number in range(experiment.warmups)]
    turns += [Turn(experiment.warmups + number, number, warmup=False) for number in range(experiment.iterations)]
    if experiment.order == "sequential":
        yield from ((turn, point) for point in points for turn in turns)
        turns = []
    turns += [Turn(number, number, warmup=False) for number in range(FRESH_FROM, FRESH_FROM + experiment.fresh)]
    for turn in turns:
        yield from ((turn, point) for point in shuffled(points, stacks, random.Random(f"{seed}/{turn.round}")))


def sources(metrics: Sequence[Metric], trial: Trial) -> dict[str, tuple[TaskName, ...]]:
    """Return the tasks of a trial that each metric is read from; raise InputError for a wrong selector.

    Metrics that are computed, or read from machines, are left out.
    """
    read = [metric for metric in metrics if metric.value is None and not metric.of_machines]
    return {metric.name: tasks_of(metric, trial.steps, trial.cluster) for metric in read}


def machines_of(metric: Metric, trial: Trial) -> tuple[str, ...]:
    """Return the machines of a trial whose series a metric is read from; raise InputError for a wrong selector."""
    return taking_part(metric, trial.steps, trial.cluster)


def scraped(scrape: Scrape, trial: Trial) -> tuple[MachineSpec, ...]:
    """Return the machines of a trial that scrape one of their ports."""
    names = {machine.name for step in trial.steps for machine in step.machines}
    try:
        return tuple(machine for machine in select(trial.cluster, scrape.on) if machine.name in names)
    except InputError:  # a class that has no machines at this point
        return ()


def _trials(experiment: Experiment, points: Sequence[PlannedPoint], seed: int) -> tuple[Trial, ...]:
    trials = tuple(_in_running_order(experiment, points, seed))
    return trials if experiment.parameters.searched is None else set_apart(trials)


def set_apart(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials of a search, each with a deployment that no earlier one has put load on."""
    deployments = apart([trial.steps for trial in trials])
    return tuple(replace(trial, deployment=deployment) for trial, deployment in zip(trials, deployments, strict=True))


def _is_at(values: Point, point: Point) -> bool:
    """Return whether a point has these values."""
    return values.keys() <= point.keys() and point_key({**point, **values}) == point_key(point)


def _in_running_order(experiment: Experiment, points: Sequence[PlannedPoint], seed: int) -> Iterator[Trial]:
    """Yield one trial per turn of each point."""
    stacks = layers([planned.steps for planned in points])
    depth = len(stacks[0] if stacks else ())
    many = (True,) * depth if experiment.redeploy else several(stacks) if experiment.order != "sequential" else (False,) * depth
    for turn, place in running_order(experiment, range(len(points)), seed, stacks):
        planned, stack = points[place], of_round(stacks[place], many, turn.round)
        yield Trial(
            planned.point, turn.iteration, turn.warmup, turn.round, planned.cluster, planned.steps, stack, planned.files, planned.versions
        )


def _each_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems of all points: per place, those that differ in more than their hint, at most MOST_MISTAKES."""
    places: dict[Location | None, dict[str, Problem]] = {}
    for problem in problems:
        places.setdefault(problem.where, {}).setdefault(problem.what, problem)
    for where, found in places.items():
        yield from islice(found.values(), MOST_MISTAKES)
        if len(found) > MOST_MISTAKES:
            yield Problem(f"and {len(found) - MOST_MISTAKES} more mistakes of this kind at other points", where)


def _line(problem: Problem) -> tuple[int, int]:
    where = problem.where
    return (where.line or 0, where.column or 0) if where else (0, 0)

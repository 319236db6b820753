"""A plan: every trial of an experiment on a cluster, in running order, fixed before anything runs. All checks happen here."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import TypeVar

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, TooFewMachinesError, sized
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import ConfigurationSpec
from wke.describe.configuration.step import PlannedStep, collecting
from wke.describe.experiment.experiment import Experiment, Scrape, Step
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, point_text
from wke.describe.experiment.template import fill, parameters_of
from wke.describe.plan.deployment import Deployment, apart, layers, of_round, several, shuffled
from wke.describe.plan.revisions import Revisions, Side
from wke.describe.plan.steps import StepPlanner, whole
from wke.describe.plan.versions import version_steps
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


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A point with all that its trials have in common."""

    point: Point
    cluster: ClusterSpec
    steps: tuple[PlannedStep, ...]
    files: Mapping[str, str | None]
    versions: tuple[PlannedStep, ...]


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
    head = Side(experiment, configuration)
    for point in experiment.parameters.points():
        try:
            side = head if revisions is None else revisions.side(point, head)
            planned = plan_point(side, cluster, point)
            points.append(planned if revisions is None else replace(planned, steps=revisions.told(point, planned.steps)))
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


def _without(experiment: Experiment, left_out: Sequence[LeftOut]) -> Experiment:
    """Return an experiment without some of its points."""
    keys = frozenset(point_key(one.point) for one in left_out)
    return replace(experiment, parameters=replace(experiment.parameters, left_out=keys)) if keys else experiment


def draft_problems(experiment: Experiment, configuration: ConfigurationSpec | None, cluster: ClusterSpec | None) -> tuple[Problem, ...]:
    """Return what does not fit together as far as it is known: of an experiment with mistakes, without its configuration or the cluster."""
    problems: dict[Problem, None] = {}
    for point in experiment.parameters.points() if experiment.is_sweep_known else ({},):
        try:
            plan_point(Side(experiment, configuration), cluster, point)
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
    return {metric.name: _tasks_of(metric, trial.steps, trial.cluster) for metric in read}


def machines_of(metric: Metric, trial: Trial) -> tuple[str, ...]:
    """Return the machines of a trial whose series a metric is read from; raise InputError for a wrong selector."""
    return _machines_of(metric, trial.steps, trial.cluster)


def scraped(scrape: Scrape, trial: Trial) -> tuple[MachineSpec, ...]:
    """Return the machines of a trial that scrape one of their ports."""
    taking_part = {machine.name for step in trial.steps for machine in step.machines}
    try:
        return tuple(machine for machine in select(trial.cluster, scrape.on) if machine.name in taking_part)
    except InputError:  # a class that has no machines at this point
        return ()


def _trials(experiment: Experiment, points: Sequence[PlannedPoint], seed: int) -> tuple[Trial, ...]:
    trials = tuple(_in_running_order(experiment, points, seed))
    return trials if experiment.parameters.searched is None else set_apart(trials)


def set_apart(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials of a search, each with a deployment that no earlier one has put load on."""
    deployments = apart([trial.steps for trial in trials])
    return tuple(replace(trial, deployment=deployment) for trial, deployment in zip(trials, deployments, strict=True))


def plan_point(side: Side, cluster: ClusterSpec | None, point: Point) -> PlannedPoint:
    """Plan one point; raise InputError with what is wrong, without problems if something is not known that is needed for a plan."""
    experiment, problems = side.experiment, list[Problem]()
    too_few: list[Problem] = []
    part = None if cluster is None else _sized(experiment, cluster, point, problems, too_few)
    steps: list[PlannedStep] = []
    for index, step in enumerate(experiment.steps):
        with collecting(problems, step.where):
            known = point if experiment.is_sweep_known else None
            scope, usual_s = _scope(experiment, step), experiment.step_timeout_s
            steps.append(StepPlanner(side, part, known, step, index, scope, usual_s).plan())
    if part is not None:
        for metric in experiment.metrics:
            is_whole = len(steps) == len(experiment.steps)
            problems += [] if metric.value is not None else _source_problems(metric, steps if is_whole else None, part, experiment.at)
    if cluster is not None:
        problems += _scrape_problems(experiment, cluster)
    if len(steps) == len(experiment.steps):
        problems += _measured_problems(experiment, steps)
    if problems or part is None or len(steps) < len(experiment.steps):
        raise InputError(*too_few, *problems)
    if too_few:
        raise TooFewMachinesError(*too_few)
    return PlannedPoint(point, part, tuple(steps), experiment.files, tuple(version_steps(side.configuration, steps)))


def _sized(experiment: Experiment, cluster: ClusterSpec, point: Point, problems: list[Problem], too_few: list[Problem]) -> ClusterSpec:
    """Return the cluster with the sizes that its classes have at a point, as far as it has as many machines."""
    part = cluster
    for name, template in experiment.classes.items():
        if not experiment.is_sweep_known and parameters_of(template):
            continue
        where = experiment.at("classes", name)
        try:
            part = sized(part, {name: whole(fill(template, point, cluster))})
        except TooFewMachinesError as error:
            too_few += [replace(problem, where=where) for problem in error.problems]
        except InputError as error:
            problems += [problem if problem.where else replace(problem, where=where) for problem in error.problems]
    return part


def _measured_problems(experiment: Experiment, steps: Sequence[PlannedStep]) -> Iterator[Problem]:
    """Check that one step is measured at a point: conditions and classes without machines may skip it."""
    measured = [index for index, step in enumerate(experiment.steps) if step.measure]
    running = [index for index in measured if not steps[index].is_skipped]
    if measured and not running:
        yield Problem("is the measured step, and is skipped", experiment.at("steps", measured[0]), "measure a step that runs at each point")
    for index in running[1:]:
        yield Problem("is a second measured step", experiment.at("steps", index, "measure"), "choose one for each point by `when`")


def _scrape_problems(experiment: Experiment, cluster: ClusterSpec) -> list[Problem]:
    """Check the selectors of scrapes; which machines a trial has does not matter."""
    problems: list[Problem] = []
    for index, scrape in enumerate(experiment.scrapes):
        with collecting(problems, experiment.at("scrape", index, "on")):
            select(cluster, scrape.on)
    return problems


def _is_at(values: Point, point: Point) -> bool:
    """Return whether a point has these values."""
    return values.keys() <= point.keys() and point_key({**point, **values}) == point_key(point)


def _scope(experiment: Experiment, step: Step) -> str:
    """Return the scope that a step has in effect: in rounds, every visit of a point is one trial."""
    return "trial" if step.scope == "point" and experiment.order != "sequential" else step.scope


def _tasks_of(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec) -> tuple[TaskName, ...]:
    machines = {machine.name for machine in (cluster.machines if metric.on is None else select(cluster, metric.on))}
    return tuple(task for step in _read_steps(metric, steps) for task in step.tasks() if task.machine in machines)


def _machines_of(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec) -> tuple[str, ...]:
    taking_part = {machine.name for step in steps for machine in step.machines}
    return tuple(m.name for m in (cluster.machines if metric.on is None else select(cluster, metric.on)) if m.name in taking_part)


def _read_steps(metric: Metric, steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    return [step for step in steps if (step.measure if metric.step is None else step.target.name == metric.step)]


def _source_problems(
    metric: Metric, steps: Sequence[PlannedStep] | None, cluster: ClusterSpec, at: Callable[..., Location]
) -> list[Problem]:
    """Check from which tasks a metric is read; without `steps`, these are not known."""
    problems: list[Problem] = []
    with collecting(problems, at("metrics", metric.name, "on")):
        if metric.of_machines:
            return _machine_problems(metric, steps, cluster, at)
        tasks = _tasks_of(metric, steps or (), cluster)
        read = _read_steps(metric, steps or ())
        if steps is None or not read:
            return problems
        if all(step.is_skipped for step in read):
            raise InputError(
                "the step that this metric is read from is skipped at some points", hint="read it from a step that always runs"
            )
        if not tasks:
            raise InputError("the step that this metric is read from has no task there", hint="name machines on which it runs")
        if len(tasks) > 1 and metric.join is None and not metric.merges:
            problems.append(_unjoined(metric, "tasks", tasks[0].machine, at))
        if any(step.scope != "trial" and not step.background for step in _read_steps(metric, steps)):
            what, hint = "is read from a step that does not run in every trial", "remove scope from that step"
            problems.append(Problem(what, at("metrics", metric.name), hint))
    return problems


def _machine_problems(
    metric: Metric, steps: Sequence[PlannedStep] | None, cluster: ClusterSpec, at: Callable[..., Location]
) -> list[Problem]:
    """Check from which machines a metric is read; raise InputError if there is none."""
    machines = _machines_of(metric, steps or (), cluster)
    if steps is not None and not machines:
        raise InputError("no machine that this metric is read from takes part", hint="name machines on which a step runs")
    several = len(machines) > 1 and metric.join is None and not metric.series.startswith("host.")
    return [_unjoined(metric, "machines", machines[0], at)] if several else []


def _unjoined(metric: Metric, several: str, machine: str, at: Callable[..., Location]) -> Problem:
    hint = f'write join = "sum" (or mean, min, max, median), or on = "{machine}"'
    return Problem(f"is read from several {several}, and join is missing", at("metrics", metric.name), hint)


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

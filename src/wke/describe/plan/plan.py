"""A plan: every trial of an experiment on a cluster, in running order, fixed before anything runs. All checks happen here."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, sized
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import ConfigurationSpec, TargetSpec
from wke.describe.configuration.copies import ABOUT, COPY_DATA, read_copy
from wke.describe.configuration.step import DEFAULT_PRELUDE, PlannedStep, Ready, collecting, plan_step
from wke.describe.experiment.experiment import Experiment, Step
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Point, Value
from wke.describe.experiment.template import fill
from wke.describe.plan.deployment import Deployment, layers, of_round, several, shuffled
from wke.describe.plan.revisions import Revisions
from wke.describe.toml.shape import Key
from wke.describe.toml.wording import shown
from wke.errors import InputError, Location, Problem
from wke.records import TaskName

MOST_MISTAKES = 5
"""At most this many different mistakes are reported per place: a hundred points make similar ones."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Trial:
    """One iteration of one point. Warm-ups are counted separately, also from 0; `round` counts both.

    `cluster` is reduced to the sizes of its classes. `deployment` is what its steps with a scope, which run first, leave deployed.
    """

    point: Point
    iteration: int
    warmup: bool
    round: int
    cluster: ClusterSpec
    steps: tuple[PlannedStep, ...]
    deployment: Deployment = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of an experiment in running order; the same seed gives the same order."""

    experiment: Experiment
    seed: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class _PlannedPoint:
    point: Point
    cluster: ClusterSpec
    steps: tuple[PlannedStep, ...]


def make_plan(
    experiment: Experiment, configuration: ConfigurationSpec, cluster: ClusterSpec, *, seed: int, revisions: Revisions | None = None
) -> Plan:
    """Plan every trial; raise InputError with the mistakes of all points, each once, with its place in the file.

    With `revisions`, whose experiment this is, each point has its own configuration; `configuration` is that of the head.
    """
    if not experiment.steps:
        hint = f"run that script: python benchmark.py toml {experiment.path}; `wke measure` needs [[steps]] and configuration"
        raise InputError("has no [[steps]]: this experiment belongs to a benchmark script", where=experiment.where, hint=hint)
    points: list[_PlannedPoint] = []
    problems: list[Problem] = []
    for point in experiment.parameters.points():
        try:
            own = configuration if revisions is None else revisions.configuration(point, configuration)
            planned = _plan_point(experiment, own, cluster, point)
            points.append(planned if revisions is None else replace(planned, steps=revisions.told(point, planned.steps)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*sorted(_each_once(problems), key=_line))
    return Plan(experiment, seed, tuple(_in_running_order(experiment, points, seed)))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a point: its round, and which iteration it is. Warm-ups are counted separately."""

    round: int
    iteration: int
    warmup: bool


def running_order(experiment: Experiment, points: Sequence[P], seed: int, stacks: Sequence[Deployment] = ()) -> Iterator[tuple[Turn, P]]:
    """Yield every turn of every point: point by point, or in rounds, which have every point once, each round in its own random order.

    Within a round, points that share layers of their deployment are neighbours; `stacks` has the deployment of each point.
    """
    turns = [Turn(number, number, warmup=True) for number in range(experiment.warmups)]
    turns += [Turn(experiment.warmups + number, number, warmup=False) for number in range(experiment.iterations)]
    if experiment.order == "sequential":
        yield from ((turn, point) for point in points for turn in turns)
    else:
        for turn in turns:
            yield from ((turn, point) for point in shuffled(points, stacks, random.Random(f"{seed}/{turn.round}")))


def sources(metrics: Sequence[Metric], trial: Trial) -> dict[str, tuple[TaskName, ...]]:
    """Return the tasks of a trial that each metric is read from; raise InputError for a wrong selector. Computed metrics are left out."""
    return {metric.name: _tasks_of(metric, trial.steps, trial.cluster) for metric in metrics if metric.value is None}


def _plan_point(experiment: Experiment, configuration: ConfigurationSpec, cluster: ClusterSpec, point: Point) -> _PlannedPoint:
    problems: list[Problem] = []
    part = cluster
    for name, template in experiment.classes.items():
        with collecting(problems, experiment.at("classes", name)):
            part = sized(part, {name: _whole(fill(template, point, cluster))})
    steps: list[PlannedStep] = []
    for index, step in enumerate(experiment.steps):
        with collecting(problems, step.where):
            scope, usual_s = _scope(experiment, step), experiment.step_timeout_s
            steps.append(_plan_file_step(_StepPlanner(configuration, part, point, step, index, scope, usual_s, experiment.at)))
    if problems:
        raise InputError(*problems)
    for metric in experiment.metrics:
        problems += [] if metric.value is not None else _source_problems(metric, steps, part, experiment.at)
    if problems:
        raise InputError(*problems)
    return _PlannedPoint(point, part, tuple(steps))


@dataclass(frozen=True, slots=True)
class _StepPlanner:
    """One step of the file at one point."""

    configuration: ConfigurationSpec
    cluster: ClusterSpec
    point: Point
    step: Step
    index: int
    scope: str
    usual_timeout_s: float | None
    where: Callable[..., Location]

    def at(self, *key: str | int) -> Location:
        return self.where("steps", self.index, *key)


def _plan_file_step(planner: _StepPlanner) -> PlannedStep:
    """Fill the templates of a step, look up what they name, and add what only experiments have."""
    step = planner.step
    filled, multiply = _filled(planner)
    options = {name: filled.get(("options", name), value) for name, value in step.options.items()}
    if filled["target",] == COPY_DATA:
        return _plan_copy(planner, str(filled["on",]), options)
    planned = plan_step(
        planner.configuration,
        planner.cluster,
        target=str(filled["target",]),
        selector=str(filled["on",]),
        options=options,
        multiply=multiply,
        prelude=_prelude_name(step),
        index=planner.index,
        timeout_s=step.timeout_s,
        at=planner.at,
    )
    ready, ready_step = _plan_ready(planner, filled)
    return replace(
        planned,
        background=step.background,
        measure=step.measure,
        usual_timeout_s=None if step.background else planner.usual_timeout_s,
        grace_s=step.grace_s,
        stop_signal=step.stop_signal,
        ready=ready,
        ready_step=ready_step,
        collect=step.collect,
        scope=planner.scope,
    )


def _filled(planner: _StepPlanner) -> tuple[Mapping[Key, Value], int]:
    """Return the values of a step's templates at the point, and how many tasks run per machine."""
    problems: list[Problem] = []
    filled: dict[Key, Value] = {}
    multiply = 1
    for key, template in planner.step.templates():
        with collecting(problems, planner.at(*key)):
            filled[key] = fill(template, planner.point, planner.cluster)
    with collecting(problems, planner.at("multiply")):
        multiply = _whole(filled.get(("multiply",), 1))
    if problems:
        raise InputError(*problems)
    return filled, multiply


def _plan_copy(planner: _StepPlanner, selector: str, options: Mapping[str, Value]) -> PlannedStep:
    """Plan a step that copies from here to the machines; such a step has only machines and options."""
    problems: list[Problem] = []
    for key, usual in (
        ("background", False),
        ("measure", False),
        ("multiply", "1"),
        ("timeout_s", None),
        ("grace_s", None),
        ("stop_signal", None),
        ("prelude", None),
        ("collect", ()),
    ):
        if getattr(planner.step, key) != usual:
            name = key.removesuffix("_s").replace("_", "-")
            problems.append(Problem(f'is not for "{COPY_DATA}", which runs no task', planner.at(name), "remove it"))
    machines: tuple[MachineSpec, ...] = ()
    with collecting(problems, planner.at("on")):
        machines = select(planner.cluster, selector)
    copy = None
    with collecting(problems, planner.at("options")):
        copy = read_copy(options)
    if problems or copy is None:
        raise InputError(*problems)
    bound = (("source", copy.source), ("destination", copy.destination))
    return PlannedStep(planner.index, TargetSpec(COPY_DATA, ABOUT, builtin=True), machines, bound, scope=planner.scope, copy=copy)


def _plan_ready(planner: _StepPlanner, filled: Mapping[Key, Value]) -> tuple[Ready | None, PlannedStep | None]:
    """Return how to tell that a step is ready, and the step that tells it if a target does."""
    ready, at = planner.step.ready, planner.at
    if ready is None:
        return None, None
    problems: list[Problem] = []
    ready_step = None
    if ready.port is not None:
        with collecting(problems, at("ready", "port")):
            ready = replace(ready, port=str(_port(filled["ready", "port"])))
    if ready.target is not None:
        with collecting(problems, at("ready", "target")):
            ready_step = plan_step(
                planner.configuration,
                planner.cluster,
                target=ready.target,
                selector=str(filled["on",]),
                options={},
                prelude=_prelude_name(planner.step),
                index=planner.index,
                at=lambda *_: at("ready", "target"),
            )
    if problems:
        raise InputError(*problems)
    return ready, ready_step


def _scope(experiment: Experiment, step: Step) -> str:
    """Return the scope that a step has in effect: in rounds, every visit of a point is one trial."""
    return "trial" if step.scope == "point" and experiment.order != "sequential" else step.scope


def _prelude_name(step: Step) -> str | None:
    return DEFAULT_PRELUDE if step.prelude is None else None if step.prelude == "none" else step.prelude


def _tasks_of(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec) -> tuple[TaskName, ...]:
    machines = {machine.name for machine in (cluster.machines if metric.on is None else select(cluster, metric.on))}
    return tuple(task for step in _read_steps(metric, steps) for task in step.tasks() if task.machine in machines)


def _read_steps(metric: Metric, steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    return [step for step in steps if (step.measure if metric.step is None else step.target.name == metric.step)]


def _source_problems(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec, at: Callable[..., Location]) -> list[Problem]:
    problems: list[Problem] = []
    with collecting(problems, at("metrics", metric.name, "on")):
        tasks = _tasks_of(metric, steps, cluster)
        if not tasks:
            raise InputError("the step that this metric is read from has no task there", hint="name machines on which it runs")
        if len(tasks) > 1 and metric.join is None and not metric.merges:
            hint = f'write join = "sum" (or mean, min, max, median), or on = "{tasks[0].machine}"'
            problems.append(Problem("is read from several tasks, and join is missing", at("metrics", metric.name), hint))
        if any(step.scope != "trial" and not step.background for step in _read_steps(metric, steps)):
            what, hint = "is read from a step that does not run in every trial", "remove scope from that step"
            problems.append(Problem(what, at("metrics", metric.name), hint))
    return problems


def _in_running_order(experiment: Experiment, points: Sequence[_PlannedPoint], seed: int) -> Iterator[Trial]:
    """Yield one trial per turn of each point."""
    stacks = layers([planned.steps for planned in points])
    many = several(stacks) if experiment.order != "sequential" else (False,) * len(stacks[0] if stacks else ())
    for turn, place in running_order(experiment, range(len(points)), seed, stacks):
        planned, stack = points[place], of_round(stacks[place], many, turn.round)
        yield Trial(planned.point, turn.iteration, turn.warmup, turn.round, planned.cluster, planned.steps, stack)


def _whole(value: Value) -> int:
    """Return a whole number given by a parameter or by text; raise InputError for other values."""
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = 0.5
    if isinstance(number, bool) or number != int(number):
        raise InputError(f"must be a whole number, not {shown(value)}")
    return int(number)


def _port(value: Value) -> int:
    port = _whole(value)
    if not 1 <= port <= 65535:
        raise InputError(f"must be a port between 1 and 65535, not {port}")
    return port


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

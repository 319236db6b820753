"""A plan: every trial of an experiment on a cluster, in running order, fixed before anything runs. All checks happen here."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from wke.describe.cluster import Cluster, Machine, sized
from wke.describe.configuration import Configuration, Prelude, Target, bind_options
from wke.describe.experiment import Experiment, Ready, Step
from wke.describe.metrics import Metric
from wke.describe.selector import select
from wke.describe.sweep import Point, Value
from wke.describe.template import fill
from wke.describe.wording import quoted, shown
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.records import TaskName

DEFAULT_PRELUDE = "<default>"
"""Stands for the prelude that the configuration uses unless told otherwise; no prelude can be called so."""

MOST_MISTAKES = 5
"""So many different mistakes at one place are told; those of a hundred points are hardly different ones."""

At = Callable[..., Location | None]
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with everything looked up. Macros in `options` are not yet replaced: they differ from task to task.

    `ready_step` is the target that tells whether a background step answers, planned for the same machines.
    """

    index: int
    target: Target
    machines: tuple[Machine, ...]
    options: tuple[tuple[str, str], ...] = ()
    multiply: int = 1
    prelude: Prelude | None = None
    background: bool = False
    measure: bool = False
    ready: Ready | None = None
    ready_step: "PlannedStep | None" = None
    timeout_s: float | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def tasks(self) -> tuple[TaskName, ...]:
        """Return the step's tasks in the cluster's order, copies of one machine side by side."""
        copies = range(self.multiply)
        return tuple(TaskName(self.index, self.target.name, machine.name, copy) for machine in self.machines for copy in copies)


@dataclass(frozen=True, slots=True)
class Trial:
    """One iteration of one point. Warm-ups are counted apart, from 0 too; `round` counts both. `cluster` is cut to the sized classes."""

    point: Point
    iteration: int
    warmup: bool
    round: int
    cluster: Cluster
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of an experiment in running order; the same seed gives the same order."""

    experiment: Experiment
    seed: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class _PlannedPoint:
    point: Point
    cluster: Cluster
    steps: tuple[PlannedStep, ...]


def make_plan(experiment: Experiment, configuration: Configuration, cluster: Cluster, *, seed: int) -> Plan:
    """Plan every trial; raise InputError with all that is wrong at any point, each mistake once, where it stands in the file."""
    if not experiment.steps:
        hint = f"run that script: python benchmark.py toml {experiment.path}; `wke measure` needs [[steps]] and configuration"
        raise InputError("has no [[steps]]: this experiment belongs to a benchmark script", where=experiment.where, hint=hint)
    points: list[_PlannedPoint] = []
    problems: list[Problem] = []
    for point in experiment.parameters.points():
        try:
            points.append(_plan_point(experiment, configuration, cluster, point))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*sorted(_each_once(problems), key=_line))
    return Plan(experiment, seed, tuple(_in_running_order(experiment, points, seed)))


def plan_step(
    configuration: Configuration,
    cluster: Cluster,
    *,
    target: str,
    selector: str,
    options: Mapping[str, object],
    multiply: int = 1,
    prelude: str | None = DEFAULT_PRELUDE,
    index: int = 0,
    timeout_s: float | None = None,
    workdir: str | None = None,
    at: At = lambda *_: None,
) -> PlannedStep:
    """Look everything up that a foreground step names; raise InputError with all that is wrong. A prelude of None means none.

    `at` tells where a key of the step stands, for the problems.
    """
    problems: list[Problem] = []
    machines: tuple[Machine, ...] = ()
    bound: tuple[tuple[str, str], ...] = ()
    found_target: Target | None = None
    found_prelude: Prelude | None = None
    with _collecting(problems, at("on")):
        machines = select(cluster, selector)
    with _collecting(problems, at("target")):
        found_target = _find_target(configuration, target)
    with _collecting(problems, at("prelude")):
        found_prelude = _find_prelude(configuration, _prelude_of(found_target, prelude))
    if found_target is not None:
        bound = _bound(found_target, options, problems, at)
    if multiply < 1:
        problems.append(Problem(f"must be at least 1, not {multiply}", at("multiply"), "so many tasks run on each machine"))
    if problems or found_target is None:
        raise InputError(*problems)
    return PlannedStep(
        index=index,
        target=found_target,
        machines=machines,
        options=bound,
        multiply=multiply,
        prelude=found_prelude,
        timeout_s=timeout_s,
        workdir=workdir or cluster.workdir,
        environment=_environment(configuration, found_target),
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """When it is a point's turn: in which round, and which iteration that is. Warm-ups are counted apart."""

    round: int
    iteration: int
    warmup: bool


def running_order(experiment: Experiment, points: Sequence[P], seed: int) -> Iterator[tuple[Turn, P]]:
    """Yield every turn of every point: point by point, or round by round, every point once in each, in an order of the round's own."""
    turns = [Turn(number, number, warmup=True) for number in range(experiment.warmups)]
    turns += [Turn(experiment.warmups + number, number, warmup=False) for number in range(experiment.iterations)]
    if experiment.order == "sequential":
        yield from ((turn, point) for point in points for turn in turns)
    else:
        for turn in turns:
            yield from ((turn, point) for point in random.Random(f"{seed}/{turn.round}").sample(points, len(points)))


def sources(metrics: Sequence[Metric], trial: Trial) -> dict[str, tuple[TaskName, ...]]:
    """Return the tasks of a trial that each metric is read from; raise InputError when a metric's selector is wrong."""
    return {metric.name: _tasks_of(metric, trial.steps, trial.cluster) for metric in metrics}


def _plan_point(experiment: Experiment, configuration: Configuration, cluster: Cluster, point: Point) -> _PlannedPoint:
    problems: list[Problem] = []
    part = cluster
    for name, template in experiment.classes.items():
        with _collecting(problems, experiment.at("classes", name)):
            part = sized(part, {name: _whole(fill(template, point, cluster))})
    steps: list[PlannedStep] = []
    for index, step in enumerate(experiment.steps):
        with _collecting(problems, step.where):
            steps.append(_plan_file_step(_StepPlanner(configuration, part, point, step, index, experiment.at)))
    if problems:
        raise InputError(*problems)
    for metric in experiment.metrics:
        problems += _source_problems(metric, steps, part, experiment.at)
    if problems:
        raise InputError(*problems)
    return _PlannedPoint(point, part, tuple(steps))


@dataclass(frozen=True, slots=True)
class _StepPlanner:
    """One step of the file at one point."""

    configuration: Configuration
    cluster: Cluster
    point: Point
    step: Step
    index: int
    where: Callable[..., Location]

    def at(self, *key: str | int) -> Location:
        return self.where("steps", self.index, *key)


def _plan_file_step(planner: _StepPlanner) -> PlannedStep:
    """Fill the templates of a step, look up what they name, add what only experiments have."""
    step, at = planner.step, planner.at
    problems: list[Problem] = []
    filled: dict[object, Value] = {}
    for key, template in step.templates():
        with _collecting(problems, at(*key)):
            filled[key] = fill(template, planner.point, planner.cluster)
    multiply = 1
    with _collecting(problems, at("multiply")):
        multiply = _whole(filled.get(("multiply",), 1))
    if problems:
        raise InputError(*problems)
    planned = plan_step(
        planner.configuration,
        planner.cluster,
        target=str(filled["target",]),
        selector=str(filled["on",]),
        options={name: filled.get(("options", name), value) for name, value in step.options.items()},
        multiply=multiply,
        prelude=_prelude_name(step),
        index=planner.index,
        timeout_s=step.timeout_s,
        at=at,
    )
    ready, ready_step = step.ready, None
    if ready is not None and ready.port is not None:
        with _collecting(problems, at("ready", "port")):
            ready = replace(ready, port=str(_port(filled["ready", "port"])))
    if ready is not None and ready.target is not None:
        with _collecting(problems, at("ready", "target")):
            ready_step = _plan_ready(planner, ready.target, str(filled["on",]))
    if problems:
        raise InputError(*problems)
    return replace(planned, background=step.background, measure=step.measure, ready=ready, ready_step=ready_step)


def _plan_ready(planner: _StepPlanner, target: str, selector: str) -> PlannedStep:
    return plan_step(
        planner.configuration,
        planner.cluster,
        target=target,
        selector=selector,
        options={},
        prelude=_prelude_name(planner.step),
        index=planner.index,
        at=lambda *_: planner.at("ready", "target"),
    )


def _prelude_name(step: Step) -> str | None:
    return DEFAULT_PRELUDE if step.prelude is None else None if step.prelude == "none" else step.prelude


def _find_target(configuration: Configuration, name: str) -> Target:
    target = configuration.targets.get(name)
    if target is None:
        raise InputError(f"configuration {configuration.name} has no target {quoted(name)}", hint=did_you_mean(name, configuration.targets))
    if target.content is None:
        raise InputError(f"target {quoted(name)} has no script", hint=f"write it to {configuration.path.parent / 'targets' / name}")
    return target


def _prelude_of(target: Target | None, prelude: str | None) -> str | None:
    """Return the prelude asked for; a built-in target has no default one, which may need what `install-packages` is yet to install."""
    return None if target is not None and target.builtin and prelude == DEFAULT_PRELUDE else prelude


def _find_prelude(configuration: Configuration, name: str | None) -> Prelude | None:
    wanted = configuration.default_prelude if name == DEFAULT_PRELUDE else name
    if wanted is None:
        return None
    if wanted not in configuration.preludes:
        what = f"configuration {configuration.name} has no prelude {quoted(wanted)}"
        raise InputError(what, hint=did_you_mean(wanted, [*configuration.preludes, "none"]))
    return configuration.preludes[wanted]


def _bound(target: Target, values: Mapping[str, object], problems: list[Problem], at: At) -> tuple[tuple[str, str], ...]:
    """Bind options; what is wrong is found again one by one, so that each problem stands at its own option."""
    try:
        return bind_options(target, values)
    except InputError:
        forgiving = replace(target, options=tuple(replace(option, required=False) for option in target.options))
        for name, value in values.items():
            with _collecting(problems, at("options", name)):
                bind_options(forgiving, {name: value})
        with _collecting(problems, at("options")):
            bind_options(replace(target, options=tuple(option for option in target.options if option.name not in values)), {})
        return ()


def _environment(configuration: Configuration, target: Target) -> dict[str, str]:
    """Return what a built-in target must know of the configuration that it is run for."""
    if not target.builtin:
        return {}
    return {
        "WKE_PACKAGES": "\n".join(configuration.required_packages),
        "WKE_REPOSITORIES": "\n".join(configuration.required_repositories),
    }


def _tasks_of(metric: Metric, steps: Sequence[PlannedStep], cluster: Cluster) -> tuple[TaskName, ...]:
    read = [step for step in steps if (step.measure if metric.step is None else step.target.name == metric.step)]
    machines = {machine.name for machine in (cluster.machines if metric.on is None else select(cluster, metric.on))}
    return tuple(task for step in read for task in step.tasks() if task.machine in machines)


def _source_problems(metric: Metric, steps: Sequence[PlannedStep], cluster: Cluster, at: Callable[..., Location]) -> list[Problem]:
    problems: list[Problem] = []
    with _collecting(problems, at("metrics", metric.name, "on")):
        tasks = _tasks_of(metric, steps, cluster)
        if not tasks:
            raise InputError("no task of the step that this metric is read from runs there", hint="name machines on which it does")
        if len(tasks) > 1 and metric.join is None:
            hint = f'write join = "sum" (or mean, min, max, median), or on = "{tasks[0].machine}"'
            problems.append(Problem("is read from several tasks, and no join makes one value of theirs", at("metrics", metric.name), hint))
    return problems


def _in_running_order(experiment: Experiment, points: Sequence[_PlannedPoint], seed: int) -> Iterator[Trial]:
    """Yield a trial for every turn of every point."""
    for turn, planned in running_order(experiment, points, seed):
        yield Trial(planned.point, turn.iteration, turn.warmup, turn.round, planned.cluster, planned.steps)


def _whole(value: Value) -> int:
    """Return a value that must be a whole number, whether a parameter or text gave it."""
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


@contextmanager
def _collecting(problems: list[Problem], where: Location | None) -> Iterator[None]:
    """Append the problems of an InputError raised inside; one that does not say where it is stands at `where`."""
    try:
        yield
    except InputError as error:
        problems += [problem if problem.where else replace(problem, where=where) for problem in error.problems]


def _each_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems of all points, at one place those that differ in more than their hint, and not too many of them."""
    places: dict[Location | None, dict[str, Problem]] = {}
    for problem in problems:
        places.setdefault(problem.where, {}).setdefault(problem.what, problem)
    for where, found in places.items():
        yield from islice(found.values(), MOST_MISTAKES)
        if len(found) > MOST_MISTAKES:
            yield Problem(f"and {len(found) - MOST_MISTAKES} more mistakes of this kind, at other points", where)


def _line(problem: Problem) -> tuple[int, int]:
    where = problem.where
    return (where.line or 0, where.column or 0) if where else (0, 0)

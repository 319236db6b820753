"""One point of an experiment on a cluster: its steps, and everything that does not fit together there.

An experiment may have 100,000 points. Points that agree in all that a step depends on share the planned step, and those with classes of
the same sizes share the cluster.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, TooFewMachinesError, sized
from wke.describe.cluster.selector import select
from wke.describe.configuration.step import PlannedStep, collecting
from wke.describe.experiment.experiment import Experiment, Step
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import value_key
from wke.describe.experiment.sweep import Point
from wke.describe.experiment.template import fill, parameters_of
from wke.describe.plan.revisions import Side
from wke.describe.plan.steps import StepPlanner, whole
from wke.describe.plan.versions import version_steps
from wke.errors import InputError, Location, Problem
from wke.records import TaskName
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A point with all that its trials have in common."""

    point: Point
    cluster: ClusterSpec
    steps: tuple[PlannedStep, ...]
    files: Mapping[str, str | None]
    versions: tuple[PlannedStep, ...]


class PointPlanner:
    """Plans points of one revision of an experiment on a cluster. In a draft, the configuration and the cluster may not be known."""

    def __init__(self, side: Side, cluster: ClusterSpec | None) -> None:
        self._side = side
        self._cluster = cluster
        self._experiment = side.experiment
        self._scrapes = () if cluster is None else tuple(_scrape_problems(side.experiment, cluster))
        self._names = [_shared_names(side.experiment, step) for step in side.experiment.steps]
        self._steps: dict[Hashable, PlannedStep] = {}
        self._parts: dict[Hashable, ClusterSpec] = {}
        self._machines: dict[tuple[int, str], tuple[MachineSpec, ...]] = {}
        self._sound: set[Hashable] = set()

    def plan(self, point: Point) -> PlannedPoint:
        """Plan one point; raise InputError with what is wrong, without problems if something is not known that is needed for a plan."""
        experiment, problems = self._experiment, list[Problem]()
        too_few: list[Problem] = []
        part = None if self._cluster is None else self._sized(self._cluster, point, problems, too_few)
        steps: list[PlannedStep] = []
        for index in range(len(experiment.steps)):
            self._add_step(index, part, point, steps, problems)
        is_whole = len(steps) == len(experiment.steps)
        problems += self._misfits(part, steps if is_whole else None)
        if problems or part is None or not is_whole:
            raise InputError(*too_few, *problems)
        if too_few:
            raise TooFewMachinesError(*too_few)
        return PlannedPoint(point, part, tuple(steps), experiment.files, tuple(version_steps(self._side.configuration, steps)))

    def _misfits(self, part: ClusterSpec | None, steps: Sequence[PlannedStep] | None) -> list[Problem]:
        """Return how metrics, scrapes and the measured step do not fit the steps, None if these are not known.

        That depends on little of the steps, so most points are like an earlier one that is sound.
        """
        like = None if steps is None else (id(part), *map(_counting, steps))
        if like in self._sound:
            return []
        experiment, problems = self._experiment, list[Problem]()
        for metric in experiment.metrics:
            if part is not None and metric.value is None:
                problems += _source_problems(metric, steps, part, experiment.at)
        problems += self._scrapes
        if steps is not None:
            problems += _measured_problems(experiment, steps)
            if not problems:
                self._sound.add(like)
        return problems

    def _select(self, cluster: ClusterSpec, selector: str) -> tuple[MachineSpec, ...]:
        """Return the machines that a selector names; points with equal machines share them."""
        key = id(cluster), selector
        if key not in self._machines:
            self._machines[key] = select(cluster, selector, may_be_empty=True)
        return self._machines[key]

    def _add_step(self, index: int, part: ClusterSpec | None, point: Point, steps: list[PlannedStep], problems: list[Problem]) -> None:
        """Add a planned step, that of an earlier point if it depends on the same, or what is wrong with it."""
        experiment, names = self._experiment, self._names[index]
        key = None if names is None else (index, id(part), *(value_key(point.get(name)) for name in names))
        planned = None if key is None else self._steps.get(key)
        if planned is None:
            step, known = experiment.steps[index], point if experiment.is_sweep_known else None
            planner = StepPlanner(self._side, part, known, step, index, _scope(experiment, step), experiment.step_timeout_s, self._select)
            with collecting(problems, planner.place):
                planned = planner.plan()
        if planned is not None:
            steps.append(planned)
            if key is not None:
                self._steps[key] = planned

    def _sized(self, cluster: ClusterSpec, point: Point, problems: list[Problem], too_few: list[Problem]) -> ClusterSpec:
        """Return the cluster with the sizes that its classes have at a point, as far as it has as many machines."""
        experiment, part = self._experiment, cluster
        sizes: tuple[tuple[str, int], ...] = ()
        for name, template in experiment.classes.items():
            if not experiment.is_sweep_known and parameters_of(template):
                continue
            try:
                sizes = (*sizes, (name, whole(fill(template, point, cluster))))
                if sizes not in self._parts:
                    self._parts[sizes] = sized(part, dict(sizes[-1:]))
                part = self._parts[sizes]
            except TooFewMachinesError as error:
                too_few += [replace(problem, where=experiment.at("classes", name)) for problem in error.problems]
            except InputError as error:
                where = experiment.at("classes", name)
                problems += [problem if problem.where else replace(problem, where=where) for problem in error.problems]
        return part


def _counting(step: PlannedStep) -> Hashable:
    """Return what of a step decides which tasks there are to read metrics from."""
    return id(step.machines), step.target.name, step.multiply, step.copy is None, step.scope, step.background, step.measure


def _shared_names(experiment: Experiment, step: Step) -> tuple[str, ...] | None:
    """Return the parameters that a step depends on; None if each point has a step of its own, or if that is not known."""
    if "render" in step.options:  # its files may read any parameter
        return None
    try:
        named = [name for _, template in step.templates() for name in parameters_of(template)]
    except InputError:
        return None
    names = dict.fromkeys([*named, *(step.when.names if step.when is not None else ())])
    return None if not experiment.is_sweep_known or names.keys() >= {*experiment.parameters.varied} else tuple(names)


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
        with collecting(problems, experiment.at, "scrape", index, "on"):
            select(cluster, scrape.on)
    return problems


def _scope(experiment: Experiment, step: Step) -> str:
    """Return the scope that a step has in effect: in rounds, every visit of a point is one trial."""
    return "trial" if step.scope == "point" and experiment.order != "sequential" else step.scope


def tasks_of(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec) -> tuple[TaskName, ...]:
    """Return the tasks that a metric is read from; raise InputError for a wrong selector."""
    machines = {machine.name for machine in (cluster.machines if metric.on is None else select(cluster, metric.on))}
    return tuple(task for step in _read_steps(metric, steps) for task in step.tasks() if task.machine in machines)


def taking_part(metric: Metric, steps: Sequence[PlannedStep], cluster: ClusterSpec) -> tuple[str, ...]:
    """Return the machines whose series a metric is read from: of those that it names, the ones on which a step runs."""
    names = {machine.name for step in steps for machine in step.machines}
    return tuple(m.name for m in (cluster.machines if metric.on is None else select(cluster, metric.on)) if m.name in names)


def _read_steps(metric: Metric, steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    return [step for step in steps if (step.measure if metric.step is None else step.target.name == metric.step)]


def _source_problems(
    metric: Metric, steps: Sequence[PlannedStep] | None, cluster: ClusterSpec, at: Callable[..., Location]
) -> list[Problem]:
    """Check from which tasks a metric is read; without `steps`, these are not known."""
    problems: list[Problem] = []
    with collecting(problems, at, "metrics", metric.name, "on"):
        if metric.of_machines:
            return _machine_problems(metric, steps, cluster, at)
        tasks = tasks_of(metric, steps or (), cluster)
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
    machines = taking_part(metric, steps or (), cluster)
    if steps is not None and not machines:
        raise InputError("no machine that this metric is read from takes part", hint="name machines on which a step runs")
    several = len(machines) > 1 and metric.join is None and not metric.series.startswith("host.")
    return [_unjoined(metric, "machines", machines[0], at)] if several else []


def _unjoined(metric: Metric, several: str, machine: str, at: Callable[..., Location]) -> Problem:
    hint = f'write join = "sum" (or mean, min, max, median), or on = "{machine}"'
    return Problem(f"is read from several {several}, and join is missing", at("metrics", metric.name), hint)

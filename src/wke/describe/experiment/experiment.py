"""An experiment: what to vary, what a trial does, what is observed and which figures show it, as its file describes it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from wke.describe.configuration.step import SCOPES, Ready
from wke.describe.experiment.conditions import check_problems, value_problems, without
from wke.describe.experiment.experimentfile import ExperimentFile, ExperimentSection, IterationsEntry, MetricEntry, PlotEntry, StepEntry
from wke.describe.experiment.hdr import hdr_problems
from wke.describe.experiment.metrics import NAME, Metric
from wke.describe.experiment.parameters import CHOICE, CLIMB, ROOT, read_sweep
from wke.describe.experiment.plot import Plot, Script
from wke.describe.experiment.plotcheck import Columns, label_problems, plot_problems
from wke.describe.experiment.sweep import Parameter, Sweep, Value, value_text
from wke.describe.experiment.template import check_template, parameters_of
from wke.describe.expression.expression import Expression, named
from wke.describe.toml.shape import Key, present_spelling
from wke.describe.toml.tables import Table, key_text, read
from wke.describe.toml.wording import quoted, shown
from wke.errors import InputError, Location, Problem, did_you_mean


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a series knows enough: half the interval of each metric in `of` is, at every point, at most the share `precision` of its centre.

    That is looked at after `min` rounds and then every few.
    """

    precision: float
    of: tuple[str, ...]
    min: int = 5


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a series may take: `min` iterations of each point first, then more where intervals of the metrics in `of` are widest."""

    total_s: float
    min: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trial. Its texts are templates; `prelude` is None for the configuration's default and "none" for none."""

    target: str
    on: str = "all"
    background: bool = False
    ready: Ready | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    measure: bool = False
    multiply: str = "1"
    timeout_s: float | None = None
    prelude: str | None = None
    collect: tuple[str, ...] = ()
    scope: str = "trial"
    where: Location | None = None

    def templates(self) -> Iterator[tuple[Key, str]]:
        """Yield every template of the step, with the key that leads from the step to it."""
        yield ("target",), self.target
        yield ("on",), self.on
        yield ("multiply",), self.multiply
        if self.ready is not None and self.ready.port is not None:
            yield ("ready", "port"), self.ready.port
        for name, value in self.options.items():
            if isinstance(value, str):
                yield ("options", name), value


def _nowhere(*key: str | int) -> Location:
    return Location("experiment", key=key_text(key) or None)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment file. Without steps it is a benchmark script's, which brings its own.

    `iterations` is the number of rounds that count, with `stopping` the most there can be.
    `files` maps the files that it depends on to their SHA-256, folders to None.
    `classes` maps a class to the template of its size; `at` tells where a key stands in the file, `warnings` which old spellings it has.
    """

    name: str
    path: Path
    about: str = ""
    configuration: str | None = None
    iterations: int = 1
    stopping: Stopping | None = None
    budget: Budget | None = None
    warmups: int = 0
    order: str = "interleaved"
    seed: int | None = None
    cooldown_s: float = 0.0
    baseline: Mapping[str, Value] = field(default_factory=dict)
    threshold: float = 0.0
    files: Mapping[str, str | None] = field(default_factory=dict)
    parameters: Sweep = field(default_factory=Sweep)
    classes: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    metrics: tuple[Metric, ...] = ()
    checks: tuple[Expression, ...] = ()
    plots: tuple[Plot, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    at: Callable[..., Location] = field(default=_nowhere, compare=False, repr=False)

    @property
    def where(self) -> Location:
        """Where [experiment] stands."""
        return self.at("experiment")

    @property
    def goal(self) -> Expression | None:
        """What `hill-climb` climbs: the first y of the first plot that has one, else the first metric."""
        shown_first = [y for plot in self.plots for y in plot.y_axis]
        return next(iter([*shown_first, *(named(metric.name) for metric in self.metrics)]), None)

    @property
    def better(self) -> str:
        """Which way the goal is better: "lower" for a metric that says so, else "higher"."""
        lower = {metric.name for metric in self.metrics if metric.better == "lower"}
        return "lower" if self.goal is not None and self.goal.name in lower else "higher"

    def templates(self) -> Iterator[tuple[Key, str]]:
        """Yield every template of the file, with the key that leads to it."""
        for name, size in self.classes.items():
            yield ("classes", name), size
        for index, step in enumerate(self.steps):
            for key, text in step.templates():
                yield ("steps", index, *key), text


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file; raise InputError with all that is wrong in it. Whether it fits a cluster is make_plan's question."""
    return read(path, ExperimentFile, _build)


def _build(table: Table[ExperimentFile], problems: list[Problem]) -> Experiment:
    value, section = table.value, table.value.experiment
    others = value.others
    before = len(problems)
    sweep = read_sweep({ROOT: value.parameters, **others}, table.at, problems)
    sweep_is_right = len(problems) == before
    if sweep_is_right and value.steps:
        sweep = without(sweep, [entry.when for entry in value.exclude], table.at, problems)
    problems += _unknown_tables(table, others, sweep, sweep_is_right=sweep_is_right)
    metrics = tuple(_metric(name, entry) for name, entry in value.metrics.items())
    plots = tuple(_plot(entry, sweep) for entry in value.plots)
    experiment = Experiment(
        name=section.name or table.path.stem,
        path=table.path,
        about=section.about,
        configuration=section.configuration,
        iterations=section.iterations.max,
        stopping=_stopping(section.iterations, metrics, plots),
        budget=_budget(section, metrics, plots),
        warmups=section.warmups,
        order=section.order or ("interleaved" if value.steps else "sequential"),
        seed=section.seed,
        cooldown_s=section.cooldown,
        baseline=section.baseline,
        threshold=section.threshold,
        files=_files(section.files, table.at, problems),
        parameters=sweep,
        classes=value.classes,
        steps=tuple(_step(entry, table.at("steps", index)) for index, entry in enumerate(value.steps)),
        metrics=metrics,
        checks=tuple(entry.that for entry in value.checks),
        plots=plots,
        warnings=table.old_spellings,
        at=table.at,
    )
    problems += label_problems(experiment.plots, table.at)
    problems += _climb_problems(experiment)
    problems += _stopping_problems(experiment, section.iterations.given)
    if experiment.steps:
        problems += _step_problems(experiment)
        problems += _metric_problems(experiment)
        problems += _use_problems(experiment, table.value, others)
    if not value.steps:
        given = {
            ("experiment", "baseline"): section.baseline,
            ("experiment", "threshold"): section.threshold,
            ("experiment", "files"): section.files,
            ("exclude",): value.exclude,
            ("checks",): value.checks,
        }
        hint = "a benchmark script decides that itself"
        problems += [Problem("is for experiments with [[steps]]", table.at(*key), hint) for key, entry in given.items() if entry]
    if experiment.steps and sweep_is_right:
        problems += _baseline_problems(experiment)
        columns = Columns(sweep, [metric.name for metric in metrics])
        problems += plot_problems(experiment.plots, value.plots, columns, table.at)
    return experiment


def _files(paths: Sequence[str], at: Callable[..., Location], problems: list[Problem]) -> dict[str, str | None]:
    """Return the digests of files, None for folders; add what cannot be read to the problems."""
    found: dict[str, str | None] = {}
    for index, path in enumerate(paths):
        try:
            found[path] = None if Path(path).is_dir() else sha256(Path(path).read_bytes()).hexdigest()
        except OSError as error:
            hint = "paths start at the project's folder, in which wke runs"
            problems.append(Problem(f"{path} cannot be read: {error.strerror}", at("experiment", "files", index), hint))
    return found


def _step(entry: StepEntry, where: Location) -> Step:
    ready = entry.ready
    return Step(
        target=entry.target,
        on=entry.on,
        background=entry.background,
        ready=Ready(ready.port, ready.log, ready.target, ready.within) if ready else None,
        options=entry.options,
        measure=entry.measure,
        multiply=entry.multiply,
        timeout_s=entry.timeout,
        prelude=entry.prelude,
        collect=entry.collect,
        scope=entry.scope,
        where=where,
    )


def _stopping(entry: IterationsEntry, metrics: Sequence[Metric], plots: Sequence[Plot]) -> Stopping | None:
    return Stopping(entry.precision, _looked_at(entry, metrics, plots), entry.min) if entry.precision is not None else None


def _budget(section: ExperimentSection, metrics: Sequence[Metric], plots: Sequence[Plot]) -> Budget | None:
    entry = section.iterations
    return Budget(section.budget, min(entry.min, entry.max), _looked_at(entry, metrics, plots)) if section.budget is not None else None


def _looked_at(entry: IterationsEntry, metrics: Sequence[Metric], plots: Sequence[Plot]) -> tuple[str, ...]:
    names = [metric.name for metric in metrics]
    shown = {column for plot in plots for y in plot.y_axis for column in y.names}
    return entry.of or tuple(name for name in names if name in shown) or tuple(names)


def _metric(name: str, entry: MetricEntry) -> Metric:
    return Metric(
        name,
        log=entry.log,
        join=entry.join,
        unit=entry.unit,
        better=entry.better,
        on=entry.on,
        step=entry.step,
        summary=entry.summary,
        value=entry.value,
        hdr=entry.hdr,
        quantile=entry.quantile,
        statistic=entry.statistic,
        scale=entry.scale,
        tag=entry.tag,
    )


def _plot(entry: PlotEntry, sweep: Sweep) -> Plot:
    values = map(value_text, sweep.values(entry.sort_by or ""))
    names = dict(enumerate(values)) | {key: key for key in entry.sort_labels if isinstance(key, str)}
    return Plot(
        type=entry.type,
        x_axis=entry.x_axis or "",
        y_axis=entry.y_axis,
        label=entry.label,
        title=entry.title,
        sort_by=entry.sort_by,
        sort_labels={names[key]: label for key, label in entry.sort_labels.items() if key in names},
        filter_by=entry.filter_by,
        maximize_by=entry.maximize_by,
        normalize_by=entry.normalize_by,
        x_label=entry.x_label,
        y_label=entry.y_label,
        x_scale=entry.x_scale,
        y_scale=entry.y_scale,
        set_xticks=entry.set_xticks,
        legend_location=entry.legend_location,
        font_size=entry.font_size,
        plot_scale=entry.plot_scale,
        style=entry.style,
        script=Script(entry.path, entry.args) if entry.path is not None else None,
    )


def _unknown_tables(table: Table[ExperimentFile], others: Mapping[str, object], sweep: Sweep, *, sweep_is_right: bool) -> Iterator[Problem]:
    """Find tables that are neither ours nor sub-parameters. In a sweep with mistakes, what seems unused may be what is misspelled."""
    chosen = {name for name, _ in sweep.tables()}
    known = list(ExperimentFile.keys)
    for name in others:
        if name not in chosen:
            hint = did_you_mean(name, known)
            if hint.startswith("did"):
                yield Problem("unknown table", table.at(name), hint)
            elif sweep_is_right:
                yield Problem("unknown table", table.at(name), f"no sub-parameters names it; {hint}")


def _step_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check what a step must be by itself, and that one is measured."""
    at = experiment.at
    if experiment.configuration is None:
        yield Problem("configuration is missing", experiment.where, 'steps run targets of one: write configuration = "FOLDER"')
    measured = [index for index, step in enumerate(experiment.steps) if step.measure]
    if not measured:
        foreground = [index for index, step in enumerate(experiment.steps) if not step.background]
        where = at("steps", foreground[-1] if foreground else 0)
        yield Problem("no step is measured", where, "write measure = true in the step whose time counts")
    for index in measured[1:]:
        first = at("steps", measured[0], "measure").line
        yield Problem("a second step is measured", at("steps", index, "measure"), f"exactly one is; the first stands in line {first}")
    for index, step in enumerate(experiment.steps):
        if step.background and step.measure:
            hint = "a background step runs until the trial ends; measure one that ends by itself"
            yield Problem("a background step cannot be measured", at("steps", index, "measure"), hint)
        if step.ready and not step.background:
            hint = "a step without background = true is over before the next begins; remove ready"
            yield Problem("only a background step is waited for", at("steps", index, "ready"), hint)
        if step.measure and step.scope != "trial":
            yield Problem("the measured step runs in every trial", at("steps", index, "scope"), "remove scope")
        earlier = experiment.steps[index - 1] if index else step
        if SCOPES.index(step.scope) < SCOPES.index(earlier.scope):
            what = f"a step with scope {quoted(step.scope)} comes after one with scope {quoted(earlier.scope)}"
            yield Problem(what, at("steps", index, "scope"), "what runs less often comes first: deploy, point, trial")


def _climb_problems(experiment: Experiment) -> Iterator[Problem]:
    climbed = experiment.parameters.climb
    if climbed is not None and experiment.goal is None:
        hint = "it leads to the best first y of the first plot: add [[plots]] with type, x-axis and y-axis"
        yield Problem("hill-climb has no goal", experiment.at(ROOT, climbed, CLIMB), hint)


def _stopping_problems(experiment: Experiment, given: Collection[str]) -> Iterator[Problem]:
    """Check what a precision or a budget looks at, and that there are rounds of all points; `given` are the keys of iterations."""
    stopping, budget = experiment.stopping, experiment.budget
    key, noun = (("iterations", "precision"), "a precision") if stopping is not None else (("budget",), "a budget")
    if stopping is None and budget is None:
        if set(given) - {"max"}:
            hint = 'write { min = 5, max = 30, precision = "5%" }'
            yield Problem("precision is missing", experiment.at("experiment", "iterations"), hint)
        return
    names = [metric.name for metric in experiment.metrics]
    where = experiment.at("experiment", *key)
    if not experiment.steps:
        yield Problem(f"a benchmark script's series cannot be stopped by {noun}", where, "write a number" if stopping else "remove it")
    elif not names:
        yield Problem("there is no metric whose intervals could be looked at", where, "declare one in [metrics]")
    for index, name in enumerate(stopping.of if stopping is not None else budget.of if budget is not None else ()):
        if name not in names:
            at = experiment.at("experiment", "iterations", "of", index)
            yield Problem(f"there is no metric {quoted(name)}", at, did_you_mean(name, names))
    if experiment.order == "sequential":
        yield Problem(f"only rounds of all points can be stopped by {noun}", where, 'write order = "interleaved"')
    if experiment.parameters.climb is not None:
        hint = "write a number: each value tried is measured so often" if stopping else "remove it: a climb runs what leads to the best"
        yield Problem(f"a climb cannot be stopped by {noun}", where, hint)


def _baseline_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check that some point can be compared with the baseline's."""
    sweep, wrong = experiment.parameters, False
    for name, value in experiment.baseline.items():
        where = experiment.at("experiment", "baseline", name)
        values = sweep.values(name)
        if name not in sweep.names:
            wrong = True
            yield Problem(f"there is no parameter {quoted(name)}", where, did_you_mean(name, sweep.names))
        elif not any(type(one) is type(value) and one == value for one in values):
            wrong = True
            texts = [value_text(one) if not isinstance(one, str) else quoted(one) for one in values]
            yield Problem(f"{name} is never {shown(value)}", where, f"its values are {', '.join(texts)}")
    if experiment.baseline and not wrong and not sweep.varied_from(experiment.baseline):
        where = experiment.at("experiment", "baseline")
        yield Problem("no point differs from the baseline", where, f"name one that varies: {', '.join(sweep.varied) or 'none does'}")
    if experiment.baseline and experiment.order == "sequential":
        where = experiment.at("experiment", "baseline")
        yield Problem("comparisons are made within rounds, and this order has none", where, 'write order = "interleaved"')


def _metric_problems(experiment: Experiment) -> Iterator[Problem]:
    targets = {step.target for step in experiment.steps}
    for metric in experiment.metrics:
        if not NAME.fullmatch(metric.name):
            hint = "a metric is called by letters, digits and _ . - after a first letter"
            yield Problem(f"{quoted(metric.name)} cannot be the name of a metric", experiment.at("metrics", metric.name), hint)
        if metric.step is not None and metric.step not in targets and not any("{" in target for target in targets):
            where = experiment.at("metrics", metric.name, "step")
            yield Problem(f"no step runs target {quoted(metric.step)}", where, did_you_mean(metric.step, targets))
    yield from hdr_problems(experiment.metrics, partial(_collected_for, experiment.steps), experiment.at)
    parameters = experiment.parameters.names
    yield from value_problems(experiment.metrics, parameters, experiment.at)
    known = dict.fromkeys(parameters, "parameter") | {metric.name: "metric" for metric in experiment.metrics}
    yield from check_problems(experiment.checks, known, experiment.at)


def _collected_for(steps: Sequence[Step], metric: Metric) -> tuple[str, ...] | None:
    """Return what the steps collect that a metric is read from; None while it cannot be told which these are."""
    read = [step for step in steps if (step.measure if metric.step is None else step.target == metric.step)]
    return tuple(pattern for step in read for pattern in step.collect) if read else None


def _use_problems(experiment: Experiment, file: ExperimentFile, others: Mapping[str, object]) -> Iterator[Problem]:
    """Check that templates name parameters, and that every parameter is named: one that changes nothing is a silent mistake."""
    tables = [file.parameters, *(table for table in others.values() if isinstance(table, Mapping))]
    known = tuple(dict.fromkeys(name for table in tables for name in table if present_spelling(name) != CHOICE))
    used = {name for plot in experiment.plots for name in plot.columns()}
    wrong = False
    for key, text in experiment.templates():
        try:
            check_template(text, known)
            used.update(parameters_of(text))
        except InputError as error:
            wrong = True
            yield from (replace(problem, where=experiment.at(*key)) for problem in error.problems)
    if wrong:
        return  # what seems unused may be what is misspelled
    for table, sweep in ((ROOT, experiment.parameters), *experiment.parameters.tables()):
        for loop in sweep.loops:
            if isinstance(loop, Parameter) and loop.name not in used:
                used.add(loop.name)
                hint = f'remove it, or use it: options = {{ {loop.name} = "{{{loop.name}}}" }}'
                yield Problem("is used by no step, class or plot", experiment.at(table, loop.name), hint)

"""An experiment: what to vary, what a trial does, what is observed and which figures show it, as its file describes it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wke.describe.experimentfile import ExperimentFile, MetricEntry, PlotEntry, StepEntry
from wke.describe.metrics import NAME, Metric
from wke.describe.parameters import CHOICE, ROOT, read_sweep
from wke.describe.sweep import Parameter, Sweep, Value, value_text
from wke.describe.tables import Key, Table, key_text, present_spelling, read
from wke.describe.template import check_template, parameters_of
from wke.describe.wording import quoted, shown
from wke.errors import InputError, Location, Problem, did_you_mean


@dataclass(frozen=True, slots=True)
class Ready:
    """How to tell that a background step answers: a port accepts, each task writes a line like `log`, or a target succeeds."""

    port: str | None = None
    log: str | None = None
    target: str | None = None
    within_s: float = 20.0


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


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure: a panel for each metric of `y_axis`, a line or bar group for each value of the parameter `sort_by`.

    `sort_labels` maps a value's text to its label; `filter_by` keeps the points where parameters have these values.
    """

    type: str
    x_axis: str
    y_axis: tuple[str, ...]
    label: str | None = None
    title: str | None = None
    sort_by: str | None = None
    sort_labels: Mapping[str, str] = field(default_factory=dict)
    filter_by: Mapping[str, Value] = field(default_factory=dict)
    x_label: str | None = None
    y_label: str | None = None
    x_scale: str = "linear"
    y_scale: str = "linear"


def _nowhere(*key: str | int) -> Location:
    return Location("experiment", key=key_text(key) or None)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment file. Without steps it is a benchmark script's, which brings its own.

    `classes` maps a class to the template of its size; `at` tells where a key stands in the file, `warnings` which old spellings it has.
    """

    name: str
    path: Path
    about: str = ""
    configuration: str | None = None
    iterations: int = 1
    warmups: int = 0
    order: str = "interleaved"
    seed: int | None = None
    cooldown_s: float = 0.0
    parameters: Sweep = field(default_factory=Sweep)
    classes: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    metrics: tuple[Metric, ...] = ()
    plots: tuple[Plot, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    at: Callable[..., Location] = field(default=_nowhere, compare=False, repr=False)

    @property
    def where(self) -> Location:
        """Where [experiment] stands."""
        return self.at("experiment")

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
    others = value.model_extra or {}
    before = len(problems)
    sweep = read_sweep({ROOT: value.parameters, **others}, table.at, problems)
    sweep_is_right = len(problems) == before
    problems += _unknown_tables(table, others, sweep, sweep_is_right=sweep_is_right)
    experiment = Experiment(
        name=section.name or table.path.stem,
        path=table.path,
        about=section.about,
        configuration=section.configuration,
        iterations=section.iterations,
        warmups=section.warmups,
        order=section.order,
        seed=section.seed,
        cooldown_s=section.cooldown,
        parameters=sweep,
        classes=value.classes,
        steps=tuple(_step(entry, table.at("steps", index)) for index, entry in enumerate(value.steps)),
        metrics=tuple(_metric(name, entry) for name, entry in value.metrics.items()),
        plots=tuple(_plot(entry, sweep) for entry in value.plots),
        warnings=table.old_spellings,
        at=table.at,
    )
    problems += _label_problems(experiment)
    if experiment.steps:
        problems += _step_problems(experiment)
        problems += _metric_problems(experiment)
        problems += _use_problems(experiment, table.value, others)
    if experiment.steps and sweep_is_right:
        problems += _plot_problems(experiment, table.value.plots)
    return experiment


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
        where=where,
    )


def _metric(name: str, entry: MetricEntry) -> Metric:
    return Metric(name, entry.log, entry.join, entry.unit, entry.better, entry.on, entry.step, entry.summary)


def _plot(entry: PlotEntry, sweep: Sweep) -> Plot:
    values = map(value_text, sweep.values(entry.sort_by or ""))
    names = dict(enumerate(values)) | {key: key for key in entry.sort_labels if isinstance(key, str)}
    return Plot(
        type=entry.type,
        x_axis=entry.x_axis,
        y_axis=entry.y_axis,
        label=entry.label,
        title=entry.title,
        sort_by=entry.sort_by,
        sort_labels={names[key]: label for key, label in entry.sort_labels.items() if key in names},
        filter_by={entry.filter_by.key: entry.filter_by.value} if entry.filter_by else {},
        x_label=entry.x_label,
        y_label=entry.y_label,
        x_scale=entry.x_scale,
        y_scale=entry.y_scale,
    )


def _unknown_tables(table: Table[ExperimentFile], others: Mapping[str, object], sweep: Sweep, *, sweep_is_right: bool) -> Iterator[Problem]:
    """Find tables that are neither ours nor sub-parameters. In a sweep with mistakes, what seems unused may be what is misspelled."""
    chosen = {name for name, _ in sweep.tables()}
    known = [str(field.alias) for field in ExperimentFile.model_fields.values()]
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


def _metric_problems(experiment: Experiment) -> Iterator[Problem]:
    targets = {step.target for step in experiment.steps}
    for metric in experiment.metrics:
        if not NAME.fullmatch(metric.name):
            hint = "a metric is called by letters, digits and _ . - after a first letter"
            yield Problem(f"{quoted(metric.name)} cannot be the name of a metric", experiment.at("metrics", metric.name), hint)
        if metric.step is not None and metric.step not in targets and not any("{" in target for target in targets):
            where = experiment.at("metrics", metric.name, "step")
            yield Problem(f"no step runs target {quoted(metric.step)}", where, did_you_mean(metric.step, targets))


def _use_problems(experiment: Experiment, file: ExperimentFile, others: Mapping[str, object]) -> Iterator[Problem]:
    """Check that templates name parameters, and that every parameter is named: one that changes nothing is a silent mistake."""
    tables = [file.parameters, *(table for table in others.values() if isinstance(table, Mapping))]
    known = tuple(dict.fromkeys(name for table in tables for name in table if present_spelling(name) != CHOICE))
    used = {name for plot in experiment.plots for name in (plot.x_axis, plot.sort_by, *plot.filter_by)}
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


def _label_problems(experiment: Experiment) -> Iterator[Problem]:
    seen: set[str | None] = set()
    for index, plot in enumerate(experiment.plots):
        if plot.label in seen:
            what = "a second plot has no label" if plot.label is None else f"a second plot has the label {quoted(plot.label)}"
            key = () if plot.label is None else ("label",)
            yield Problem(what, experiment.at("plots", index, *key), "plots are files called by their labels: give each its own")
        seen.add(plot.label)


def _plot_problems(experiment: Experiment, entries: tuple[PlotEntry, ...]) -> Iterator[Problem]:
    """Check that plots show what the experiment varies and observes."""
    sweep, metrics = experiment.parameters, [metric.name for metric in experiment.metrics]
    for index, (plot, entry) in enumerate(zip(experiment.plots, entries, strict=True)):

        def at(*key: str | int, index: int = index) -> Location:
            return experiment.at("plots", index, *key)

        for axis, name in (("x-axis", plot.x_axis), ("sort-by", plot.sort_by)):
            if name is not None and name not in sweep.varied:
                what = f"parameter {quoted(name)} does not vary" if name in sweep.names else f"there is no parameter {quoted(name)}"
                yield Problem(what, at(axis), did_you_mean(name, sweep.varied))
        for position, name in enumerate(plot.y_axis):
            if name not in metrics:
                key = ("y-axis", position) if len(plot.y_axis) > 1 else ("y-axis",)
                yield Problem(f"there is no metric {quoted(name)}", at(*key), did_you_mean(name, metrics))
        if plot.sort_by == plot.x_axis:
            yield Problem("is the x-axis already", at("sort-by"), "sort by another parameter, or by none")
        values = sweep.values(plot.sort_by or "")
        listed = [key for key in entry.sort_labels if isinstance(key, int)]
        if listed and len(listed) != len(values):
            hint = f"one label for each of {', '.join(map(value_text, values))}" if values else "they name the values of sort-by"
            yield Problem(f"must be {len(values)} labels, not {len(listed)}", at("sort-labels"), hint)
        yield from _selection_problems(plot, sweep, at)


def _selection_problems(plot: Plot, sweep: Sweep, at: Callable[..., Location]) -> Iterator[Problem]:
    """Check that what a plot filters by and labels are values that its parameters take."""
    for name, value in plot.filter_by.items():
        if name not in sweep.names:
            yield Problem(f"there is no parameter {quoted(name)}", at("filter-by", "key"), did_you_mean(name, sweep.names))
        elif value not in sweep.values(name):
            known = map(value_text, sweep.values(name))
            yield Problem(f"{name} is never {shown(value)}", at("filter-by", "value"), did_you_mean(value_text(value), known))
    values = [value_text(value) for value in sweep.values(plot.sort_by or "")]
    for value in plot.sort_labels:
        if value not in values:
            yield Problem(f"{plot.sort_by or 'no parameter'} is never {value}", at("sort-labels", value), did_you_mean(value, values))

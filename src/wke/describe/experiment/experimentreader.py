"""From an experiment file to its values: entries become values of the same names, templates and expressions stay as they are."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from wke.describe.configuration.copies import HERE, OF_NO_REVISION
from wke.describe.configuration.habits import unexpanded
from wke.describe.configuration.step import Ready, collecting
from wke.describe.experiment.conditions import without
from wke.describe.experiment.experiment import Budget, Check, Experiment, Scrape, Step, Stopping
from wke.describe.experiment.experimentcheck import experiment_problems, unknown_tables
from wke.describe.experiment.experimentfile import ExperimentFile, ExperimentSection, PlotEntry
from wke.describe.experiment.forms import file_name
from wke.describe.experiment.metricfile import MetricEntry
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.parameters import ROOT, read_sweep
from wke.describe.experiment.plot import Plot, Script
from wke.describe.experiment.plotcheck import KnownColumns, label_problems, plot_problems
from wke.describe.experiment.stepfile import StepEntry
from wke.describe.experiment.sweep import Sweep, Value, value_text
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.describe.expression.expression import named
from wke.describe.generators.generators import GENERATORS
from wke.describe.search.search import MIN
from wke.describe.toml.shape import FlawError, Key, Reader, value_of
from wke.describe.toml.tables import TomlTable, key_text, read, read_draft
from wke.describe.toml.userfile import content_digest, is_folder
from wke.errors import InputError, Location, Problem


def read_experiment(path: Path, folder: Path = HERE) -> Experiment:
    """Read an experiment file; raise InputError with all its mistakes. Whether it fits a cluster is checked by `make_plan`.

    The files that it lists are read in `folder`.
    """
    return read(path, ExperimentFile, partial(_build, folder))


def draft_experiment(path: Path) -> tuple[Experiment | None, tuple[Problem, ...]]:
    """Return an experiment without what is wrong in its file, as far as there is one, and all mistakes."""
    return read_draft(path, ExperimentFile, partial(_build, HERE))


def read_plots(texts: Sequence[str], experiment: Experiment, option: str) -> tuple[Plot, ...]:
    """Return the plots that texts such as `type = "cdf", y-axis = "p99"` describe, each as an entry of [[plots]] in one line.

    Without a label, a plot is labelled with its type. Raises InputError with all mistakes, which have the place `option`.
    """

    def at(*key: str | int) -> Location:
        return Location(option, key=key_text(key[2:]) or None)

    entries = []
    for text in texts:
        try:
            data = tomllib.loads(f"plot = {{ {text} }}")["plot"]
        except ValueError as error:
            hint = 'keys and values as in [[plots]], joined by commas: type = "cdf", y-axis = "p99"'
            raise InputError(f"{text!r:.200} is not TOML: {str(error).partition(' (at ')[0]}", where=at(), hint=hint) from None
        reader = Reader()
        entry = reader.table(PlotEntry, data)
        if reader.mistakes or entry is None:
            raise InputError(*(Problem(one.what, at("plots", 0, *one.key), one.hint) for one in reader.mistakes))
        entries.append(entry)
    plots = tuple(replace(plot, label=plot.label or plot.type) for plot in (_plot(entry, experiment.parameters) for entry in entries))
    problems = list(label_problems(experiment.name, plots, at))
    if experiment.steps:  # else neither all metrics nor all parameters are known
        names = [metric.name for metric in experiment.metrics]
        columns = KnownColumns(experiment.parameters, names, [metric.name for metric in experiment.metrics if metric.source])
        problems += plot_problems(plots, entries, columns, at)
    if problems:
        raise InputError(*problems)
    return plots


def _build(folder: Path, table: TomlTable[ExperimentFile], problems: list[Problem]) -> Experiment:
    file = table.value
    wrong: list[Problem] = []
    sweep = read_sweep({ROOT: file.parameters, **file.others}, table.at, wrong)
    sweep_is_right = not wrong and table.is_sound("parameters")
    if sweep_is_right and file.steps:
        sweep = without(sweep, [entry.when for entry in file.exclude], table.at, wrong)
    experiment = _experiment(table, folder, sweep, wrong)
    unknown = list(unknown_tables(experiment, file.others, sweep_is_right=sweep_is_right))
    ignored = [] if file.steps else [one for one in unknown if not (one.hint or "").startswith("did")]
    problems += [
        *wrong,
        *(one for one in unknown if one not in ignored),
        *experiment_problems(experiment, file, table.is_sound, sweep_is_right=sweep_is_right),
    ]
    return replace(
        experiment,
        is_sweep_known=sweep_is_right and table.is_sound("exclude"),
        warnings=(
            *experiment.warnings,
            *(replace(one, what=f"{one.what}, ignored as in wke 0.1") for one in ignored),
            *_habits(experiment),
        ),
    )


def _habits(experiment: Experiment) -> Iterator[Problem]:
    """Find values of options that a shell expanded in wke 0.1; in the file of a benchmark script, parameters may become options."""
    given: list[tuple[Key, Value]] = [
        (("steps", at, "options", name), value) for at, step in enumerate(experiment.steps) for name, value in step.options.items()
    ]
    if not experiment.steps:
        given += [((ROOT, loop.name), value) for loop in experiment.parameters.flat() for value in loop.values]
    for key, value in given:
        if found := unexpanded(value):
            yield Problem(found[0], experiment.at(*key), found[1])


def _experiment(table: TomlTable[ExperimentFile], folder: Path, sweep: Sweep, problems: list[Problem]) -> Experiment:
    file, section = table.value, table.value.experiment
    metrics = tuple(_metric(name, entry) for name, entry in file.metrics.items())
    plots = tuple(_of_search(_plot(entry, sweep), sweep, metrics) for entry in file.plots)
    if section.name is None:
        problems += _stem_problems(table.path, table.at)
    return value_of(
        Experiment,
        section,
        name=section.name or table.path.stem,
        path=table.path,
        iterations=_iterations(section, sweep),
        stopping=_stopping(section, metrics, plots),
        budget=_budget(section, metrics, plots),
        decided=section.iterations.until is not None,
        order=section.order or ("interleaved" if file.steps else "sequential"),
        cooldown_s=section.cooldown,
        step_timeout_s=section.step_timeout,
        store_limit=section.store_limit,
        files=_files(section.files, folder, table.at, problems),
        parameters=sweep,
        classes=file.classes,
        steps=tuple(_step(entry, table.at("steps", index)) for index, entry in enumerate(file.steps)),
        metrics=metrics,
        checks=tuple(Check(entry.that, entry.judges) for entry in file.checks),
        scrapes=tuple(value_of(Scrape, entry, every_s=entry.every) for entry in file.scrape),
        telemetry=TelemetryRules(file.telemetry.every, file.telemetry.perf),
        verdicts=file.verdicts,
        plots=plots,
        warnings=table.old_spellings,
        at=table.at,
    )


def _stem_problems(path: Path, at: Callable[..., Location]) -> Iterator[Problem]:
    """Check that the name of a file can be the name of a series."""
    try:
        file_name(path.stem)
    except FlawError as error:
        yield Problem(f"the name of this file {error}", at("experiment", "name"), 'write name = "..." in [experiment]')


def _files(paths: Sequence[str], folder: Path, at: Callable[..., Location], problems: list[Problem]) -> dict[str, str | None]:
    """Return the digests of files, None for folders; unreadable ones are added to `problems`."""
    found: dict[str, str | None] = {}
    hint = "paths start at the project's folder, in which wke runs" if folder == HERE else OF_NO_REVISION
    for index, path in enumerate(paths):
        with collecting(problems):
            where = at("experiment", "files", index)
            found[path] = None if is_folder(folder / path) else content_digest(folder / path, where=where, hint=hint)
    return found


def _step(entry: StepEntry, where: Location) -> Step:
    ready = value_of(Ready, entry.ready, within_s=entry.ready.within) if entry.ready else None
    return value_of(Step, entry, ready=ready, timeout_s=entry.timeout, grace_s=entry.grace, where=where)


def _metric(name: str, entry: MetricEntry) -> Metric:
    """Return a metric; what a load generator says has its unit and direction there, unless the file has others."""
    metric = value_of(Metric, entry, name=name)
    if metric.from_ is None:
        return metric
    generator, field = GENERATORS[metric.from_], metric.field or name
    return replace(metric, unit=metric.unit or generator.unit(field) or "", better=metric.better or generator.better(field))


def _stopping(section: ExperimentSection, metrics: Sequence[Metric], plots: Sequence[Plot]) -> Stopping | None:
    entry = section.iterations
    return None if entry.precision is None else Stopping(entry.precision, _narrowed(section, metrics, plots), entry.min)


def _budget(section: ExperimentSection, metrics: Sequence[Metric], plots: Sequence[Plot]) -> Budget | None:
    entry = section.iterations
    return None if section.budget is None else Budget(section.budget, min(entry.min, entry.max), _narrowed(section, metrics, plots))


def _iterations(section: ExperimentSection, sweep: Sweep) -> int:
    """Return how many trials each point has; where results choose the points of a search, one."""
    search = sweep.searched.search if sweep.searched else None
    return section.iterations.max if search is None else search.trials if search.find == MIN else 1


def _narrowed(section: ExperimentSection, metrics: Sequence[Metric], plots: Sequence[Plot]) -> tuple[str, ...]:
    """Return the metrics whose intervals decide when to stop: those that the file names, or plots show, or all."""
    names = [metric.name for metric in metrics]
    shown = {column for plot in plots for y in plot.y_axis for column in y.names}
    return section.iterations.of or tuple(name for name in names if name in shown) or tuple(names)


def _of_search(plot: Plot, sweep: Sweep, metrics: Sequence[Metric]) -> Plot:
    """Return a plot; one of a search has its axes, unless the file gives a parameter for the x-axis."""
    search = sweep.searched.search if sweep.searched else None
    if plot.type != "capacity" or sweep.searched is None or search is None:
        return plot
    bounds = search.bounds({metric.name: metric.unit for metric in metrics})
    along = sweep.load_of(search)[0] or "" if search.find == MIN else sweep.searched.name
    return replace(plot, x_axis=plot.x_axis or along, y_axis=tuple(named(bound.metric) for bound in bounds[:1]))


def _plot(entry: PlotEntry, sweep: Sweep) -> Plot:
    values = map(value_text, sweep.values(entry.sort_by or ""))
    names = dict(enumerate(values)) | {key: key for key in entry.sort_labels if isinstance(key, str)}
    return value_of(
        Plot,
        entry,
        x_axis=entry.x_axis or "",
        sort_labels={names[key]: label for key, label in entry.sort_labels.items() if key in names},
        script=Script(entry.path, entry.args) if entry.path is not None else None,
        width_in=entry.width,
    )

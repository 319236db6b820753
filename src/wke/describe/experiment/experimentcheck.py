"""What can be wrong with an experiment although each entry of its file is right by itself: entries that do not fit together."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from wke.describe.configuration.step import SCOPES
from wke.describe.experiment.conditions import check_problems, interval_problems, value_problems
from wke.describe.experiment.experiment import Experiment, Step
from wke.describe.experiment.experimentfile import ExperimentFile, ExperimentSection
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.parameters import CHOICE, CLIMB, ROOT
from wke.describe.experiment.plotcheck import KnownColumns, label_problems, plot_problems
from wke.describe.experiment.point import value_key
from wke.describe.experiment.recorded import recorded_problems, series_problems
from wke.describe.experiment.sweep import Parameter, value_text
from wke.describe.experiment.template import check_template, parameters_of
from wke.describe.experiment.timeseries import NAME
from wke.describe.expression.expression import check_names
from wke.describe.search.search import MIN
from wke.describe.search.searchcheck import search_problems
from wke.describe.toml.limits import MOST_POINTS
from wke.describe.toml.shape import FlawError, present_spelling
from wke.describe.toml.wording import counted, quoted, shown
from wke.errors import InputError, Location, Problem, did_you_mean

IsSound = Callable[..., bool]
"""Whether nothing is wrong at a key, in what it contains, or in what contains it."""


def experiment_problems(experiment: Experiment, file: ExperimentFile, is_sound: IsSound, *, sweep_is_right: bool) -> Iterator[Problem]:
    """Yield all problems of an experiment.

    Those that may only follow from mistakes in its sweep, or in keys that are not sound, are left out.
    """
    has_names = sweep_is_right and is_sound("metrics")
    yield from label_problems(experiment.name, experiment.plots, experiment.at)
    yield from size_problems(experiment)
    if has_names and is_sound("plots"):
        yield from _climb_problems(experiment)
    if is_sound("experiment") and is_sound("metrics"):
        yield from _rounds_problems(experiment, file.experiment)
    if has_names:
        yield from _search_problems(experiment)
    if not experiment.steps:
        yield from _script_problems(experiment, file) if is_sound("steps") else ()
        return
    yield from _step_problems(experiment, is_sound)
    yield from _metric_problems(experiment, is_sound, has_names=has_names)
    yield from _reserved_problems(experiment)
    yield from _use_problems(experiment, file, is_sound)
    if sweep_is_right and is_sound("exclude"):
        yield from _baseline_problems(experiment)
        recorded = [metric.name for metric in experiment.metrics if metric.source]
        columns = KnownColumns(experiment.parameters, [metric.name for metric in experiment.metrics], recorded)
        yield from plot_problems(experiment.plots, file.plots, columns, experiment.at) if has_names else ()


def size_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check that there are not too many trials to plan them."""
    rounds = experiment.iterations + experiment.fresh + experiment.warmups
    if len(experiment.parameters.points()) * rounds > MOST_POINTS:
        what = f"{counted(len(experiment.parameters.points()), 'point')} in {counted(rounds, 'round')}: more than {MOST_POINTS} trials"
        yield Problem(
            what,
            experiment.at("experiment", "iterations"),
            "repeat or vary less in one experiment" + (", or write fresh-rounds = 0" if experiment.fresh else ""),
        )


def unknown_tables(experiment: Experiment, others: Collection[str], *, sweep_is_right: bool) -> Iterator[Problem]:
    """Find tables that are neither known nor sub-parameters. In a wrong sweep, a table may seem unused because its use is misspelled."""
    chosen = {name for name, _ in experiment.parameters.tables()}
    for name in others:
        hint = did_you_mean(name, ExperimentFile.keys)
        if name in chosen:
            continue
        if hint.startswith("did"):
            yield Problem("unknown table", experiment.at(name), hint)
        elif sweep_is_right:
            yield Problem("unknown table", experiment.at(name), f"no sub-parameters names it; {hint}")


def _script_problems(experiment: Experiment, file: ExperimentFile) -> Iterator[Problem]:
    """Find what an experiment of a benchmark script cannot have."""
    section = file.experiment
    given = {
        ("experiment", "baseline"): section.baseline,
        ("experiment", "threshold"): section.threshold,
        ("experiment", "files"): section.files,
        ("exclude",): file.exclude,
        ("checks",): file.checks,
    }
    for key, entry in given.items():
        if entry:
            yield Problem("is for experiments with [[steps]]", experiment.at(*key), "a benchmark script decides this itself")


def _climb_problems(experiment: Experiment) -> Iterator[Problem]:
    if experiment.fresh_rounds is not None and experiment.steps and experiment.parameters.climb is None and not experiment.contests:
        where = experiment.at("experiment", "fresh-rounds")
        yield Problem("nothing is chosen by its results", where, "remove it: it goes with hill-climb, or maximize-by of a plot")
    climbed = experiment.parameters.climb
    if climbed is not None and experiment.goal is None:
        hint = "it searches the best first y of the first plot: add [[plots]] with type, x-axis and y-axis"
        yield Problem("hill-climb has no goal", experiment.at(ROOT, climbed, CLIMB), hint)


# -- rounds: precision, budget, baseline


def _rounds_problems(experiment: Experiment, section: ExperimentSection) -> Iterator[Problem]:
    """Check what ends a series of rounds, or of a search."""
    stopping, budget, given = experiment.stopping, experiment.budget, section.iterations.given
    if experiment.parameters.searched is not None:
        yield from _unsearchable_problems(experiment, section)
        return
    if experiment.decided:
        yield from _decided_problems(experiment)
        return
    if stopping is not None:
        where = experiment.at("experiment", "iterations", "precision")
        yield from _ending_problems(experiment, stopping.of, "a precision", where)
    elif budget is not None:
        yield from _ending_problems(experiment, budget.of, "a budget", experiment.at("experiment", "budget"))
    elif set(given) - {"max"}:
        hint = 'write { min = 5, max = 30, precision = "5%" }'
        yield Problem("precision is missing", experiment.at("experiment", "iterations"), hint)


def _unsearchable_problems(experiment: Experiment, section: ExperimentSection) -> Iterator[Problem]:
    """Find what does not go with a search, which has no rounds."""
    given: dict[str, tuple[object, str]] = {
        "iterations": ("iterations" in section.given, "remove it: trials in the table of the search sets their number"),
        "warmups": (experiment.warmups, "remove it, and leave out the start of each trial: each runs at a load of its own"),
        "budget": (experiment.budget, "remove it: trials in the table of the search sets their number"),
        "baseline": (experiment.baseline, "remove it: each value of the other parameters has its own answer with an interval"),
        "redeploy": (experiment.redeploy, "remove it: what runs in the background is started anew for each trial"),
        "order": (experiment.order == "sequential", 'remove it, or write order = "interleaved"'),
    }
    for key, (is_given, hint) in given.items():
        if is_given:
            yield Problem("does not go with a search", experiment.at("experiment", key), hint)
    if not experiment.steps:
        where = experiment.at(ROOT, experiment.parameters.searched.name if experiment.parameters.searched else "")
        yield Problem("a search is for experiments with [[steps]]", where, "a benchmark script chooses its values itself")


def _search_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check the condition of a search, and the parameter whose values it goes through."""
    sweep = experiment.parameters
    if sweep.searched is None or sweep.searched.search is None or not experiment.steps:
        return
    name, search = sweep.searched.name, sweep.searched.search
    here = partial(experiment.at, ROOT, name)
    if sweep.climb is not None:
        yield Problem("hill-climb does not go with a search", experiment.at(ROOT, sweep.climb, CLIMB), "remove one of the two")
    metrics = {metric.name: metric.unit for metric in experiment.metrics}
    point = next(iter(sweep.points()), {})
    yield from search_problems(name, search, metrics, point, here)
    if search.find == MIN and (wrong := sweep.load_of(search)[1]):
        yield Problem(wrong, here("load") if search.load else here(), 'write load = "rate", a parameter whose values are numbers')


def _decided_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check that comparisons can end a series. Whether there is a baseline is known only when it is planned, for it may be a commit."""
    where = experiment.at("experiment", "iterations", "until")
    if not experiment.steps:
        yield Problem("comparisons cannot end the series of a benchmark script", where, "write a number")
        return
    if experiment.budget is not None:
        yield Problem("does not go with a budget: each look is at whole rounds of all points", where, "remove one of the two")
    if not any(metric.better for metric in experiment.metrics):
        hint = 'write better = "higher" or "lower" in [metrics]'
        yield Problem("no metric says which way is better, so nothing can be decided", where, hint)
    if not experiment.has_rounds:
        yield Problem("comparisons need rounds of all points", where, 'write order = "interleaved", and do not use hill-climb')


def _ending_problems(experiment: Experiment, of: Sequence[str], noun: str, where: Location) -> Iterator[Problem]:
    """Check that a precision or a budget, which stands at `where`, has metrics to look at and rounds to count."""
    is_precision = experiment.stopping is not None
    names = [metric.name for metric in experiment.metrics]
    if not experiment.steps:
        yield Problem(f"{noun} cannot end the series of a benchmark script", where, "write a number" if is_precision else "remove it")
    elif not names:
        yield Problem("there is no metric whose intervals could decide", where, "declare one in [metrics]")
    for index, name in enumerate(of):
        if name not in names:
            at = experiment.at("experiment", "iterations", "of", index)
            yield Problem(f"there is no metric {quoted(name)}", at, did_you_mean(name, names))
    if experiment.order == "sequential":
        yield Problem(f"{noun} can only end a series that runs in rounds of all points", where, 'write order = "interleaved"')
    if experiment.parameters.climb is not None:
        hint = "write a number: the iterations of each tried value" if is_precision else "remove it: a climb chooses its points itself"
        yield Problem(f"{noun} cannot end a climb", where, hint)


def _baseline_problems(experiment: Experiment) -> Iterator[Problem]:
    """Check that some point can be compared with the baseline's."""
    if not experiment.baseline:
        return
    sweep, where = experiment.parameters, experiment.at("experiment", "baseline")
    wrong = [problem for name, value in experiment.baseline.items() for problem in _baseline_value_problems(experiment, name, value)]
    yield from wrong
    if not wrong and not sweep.varied_from(experiment.baseline):
        yield Problem(
            "no point differs from the baseline", where, f"name a parameter that varies: {', '.join(sweep.varied) or 'none does'}"
        )
    if experiment.order == "sequential":
        yield Problem("comparisons are made within rounds, and this order has none", where, 'write order = "interleaved"')


def _baseline_value_problems(experiment: Experiment, name: str, value: object) -> Iterator[Problem]:
    sweep, where = experiment.parameters, experiment.at("experiment", "baseline", name)
    values = sweep.values(name)
    if name not in sweep.names:
        yield Problem(f"there is no parameter {quoted(name)}", where, did_you_mean(name, sweep.names))
    elif value_key(value) not in map(value_key, values):
        texts = [value_text(one) if not isinstance(one, str) else quoted(one) for one in values]
        yield Problem(f"{name} is never {shown(value)}", where, f"its values are {', '.join(texts)}")


# -- steps


def _step_problems(experiment: Experiment, is_sound: IsSound) -> Iterator[Problem]:
    """Check each step by itself, their order, and that exactly one is measured."""
    if experiment.configuration is None and is_sound("experiment"):
        yield Problem("configuration is missing", experiment.where, 'steps run targets of one: write configuration = "FOLDER"')
    if is_sound("steps"):
        yield from _measured_problems(experiment)
        yield from _redeploy_problems(experiment)
    for index, step in enumerate(experiment.steps):
        if not is_sound("steps", index):
            continue
        yield from _one_step_problems(experiment, index, step)
        earlier = experiment.steps[index - 1] if index and is_sound("steps", index - 1) else step
        if SCOPES.index(step.scope) < SCOPES.index(earlier.scope):
            what = f"a step with scope {quoted(step.scope)} comes after one with scope {quoted(earlier.scope)}"
            yield Problem(what, experiment.at("steps", index, "scope"), "steps that run less often come first: deploy, point, trial")


def _redeploy_problems(experiment: Experiment) -> Iterator[Problem]:
    where = experiment.at("experiment", "redeploy")
    if experiment.redeploy and all(step.scope == "trial" for step in experiment.steps):
        yield Problem("no step has a scope, so every trial is deployed anew", where, "remove it")
    if experiment.redeploy and experiment.order == "sequential":
        yield Problem("this order has no rounds", where, 'write order = "interleaved"')


def _measured_problems(experiment: Experiment) -> Iterator[Problem]:
    at = experiment.at
    measured = [index for index, step in enumerate(experiment.steps) if step.measure]
    if not measured:
        foreground = [index for index, step in enumerate(experiment.steps) if not step.background]
        where = at("steps", foreground[-1] if foreground else 0)
        yield Problem("no step is measured", where, "write measure = true in the step whose time counts")
    one_is_chosen = all(experiment.steps[index].when is not None for index in measured)
    for index in measured[1:] if not one_is_chosen else ():
        first = at("steps", measured[0], "measure").line
        yield Problem(
            "a second step is measured",
            at("steps", index, "measure"),
            f"one step is measured at each point (`when` may choose it); the first is in line {first}",
        )


def _one_step_problems(experiment: Experiment, index: int, step: Step) -> Iterator[Problem]:
    at = partial(experiment.at, "steps", index)
    if step.background and step.measure:
        hint = "a background step runs until the trial ends; measure a step that ends by itself"
        yield Problem("a background step cannot be measured", at("measure"), hint)
    if step.ready and not step.background:
        hint = "a step without background = true ends before the next one starts; remove ready"
        yield Problem("only a background step has ready", at("ready"), hint)
    if step.measure and step.scope != "trial":
        yield Problem("the measured step runs in every trial", at("scope"), "remove scope")


# -- metrics


def _metric_problems(experiment: Experiment, is_sound: IsSound, *, has_names: bool) -> Iterator[Problem]:
    steps_are_known = is_sound("steps")
    targets = {step.target for step in experiment.steps}
    has_templates = any("{" in target for target in targets)
    for metric in experiment.metrics:
        yield from _name_problems(metric, experiment)
        if metric.step is not None and metric.step not in targets and not has_templates and steps_are_known:
            where = experiment.at("metrics", metric.name, "step")
            yield Problem(f"no step runs target {quoted(metric.step)}", where, did_you_mean(metric.step, targets))
    yield from series_problems(
        experiment.metrics,
        experiment.at,
        recorded=bool(experiment.telemetry.every_s) or not is_sound("telemetry"),
        scraped=bool(experiment.scrapes) or not is_sound("scrape"),
    )
    yield from recorded_problems(experiment.metrics, partial(_collected_for, experiment.steps if steps_are_known else ()), experiment.at)
    if not has_names:
        return
    parameters = experiment.parameters.names
    yield from value_problems(experiment.metrics, parameters, experiment.at)
    yield from interval_problems(experiment.metrics, experiment.parameters, experiment.at)
    known = dict.fromkeys(parameters, "parameter") | {metric.name: "metric" for metric in experiment.metrics}
    yield from check_problems([check.that for check in experiment.checks], known, experiment.at)


def _name_problems(metric: Metric, experiment: Experiment) -> Iterator[Problem]:
    if not NAME.fullmatch(metric.name):
        hint = "the name of a metric is a letter, then letters, digits and _ . -"
        yield Problem(f"{quoted(metric.name)} cannot be the name of a metric", experiment.at("metrics", metric.name), hint)
    if metric.name in experiment.parameters.names:
        yield Problem(f"{quoted(metric.name)} is also a parameter", experiment.at("metrics", metric.name), "rename one of the two")


def _collected_for(steps: Sequence[Step], metric: Metric) -> tuple[str, ...] | None:
    """Return what the steps that a metric is read from collect; None while it is unknown which steps these are."""
    read = [step for step in steps if (step.measure if metric.step is None else step.target == metric.step)]
    return tuple(pattern for step in read for pattern in step.collect) if read else None


# -- parameters

RESERVED = (
    *("uid", "revision", "series", "trial", "attempt", "iteration", "warmup", "outcome", "why", "counts", "started_ns", "elapsed_s"),
    *("skew_ms", "skew_bound_ms", "derived_from", "stands_for"),
)
"""Columns of result tables that are there in addition to parameters and metrics."""


def _reserved_problems(experiment: Experiment) -> Iterator[Problem]:
    """Find parameters that have the name of another column of results."""
    for table, sweep in ((ROOT, experiment.parameters), *experiment.parameters.tables()):
        for loop in sweep.loops:
            if isinstance(loop, Parameter) and loop.name in RESERVED:
                hint = "rename it: results have another column of this name"
                yield Problem(f"{quoted(loop.name)} cannot be the name of a parameter", experiment.at(table, loop.name), hint)


def _use_problems(experiment: Experiment, file: ExperimentFile, is_sound: IsSound) -> Iterator[Problem]:
    """Check that templates and conditions name parameters, and that every parameter is used: an unused one is a silent mistake."""
    if not file.parameters and not is_sound("parameters"):
        return
    wrong = list(_template_problems(experiment, _known_parameters(file)))
    yield from wrong
    if wrong or not all(map(is_sound, ("steps", "classes", "plots", "exclude"))):
        return  # a parameter may seem unused because its use is misspelled
    used = _used_names(experiment)
    for table, sweep in ((ROOT, experiment.parameters), *experiment.parameters.tables()):
        for loop in sweep.loops:
            if isinstance(loop, Parameter) and loop.name not in used:
                used.add(loop.name)
                hint = f'remove it, or use it: options = {{ {loop.name} = "{{{loop.name}}}" }}'
                yield Problem("is used by no step, class or plot", experiment.at(table, loop.name), hint)


def _used_names(experiment: Experiment) -> set[str]:
    """Return the names that plots, templates and conditions of steps use."""
    used = {name for plot in experiment.plots for name in plot.named()}
    used.update(name for _, text in experiment.templates() for name in parameters_of(text))
    used.update(name for step in experiment.steps if step.when is not None for name in step.when.names)
    return used


def _known_parameters(file: ExperimentFile) -> tuple[str, ...]:
    tables = [file.parameters, *(table for table in file.others.values() if isinstance(table, Mapping))]
    return tuple(dict.fromkeys(name for table in tables for name in table if present_spelling(name) != CHOICE))


def _template_problems(experiment: Experiment, known: Sequence[str]) -> Iterator[Problem]:
    for key, text in experiment.templates():
        try:
            check_template(text, known)
        except InputError as error:
            yield from (replace(problem, where=experiment.at(*key)) for problem in error.problems)
    for index, condition in ((index, step.when) for index, step in enumerate(experiment.steps) if step.when is not None):
        try:
            check_names(condition, known, "parameter")
        except FlawError as error:
            yield Problem(str(error), experiment.at("steps", index, "when"), error.hint)

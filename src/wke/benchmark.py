"""`benchmark_main`: the command line of a benchmark script, a Python function that is called for every point of an experiment."""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wke.benchmarking.commandline import make_parser
from wke.benchmarking.flags import flag_place, read_flags
from wke.benchmarking.identity import surroundings
from wke.benchmarking.parameters import Known, completed, read_known
from wke.benchmarking.results import ResultPrinter
from wke.benchmarking.series import Reuse, Series, make_series, run_missing
from wke.describe.configuration.optionvalue import type_of
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.errors import InputError, Problem, WkeError
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.tell.exports.results_csv import results_csv, write_results_csv
from wke.tell.tables import results_table
from wke.tell.terminal.console import Printer
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.progress import PlainProgress, SeriesState

RESULTS, PLOTS = Path("results"), Path("plots")

Function = Callable[..., bool]
"""`function(params, collect_statistics, result_printer, verbose=False)` measures one point and returns True if all went well."""


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """The table of a series. With `appended` it holds what all commands ever added to it, else what the experiment is now."""

    path: Path
    appended: bool


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark script and how it was called."""

    parameters: tuple[Known, ...]
    function: Function
    cooldown_s: float
    collect_statistics: str | None
    verbose: bool = False

    @property
    def command(self) -> str:
        """The command line."""
        return shlex.join(sys.argv)


def benchmark_main(parameters: Mapping[str, object], function: Function, cooldown_time: float = 5) -> int:
    """Be the command line of a benchmark script; return the exit status, 0 when every trial went well: `sys.exit(benchmark_main(...))`.

    `parameters` maps the name of each parameter to `{"default": value, "about": text}` or to a bare default. For every trial
    `function(params, collect_statistics, result_printer, verbose=False)` is called with a value for each parameter; it calls
    `result_printer.print(uid, params, {"metric": number})` and returns True. A trial fails when it returns anything else or raises, and
    the others go on. `cooldown_time` seconds pass between two trials where the experiment does not say otherwise.

    Results are kept in results/ (one store for all experiments) and exported to results/NAME.csv; those of trials that nothing has
    changed about, neither the script nor a configuration nor the cluster, are reused.
    """
    try:
        options = make_parser().parse_args()
    except SystemExit as stop:  # --help, or a mistake that was printed
        return int(stop.code or 0)
    try:
        known = read_known(parameters)
        return _COMMANDS[options.command](Benchmark(known, function, cooldown_time, options.collect_statistics), options)
    except WkeError as error:
        Printer().talk(str(error))
        return error.exit_status


def _print_parameters(benchmark: Benchmark, _: argparse.Namespace) -> int:
    out = Printer()
    for known in benchmark.parameters:
        out.data(f"{known.name} = {known.default} ({type_of(known.default)}): {known.about}")
    return 0


def _cmdline(benchmark: Benchmark, options: argparse.Namespace) -> int:
    """Run the points that flags describe, all of them, and add their results to those of the same file."""
    out = RESULTS / f"results-{time.strftime('%y%m%d-%H%M%S')}.csv" if options.outfile is None else Path(options.outfile)
    experiment = Experiment(
        name=out.stem,
        path=Path("command line"),
        iterations=options.num_iterations,
        warmups=options.num_warmups,
        order="sequential",
        parameters=completed(read_flags(options.flags), benchmark.parameters, flag_place, text=True),
    )
    return _run(replace(benchmark, verbose=options.verbose), experiment, ResultsFile(out, appended=True), Reuse(rerun=True))


def _toml(benchmark: Benchmark, options: argparse.Namespace) -> int:
    """Run what is missing of an experiment file."""
    read = read_experiment(Path(options.filename))
    experiment = replace(read, parameters=completed(read.parameters, benchmark.parameters, read.at))
    if options.refresh_plots:
        with Store.open(RESULTS, readonly=True) as store:
            problems = _draw(experiment, store.attempts.one_per_trial(experiment.name))
        _say_problems(problems)
        return 1 if problems else 0
    reuse = Reuse(rerun=options.force_rerun, always=options.force_reuse)
    table = ResultsFile(RESULTS / f"{experiment.name}.csv", appended=False)
    return _run(replace(benchmark, verbose=options.verbose), experiment, table, reuse)


_COMMANDS: Mapping[str, Callable[[Benchmark, argparse.Namespace], int]] = {
    "print-parameters": _print_parameters,
    "cmdline": _cmdline,
    "toml": _toml,
}


def _run(benchmark: Benchmark, experiment: Experiment, table: ResultsFile, reuse: Reuse) -> int:
    """Run what is missing, keep the table and the figures up to date, and say what all results come to."""
    out = Printer()
    with Store.open(RESULTS, command=benchmark.command, series=experiment.name) as store:
        if store.note:
            out.talk(store.note)
        _set_aside(table.path, store, experiment.name)
        series = make_series(experiment, surroundings(benchmark.function, Path.cwd()), store, reuse, benchmark.command)
        out.talk(f"{experiment.name}: {len(series.planned)} trials, {series.missing} without a result")

        def update() -> None:
            _export(series, benchmark.command, table)
            _draw(experiment, store.attempts.one_per_trial(experiment.name))  # what keeps a figure from being drawn now is told at the end

        try:
            with PlainProgress(SeriesState(_cooldown_s(benchmark, experiment), {})) as display:
                outcomes = run_missing(series, _caller(benchmark, experiment), display, update)
        except KeyboardInterrupt:
            out.talk("stopped; all trials that had ended are stored, and the same command goes on")
            raise
        _export(series, benchmark.command, table)
        _say_problems(_draw(experiment, store.attempts.one_per_trial(experiment.name)))
        _say_results(series)
        out.talk(f"  {table.path}")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _caller(benchmark: Benchmark, experiment: Experiment) -> Callable[[Mapping[str, object], ResultPrinter], bool]:
    """Return what calls the script's function for one trial, when the machines have had time to cool down from the one before."""
    ready = time.monotonic()

    def call(point: Mapping[str, object], printer: ResultPrinter) -> bool:
        nonlocal ready
        time.sleep(max(0.0, ready - time.monotonic()))  # figures are drawn meanwhile
        try:
            return benchmark.function(dict(point), benchmark.collect_statistics, printer, verbose=benchmark.verbose)
        finally:
            ready = time.monotonic() + _cooldown_s(benchmark, experiment)

    return call


def _cooldown_s(benchmark: Benchmark, experiment: Experiment) -> float:
    return experiment.cooldown_s or benchmark.cooldown_s


def _export(series: Series, command: str, table: ResultsFile) -> None:
    store, name = series.store, series.experiment.name
    trials = store.attempts.of_series(name) if table.appended else store.attempts.one_per_trial(name)
    write_results_csv(table.path, results_csv(trials, command=command))


def _draw(experiment: Experiment, trials: Sequence[StoredAttempt]) -> tuple[Problem, ...]:
    """Draw the figures; return what keeps one from being drawn, which is no reason to stop measuring."""
    if not experiment.plots:
        return ()
    from wke.tell.figures.figure import draw_all  # noqa: PLC0415 - matplotlib takes half a second to import

    PLOTS.mkdir(exist_ok=True)
    return draw_all(experiment, trials, PLOTS).problems


def _say_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        Printer().talk(f"warning: {problem}")


def _say_results(series: Series) -> None:
    """Print the table and the findings."""
    out = Printer()
    trials = series.store.attempts.one_per_trial(series.experiment.name)
    parameters = series.experiment.parameters
    shown = results_table(trials, (), parameters.points(), series.policy)
    out.table([shown.header, *shown.cells])
    for finding in series.findings():
        out.talk(finding_text(finding, parameters.varied))
    for trial in [trial for trial in trials if not trial.ok][:5]:
        out.talk(f"{trial.id} {trial.outcome}: {trial.why}")


def _set_aside(table: Path, store: Store, name: str) -> None:
    """Rename a results file that this store did not write: it holds results of an older wke, which must not be lost."""
    if table.exists() and name not in store.plans.names():
        kept = table.with_name(f"{table.stem}-before.csv")
        if kept.exists():
            raise InputError(f"{table} and {kept} hold results that are not in {RESULTS}", hint="move one of them away")
        table.rename(kept)
        Printer().talk(f"{table} was made by an older wke and is now {kept}; `wke merge-csv` joins two files")

"""`benchmark_main`: the command line of a benchmark script, whose Python function is called for every trial of an experiment."""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from wke.benchmarking.commandline import make_parser
from wke.benchmarking.flags import flag_place, read_flags
from wke.benchmarking.identity import surroundings
from wke.benchmarking.parameters import Known, completed, read_known
from wke.benchmarking.results import ResultPrinter, printed_rows
from wke.benchmarking.series import Reuse, make_series, run_missing
from wke.describe.configuration.optionvalue import type_of
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.toml.wording import counted
from wke.errors import InputError, WkeError
from wke.judge.summary.series import SeriesWork
from wke.keep.store import Store
from wke.series.figures import timelines
from wke.series.folders import PLOTS, RESULTS
from wke.series.summary import load_summary, load_work
from wke.tell.exports.results_csv import results_file
from wke.tell.figures.files import Drawn, draw_figures
from wke.tell.terminal.console import Printer
from wke.tell.terminal.progress import PlainProgress, SeriesState
from wke.tell.terminal.summary import print_findings, print_summary, print_without_result
from wke.values import dataclass

Function = Callable[..., bool]
"""`function(params, collect_statistics, result_printer, verbose=False)` measures one point and returns True if it succeeded."""


@dataclass(frozen=True, slots=True)
class ResultsTable:
    """The CSV file of a series. If `appended` it has the results of all commands, else those of the experiment as it is now."""

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
    """Run the command line of a benchmark script; return the exit status, 0 if every trial succeeded: `sys.exit(benchmark_main(...))`.

    `parameters` maps the name of each parameter to `{"default": value, "about": text}` or to a bare default. For every trial
    `function(params, collect_statistics, result_printer, verbose=False)` is called with a value for each parameter; it calls
    `result_printer.print(uid, params, {"metric": number})`, once for each row of results/NAME.csv, and returns True. Figures show the mean
    of a trial's rows.  A trial fails when it returns anything else or raises, and
    the others go on. `cooldown_time` seconds pass between two trials where the experiment does not say otherwise.

    Results are kept in results/ (one store for all experiments) and exported to results/NAME.csv; those of trials that nothing has
    changed about, neither the script nor a configuration nor the cluster, are reused.
    """
    try:
        options = make_parser().parse_args()
    except SystemExit as stop:  # --help, or a mistake, which is printed already
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
    """Run all points that the flags describe, and add their results to the same file."""
    out = RESULTS / f"results-{time.strftime('%y%m%d-%H%M%S')}.csv" if options.outfile is None else Path(options.outfile)
    experiment = Experiment(
        name=out.stem,
        path=Path("command line"),
        iterations=options.num_iterations,
        warmups=options.num_warmups,
        order="sequential",
        parameters=completed(read_flags(options.flags), benchmark.parameters, flag_place, text=True),
    )
    return _run(replace(benchmark, verbose=options.verbose), experiment, ResultsTable(out, appended=True), Reuse(rerun=True))


def _toml(benchmark: Benchmark, options: argparse.Namespace) -> int:
    """Run the missing trials of an experiment file."""
    read = read_experiment(Path(options.filename))
    experiment = replace(read, parameters=completed(read.parameters, benchmark.parameters, read.at))
    if options.refresh_plots:
        with Store.open(RESULTS, readonly=True) as store:
            trials = load_work(store, experiment.name).trials
            drawn = draw_figures(experiment, trials, PLOTS, timelines(store, experiment, trials))
        _say_problems(drawn)
        return 1 if drawn.problems else 0
    reuse = Reuse(rerun=options.force_rerun, always=options.force_reuse)
    table = ResultsTable(RESULTS / f"{experiment.name}.csv", appended=False)
    return _run(replace(benchmark, verbose=options.verbose), experiment, table, reuse)


_COMMANDS: Mapping[str, Callable[[Benchmark, argparse.Namespace], int]] = {
    "print-parameters": _print_parameters,
    "cmdline": _cmdline,
    "toml": _toml,
}


def _run(benchmark: Benchmark, experiment: Experiment, table: ResultsTable, reuse: Reuse) -> int:
    """Run the missing trials, keep the CSV file and the figures up to date, and print what the series says."""
    out = Printer()
    with Store.open(RESULTS, command=benchmark.command, series=experiment.name) as store:
        if store.note:
            out.talk(store.note)
        _set_aside(table.path, store, experiment.name)
        series = make_series(experiment, surroundings(benchmark.function, Path.cwd()), store, reuse, benchmark.command)
        more = "; then fresh rounds of the best values" if len(series.first) < len(series.planned) else ""
        out.talk(f"{experiment.name}: {counted(len(series.first), 'trial')}, {series.missing} without a result{more}")

        def update() -> Drawn:
            work = load_work(store, experiment.name)
            _export(store, work, benchmark.command, table)
            return draw_figures(experiment, work.trials, PLOTS, timelines(store, experiment, work.trials))

        try:
            with PlainProgress(SeriesState(_cooldown_s(benchmark, experiment), {})) as display:
                outcomes = run_missing(series, _caller(benchmark, experiment), display, update)
        except KeyboardInterrupt:
            out.talk("stopped; all trials that had ended are stored, and the same command continues")
            raise
        _say_problems(update())
        summary = load_summary(store, experiment.name)
        print_summary(summary)
        print_findings(summary)
        print_without_result(summary)
        out.talk(f"  {table.path}")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _caller(benchmark: Benchmark, experiment: Experiment) -> Callable[[Mapping[str, object], ResultPrinter], bool]:
    """Return a function that calls the script's function for one trial, after the machines have cooled down from the one before."""
    ready = time.monotonic()
    unset = {known.name: None for known in benchmark.parameters if known.default is None}

    def call(point: Mapping[str, object], printer: ResultPrinter) -> bool:
        nonlocal ready
        time.sleep(max(0.0, ready - time.monotonic()))  # figures are drawn meanwhile
        try:
            return benchmark.function({**unset, **point}, benchmark.collect_statistics, printer, verbose=benchmark.verbose)
        finally:
            ready = time.monotonic() + _cooldown_s(benchmark, experiment)

    return call


def _cooldown_s(benchmark: Benchmark, experiment: Experiment) -> float:
    return experiment.cooldown_s or benchmark.cooldown_s


def _export(store: Store, work: SeriesWork, command: str, table: ResultsTable) -> None:
    """Write the CSV file: with all attempts of the series if it is `appended` to, else with the trials that its table shows."""
    if table.appended:
        file = results_file(store.attempts.of_series(work.name), command=command, rows_of=printed_rows)
    else:
        file = results_file(work.shown, work.plan.rules.metrics, command=command, points=work.plan.rules.points, rows_of=printed_rows)
    file.write(table.path, private=True)


def _say_problems(drawn: Drawn) -> None:
    for problem in (*drawn.problems, *drawn.notes):
        Printer().talk(f"warning: {problem}")


def _set_aside(table: Path, store: Store, name: str) -> None:
    """Rename a results file that this store did not write: it has results of an older wke, which must not be lost."""
    if table.exists() and name not in store.plans.names():
        kept = table.with_name(f"{table.stem}-before.csv")
        if kept.exists():
            raise InputError(f"{table} and {kept} have results that are not in {RESULTS}", hint="move one of them away")
        table.rename(kept)
        Printer().talk(f"{table} was written by an older wke and is now {kept}; `wke merge-csv` merges two files")

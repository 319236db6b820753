"""`wke measure`: runs an experiment's missing trials, then shows what all of its trials say."""

import asyncio
import contextlib
import shlex
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import click

from wke.cli.compare import ALLOW_INCOMPLETE, STRICT, UNDECIDED, exit_status
from wke.cli.notify import Notifier
from wke.cli.options import grouped, project
from wke.cli.plan import print_plan
from wke.cli.shown_series import show_results
from wke.describe.experiment.experiment import Experiment
from wke.describe.names import merged_values
from wke.describe.toml.wording import counted
from wke.errors import InputError, Problem, WkeError
from wke.judge.summary.regression import RegressionReport
from wke.keep.files.current import CurrentWriter
from wke.keep.store import Store
from wke.records import Note, Record, Sink
from wke.series.comparison.comparing import read_threshold
from wke.series.comparison.regression import Reference, open_reference, regression_report
from wke.series.figures import timelines
from wke.series.folders import PLOTS, RESULTS
from wke.series.growing import plan_series
from wke.series.machines import MachinesChangedError
from wke.series.measuring import TrialChoice, measure_missing
from wke.series.planned import PlannedSeries, select_trials
from wke.series.planstate import load_plan_state
from wke.series.project import Project, read_project
from wke.series.reanalysis import reanalysis_hint
from wke.series.storedresults import StoredResults
from wke.series.summary import load_summary, load_work
from wke.tell.exports.markdown import markdown, publish
from wke.tell.exports.results_csv import export_csv
from wke.tell.figures.files import draw_figures
from wke.tell.report import headline
from wke.tell.terminal.console import Printer, worst_status
from wke.tell.terminal.lastline import last_line
from wke.tell.terminal.outlooks import start_text
from wke.tell.terminal.output import is_terminal
from wke.tell.terminal.progress import LiveProgress, SeriesState, progress, uneven_text
from wke.tell.terminal.summary import print_findings
from wke.tell.words import seconds
from wke.values import dataclass

DRAWING = 0.1  # at most this share of the time goes into figures between trials: the machines may be emulated on this computer


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasureOptions:
    """The options of `wke measure`."""

    dry_run: Annotated[bool, click.option("--dry-run", is_flag=True, help="Print what would run; start nothing.")]
    only: Annotated[
        tuple[str, ...],
        click.option("--only", multiple=True, metavar="PARAMETER=VALUE", help="Run only the trials with this value (several: A=1,B=2)."),
    ]
    on: Annotated[
        str | None,
        click.option("--on", metavar="SELECTOR", help="Use only these machines of the cluster; other series may use the others meanwhile."),
    ]
    limit: Annotated[int | None, click.option("--limit", type=click.IntRange(min=1), help="Run at most this many trials.")]
    keep_going: Annotated[
        bool, click.option("--keep-going/--fail-fast", default=True, help="After a failed trial, continue (the default) or stop.")
    ]
    detach: Annotated[
        bool | None,
        click.option(
            "--detach/--no-detach",
            default=None,
            help="Let the running trial continue when this command ends (Ctrl-C, hang-up, kill -9), for 2 h or the cluster's lease.",
        ),
    ]
    remeasure: Annotated[
        bool, click.option("--remeasure", is_flag=True, help="If machines have changed, measure the affected trials again; do not ask.")
    ]
    figures: Annotated[
        bool, click.option("--figures/--no-figures", default=True, help="Draw the figures as results arrive (the default), or do not.")
    ]
    submit: Annotated[
        bool,
        click.option("--submit", is_flag=True, help="Let Slurm run this command on nodes of its own, as a batch job; see `wke status`."),
    ]
    notify: Annotated[
        str | None,
        click.option(
            "--notify",
            metavar="COMMAND",
            help="Run COMMAND in a shell when the series has ended or stopped; it finds in $WKE_MESSAGE what to say.",
        ),
    ]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ComparisonOptions:
    """The options of `wke measure --ci`."""

    ci: Annotated[
        bool,
        click.option("--ci", is_flag=True, help="Compare, for a CI job: Markdown on stdout, status 4 if a regression is confirmed."),
    ]
    baseline: Annotated[
        str | None,
        click.option("--baseline", metavar="REF", help="With --ci: compare with this commit, PARAMETER=VALUE, results folder or series."),
    ]
    threshold: Annotated[
        str | None, click.option("--threshold", metavar="SHARE", help="With --ci: differences up to this share do not matter, as in 2%.")
    ]
    strict: Annotated[bool, STRICT]
    allow_incomplete: Annotated[bool, ALLOW_INCOMPLETE]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@grouped(MeasureOptions)
@grouped(ComparisonOptions, "comparison")
@project
def measure(file: Path, cluster_file: Path, *, options: MeasureOptions, comparison: ComparisonOptions) -> int:
    """Run every trial of the experiment FILE that is not stored yet, then print the table and draw the figures.

    Each trial is stored in results/ when it ends. After an interruption the same command continues. A stored trial is reused as long as
    everything it depends on (scripts, options, steps, metrics, machines) is unchanged; failed trials run again. When a machine is not the
    one that results were measured on, you are asked whether that matters; without a terminal nothing runs.

    With --ci the working tree is compared with REF, as `wke compare` does. A commit's steps, scripts and files are measured beside those of
    the working tree, round by round; if machines have changed, everything is measured again.
    """
    _check(options, comparison)
    asked = read_project(file, cluster_file, options.on)
    if not comparison.ci:
        return _measure(asked, None, options, comparison)
    with open_reference(asked, comparison.baseline, read_threshold(comparison.threshold)) as reference:
        return _measure(reference.project, reference, options, comparison)


def _measure(asked: Project, reference: Reference | None, options: MeasureOptions, comparison: ComparisonOptions) -> int:
    series, choice = plan_series(asked), _choice(options, comparison)
    select_trials(series, choice.only)  # raises for a wrong --only before anything is written
    if options.dry_run:
        return _dry_run(series, choice)
    if options.submit:
        from wke.cli.submitting import submit_series  # noqa: PLC0415 - only here

        submit_series(series, shlex.join(["wke", *sys.argv[1:]]))
        return 0
    experiment = series.plan.experiment
    command = shlex.join(["wke", *sys.argv[1:]])
    with Notifier(options.notify, experiment.name) as news, Store.open(RESULTS, command=command, series=experiment.name) as store:
        if store.note:
            Printer().talk(store.note)
        watch = Terminal(store, figures=options.figures and not comparison.ci, plain=comparison.ci)
        outcomes = measure_missing(series, store, choice, watch)
        summary = load_summary(store, experiment.name, whole=False)
        print_findings(summary)
        status, line = worst_status(outcomes), last_line(summary)
        if reference is None:
            show_results(store, experiment, summary, figures=options.figures)
            Printer().talk(line)
        else:
            export_csv(RESULTS, summary)
            report = regression_report(reference, series, store, choice.only)
            status, line = _publish(report, status, comparison), headline(report)
        news.hear(line, outcomes, status, why_stopped=watch.stopped)
    return status


def _publish(report: RegressionReport, status: int, comparison: ComparisonOptions) -> int:
    """Print a comparison for a CI job; return the exit status, given that of the trials."""
    text = markdown(report)
    Printer().data(text)
    publish(text)
    verdict = exit_status(report, strict=comparison.strict, allow_incomplete=comparison.allow_incomplete)
    return status or verdict if verdict == UNDECIDED and report.incomplete else verdict


def _check(options: MeasureOptions, comparison: ComparisonOptions) -> None:
    given = (comparison.baseline, comparison.threshold, comparison.strict or None, comparison.allow_incomplete or None)
    if any(one is not None for one in given) and not comparison.ci:
        what = "--baseline, --threshold, --strict and --allow-incomplete need --ci"
        raise InputError(what, hint="or write baseline = {...} and threshold in [experiment]")
    if options.submit and (comparison.ci or options.detach):
        raise InputError("--submit does not go with --ci or --detach", hint="the job runs by itself; compare its results when it is over")
    if comparison.ci and options.detach:
        raise InputError("--detach does not work with --ci: the verdict is due when the command ends")


def _choice(options: MeasureOptions, comparison: ComparisonOptions) -> TrialChoice:
    return TrialChoice(
        only=merged_values(options.only, "--only"),
        limit=options.limit,
        fail_fast=not options.keep_going,
        detach=False if comparison.ci else options.detach,
        remeasure=options.remeasure,
    )


def _dry_run(series: PlannedSeries, choice: TrialChoice) -> int:
    state = load_plan_state(series)
    print_plan(series, state, listed=choice.due(series, state.have))
    if hint := reanalysis_hint(series):
        Printer().talk(hint)
    return 0


class Terminal:
    """Shows on the terminal how a series is measured, and asks there what a change of machines means.

    `figures` says whether they are drawn between trials, `plain` that nothing is redrawn in place and nothing is asked. `stopped` is why a
    series ended early, "" if it did not.
    """

    def __init__(self, store: Store, *, figures: bool, plain: bool) -> None:
        self._store = store
        self._figures = figures
        self._plain = plain
        self._known: int | None = None
        self._draw_after = 0.0
        self._told: set[Problem] = set()
        self._tell: Sink = lambda _: None
        self._experiment: Experiment | None = None
        self.stopped = ""

    @property
    def is_live(self) -> bool:
        """Whether the display is one that is redrawn while trials run."""
        return isinstance(self._tell, LiveProgress)

    def note(self, text: str) -> None:
        """Print a note."""
        Printer().talk(text)

    def begins(self, series: PlannedSeries, results: StoredResults, to_run: int) -> None:
        """Print how much there is to do, and what is reused."""
        outlook, self._experiment = results.outlook(series), series.plan.experiment
        self._known = to_run if outlook.exact else None
        if series.plan.omission:
            Printer().talk(f"{series.plan.experiment.name}: {series.plan.omission.what}")
        text = start_text(outlook, to_run, len(results.stored), series.first_trials, series.plan.seed)
        Printer().talk(f"{series.plan.experiment.name}: {text}")

    @contextlib.contextmanager
    def display(self, series: PlannedSeries) -> Iterator[Sink]:
        """Show the progress of trials; if the series is stopped, say how far it is."""
        experiment = series.plan.experiment
        state = SeriesState(experiment.cooldown_s, {metric.name: metric.unit for metric in experiment.metrics})
        try:
            with progress(state, plain=self._plain) as self._tell, CurrentWriter(RESULTS, experiment.name, self._tell) as sink:
                yield partial(self._hear, sink)
            if uneven := uneven_text(state):
                Printer().talk(uneven)
        except MachinesChangedError:
            raise
        except (KeyboardInterrupt, WkeError):
            self._say_stopped(series.project, state.ended)
            raise

    def _hear(self, sink: Sink, record: Record) -> None:
        """Hand a record on; remember why the series ends early."""
        if isinstance(record, Note) and record.stops:
            self.stopped = record.text.partition("\n")[0]
        sink(record)

    async def after_trial(self) -> None:
        """Draw the figures, unless that would take more than the share DRAWING of the time."""
        began = time.monotonic()
        if self._figures and self._experiment is not None and began >= self._draw_after:
            work = load_work(self._store, self._experiment.name, recorded=True)
            over_time = timelines(self._store, self._experiment, work.trials)
            drawn = await asyncio.to_thread(draw_figures, self._experiment, work.trials, PLOTS, over_time)
            for problem in (one for one in drawn.problems if one not in self._told):
                self._tell(Note(f"warning: {problem}"))
            self._told.update(drawn.problems)
            ended = time.monotonic()
            self._draw_after = ended + (ended - began) * (1 / DRAWING - 1)

    def machines_changed(self, changed: MachinesChangedError) -> str | None:
        """Ask what a change of machines means; without a terminal, stop."""
        if self._plain:
            return None
        if not (sys.stdin.isatty() and is_terminal("stderr")):
            raise changed
        Printer().talk(changed.problems[0].what)
        answers = click.Choice(["measure", "accept", "stop"])
        answer: str = click.prompt("measure these trials again, accept the change, or stop", type=answers, err=True)
        if answer == "stop":
            raise changed
        reason: str | None = click.prompt("why is it harmless", err=True) if answer == "accept" else None
        return reason

    def _say_stopped(self, project: Project, ended: int) -> None:
        """Print how far a stopped series is; export and draw its results."""
        experiment, of = project.experiment, "" if self._known is None else f" of {self._known}"
        what = "; it is" if (self._known or ended) == 1 else "s; they are"
        Printer().talk(f"stopped after {ended}{of} trial{what} stored, and the same command continues")
        for left in self._store.attempts.detached(experiment.name):
            Printer().talk(
                f"trial {left.attempt.trial} keeps running on {counted(len(left.folders), 'machine')} for at most "
                f"{seconds(project.cluster.detached_lease_s)}; `wke measure {experiment.path}` takes it up again, `wke abandon` stops it"
            )
        with contextlib.suppress(WkeError, OSError):  # the series may have stopped because the disk is full
            work = load_work(self._store, experiment.name, recorded=True)
            export_csv(RESULTS, work)
            if self._figures:
                draw_figures(experiment, work.trials, PLOTS, timelines(self._store, experiment, work.trials))

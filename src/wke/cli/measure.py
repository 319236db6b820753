"""`wke measure`: an experiment's missing trials, then what all of them say."""

import asyncio
import contextlib
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from wke.act.interrupt import run_to_end
from wke.act.providers.provider import Place, provide
from wke.act.session.detached import Detachment
from wke.act.trials import runner
from wke.cli.ci import publish
from wke.cli.machines import resolve
from wke.cli.options import project
from wke.cli.plan import tell
from wke.cli.summary import draw_figures, print_summary, write_csv
from wke.describe.names import merged_values
from wke.errors import InputError, WkeError
from wke.keep.files.current import CurrentWriter
from wke.keep.store import Store
from wke.records import Outcome
from wke.series.detached import detachment, left_running, run_due, scope_at
from wke.series.folders import RESULTS
from wke.series.machines import MachinesChangedError, PlanChangedError, confirm_machines
from wke.series.planned import PlannedSeries, on_cluster, plan_series, record, select_trials
from wke.series.planstate import load_plan_state
from wke.series.project import read_project
from wke.series.reanalysis import reanalysis_hint
from wke.series.regression import compared, conclude
from wke.series.storedresults import StoredResults, load_results
from wke.tell.terminal.console import Printer, counted, seconds, worst_status
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.outlooks import start_text
from wke.tell.terminal.progress import SeriesState, progress, uneven_text

DRAWING = 0.1  # at most this share of the time goes into figures between trials: the machines may be emulated on this computer


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the missing trials to run, whether to go on after one that failed, and whether one may outlive the command.

    `plain`: nothing is redrawn, wherever it is shown.
    """

    only: dict[str, str]
    limit: int | None
    fail_fast: bool
    figures: bool
    detach: bool | None
    remeasure: bool
    plain: bool = False


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would run; start nothing.")
@click.option("--only", multiple=True, metavar="PARAMETER=VALUE", help="Run only the trials with this value (several: A=1,B=2).")
@click.option("--on", metavar="SELECTOR", help="Use only these machines of the cluster; other series may use the others meanwhile.")
@click.option("--limit", type=click.IntRange(min=1), help="Run at most so many trials.")
@click.option("--keep-going/--fail-fast", default=True, help="After a trial that failed: go on (the default), or stop.")
@click.option(
    "--detach/--no-detach",
    default=None,
    help="Let the trial that runs go on when this command ends (Ctrl-C, hang-up, kill -9), for 2 h or the cluster's lease.",
)
@click.option("--remeasure", is_flag=True, help="On machines that have changed, measure again what was measured before; do not ask.")
@click.option("--figures/--no-figures", default=True, help="Draw the figures as results arrive (the default), or not.")
@click.option("--ci", is_flag=True, help="Judge it for a job: Markdown on stdout, status 4 if a regression is confirmed, and only then.")
@click.option("--baseline", metavar="REF", help="With --ci: a commit, PARAMETER=VALUE, a results folder or a series to compare with.")
@click.option("--threshold", metavar="SHARE", help="With --ci: smaller differences do not matter, as in 2%.")
@project
def measure(
    file: Path,
    cluster_file: Path,
    *,
    dry_run: bool,
    only: tuple[str, ...],
    on: str | None,
    limit: int | None,
    keep_going: bool,
    detach: bool | None,
    remeasure: bool,
    figures: bool,
    ci: bool,
    baseline: str | None,
    threshold: str | None,
) -> int:
    """Run every trial of the experiment FILE that is not stored yet, then print the table and draw the figures.

    Each trial is stored in results/ as it ends. Interrupted at any moment, the same command goes on where it stood. A trial is reused as
    long as all that it depends on (scripts, options, steps, metrics, machines) is unchanged; failed trials run again. When a machine turns
    out to be another one than before, you are asked whether that matters; without a terminal nothing runs.

    With --ci the working tree is compared with REF. A commit's scripts are measured beside those of the working tree, round by round; on
    machines that have changed, all are measured again.
    """
    if not ci and (baseline is not None or threshold is not None):
        raise InputError("--baseline and --threshold go with --ci", hint="or write baseline = {...} and threshold in [experiment]")
    if ci and detach:
        raise InputError("--detach does not go with --ci: the verdict is due when the command ends")
    choice = Choice(merged_values(only, "--only"), limit, not keep_going, figures and not ci, False if ci else detach, remeasure, plain=ci)
    asked = read_project(file, cluster_file, on)
    comparing = compared(asked, baseline, threshold) if ci else None
    series = plan_series(comparing.project if comparing else asked)
    select_trials(series, choice.only)  # says what is wrong with --only before anything is made
    if dry_run:
        facts = load_plan_state(series)
        tell(series, facts, listed=_due(series, facts.have, choice))
        if advice := reanalysis_hint(series):
            Printer().talk(advice)
        return 0
    with Store.open(RESULTS, command=shlex.join(["wke", *sys.argv[1:]]), series=series.plan.experiment.name) as store:
        if store.note:
            Printer().talk(store.note)
        outcomes = _run_missing(series, store, choice)
        if comparing is not None:
            write_csv(store, series.plan.experiment)
            text, status = conclude(comparing, series, store, outcomes, choice.only)
            Printer().data(text)
            publish(text)
            return status
        print_summary(store, series.plan.experiment, figures=figures)
    return worst_status(outcomes)


def _run_missing(series: PlannedSeries, store: Store, choice: Choice) -> Sequence[Outcome]:
    """Run what is missing; without anything missing, say so and make no machine, unless machines that changed are looked for."""
    if not (_due(series, load_results(series, store), choice) or store.attempts.detached(series.plan.experiment.name) or choice.remeasure):
        _announce(series, store, 0)
        record(series, store)
        _say_findings(series, store)
        return ()
    detaching = detachment(series.project.cluster, wanted=choice.detach, scoped=scope_at(series))
    if detaching.note:
        Printer().talk(detaching.note)
    detached = detaching.detachment
    with provide(series.project.whole, lasting=detached is not None) as place:
        for note in place.notes:
            Printer().talk(note)
        if place.cluster != series.project.whole:
            series = on_cluster(series, place.cluster)
        left_running(series, store)  # says what is in the way before the plan is recorded
        command = _Command(series, place, store, record(series, store), choice, detached)
        while True:
            try:
                return _run(command)
            except PlanChangedError:
                continue
            except MachinesChangedError as changed:
                resolve(changed, store, command.number, remeasure=choice.remeasure or choice.plain)


@dataclass(frozen=True, slots=True)
class _Command:
    """What runs: a series on machines that are there, and the command's number in the store."""

    series: PlannedSeries
    place: Place
    store: Store
    number: int
    choice: Choice
    detached: Detachment | None

    def due(self, attempted: Collection[str] = ()) -> list[runner.IdentifiedTrial]:
        return _due(self.series, load_results(self.series, self.store), self.choice, attempted)


def _run(command: _Command) -> Sequence[Outcome]:
    """Run what is missing; raise as `confirm_machines` does before anything runs."""
    series, store, choice = command.series, command.store, command.choice
    experiment, left, first = series.plan.experiment, left_running(series, store), len(command.due())
    outlook = load_results(series, store).outlook(series)
    _announce(series, store, first)
    if first and (advice := reanalysis_hint(series, store)):
        Printer().talk(advice)
    if command.detached is not None:
        Printer().talk(f"detached: without this command a trial goes on for at most {seconds(command.detached.lease_s)}")
    state = SeriesState(experiment.cooldown_s, {metric.name: metric.unit for metric in experiment.metrics})
    redraw = _redrawing(store, series) if choice.figures else _nothing
    settled = partial(confirm_machines, series, store, command.number)
    try:
        with progress(state, plain=choice.plain) as display, CurrentWriter(RESULTS, experiment.name, display) as sink:
            running = runner.RunningSeries(
                command.place, store, command.number, experiment, sink, redraw, choice.fail_fast, command.detached, settled
            )
            if choice.remeasure and left is None:
                run_to_end(runner.look(running, series.trials))
            outcomes = run_to_end(run_due(running, left, command.due))
        if uneven := uneven_text(state):
            Printer().talk(uneven)
    except MachinesChangedError:
        raise
    except (KeyboardInterrupt, WkeError):
        _say_stopped(command, state, first if outlook.exact else None)
        raise
    _say_findings(series, store)
    return outcomes


def _say_stopped(command: _Command, state: SeriesState, known: int | None) -> None:
    """Say how far a series that was stopped is, of a `known` number of trials if it is known; export and draw what there is."""
    store, experiment = command.store, command.series.plan.experiment
    of = "" if known is None else f" of {known}"
    Printer().talk(f"stopped after {state.ended}{of} trials; they are stored, and the same command goes on")
    lease = seconds(command.series.project.cluster.detached_lease_s)
    for left in store.attempts.detached(experiment.name):
        Printer().talk(
            f"trial {left.attempt.trial} goes on on {counted(len(left.folders), 'machine')} for at most {lease};"
            f" `wke measure {experiment.path}` takes it up again, `wke abandon` stops it"
        )
    with contextlib.suppress(WkeError, OSError):  # what stopped the series may be the full disk
        write_csv(store, experiment)
        if command.choice.figures:
            draw_figures(store.attempts.one_per_trial(experiment.name), experiment)


def _due(series: PlannedSeries, have: StoredResults, choice: Choice, attempted: Collection[str] = ()) -> list[runner.IdentifiedTrial]:
    """Return what to run next, after those trials that this command attempted already."""
    limit = None if choice.limit is None else choice.limit - len(attempted)
    return have.due(series, select_trials(series, choice.only), attempted)[:limit]


def _announce(series: PlannedSeries, store: Store, to_run: int) -> None:
    """Say how much there is to do, and what is reused."""
    have = load_results(series, store)
    text = start_text(have.outlook(series), to_run, len(have.stored), len(series.trials), series.plan.seed)
    Printer().talk(f"{series.plan.experiment.name}: {text}")


def _say_findings(series: PlannedSeries, store: Store) -> None:
    """Say what the series found."""
    for finding in series.policy.findings(series.planned, load_results(series, store).seen()):
        Printer().talk(finding_text(finding, series.plan.experiment.parameters.varied))


async def _nothing() -> None:
    """Draw nothing."""


def _redrawing(store: Store, series: PlannedSeries) -> Callable[[], Awaitable[None]]:
    """Return what draws the figures between two trials, unless that would take more than DRAWING of the time."""
    not_before = 0.0

    async def redraw() -> None:
        nonlocal not_before
        began = time.monotonic()
        if began >= not_before:
            trials = store.attempts.one_per_trial(series.plan.experiment.name)
            await asyncio.to_thread(draw_figures, trials, series.plan.experiment)
            ended = time.monotonic()
            not_before = ended + (ended - began) * (1 / DRAWING - 1)

    return redraw

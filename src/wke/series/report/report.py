"""Assembles a page: everything that one or more series are and say, in at most LARGEST bytes."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from shlex import quote

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.toml.wording import counted
from wke.errors import InputError, did_you_mean
from wke.series.folders import RESULTS
from wke.series.report.differing import compared, differences
from wke.series.report.disclosure import full_disclosure, machine_grids, page_doubts, reproducing, what_was_run
from wke.series.report.failures import failure_causes
from wke.series.report.figurecommands import figure_commands
from wke.series.report.headlines import headlines, shown_comparisons
from wke.series.report.points import PagePoints, distributions, shown_metrics, shown_points
from wke.series.report.sides import ReportSide, open_sides
from wke.series.report.timelines import choose_timelines
from wke.series.report.trials import ReadTrial, read_trials, utc
from wke.series.resolve import SeriesSelection
from wke.tell.page.arrangement import arrange
from wke.tell.page.page import report_page
from wke.tell.page.values import Report
from wke.values import dataclass

LARGEST = 10_000_000
"""Bytes of a page: what most mail servers take."""
SPARE = 20_000
SHORTEST_LOG = 5
"""Lines that remain of each attempt that counts if the page would be too large."""


@dataclass(frozen=True, slots=True)
class MadePage:
    """A page as text, and what it does not hold, in sentences."""

    text: str
    left_out: tuple[str, ...]


def make_page(names: Sequence[str], named_trials: Sequence[str] = (), largest: int = LARGEST) -> MadePage:
    """Return the page of the series that names mean, with the whole telemetry of some trials. The first series is compared with the others.

    Raise InputError for names that mean nothing, or several things.
    """
    command = " ".join(["wke", "report", *map(quote, names)])
    with open_sides(names) as sides:
        points, metrics = PagePoints.of(sides), shown_metrics(sides)
        trials = read_trials(sides, points.places, [metric.name for metric in metrics])
        wanted = [_named(name, trials).shown.key for name in named_trials]
        report = _report(sides, points, trials, command)
        bare = len(report_page(report).encode())
        left_out: list[str] = []
        if bare + SPARE > largest:
            report, left_out = _shorter(report, largest - SPARE)
            bare = len(report_page(report).encode())
        lines = choose_timelines(trials, wanted, max(0, largest - SPARE - bare), command)
        left_out += lines.left_out
        shown = [replace(trial, telemetry=lines.packed.get(trial.key)) for trial in report.trials]
        whole = replace(report, trials=shown, left_out=tuple(left_out))
        return MadePage(report_page(whole), tuple(left_out))


def _report(sides: Sequence[ReportSide], points: PagePoints, trials: Sequence[ReadTrial], command: str) -> Report:
    """Return the page without telemetry."""
    comparisons = compared(sides)
    metrics = shown_metrics(sides)
    experiment = _experiment(sides[0])
    report = Report(
        title=" and ".join(side.name for side in sides),
        description=experiment.about if experiment else "",
        measured=_measured(sides, trials),
        series=tuple(side.name for side in sides),
        parameters=points.parameters,
        metrics=metrics,
        headlines=headlines(comparisons.found, sides[0].summary.findings, sides[0].summary.table),
        doubts=(*comparisons.doubts, *page_doubts(sides)),
        points=shown_points(points, trials),
        trials=tuple(trial.shown for trial in trials),
        distributions=tuple(distributions(sides, points)),
        comparisons=shown_comparisons(comparisons.found),
        baseline=comparisons.baseline,
        differences=tuple(differences(sides, comparisons, trials)),
        failures=failure_causes(trials),
        facts=tuple(what_was_run(sides, points, trials)),
        machines=tuple(machine_grids(trials)),
        disclosure=tuple(term for term in full_disclosure(sides, trials) if term[1]),
        left_out=(),
        commands={"compare:": comparisons.command} if comparisons.command else {},
        reproduce=tuple(reproducing(sides, command)),
        version=version("wke"),
        fixed=points.fixed,
        interval_words=_interval_words(sides),
    )
    is_plotted = experiment is not None and len(sides) == 1 and sides[0].found.selection == SeriesSelection(experiment.name)
    drawn = experiment if is_plotted else None
    figures = figure_commands(sides, [metric.name for metric in metrics], points.parameters, arrange(report), drawn)
    return replace(report, commands={**figures, **report.commands})


def _experiment(side: ReportSide) -> Experiment | None:
    """Return the experiment of a series by its file; None if that is gone, or of another project."""
    path = Path(side.summary.plan.file)
    try:
        known = side.found.folder == RESULTS and bool(side.summary.plan.cluster) and path.is_file()
        return read_experiment(path) if known else None
    except InputError:
        return None


def _measured(sides: Sequence[ReportSide], trials: Sequence[ReadTrial]) -> str:
    starts = [trial.at.started_ns for trial in trials]
    ends = [trial.at.started_ns + int((trial.at.elapsed_s or 0) * 1e9) for trial in trials]
    when = (
        f"{utc(min(starts)).removesuffix(' UTC')} to {utc(max(ends))}, {counted(len(trials), 'attempt')}"
        if trials
        else "nothing was measured yet"
    )
    files = ", ".join(dict.fromkeys(side.summary.plan.file for side in sides))
    return f"{files}: {when}"


def _interval_words(sides: Sequence[ReportSide]) -> str:
    rounds = [row.n for side in sides for row in side.summary.table.rows if row.n]
    if not rounds:
        return ""
    span = str(min(rounds)) if min(rounds) == max(rounds) else f"{min(rounds)} to {max(rounds)}"
    return f"95 % intervals over the trials of each point, of which there are {span}"


def _named(name: str, trials: Sequence[ReadTrial]) -> ReadTrial:
    """Return the attempt that a name means: its key in the page, or the start of a trial's id, meaning the attempt that counts."""
    exact = [trial for trial in trials if trial.shown.key == name]
    found = exact or [
        trial for trial in trials if trial.shown.key.startswith(name) and trial.shown.key.partition(".")[0] == trial.shown.key
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f'"{name}" begins several trials: {", ".join(trial.shown.key for trial in found[:5])}', hint="give more of the id")
    raise InputError(f'no trial of this page begins with "{name}"', hint=did_you_mean(name, [trial.shown.key for trial in trials]))


def _shorter(report: Report, room: int) -> tuple[Report, list[str]]:
    """Return a page without the last lines of attempts, those that count first, and what was left out."""
    counting = [replace(trial, lines=()) if trial.counts else trial for trial in report.trials]
    shorter = replace(report, trials=counting)
    if len(report_page(shorter).encode()) <= room:
        return shorter, ["the last lines of attempts that count: wke logs TRIAL"]
    return replace(report, trials=[replace(trial, lines=(), tasks=()) for trial in report.trials]), [
        "the last lines and tasks of all attempts: wke show TRIAL"
    ]

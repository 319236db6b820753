"""What `wke measure` and `wke reanalyse` show of a series at their end."""

from pathlib import Path

from wke.describe.experiment.experiment import Experiment
from wke.judge.summary.series import SeriesSummary
from wke.keep.store import Store
from wke.series.figures import timelines
from wke.series.folders import PLOTS, RESULTS
from wke.tell.exports.results_csv import export_answers, export_csv
from wke.tell.figures.files import draw_figures
from wke.tell.figures.uptodate import note_drawn, up_to_date
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import print_paths, print_summary, print_without_result


def show_results(store: Store, experiment: Experiment, summary: SeriesSummary, *, figures: bool) -> None:
    """Print what a series says, write its CSV file, draw its figures unless they are up to date, and say which commands show more."""
    print_summary(summary)
    print_without_result(summary)
    paths = [export_csv(RESULTS, summary), *export_answers(RESULTS, summary)]
    if figures:
        paths += up_to_date(experiment, summary.trials, PLOTS) or _draw(store, experiment, summary)
    print_paths(summary, paths)


def _draw(store: Store, experiment: Experiment, summary: SeriesSummary) -> tuple[Path, ...]:
    """Draw the figures, and say what is wrong with them; return the files."""
    drawn = draw_figures(experiment, summary.trials, PLOTS, timelines(store, experiment, summary.trials))
    for problem in (*drawn.problems, *drawn.notes):
        Printer().talk(f"warning: {problem}")
    if not (drawn.problems or drawn.notes):
        note_drawn(experiment, summary.trials, PLOTS, drawn.files)
    return drawn.files

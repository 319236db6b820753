"""What `wke measure` and `wke reanalyse` show of a series at their end."""

from wke.describe.experiment.experiment import Experiment
from wke.judge.summary.series import SeriesSummary
from wke.series.folders import PLOTS, RESULTS
from wke.tell.exports.results_csv import export_csv
from wke.tell.figures.files import draw_figures
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import print_paths, print_summary, print_without_result


def show_results(experiment: Experiment, summary: SeriesSummary, *, figures: bool) -> None:
    """Print what a series says, write its CSV file, draw its figures, and say which commands show more."""
    print_summary(summary)
    print_without_result(summary)
    paths = [export_csv(RESULTS, summary)]
    if figures:
        drawn = draw_figures(experiment, summary, PLOTS)
        paths += drawn.files
        for problem in drawn.problems:
            Printer().talk(f"warning: {problem}")
    print_paths(summary, paths)

"""`wke plot`: draws an experiment's figures again, or others of its series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import click

from wke.cli.options import as_json, folder
from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.experimentreader import read_experiment, read_plots
from wke.describe.experiment.forms import WIDTHS, figure_width
from wke.describe.experiment.plot import Format
from wke.describe.toml.shape import FlawError
from wke.errors import InputError, Location
from wke.keep.store import Store
from wke.series.figures import timelines
from wke.series.folders import PLOTS, RESULTS
from wke.series.inputs import input_changes
from wke.series.resolve import experiment_file
from wke.series.summary import load_work
from wke.tell.figures.files import draw_figures
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import inputs_text

FIGURE = "--figure"


@click.command()
@click.argument("experiment")
@click.option(FIGURE, "figures", multiple=True, metavar="KEYS", help="Draw this figure, given as keys of [[plots]], instead of the file's.")
@click.option("--width", metavar="WIDTH", help=f"Make figures so wide: {', '.join(WIDTHS)}, or a length such as 8.5cm.")
@click.option("--format", "formats", multiple=True, type=click.Choice(get_args(Format)), help="Write such a file, not the usual ones.")
@folder
@as_json
def plot(experiment: str, *, figures: Sequence[str], width: str | None, formats: Sequence[Format], as_json: bool) -> None:
    """Draw the [[plots]] of EXPERIMENT, a file or a series in results/, from the stored trials; print the files' paths.

    This needs no machine: a plot can be changed and drawn again long after the cluster is gone.

    KEYS are those of [[plots]] in one line, such as --figure 'type = "box", x-axis = "num-clients", y-axis = "p99"'. Without a label, the
    figure is labelled with its type.
    """
    inches = _inches(width)
    described = _with_plots(read_experiment(experiment_file(experiment)), figures, inches, formats)
    with Store.open(RESULTS, readonly=True) as store:
        work = load_work(store, described.name, recorded=True)
        over_time = timelines(store, described, work.trials)
    if changed := inputs_text(work, input_changes(work)):
        Printer().talk(changed)
    drawn = draw_figures(described, work.trials, PLOTS, over_time)
    if as_json:
        Printer().document({"files": [str(path) for path in drawn.files]})
    for note in drawn.notes:
        Printer().talk(f"warning: {note}")
    for path in drawn.files if not as_json else ():
        Printer().data(str(path))
    if drawn.problems:
        raise InputError(*drawn.problems)


def _inches(width: str | None) -> float | None:
    """Return the width that is asked for; raise InputError for one that means nothing."""
    try:
        return None if width is None else figure_width(width)
    except FlawError as error:
        raise InputError(f"--width {error}", hint=error.hint) from None


def _with_plots(described: Experiment, figures: Sequence[str], inches: float | None, formats: Sequence[Format]) -> Experiment:
    """Return an experiment with the plots that the command line asks for; raise InputError for none."""
    if figures:
        plots = read_plots(figures, described, FIGURE)
        described = replace(described, plots=plots, at=lambda *_: Location(FIGURE))
    if not described.plots:
        raise InputError("has no [[plots]]", where=described.where, hint="a plot needs type, x-axis and y-axis")
    wanted = [replace(each, width_in=inches or each.width_in, formats=tuple(formats) or each.formats) for each in described.plots]
    return replace(described, plots=tuple(wanted))

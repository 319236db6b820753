"""`wke plot`: draws an experiment's figures again."""

import click

from wke.cli.options import as_json, folder
from wke.describe.experiment.experimentreader import read_experiment
from wke.errors import InputError
from wke.keep.store import Store
from wke.series.folders import PLOTS, RESULTS
from wke.series.inputs import input_changes
from wke.series.resolve import experiment_file
from wke.series.summary import load_work
from wke.tell.figures.files import draw_figures
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import inputs_text


@click.command()
@click.argument("experiment")
@folder
@as_json
def plot(experiment: str, *, as_json: bool) -> None:
    """Draw the [[plots]] of EXPERIMENT, a file or a series in results/, from the stored trials; print the files' paths.

    This needs no machine: a plot can be changed and drawn again long after the cluster is gone.
    """
    described = read_experiment(experiment_file(experiment))
    if not described.plots:
        raise InputError("has no [[plots]]", where=described.where, hint="a plot needs type, x-axis and y-axis")
    with Store.open(RESULTS, readonly=True) as store:
        work = load_work(store, described.name, recorded=True)
    if changed := inputs_text(work, input_changes(work)):
        Printer().talk(changed)
    drawn = draw_figures(described, work.trials, PLOTS)
    if as_json:
        Printer().document({"files": [str(path) for path in drawn.files]})
    for note in drawn.notes:
        Printer().talk(f"warning: {note}")
    for path in drawn.files if not as_json else ():
        Printer().data(str(path))
    if drawn.problems:
        raise InputError(*drawn.problems)

"""`wke plot`: draws an experiment's figures again."""

import json

import click

from wke.cli.options import as_json, folder
from wke.cli.summary import draw_figures
from wke.describe.experiment.experimentreader import read_experiment
from wke.errors import InputError
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.resolve import experiment_file
from wke.tell.terminal.console import Printer


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
        paths, problems = draw_figures(store.attempts.one_per_trial(described.name), described)
    if as_json:
        Printer().data(json.dumps({"files": [str(path) for path in paths]}, indent=2))
    for path in paths if not as_json else ():
        Printer().data(str(path))
    if problems:
        raise InputError(*problems)

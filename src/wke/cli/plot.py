"""`wke plot`: draws an experiment's figures again."""

import json
from pathlib import Path

import click

from wke.cli.options import as_json, folder
from wke.cli.summary import draw_figures
from wke.describe.experiment.experimentreader import read_experiment
from wke.errors import InputError
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@folder
@as_json
def plot(file: Path, *, as_json: bool) -> None:
    """Draw the [[plots]] of the experiment FILE from the stored trials; print the files' paths.

    This needs no machine: a plot can be changed and drawn again long after the cluster is gone.
    """
    experiment = read_experiment(file)
    if not experiment.plots:
        raise InputError("has no [[plots]]", where=experiment.where, hint="a plot needs type, x-axis and y-axis")
    with Store.open(RESULTS, readonly=True) as store:
        paths, problems = draw_figures(store.attempts.one_per_trial(experiment.name), experiment)
    if as_json:
        Printer().data(json.dumps({"files": [str(path) for path in paths]}, indent=2))
    for path in paths if not as_json else ():
        Printer().data(str(path))
    if problems:
        raise InputError(*problems)

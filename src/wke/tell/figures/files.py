"""Draws the figures of an experiment; matplotlib is imported only when there is a figure to draw."""

from pathlib import Path
from typing import TYPE_CHECKING

from wke.describe.experiment.experiment import Experiment
from wke.judge.summary.series import SeriesWork
from wke.keep.trials.units import in_units

if TYPE_CHECKING:
    from wke.tell.figures.figure import Drawn


def draw_figures(experiment: Experiment, work: SeriesWork, folder: Path) -> "Drawn":
    """Draw every plot of an experiment into `folder`, by the trials of its series, in the units that the experiment declares now."""
    from wke.tell.figures.figure import draw_all  # noqa: PLC0415 - matplotlib takes half a second to import

    folder.mkdir(exist_ok=True)
    trials = in_units(work.trials, {}, declared={metric.name: metric.unit for metric in experiment.metrics})
    return draw_all(experiment, trials, folder)

"""Draws the figures of an experiment. Whatever goes wrong with one of them is told and stops nothing: measuring goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.errors import Problem, WkeError
from wke.keep.trials.trials import StoredAttempt
from wke.keep.trials.units import in_units
from wke.tell.figures.script import run_script
from wke.values import dataclass

if TYPE_CHECKING:  # numpy, which commands that draw nothing do without
    from wke.judge.telemetry.trial import TrialTelemetry


@dataclass(frozen=True, slots=True)
class Drawn:
    """The files of the plots of an experiment, the problems of plots that are not drawn, and notes on those not drawn as was asked."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


def draw_figures(
    experiment: Experiment, trials: Sequence[StoredAttempt], folder: Path, telemetry: "Mapping[str, TrialTelemetry] | None" = None
) -> Drawn:
    """Draw every plot of an experiment into `folder`, by the trials of its series, in the units that the experiment declares now.

    `telemetry` is that of the trials that timelines show, by their ids: series/figures.py. Problems have the place of their plot.
    """
    files: list[Path] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    units = {metric.name: metric.unit for metric in experiment.metrics}
    for index, plot in enumerate(experiment.plots):
        place, path = experiment.at("plots", index), stem(folder, experiment.name, plot)
        try:
            drawn, told = _draw(plot, in_units(trials, {}, declared=units), path, experiment, telemetry or {})
        except WkeError as error:
            problems += [replace(problem, where=problem.where or place) for problem in error.problems]
        except Exception as error:  # noqa: BLE001 - matplotlib raises anything, and no figure is worth a series
            problems.append(Problem(f"{path} was not drawn: {type(error).__name__}: {' '.join(str(error).split())}", place))
        else:
            files += drawn
            notes += [replace(note, where=place) for note in told]
    return Drawn(tuple(files), tuple(problems), tuple(notes))


def stem(folder: Path, name: str, plot: Plot) -> Path:
    """Return the path of a plot's files without the suffix: `folder`/NAME or `folder`/NAME_LABEL."""
    return folder / (f"{name}_{plot.label}" if plot.label else name)


def _draw(
    plot: Plot, trials: Sequence[StoredAttempt], path: Path, experiment: Experiment, telemetry: "Mapping[str, TrialTelemetry]"
) -> tuple[list[Path], Sequence[Problem]]:
    if plot.script is not None:
        return run_script(plot.script, trials, path.with_name(f"{path.name}.pdf")), ()
    from wke.tell.figures.figure import draw  # noqa: PLC0415 - matplotlib takes half a second to import

    return draw(plot, trials, path, experiment, telemetry)

"""What figures need beside the trials of a series: the telemetry of trials that they show over time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wke.describe.experiment.experiment import Experiment
from wke.errors import InputError
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.chosen import shown_trial

if TYPE_CHECKING:  # numpy, which series without timelines do without
    from wke.judge.telemetry.trial import TrialTelemetry


def timelines(store: Store, experiment: Experiment, trials: Sequence[StoredAttempt]) -> "dict[str, TrialTelemetry]":
    """Return the telemetry of the trials that the timelines of an experiment show, by their ids; {} for one without timelines.

    A timeline of a trial that there is not is left to the figure, which says so.
    """
    found: dict[str, TrialTelemetry] = {}
    for plot in experiment.plots:
        if plot.type != "timeline":
            continue
        from wke.series.telemetry import load_telemetry  # noqa: PLC0415 - see above

        try:
            trial = shown_trial(plot, trials, experiment)
        except InputError:
            continue
        if trial is not None and trial.id not in found:
            found[trial.id] = load_telemetry(store, trial.id, trial.attempt)
    return found

"""What a figure is made of: a plot, its experiment, and the trials that it shows, one row each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.describe.experiment.point import distinct
from wke.judge.summary.pointtable import value_order
from wke.judge.telemetry.trial import TrialTelemetry
from wke.keep.trials.trials import StoredAttempt
from wke.tell.figures.rows import Row
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What a figure is made of. `rows` are those of `trials` that the plot's filters keep; all `trials` count.

    `attempts` has one attempt for each trial, whatever its outcome. `telemetry` is that of trials that are shown over
    time, by their ids.
    """

    plot: Plot
    experiment: Experiment
    trials: Sequence[StoredAttempt]
    rows: Sequence[Row]
    units: Mapping[str, str]
    attempts: Sequence[StoredAttempt] = ()
    telemetry: Mapping[str, TrialTelemetry] = field(default_factory=dict)

    def values(self, parameter: str | None, seen: Iterable[object]) -> list[object]:
        """Return the distinct ones of values of a parameter: numbers by size, words as in the file, then words that it no longer has."""
        known = list(self.experiment.parameters.values(parameter)) if parameter else []
        words = {value: place for place, value in enumerate(known) if not isinstance(value, int | float)}
        return sorted(distinct(seen), key=lambda value: (words.get(value, len(words)) if isinstance(value, str) else 0, value_order(value)))

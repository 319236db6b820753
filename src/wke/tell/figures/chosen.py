"""Which trial a figure of one trial shows."""

from collections.abc import Sequence

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.plot import Plot
from wke.errors import InputError
from wke.judge.policies.choose import policy_of
from wke.keep.trials.trials import StoredAttempt, counting_attempts
from wke.tell.figures.rows import fitted, shows


def shown_trial(plot: Plot, trials: Sequence[StoredAttempt], experiment: Experiment) -> StoredAttempt | None:
    """Return the trial that a plot names, whatever its outcome, else the first that counts and its filters keep; None if there is none.

    Raises InputError where the plot names none of these trials.
    """
    attempts = policy_of(experiment).counted(counting_attempts(trials))
    if plot.trial is not None:
        named = [one for one in attempts if one.id.startswith(plot.trial)]
        if not named and attempts:
            what = f'a plot has trial = "{plot.trial}", but no trial of the series has such an id'
            raise InputError(what, hint="`wke results NAME --trials` lists them")
        return named[0] if named else None
    good = [one for one in attempts if one.ok and not one.warmup]
    plot = fitted(plot, good, experiment.parameters.points())
    return next((one for one in good if shows(plot, {**one.point, **one.observations})), None)

"""The one place that knows all diagnostics. They speak only when there is something to say."""

from collections.abc import Callable, Iterable, Sequence

from wke.describe.experiment.metrics import Metric
from wke.judge.diagnostics.clusters import clusters
from wke.judge.diagnostics.dependence import Dependent, dependence
from wke.judge.diagnostics.deployments import SeveralDeployments, deployments
from wke.judge.diagnostics.observed import Hint, Observed, observe
from wke.judge.diagnostics.skew import skew
from wke.keep.trials.trials import StoredAttempt

DIAGNOSTICS: tuple[Callable[[Observed], Iterable[Hint]], ...] = (deployments, dependence, clusters, skew)


def diagnose(trials: Sequence[StoredAttempt], metrics: Sequence[Metric], *, in_rounds: bool) -> tuple[Hint, ...]:
    """Return all hints about the metrics of a series, given one attempt for each trial.

    `in_rounds` tells whether trials ran in rounds of all points. Where rounds share deployments, that is why they resemble each other.
    """
    observed = observe(trials, metrics, in_rounds=in_rounds)
    hints = [hint for diagnostic in DIAGNOSTICS for one in observed for hint in diagnostic(one)]
    explained = {hint.metric for hint in hints if isinstance(hint, SeveralDeployments)}
    return tuple(hint for hint in hints if not (isinstance(hint, Dependent) and hint.metric in explained))

"""What a trial says of the condition of a search: how far its latency is from the limit, and whether the whole condition holds."""

import math
from collections.abc import Mapping

from wke.describe.experiment.metrics import Metric
from wke.describe.expression.evaluation import ExpressionError, calculate, holds, number_or_nan
from wke.describe.search.search import Bound, Search
from wke.judge.statistics.capacity import RateTrial
from wke.keep.trials.trials import StoredAttempt
from wke.values import dataclass

BACKLOG = "backlog"
"""The rule that tells overload: then requests arrive faster than they are completed, and the latency says nothing of the rate."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of the `search` of a parameter, and the metrics that it reads."""

    parameter: str
    search: Search
    metrics: tuple[Metric, ...]

    @property
    def bound(self) -> Bound | None:
        """The latency that the condition limits, None if it is not one."""
        bounds = self.search.bounds({metric.name: metric.unit for metric in self.metrics})
        return bounds[0] if len(bounds) == 1 else None

    @property
    def latency(self) -> Metric | None:
        """The metric of that latency."""
        return next((metric for metric in self.metrics if self.bound is not None and metric.name == self.bound.metric), None)

    @property
    def limit(self) -> float:
        """The limit in the unit of that latency."""
        bound, latency = self.bound, self.latency
        if bound is None or latency is None:
            return math.nan
        return 1 / number_or_nan(bound.ratio, {latency.name: 1.0}, {latency.name: latency.unit})

    def holds(self, attempt: StoredAttempt) -> bool:
        """Return whether the condition holds in a trial that counts: never if the system is overloaded, or broken."""
        try:
            return holds(self.search.condition, *self._row(attempt)) and not overloaded(attempt) and not attempt.broken
        except ExpressionError:
            return False

    def rate_trial(self, attempt: StoredAttempt) -> RateTrial:
        """Return what a trial that counts says of the rate that it ran at."""
        rate = float(str(attempt.point[self.parameter]))
        return RateTrial(rate, self._excess(attempt), self.holds(attempt), self.completions(attempt))

    def completions(self, attempt: StoredAttempt) -> int | None:
        """Return how many requests the latency of a trial is taken from, None if that is not known.

        That is what the file says, else how many values were recorded, else how many requests the load generator completed.
        """
        if self.search.completions is not None:
            number = number_or_nan(self.search.completions, *self._row(attempt))
            return int(number) if math.isfinite(number) else None
        bound, counted = self.bound, _numbers(attempt).get("done")
        if bound is not None and bound.metric in attempt.recorded:
            from wke.keep.output.distribution import decode  # noqa: PLC0415 - numpy, only where values are recorded

            return int(decode(attempt.recorded[bound.metric][1]).total)
        return None if counted is None else int(counted)

    def _excess(self, attempt: StoredAttempt) -> float:
        bound = self.bound
        if bound is None or overloaded(attempt):
            return math.inf
        try:
            share, _ = calculate(bound.ratio, *self._row(attempt))
        except ExpressionError:
            return math.inf
        return math.log(share) if share > 0 else -math.inf

    def _row(self, attempt: StoredAttempt) -> tuple[Mapping[str, object], Mapping[str, str]]:
        """Return the values of a trial by name, and their units."""
        declared = {metric.name: metric.unit for metric in self.metrics if metric.unit}
        return {**attempt.point, **attempt.observations}, {**attempt.units, **declared, self.parameter: self.search.unit}


def overloaded(attempt: StoredAttempt) -> bool:
    """Return whether requests arrived faster than the system completed them, as far as that is known."""
    return bool(_numbers(attempt).get("grows"))


def _numbers(attempt: StoredAttempt) -> Mapping[str, float]:
    return next((each.numbers for each in attempt.judgements if each.rule == BACKLOG), {})

"""Regressions: which comparisons show that a metric has become worse, by more than the threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.comparison import Comparison


class Verdict(StrEnum):
    """The result of a comparison. A metric that does not declare which way is better can only be `different`."""

    WORSE = "worse"
    BETTER = "better"
    DIFFERENT = "different"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Judged:
    """A comparison of a metric with this unit, and its verdict."""

    comparison: Comparison
    unit: str
    verdict: Verdict


def judged(found: Sequence[Comparison], metrics: Sequence[Metric], units: Mapping[str, str]) -> tuple[Judged, ...]:
    """Return the verdict on each comparison, by the direction in which its metric is better."""
    better = {metric.name: metric.better for metric in metrics}
    return tuple(Judged(one, units.get(one.metric, ""), _verdict(one, better.get(one.metric))) for one in found)


def _verdict(one: Comparison, better: str | None) -> Verdict:
    if not one.different:
        return Verdict.SAME if one.is_same else Verdict.INCONCLUSIVE
    if better is None:
        return Verdict.DIFFERENT
    return Verdict.BETTER if one.verdict == better else Verdict.WORSE

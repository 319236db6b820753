"""Comparisons with the baseline, as rows of text and as JSON."""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.comparison import Comparison
from wke.judge.statistics.statistics import Summary
from wke.tell.tables import interval, shown


def comparison_rows(found: Sequence[Comparison], parameters: Sequence[str], metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
    """Return a header and a row for each comparison; `parameters` are the columns that distinguish points."""
    better = {metric.name: metric.better for metric in metrics}
    header = (*parameters, "metric", "rounds", "x baseline", "verdict")
    return [
        header,
        *(
            (
                *(shown(one.point.get(name)) for name in parameters),
                one.metric,
                str(one.n),
                interval(Summary(one.n, one.factor, one.low, one.high, "geometric-mean")),
                verdict_text(one, better.get(one.metric)),
            )
            for one in found
        ),
    ]


def verdict_text(one: Comparison, better: str | None) -> str:
    """Return what a comparison shows: higher or lower and whether that is better, or nothing yet."""
    if one.verdict == "same":
        return f"same within {share_words(one.threshold)}"
    if one.different:
        return one.verdict if better is None else f"{one.verdict}: {'better' if one.verdict == better else 'worse'}"
    return one.verdict if one.more is None else f"{one.verdict}: about {one.more} more rounds"


def comparisons_json(found: Sequence[Comparison]) -> list[dict[str, object]]:
    """Return comparisons as values for `json.dumps`."""
    return [
        {
            "point": dict(one.point),
            "metric": one.metric,
            "n": one.n,
            "factor": one.factor,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "verdict": one.verdict,
            "threshold": one.threshold,
            "more": one.more,
        }
        for one in found
    ]


def share_words(share: float) -> str:
    """Return a share as text: `2 %`."""
    return f"{100 * share:g} %"


def baseline_text(baseline: Mapping[str, object]) -> str:
    """Return the baseline as text: `engine=old`."""
    return ", ".join(f"{name}={shown(value)}" for name, value in baseline.items())

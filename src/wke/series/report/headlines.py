"""The sentences at the head of a page: decided comparisons, largest first; without any, what searches found, or the best values."""

import math
from collections.abc import Iterator, Mapping, Sequence

from wke.describe.toml.wording import counted
from wke.judge.policies.largest import RateFound
from wke.judge.policies.policy import Finding
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.comparison import Comparison, Verdict
from wke.judge.statistics.pairs import Rule
from wke.judge.summary.pointtable import PointRow, PointTable
from wke.tell.comparisons import baseline_text, share_words, verdict_text
from wke.tell.page.values import Headline, ShownComparison
from wke.tell.searches import ends, search_text, searches_of, short_answer
from wke.tell.tables import decimals_of, interval, number
from wke.values import dataclass

MOST = 3
TOLD = {
    Verdict.WORSE: 0,
    Verdict.BETTER: 0,
    Verdict.SAME: 1,
    Verdict.EQUAL: 1,
    Verdict.UNJUDGED: 2,
    Verdict.INCONCLUSIVE: 2,
    Verdict.INCOMPLETE: 3,
}
"""Which verdicts are told first."""


@dataclass(frozen=True, slots=True)
class ComparedPoint:
    """A comparison, and what is compared in it: the candidate and the baseline in words, and the centres of both, if they are known."""

    comparison: Comparison
    candidate: str
    baseline: str
    centres: tuple[float, float] | None = None

    @property
    def ratio(self) -> tuple[float, float | None, float | None] | None:
        """The factor with its interval; None where a difference or failures were compared, or no pair."""
        effect = self.comparison.effect
        if self.comparison.failures is not None or effect is None or effect.rule is Rule.DIFFERENCE:
            return None
        return effect.estimate, effect.low, effect.high

    @property
    def size(self) -> float:
        """How far the factor is from 1, in either direction; 0 without one."""
        factor = self.ratio[0] if self.ratio else 1.0
        return abs(math.log(factor)) if factor > 0 else 0.0


def place_words(point: Mapping[str, object], parameters: Sequence[str]) -> str:
    """Return the parameters that tell a point from others, as `engine=new`; "" for the only point."""
    return baseline_text({name: point[name] for name in parameters if name in point})


def shown_comparisons(found: Sequence[ComparedPoint]) -> tuple[ShownComparison, ...]:
    """Return comparisons as rows of the page."""
    return tuple(
        ShownComparison(
            name=one.candidate,
            metric=one.comparison.metric,
            ratio=one.ratio[0] if one.ratio else None,
            low=one.ratio[1] if one.ratio else None,
            high=one.ratio[2] if one.ratio else None,
            verdict=verdict_text(one.comparison),
            n=one.comparison.n,
        )
        for one in found
    )


def headlines(compared: Sequence[ComparedPoint], findings: Sequence[Finding], table: PointTable) -> tuple[Headline, ...]:
    """Return at most MOST results: of comparisons with a baseline or another series, else of searches, else of the points of the series."""
    ratios = [one for one in compared if one.ratio is not None]
    ordered = sorted(ratios, key=lambda one: (TOLD[one.comparison.verdict], -one.size))
    chosen: dict[str, ComparedPoint] = {}
    for one in ordered:  # of each metric the largest
        chosen.setdefault(one.comparison.metric, one)
    rest = [one for one in ordered if one not in chosen.values() and TOLD[one.comparison.verdict] == 0]
    found = [_of_comparison(one) for one in (*chosen.values(), *rest)[:MOST]]
    searches = [_of_search(one, table.parameters) for one in searches_of(findings)[:MOST]]
    return tuple(found) or tuple(searches) or tuple(_of_points(table))[:MOST]


def _of_search(found: RateFound | SizesFound, varied: Sequence[str]) -> Headline:
    capacity = found.state.capacity if isinstance(found, RateFound) else None
    between = ends(capacity) if capacity is not None and capacity.refusal is None else None
    return Headline(
        figure=short_answer(found),
        sentence=f"{search_text(found, varied)}.",
        detail=f"{found.search.condition.text}.",
        interval=" to ".join(f"{end:,}" for end in between) if between else "",
    )


def _of_comparison(one: ComparedPoint) -> Headline:
    comparison = one.comparison
    factor, low, high = one.ratio or (math.nan, None, None)
    whole = low is not None and high is not None
    decimals = decimals_of((high - low) / 2, 2) if low is not None and high is not None and high > low else decimals_of(factor, 3)
    told = number(factor, decimals)
    sentence = f"{comparison.metric} at {one.candidate} is {told} × that at {one.baseline}: {verdict_text(comparison)}"
    if comparison.verdict is Verdict.UNJUDGED:
        sentence = sentence.partition(":")[0]
    values = f" {_plain(one.centres[0])} against {_plain(one.centres[1])} {comparison.unit}.".replace(" .", ".") if one.centres else ""
    return Headline(
        figure=f"{told}×",
        sentence=f"{sentence}.",
        detail=f"{f'{share_words(1 - comparison.level)} interval over' if whole else 'Over'} {counted(comparison.n, 'round')}.{values}",
        interval=f"{number(low, decimals)} to {number(high, decimals)}" if low is not None and high is not None else "",
        ratio=(factor, low, high) if whole and low is not None and high is not None else None,
    )


def _of_points(table: PointTable) -> Iterator[Headline]:
    """Yield the best point of each metric that says which way is better, or else what there is."""
    better = {metric.name: metric.better for metric in table.metrics}
    for name, unit in table.units.items():
        rows = [row for row in table.rows if name in row.summaries and row.n]
        way = better.get(name)
        if not rows or (len(rows) > 1 and way is None):
            continue
        best = (max if way == "higher" else min)(rows, key=lambda row: row.summaries[name].centre)
        place = place_words(best.point, table.parameters)
        which = f", the {'largest' if way == 'higher' else 'smallest'} of {len(rows)} points" if len(rows) > 1 else ""
        yield _of_point(name, unit, best, f"{f' at {place}' if place else ''}{which}")


def _of_point(name: str, unit: str, row: PointRow, where: str) -> Headline:
    summary = row.summaries[name]
    half = summary.half_width
    decimals = decimals_of(half, 2) if half else decimals_of(summary.centre, 3)
    between = "" if summary.low is None or summary.high is None else f"{number(summary.low, decimals)} to {number(summary.high, decimals)}"
    return Headline(
        figure=f"{interval(summary).partition(' ')[0]} {unit}".rstrip(),
        sentence=f"{name} is {interval(summary)} {unit}".rstrip() + f"{where}.",
        detail=f"{summary.kind.replace('-', ' ')} of {counted(row.n, 'trial')}{', with its 95 % interval' if between else ''}.",
        interval=between,
    )


def _plain(value: float) -> str:
    """Return a value to three digits, whole ones in full."""
    return number(value, max(0, decimals_of(value, 3)))

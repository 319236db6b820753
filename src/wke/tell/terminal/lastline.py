"""The last line of a measurement: what it came to, in one sentence."""

from collections.abc import Sequence

from wke.describe.toml.wording import counted
from wke.judge.statistics.comparison import Comparison, Verdict
from wke.judge.statistics.pairs import Rule
from wke.judge.summary.series import SeriesSummary
from wke.tell.comparisons import effect_text, verdict_text
from wke.tell.tables import decimals_of, number, shown
from wke.tell.terminal.sanitize import one_line


def last_line(summary: SeriesSummary) -> str:
    """Return how the first metric, of those with a direction if any has one, compares with the baseline; else how many trials there are."""
    compared = [one for one in summary.table.comparisons if one.failures is None and one.effect is not None]
    judged = [one for one in compared if one.better] or compared
    first = [one for one in judged if one.metric == judged[0].metric]
    if not first:
        return one_line(f"{summary.name}: {_counts(summary)}")
    if len(first) == 1:
        return one_line(f"{first[0].metric}: {_compared(first[0], summary)}")
    return one_line(f"{first[0].metric}: {_several(first)}")


def _compared(one: Comparison, summary: SeriesSummary) -> str:
    """Return how the only compared point differs: `new is 1.13 times old (1.09 to 1.17), 12 rounds`."""
    baseline = summary.plan.rules.baseline
    here = ", ".join(shown(one.point.get(name)) for name in baseline)
    there = ", ".join(map(shown, baseline.values()))
    decided = one.verdict in {Verdict.BETTER, Verdict.WORSE} and not one.stored
    rounds = counted(one.n, "round") + ("" if decided or one.verdict is Verdict.UNJUDGED else f", {verdict_text(one)}")
    if one.effect is None or one.effect.rule is Rule.DIFFERENCE:
        return f"{here} differs from {there} by {effect_text(one)}, {rounds}"
    factor, low, high = one.effect.estimate, one.effect.low, one.effect.high
    if low is None or high is None:
        return f"{here} is {number(factor, decimals_of(factor, 4))} times {there}, {rounds}"
    decimals = max(decimals_of((high - low) / 2, 2), decimals_of(factor, 2))
    return f"{here} is {number(factor, decimals)} times {there} ({number(low, decimals)} to {number(high, decimals)}), {rounds}"


def _several(found: Sequence[Comparison]) -> str:
    """Return what several comparisons came to, by their verdicts."""
    verdicts = [one.verdict for one in found]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict in verdicts)
    return f"{counted(len(found), 'comparison')} with the baseline: {counts}"


def _counts(summary: SeriesSummary) -> str:
    """Return how many trials there are, and how many of them count."""
    counts, points = summary.counts, sum(row.n > 0 for row in summary.table.rows)
    begun = counts.ok + counts.failed + counts.invalid
    if not counts.ok:
        return f"{counted(begun, 'trial')}, none ok" if begun else "no trial has ended"
    ok = "all ok" if counts.ok == begun else f"{counts.ok} ok"
    return f"{counted(begun, 'trial')} at {counted(points, 'point')}, {ok}"

"""Comparisons with the baseline, as rows of text, in words, and as JSON."""

import math
from collections.abc import Iterator, Mapping, Sequence

from wke.describe.toml.wording import counted
from wke.judge.statistics.comparison import MIN_ROUNDS, Comparison, Verdict
from wke.judge.statistics.family import LEVEL
from wke.judge.statistics.pairs import Effect, Rule
from wke.judge.statistics.statistics import Summary
from wke.tell.tables import decimals_of, interval, number, shown

MOST_GUESSED = 200
UNTIL = 'use iterations = { until = "decided", max = 80 }'


def comparison_rows(found: Sequence[Comparison], parameters: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a header and a row for each comparison; `parameters` are the columns that distinguish points."""
    header = (*parameters, "metric", "rounds", "x baseline", "verdict")
    rows = (
        (*(shown(one.point.get(name)) for name in parameters), one.metric, str(one.n), effect_text(one), verdict_text(one)) for one in found
    )
    return [header, *rows]


def effect_text(one: Comparison) -> str:
    """Return by how much the candidate differs: a factor, a difference with its sign and unit, or who failed how often."""
    if one.failures is not None:
        seen = one.failures
        return f"{seen.failed} of {seen.tried}, baseline {seen.baseline_failed} of {seen.baseline_tried}"
    if one.effect is None:
        return "–"
    if one.effect.rule is Rule.DIFFERENCE:
        return f"{_difference(one.effect)} {one.unit}".rstrip()
    return interval(Summary(one.effect.n, one.effect.estimate, one.effect.low, one.effect.high, "geometric-mean"))


def verdict_text(one: Comparison) -> str:
    """Say what a comparison comes to, and what keeps it from more."""
    short = f"{one.n} of {counted(one.planned, 'round')}"
    match one.verdict:
        case Verdict.WORSE | Verdict.BETTER:
            missing = f", incomplete: {short}" if one.incomplete else ""
            return f"{one.direction}: {one.verdict}{', not confirmed' if one.stored else ''}{missing}"
        case Verdict.SAME:
            return f"same within {share_words(one.threshold)}"
        case Verdict.INCOMPLETE:
            return f"incomplete: {short}"
        case Verdict.INCONCLUSIVE:
            return f"inconclusive{_reason(one)}"
        case Verdict.UNJUDGED:
            return "–"
        case Verdict.EQUAL:
            return "equal"


def method_words(found: Sequence[Comparison]) -> Iterator[str]:
    """Yield how these comparisons were made and judged, a sentence each."""
    rules = {one.effect.rule for one in found if one.effect is not None}
    interval = share_words(1 - min((one.level for one in found), default=LEVEL))
    if rules - {Rule.DIFFERENCE}:
        yield f"x baseline: geometric mean of the ratios within rounds, with its {interval} interval"
    if Rule.DIFFERENCE in rules:
        yield f"where values are 0 or less: median difference within rounds, with its {interval} interval"
    yield from _corrected(found)
    if any(one.verdict is Verdict.INCONCLUSIVE and one.detectable is not None for one in found):
        yield "could detect: the smallest difference that so many rounds show in four of five cases"
    yield from _guessed(found)
    if any(one.stored and one.significant for one in found):
        yield "not confirmed: different commands measured the two, so that the difference may be that of two times"
    if Verdict.UNJUDGED in {one.verdict for one in found}:
        yield 'no verdict without better = "higher" or "lower" in [metrics]'


def _corrected(found: Sequence[Comparison]) -> Iterator[str]:
    """Yield how many comparisons share the chance of a false verdict, and the tests behind these."""
    family = max((one.family for one in found), default=0)
    if family:
        corrected = f", corrected for {family} comparisons (Holm)" if family > 1 else ""
        level = max(one.level for one in found)
        looks = " at each look" if level < LEVEL else ""
        yield f"verdicts at {share_words(level)}{looks}{corrected}: {', '.join(_tests(found)) or 'no test needed'}"


def _guessed(found: Sequence[Comparison]) -> Iterator[str]:
    """Yield about how many more rounds would decide what is open, and why not simply to add them."""
    guesses = [one.more_rounds for one in found if one.verdict is Verdict.INCONCLUSIVE and not one.stored]
    more = max((guess for guess in guesses if guess), default=None)
    if more is None:
        return
    many = f"about {counted(more, 'more round')}" if more <= MOST_GUESSED else f"more than {MOST_GUESSED} further rounds"
    if any(one.level < LEVEL for one in found):
        yield f"{many} may decide what is inconclusive: a guess; max can be raised at no cost"
    else:
        yield f"{many} may decide what is inconclusive: a guess. Do not add them by hand, which finds false differences: {UNTIL}"


def _tests(found: Sequence[Comparison]) -> Iterator[str]:
    """Yield the tests that decide about these comparisons."""
    judged = [one for one in found if one.verdict is not Verdict.UNJUDGED]
    rules = {one.effect.rule for one in judged if one.effect is not None}
    if rules & {Rule.RATIO, Rule.CONSTANT_RATIO}:
        yield "paired t-test of the logarithms"
    if Rule.DIFFERENCE in rules:
        yield "signed rank of the differences"
    if any(one.failures is not None for one in judged):
        yield "Fisher's test of failed trials"


def comparisons_json(found: Sequence[Comparison]) -> list[dict[str, object]]:
    """Return comparisons as values for `json.dumps`."""
    return [
        {
            "point": dict(one.point),
            "metric": one.metric,
            "unit": one.unit,
            "n": one.n,
            "planned": one.planned,
            **_effect_json(one),
            "p": one.p,
            "direction": one.direction,
            "verdict": str(one.verdict),
            "incomplete": one.incomplete,
            "confirmed": one.confirmed,
            "threshold": one.threshold,
            "detectable": one.detectable,
            "more-rounds": one.more_rounds if one.verdict is Verdict.INCONCLUSIVE else None,
            "level": one.level,
            "decided-after": one.decided_after,
        }
        for one in found
    ]


def share_words(share: float) -> str:
    """Return a share as text: `2 %`."""
    return f"{100 * share:g} %"


def baseline_text(baseline: Mapping[str, object]) -> str:
    """Return the baseline as text: `engine=old`."""
    return ", ".join(f"{name}={shown(value)}" for name, value in baseline.items())


def _effect_json(one: Comparison) -> dict[str, object]:
    """Return how a comparison was made and what it found; a factor or a difference is null where the rule gives the other one."""
    failures, effect = one.failures, one.effect
    if failures is not None:
        counts = {"failed": failures.failed, "tried": failures.tried}
        return {"rule": "failures", **counts, "baseline_failed": failures.baseline_failed, "baseline_tried": failures.baseline_tried}
    differs = effect is not None and effect.rule is Rule.DIFFERENCE
    return {
        "rule": str(effect.rule) if effect else None,
        "factor": effect.estimate if effect and not differs else None,
        "difference": effect.estimate if effect and differs else None,
        "low": effect.low if effect else None,
        "high": effect.high if effect else None,
    }


def _reason(one: Comparison) -> str:
    """Return why nothing can be concluded, as far as that can be said."""
    if one.fails_more:
        return ": so few failures may be luck"
    if one.n < MIN_ROUNDS and one.failures is None:
        return f": fewer than {MIN_ROUNDS} rounds"
    return "" if one.detectable is None else f": could detect {_rounded_up(one.detectable)}"


def _difference(effect: Effect) -> str:
    """Return a difference and its interval, all with a sign, to two digits of half the interval's width."""
    if effect.low is None or effect.high is None:
        return _signed(effect.estimate, decimals_of(effect.estimate, 4))
    half = (effect.high - effect.low) / 2
    if not half:
        return _signed(effect.estimate, decimals_of(effect.estimate, 4))
    decimals = decimals_of(half, 2)
    return f"{_signed(effect.estimate, decimals)} [{_signed(effect.low, decimals)}, {_signed(effect.high, decimals)}]"


def _signed(value: float, decimals: int) -> str:
    return f"{'+' if value > 0 else ''}{number(value, decimals)}"


def _rounded_up(share: float) -> str:
    """Return a share in per cent, two digits, rounded up: no smaller difference is promised."""
    if share > 10:
        return "more than 1,000 %"
    step = 10.0 ** -decimals_of(100 * share, 2)
    return f"{math.ceil(100 * share / step) * step:.{max(0, decimals_of(100 * share, 2))}f} %"

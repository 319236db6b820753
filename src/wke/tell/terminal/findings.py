"""What a series found, in sentences: one for each kind of finding of each policy."""

from collections.abc import Sequence

from wke.describe.experiment.sweep import value_text
from wke.describe.toml.wording import counted
from wke.judge.policies.again import Again
from wke.judge.policies.budgeted import BudgetUse
from wke.judge.policies.climbing import Climb
from wke.judge.policies.decided import Decision
from wke.judge.policies.largest import RateFound
from wke.judge.policies.maximizing import Best
from wke.judge.policies.policy import Finding
from wke.judge.policies.precise import Reached, Undecided
from wke.judge.policies.precision import Precision
from wke.judge.policies.search import Why
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.comparison import Comparison
from wke.tell.precision import place_text, share_text, shares_text
from wke.tell.searches import search_text
from wke.tell.tables import interval
from wke.tell.words import seconds, value_words, worded

MOST_PLACES = 5
LEFT = {2: 37, 3: 60, 5: 82}
"""How many of 100 intervals hold at points that a budget left at so many iterations: they looked narrow by chance."""

REASONS = {
    Why.START: "the range begins here",
    Why.NOT_WORSE_YET: "it has not become worse yet",
    Why.MAYBE_BEFORE: "a value before it may be better",
    Why.UNTRIED_AFTER: "the best so far has untried values after it",
    Why.UNTRIED_BEFORE: "the best so far has untried values before it",
    Why.ONE_VALUE: "the range has one value",
    Why.FIRST_IS_BEST: "the best value is the first of the range, and the next one is worse",
    Why.LAST_IS_BEST: "the best value is the last of the range, and the one before is no better",
    Why.NEIGHBOURS_ARE_WORSE: "neither neighbour of the best value is better",
    Why.NO_RESULT: "no value gave a result",
}


def finding_text(finding: Finding, varied: Sequence[str]) -> str:  # noqa: PLR0911 - one per kind of finding
    """Return what a finding says; `varied` are the parameters that tell points apart."""
    match finding:
        case Undecided(missing, rounds):
            return f"precision: not decided yet; trials of the first {rounds} rounds without a result: {missing}"
        case Reached():
            return _reached(finding, varied)
        case BudgetUse():
            return f"budget: {seconds(finding.spent_s)} of {seconds(finding.total_s)} used; {_budget_use(finding, varied)}"
        case Decision():
            return _decision(finding, varied)
        case Climb():
            return _climb(finding, varied)
        case Best():
            return _best(finding)
        case RateFound() | SizesFound():
            return search_text(finding, varied)
    raise TypeError(f"there are no words for {type(finding).__name__}")


def _reached(finding: Reached, varied: Sequence[str]) -> str:
    rule, wide = finding.rule, [point for point in finding.points if not point.enough]
    wish = share_text(rule.precision)
    if not wide:
        return f"precision: after {counted(finding.rounds, 'round')} every interval of {' and '.join(rule.of)} is within {wish}"
    where = f"{len(wide)} of {counted(len(finding.points), 'point')} after {counted(finding.rounds, 'round')}"
    return f"precision: {wish} is not reached at {where}: {_places(wide, varied, precise=True)}"


def _budget_use(finding: BudgetUse, varied: Sequence[str]) -> str:
    """Return what a budget did not reach."""
    parts = []
    if finding.unmeasured:
        some = f"{len(finding.unmeasured)} of {counted(len(finding.points), 'point')} have no result"
        parts.append(f"{some} ({_places(finding.unmeasured, varied)})")
    if finding.begun:
        parts.append(f"{len(finding.begun)} have fewer than {counted(finding.rounds, 'iteration')} ({_places(finding.begun, varied)})")
    if finding.wide and finding.wanted is not None:
        wish = share_text(finding.wanted)
        parts.append(f"{wish} is not reached at {len(finding.wide)}: {_places(finding.wide, varied, precise=True)}")
    elif finding.wide:
        parts.append(f"the widest interval is {_places(finding.wide[:1], varied, precise=True)}")
    left = [point for point in finding.points if point.n == finding.rounds]
    if left and len(left) < len(finding.points) and (held := LEFT.get(min(finding.rounds, max(LEFT)))):
        some = f"{len(left)} were left at {counted(finding.rounds, 'iteration')} ({_places(left, varied)})"
        parts.append(f"{some}: of such intervals about {held} % hold, not 95 %")
    return "; ".join(parts) or "all goals are reached"


def _decision(finding: Decision, varied: Sequence[str]) -> str:
    """Return how many comparisons are decided, which are not, and what is certain before the next look."""
    if not finding.rounds:
        return f"decisions: none before {finding.next} rounds; {finding.complete} are complete"
    done, judged = len(finding.judged) - len(finding.open), len(finding.judged)
    text = f"decisions: {done} of {counted(judged, 'comparison')} decided after {counted(finding.rounds, 'round')}"
    if finding.open:
        text += f"; not decided: {_names(finding.open, varied)}"
    if finding.next is not None:
        text += f"; the next look is after {finding.next} rounds"
        text += f"; certain already: {_names(finding.sure, varied, words=True)}" if finding.sure else ""
    return text


def _names(found: Sequence[Comparison], varied: Sequence[str], *, words: bool = False) -> str:
    """Return the metrics of the first few comparisons, each with its point, and with its verdict if that is asked for."""
    names = [" at ".join(filter(None, (one.metric, place_text(one.point, varied)))) for one in found[:MOST_PLACES]]
    if words:
        ways = ("higher" if one.effect is not None and one.effect.direction > 0 else "lower" for one in found)
        names = [f"{name} {way}" for name, way in zip(names, ways, strict=False)]
    return ", ".join(names) + (f" and {len(found) - MOST_PLACES} more" if len(found) > MOST_PLACES else "")


def _places(points: Sequence[Precision], varied: Sequence[str], *, precise: bool = False) -> str:
    """Return the first few points, each with its precision if that is asked for."""
    names = [place_text(point.point, varied) for point in points[:MOST_PLACES]]
    told = [": ".join(filter(None, (name, shares_text(point) if precise else ""))) for name, point in zip(names, points, strict=False)]
    more = f"; and {len(points) - MOST_PLACES} more" if len(points) > MOST_PLACES else ""
    return "; ".join(told) + more


def _again(again: Again | None, chosen: float) -> str:
    """Return the mean at the best value: that of the fresh rounds, and which neighbours may be better; before them, the first one."""
    if again is None:
        return value_words(chosen)
    if again.summary is None or again.missing:
        return f"{value_words(chosen)} when it was chosen, which is too good; {counted(again.missing, 'trial')} to measure it again"
    text = f"{interval(again.summary)} in {again.summary.n} fresh rounds ({value_words(chosen)} when it was chosen)"
    close = [value for value in again.rivals if value not in again.ahead]
    if close:
        text += f"; not told apart from {' and '.join(map(value_text, close))}"
    if again.ahead:
        text += f"; {' and '.join(map(value_text, again.ahead))} is better there: search again with more iterations"
    return text


def _best(best: Best) -> str:
    """Return what a plot maximises by at one setting, and what fresh rounds say of the value that was chosen."""
    at = place_text(best.setting, list(best.setting))
    goal, again = best.contest.goal({}).printed(), best.again
    chosen = f"{value_words(best.mean)}, too good because it was chosen" if again is None else _again(again, best.mean)
    return f"best {worded(best.contest.parameter)}{f' at {at}' if at else ''}: {value_text(best.value)} with a mean {goal} of {chosen}"


def _climb(climb: Climb, varied: Sequence[str]) -> str:
    """Return what a search tried and found, and why it is over or not; a second line when there may be a better value."""
    advice = climb.advice
    at = place_text(climb.points[0], [name for name in varied if name != climb.parameter])
    tried = ", ".join(map(value_text, advice.tried)) or "nothing yet"
    text = f"climb along {climb.parameter}{f' at {at}' if at else ''}: tried {tried}"
    if advice.best is not None and advice.mean is not None:
        text += f"; best {value_text(advice.best)} with a mean {climb.goal.printed()} of {_again(climb.again, advice.mean)}"
    reason = REASONS[advice.why]
    text += f"; over: {reason}" if advice.next is None else f"; next {value_text(advice.next)}: {reason}"
    if advice.valley is None:
        return text
    valley = f"{value_text(advice.valley)} is worse than values on both sides of it, so a better one may be hidden"
    return f"{text}\n  there is more than one hill: {valley}"

"""How much a series still has to do, in words: what `wke plan`, `wke measure` and `wke status` say before and during it."""

from collections.abc import Iterator

from wke.describe.experiment.experiment import LOOKS
from wke.describe.toml.wording import counted
from wke.judge.policies.budgeted import BudgetOutlook
from wke.judge.policies.climbing import ClimbOutlook
from wke.judge.policies.decided import DecidedOutlook
from wke.judge.policies.largest import SearchOutlook
from wke.judge.policies.maximizing import AgainOutlook
from wke.judge.policies.policy import Outlook
from wke.judge.policies.precise import EVERY, PreciseOutlook
from wke.judge.statistics.looks import LOOK_LEVEL
from wke.tell.comparisons import share_words
from wke.tell.precision import share_text
from wke.tell.searches import search_lines
from wke.tell.words import seconds, worded


def plan_lines(outlook: Outlook) -> Iterator[str]:
    """Yield what decides how many trials run; nothing when the plan does."""
    if isinstance(outlook, AgainOutlook):
        yield from plan_lines(outlook.first)
        yield from _again_lines(outlook)
        return
    if isinstance(outlook, ClimbOutlook):
        yield f"climbs along {outlook.parameter}: of these trials only those that lead to the best value run"
        if outlook.again:
            yield "then the best value and its neighbours are measured again, in fresh rounds"
    if isinstance(outlook, SearchOutlook):
        yield from search_lines(outlook)
    if isinstance(outlook, BudgetOutlook):
        yield budget_text(outlook)
    if isinstance(outlook, DecidedOutlook):
        looks = ", ".join(str(look) for look in LOOKS if look <= outlook.most)
        yield f"until every comparison is decided; looks after {looks} rounds, at {share_words(LOOK_LEVEL)} each"
    elif rule := _rule_text(outlook):
        yield f"{rule} at two looks in a row, {EVERY} rounds apart"


def iterations_text(outlook: Outlook, most: int) -> str:
    """Return how many iterations each point has."""
    match outlook:
        case AgainOutlook():
            return iterations_text(outlook.first, most)
        case PreciseOutlook():
            least = outlook.rule.min
        case BudgetOutlook():
            least = outlook.rounds
        case DecidedOutlook():
            least = LOOKS[0]
        case _:
            least = most
    return f"{least} to {most} iterations" if least < most else counted(most, "iteration")


def to_run_text(outlook: Outlook, duration: str) -> str:
    """Return how many trials run, as far as it is known; `duration` says how long all missing trials would take."""
    match outlook:
        case AgainOutlook(first=first, again=again):
            return f"{to_run_text(first, '')}{_then_again(again)}{duration}" if first.due else f"{again}{_in_fresh(again)}{duration}"
        case PreciseOutlook(due=0) | DecidedOutlook(due=0):
            return "0"
        case PreciseOutlook() | DecidedOutlook():
            return f"{outlook.due} before the next look, at most {outlook.at_most} in all{duration}"
        case BudgetOutlook():
            return f"at most {outlook.at_most}"
    return f"{'' if outlook.exact else 'at most '}{outlook.at_most}{duration}"


def start_text(outlook: Outlook, to_run: int, stored: int, total: int, seed: int) -> str:  # noqa: PLR0911 - one per policy
    """Return what a command that runs `to_run` trials first, of `total` planned ones, is about to do and what it reuses."""
    if isinstance(outlook, AgainOutlook):
        return _start_again_text(outlook, to_run, stored, total, seed)
    if isinstance(outlook, BudgetOutlook):
        return f"{stored} of at most {counted(total, 'trial')} are stored; {budget_text(outlook)}"
    if not to_run:
        return f"nothing to run: {_nothing_text(outlook, stored, total)}"
    trials, reused = f"{counted(to_run, 'trial')} to run", f"are stored already and reused; seed {seed}"
    match outlook:
        case DecidedOutlook():
            return f"{trials}, then more until every comparison is decided; {stored} of at most {total} {reused}"
        case PreciseOutlook():
            return f"{trials}, then more {_rule_text(outlook)}; {stored} of at most {total} {reused}"
        case ClimbOutlook():
            return f"climbs along {outlook.parameter}: {trials}, then those that their results ask for; {stored} are stored"
        case SearchOutlook():
            rest = f"at most {outlook.at_most} in all, as results ask for them"
            return f"searches {outlook.parameter}: {trials}, {rest}; {stored} {'is' if stored == 1 else 'are'} stored"
    return f"{trials}; {stored} of {total} {reused}"


def _nothing_text(outlook: Outlook, stored: int, total: int) -> str:  # noqa: PLR0911 - one per policy
    match outlook:
        case PreciseOutlook() | DecidedOutlook():
            return f"{stored} of at most {counted(total, 'trial')} are stored"
        case ClimbOutlook():
            return f"every climb along {outlook.parameter} is over, {counted(stored, 'trial')} {'is' if stored == 1 else 'are'} stored"
        case SearchOutlook(at_most=0):
            return f"every search of {outlook.parameter} is over, {counted(stored, 'trial')} {'is' if stored == 1 else 'are'} stored"
        case SearchOutlook():
            return f"{counted(stored, 'trial')} of the search of {outlook.parameter} {'is' if stored == 1 else 'are'} stored"
    if stored == total:
        if total == 1:
            return "the only trial is stored and nothing it depends on has changed"
        return f"all {total} trials are stored and nothing they depend on has changed"
    return f"of all {total} trials {stored} are stored, including those chosen here"


def then_text(outlook: Outlook) -> str:
    """Return what comes after the trials that run now; "" when nothing does."""
    match outlook:
        case AgainOutlook() if outlook.first.due:
            return then_text(outlook.first) or "then what measures the best values again"
        case BudgetOutlook():
            return f"then what the rest of {seconds(outlook.total_s)} buys"
        case PreciseOutlook():
            return "until the next look at the intervals"
        case DecidedOutlook():
            return f"until the look after {counted(outlook.look, 'round')}" if outlook.due else ""
        case ClimbOutlook() | SearchOutlook():
            return "then what the results ask for"
    return ""


def budget_text(outlook: BudgetOutlook) -> str:
    """Return what the rest of a budget will probably buy."""
    text = f"a budget of {seconds(outlook.total_s)}, of which {seconds(outlook.spent_s)} are used"
    first = f"the first {counted(outlook.rounds, 'round')}" if outlook.rounds > 1 else "the first round"
    if outlook.basic is None or outlook.further is None:
        return f"{text}; {counted(outlook.lacking, 'trial')} of {first} to run; how far it goes is known after the first trial"
    missing = f"the {counted(outlook.lacking, 'trial')} missing in {first}"
    if outlook.basic < outlook.lacking:
        return f"{text}: enough for about {outlook.basic} of {missing}, the coarse points first"
    rest = f"{missing}, then " if outlook.lacking else ""
    return f"{text}: enough for {rest}about {outlook.further} more where intervals are widest"


def budget_json(outlook: Outlook) -> dict[str, object] | None:
    """Return what a budget will probably buy, as values that `json.dumps` takes; None without a budget."""
    if isinstance(outlook, AgainOutlook):
        return budget_json(outlook.first)
    if not isinstance(outlook, BudgetOutlook):
        return None
    bought = {"lacking": outlook.lacking, "affordable": outlook.basic, "further": outlook.further}
    return {"total-s": outlook.total_s, "spent-s": outlook.spent_s, **bought}


def _rule_text(outlook: Outlook) -> str:
    """Return which precision a series waits for, if any."""
    rule = outlook.rule if isinstance(outlook, PreciseOutlook | BudgetOutlook) else None
    return f"until every interval of {' and '.join(rule.of)} is within {share_text(rule.precision)}" if rule else ""


def _again_lines(outlook: AgainOutlook) -> Iterator[str]:
    """Yield what is measured again, and how much of a budget is kept for it."""
    if outlook.again:
        trials = f"{'at most ' if outlook.first.due else ''}{counted(outlook.again, 'trial')}"
        yield f"then the best {_names(outlook)} and its neighbours are measured again, in fresh rounds: {trials} (fresh-rounds)"
    if outlook.total_s is not None:
        yield f"the rest of the budget of {seconds(outlook.total_s)} is kept for fresh rounds"


def _start_again_text(outlook: AgainOutlook, to_run: int, stored: int, total: int, seed: int) -> str:
    """Return what a command is about to do that runs rounds of all points, or fresh rounds of the best values."""
    first = stored - outlook.done
    if outlook.first.due and to_run:
        return f"{start_text(outlook.first, to_run, first, total, seed)}{_then_again(outlook.again)}"
    if to_run:
        return f"{counted(to_run, 'trial')} to run, which measure the best {_names(outlook)} and its neighbours again; {stored} are stored"
    return f"{start_text(outlook.first, 0, first, total, seed)}, and {counted(outlook.done, 'trial')} of fresh rounds"


def _then_again(again: int) -> str:
    return f", then at most {again}{_in_fresh(again)}" if again else ""


def _in_fresh(again: int) -> str:
    return " in fresh rounds" if again else ""


def _names(outlook: AgainOutlook) -> str:
    return " and ".join(worded(name) for name in outlook.parameters)

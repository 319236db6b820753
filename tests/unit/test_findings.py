"""Findings in words: every kind of finding has a sentence, and numbers are never rounded in favour of a series."""

import importlib
import math
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from support import ys

from wke.describe.experiment.experiment import Stopping
from wke.describe.experiment.plot import Contest
from wke.describe.search.searchform import read_search
from wke.judge import policies
from wke.judge.policies.again import Again
from wke.judge.policies.budgeted import BudgetOutlook, BudgetUse
from wke.judge.policies.climbing import Climb, ClimbOutlook
from wke.judge.policies.decided import DecidedOutlook, Decision
from wke.judge.policies.largest import RateFound, SearchOutlook
from wke.judge.policies.maximizing import AgainOutlook, Best
from wke.judge.policies.policy import Finding, Outlook
from wke.judge.policies.precise import PreciseOutlook, Reached, Undecided
from wke.judge.policies.precision import Precision
from wke.judge.policies.search import Advice, Why
from wke.judge.policies.smallest import SizesFound
from wke.judge.statistics.capacity import RateRange, search_rate
from wke.judge.statistics.comparison import Comparison
from wke.judge.statistics.demand import Demand
from wke.judge.statistics.pairs import Effect, Rule
from wke.tell.precision import share_text
from wke.tell.terminal.findings import REASONS, finding_text
from wke.tell.terminal.outlooks import budget_json, iterations_text, plan_lines, start_text, then_text, to_run_text

RULE = Stopping(0.05, ("ops",), 5)
FINE = Precision({"engine": "old", "size": 7}, 10, {"ops": 0.031}, 0.05)
WIDE = Precision({"engine": "new", "size": 7}, 10, {"ops": 0.0501}, 0.05)
NONE = Precision({"engine": "new", "size": 8}, 0, {"ops": None}, 0.05)
FEW = Precision({"engine": "old", "size": 8}, 1, {"ops": None}, 0.05)

OPEN = Comparison({"engine": "new", "size": 7}, "lat", "ms", "lower", 10, Effect(Rule.RATIO, 10, 0.9, 0.7, 1.1, 0.3, -1))

BEST = Best(Contest("num-threads", (4, 8), ("engine",), *ys("ops")), {"engine": "old"}, 8, 3.0, (), (), 2)
SEARCH = read_search({"find": "max", "while": "p99 < 10ms", "from": 100, "to": "1M"})
SEARCH_SIZE = read_search({"find": "min", "while": "p99 < 10ms", "from": 1, "to": 9})

FINDINGS: Mapping[str, Finding] = {
    "precision: not decided yet; trials of the first 5 rounds without a result: 3": Undecided(3, 5),
    "precision: after 10 rounds every interval of ops is within ±5 %": Reached(10, RULE, (FINE,)),
    'precision: ±5 % is not reached at 1 of 2 points after 10 rounds: engine="new": ops ±5.1 %': Reached(10, RULE, (FINE, WIDE)),
    "budget: 9.00 s of 10 s used; all goals are reached": BudgetUse(9.0, 10.0, 5, (FINE,), 0.05),
    (
        'budget: 9.00 s of 10 s used; 1 of 4 points have no result (engine="new"); 1 have fewer than 5 iterations (engine="old"); '
        '±5 % is not reached at 2: engine="old": ops unknown; engine="new": ops ±5.1 %'
    ): BudgetUse(9.0, 10.0, 5, (FINE, WIDE, NONE, FEW), 0.05),
    'budget: 9.00 s of 10 s used; the widest interval is engine="new": ops ±5.1 %': BudgetUse(9.0, 10.0, 5, (FINE, WIDE), None),
    "decisions: none before 5 rounds; 3 are complete": Decision(0, 3, 5, (), ()),
    (
        'decisions: 1 of 2 comparisons decided after 10 rounds; not decided: lat at engine="new"; the next look is after 20 rounds; '
        'certain already: lat at engine="new" lower'
    ): Decision(10, 14, 20, (OPEN, OPEN), (OPEN,), (OPEN,)),
    (
        'budget: 9.00 s of 10 s used; the widest interval is engine="new": ops ±5.1 %; 1 were left at 3 iterations (engine="old"): '
        "of such intervals about 60 % hold, not 95 %"
    ): BudgetUse(9.0, 10.0, 3, (replace(FINE, n=3), WIDE), None),
    'search of rate at engine="old": 0 of at most 12 trials; next 10,000': RateFound(
        "rate", SEARCH, {"engine": "old"}, (), search_rate((), RateRange(10_000)), 10_000, "p99", "ms", 10.0
    ),
    'search of rate at engine="old": 0 of at most 12 trials; stopped at 10,000: its trial has no result and is not repeated now': RateFound(
        "rate", SEARCH, {"engine": "old"}, (), search_rate((), RateRange(10_000)), 10_000, "p99", "ms", 10.0, stuck=True
    ),
    "search of n: 2 or 3 at load=7; none up to 9 is enough at load=8": SizesFound(
        "n",
        SEARCH_SIZE,
        {},
        "load",
        (Demand(7, 2, None, 3, known=True, sure=False), Demand(8, None, None, None, known=True, sure=True)),
        (),
        None,
        9,
    ),
    'climb along size at engine="old": tried 7; best 7 with a mean ops of 3; over: the range has one value': Climb(
        "size", *ys("ops"), ({"engine": "old", "size": 7},), Advice(None, 7, 3.0, (7,), Why.ONE_VALUE)
    ),
    'best num threads at engine="old": 8 with a mean ops of 3, too good because it was chosen': BEST,
    (
        'best num threads at engine="old": 8 with a mean ops of 3 when it was chosen, which is too good; 4 trials to measure it again'
    ): replace(BEST, again=Again(None, 4)),
}


def every_kind(of: type) -> Iterator[type]:
    """Yield all subclasses that the modules of the policies define."""
    for found in pkgutil.iter_modules(policies.__path__):
        module = importlib.import_module(f"{policies.__name__}.{found.name}")
        yield from (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, of) and kind is not of)


@pytest.mark.parametrize(("text", "finding"), FINDINGS.items())
def test_what_a_finding_says(text: str, finding: Finding) -> None:
    """Numbers, and the places that are meant by the parameters that vary."""
    assert finding_text(finding, ["engine"]) == text


def test_every_finding_and_every_outlook_has_words() -> None:
    """A new policy with findings of its own brings sentences for them, and cases here."""
    assert {type(finding) for finding in FINDINGS.values()} == set(every_kind(Finding))
    assert {type(outlook) for outlook, *_ in OUTLOOKS.values()} == {Outlook, *every_kind(Outlook)}
    assert REASONS.keys() == set(Why)
    with pytest.raises(TypeError, match="Finding"):
        finding_text(Finding(), [])


@pytest.mark.parametrize(
    ("share", "text"), [(0.05, "±5 %"), (0.05001, "±5.1 %"), (0.0, "±0 %"), (None, "unknown"), (math.inf, "±more than 1,000 %")]
)
def test_a_share_is_rounded_up(share: float | None, text: str) -> None:
    """What is too wide never looks narrow enough."""
    assert share_text(share) == text


BUDGET_TEXT = "a budget of 1 min 0 s, of which 6.00 s are used; 12 trials of the first 3 rounds to run"
BUDGET = BudgetOutlook(1, 40, 60.0, 6.0, 3, lacking=12)
OUTLOOKS: Mapping[str, tuple[Outlook, tuple[str, ...], *tuple[str, ...]]] = {
    "fixed": (
        Outlook(8, 8),
        (),
        "30 iterations",
        "8, about 1 h",
        "2 trials to run; 4 of 50 are stored already and reused; seed 7",
        "",
    ),
    "precise": (
        PreciseOutlook(8, 40, RULE),
        ("until every interval of ops is within ±5 % at two looks in a row, 5 rounds apart",),
        "5 to 30 iterations",
        "8 before the next look, at most 40 in all, about 1 h",
        "2 trials to run, then more until every interval of ops is within ±5 %; 4 of at most 50 are stored already and reused; seed 7",
        "until the next look at the intervals",
    ),
    "budgeted": (
        BUDGET,
        (f"{BUDGET_TEXT}; how far it goes is known after the first trial",),
        "3 to 30 iterations",
        "at most 40",
        f"4 of at most 50 trials are stored; {BUDGET_TEXT}; how far it goes is known after the first trial",
        "then what the rest of 1 min 0 s buys",
    ),
    "decided": (
        DecidedOutlook(8, 40, 10, 80),
        ("until every comparison is decided; looks after 5, 10, 20, 40, 80 rounds, at 1 % each",),
        "5 to 30 iterations",
        "8 before the next look, at most 40 in all, about 1 h",
        "2 trials to run, then more until every comparison is decided; 4 of at most 50 are stored already and reused; seed 7",
        "until the look after 10 rounds",
    ),
    "climbing": (
        ClimbOutlook(8, 40, "n", 15),
        (
            "climbs along n: of these trials only those that lead to the best value run",
            "then the best value and its neighbours are measured again, in fresh rounds",
        ),
        "30 iterations",
        "at most 40, about 1 h",
        "climbs along n: 2 trials to run, then those that their results ask for; 4 are stored",
        "then what the results ask for",
    ),
    "searching": (
        SearchOutlook(2, 21, "rate", SEARCH, 2),
        (
            "searches the largest rate from 100 to 1,000,000 requests/s while p99 < 10ms",
            "begins at 10,000 requests/s; each trial's rate follows from the results before it",
        ),
        "30 iterations",
        "at most 21, about 1 h",
        "searches rate: 2 trials to run, at most 21 in all, as results ask for them; 4 are stored",
        "then what the results ask for",
    ),
    "maximising": (
        AgainOutlook(8, 38, Outlook(8, 8), 30, 2, ("num-threads",)),
        ("then the best num threads and its neighbours are measured again, in fresh rounds: at most 30 trials (fresh-rounds)",),
        "30 iterations",
        "8, then at most 30 in fresh rounds, about 1 h",
        "2 trials to run; 2 of 50 are stored already and reused; seed 7, then at most 30 in fresh rounds",
        "then what measures the best values again",
    ),
    "maximising at the end": (
        AgainOutlook(5, 5, BudgetOutlook(0, 0, 40.0, 40.0, 3, lacking=0), 5, 2, ("n",), 60.0),
        (
            "a budget of 40 s, of which 40 s are used; 0 trials of the first 3 rounds to run; how far it goes is known after the first trial",
            "then the best n and its neighbours are measured again, in fresh rounds: 5 trials (fresh-rounds)",
            "the rest of the budget of 1 min 0 s is kept for fresh rounds",
        ),
        "3 to 30 iterations",
        "5 in fresh rounds, about 1 h",
        "2 trials to run, which measure the best n and its neighbours again; 4 are stored",
        "",
    ),
}


@pytest.mark.parametrize("name", OUTLOOKS)
def test_what_an_outlook_says(name: str) -> None:
    """What decides how far the series goes, and how many trials run as far as that is known."""
    outlook, lines, *texts = OUTLOOKS[name]
    assert tuple(plan_lines(outlook)) == lines
    duration = ", about 1 h"
    assert texts == [iterations_text(outlook, 30), to_run_text(outlook, duration), start_text(outlook, 2, 4, 50, 7), then_text(outlook)]


@pytest.mark.parametrize(
    ("outlook", "stored", "text"),
    [
        (DecidedOutlook(0, 40, 20, 80), 10, "nothing to run: 10 of at most 50 trials are stored"),
        (Outlook(0, 0), 50, "nothing to run: all 50 trials are stored and nothing they depend on has changed"),
        (Outlook(9, 9), 41, "nothing to run: of all 50 trials 41 are stored, including those chosen here"),
        (PreciseOutlook(0, 9, RULE), 41, "nothing to run: 41 of at most 50 trials are stored"),
        (ClimbOutlook(0, 9, "n"), 41, "nothing to run: every climb along n is over, 41 trials are stored"),
        (
            AgainOutlook(0, 0, Outlook(0, 0), 0, 5, ("n",)),
            55,
            "nothing to run: all 50 trials are stored and nothing they depend on has changed, and 5 trials of fresh rounds",
        ),
    ],
)
def test_when_there_is_nothing_to_run(outlook: Outlook, stored: int, text: str) -> None:
    """Why not: all is stored, or the series is over, or what was chosen here is stored."""
    assert start_text(outlook, 0, stored, 50, 7) == text


@pytest.mark.parametrize(
    ("rounds", "lacking", "basic", "further", "end"),
    [
        (3, 12, 5, 0, "enough for about 5 of the 12 trials missing in the first 3 rounds, the coarse points first"),
        (1, 1, 1, 7, "enough for the 1 trial missing in the first round, then about 7 more where intervals are widest"),
        (3, 0, 0, 7, "enough for about 7 more where intervals are widest"),
    ],
)
def test_what_a_budget_buys(rounds: int, lacking: int, basic: int, further: int, end: str) -> None:
    """The first rounds or a part of them, then more where intervals are widest; the same numbers for programs."""
    outlook = BudgetOutlook(1, 40, 60.0, 6.0, rounds, lacking, basic, further, RULE)
    first, second = plan_lines(outlook)
    assert first == f"a budget of 1 min 0 s, of which 6.00 s are used: {end}"
    assert second.startswith("until every interval of ops is within ±5 %")
    assert budget_json(outlook) == {"total-s": 60.0, "spent-s": 6.0, "lacking": lacking, "affordable": basic, "further": further}
    assert budget_json(Outlook(1, 1)) is None

"""Looks: how a series is judged that ends when its comparisons are decided.

Theory. To test after every round until something differs finds a difference between equals in 40 % of series. So there are five looks only,
after 5, 10, 20, 40 and 80 rounds, and each spends a fifth of the 5 %: the chance that any comparison of equals is confirmed at any look
stays below 5 %. A difference that a look confirms stays confirmed. Between two looks the last one speaks, with its 99 % interval: what has
been measured since then waits for the next look. The number of looks does not depend on how many rounds there may be, so the maximum can be
raised afterwards.

A look after n rounds uses the first n rounds and nothing else, so a series that was interrupted decides as one that was not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wke.describe.experiment.experiment import LOOKS
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.point import point_key
from wke.judge.statistics.comparison import Comparison, Question, Verdict, compare, partner
from wke.judge.statistics.family import LEVEL
from wke.keep.trials.trials import INTERRUPTED, RUNNING, StoredAttempt

LOOK_LEVEL = LEVEL / len(LOOKS)
DIFFERENT = frozenset({Verdict.WORSE, Verdict.BETTER})
DECIDED = DIFFERENT | {Verdict.SAME}

Place = Mapping[str, object]


def conclude(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric],
    points: Iterable[Place],
    question: Question,
    attempts: Sequence[StoredAttempt] = (),
) -> tuple[Comparison, ...]:
    """Return all comparisons, as `compare` does, or by looks if the question says so."""
    asked = tuple(points)
    if not question.looks:
        return compare(trials, metrics, asked, question, attempts)
    complete = complete_rounds(attempts or trials, asked, question.baseline)
    return compare_by_looks(trials, metrics, asked, question, attempts, complete=complete)


def compare_by_looks(
    trials: Sequence[StoredAttempt],
    metrics: Sequence[Metric],
    points: Sequence[Place],
    question: Question,
    attempts: Sequence[StoredAttempt],
    *,
    complete: int,
) -> tuple[Comparison, ...]:
    """Return all comparisons at the last look that the first `complete` rounds allow; before the first look, those of these rounds."""
    found: tuple[Comparison, ...] = ()
    decided: dict[object, Comparison] = {}
    for look in [each for each in LOOKS if each <= complete] or [complete]:
        at_look = replace(question, rounds=look or None, level=LOOK_LEVEL)
        found = compare(_before(trials, look), metrics, points, at_look, _before(attempts, look))
        found = tuple(replace(one, earlier=decided.get(_name(one))) for one in found)
        for one in found:
            before = decided.get(_name(one))
            if one.verdict in DIFFERENT and (before is None or before.verdict is Verdict.SAME):
                decided[_name(one)] = replace(one, earlier=None)
            elif one.verdict is Verdict.SAME and before is None:
                decided[_name(one)] = one
    return found


def complete_rounds(attempts: Iterable[StoredAttempt], points: Sequence[Place], baseline: Place) -> int:
    """Return how many rounds, from the first one on, were attempted at all compared points."""
    tried: dict[object, set[int]] = {}
    for attempt in attempts:
        if not attempt.warmup and attempt.outcome not in {INTERRUPTED, RUNNING}:
            tried.setdefault(point_key(attempt.point), set()).add(attempt.iteration)
    pairs = [(point, other) for point in points if (other := partner(point, baseline)) is not None]
    needed = {point_key(one) for pair in pairs for one in pair}
    common = set.intersection(*(tried.get(key, set()) for key in needed)) if needed else set()
    return next(k for k in range(len(common) + 1) if k not in common)


def next_look(rounds: int, most: int) -> int | None:
    """Return after how many rounds the next look is, if one follows."""
    return next((look for look in LOOKS if rounds < look <= most), None)


def _before(trials: Sequence[StoredAttempt], look: int) -> list[StoredAttempt]:
    return [trial for trial in trials if trial.iteration < look]


def _name(one: Comparison) -> object:
    return point_key(one.point), one.metric

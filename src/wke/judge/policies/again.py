"""What a search found, measured again: the winner is the one that was chosen before, and only fresh results count.

Theory. The best of several values is partly the luckiest, so its first results are too good: by 3 to 8 % in simulations. Fresh results are
not chosen, so they are right. The best of the fresh results would be the luckiest again: a neighbour with a better mean is not told apart
from the winner, unless a test within the rounds says that it is better.
"""

import math
from collections.abc import Mapping

from wke.describe.experiment.sweep import Value
from wke.judge.statistics.comparison import MIN_ROUNDS
from wke.judge.statistics.family import holm
from wke.judge.statistics.pairs import Pair, effect_of
from wke.judge.statistics.statistics import Summary, mean, summarise
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Again:
    """The best value of a search in fresh rounds: the `summary` of its goal, None before the first one has ended.

    `missing` trials of these rounds have no result yet. Neighbours in `rivals` have a better mean there; those in `ahead` beyond doubt.
    """

    summary: Summary | None
    missing: int
    rivals: tuple[Value, ...] = ()
    ahead: tuple[Value, ...] = ()


def measured_again(best: Value | None, values: Mapping[Value, Mapping[int, float]], missing: int, *, better: str, kind: str) -> Again:
    """Return what fresh rounds say of the `best` value, given what it and its neighbours gave in each; the summary is of this `kind`."""
    chosen = values.get(best, {}) if best is not None else {}
    if not chosen:
        return Again(None, missing)
    sign = -1 if better == "lower" else 1
    centre = mean(list(chosen.values()))
    rivals = {value: seen for value, seen in values.items() if value != best and seen and sign * (mean(list(seen.values())) - centre) > 0}
    pairs = [[Pair(seen[k], chosen[k]) for k in sorted(seen.keys() & chosen.keys())] for seen in rivals.values()]
    certain = holm([effect_of(each).p if len(each) >= MIN_ROUNDS else 1.0 for each in pairs])
    ahead = tuple(value for value, is_ahead in zip(rivals, certain, strict=True) if is_ahead)
    return Again(summarise(list(chosen.values()), kind), missing, tuple(rivals), ahead)


def finite(values: Mapping[int, float]) -> dict[int, float]:
    """Return the rounds that have a value."""
    return {k: value for k, value in values.items() if math.isfinite(value)}

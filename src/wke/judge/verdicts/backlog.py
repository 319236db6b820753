"""The rule of the backlog: an open-loop load is more than the system can take if the number of open requests grows and grows.

That is a result, not a fault of the measurement: the trial counts, and its latencies are marked as those of a growing queue.
"""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import BacklogRule
from wke.judge.statistics.trend import BATCHES, RISING, batch_means, kendall_s
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level

SHORT = 0.98
"""A system that completes less than this share of what arrived falls short of the offered load."""


def judge_backlog(arrived: Sequence[float], completed: Sequence[float], rule: BacklogRule) -> Ruling:
    """Return whether the backlog grows. `arrived` are the requests that were due, in all, up to the end of each window of one second.

    For a closed loop nothing is due at a given time: it has no `arrived`. `certain` is 0 in the numbers where too few requests arrived.
    """
    n = len(arrived)
    if not n:
        return unknown(Missing.DUE)
    if not completed:
        return unknown(Missing.DONE)
    if n < rule.windows:
        return unknown(Missing.WINDOWS, n, rule.windows)
    first = n // 10
    backlog = [due - done for due, done in zip(arrived, completed, strict=True)][first:]
    means = batch_means(backlog[: len(backlog) // BATCHES * BATCHES])
    s, offered = kendall_s(means), arrived[-1] - arrived[first]
    growth = (means[-1] - means[0]) / offered if offered > 0 else 0.0
    grows = s >= RISING and growth > rule.growth
    numbers = {
        "s": s,
        "growth": growth,
        "grows": float(grows),
        "done": completed[-1],
        "completed": completed[-1] / arrived[-1] if arrived[-1] else 1.0,
        "certain": float(arrived[-1] >= rule.arrivals),
    }
    return Ruling(Level.SUSPECT if grows else Level.OK, numbers)

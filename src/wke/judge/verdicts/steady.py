"""The rule of the steady state: what was measured did not rise or fall throughout the measurement.

Successive windows resemble one another, and a slow swing looks like a trend. Therefore the rule refuses to judge a measurement that has
fewer than twenty times as many windows as it takes until windows are independent.
"""

import math
from collections.abc import Sequence

from wke.describe.experiment.verdictfile import SteadyRule
from wke.judge.statistics.trend import BATCHES, RISING, batch_means, kendall_s, lag_one
from wke.judge.statistics.warmup import LEAST_WINDOWS, warm_up
from wke.judge.verdicts.ruling import Lack, Missing, Ruling, unknown
from wke.keep.trials.judgements import Level


def judge_steady(values: Sequence[float], rule: SteadyRule) -> Ruling:
    """Return whether the values of successive windows of one second, after the declared warm-up, show no trend.

    `cut` is in the numbers where the measurement is long enough for it: how many windows MSER-5 would leave out.
    """
    n = len(values)
    if not n:
        return unknown(Missing.DONE)
    if n < rule.windows:
        return unknown(Missing.WINDOWS, n, rule.windows)
    s, lag = kendall_s(batch_means(values)), lag_one(values)
    tau = (1 + lag) / (1 - lag) if lag < 1 else math.inf
    numbers = {"s": float(s), "tau": tau}
    if n >= LEAST_WINDOWS:
        numbers["cut"] = warm_up(values).windows
    if n // BATCHES < 2 * tau:
        needs = max(rule.windows, BATCHES * math.ceil(2 * tau)) if math.isfinite(tau) else math.inf
        return Ruling(Level.UNKNOWN, numbers, lack=Lack(Missing.WINDOWS, n, needs))
    return Ruling(Level.SUSPECT if abs(s) >= RISING else Level.OK, numbers)

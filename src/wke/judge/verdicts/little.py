"""The rule of Little's law: in a closed loop, clients = throughput x (mean latency + think time), whatever the system does.

If the two sides differ, one of the numbers is wrong: latencies of some requests are missing, clients failed, or a unit is not what it says.
It says nothing about open loops, where requests in flight would have to be integrated, and then it holds by definition.
"""

from wke.describe.experiment.verdictfile import LittleRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """What a closed loop measured: rates per second, times in seconds.

    `rounding` is the largest relative error of the printed numbers together: half a unit of the last digit of each.
    """

    clients: float
    throughput: float
    latency: float
    completions: float
    think: float = 0.0
    rounding: float = 0.0


def judge_little(loop: ClosedLoop, rule: LittleRule) -> Ruling:
    """Return whether the numbers of a closed loop fit together."""
    if loop.clients <= 0:
        return unknown(Missing.CLIENTS)
    if loop.completions < rule.completions * loop.clients:
        return unknown(Missing.COMPLETIONS, loop.completions / loop.clients, rule.completions)
    seen = loop.throughput * (loop.latency + loop.think)
    if seen <= 0:
        return unknown(Missing.LATENCY)
    gap = loop.clients / seen - 1
    surely = abs(gap) - loop.rounding
    level = Level.INVALID if surely > rule.invalid else Level.SUSPECT if surely > rule.suspect else Level.OK
    return Ruling(level, {"gap": gap, "clients": loop.clients, "seen": seen})

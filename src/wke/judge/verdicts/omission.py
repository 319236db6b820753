"""The rule of omission: a closed loop that stands still sends nothing, so latencies lack the requests that would have waited."""

from wke.describe.experiment.verdictfile import OmissionRule
from wke.judge.statistics.standstill import standstill
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Completions:
    """How a closed loop with so many `clients` completed requests in `seconds`: for `gap` seconds in a row surely none.

    It was sampled each `every` seconds, so a standstill may have been longer than the gap by two of these.
    """

    clients: float
    count: float
    seconds: float
    gap: float
    every: float


def judge_omission(seen: Completions | None, _: OmissionRule) -> Ruling:
    """Return whether a closed loop stood still for longer than chance explains; nothing is known of open loops."""
    if seen is None or seen.clients <= 0:
        return unknown(Missing.CLIENTS)
    if not seen.count or seen.seconds <= 0:
        return unknown(Missing.DONE)
    surely, at_most = (standstill(gap, seen.count, seen.seconds, seen.clients) for gap in (seen.gap, seen.gap + 2 * seen.every))
    if at_most.suspected and not surely.suspected:
        return unknown(Missing.FINENESS, seen.every, max(surely.limit * seen.seconds / seen.count - seen.gap, 0.0) / 2)
    return Ruling(
        Level.SUSPECT if surely.suspected else Level.OK, {"gap": surely.seconds, "missing": surely.missing, "limit": surely.limit}
    )

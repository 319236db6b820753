"""The rule of the common start: clients that start far apart do not put their load on the system at the same time."""

from wke.describe.experiment.verdictfile import StartRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level


def judge_start(bounds: tuple[float, float] | None, window: float, rule: StartRule) -> Ruling:
    """Return whether the start skew, which lies between these bounds, may be too large for a measured `window`; all in seconds."""
    if bounds is None:
        return unknown(Missing.STARTS)
    low, high = bounds
    level = Level.SUSPECT if high > rule.skew * window else Level.OK
    return Ruling(level, {"low": low, "high": high, "window": window})

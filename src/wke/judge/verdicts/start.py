"""The rule of the common start: clients that start far apart do not put their load on the system at the same time."""

from wke.describe.experiment.verdictfile import StartRule
from wke.judge.verdicts.judgement import Judgement, Level, Missing, unknown


def judge_start(low: float | None, high: float | None, window: float, rule: StartRule) -> Judgement:
    """Return whether the start skew, which lies between `low` and `high`, may be too large for a measured `window`; all in seconds."""
    if low is None or high is None:
        return unknown(Missing.STARTS)
    level = Level.SUSPECT if high > rule.skew * window else Level.OK
    return Judgement(level, {"low": low, "high": high, "window": window})

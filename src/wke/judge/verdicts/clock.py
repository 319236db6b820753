"""The rule of the clocks: times of several machines can be compared only as exactly as the offsets of their clocks are known."""

from collections.abc import Mapping

from wke.describe.experiment.verdictfile import ClockRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown, worst_place
from wke.keep.trials.judgements import Level


def judge_clocks(bounds: Mapping[str, float | None], rule: ClockRule) -> Ruling:
    """Return whether the clocks of machines are known well enough.

    `bounds` are the largest errors of their offsets during the measurement, in seconds; None where no offset fits all readings: then
    somebody set the clock meanwhile.
    """
    return worst_place([_judge(machine, bound, rule) for machine, bound in bounds.items()]) if bounds else unknown(Missing.CLOCKS)


def _judge(machine: str, bound: float | None, rule: ClockRule) -> Ruling:
    if bound is None:
        return Ruling(Level.SUSPECT, {"stepped": 1.0}, machine)
    return Ruling(Level.SUSPECT if bound > rule.bound else Level.OK, {"bound": bound}, machine)

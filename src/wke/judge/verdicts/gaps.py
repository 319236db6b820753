"""The rule of telemetry: a machine that could not be sampled may have stood still, and no rule knows what it did."""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import GapsRule
from wke.judge.verdicts.machineuse import MachineUse, judge_machines
from wke.judge.verdicts.ruling import Ruling
from wke.keep.trials.judgements import Level


def judge_gaps(machines: Sequence[MachineUse], rule: GapsRule) -> Ruling:
    """Return whether samples of a machine are missing."""

    def judge(machine: MachineUse) -> tuple[Level, dict[str, float | None]]:
        longest = max(rule.gap, 2 * (machine.every or 0.0))  # [telemetry] may say that samples are further apart
        gaps = (machine.gap or 0.0) > longest or (machine.sampled is not None and machine.sampled < rule.sampled)
        return Level.SUSPECT if gaps else Level.OK, {"gap": machine.gap, "sampled": machine.sampled}

    return judge_machines(machines, judge)

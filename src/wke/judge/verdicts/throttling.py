"""The rule of throttling: processors must not be slowed down by heat.

Limits of emulated machines throttle too, but they are declared and belong to what is measured. The rule of the generator takes them into
account: what counts there is the share of the processor time that it may use.
"""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import ThrottlingRule
from wke.judge.verdicts.machineuse import MachineUse, judge_machines
from wke.judge.verdicts.ruling import Ruling
from wke.keep.trials.judgements import Level


def judge_throttling(machines: Sequence[MachineUse], rule: ThrottlingRule) -> Ruling:
    """Return whether a machine was throttled."""

    def judge(machine: MachineUse) -> tuple[Level, dict[str, float | None]]:
        return Level.SUSPECT if (machine.hot or 0.0) > rule.events else Level.OK, {"hot": machine.hot}

    return judge_machines(machines, judge)

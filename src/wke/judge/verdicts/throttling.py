"""The rule of throttling: processors must not be slowed down by heat, nor programs stopped by a limit that nobody declared."""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import ThrottlingRule
from wke.judge.verdicts.judgement import Judgement, Level
from wke.judge.verdicts.machineuse import MachineUse, judge_machines


def judge_throttling(machines: Sequence[MachineUse], rule: ThrottlingRule) -> Judgement:
    """Return whether a machine was throttled. Limits that the cluster file declares belong to what is measured and do not count."""

    def judge(machine: MachineUse) -> tuple[Level, dict[str, float | None]]:
        slow = (machine.stopped or 0.0) > rule.stopped or (machine.hot or 0.0) > 0
        return Level.SUSPECT if slow else Level.OK, {"stopped": machine.stopped, "hot": machine.hot}

    return judge_machines(machines, rule.windows, judge)

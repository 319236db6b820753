"""The rule of memory: a machine that is short of it measures its disk, not the system."""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import MemoryRule
from wke.judge.verdicts.machineuse import MachineUse, judge_machines
from wke.judge.verdicts.ruling import Ruling
from wke.keep.trials.judgements import Level


def judge_memory(machines: Sequence[MachineUse], rule: MemoryRule) -> Ruling:
    """Return whether a machine was short of memory."""

    def judge(machine: MachineUse) -> tuple[Level, dict[str, float | None]]:
        little = machine.available is not None and machine.available < rule.available
        short = little or (machine.swapped or 0.0) > rule.swapped or (machine.waiting or 0.0) > rule.pressure
        numbers = {"available": machine.available, "swapped": machine.swapped, "waiting": machine.waiting}
        return Level.SUSPECT if short else Level.OK, numbers

    return judge_machines(machines, judge)

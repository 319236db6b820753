"""The rule of foreign load: programs that are no part of the trial, or other virtual machines, must not take its processors away.

What is of no task of the trial may still be its system: a service of systemd, or a container, runs below a daemon. Therefore such load
only makes a trial suspect, unless somebody says that nothing of the trial runs so.
"""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import ForeignRule
from wke.judge.verdicts.machineuse import MachineUse, judge_machines
from wke.judge.verdicts.ruling import Ruling
from wke.keep.trials.judgements import Level


def judge_foreign(machines: Sequence[MachineUse], rule: ForeignRule) -> Ruling:
    """Return whether others used a machine; for emulated machines, ask about the computer that carries them."""

    def judge(machine: MachineUse) -> tuple[Level, dict[str, float | None]]:
        load = None
        if machine.busy is not None and machine.own is not None and machine.cores:
            load = max(0.0, machine.busy - machine.interrupts - machine.own) / machine.cores
        of_load, of_steal = load or 0.0, machine.steal or 0.0
        numbers = {"load": load, "steal": machine.steal}
        if (rule.invalid_load is not None and of_load > rule.invalid_load) or of_steal > rule.invalid_steal:
            return Level.INVALID, numbers
        return Level.SUSPECT if of_load > rule.suspect_load or of_steal > rule.suspect_steal else Level.OK, numbers

    return judge_machines(machines, judge)

"""The rule of the emulation: machines that share the processors of one computer must not want more of them than there are.

Otherwise one machine waits for another, which machines of their own would not do.
"""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import OversubscribedRule
from wke.judge.verdicts.machineuse import MachineUse, judge_machines
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.keep.trials.judgements import Level


def judge_oversubscribed(hosts: Sequence[MachineUse], rule: OversubscribedRule) -> Ruling:
    """Return whether a computer that carries emulated machines had no processor time left; real machines do not share any."""
    if not hosts:
        return unknown(Missing.EMULATION)

    def judge(host: MachineUse) -> tuple[Level, dict[str, float | None]]:
        busy = host.busy / host.cores if host.busy is not None and host.cores else None
        return Level.SUSPECT if busy is not None and busy > rule.busy else Level.OK, {
            "busy": busy,
            "cores": None if busy is None else host.cores,
        }

    return judge_machines(hosts, judge)

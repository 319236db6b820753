"""The rule of the emulation: machines that share the processors of one computer must not want more of them than there are.

Otherwise one machine waits for another, which machines of their own would not do.
"""

from collections.abc import Sequence

from wke.describe.experiment.verdictfile import OversubscribedRule
from wke.judge.verdicts.judgement import Judgement, Level
from wke.judge.verdicts.machineuse import MachineUse, judge_machines


def judge_oversubscribed(hosts: Sequence[MachineUse], rule: OversubscribedRule) -> Judgement:
    """Return whether a computer that carries emulated machines had no processor time left."""

    def judge(host: MachineUse) -> tuple[Level, dict[str, float | None]]:
        busy = host.busy / host.cores if host.busy is not None and host.cores else None
        return Level.SUSPECT if busy is not None and busy > rule.busy else Level.OK, {"busy": busy, "cores": host.cores if busy else None}

    return judge_machines(hosts, rule.windows, judge)

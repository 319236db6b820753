"""What telemetry says of a machine during the measured window, for the rules about machines."""

from collections.abc import Callable, Sequence

from wke.judge.verdicts.ruling import Missing, Ruling, unknown, worst_place
from wke.keep.trials.judgements import Level
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class MachineUse:
    """What a machine did during a measurement; what is unknown is None.

    `cores` are its processors; `busy` are those in use on average, `own` of them by what the trial runs there, and `interrupts` of them by
    what the kernel does for devices, such as the packets of a network card, for no program in particular. `steal` is the share of the
    processor time that the hypervisor took away; `hot` counts how often heat slowed processors down. `available` is the smallest share of
    memory that was available, `swapped` are the bytes moved to or from swap, `waiting` is the share of the time in which programs waited
    for memory. `gap` is the longest time without a sample in seconds, `sampled` the share of the samples that were taken, of
    which there usually is one `every` so many seconds.
    """

    machine: str
    cores: float | None = None
    busy: float | None = None
    own: float | None = None
    interrupts: float = 0.0
    steal: float | None = None
    hot: float | None = None
    available: float | None = None
    swapped: float | None = None
    waiting: float | None = None
    gap: float | None = None
    sampled: float | None = None
    every: float | None = None


def judge_machines(machines: Sequence[MachineUse], judge: Callable[[MachineUse], tuple[Level, dict[str, float | None]]]) -> Ruling:
    """Return the worst that `judge` says of machines; numbers that are None are left out.

    A machine of which no number is known is unknown.
    """
    return worst_place([_one(each, judge) for each in machines]) if machines else unknown(Missing.TELEMETRY)


def _one(machine: MachineUse, judge: Callable[[MachineUse], tuple[Level, dict[str, float | None]]]) -> Ruling:
    level, numbers = judge(machine)
    known = {name: number for name, number in numbers.items() if number is not None}
    if not known:
        return unknown(Missing.TELEMETRY, where=machine.machine)
    return Ruling(level, known, machine.machine)

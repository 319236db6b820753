"""The rule of the load generator: it must not be the bottleneck.

A generator that is busy sends late, and its own delay is added to every latency it measures. A thread can use one core only, so what counts
is the share of the cores that its sending threads can use, not the share of the machine: one of 16 cores is 6 % of a machine.

A generator that sends late, or less than was due, although it has processor time left waits for the system, for example for a free
connection. That is overload and no fault of the measurement: such a trial is suspect, not invalid. So is one of which it is not known how
busy the generator was, and one whose measured tasks may not generate load: they may be the system itself, which is busy as it should be.
"""

from collections.abc import Mapping, Sequence

from wke.describe.experiment.verdictfile import GeneratorRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown, worst_place
from wke.keep.trials.judgements import Level
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class GeneratorUse:
    """What is known of a load generator on a machine; what is unknown is None.

    `cpu` are the cores that it used on average, of the `cores` that it can use. `sent` and `due` count requests. `lag` is the 99th
    percentile of sent - due and `latency` the median latency, in the same unit. It is not `certain` if it only looks like a generator.
    """

    machine: str
    cpu: float | None = None
    cores: float = 1.0
    sent: float | None = None
    due: float | None = None
    lag: float | None = None
    latency: float | None = None
    certain: bool = True


def judge_generators(generators: Sequence[GeneratorUse], rule: GeneratorRule) -> Ruling:
    """Return whether a load generator was saturated: the worst of them."""
    return worst_place([_judge(each, rule) for each in generators]) if generators else unknown(Missing.GENERATOR)


def _judge(seen: GeneratorUse, rule: GeneratorRule) -> Ruling:
    """Return what is known of one generator: the worst of its numbers."""
    numbers = _numbers(seen)
    if not numbers:
        return unknown(Missing.GENERATOR, where=seen.machine)
    return Ruling(_level(numbers, rule, certain=seen.certain), numbers, seen.machine)


def _numbers(seen: GeneratorUse) -> dict[str, float]:
    numbers: dict[str, float] = {}
    if seen.cpu is not None:
        numbers |= {"busy": seen.cpu / seen.cores, "cores": seen.cores}
    if seen.sent is not None and seen.due:
        numbers["sent"] = seen.sent / seen.due
    if seen.lag is not None and seen.latency:
        numbers["lag"] = seen.lag / seen.latency
    return numbers


def _level(numbers: Mapping[str, float], rule: GeneratorRule, *, certain: bool) -> Level:
    busy, lag = numbers.get("busy", 0.0), numbers.get("lag", 0.0)
    late = lag > rule.invalid_lag or numbers.get("sent", 1.0) < rule.sent
    if (certain and busy > rule.invalid_busy) or (late and busy > rule.suspect_busy):
        return Level.INVALID
    return Level.SUSPECT if late or busy > rule.suspect_busy or lag > rule.suspect_lag else Level.OK

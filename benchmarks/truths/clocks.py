"""Simulated clocks for the rule that bounds their offsets: each function simulates one trial of 60 s and its readings, one each 10 s.

A clock has a crystal that is wrong by up to 100 ppm, and a time daemon slews it by 500 ppm for a part of the trial, as the condition says.
"""

import random
from collections.abc import Callable, Iterator, Mapping

from wke.judge.clocks import Probe, few, offset, placed, reading
from wke.records import MachineClock

SECOND = 10**9
TRIAL_NS, EVERY_NS = 60 * SECOND, 10 * SECOND
LAN_NS = (50_000, 30_000)  # the shortest way, and the mean of what comes on top of it
CRYSTAL_PPM, SLEW_PPM = 100, 500
SLEWED: Mapping[str, tuple[int, int]] = {
    "constant 100 ppm": (0, 0),
    "slew 500 ppm in the second half": (30, 60),
    "slew 500 ppm in the first half": (0, 30),
    "slew 500 ppm for 10 s": (25, 35),
}
"""Between which seconds the clock is slewed."""


def outside(luck: random.Random, condition: str, _: int) -> bool:
    """Tell whether a time of the machine is misplaced by more than its bound, or is said to be unknown."""
    truth, clock = _simulated(luck, condition)
    at_ns = luck.randrange(TRIAL_NS)
    found = placed(clock, at_ns + truth(at_ns))
    return found is None or abs(found.at_ns - at_ns) > found.bound_ns


def half_widths(luck: random.Random, series: int) -> Iterator[tuple[str, float, float]]:
    """Yield for each condition the mean half width at the start, and between two readings, in ms."""
    for condition in SLEWED:
        clocks = [_simulated(luck, condition)[1] for _ in range(series)]
        yield condition, _half_ms(clocks, 0), _half_ms(clocks, TRIAL_NS // 2 + EVERY_NS // 2)


SIMULATIONS = {("1.9", "clock outside the rate-limited interval; 600 ppm"): outside}


def _half_ms(clocks: list[MachineClock], at_ns: int) -> float:
    found = [offset(clock, at_ns) for clock in clocks]
    return sum((knot.high_ns - knot.low_ns) / 2 for knot in found if knot) / len(found) / 1e6


def _simulated(luck: random.Random, condition: str) -> tuple[Callable[[int], int], MachineClock]:
    """Return the true offset as a function of time, and the clock as it was read."""
    began_ns, ended_ns = (second * SECOND for second in SLEWED[condition])
    crystal = luck.choice((-1, 1)) * CRYSTAL_PPM if condition.startswith("constant") else luck.uniform(-CRYSTAL_PPM, CRYSTAL_PPM)
    slew = luck.choice((-1, 1)) * SLEW_PPM
    first_ns = luck.randrange(-SECOND, SECOND)

    def truth(at_ns: int) -> int:
        slewed_ns = min(max(at_ns - began_ns, 0), ended_ns - began_ns)
        return first_ns + int((crystal * at_ns + slew * slewed_ns) / 10**6)

    readings = []
    for sent_ns in range(0, TRIAL_NS + 1, EVERY_NS):
        probes: list[Probe] = []
        while not probes or (len(probes) < 16 if sent_ns == 0 else not few(probes)):
            moment_ns = sent_ns + SECOND // 1000 * len(probes)
            there, back = (LAN_NS[0] + int(luck.expovariate(1 / LAN_NS[1])) for _ in range(2))
            probes.append(Probe(moment_ns, moment_ns + there + truth(moment_ns + there), moment_ns + there + back))
        readings.append(reading(probes))
    return truth, MachineClock(tuple(readings), CRYSTAL_PPM + SLEW_PPM)

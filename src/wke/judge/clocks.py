"""Clocks of machines: the offset of a clock by probes, a machine's times on our clock, and how far apart tasks began. Pure functions.

A probe is sent to the machine, which reads its clock and answers. The clock was read at some moment in between, so its offset is known to
within half the round trip, whatever the network did. Of many probes the one with the shortest round trip is the most exact, because the
causes of a long one (a queue, a busy processor) mostly delay one direction.

Between readings the offset drifts, at a rate that is limited by what advances the two clocks. Each reading therefore bounds the offset at
every other moment, and the true offset is within the bounds of all readings. If these contradict each other, the clock was set, or its
machine stood still for a time, and no offset of that trial is known. A straight line between two readings would be narrower, and wrong.
Which drift applies:

- Agents and wke itself advance their clocks by CLOCK_MONOTONIC_RAW, which time daemons neither set nor slew. Then only the crystals differ:
  RAW_PPM. (By CLOCK_MONOTONIC it would be 600: the kernel slews by up to 500.)
- Machines with the same kernel, as emulated ones have, have one such clock: no drift at all.
- When a later command continues a trial, our clock began again with the wall clock of that moment, which was perhaps being slewed since the
  first readings: SLEWED_PPM.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from wke.records import ClockReading, MachineClock, TaskEnded
from wke.values import dataclass

LOOKS = (16, 32, 64)  # the numbers of probes after which it is decided whether more are worth their time
WORTH = 0.1  # more probes are worth it if they shorten the round trip by this share
FEW, GOOD_NS = 8, 250_000  # while tasks are measured: so many probes at most, and no more once one is exact to this
MOST_PROBES = 1000
BESIDE, FEW_BESIDE = 16, 2  # probes of each machine by the relay right above it
LEAST_AHEAD_NS = 5_000_000
MOST_AHEAD_NS, MOST_AHEAD_PER_TASK_NS = 20_000_000, 200_000
RAW_PPM, SLEWED_PPM = 100, 700
LEAST_TOLD = 10
"""A difference of times on two machines is told from so many times its possible error on."""
MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: when it was sent and came back on our clock, and `at_ns`, the machine's clock in between."""

    sent_ns: int
    at_ns: int
    back_ns: int

    @property
    def way_ns(self) -> int:
        """The round trip."""
        return self.back_ns - self.sent_ns


@dataclass(frozen=True, slots=True)
class Skew:
    """The first and the last machine to begin, as it seems, and how far apart the first and the last start were.

    That is certainly within `skew_ns` - `bound_ns` and `skew_ns` + `bound_ns`, whichever machines they really were.
    """

    skew_ns: int
    bound_ns: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A moment on our clock, right to within `bound_ns`."""

    at_ns: int
    bound_ns: int


@dataclass(frozen=True, slots=True)
class Knot:
    """A moment on our clock, and between which offsets a machine's clock was then; between two knots both ends run straight."""

    at_ns: int
    low_ns: int
    high_ns: int

    @property
    def offset_ns(self) -> int:
        """The middle of the offsets."""
        return (self.low_ns + self.high_ns) // 2


def enough(probes: Sequence[Probe]) -> bool:
    """Return whether to stop probing: at a look whose second half found no round trip shorter by WORTH, and at the last look."""
    if len(probes) not in LOOKS:
        return False
    half = len(probes) // 2
    earlier, later = (min(probe.way_ns for probe in part) for part in (probes[:half], probes[half:]))
    return len(probes) == LOOKS[-1] or later > earlier * (1 - WORTH)


def as_good(probe: Probe, best_ns: int) -> bool:
    """Return whether a probe is about as exact as the best one of earlier readings, so that more are not worth their time."""
    return probe.way_ns <= best_ns * (1 + WORTH)


def few(probes: Sequence[Probe], machines: int = 1) -> bool:
    """Return whether to stop probing a machine that must not be disturbed: soon, as clocks drift apart until the next reading anyway.

    Of several `machines` that are read in turn, all together get at most MOST_PROBES.
    """
    return len(probes) >= max(2, min(FEW, MOST_PROBES // machines)) or probes[-1].way_ns <= 2 * GOOD_NS


def reading(probes: Iterable[Probe]) -> ClockReading:
    """Return the reading of the probe with the shortest round trip; raise ValueError without probes."""
    best = min(probes, key=lambda probe: probe.way_ns)
    middle_ns = best.sent_ns + best.way_ns // 2
    return ClockReading(best.at_ns - middle_ns, best.way_ns - best.way_ns // 2, middle_ns)


def through(relay: ClockReading, probe: Probe, drift_ppm: int) -> ClockReading:
    """Return the reading of a clock that a relay probed, whose own clock was read shortly before: the bounds of both add up."""
    middle_ns = probe.sent_ns + probe.way_ns // 2
    at_ns = middle_ns - relay.offset_ns
    bound_ns = probe.way_ns - probe.way_ns // 2 + relay.bound_ns + _drift_ns(at_ns - relay.at_ns, drift_ppm)
    return ClockReading(probe.at_ns - at_ns, bound_ns, at_ns)


def wide_ones(readings: Mapping[str, ClockReading]) -> frozenset[str]:
    """Return whose readings are so much wider than most that something was in their way: a few, which are worth another reading."""
    widest = sorted(readings, key=lambda name: -readings[name].bound_ns)
    return frozenset(
        name for name in widest[: len(widest) // 16] if readings[name].bound_ns > 2 * readings[widest[len(widest) // 2]].bound_ns
    )


def ahead_ns(staging_ns: int, tasks: int, clocks: Iterable[ClockReading]) -> int:
    """Return how far ahead of now the common start of this many tasks must be, so that all machines hear of it in time.

    That takes no longer than staging all tasks took, within limits: a machine may be busier now, and a machine that stages slowly may still
    hear quickly. The round trip to the furthest machine is added.
    """
    patience_ns = min(max(staging_ns, LEAST_AHEAD_NS), MOST_AHEAD_NS + MOST_AHEAD_PER_TASK_NS * tasks)
    return patience_ns + max(2 * clock.bound_ns for clock in clocks)


@lru_cache(maxsize=4096)
def knots(clock: MachineClock) -> tuple[Knot, ...]:
    """Return the bounds of a clock's offset as straight pieces; () when the readings contradict each other: the clock was set.

    Before the first knot and after the last one the bounds drift apart, and their middle stays.
    """
    ppm, readings = clock.drift_ppm, sorted(clock.readings, key=lambda one: one.at_ns)
    found = [Knot(one.at_ns, one.offset_ns - one.bound_ns, one.offset_ns + one.bound_ns) for one in readings]
    for order in (range(1, len(found)), range(len(found) - 2, -1, -1)):  # what the earlier ones say, then what the later ones say
        for index in order:
            nearest, here = found[index - order.step], found[index]
            wider_ns = _drift_ns(here.at_ns - nearest.at_ns, ppm)
            found[index] = Knot(here.at_ns, max(here.low_ns, nearest.low_ns - wider_ns), min(here.high_ns, nearest.high_ns + wider_ns))
    if any(knot.low_ns > knot.high_ns for knot in found):
        return ()
    pieces = found[:1]
    for first, last in pairwise(found):
        pieces += [*_turns(first, last, ppm), last]
    return tuple(pieces)


def _turns(first: Knot, last: Knot, ppm: int) -> list[Knot]:
    """Return where, between two readings, the bounds turn: before, the first reading limits them, and after that the last one."""
    span_ns = last.at_ns - first.at_ns
    if not ppm or span_ns <= 0:
        return []
    gains = (first.low_ns - last.low_ns, last.high_ns - first.high_ns)
    moments = {first.at_ns + (span_ns + gain * MILLION // ppm) // 2 for gain in gains}
    return [_between(first, last, at_ns, ppm) for at_ns in sorted(moments) if first.at_ns < at_ns < last.at_ns]


def _between(first: Knot, last: Knot, at_ns: int, ppm: int) -> Knot:
    """Return the bounds at a moment, as two knots limit them."""
    since_ns, until_ns = _drift_ns(at_ns - first.at_ns, ppm), _drift_ns(at_ns - last.at_ns, ppm)
    return Knot(at_ns, max(first.low_ns - since_ns, last.low_ns - until_ns), min(first.high_ns + since_ns, last.high_ns + until_ns))


def _drift_ns(passed_ns: int, ppm: int) -> int:
    """Return how far clocks may drift apart in that time, rounded up."""
    return -(-abs(passed_ns) * ppm // MILLION)


def offset(clock: MachineClock, at_ns: int) -> Knot | None:
    """Return between which offsets a machine's clock was at a moment of our clock; None if the clock was set during the trial."""
    pieces = knots(clock)
    if not pieces:
        return None
    after = bisect_right(pieces, at_ns, key=lambda knot: knot.at_ns)
    return _between(pieces[max(0, after - 1)], pieces[min(after, len(pieces) - 1)], at_ns, clock.drift_ppm)


def placed(clock: MachineClock, at_ns: int) -> Placed | None:
    """Return the moment at which a machine's clock showed `at_ns`, on our clock; None if that clock was set during the trial."""
    pieces = knots(clock)
    if not pieces:
        return None
    before = bisect_right(pieces, at_ns, key=lambda knot: knot.at_ns + knot.offset_ns) - 1
    guess = offset(clock, at_ns - pieces[max(0, before)].offset_ns)  # beside the moment by what the offset drifted since
    found = offset(clock, at_ns - guess.offset_ns) if guess else None
    if found is None:
        return None
    bound_ns = max(found.high_ns - found.offset_ns, found.offset_ns - found.low_ns)
    return Placed(at_ns - found.offset_ns, bound_ns + _drift_ns(bound_ns, clock.drift_ppm))


def placer(clocks: Mapping[str, MachineClock]) -> Callable[[str, int], int]:
    """Return a function that puts a machine's time on our clock, to order what happened on several machines.

    A clock that was set during the trial is taken at its first reading, and that of a machine that was not read as it is.
    """
    curves = {machine: knots(clock) or _first(clock) for machine, clock in clocks.items()}
    marks = {machine: [knot.at_ns + knot.offset_ns for knot in curve] for machine, curve in curves.items()}

    def place(machine: str, at_ns: int) -> int:
        if machine not in curves:
            return at_ns
        curve, seen_ns = curves[machine], marks[machine]
        after = bisect_right(seen_ns, at_ns)
        if after in {0, len(curve)}:
            return at_ns - curve[max(0, after - 1)].offset_ns
        first, last = curve[after - 1], curve[after]
        gained_ns, passed_ns = last.offset_ns - first.offset_ns, seen_ns[after] - seen_ns[after - 1]
        return at_ns - first.offset_ns - gained_ns * (at_ns - seen_ns[after - 1]) // passed_ns

    return place


def _first(clock: MachineClock) -> tuple[Knot, ...]:
    first = clock.readings[0]
    return (Knot(first.at_ns, first.offset_ns, first.offset_ns),)


def one_way(first: Placed, last: Placed) -> int | None:
    """Return the time between moments on two machines; None where that is not worth telling: below LEAST_TOLD times its possible error."""
    passed_ns = last.at_ns - first.at_ns
    return passed_ns if abs(passed_ns) >= LEAST_TOLD * (first.bound_ns + last.bound_ns) else None


def start_skew(ends: Iterable[TaskEnded], clocks: Mapping[str, MachineClock]) -> Skew | None:
    """Return how far apart tasks began; None when none did. A task that ended in the instant of its start never was a process.

    Only the first reading of each clock counts, which is from just before: whatever was done to a clock later, the starts are known.
    """
    begun = [(end.task.machine, end.started_ns) for end in ends if end.ended_ns > end.started_ns and end.task.machine in clocks]
    starts = [(machine, at) for machine, at_ns in begun if (at := placed(_until_start(clocks[machine]), at_ns)) is not None]
    if not starts:
        return None
    first, last = (choose(starts, key=lambda start: (start[1].at_ns, start[0]))[0] for choose in (min, max))
    several = len({machine for machine, _ in starts}) > 1  # one clock is exact
    earliest_ns, latest_ns = ([at.at_ns + sign * at.bound_ns * several for _, at in starts] for sign in (-1, 1))
    low_ns, high_ns = max(0, max(earliest_ns) - min(latest_ns)), max(latest_ns) - min(earliest_ns)
    skew_ns = (low_ns + high_ns) // 2
    return Skew(skew_ns, high_ns - skew_ns, first, last)


def _until_start(clock: MachineClock) -> MachineClock:
    return MachineClock(clock.readings[:1], clock.drift_ppm)

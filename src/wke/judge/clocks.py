"""Clocks of machines: what probes say of one, and how far apart tasks began by a clock that all share. Pure functions of values.

A probe is sent, read on the machine's clock and back. The machine's clock was read at some moment in between, so its offset is known to
half of the way there and back, whatever the network did; of many probes the one with the shortest way knows most, because what makes a way
long (a queue, a busy processor) mostly lengthens one direction. Two such readings, before and after, give a straight line: what is left of
a clock's error after minutes is that it runs a few millionths too fast or too slow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wke.records import ClockReading, MachineClock, TaskEnded

LOOKS = (16, 32, 64)  # after so many probes one asks whether more are worth their time
WORTH = 0.1  # a way that is shorter by this share
LEAST_AHEAD_NS = 5_000_000
MOST_AHEAD_NS, MOST_AHEAD_PER_TASK_NS = 20_000_000, 200_000


@dataclass(frozen=True, slots=True)
class Probe:
    """Sent and back again on our clock, in between `at_ns` on the machine's."""

    sent_ns: int
    at_ns: int
    back_ns: int

    @property
    def way_ns(self) -> int:
        """How long it was under way."""
        return self.back_ns - self.sent_ns


@dataclass(frozen=True, slots=True)
class Skew:
    """The first and the last machine to begin, how far apart they were, and how wrong that can be."""

    skew_ns: int
    bound_ns: int
    first: str
    last: str


def enough(probes: Sequence[Probe]) -> bool:
    """Tell whether to stop probing: at a LOOK whose second half found no way that is worth more, and at the last one in any case."""
    if len(probes) not in LOOKS:
        return False
    half = len(probes) // 2
    earlier, later = (min(probe.way_ns for probe in part) for part in (probes[:half], probes[half:]))
    return len(probes) == LOOKS[-1] or later > earlier * (1 - WORTH)


def reading(probes: Iterable[Probe]) -> ClockReading:
    """Return what the probe with the shortest way says; ValueError without probes."""
    best = min(probes, key=lambda probe: probe.way_ns)
    middle_ns = best.sent_ns + best.way_ns // 2
    return ClockReading(best.at_ns - middle_ns, best.way_ns - best.way_ns // 2, middle_ns)


def ahead_ns(staging_ns: int, tasks: int, clocks: Iterable[ClockReading]) -> int:
    """Return how far ahead of now so many tasks can agree to begin: to hear of it takes nobody longer than it took to stage them all.

    Within limits: a machine may be busier than it was just now, and one that is slow to stage its script hears as fast as others. The way
    to the furthest machine comes on top.
    """
    patience_ns = min(max(staging_ns, LEAST_AHEAD_NS), MOST_AHEAD_NS + MOST_AHEAD_PER_TASK_NS * tasks)
    return patience_ns + max(2 * clock.bound_ns for clock in clocks)


def ours(clock: MachineClock, at_ns: int) -> int:
    """Return the moment that is `at_ns` on a machine's clock, on our own clock."""
    before, after = clock.before, clock.after
    first_ns = before.at_ns + before.offset_ns  # the first reading on the machine's clock
    if after is None or (span_ns := after.at_ns + after.offset_ns - first_ns) <= 0:
        return at_ns - before.offset_ns
    return at_ns - before.offset_ns - (after.offset_ns - before.offset_ns) * (at_ns - first_ns) // span_ns


def bound_ns(clock: MachineClock) -> int:
    """Return how far `ours` can be from the truth between the two readings, if the clock runs evenly."""
    return max(clock.before.bound_ns, clock.after.bound_ns if clock.after else 0)


def start_skew(ends: Iterable[TaskEnded], clocks: Mapping[str, MachineClock]) -> Skew | None:
    """Return how far apart tasks began; None when none did. Who ended at the very instant of its start never was a process."""
    begun = [(end.task.machine, end.started_ns) for end in ends if end.ended_ns > end.started_ns]
    starts = [(ours(clocks[machine], at_ns), machine) for machine, at_ns in begun if machine in clocks]
    if not starts:
        return None
    (first_ns, first), (last_ns, last) = min(starts), max(starts)
    doubt_ns = 0 if first == last else bound_ns(clocks[first]) + bound_ns(clocks[last])
    return Skew(last_ns - first_ns, doubt_ns, first, last)

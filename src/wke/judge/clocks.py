"""Clocks of machines: the offset of a clock by probes, and how far apart tasks began on a common clock. Pure functions of values.

A probe is sent to the machine, which reads its clock and answers. The clock was read at some moment in between, so its offset is known to
within half the round trip, whatever the network did. Of many probes the one with the shortest round trip is the most exact, because the
causes of a long one (a queue, a busy processor) mostly delay one direction. Two readings, before and after, give a straight line: over
minutes the error of a clock is mainly that it runs a few millionths too fast or too slow.
"""

from collections.abc import Iterable, Mapping, Sequence

from wke.records import ClockReading, MachineClock, TaskEnded
from wke.values import dataclass

LOOKS = (16, 32, 64)  # the numbers of probes after which it is decided whether more are worth their time
WORTH = 0.1  # more probes are worth it if they shorten the round trip by this share
LEAST_AHEAD_NS = 5_000_000
MOST_AHEAD_NS, MOST_AHEAD_PER_TASK_NS = 20_000_000, 200_000


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


def enough(probes: Sequence[Probe]) -> bool:
    """Return whether to stop probing: at a look whose second half found no round trip shorter by WORTH, and at the last look."""
    if len(probes) not in LOOKS:
        return False
    half = len(probes) // 2
    earlier, later = (min(probe.way_ns for probe in part) for part in (probes[:half], probes[half:]))
    return len(probes) == LOOKS[-1] or later > earlier * (1 - WORTH)


def reading(probes: Iterable[Probe]) -> ClockReading:
    """Return the reading of the probe with the shortest round trip; raise ValueError without probes."""
    best = min(probes, key=lambda probe: probe.way_ns)
    middle_ns = best.sent_ns + best.way_ns // 2
    return ClockReading(best.at_ns - middle_ns, best.way_ns - best.way_ns // 2, middle_ns)


def ahead_ns(staging_ns: int, tasks: int, clocks: Iterable[ClockReading]) -> int:
    """Return how far ahead of now the common start of this many tasks must be, so that all machines hear of it in time.

    That takes no longer than staging all tasks took, within limits: a machine may be busier now, and a machine that stages slowly may still
    hear quickly. The round trip to the furthest machine is added.
    """
    patience_ns = min(max(staging_ns, LEAST_AHEAD_NS), MOST_AHEAD_NS + MOST_AHEAD_PER_TASK_NS * tasks)
    return patience_ns + max(2 * clock.bound_ns for clock in clocks)


def ours(clock: MachineClock, at_ns: int) -> int:
    """Return, on our clock, the moment at which a machine's clock shows `at_ns`."""
    before, after = clock.before, clock.after
    first_ns = before.at_ns + before.offset_ns  # the first reading on the machine's clock
    if after is None or (span_ns := after.at_ns + after.offset_ns - first_ns) <= 0:
        return at_ns - before.offset_ns
    return at_ns - before.offset_ns - (after.offset_ns - before.offset_ns) * (at_ns - first_ns) // span_ns


def bound_ns(clock: MachineClock) -> int:
    """Return the largest error of `ours` between the two readings, if the clock runs evenly."""
    return max(clock.before.bound_ns, clock.after.bound_ns if clock.after else 0)


def start_skew(ends: Iterable[TaskEnded], clocks: Mapping[str, MachineClock]) -> Skew | None:
    """Return how far apart tasks began; None when none did. A task that ended in the instant of its start never was a process."""
    begun = [(end.task.machine, end.started_ns) for end in ends if end.ended_ns > end.started_ns]
    starts = [(ours(clocks[machine], at_ns), machine) for machine, at_ns in begun if machine in clocks]
    if not starts:
        return None
    first, last = min(starts)[1], max(starts)[1]
    machines = {machine for _, machine in starts}
    doubts_ns = {machine: bound_ns(clocks[machine]) if len(machines) > 1 else 0 for machine in machines}  # one clock is exact
    earliest_ns, latest_ns = ([at_ns + sign * doubts_ns[machine] for at_ns, machine in starts] for sign in (-1, 1))
    low_ns, high_ns = max(0, max(earliest_ns) - min(latest_ns)), max(latest_ns) - min(earliest_ns)
    skew_ns = (low_ns + high_ns) // 2
    return Skew(skew_ns, high_ns - skew_ns, first, last)

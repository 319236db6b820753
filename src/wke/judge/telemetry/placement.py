"""Placement: times on a machine's clock as times on the controller's, many at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wke.judge.clocks import Knot
from wke.records import ClockReading

Whole = NDArray[np.int64]
Clock = Sequence[Knot] | Sequence[ClockReading]
"""Offsets of a machine's clock at moments in the order of time, as `wke.judge.clocks.knots` has them; empty if nothing is known."""


def on_our_clock(times_ns: Whole, clock: Clock) -> Whole:
    """Return times of a machine's clock on the controller's, by offsets in the order of time, of which there is at least one."""
    base = clock[0].at_ns
    theirs = [reading.at_ns + reading.offset_ns - base for reading in clock]
    offsets = np.interp(times_ns - base, theirs, [reading.offset_ns - clock[0].offset_ns for reading in clock])
    return times_ns - clock[0].offset_ns - np.rint(offsets).astype(np.int64)

"""Counts of perf stat, from what it prints."""

import os

from wke.agent.perf import PerfCounters


def test_a_count_is_told_in_the_row_after_its_interval() -> None:
    """Rows between have none: a repeated one would be a rate of 0, and the next rate would be too high."""
    counters = PerfCounters.__new__(PerfCounters)
    counters.columns, counters._noted, counters._totals, counters._words, counters._rest, counters._has_ended = (
        [],
        set(),
        {},
        "",
        b"",
        False,
    )
    counters._handle, write_end = os.pipe()
    os.set_blocking(counters._handle, False)
    seen = []
    for text in (
        b"0.1;5;;cycles;100;100.00\n",
        b"",
        b"0.2;7;;cycles;100;100.00\n0.3;1;;cyc",
        b"les;100;100.00\n",
        b"0.4;<not counted>;;cycles;0;0\n",
    ):
        os.write(write_end, text)
        seen += counters.read()
    assert seen == [5, None, 12, 13, None]
    assert counters.columns == ["perf.cycles 1 counter"]
    for handle in (counters._handle, write_end):
        os.close(handle)

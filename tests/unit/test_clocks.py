"""Clocks: what is claimed about a machine's offset holds whatever the network did, and times are put on one clock."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.judge.clocks import (
    Placed,
    Probe,
    ahead_ns,
    as_good,
    enough,
    few,
    knots,
    offset,
    one_way,
    placed,
    placer,
    reading,
    start_skew,
    through,
    wide_ones,
)
from wke.judge.telemetry.placement import on_our_clock
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, TaskEnded, TaskName

KNOWN = Path(__file__).parents[1] / "known_answers"
SKEWS, OFFSET_ROWS = (
    list(csv.DictReader([line for line in (KNOWN / name).read_text().splitlines() if not line.startswith("#")]))
    for name in ("truth-start-skew.csv", "truth-clock.csv")
)
DELAYS = st.integers(min_value=0, max_value=10**10)
TIMES = st.integers(min_value=10**17, max_value=2 * 10**18)
OFFSETS = st.integers(min_value=-(10**17), max_value=10**17)


@given(offset_ns=OFFSETS, ways=st.lists(st.tuples(TIMES, DELAYS, DELAYS), min_size=1, max_size=70))
def test_the_true_offset_is_within_the_bound(offset_ns: int, ways: list[tuple[int, int, int]]) -> None:
    """However long each probe took either way: the offset is right to the bound, and the bound is half of the shortest way."""
    found = reading([Probe(sent, sent + there + offset_ns, sent + there + back) for sent, there, back in ways])
    assert abs(found.offset_ns - offset_ns) <= found.bound_ns
    assert found.bound_ns == (min(there + back for _, there, back in ways) + 1) // 2


@given(probes=st.lists(st.tuples(TIMES, DELAYS, DELAYS), min_size=2, max_size=20), data=st.data())
def test_more_probes_never_know_less(probes: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """The bound of some of the probes is no narrower than that of all; their order does not matter."""
    all_of_them = [Probe(sent, sent + there, sent + there + back) for sent, there, back in probes]
    some = data.draw(st.lists(st.sampled_from(all_of_them), min_size=1))
    assert reading(all_of_them).bound_ns <= reading(some).bound_ns
    assert reading(all_of_them[::-1]).bound_ns == reading(all_of_them).bound_ns


@given(
    offsets_ns=st.tuples(st.integers(-(10**18), 10**18), st.integers(-(10**18), 10**18)),
    ours=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    relays=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    later_ns=st.integers(-(10**10), 10**10),
    drift_ppm=st.integers(-100, 100),
)
def test_the_true_offset_is_within_the_bound_of_a_reading_through_a_relay(
    offsets_ns: tuple[int, int], ours: tuple[int, int], relays: tuple[int, int], later_ns: int, drift_ppm: int
) -> None:
    """Whatever parts of the two round trips were slow, and however the relay's clock drifted in between."""
    relay_ns, machine_ns = offsets_ns
    own = reading([Probe(0, ours[0] + relay_ns, sum(ours))])
    seen_at_ns = later_ns + relays[0]

    def by_relay(at_ns: int) -> int:
        return at_ns + relay_ns + (at_ns - ours[0]) * drift_ppm // 10**6

    found = through(own, Probe(by_relay(later_ns), seen_at_ns + machine_ns, by_relay(later_ns + sum(relays))), 101)
    assert abs(found.offset_ns - machine_ns) <= found.bound_ns + 10**-4 * sum(relays) + 3


@pytest.mark.parametrize(
    ("bounds_ns", "wide"), [([50] * 32, []), ([50] * 30 + [101, 900], [30, 31]), ([50] * 29 + [300] * 3, [29, 30]), ([50, 900], [])]
)
def test_a_few_readings_that_are_much_wider_than_most_are_worth_another(bounds_ns: list[int], wide: list[int]) -> None:
    """At most a sixteenth of all, the widest."""
    assert wide_ones({str(n): ClockReading(0, bound_ns, 0) for n, bound_ns in enumerate(bounds_ns)}) == set(map(str, wide))


@pytest.mark.parametrize(("way_ns", "best_ns", "good"), [(110, 100, True), (112, 100, False), (1, 0, False)])
def test_a_probe_like_the_best_of_earlier_ones_ends_probing(way_ns: int, best_ns: int, *, good: bool) -> None:
    """Without an earlier reading none is good enough."""
    assert as_good(Probe(0, 0, way_ns), best_ns) is good


def test_nothing_is_known_without_probes() -> None:
    """A reading of nothing is refused."""
    with pytest.raises(ValueError, match="empty"):
        reading([])


@pytest.mark.parametrize(
    ("ways", "over"),
    [
        ([100] * 15, False),
        ([100] * 16, True),
        ([900, *[100] * 15], True),  # the first was slow: its half had better ones
        ([100] * 15 + [91], True),
        ([100] * 15 + [90], False),
        ([100] * 15 + [90] * 16, False),  # 31
        ([100] * 15 + [90] * 17, True),
        ([100] * 16 + [80] * 16, False),
        ([100] * 32 + [90] * 31, False),
        ([100] * 32 + [50] * 32, True),  # 64: never more
    ],
)
def test_probing_ends_when_more_of_it_is_not_worth_its_time(ways: list[int], *, over: bool) -> None:
    """Of 16, 32 or 64 probes, the last half has to find a way that is shorter by a tenth, else there is no next half."""
    assert enough([Probe(0, 0, way) for way in ways]) is over


@pytest.mark.parametrize(
    ("staging_ms", "tasks", "bounds_ms", "ahead_ms"),
    [(1, 5, [0], 5), (8, 5, [0], 8), (500, 5, [0], 21), (500, 1000, [0], 220), (8, 5, [3, 40, 1], 88)],
)
def test_a_start_is_as_far_ahead_as_staging_took(staging_ms: int, tasks: int, bounds_ms: list[int], ahead_ms: int) -> None:
    """Between 5 ms and 20 ms and a little for each task; behind a long way, that way there and back on top."""
    clocks = [ClockReading(7, bound * 10**6, 9) for bound in bounds_ms]
    assert ahead_ns(staging_ms * 10**6, tasks, clocks) == ahead_ms * 10**6


@pytest.mark.parametrize(
    ("ways_ms", "over"), [([0.5], True), ([0.6], False), ([0.6, 0.4], True), ([0.6] * 7, False), ([0.6] * 8, True), ([300], False)]
)
def test_a_machine_that_is_measured_on_gets_few_probes(ways_ms: list[float], *, over: bool) -> None:
    """One is enough if it was quick, and eight always are."""
    assert few([Probe(0, 0, int(way * 1e6)) for way in ways_ms]) is over


@pytest.mark.parametrize(("machines", "most"), [(1, 8), (125, 8), (126, 7), (300, 3), (5000, 2)])
def test_many_machines_get_fewer_probes(machines: int, most: int) -> None:
    """A thousand in all, and two each at least: the controller has other things to do."""
    assert [few([Probe(0, 0, 10**7)] * count, machines) for count in (most - 1, most)] == [False, True]


def clock_of(case: str, rate_ppm: int) -> MachineClock:
    """Return the readings that the head of the known answers describes, with microseconds as units."""
    last = {"before and after": 1000, "slewed by 500 ppm in the second half": 16_000, "stepped": 101_000}
    if case == "every 10 s":
        offsets = zip(range(0, 60_000_001, 10_000_000), [1000, 1000, 1000, 1000, 6000, 11_000, 16_000], strict=True)
    else:
        offsets = zip([0, 60_000_000], [1000, last[case]], strict=True)
    return MachineClock(tuple(ClockReading(offset_us, 40, at) for at, offset_us in offsets), rate_ppm)


@pytest.mark.parametrize("row", OFFSET_ROWS, ids=lambda r: f"{r['case']}, {r['at']}, {r['rate_ppm']}")
def test_offsets_between_readings_are_as_known(row: dict[str, str]) -> None:
    """Every reading bounds the offset at every moment, wider with the time between; bounds without an overlap mean that it is unknown."""
    found = offset(clock_of(row["case"], int(row["rate_ppm"])), int(row["at"]))
    assert (found is None) is (row["offset"] == "unknown")
    if found is not None:
        assert (found.low_ns, found.high_ns) == (int(row["low"]), int(row["high"]))


@given(
    offset_ns=OFFSETS,
    began_ns=TIMES,
    pieces=st.lists(st.tuples(st.integers(10**6, 10**11), st.integers(-100, 100), st.integers(0, 10**6), st.fractions(-1, 1)), max_size=9),
    share=st.fractions(min_value=-1, max_value=2),
)
def test_a_machines_time_is_right_to_its_bound(
    offset_ns: int, began_ns: int, pieces: list[tuple[int, int, int, float]], share: float
) -> None:
    """A clock whose pace changes within its limit is followed: one moment, many at once and for an order give the same time."""
    at_ns, gained_ns, readings, line = began_ns, 0, [ClockReading(offset_ns, 0, began_ns)], [(began_ns, 0)]
    for passed_ns, ppm, bound_ns, error in pieces:
        at_ns, gained_ns = at_ns + passed_ns, gained_ns + passed_ns * ppm // 10**6
        readings.append(ClockReading(offset_ns + gained_ns + int(bound_ns * error), bound_ns, at_ns))
        line.append((at_ns, gained_ns))
    clock = MachineClock(tuple(readings), 100)
    true_ns = began_ns + int((at_ns - began_ns) * share)
    (from_ns, low), (to_ns, high) = next((pair for pair in pairwise(line) if pair[0][0] <= true_ns <= pair[1][0]), (line[0], line[-1]))
    inside = from_ns <= true_ns <= to_ns and to_ns > from_ns
    gain = low + (high - low) * (true_ns - from_ns) // (to_ns - from_ns) if inside else low if true_ns < began_ns else high
    shown_ns = true_ns + offset_ns + gain
    found, many = placed(clock, shown_ns), on_our_clock(np.array([shown_ns]), knots(clock))
    assert found is not None
    assert abs(found.at_ns - true_ns) <= found.bound_ns + 3
    assert abs(found.at_ns - int(many[0])) <= 3 + found.bound_ns // 1000
    assert abs(found.at_ns - placer({"m": clock})("m", shown_ns)) <= 3 + found.bound_ns // 1000


def test_a_clock_that_was_set_is_unknown_at_every_moment() -> None:
    """Also long before and after, where the bounds of its readings would overlap again: for an order it is taken at its first reading."""
    clock = MachineClock((ClockReading(7, 1, 0), ClockReading(10**6, 1, 10**6)), 100)
    far_ns = 10**15
    assert (placed(clock, far_ns), offset(clock, -far_ns), knots(clock)) == (None, None, ())
    assert placer({"m": clock})("m", far_ns) == far_ns - 7
    assert placer({"m": clock})("n", far_ns) == far_ns


@pytest.mark.parametrize(("apart_ns", "told"), [(0, False), (199, False), (-199, False), (200, True), (-200, True)])
def test_times_between_machines_are_refused_below_ten_times_their_bound(apart_ns: int, *, told: bool) -> None:
    """A difference of two machines' times is told only from ten times its possible error on, in either direction."""
    assert one_way(Placed(1000, 15), Placed(1000 + apart_ns, 5)) == (apart_ns if told else None)


def ended(machine: str, started_ns: int, copy: int = 0, took_ns: int = 50) -> TaskEnded:
    return TaskEnded(TaskName(0, "load", machine, copy), Outcome(OutcomeKind.OK), started_ns, started_ns + took_ns)


CLOCKS = {
    "a": MachineClock((ClockReading(1000, 2, 0),), 0),
    "b": MachineClock((ClockReading(-1000, 5, 0),), 0),
    "c": MachineClock((ClockReading(0, 1, 0),), 0),
}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([ended("a", 1100), ended("b", -880), ended("c", 110)], (20, 7, "a", "b")),
        ([ended("a", 1100), ended("a", 1130, copy=1)], (30, 0, "a", "a")),  # one clock: no doubt
        ([ended("c", 100)], (0, 0, "c", "c")),
        ([ended("c", 100), ended("a", 9999, took_ns=0)], (0, 0, "c", "c")),  # refused, or stopped before it began
        ([ended("c", 100), ended("d", 7)], (0, 0, "c", "c")),  # nobody read its clock
        ([ended("a", 1100, took_ns=0)], None),
        ([], None),
    ],
)
def test_the_skew_is_between_the_first_and_the_last_start(ends: list[TaskEnded], expected: tuple[int, int, str, str] | None) -> None:
    """By the common clock, whatever the machines' own clocks say; in doubt by their bounds."""
    skew = start_skew(ends, CLOCKS)
    assert (skew and (skew.skew_ns, skew.bound_ns, skew.first, skew.last)) == expected


@pytest.mark.parametrize("row", SKEWS, ids=lambda r: r["case"])
def test_the_bounds_of_the_skew_hold_for_any_clocks(row: dict[str, str]) -> None:
    """The first and the last start may be on other machines than it seems, so the bounds of all clocks count."""
    starts = [tuple(map(int, start.split("+-"))) for start in row["starts"].split()]
    clocks = {f"m{index}": MachineClock((ClockReading(0, bound, 0),), 0) for index, (_, bound) in enumerate(starts)}
    skew = start_skew([ended(f"m{index}", 100_000 + at) for index, (at, _) in enumerate(starts)], clocks)
    assert skew is not None
    assert (skew.skew_ns - skew.bound_ns, skew.skew_ns + skew.bound_ns) == (int(row["low"]), int(row["high"]))

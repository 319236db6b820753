"""Clocks: what is claimed about a machine's offset holds whatever the network did, and times are put on one clock."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.judge.clocks import Probe, ahead_ns, bound_ns, enough, ours, reading, start_skew
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, TaskEnded, TaskName

TRUTH = Path(__file__).parents[1] / "known_answers" / "truth-start-skew.csv"
SKEWS = list(csv.DictReader(TRUTH.read_text().splitlines()[1:]))
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


@given(
    offset_ns=OFFSETS,
    millionths=st.integers(min_value=-500, max_value=500),
    began_ns=TIMES,
    span_ns=st.integers(min_value=10**6, max_value=10**14),
    share=st.fractions(min_value=-1, max_value=2),
)
def test_a_clock_that_drifts_evenly_is_followed(offset_ns: int, millionths: int, began_ns: int, span_ns: int, share: float) -> None:
    """Read at both ends of a measurement, a clock that runs too fast or too slow is right to a few nanoseconds at any moment of it."""

    def theirs(at_ns: int) -> int:
        return at_ns + offset_ns + (at_ns - began_ns) * millionths // 10**6

    ends = [ClockReading(theirs(at) - at, 0, at) for at in (began_ns, began_ns + span_ns)]
    moment_ns = began_ns + int(span_ns * share)
    assert abs(ours(MachineClock(*ends), theirs(moment_ns)) - moment_ns) <= 4


@pytest.mark.parametrize("after", [None, ClockReading(90, 3, 1000), ClockReading(0, 3, 900)])
def test_a_clock_that_was_read_once_is_taken_to_run_as_ours(after: ClockReading | None) -> None:
    """Without a second reading, or one at no later time on the machine's clock, the first offset holds for all times."""
    assert ours(MachineClock(ClockReading(90, 2, 1000), after), 5000) == 4910


def test_the_wider_bound_counts() -> None:
    """Between two readings no more is known than at the worse of them."""
    assert bound_ns(MachineClock(ClockReading(0, 2, 10))) == 2
    assert bound_ns(MachineClock(ClockReading(0, 2, 10), ClockReading(0, 7, 20))) == 7
    assert bound_ns(MachineClock(ClockReading(0, 9, 10), ClockReading(0, 7, 20))) == 9


def ended(machine: str, started_ns: int, copy: int = 0, took_ns: int = 50) -> TaskEnded:
    return TaskEnded(TaskName(0, "load", machine, copy), Outcome(OutcomeKind.OK), started_ns, started_ns + took_ns)


CLOCKS = {
    "a": MachineClock(ClockReading(1000, 2, 0)),
    "b": MachineClock(ClockReading(-1000, 5, 0)),
    "c": MachineClock(ClockReading(0, 1, 0)),
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
    clocks = {f"m{index}": MachineClock(ClockReading(0, bound, 0)) for index, (_, bound) in enumerate(starts)}
    skew = start_skew([ended(f"m{index}", 100_000 + at) for index, (at, _) in enumerate(starts)], clocks)
    assert skew is not None
    assert (skew.skew_ns - skew.bound_ns, skew.skew_ns + skew.bound_ns) == (int(row["low"]), int(row["high"]))

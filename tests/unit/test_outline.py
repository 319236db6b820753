"""What it takes to draw a course, beside a slow reading of the same definitions; and how the page gets it."""

import base64
import json
import random
import zlib
from itertools import pairwise
from typing import Any

import numpy as np

from wke.judge.clocks import Knot
from wke.judge.telemetry.course import Course, Window, course_of
from wke.judge.telemetry.outline import drawn, extremes, outlines, together
from wke.judge.telemetry.placement import on_our_clock
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.tell.page.packing import UNKNOWN, Packer, coded


def course(luck: random.Random, count: int) -> Course:
    """Return a course with gaps."""
    marks = sorted(luck.sample(range(1000), 2 * count))
    for at in range(2, 2 * count, 2):  # half of the stretches meet
        marks[at] = marks[at - 1] if luck.random() < 0.5 else marks[at]
    return Course("1", np.array(marks[::2]), np.array(marks[1::2]), np.array([luck.random() for _ in range(count)]))


def test_extremes_are_of_all_that_overlaps_a_part() -> None:
    """The least and the most of every stretch that reaches into a part; nothing where none does."""
    luck = random.Random(5)
    for _ in range(50):
        one = course(luck, luck.randrange(1, 30))
        edges = np.array(sorted(luck.sample(range(-50, 1050), 12)))
        least, most = extremes(one, edges)
        for part, (start, end) in enumerate(pairwise(edges)):
            inside = [v for s, e, v in zip(one.starts_ns, one.ends_ns, one.values, strict=True) if s < end and e > start]
            assert (
                (np.isnan(least[part]) and np.isnan(most[part])) if not inside else (least[part], most[part]) == (min(inside), max(inside))
            )
    empty = Course("1", np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    assert np.isnan(extremes(empty, np.array([0, 5, 10]))).all()


def test_a_gap_is_drawn_as_one() -> None:
    """Values stand in the middle of their time; between two that do not meet is one that is not known."""
    one = Course("1", np.array([0, 10, 40]), np.array([10, 20, 50]), np.array([1.0, 2.0, 3.0]))
    times, values = drawn(one, Window(0, 45))
    assert times.tolist() == [5, 15, 30, 45]
    assert values[[0, 1, 3]].tolist() == [1, 2, 3]
    assert np.isnan(values[2])


def test_courses_are_added_where_they_are_known() -> None:
    """Courses with the same samples are added as they are, others over the times of both."""
    one = Course("1", np.array([0, 10]), np.array([10, 20]), np.array([1.0, 2.0]))
    assert together([one, one]).values.tolist() == [2, 4]
    other = Course("1", np.array([5]), np.array([20]), np.array([10.0]))
    both = together([one, other])
    assert (both.starts_ns.tolist(), both.ends_ns.tolist(), both.values.tolist()) == ([5, 10], [10, 20], [11, 12])


def unpacked(packed: Any) -> tuple[Any, bytes]:
    """Return the description, and the bytes of the arrays, as the page's script does."""
    data = zlib.decompress(base64.b64decode(packed["blob"]))
    return json.loads(data[: packed["head"]]), data[packed["head"] :]


def array(data: bytes, at: int, count: int, width: int) -> list[int]:
    """Return an array as the page's script reads it."""
    planes = [data[at + plane * count : at + (plane + 1) * count] for plane in range(width)]
    total, found = 0, []
    for place in range(count):
        total += sum(plane[place] << 8 * weight for weight, plane in enumerate(planes))
        found.append(total % (1 << 8 * width))
    return found


def test_what_is_packed_comes_back() -> None:
    """Numbers of both widths, differences that wrap around; an array that comes again takes no room."""
    luck = np.random.default_rng(3)
    times = np.sort(luck.integers(0, 2**32, 500)).astype("<u4")
    raw = luck.integers(0, 2**16, 500).astype("<u2")
    packer = Packer()
    places = [packer.add(times), packer.add(raw), packer.add(times)]
    description, data = unpacked(packer.packed({"name": "</script>\u202e"}))
    assert description == {"name": "</script>\u202e"}
    assert places == [0, 2000, 0]
    assert array(data, 0, 500, 4) == times.tolist()
    assert array(data, 2000, 500, 2) == raw.tolist()


def test_values_are_kept_to_a_65000th_of_their_range() -> None:
    """Both columns share a scale; what is not finite is unknown; a column without spread, or without any value, is no trouble."""
    low, high = np.array([1e9, np.nan, 1e9 + 5]), np.array([1e9 + 1, np.inf, 1e9 + 9])
    for column, found in zip((low, high), coded(low, high), strict=True):
        finite = np.isfinite(column)
        assert (np.abs(found.base + found.scale * found.raw[finite] - column[finite]) <= 9 / 65_000 + 1e2).all()
        assert (found.raw[~finite] == UNKNOWN).all()
    assert coded(np.array([7.0, 7.0]))[0].base == 7
    assert coded(np.array([np.nan]))[0].raw.tolist() == [UNKNOWN]


def test_columns_that_are_sampled_together_come_out_as_their_courses() -> None:
    """The short way gives what the courses give one by one: for counters, gauges, sums, restarts, values that are not known, gaps."""
    luck = random.Random(7)
    clock, start = [Knot(0, 1000, 1000)], 10**9
    for case in range(40):
        count = luck.randrange(2, 60)
        times = np.cumsum([luck.randrange(90, 110) * 10**6 for _ in range(count)]) + start
        if case % 8 == 7:
            times[count // 2 :] += 10**10
        readings = {}
        for name, kind in (("a", "counter"), ("b", "counter"), ("c", "gauge")):
            steps = [luck.randrange(-1 if case % 4 == 1 else 0, 50) for _ in range(count)]
            values = np.array(steps if kind == "gauge" else np.cumsum(steps) + 100, np.float64)
            values[luck.randrange(count) :] *= 0.1 if case % 5 == 2 else 1
            values[luck.randrange(count)] *= np.nan if case % 6 == 3 else 1
            readings[Column("machine", name, "B", kind)] = Readings(times, values)
        columns = list(readings)
        groups = {"sum": columns[:2], "one": columns[:1], "state": columns[2:], "none": []}
        edges = np.linspace(int(times[0]) - 10**7, int(times[-1]) + 10**7, 9).astype(np.int64)
        window = Window(int(edges[2]), int(edges[6]))
        found = outlines(groups, readings, clock, edges, window)
        for name, mine in groups.items():
            courses = [course_of(one, Readings(on_our_clock(times, clock), readings[one].values)) for one in mine]
            known = [one for one in courses if len(one.values)]
            assert (name in found) == bool(known)
            if known:
                slow = together(known)
                for fast, wanted in zip((found[name].least, found[name].most), extremes(slow, edges), strict=True):
                    assert np.allclose(fast, wanted, equal_nan=True)
                seen, figures = found[name].figures, slow.over(window)
                assert (seen is None) == (figures is None)
                if seen and figures:
                    assert np.allclose(
                        [seen.mean, seen.least, seen.most, seen.covered], [figures.mean, figures.least, figures.most, figures.covered]
                    )
                    assert seen.unit == figures.unit

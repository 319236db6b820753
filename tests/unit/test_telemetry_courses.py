"""What telemetry means: rates, figures of a window, sums over machines, times on the controller's clock, spans."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_of import made_up

from wke.judge.telemetry.course import Course, Window, course_of, course_unit, edges, rate_of, summed
from wke.judge.telemetry.placement import on_our_clock
from wke.judge.telemetry.spans import Span, measured_window, spans_of
from wke.judge.telemetry.windowfigures import window_figures
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.reader import Readings
from wke.keep.trials.details import StoredTask
from wke.records import ClockReading, TaskName

S = 1_000_000_000
SENT = Column.of("machine", "net.eth0.sent B counter")
CPU = Column.of("machine", "cpu.user us counter")
MEMORY = Column.of("machine", "memory.used B gauge")
NAN = float("nan")


LATER = Column.of("task.1", "written B counter", TaskName(0, "load", "m"))


def readings_of(samples: Sequence[tuple[float, float]]) -> Readings:
    """Return the readings of samples (seconds, value)."""
    times, values = zip(*samples, strict=True)
    return Readings(np.array([int(at * S) for at in times], np.int64), np.array(values, np.float64))


def course(column: Column, *samples: tuple[float, float], begun_s: float | None = None) -> Course:
    """Return the course of samples (seconds, value)."""
    times, values = zip(*samples, strict=True) if samples else ((), ())
    readings = Readings(np.array([int(at * S) for at in times], np.int64), np.array(values, np.float64))
    return course_of(column, readings, None if begun_s is None else int(begun_s * S))


def window(start_s: float, end_s: float) -> Window:
    """Return a window in seconds."""
    return Window(int(start_s * S), int(end_s * S))


@pytest.mark.parametrize(
    ("column", "samples", "expected"),
    [
        pytest.param(SENT, [(0, 0), (1, 100), (3, 500)], (500 / 3, 100, 200, 1), id="a rate"),
        pytest.param(CPU, [(0, 7_000_000), (3, 10_000_000)], (1, 1, 1, 1), id="cores"),
        pytest.param(SENT, [(1, 100), (2, 200)], (100, 100, 100, 1 / 3), id="a counter that begins and ends within"),
        pytest.param(SENT, [(-3, 0), (0, 300), (3, 300), (4, 900)], (0, 0, 0, 1), id="a counter that covers more"),
        pytest.param(SENT, [(-1, 0), (1, 200), (5, 1000)], ((100 + 2 * 200) / 3, 100, 200, 1), id="part of a step"),
        pytest.param(SENT, [(0, 0), (0.1, 10), (2.9, 290), (3, 300)], (100, 100, 100, 1), id="a gap in which a counter went on"),
        pytest.param(SENT, [(0, 500), (1, 600), (2, 10), (3, 110)], (100, 100, 100, 2 / 3), id="a counter that started again"),
        pytest.param(SENT, [(0, 500), (1, 499), (3, 800)], (100, 0, 150, 1), id="a counter that fell a little"),
        pytest.param(SENT, [(0, 0), (1, NAN), (3, 300)], (100, 100, 100, 1), id="a value that is missing"),
        pytest.param(SENT, [(0, 0), (2, 200), (1, 999), (3, 300)], (100, 100, 100, 1), id="a clock that was set back"),
        pytest.param(MEMORY, [(0, 9), (1, 10), (2, 40), (3, 10)], (20, 10, 40, 1), id="a gauge"),
        pytest.param(MEMORY, [(0, 9), (0.1, 10), (0.2, 10), (0.3, 10), (3, 700)], (10, 10, 10, 0.1), id="a gauge with a gap"),
    ],
)
def test_figures_of_a_window(column, samples, expected) -> None:
    """Means weigh by time, extremes are of the window, and what is not known is not covered and in no mean."""
    figures = course(column, *samples).over(window(0, 3))
    assert figures is not None
    assert (figures.mean, figures.least, figures.most, figures.covered) == pytest.approx(expected)
    assert figures.counts == (expected[3] > 0.9)
    readings = {one: readings_of(samples) for one in (column, MEMORY, SENT, LATER)}
    together = window_figures(readings, [ClockReading(0, 0, 0)], window(0, 3), {LATER.task: -10 * S})
    alone = {one: course_of(one, each, -10 * S if one is LATER else None).over(window(0, 3)) for one, each in readings.items()}
    for one, known in alone.items():
        assert known is not None
        assert astuple(together[one]) == pytest.approx(astuple(known))


@pytest.mark.parametrize("samples", [[], [(1, 5)], [(1, NAN), (2, NAN)], [(7, 0), (9, 10)]])
@pytest.mark.parametrize("column", [SENT, MEMORY])
def test_nothing_known_is_no_figure(column, samples) -> None:
    """Without two known samples about the window there is no figure, rather than 0."""
    assert course(column, *samples).over(window(0, 3)) is None
    assert course(column, *samples).quantile(window(0, 3), 0.5) is None
    assert np.isnan(course(column, *samples).means(edges(window(0, 3), S))).all()


def test_a_task_counts_from_its_start() -> None:
    """What a task used before its first sample is known, because its counter began at 0 with it."""
    figures = course(CPU, (0.1, 50_000), (1, 950_000), begun_s=0).over(window(0, 1))
    assert figures is not None
    assert (figures.mean, figures.least, figures.covered) == pytest.approx((0.95, 0.5, 1))


def test_quantiles_weigh_by_time() -> None:
    """A rate that held for a tenth of the time is above the 0.9-quantile and not below."""
    found = course(SENT, (0, 0), (9, 9), (10, 100))
    assert [found.quantile(window(0, 10), share) for share in (0, 0.5, 0.9, 0.91, 1)] == pytest.approx([1, 1, 1, 91, 91])


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30), st.integers(1, 7))
def test_means_of_parts_make_up_the_whole(growths: list[int], parts: int) -> None:
    """However a window is divided, the growth in all parts is the growth of the counter."""
    values = np.cumsum(growths)
    found = course(SENT, *enumerate(values.tolist()))
    marks = np.linspace(0, (len(growths) - 1) * S, parts + 1).astype(np.int64)
    assert np.dot(found.means(marks), np.diff(marks)) / S == pytest.approx(values[-1] - values[0], abs=1e-3)


def test_a_sum_is_unknown_where_a_part_is() -> None:
    """Machines are added up step by step; where one is not known the sum is not."""
    first, second = course(SENT, (0, 0), (3, 300)), course(SENT, (0, 0), (1, 10), (2, 20))
    np.testing.assert_allclose(summed([first, second], edges(window(0, 3), S)), [110, 110, np.nan])
    assert edges(window(0, 3.5), S).tolist() == [0, S, 2 * S, int(3.5 * S)]
    assert edges(window(0, 0.5), S).tolist() == [0, S // 2]


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ("cpu.user us counter", "cores", 1e-6),
        ("cpu us counter", "cores", 1e-6),
        ("cpu.capacity us/s gauge", "cores", 1e-6),
        ("disk.sda.busy ms counter", "1", 1e-3),
        ("energy.package-0 uJ counter", "W", 1e-6),
        ("net.eth0.sent B counter", "B/s", 1),
        ("faults 1 counter", "1/s", 1),
        ("load.1 1/100 gauge", "1", 0.01),
        ("memory.used B gauge", "B", 1),
        ("delay us gauge", "us", 1),
    ],
)
def test_units_of_courses(text: str, unit: str, factor: float) -> None:
    """A course has the unit in which it is read: cores, a share of the time, watts, or per second."""
    assert course_unit(Column.of("machine", text)) == (unit, pytest.approx(factor))


def test_times_are_placed_on_the_controllers_clock() -> None:
    """Between two readings of a clock that gains 2 ms in 10 s the offset grows with them; outside it stays; at most 1 ns is lost."""
    start = 1_700_000_000 * S
    clock = [ClockReading(5_000_000, 1000, start), ClockReading(7_000_000, 1000, start + 10 * S)]
    theirs = np.array([start - S, start + 5_000_000, start + 5 * S + 6_000_000, start + 10 * S + 7_000_000, start + 20 * S])
    ours = on_our_clock(theirs, clock)
    assert (ours - start).tolist() == pytest.approx([-S - 5_000_000, 0, 5 * S, 10 * S, 20 * S - 7_000_000], abs=1)


def test_spans_of_steps_and_tasks() -> None:
    """A step reaches from its first task's start to its last task's end, on our clock; the window begins with the release."""
    clocks = {"a": [ClockReading(10, 1, 0)], "b": [ClockReading(0, 1, 0)], "c": []}
    tasks = [
        StoredTask(TaskName(0, "serve", "a"), "ok", 110, 510, "", ""),
        StoredTask(TaskName(1, "load", "a"), "ok", 211, 410, "", ""),
        StoredTask(TaskName(1, "load", "b"), "failed(1)", 200, 450, "", ""),
        StoredTask(TaskName(1, "load", "b", 1), "unreachable", 200, 200, "", ""),
        StoredTask(TaskName(1, "load", "c"), "ok", 200, 900, "", ""),
    ]
    spans = spans_of(tasks, clocks, 1)
    assert spans == (
        Span("step", "serve", 0, 100, 500),
        Span("task", "serve", 0, 100, 500, task=TaskName(0, "serve", "a"), outcome="ok"),
        Span("step", "load", 1, 200, 450, measured=True),
        Span("task", "load", 1, 200, 450, True, TaskName(1, "load", "b"), "failed(1)"),
        Span("task", "load", 1, 201, 400, True, TaskName(1, "load", "a"), "ok"),
    )
    assert measured_window(spans, 190) == Window(190, 450)
    assert measured_window(spans, None) is None
    assert measured_window(spans[:2], 190) is None


def test_machines_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Numbers in names count as numbers, however telemetry came: server2 is before server10."""
    written = {TaskName(1, "load", name): {} for name in ("server10", "server2", "client1")}
    assert replace(made_up(tmp_path), written=written).machines == ("client1", "node1", "node2", "server2", "server10")


def test_counts_of_windows_are_rates() -> None:
    """Each number of events is divided by the time since the one before, the first one by that since the beginning."""
    found = rate_of(Readings(np.array([2 * S, 3 * S, 3 * S + S // 2]), np.array([20.0, 10.0, 5.0])), S)
    assert (found.unit, found.values.tolist()) == ("1/s", [20, 10, 10])
    assert (found.starts_ns[0], found.ends_ns[-1]) == (S, 3 * S + S // 2)

"""Which points are the same, in sweeps, tables and comparisons; in figures, see test_figures_rows.py."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from wke.describe.experiment.point import distinct, meant, point_key, value_key
from wke.describe.experiment.sweep import Parameter, Sweep, Value
from wke.judge.statistics.comparison import partner
from wke.judge.summary.pointtable import point_table, sorted_points, varied
from wke.keep.trials.trials import StoredAttempt

ALIKE: tuple[Value, ...] = (True, 1, 1.0, "1", "1.0", "true", "True", 0, False, 0.0, -0.0, "")


def test_equal_python_values_are_different_values() -> None:
    """Values of different types, or that are written differently, have different keys; a value has the key of its copy."""
    assert len({value_key(value) for value in ALIKE}) == len(ALIKE)
    assert distinct([*ALIKE, *ALIKE]) == list(ALIKE)
    assert list(map(repr, distinct([1, True, 1]))) == ["1", "True"]
    assert len({point_key({"x": value}) for value in ALIKE}) == len(ALIKE)
    assert point_key({"x": 1, "y": "a"}) == point_key({"y": "a", "x": 1})


@pytest.mark.parametrize(
    ("written", "known", "expected"),
    [(1, [True, 1.0, 1], [1]), (1, [True, 1.0], [1.0]), (True, [1, 1.0], []), ("1", [1], []), (2.0, [2, "2"], [2])],
)
def test_a_written_value_means_the_same_one_first(written: Value, known: Sequence[Value], expected: Sequence[Value]) -> None:
    """A number means the same number, or one that is equal if there is none; true never means 1."""
    assert list(map(repr, meant(written, known))) == list(map(repr, expected))


def test_a_series_keeps_such_points_apart() -> None:
    """A sweep visits each, a table has a row for each, and the baseline of one is not another."""
    sweep = Sweep((Parameter("x", ALIKE),))
    points = sweep.points()
    assert len(points) == len(ALIKE)
    assert sweep.values("x") == ALIKE
    assert sweep.varied_from({"x": True})
    assert varied(points[:2]) == ("x",)
    trials = [StoredAttempt(f"{at}-0", "s", 1, point, 0, False, "ok", "", 0, 1.0, {}, {}, Path()) for at, point in enumerate(points)]
    rows = point_table(trials, (), points).rows
    assert [row.n for row in rows] == [1] * len(ALIKE)
    assert len(sorted_points(trials)) == len(ALIKE)
    assert partner({"x": 1}, {"x": True}) == {"x": True}
    assert partner({"x": True}, {"x": True}) is None

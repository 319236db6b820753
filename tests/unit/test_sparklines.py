"""The course of a metric in a row of a table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.judge.policies.policy import Outlook
from wke.judge.summary.pointtable import point_table
from wke.judge.summary.series import SeriesSummary
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import StoredAttempt
from wke.tell.tables import text_table
from wke.tell.terminal.sparklines import picture, with_course


def trial(name: str, ops: float, at: int) -> StoredAttempt:
    return StoredAttempt(f"{name}{at}", "x", 1, {"name": name}, at, False, "ok", "", at, 1.0, {"ops": ops}, {"ops": "1/s"}, Path())


def summary(trials: Sequence[StoredAttempt]) -> SeriesSummary:
    plan = StoredPlan("x.toml", 1, rules=Rules(metrics=(Metric("ops", unit="1/s"),)))
    table = point_table(trials, plan.rules.metrics)
    return SeriesSummary("x", plan, (), tuple(trials), tuple(trials), (), Outlook(0, 0), (), table)


def test_each_row_has_a_block_for_each_trial_in_the_order_of_time() -> None:
    """On one scale for all rows, beside the mean of the row: what scatters less is flatter, and sizes of rows do not matter."""
    values = {"a": (90.0, 100.0, 110.0), "b": (1000.0, 1000.0, 1000.0)}
    trials = [trial(name, ops, at) for name, seen in values.items() for at, ops in enumerate(seen)]
    whole = summary([*reversed(trials), replace(trials[0], id="failed", outcome="failed(1)")])
    table = with_course(text_table(whole.table), whole)
    assert (table.header[-1], [row[-1] for row in table.cells]) == ("course", ["▁▅█", "▅▅▅"])
    assert table.notes[-1] == "course: ops of each trial beside the mean of its row, in the order of time; from -10 % to +10 %"


@pytest.mark.parametrize(
    ("values", "ends"),
    [((1.0, 1.0, 1.0, 1.0, 11.0), "from -67 % to +267 %"), ((999.0, 1001.0), "from -0.1 % to +0.1 %"), ((1.0, 2.0), "from -33 % to +33 %")],
)
def test_the_ends_of_the_scale_are_plain_numbers(values: tuple[float, ...], ends: str) -> None:
    """However far or near they are: without an exponent."""
    whole = summary([trial("a", ops, at) for at, ops in enumerate(values)])
    assert with_course(text_table(whole.table), whole).notes[-1].endswith(f"; {ends}")


@pytest.mark.parametrize("values", [[], [(1.0,), (2.0,)], [(0.0, 0.0)], [(-1.0, 1.0)]], ids=["nothing", "one each", "zeros", "around zero"])
def test_no_course(values: list[tuple[float, ...]]) -> None:
    """Where there is nothing to compare, or no mean to divide by, the table stays as it is."""
    whole = summary([trial(str(row), ops, at) for row, seen in enumerate(values) for at, ops in enumerate(seen)])
    assert with_course(text_table(whole.table), whole) == text_table(whole.table)


def test_values_that_are_all_alike_are_level() -> None:
    """There is no lowest and no highest block then."""
    assert picture([1.0, 1.0], 1.0, 1.0) == "▅▅"

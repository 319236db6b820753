"""Comparisons with a baseline: known truths are found, and what cannot be said is not said. Drift: see test_rehearsal.py."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.comparison import Comparison, compare, holm, partner
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import StoredAttempt
from wke.tell.comparisons import comparison_rows, comparisons_json


def stored(engine: str, iteration: int, value: float, **more: object) -> StoredAttempt:
    point = {"engine": engine, **more}
    return StoredAttempt(f"{point}-{iteration}", "x", 1, point, iteration, False, "ok", "", 0, 1.0, {"ops": value}, {"ops": "1/s"}, Path())


@pytest.mark.parametrize(("factor", "verdict"), [(1.1, "higher"), (0.9, "lower"), (1.0, "inconclusive")])
def test_known_factors_are_found(factor: float, verdict: str) -> None:
    """In spite of drift and noise: the interval holds the truth."""
    trials = tuple(
        stored(engine, k, 100 * (1 + k / 10) * (factor if engine == "new" else 1) * math.exp(random.Random(f"{engine}{k}").gauss(0, 0.01)))
        for engine in ("old", "new")
        for k in range(10)
    )
    (one,) = compare(trials, ["ops"], [{"engine": "old"}, {"engine": "new"}], {"engine": "old"})
    assert (one.verdict, one.n, one.point) == (verdict, 10, {"engine": "new"})
    assert one.low < factor < one.high


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([(100.0, 110.0)], None),
        ([(100.0, 110.0), (0.0, 110.0)], None),
        ([(100.0, 110.0), (100.0, math.nan)], None),
        ([(100.0, 100.0)] * 3, ("inconclusive", 1.0, None)),
        ([(100.0, 200.0)] * 2, ("higher", 2.0, None)),
        ([(100.0, 90.0), (100.0, 110.0), (100.0, 108.0)], ("inconclusive", pytest.approx(1.02256, abs=1e-4), 95)),
    ],
)
def test_what_can_be_said_of_few_rounds(values: list[tuple[float, float]], found: tuple[str, object, int | None] | None) -> None:
    """Nothing of one round or of values that have no ratio; equal ratios are certain; else how many more rounds it takes."""
    trials = [stored(engine, k, value) for k, pair in enumerate(values) for engine, value in zip(("old", "new"), pair, strict=True)]
    seen = compare(trials, ["ops"], [{"engine": "new"}], {"engine": "old"})
    assert [(one.verdict, one.factor, one.more) for one in seen] == ([] if found is None else [found])


@pytest.mark.parametrize("engines", [1, 8])
def test_as_many_more_rounds_as_it_says_show_the_difference(engines: int) -> None:
    """If they are like those so far, to a fifth: with one comparison, and with eight that are corrected for each other."""

    def seen(rounds: int) -> Comparison:
        trials = [stored("old", k, 100.0) for k in range(rounds)]
        trials += [stored(f"new{e}", k, (96.0, 110.0, 101.0)[k % 3]) for e in range(engines) for k in range(rounds)]
        return compare(trials, ["ops"], [{"engine": f"new{e}"} for e in range(engines)], {"engine": "old"})[0]

    first = seen(6)
    assert first.more is not None
    needed = next(rounds for rounds in range(6, 200, 3) if seen(rounds).different)
    assert 0.8 * needed <= 6 + first.more <= 1.2 * needed


def test_only_values_of_the_same_round_are_paired() -> None:
    """A round without one of the two does not count."""
    trials = [stored("old", k, 100.0 + k) for k in range(5)] + [stored("new", k, 200.0 + 2 * k) for k in (1, 3, 4, 9)]
    (one,) = compare(trials, ["ops"], [{"engine": "new"}], {"engine": "old"})
    assert (one.n, one.factor) == (3, pytest.approx(2.0))


def test_values_in_different_units_are_not_compared() -> None:
    """A script that says seconds where the other says milliseconds has not become faster."""
    trials = [stored(engine, k, 100.0 + k) for k in range(5) for engine in ("old", "new")]
    trials = [replace(trial, units={"ops": "1/ms"}) if trial.point["engine"] == "new" else trial for trial in trials]
    assert compare(trials, ["ops"], [{"engine": "new"}], {"engine": "old"}) == ()


def test_partners() -> None:
    """A point is compared with the one that differs in nothing but what the baseline fixes."""
    assert partner({"engine": "new", "size": 4}, {"engine": "old"}) == {"engine": "old", "size": 4}
    assert partner({"engine": "old", "size": 4}, {"engine": "old"}) is None
    assert partner({"size": 4}, {"engine": "old"}) is None


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_at_least_as_strict_as_each_test_alone(chances: list[float]) -> None:
    """Never more lenient than 5 % each, never stricter than Bonferroni, and in the order of the chances."""
    significant = holm(chances)
    for chance, found in zip(chances, significant, strict=True):
        assert not found or chance <= 0.05
        assert found or chance > 0.05 / len(chances)
    assert all(a <= b for a, x in zip(chances, significant, strict=True) for b, y in zip(chances, significant, strict=True) if x and not y)


def test_how_it_is_shown() -> None:
    """A row for each point and metric, in the direction that the metric says is better; numbers whole in JSON."""
    trials = [
        stored(engine, k, (100.0 + k) * (2 if engine == "new" else 1), size=size)
        for engine in ("old", "new")
        for k in range(3)
        for size in (1, 2)
    ]
    points = [{"engine": engine, "size": size} for engine in ("old", "new") for size in (1, 2)]
    table = point_table(trials, [Metric("ops", unit="1/s", better="lower")], points, baseline={"engine": "old"})
    assert comparison_rows(table.comparisons, table.parameters, [Metric("ops", better="lower")]) == [
        ("engine", "size", "metric", "rounds", "x baseline", "verdict"),
        ("new", "1", "ops", "3", "2.000 [2.000, 2.000]", "higher: worse"),
        ("new", "2", "ops", "3", "2.000 [2.000, 2.000]", "higher: worse"),
    ]
    first = comparisons_json(table.comparisons)[0]
    assert {name: first[name] for name in ("point", "metric", "n", "verdict", "more")} == {
        "point": {"engine": "new", "size": 1},
        "metric": "ops",
        "n": 3,
        "verdict": "higher",
        "more": None,
    }
    assert point_table(trials, [], points).comparisons == ()

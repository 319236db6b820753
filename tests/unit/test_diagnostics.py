"""Diagnostics: each speaks when it should and is silent otherwise, with known answers; what is said, and what deployments do to intervals."""

import csv
import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric
from wke.judge.diagnostics import clusters, dependence
from wke.judge.diagnostics.clusters import TwoGroups, widest_split
from wke.judge.diagnostics.dependence import Dependent, von_neumann
from wke.judge.diagnostics.deployments import OneDeployment, SeveralDeployments
from wke.judge.diagnostics.diagnose import diagnose
from wke.judge.diagnostics.observed import Hint
from wke.judge.diagnostics.skew import Skewed
from wke.judge.statistics.components import components
from wke.judge.statistics.statistics import summarise
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import StoredAttempt
from wke.tell.hints import hint_lines, hints_json

KNOWN = Path(__file__).parents[1] / "known_answers"
LAT, SIZE = Metric("lat", unit="ms"), Metric("size", unit="B")


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (KNOWN / name).read_text().splitlines() if not line.startswith("#")))


def trial(
    iteration: int, value: float, point: str = "a", name: str = "lat", *, deployed: tuple[int, ...] = (), took: float = 1.0
) -> StoredAttempt:
    """Return a trial whose place in time follows from its round."""
    unit = {"lat": "ms", "size": "B"}[name]
    seen, units = {name: value}, {name: unit}
    return StoredAttempt(
        f"{point}{iteration}", "x", 1, {"p": point}, iteration, False, "ok", "", 10 * iteration, took, seen, units, Path(), deployed=deployed
    )  # fmt: skip


def of_values(values: Sequence[float], name: str = "lat", point: str = "a") -> list[StoredAttempt]:
    return [trial(k, value, point, name) for k, value in enumerate(values)]


def said(trials: Sequence[StoredAttempt], metric: Metric = LAT, *, in_rounds: bool = True) -> tuple[Hint, ...]:
    return diagnose(trials, [metric], in_rounds=in_rounds)


def calm(seed: int, n: int = 10, spread: float = 0.02) -> list[float]:
    luck = random.Random(seed)
    return [10 * math.exp(luck.gauss(0, spread)) for _ in range(n)]


def test_sound_values_say_nothing() -> None:
    """Neither few values, nor equal ones, nor whole numbers next to each other, nor none at all."""
    assert said(of_values(calm(4))) == ()
    assert said(of_values([1.0, 2.0, 9.0, 40.0])) == ()
    assert said(of_values([5.0] * 10)) == ()
    assert said(of_values([5.0, 6.0, 5.0, 6.0, 6.0, 5.0, 6.0, 5.0])) == ()
    assert said([]) == ()


def test_rounds_that_depend_on_each_other() -> None:
    """A slow drift is told, in the order of time; not in another order, nor where there are no rounds."""
    drifting = [10 * math.exp(0.01 * k) for k in range(10)]
    (hint,) = said(of_values(drifting))
    assert isinstance(hint, Dependent)
    assert (hint.rounds, hint.ratio, hint.covered) == (10, pytest.approx(12 * 9 / (10 * 99)), 0.32)
    assert said(of_values(drifting), in_rounds=False) == ()
    mixed = [replace(one, started_ns=when) for one, when in zip(of_values(drifting), (0, 7, 2, 9, 4, 1, 6, 3, 8, 5), strict=True)]
    assert said(mixed) == ()


def test_points_drift_together() -> None:
    """One value per round stands for all points; a round without one of them does not count; a negative value turns logarithms off."""
    both = [*of_values([10 + k for k in range(8)], point="a"), *of_values([100 - 10 * math.log1p(k) for k in range(8)], point="b")]
    down_and_up = said(both)
    assert [type(one) for one in down_and_up] != [OneDeployment]
    short = [*of_values([10 + k for k in range(8)], point="a"), *of_values([1.0] * 4, point="b")]
    assert said(short) == ()
    below = said(of_values([k - 4.0 for k in range(10)]))
    assert [type(one) for one in below] == [Dependent]


@pytest.mark.parametrize("row", rows("truth-critical-values.csv"), ids=lambda row: row["n"])
def test_critical_values(row: dict[str, str]) -> None:
    """They are those of another simulation; beyond 30 rounds a formula gives the ratio."""
    n = int(row["n"])
    assert dependence.critical(n) == pytest.approx(float(row["von_neumann_5"]), abs=0.005)
    assert clusters.critical(n) == float(row["two_clusters_1"])
    levels = [clusters.critical(n, level) for level in clusters.LEVELS]
    assert levels == sorted(levels)
    if 30 <= n < 80:
        assert clusters.critical(n) <= clusters.critical(n + 1) <= clusters.critical(n + 10)


def test_two_groups() -> None:
    """How many values each has and around what; the clearest point is named; the more points, the clearer it must be."""
    values = [*calm(2, 7), *(1.5 * value for value in calm(3, 3))]
    others = [one for k in range(6) for one in of_values(calm(10 + k), point=f"b{k}")]
    (hint,) = said([*of_values(values), *others], in_rounds=False)
    assert isinstance(hint, TwoGroups)
    assert (hint.point, hint.low.n, hint.high.n, hint.points) == ({"p": "a"}, 7, 3, 1)
    assert (hint.low.middle, hint.high.middle) == (sorted(values)[3], sorted(values)[8])
    assert hint.critical == clusters.critical(10, 0.001)
    (line,) = hint_lines([hint], ["p"])
    assert line == (
        f'lat at p="a": values lie in two groups, 7 around {hint.low.middle:.4g} and 3 around {hint.high.middle:.4g}: find the cause, '
        'or declare summary = "median"'
    )


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.1, 100), min_size=5, max_size=12))
def test_the_widest_split_is_the_largest_t(values: list[float]) -> None:
    """It is the largest two-sample t statistic over all splits, computed one by one."""
    ordered = sorted(math.log(value) for value in values)
    spread = ordered[-1] - ordered[0]
    statistic, split = widest_split(ordered)
    best = 0.0
    for k in range(1, len(ordered)):
        low, high = ordered[:k], ordered[k:]
        a, b = math.fsum(low) / k, math.fsum(high) / len(high)
        within = math.fsum((v - a) ** 2 for v in low) + math.fsum((v - b) ** 2 for v in high)
        if within > 1e-9 * spread**2:
            best = max(best, (b - a) / math.sqrt(within / (len(ordered) - 2) * (1 / k + 1 / len(high))))
    assert statistic == math.inf or spread == 0 or statistic == pytest.approx(best, rel=1e-5) or statistic > 1e4
    assert 0 < split < len(ordered)


def test_skewed_means() -> None:
    """Told of an arithmetic mean only: of a size, not of a time."""
    values = [1.0, 2.0, 1.1, 9.0, 1.3, 3.0]
    (hint,) = said(of_values(values, "size"), SIZE, in_rounds=False)
    assert isinstance(hint, Skewed)
    logs = [math.log(value) for value in values]
    centre = math.fsum(logs) / 6
    assert hint.deviation == pytest.approx(math.sqrt(math.fsum((log - centre) ** 2 for log in logs) / 5))
    assert said(of_values(values), in_rounds=False) == ()
    assert said(of_values([*values[:5], 0.0], "size"), SIZE, in_rounds=False) == ()


@pytest.mark.parametrize("row", rows("nist-anova-certified.csv"), ids=lambda row: row["dataset"])
def test_variance_components(row: dict[str, str]) -> None:
    """Sums of squares, degrees of freedom and F are the certified ones, to eight digits and more."""
    groups: dict[str, list[float]] = {}
    for one in rows("nist-anova-data.csv"):
        if one["dataset"] == row["dataset"]:
            groups.setdefault(one["group"], []).append(float(one["value"]))
    seen = components([list(groups.values())])
    assert seen is not None
    assert (seen.freedom_between, seen.freedom_within) == (int(row["df_between"]), int(row["df_within"]))
    digits = 1e-8 if row["dataset"] == "SmLs04" else 1e-9
    assert seen.squares_between == pytest.approx(float(row["ss_between"]), rel=digits)
    assert seen.squares_within == pytest.approx(float(row["ss_within"]), rel=digits)
    assert seen.squares_between / seen.freedom_between / seen.within == pytest.approx(float(row["F"]), rel=digits)
    between = max(0.0, (float(row["ms_between"]) - float(row["ms_within"])) / seen.size)
    assert seen.between == pytest.approx(between, rel=1e-6)
    assert {len(group) for group in groups.values()} == {seen.size}


def test_unequal_deployments() -> None:
    """What stands for their size is between the smallest and the mean; the best number of trials is Kalibera and Jones'."""
    seen = components([[[1.0, 3.0, 2.0, 2.0], [7.0, 9.0]]])
    assert seen is not None
    assert seen.size == pytest.approx((6 - (16 + 4) / 6) / 1)
    assert seen.best_trials(9.0) == pytest.approx(3 * math.sqrt(seen.within / seen.between))
    assert components([[[1.0], [2.0]]]) is None
    assert components([[[1.0, 2.0]]]) is None
    alike = components([[[1.0, 3.0], [1.0, 3.0]]])
    assert alike is not None
    assert (alike.between, alike.best_trials(3.0)) == (0.0, math.inf)


def deployed(groups: Sequence[Sequence[float]], point: str = "a") -> list[StoredAttempt]:
    """Return trials on several deployments, the first of each of which takes four times as long."""
    numbered = [(d, k, value) for d, group in enumerate(groups) for k, value in enumerate(group)]
    return [trial(at, value, point, deployed=(d + 1,), took=1.0 if k else 4.0) for at, (d, k, value) in enumerate(numbered)]


def test_one_deployment() -> None:
    """It is told with the number of points, and with what helps."""
    (hint,) = said(deployed([calm(4)]))
    assert hint == OneDeployment("lat", 1)
    (line,) = hint_lines([hint, replace(hint, metric="ops")], ["p"])
    assert line == (
        "lat, ops: intervals are of one deployment, and others may differ by more than their width: "
        'redeploy = "round" in [experiment] includes them'
    )
    assert said(deployed([[10.0], [10.1], [9.9]])) == ()
    assert said(deployed([[10.0, 10.0, 10.0]])) == ()


def test_several_deployments_are_what_varies() -> None:
    """The interval is that of their means; the hint has both variances as shares, and how many trials are best."""
    groups = [[10.0, 10.1, 9.9], [11.0, 11.1, 10.9], [9.0, 9.1, 8.9], [10.4, 10.5, 10.3]]
    trials = deployed(groups)
    (hint,) = said(trials, in_rounds=False)
    assert isinstance(hint, SeveralDeployments)
    assert (hint.deployments, hint.trials, hint.relative) == (4, 12, True)
    parts = components([[[math.log(value) for value in group] for group in groups]])
    assert parts is not None
    assert (hint.between, hint.within) == (pytest.approx(math.sqrt(parts.between)), pytest.approx(math.sqrt(parts.within)))
    assert hint.best == pytest.approx(parts.best_trials(3.0))
    (line,) = hint_lines([hint], ["p"])
    assert line == (
        "lat: 12 trials share 4 deployments, which the intervals count as one value each: deployments differ by 8.4 %, trials on one by 1 %; "
        "best is about 1 trial on each"
    )
    (row,) = point_table(trials, [LAT]).rows
    means = summarise([summarise(group, "geometric-mean").centre for group in groups], "geometric-mean")
    assert row.summaries["lat"] == replace(means, n=12, deployments=4)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(1, 50), min_size=5, max_size=12), st.randoms(use_true_random=False))
def test_neither_units_nor_the_order_of_reading_matter(values: list[float], luck: random.Random) -> None:
    """The same trials in another order, or in a unit 1000 times as small, have the same hints."""
    trials = [*of_values(values), *deployed([values, values[::-1]], point="b")]
    expected = said(trials)
    assert said(luck.sample(trials, len(trials))) == expected
    scaled = [replace(one, observations={"lat": 1024 * one.observations["lat"]}) for one in trials]
    assert [type(one) for one in said(scaled)] == [type(one) for one in expected]


def test_hints_for_programs() -> None:
    """Each has its kind, its sentence and its numbers."""
    trials = of_values([10 * math.exp(0.01 * k) for k in range(10)])
    (hint,) = json.loads(json.dumps(hints_json(said(trials))))
    assert (hint["kind"], hint["metric"], hint["rounds"], hint["covered"]) == ("dependent", "lat", 10, 0.32)
    assert hint["text"].startswith(
        "lat: each round resembles the one before it, so that intervals are too narrow (about 32 % hold, not 95 %)"
    )
    assert von_neumann([1.0, 1.0]) is None

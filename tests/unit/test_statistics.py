"""Summaries agree with certified and exactly computed values, and refuse what they cannot know."""

import csv
import math
import random
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from wke.judge.statistics.statistics import KINDS, order_ranks, summarise, usual_kind

ANSWERS = Path(__file__).parents[1] / "known_answers"


def rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def nist_values(dataset: str) -> list[float]:
    bases = {"NumAcc2": 1.2, "NumAcc3": 1000000.2, "NumAcc4": 10000000.2}
    if dataset in bases:
        base = bases[dataset]
        return [base, *([base - 0.1, base + 0.1] * 500)]
    return [float(row["value"]) for row in rows("nist-univariate-data.csv") if row["dataset"] == dataset]


@pytest.mark.parametrize(
    "row", [r for r in rows("nist-univariate-certified.csv") if r["dataset"] != "PiDigits"], ids=lambda r: r["dataset"]
)
def test_mean_and_t_interval_agree_with_nist(row: dict[str, str]) -> None:
    """The centre is NIST's certified mean; the half-width is t times its certified deviation over the root of n."""
    digits = {"NumAcc3": 1e-9, "NumAcc4": 1e-8}.get(row["dataset"], 1e-13)
    values = nist_values(row["dataset"])
    summary = summarise(values, "mean")
    assert summary.n == len(values) == int(row["n"])
    assert summary.centre == pytest.approx(float(row["mean"]), rel=1e-14)
    half = float(stdtrit(summary.n - 1, 0.975)) * float(row["sd"]) / math.sqrt(summary.n)
    # What cancels in high - low is of the centre's size.
    assert summary.half_width == pytest.approx(half, rel=digits, abs=4e-16 * summary.centre)


@pytest.mark.parametrize("row", rows("quantile-ci-ranks.csv"), ids=lambda r: f"q{r['q']}-n{r['n']}")
def test_order_statistic_ranks_are_exact(row: dict[str, str]) -> None:
    """Ranks equal those computed from exact binomial sums, from n = 5 to n = 100,000."""
    expected = (int(row["j"]), int(row["k"])) if row["j"] and row["k"] else None
    assert order_ranks(int(row["n"]), float(row["q"]), 0.95) == expected


@pytest.mark.parametrize(
    ("values", "kind", "centre", "low", "high"),
    [
        ([4.0], "mean", 4.0, None, None),
        ([4.0], "geometric-mean", 4.0, None, None),
        ([4.0], "median", 4.0, None, None),
        ([24.0, 26.0], "mean", 25.0, 25.0 - 12.706204736, 25.0 + 12.706204736),  # t(0.975, 1 degree) times 1
        ([1.0, math.e**2], "geometric-mean", math.e, math.exp(1 - 12.706204736), math.exp(1 + 12.706204736)),
        ([5.0, 5.0, 5.0], "mean", 5.0, 5.0, 5.0),
        ([5, 1, 3, 2, 4], "median", 3.0, None, None),
        ([6, 5, 1, 3, 2, 4], "median", 3.5, 1, 6),
        ([9, 6, 5, 1, 3, 2, 4, 8, 7], "median", 5, 2, 8),
        ([-1.0, 1.0], "mean", 0.0, -12.706204736, 12.706204736),
        ([1.0, 3.0], "mean", 2.0, 0.0, 2 + 12.706204736),  # no value is negative, so the interval ends at 0
        ([0.1, 0.1, 0.1], "mean", 0.1, 0.1, 0.1),
        ([0.1, 0.1, 0.1], "geometric-mean", 0.1, 0.1, 0.1),
        ([0.0, 0.0], "geometric-mean", 0.0, 0.0, 0.0),
        ([0.0, 3.0], "geometric-mean", 1.5, None, None),
        ([1.0, -3.0], "geometric-mean", -1.0, None, None),
        ([1.7e308, 1.7e308, -1.7e308], "mean", 1.7e308 / 3, -sys.float_info.max, sys.float_info.max),
        ([1e-300, 1e300], "geometric-mean", 1.0, 0.0, sys.float_info.max),
    ],
)
def test_summary(values: list[float], kind: str, centre: float, low: float | None, high: float | None) -> None:
    """Small cases that can be checked by hand; too few trials have no interval."""
    summary = summarise(values, kind)
    marked = kind == "geometric-mean" and len(set(values)) > 1 and min(values) <= 0
    assert (summary.n, summary.kind, summary.marked) == (len(values), "mean" if marked else kind, marked)
    assert summary.centre == pytest.approx(centre)
    assert summary.low == (low if low is None else pytest.approx(low))
    assert summary.high == (high if high is None else pytest.approx(high))


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([], "mean", "no values"),
        ([1.0, math.nan], "mean", "not finite"),
        ([1.0, math.inf], "median", "not finite"),
        ([1.0], "mode", '"mode" is not a kind'),
    ],
)
def test_what_cannot_be_summarised_is_refused(values: list[float], kind: str, words: str) -> None:
    """No summary is made up: the error names the reason."""
    with pytest.raises(ValueError, match=words):
        summarise(values, kind)


@given(st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=9), st.integers(2, 9))
def test_a_mean_is_off_by_one_bit_at_most(values: list[float], times: int) -> None:
    """The mean is off by one unit in the last place at most; equal values are their own centre, without spread, of whatever kind."""
    exact = float(sum(map(Fraction, values)) / len(values))
    assert abs(summarise(values, "mean").centre - exact) <= math.ulp(exact)
    for kind in KINDS:
        summary = summarise([values[0]] * times, kind)
        assert (summary.centre, summary.half_width or 0.0) == (values[0], 0.0)


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("1/s", "geometric-mean"),
        ("MB/s", "geometric-mean"),
        ("ms", "geometric-mean"),
        ("h", "geometric-mean"),
        ("", "geometric-mean"),
        ("x", "geometric-mean"),
        ("MB", "mean"),
        ("%", "mean"),
        ("degrees", "mean"),
    ],
)
def test_usual_kind(unit: str, kind: str) -> None:
    """Times, rates and ratios are averaged geometrically, all else arithmetically, whatever the values are."""
    assert usual_kind(unit) == kind


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60), st.sampled_from(["mean", "geometric-mean", "median"]), st.randoms())
def test_interval_holds_the_centre_whatever_the_order(values: list[float], kind: str, order: random.Random) -> None:
    """The centre lies between the extremes and inside its interval; the order of trials changes nothing."""
    summary = summarise(values, kind)
    assert min(values) * (1 - 1e-12) <= summary.centre <= max(values) * (1 + 1e-12)
    if summary.low is not None and summary.high is not None:
        assert summary.low * (1 - 1e-12) <= summary.centre <= summary.high * (1 + 1e-12)
    shuffled = order.sample(values, len(values))
    assert summarise(shuffled, kind).centre == pytest.approx(summary.centre, rel=1e-12)


@pytest.mark.parametrize(("kind", "n"), [("mean", 4), ("geometric-mean", 5), ("median", 9)])
def test_interval_covers_the_truth_as_often_as_it_says(kind: str, n: int) -> None:
    """Over 1,500 simulated series, 95 % intervals hold the true value in at least 93 % and at most 97.5 % of them."""
    chance = random.Random(5)
    truth = {"mean": 10.0, "geometric-mean": math.exp(2), "median": math.exp(2)}[kind]
    hits = 0
    for _ in range(1500):
        values = [chance.gauss(10, 2) if kind == "mean" else math.exp(chance.gauss(2, 0.5)) for _ in range(n)]
        summary = summarise(values, kind)
        assert summary.low is not None
        assert summary.high is not None
        hits += summary.low <= truth <= summary.high
    assert 0.93 <= hits / 1500 <= 0.975

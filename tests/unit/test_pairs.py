"""Pairs of values: every rule gives the known answers, does not depend on units or on who is called the baseline, and knows its limits."""

import csv
import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wke.judge.statistics.failures import Failures
from wke.judge.statistics.pairs import Effect, Pair, Rule, effect_of
from wke.judge.statistics.signedrank import doubled_ranks, signed_rank, walsh_drop, walsh_interval

ANSWERS = Path(__file__).parents[1] / "known_answers"
RULES = {"equal": Rule.EQUAL, "ratio": Rule.RATIO, "ratio, no spread": Rule.CONSTANT_RATIO, "difference": Rule.DIFFERENCE}


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


def case(name: str) -> list[Pair]:
    return [
        Pair(float(row["candidate"]), float(row["baseline"]), row["candidate_first"] == "1")
        for row in rows("truth-comparison-data.csv")
        if row["case"] == name and row["candidate"] and row["baseline"]
    ]


@pytest.mark.parametrize("row", rows("truth-comparison-expected.csv"), ids=lambda row: row["case"])
def test_known_answers(row: dict[str, str]) -> None:
    """Rule, estimate, interval and chance are as computed elsewhere; a ratio without spread has no interval."""
    seen = effect_of(case(row["case"]), float(row["threshold"]))
    rule = RULES[row["rule"].removesuffix(", separated")]
    assert (seen.rule, seen.n) == (rule, int(row["n"]))
    assert seen.separated or "separated" not in row["rule"]
    assert (seen.estimate, seen.p) == (pytest.approx(float(row["estimate"])), pytest.approx(float(row["p"])))
    ends = (None, None) if rule is Rule.CONSTANT_RATIO else (pytest.approx(float(row["low_95"])), pytest.approx(float(row["high_95"])))
    assert (seen.low, seen.high) == ends
    assert seen.within == (row["verdict"] == "same")
    direction = {"higher": 1, "lower": -1}.get(row["verdict"].removesuffix(", incomplete"))
    assert direction is None or (seen.direction == direction and seen.p <= 0.05)


@pytest.mark.parametrize("row", rows("truth-failures.csv"))
def test_fisher(row: dict[str, str]) -> None:
    """The chance that so many failures are the candidate's is exact; a test that no failures could pass is not made."""
    n, failed, baseline = (int(row[name]) for name in ("n", "candidate_failed", "baseline_failed"))
    seen = Failures(failed, n, baseline, n)
    assert seen.p == pytest.approx(float(row["p_one_sided"]))
    assert seen.testable() == (Failures(min(n, failed + baseline), n, max(0, failed + baseline - n), n).p <= 0.05)


@pytest.mark.parametrize("row", rows("truth-critical-values.csv"), ids=lambda row: row["n"])
def test_walsh_intervals_and_least_chances(row: dict[str, str]) -> None:
    """Which Walsh average bounds the interval is exact; n differences of one sign have the smallest chance that n can give."""
    n = int(row["n"])
    assert walsh_drop(n) == int(row["walsh_drop"])
    assert signed_rank([float(k) for k in range(1, n + 1)])[0] == pytest.approx(float(row["least_p"]), rel=1e-4)


def test_fewer_than_six_differences_have_no_interval() -> None:
    """And their estimate is the median of all means of two."""
    assert walsh_interval([1.0, 2.0, 10.0]) == (3.75, None, None)
    assert [walsh_drop(n) for n in range(1, 6)] == [0] * 5


def test_ranks() -> None:
    """Equal sizes share their mean rank; sizes that differ by rounding errors are equal."""
    assert doubled_ranks([3.0, 1.0, 2.0]) == [6, 2, 4]
    assert doubled_ranks([5.0, 1.0, 5.0, 5.0]) == [6, 2, 6, 6]
    assert doubled_ranks([0.1 + 0.2, 0.3], 1e-12) == [3, 3]


POSITIVE = st.floats(1e-3, 1e6)
ANY = st.one_of(st.just(0.0), st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-3))


def pairs_of(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[Pair]]:
    return st.lists(st.builds(Pair, values, values, st.sampled_from([True, False, None])), min_size=1, max_size=12)


def swapped(pairs: list[Pair]) -> list[Pair]:
    return [Pair(p.baseline, p.candidate, None if p.candidate_first is None else not p.candidate_first) for p in pairs]


@given(st.one_of(pairs_of(POSITIVE), pairs_of(ANY), pairs_of(st.sampled_from([0.0, 1.0, 2.0]))))
def test_swapping_the_two_turns_the_effect_round(pairs: list[Pair]) -> None:
    """The same chance, the other direction, the inverse factor or the negative difference."""
    here, there = effect_of(pairs), effect_of(swapped(pairs))
    assert here.rule == there.rule
    assert here.p == pytest.approx(there.p, rel=1e-6)
    assert here.direction == -there.direction
    turned = -there.estimate if here.rule is Rule.DIFFERENCE else 1 / there.estimate
    assert here.estimate == pytest.approx(turned, rel=1e-9, abs=1e-6)


@given(st.one_of(pairs_of(POSITIVE), pairs_of(ANY)), st.sampled_from([1e-3, 1000.0, 60.0]), st.sampled_from([0.0, 0.05]))
def test_units_change_nothing(pairs: list[Pair], scale: float, threshold: float) -> None:
    """Seconds and milliseconds are the same values: factors and chances stay, differences scale."""
    here = effect_of(pairs, threshold)
    there = effect_of([Pair(p.candidate * scale, p.baseline * scale, p.candidate_first) for p in pairs], threshold)
    assume(here.rule == there.rule)  # values so near to each other that rounding decides
    assert here.p == pytest.approx(there.p, rel=1e-6, abs=1e-9)
    estimate = here.estimate * scale if here.rule is Rule.DIFFERENCE else here.estimate
    assert there.estimate == pytest.approx(estimate, rel=1e-9, abs=1e-9 * scale)


@given(pairs_of(POSITIVE), st.floats(0, 1))
def test_a_threshold_never_makes_a_difference_more_certain(pairs: list[Pair], threshold: float) -> None:
    """What is larger than a threshold is larger than nothing."""
    assert effect_of(pairs, threshold).p >= effect_of(pairs).p * (1 - 1e-9)


@pytest.mark.parametrize(
    ("pairs", "seen"),
    [
        ([(42, 42)] * 2, Effect(Rule.EQUAL, 2, 1.0, 1.0, 1.0, 1.0)),
        ([(0, 0)] * 6, Effect(Rule.EQUAL, 6, 1.0, 1.0, 1.0, 1.0)),
        ([(6, 5)], Effect(Rule.CONSTANT_RATIO, 1, pytest.approx(1.2), None, None, 1.0, 1)),
        ([(6, 5)] * 2, Effect(Rule.CONSTANT_RATIO, 2, pytest.approx(1.2), None, None, 0.5, 1)),
        ([(500, 0)], Effect(Rule.DIFFERENCE, 1, 500.0, None, None, 1.0, 1)),
    ],
)
def test_few_rounds_and_equal_values(pairs: list[tuple[float, float]], seen: Effect) -> None:
    """What does not scatter is not certain: values have a resolution."""
    assert effect_of([Pair(*pair) for pair in pairs]) == seen


def test_a_threshold_beyond_all_differences_is_no_separation() -> None:
    """Values that are moved past those of the baseline are not beyond them."""
    pairs = [Pair(b + 1.0, b, k % 2 == 0) for k, b in enumerate([0.0, 100.0, 101.0, 102.0, 103.0, 104.0])]
    seen = effect_of(pairs, 0.5)
    assert (seen.rule, seen.p, seen.within, seen.separated) == (Rule.DIFFERENCE, 1.0, True, False)
    constant = effect_of([Pair(6.0, 5.0, k % 2 == 0) for k in range(6)], 0.3)
    assert (constant.rule, constant.p, constant.separated) == (Rule.CONSTANT_RATIO, 1.0, False)


@pytest.mark.parametrize(("n", "power"), [(5, 0.791), (10, 0.799), (20, 0.8)])
def test_the_detectable_difference_has_the_power_that_is_known(n: int, power: float) -> None:
    """By the noncentral t distribution."""
    from scipy.special import nctdtr, stdtrit  # noqa: PLC0415

    spread = 0.07
    seen = Effect(Rule.RATIO, n, 1.0, 0.9, 1.1, 1.0, spread=spread)
    detectable = seen.detectable()
    assert detectable is not None
    shift, critical = math.log1p(detectable) * math.sqrt(n) / spread, stdtrit(n - 1, 0.975)
    assert 1 - nctdtr(n - 1, shift, critical) + nctdtr(n - 1, shift, -critical) == pytest.approx(power, abs=0.001)
    stricter = seen.detectable(0.01)
    assert stricter is not None
    assert stricter > detectable

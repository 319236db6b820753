"""Comparisons with a baseline: known truths are found, and what cannot be said is not said. Drift: see tests/simulations."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.comparison import FAILED_TRIALS, Comparison, Question, Verdict, compare, partner
from wke.judge.statistics.failures import Failures
from wke.judge.statistics.family import holm
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import StoredAttempt
from wke.tell.comparisons import comparison_rows, comparisons_json, effect_text, method_words, verdict_text

OPS = Metric("ops", unit="1/s", better="higher")
OLD, NEW = {"engine": "old"}, {"engine": "new"}


def stored(engine: str, iteration: int, value: float | None, started: int = 0, **more: object) -> StoredAttempt:
    """Return a trial that gave `value`, or failed without one; the candidate ran first in every other round."""
    point, started = {"engine": engine, **more}, started or 2 + (1 if (engine == "old") == (iteration % 2 == 0) else 0)
    seen, units, outcome = ({}, {}, "failed(1)") if value is None else ({"ops": value}, {"ops": "1/s"}, "ok")
    return StoredAttempt(f"{point}-{iteration}", "x", 1, point, iteration, False, outcome, "", started, 1.0, seen, units, Path())


def rounds(*pairs: tuple[float | None, float | None]) -> list[StoredAttempt]:
    """Return the trials of rounds, each a value of the candidate and one of the baseline."""
    return [stored(engine, k, value) for k, pair in enumerate(pairs) for engine, value in zip(("new", "old"), pair, strict=True)]


def compared(trials: list[StoredAttempt], metric: Metric = OPS, **asked: object) -> Comparison:
    """Return the comparison of a metric between the new engine and the old one."""
    (one,) = (one for one in compare(trials, [metric], [OLD, NEW], Question(OLD, **asked)) if one.metric == metric.name)
    return one


def noisy(factor: float, count: int = 10, seed: int = 0, noise: float = 0.01) -> list[StoredAttempt]:
    luck = random.Random(f"{factor} {seed}")
    return rounds(*((100 * factor * math.exp(luck.gauss(0, noise)), 100 * math.exp(luck.gauss(0, noise))) for _ in range(count)))


@pytest.mark.parametrize(
    ("factor", "verdict", "words"),
    [(1.1, "better", "higher: better"), (0.9, "worse", "lower: worse"), (1.0, "inconclusive", "inconclusive: could detect 1.6 %")],
)
def test_known_factors_are_found(factor: float, verdict: str, words: str) -> None:
    """The interval holds the truth; what is not shown comes with the difference that would have been."""
    one = compared(noisy(factor))
    assert (one.verdict, one.n, one.point, verdict_text(one).startswith(words[:28])) == (verdict, 10, NEW, True)
    assert one.effect is not None
    assert one.effect.low is not None
    assert one.effect.high is not None
    assert one.effect.low < factor < one.effect.high


@pytest.mark.parametrize(
    ("pairs", "better", "planned", "words"),
    [
        ([(110.0, 100.0)], "lower", 1, "inconclusive: fewer than 5 rounds"),
        ([(6.0, 5.0)] * 2, "lower", 2, "inconclusive: fewer than 5 rounds"),
        ([(9.0, 5.0)] * 4, "lower", 4, "inconclusive: fewer than 5 rounds"),
        ([(42.0, 42.0)] * 2, "lower", 2, "equal"),
        ([(42.0, 42.0)] * 6, "lower", 6, "equal"),
        ([(6.0, 5.0)] * 5, "lower", 5, "higher: worse"),
        ([(6.0, 5.0)] * 6, "higher", 6, "higher: better"),
        ([(500.0, 0.0)] * 6, "lower", 6, "higher: worse"),
        ([(0.0, 0.0)] * 6, "lower", 6, "equal"),
        ([(50.0, 100.0)] * 5 + [(0.0, 100.0)], "higher", 6, "lower: worse"),
        ([(100.0, math.nan)] + [(100.0, 100.0)] * 5, "higher", 6, "incomplete: 5 of 6 rounds"),
        ([(None, 100.0)] + [(100.0, 100.0)] * 5, "higher", 6, "incomplete: 5 of 6 rounds"),
        ([(100.0, None)] + [(110.0 + k, 100.0) for k in range(5)], "higher", 6, "incomplete: 5 of 6 rounds"),
        ([(100.0, None)] + [(110.0 + k, 100.0) for k in range(5)], "lower", 6, "higher: worse, incomplete: 5 of 6 rounds"),
        ([(100.0 + k, 100.0 + k) for k in range(5)], "lower", 8, "incomplete: 5 of 8 rounds"),
        ([(None, 100.0)] * 5, "lower", 5, "incomplete: 0 of 5 rounds"),
        ([(110.0 + k, 100.0) for k in range(6)], None, 6, "–"),
    ],
)
def test_what_can_be_said(pairs: list[tuple[float | None, float | None]], better: str | None, planned: int, words: str) -> None:
    """Zeros have differences, equal values are equal, and missing pairs are never good news."""
    metric = replace(OPS, better=better)
    assert verdict_text(compared(rounds(*pairs), metric, rounds=planned)) == words
    if len(pairs) == planned:
        assert verdict_text(compared(rounds(*pairs), metric)) == words


def test_what_alternates_is_not_separated() -> None:
    """Two values in whole units are apart only if each ran first in some rounds."""
    apart = compared(rounds(*[(6.0, 5.0)] * 6))
    always_first = [replace(trial, started_ns=1 + (trial.point["engine"] == "old")) for trial in rounds(*[(6.0, 5.0)] * 6)]
    unknown = [replace(trial, started_ns=None) for trial in always_first]
    assert apart.p == pytest.approx(2 / math.comb(12, 6))
    assert [compared(trials).p for trials in (always_first, unknown)] == [2**-5] * 2


def test_only_values_of_the_same_round_are_paired() -> None:
    """A round without one of the two does not count, nor do warm-ups."""
    trials = [stored("old", k, 100.0 + k) for k in range(5)] + [stored("new", k, 200.0 + 2 * k) for k in (1, 3, 4, 9)]
    trials += [replace(stored("new", 0, 1.0), warmup=True)]
    one = compared(trials)
    assert one.effect is not None
    assert (one.n, one.planned, one.effect.estimate) == (3, 6, pytest.approx(2.0))


def test_the_family_has_the_metrics_that_have_a_direction() -> None:
    """The others cost no power: eight undeclared metrics that say nothing do not change a verdict."""
    trials = [
        replace(trial, observations={**trial.observations, **{f"m{k}": 1.0 + random.Random(f"{trial.id}{k}").random() for k in range(8)}})
        for trial in noisy(0.97, seed=4)
    ]
    found = compare([replace(t, units=dict.fromkeys(t.observations, "")) for t in trials], [replace(OPS, unit="")], [NEW], Question(OLD))
    assert [(one.metric, one.family, one.verdict) for one in found][:2] == [("ops", 1, "worse"), ("m0", 1, "unjudged")]
    assert len(found) == 9


def test_failed_trials_are_compared_where_they_could_tell() -> None:
    """A candidate that crashes in five of six rounds is worse; one failure is told, but could never be significant: not in the family."""
    crashing = rounds(*[(None, 100.0)] * 5, (100.0, 100.0))
    found = compare(crashing, [OPS], [OLD, NEW], Question(OLD, rounds=6))
    assert [(one.metric, one.verdict, one.family) for one in found] == [("ops", "incomplete", 1), (FAILED_TRIALS, "worse", 1)]
    assert found[1].failures == Failures(5, 6, 0, 6)
    assert (found[1].confirmed, found[1].incomplete) == (True, False)
    assert effect_text(found[1]) == "5 of 6, baseline 0 of 6"
    once = compare(rounds((None, 100.0), *[(100.0, 100.0)] * 5), [OPS], [NEW], Question(OLD))
    assert [(one.metric, one.family, one.fails_more) for one in once] == [("ops", 1, False), (FAILED_TRIALS, 1, True)]
    assert verdict_text(once[1]) == "inconclusive: so few failures may be luck"
    fixed = compare(rounds(*[(100.0, None)] * 5, (100.0, 100.0)), [OPS], [NEW], Question(OLD))
    assert [(one.metric, one.verdict) for one in fixed] == [("ops", "incomplete"), (FAILED_TRIALS, "inconclusive")]


def test_first_attempts_tell_who_fails() -> None:
    """To repeat what failed until it succeeds hides nothing; what was interrupted, or lost, is no failure."""
    trials = [replace(trial, attempt=2) for trial in rounds(*[(100.0, 100.0)] * 6)]
    failed = [replace(trial, attempt=1, outcome="failed(1)") for trial in trials if trial.point == NEW]
    seen = compare(trials, [OPS], [NEW], Question(OLD), [*failed, *trials])
    assert [(one.metric, one.verdict) for one in seen] == [("ops", "equal"), (FAILED_TRIALS, "worse")]
    for outcome in ("interrupted", "lost", "unreachable", "cancelled"):
        lost = [replace(trial, outcome=outcome) for trial in failed]
        assert [one.metric for one in compare(trials, [OPS], [NEW], Question(OLD), [*lost, *trials])] == ["ops"]


def test_a_stored_baseline_suggests_and_never_confirms() -> None:
    """Days differ; and which of the two ran first means nothing."""
    one = compared(noisy(0.9), stored=True)
    assert (one.verdict, one.confirmed, verdict_text(one)) == ("worse", False, "lower: worse, not confirmed")
    assert compared(noisy(0.9)).confirmed
    assert compared(rounds(*[(6.0, 5.0)] * 6), stored=True).p == 2**-5


def test_partners() -> None:
    """A point is compared with the one that differs in nothing but what the baseline fixes; true and 1 are different values."""
    assert partner({"engine": "new", "size": 4}, {"engine": "old"}) == {"engine": "old", "size": 4}
    assert partner({"engine": "old", "size": 4}, {"engine": "old"}) is None
    assert partner({"size": 4}, {"engine": "old"}) is None
    assert partner({"x": True}, {"x": 1}) == {"x": 1}


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_at_least_as_strict_as_each_test_alone(chances: list[float]) -> None:
    """Never more lenient than 5 % each, never stricter than Bonferroni, and in the order of the chances."""
    significant = holm(chances)
    for chance, found in zip(chances, significant, strict=True):
        assert not found or chance <= 0.05
        assert found or chance > 0.05 / len(chances)
    assert all(a <= b for a, x in zip(chances, significant, strict=True) for b, y in zip(chances, significant, strict=True) if x and not y)


@given(st.lists(st.tuples(*[st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.0, 3.0]))] * 2), min_size=1, max_size=8))
def test_missing_pairs_are_never_good_news(pairs: list[tuple[float | None, float | None]]) -> None:
    """Whatever the values: without a pair in each planned round nothing is equal, the same or better."""
    for better in ("higher", "lower"):
        one = compared(rounds(*pairs), replace(OPS, better=better), rounds=9, threshold=0.5)
        assert one.verdict in {Verdict.WORSE, Verdict.INCOMPLETE}


def test_how_it_is_shown() -> None:
    """A row for each point and metric; differences have a sign and a unit; numbers are whole in JSON."""
    trials = [
        stored(engine, k, (100.0 + k) * (2 if engine == "new" else 1), size=size)
        for engine in ("old", "new")
        for k in range(5)
        for size in (1, 2)
    ]
    points = [{"engine": engine, "size": size} for engine in ("old", "new") for size in (1, 2)]
    table = point_table(trials, [Metric("ops", unit="1/s", better="lower")], points, question=Question(OLD))
    assert comparison_rows(table.comparisons, table.parameters) == [
        ("engine", "size", "metric", "rounds", "x baseline", "verdict"),
        ("new", "1", "ops", "5", "2.000", "higher: worse"),
        ("new", "2", "ops", "5", "2.000", "higher: worse"),
    ]
    first = comparisons_json(table.comparisons)[0]
    assert first == {
        "point": {"engine": "new", "size": 1},
        "metric": "ops",
        "unit": "1/s",
        "n": 5,
        "planned": 5,
        "rule": "constant ratio",
        "factor": pytest.approx(2.0),
        "difference": None,
        "low": None,
        "high": None,
        "p": pytest.approx(2 / 252),
        "direction": "higher",
        "verdict": "worse",
        "incomplete": False,
        "confirmed": True,
        "threshold": 0.0,
        "detectable": None,
        "more-rounds": None,
        "level": 0.05,
        "decided-after": None,
    }
    assert point_table(trials, [], points).comparisons == ()
    errors = [(48.0, 0.0), (12.0, 0.0), (510.0, 0.0), (31.0, 0.0), (77.0, 0.0), (260.0, 0.0)]
    one = compared(rounds(*errors), replace(OPS, better="lower"))
    assert (effect_text(one), verdict_text(one)) == ("+140 [+10, +510] 1/s", "higher: worse")
    assert list(method_words([one, table.comparisons[0]])) == [
        "x baseline: geometric mean of the ratios within rounds, with its 95 % interval",
        "where values are 0 or less: median difference within rounds, with its 95 % interval",
        "verdicts at 5 %, corrected for 2 comparisons (Holm): paired t-test of the logarithms, signed rank of the differences",
    ]

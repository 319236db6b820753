"""Series that end when comparisons are decided: when they look, what a look decides, and that interruptions change nothing."""

import csv
import math
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.experiment import LOOKS, Experiment
from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.sweep import Parameter, Sweep
from wke.describe.plan.plan import running_order
from wke.judge.policies.choose import policy_of
from wke.judge.policies.decided import Decided, DecidedOutlook, Decision
from wke.judge.policies.policy import Seen
from wke.judge.statistics.anytime import CERTAIN, certain, evidence, log_e
from wke.judge.statistics.comparison import Comparison, Question
from wke.judge.statistics.looks import LOOK_LEVEL, complete_rounds, conclude
from wke.judge.statistics.pairs import Pair, effect_of
from wke.judge.statistics.signedrank import walsh_interval
from wke.judge.summary.pointtable import point_table
from wke.keep.trials.trials import PlannedTrial, StoredAttempt
from wke.tell.comparisons import comparisons_json, method_words
from wke.tell.terminal.findings import finding_text
from wke.tell.terminal.outlooks import plan_lines, to_run_text

KNOWN = Path(__file__).parents[1] / "known_answers"
OLD, NEW = {"engine": "old"}, {"engine": "new"}
OPS = Metric("ops", unit="1/s", better="higher")
EXPERIMENT = Experiment(
    "x",
    Path("x.toml"),
    iterations=80,
    decided=True,
    threshold=0.02,
    baseline=OLD,
    parameters=Sweep((Parameter("engine", ("old", "new")),)),
    metrics=(OPS,),
)
POLICY = policy_of(EXPERIMENT)


def rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (KNOWN / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


@cache
def planned(most: int = 80) -> tuple[PlannedTrial, ...]:
    turns = running_order(replace(EXPERIMENT, iterations=most), EXPERIMENT.parameters.points(), 7)
    return tuple(
        PlannedTrial(f"{point['engine']}-{turn.iteration}", point, turn.iteration, turn.warmup, at)
        for at, (turn, point) in enumerate(turns)
    )


def ran(trial: PlannedTrial, factor: float = 1.0, spread: float = 0.01, *, ok: bool = True) -> StoredAttempt:
    """Return a trial whose value depends on nothing but its id; the new engine's is `factor` times as high."""
    ops = 1000 * (factor if trial.point == NEW else 1) * math.exp(spread * random.Random(trial.id).gauss(0, 1))
    seen, outcome = ({"ops": ops}, "ok") if ok else ({}, "failed(1)")
    return StoredAttempt(
        trial.id,
        "x",
        1,
        trial.point,
        trial.iteration,
        False,
        outcome,
        "",
        1 + trial.position,
        1.0,
        seen,
        dict.fromkeys(seen, "1/s"),
        Path(),
    )


def run_on(stored: dict[str, StoredAttempt], factor: float, spread: float, limit: int = 1000) -> dict[str, StoredAttempt]:
    """Run what is due, batch after batch, until nothing is or so many have run."""
    stored, left = dict(stored), limit
    while batch := POLICY.next_trials(planned(), Seen(stored))[:left]:
        stored |= {trial.id: ran(trial, factor, spread) for trial in batch}
        left -= len(batch)
    return stored


@settings(deadline=None, max_examples=15)
@given(st.sampled_from([(1.2, 0.01), (1.05, 0.03), (1.0, 0.01), (1.0, 0.04)]), st.lists(st.integers(1, 40), max_size=4))
def test_an_interrupted_series_ends_at_the_same_look(truth: tuple[float, float], pieces: list[int]) -> None:
    """Killed after any number of trials and begun again, it runs the very same trials: whole rounds, up to a look."""
    whole = run_on({}, *truth)
    stored: dict[str, StoredAttempt] = {}
    for piece in pieces:
        stored = run_on(stored, *truth, piece)
    assert run_on(stored, *truth).keys() == whole.keys()
    assert len(whole) / 2 in LOOKS


@pytest.mark.parametrize(
    ("factor", "spread", "ends", "said"),
    [
        (1.2, 0.01, 5, "decisions: 1 of 1 comparison decided after 5 rounds"),
        (1.0, 0.002, 5, "decisions: 1 of 1 comparison decided after 5 rounds"),
        (1.08, 0.05, 20, "decisions: 1 of 1 comparison decided after 20 rounds"),
        (1.0, 0.2, 80, 'decisions: 0 of 1 comparison decided after 80 rounds; not decided: ops at engine="new"'),
    ],
)
def test_a_series_ends_when_a_look_decides(factor: float, spread: float, ends: int, said: str) -> None:
    """Large and absent differences end it soon, what stays open at the most rounds; it then says what it found."""
    done = run_on({}, factor, spread)
    assert len(done) == 2 * ends
    (finding,) = POLICY.findings(planned(), Seen(done))
    assert finding_text(finding, ["engine"]) == said


def test_what_is_said_between_looks() -> None:
    """The outlook goes to the next look; the finding says what is open, and what is certain without waiting."""
    assert POLICY.outlook(planned(), Seen({})) == DecidedOutlook(10, 160, 5, 80)
    assert list(plan_lines(POLICY.outlook(planned(), Seen({})))) == [
        "until every comparison is decided; looks after 5, 10, 20, 40, 80 rounds, at 1 % each"
    ]
    assert to_run_text(POLICY.outlook(planned(), Seen({})), "") == "10 before the next look, at most 160 in all"
    (before,) = POLICY.findings(planned(), Seen({trial.id: ran(trial) for trial in planned()[:6]}))
    assert finding_text(before, ["engine"]) == "decisions: none before 5 rounds; 3 are complete"
    mixed = {trial.id: ran(trial, 1.0 if trial.iteration < 10 else 1.5, 0.02) for trial in planned()[: 2 * 18]}
    (after,) = POLICY.findings(planned(), Seen(mixed))
    assert isinstance(after, Decision)
    assert (after.rounds, after.next, len(after.open)) == (10, 20, 1)
    certain_words = '; the next look is after 20 rounds; certain already: ops at engine="new" higher'
    sure = {trial.id: ran(trial, 1.015 if trial.iteration < 10 else 1.3, 0.02) for trial in planned()[: 2 * 19]}
    (later,) = POLICY.findings(planned(), Seen(sure))
    assert finding_text(later, ["engine"]).endswith(certain_words) == bool(isinstance(later, Decision) and later.sure)


def concluded(trials: list[StoredAttempt], threshold: float = 0.02) -> Comparison:
    (one,) = (one for one in conclude(trials, [OPS], [OLD, NEW], Question(OLD, threshold, looks=True)) if one.metric == "ops")
    return one


def trials_of(factors: list[float], spread: float = 0.002, failing: tuple[int, ...] = ()) -> list[StoredAttempt]:
    """Return a round for each factor; the new engine fails in the rounds `failing`."""
    rounds = planned()[: 2 * len(factors)]
    return [ran(one, factors[one.iteration], spread, ok=one.iteration not in failing or one.point == OLD) for one in rounds]


@pytest.mark.parametrize(
    ("factors", "failing", "verdict", "n", "after"),
    [
        ([1.2] * 5, (), "better", 5, 5),
        ([1.2] * 9, (), "better", 5, 5),
        ([1.2] * 5 + [0.9] * 5, (), "better", 10, 5),
        ([0.8] * 5 + [1.4] * 5, (), "worse", 10, 5),
        ([1.0] * 20, (), "same", 20, 5),
        ([1.0] * 5 + [0.7] * 35, (), "worse", 40, 20),
        ([1.2] * 10, (7,), "incomplete", 9, None),
        ([0.8] * 10, (7,), "worse", 9, 5),
        ([1.0, 1.3, 0.8, 1.2, 0.7, 1.2], (), "inconclusive", 5, None),
        ([1.2] * 4, (), "inconclusive", 4, None),
    ],
)
def test_what_looks_decide(factors: list[float], failing: tuple[int, ...], verdict: str, n: int, after: int | None) -> None:
    """The last look speaks; a difference that one confirmed stays; missing pairs and later differences take back what is good."""
    one = concluded(trials_of(factors, failing=failing))
    assert (one.verdict, one.n, one.decided_after) == (verdict, n, after)
    assert comparisons_json([one])[0]["level"] == LOOK_LEVEL


def test_the_interval_of_a_look_is_wider() -> None:
    """It misses in 1 %, and so do the tests; the words say so, and how many rounds would do, as a guess."""
    trials = trials_of([1.0, 1.1, 0.98, 1.12, 1.0])
    one = concluded(trials, 0.0)
    (usual,) = point_table(trials, [OPS], [OLD, NEW], question=Question(OLD)).comparisons
    assert one.effect is not None
    assert usual.effect is not None
    assert one.effect.low is not None
    assert usual.effect.low is not None
    assert one.effect.low < usual.effect.low
    words = list(method_words([one]))
    assert words[0].endswith("with its 99 % interval")
    assert "verdicts at 1 % at each look: paired t-test of the logarithms" in words
    assert words[-1] == f"about {one.more_rounds} more rounds may decide what is inconclusive: a guess; max can be raised at no cost"
    assert list(method_words([usual]))[-1].endswith('differences: use iterations = { until = "decided", max = 80 }')


@pytest.mark.parametrize(("noise", "threshold", "level"), [(0.05, 0.0, 0.05), (0.05, 0.01, 0.01), (0.001, 0.0, 0.05)])
def test_a_guess_is_the_least_number_that_would_do(noise: float, threshold: float, level: float) -> None:
    """With so many rounds, and not with one fewer, the difference seen so far would be the smallest detectable one."""
    luck = random.Random(3)
    seen = effect_of([Pair(1.03 * math.exp(luck.gauss(0, noise)), 1.0) for _ in range(6)], threshold)
    more = seen.more_rounds(level, threshold)
    if noise < 0.01:
        assert more == 1
        return
    assert more is not None

    def detectable(n: int) -> float:
        return replace(seen, n=n).detectable(level, threshold) or 0.0

    assert detectable(seen.n + more) <= abs(math.expm1(math.log(seen.estimate))) < detectable(seen.n + more - 1)
    assert replace(seen, estimate=1.0).more_rounds(level, threshold) is None


def test_rounds_that_are_complete() -> None:
    """A round counts when all compared points were tried in it; one that is running, or was interrupted, does not."""
    trials = trials_of([1.0] * 4)
    assert complete_rounds(trials, [OLD, NEW], OLD) == 4
    assert complete_rounds([*trials[:5], replace(trials[5], outcome="interrupted"), *trials[6:]], [OLD, NEW], OLD) == 2
    assert complete_rounds([], [OLD, NEW], OLD) == 0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.5, 2), min_size=5, max_size=12), st.randoms(use_true_random=False))
def test_neither_units_nor_the_order_of_reading_matter(factors: list[float], luck: random.Random) -> None:
    """The same trials read in another order, or in a unit 1024 times as small, come to the same."""
    trials = trials_of(factors)
    expected = comparisons_json([concluded(trials)])
    mixed = luck.sample(trials, len(trials))
    scaled = [replace(one, observations={"ops": 1024 * one.observations["ops"]}) for one in mixed]
    assert comparisons_json([concluded(mixed)]) == expected
    ours = comparisons_json([concluded(scaled)])
    assert [(one["verdict"], one["n"]) for one in ours] == [(one["verdict"], one["n"]) for one in expected]
    assert ours[0]["p"] == pytest.approx(expected[0]["p"], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("row", rows("truth-e-values.csv"))
def test_known_e_values(row: dict[str, str]) -> None:
    """They are those of an exact computation."""
    assert log_e(int(row["n"]), float(row["t"]), float(row["g"])) == pytest.approx(float(row["log_e"]), abs=1e-9)


def test_when_e_values_are_certain() -> None:
    """From the known t on; of several the largest need more; a threshold takes away from the difference; 1 says nothing."""
    for row in rows("truth-critical-values.csv"):
        assert log_e(int(row["n"]), float(row["t_e_value"])) == pytest.approx(math.log(CERTAIN), abs=1e-5)
    assert log_e(4, 1e9) < math.log(CERTAIN)
    assert certain([math.log(61), math.log(39), math.log(2)]) == [True, False, False]
    assert certain([math.log(41), math.log(61), math.log(21)]) == [True, True, True]
    seen = effect_of([Pair(1.1 + 0.01 * (k % 3), 1.0) for k in range(12)])
    assert evidence(seen) > evidence(seen, 0.05) > 0 > evidence(seen, 0.2)
    assert evidence(effect_of([Pair(2.0, 1.0)] * 5)) == 0.0


def test_wider_intervals_of_differences_need_more_of_them() -> None:
    """At 1 % there is one from eight differences on."""
    assert [walsh_interval(range(n), 0.01)[1] is None for n in (6, 7, 8)] == [True, True, False]


def test_a_selection_without_both_sides_waits_for_nothing() -> None:
    """With --only one side there is nothing to compare, so the first look ends it."""
    half = [trial for trial in planned() if trial.point == OLD]
    seen = Seen({trial.id: ran(trial) for trial in half[:5]})
    assert POLICY.next_trials(half, seen) == []


def test_failures_decide() -> None:
    """A variant that fails in all rounds is worse, and its metrics, which can never be complete, are not waited for."""
    first = planned()[:10]
    good = {trial.id: ran(trial) for trial in first if trial.point == OLD}
    failed = [ran(trial, ok=False) for trial in first if trial.point == NEW]
    seen = Seen(good, {one.id for one in failed}, attempts=(*good.values(), *failed))
    assert POLICY.next_trials(planned(), seen) == []
    assert isinstance(POLICY, Decided)

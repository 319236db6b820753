"""The largest rate within a limit: the known traces exactly, refusals, and what interruptions and other conditions change."""

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.judge.statistics.capacity import RateRange, RateSearch, RateTrial, Refusal, fitted, search_rate

ANSWERS = Path(__file__).parents[1] / "known_answers"
LIMIT = 20
CAPACITY = 1 - math.log(100) / LIMIT
Measure = Callable[[float], RateTrial]


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


def queue(rate: float, noise: float = 0.0, completions: int | None = 30_000) -> RateTrial:
    """Return a trial on an M/M/1 queue with service rate 1, whose 99 % quantile has to be at most LIMIT."""
    excess = math.log(math.log(100) / (1 - rate) / LIMIT) + noise if rate < 1 else math.inf
    return RateTrial(rate, excess, excess <= 0, completions)


def searches(measure: Measure, rates: RateRange) -> Iterator[tuple[RateSearch, list[RateTrial]]]:
    """Yield the search before each trial, and when it is over."""
    trials: list[RateTrial] = []
    while True:
        search = search_rate(trials, rates)
        yield search, list(trials)
        if search.next is None:
            return
        trials.append(measure(search.next))


def found(measure: Measure, rates: RateRange) -> tuple[RateSearch, list[RateTrial]]:
    """Return the search at its end."""
    return list(searches(measure, rates))[-1]


@pytest.mark.parametrize("case", ["exact", "exact, start too high", "noisy", "loud"])
def test_known_traces_are_exact(case: str) -> None:
    """Each rate, each phase, each estimate, and the interval at the end."""
    trace = [row for row in rows("truth-capacity-trace.csv") if row["case"] == case]
    noises = iter([float(row["noise"]) for row in trace])
    (known,) = (row for row in rows("truth-capacity-expected.csv") if row["case"] == case)
    *states, last = (search for search, _ in searches(lambda rate: queue(rate, next(noises)), RateRange(float(known["start"]))))
    for row, search, after in zip(trace, states, [*states[1:], last], strict=True):
        assert (search.phase, search.next) == (row["phase"], pytest.approx(float(row["rate"]), rel=2e-9)), row
        assert row["estimate"] == "" or after.estimate == pytest.approx(float(row["estimate"]), rel=2e-9), row
    answer = last.capacity
    assert answer is not None
    assert answer.estimate == pytest.approx(float(known["capacity"]), rel=1e-9)
    if known["low"]:
        ends = [float(known[name]) for name in ("low", "high", "g")]
        assert [answer.low, answer.high, answer.g] == [pytest.approx(end, rel=1e-8) for end in ends]
        assert (answer.points, answer.confidence, answer.refusal) == (int(known["points"]), 0.95, None)
    else:
        assert (answer.low, answer.high, answer.refusal) == (None, None, Refusal.UNCERTAIN)


def limited(rate: float, *, gate: float = math.inf, cliff: float = math.inf, level: float = -1.0) -> RateTrial:
    """Return a trial on a system with a flat latency, which fails something else from `gate` on and is overloaded from `cliff` on."""
    excess = math.inf if rate >= cliff else level + 0.2 * math.log(rate / 1000)
    return RateTrial(rate, excess, excess <= 0 and rate < gate, 30_000)


@pytest.mark.parametrize(
    ("measure", "rates", "refusal", "held", "failed", "trials"),
    [
        (limited, RateRange(0.1), Refusal.HOLDS, 0.1 * 1.6**8, None, 9),
        (limited, RateRange(100, 1, 1000), Refusal.HOLDS, 1000, None, 6),
        (lambda rate: limited(rate, gate=0), RateRange(100), Refusal.FAILS, None, 100 / 1.6**8, 9),
        (lambda rate: limited(rate, gate=0), RateRange(100, 50), Refusal.FAILS, None, 50, 3),
        (lambda rate: limited(rate, gate=0), RateRange(10, 50), Refusal.FAILS, None, 50, 1),
        (lambda rate: queue(rate, completions=9_999), RateRange(0.5), Refusal.COMPLETIONS, 0.5 * 1.6**0.75, 0.8, 4),
        (lambda rate: queue(rate, completions=None), RateRange(0.5), Refusal.COMPLETIONS, 0.5 * 1.6**0.75, 0.8, 4),
    ],
)
def test_refusals_end_early(  # noqa: PLR0917 - a table's columns
    measure: Measure, rates: RateRange, refusal: Refusal, held: float | None, failed: float | None, trials: int
) -> None:
    """A search that cannot have an answer says why, with the ends that it knows, and takes no trial that does not help."""
    search, ran = found(measure, rates)
    assert search.capacity is not None
    assert (search.capacity.refusal, search.capacity.low, len(ran)) == (refusal, None, trials)
    assert (search.held, search.failed) == (held and pytest.approx(held), failed and pytest.approx(failed))


@pytest.mark.parametrize(("name", "level"), [("gate", -1.0), ("cliff", -1.0), ("cliff", -0.1), ("gate", -5.0)])
def test_what_is_not_the_latency_is_no_line(name: str, level: float) -> None:
    """Where something else fails first, or latencies stay flat up to an overload, no interval is made up, and the ends are close to it."""
    search, ran = found(lambda rate: limited(rate, **{name: 1000}, level=level), RateRange(150))  # type: ignore[arg-type]
    refusal = {"gate": Refusal.GATE, "cliff": Refusal.ABRUPT}[name]
    assert search.capacity is not None
    assert (search.capacity.refusal, search.capacity.estimate, search.capacity.low) == (refusal, None, None)
    assert search.held is not None
    assert search.failed is not None
    assert 940 < search.held < 1000 <= search.failed < 1060
    assert (len(ran), max(trial.rate for trial in ran[8:])) == (12, pytest.approx(1000, rel=0.13))


def test_the_interval_says_how_much_it_is_worth() -> None:
    """95 % from 12 trials of 30,000 completions on; trials far below the limit may be short."""
    for trials, near, far, confidence in [
        (12, 30_000, 100, 0.95),
        (12, 29_999, 30_000, 0.87),
        (11, 30_000, 30_000, 0.87),
        (16, 10**6, 1, 0.95),
    ]:
        search, _ = found(lambda rate: queue(rate, completions=near if rate > 0.6 else far), RateRange(0.1, trials=trials))  # noqa: B023
        assert search.capacity is not None
        assert (search.capacity.confidence, search.capacity.completions, search.capacity.trials) == (confidence, near, trials)
        assert search.capacity.low is not None
        assert search.capacity.high is not None
        assert search.capacity.low < CAPACITY < search.capacity.high


def test_rates_of_the_range_only() -> None:
    """Rates stay within the ends of the range, also around an estimate that is close to one of them."""
    search, ran = found(queue, RateRange(0.1, 0.2, 0.78))
    assert min(trial.rate for trial in ran) == 0.2
    assert max(trial.rate for trial in ran) == 0.78
    assert search.capacity is not None
    assert search.capacity.refusal is None


excesses = st.one_of(st.floats(-4, 4), st.sampled_from([math.inf, -math.inf, 0.0, 1e-300, 1.2, -1.2]))


@given(st.lists(st.tuples(excesses, st.booleans()), min_size=12, max_size=12), st.floats(1e-6, 1e9), st.integers(1, 12))
@settings(deadline=None, max_examples=100)
def test_whatever_trials_say_the_search_ends(said: list[tuple[float, bool]], start: float, trials: int) -> None:
    """It proposes finite positive rates, ends after its trials, and promises nothing at which it saw the condition fail beyond the line."""
    answers = iter(said)

    def measure(rate: float) -> RateTrial:
        excess, other = next(answers)
        return RateTrial(rate, excess, excess <= 0 and other, 30_000)

    search, ran = found(measure, RateRange(start, trials=trials))
    assert len(ran) <= trials
    assert all(0 < trial.rate < math.inf for trial in ran)
    answer = search.capacity
    assert answer is not None
    assert (answer.low is None) == (answer.refusal is not None)
    if answer.low is not None:
        assert answer.estimate is not None
        assert answer.high is not None
        assert answer.low <= answer.estimate <= answer.high
        assert not any(trial.gated for trial in ran if trial.rate <= answer.estimate)
        assert not any(trial.excess >= 1.2 for trial in ran if trial.rate <= answer.estimate)


def test_the_line_rises_or_there_is_none() -> None:
    """Three trials near the estimate and close to the limit make a line; equal rates, or latencies that fall, do not."""
    line = fitted([RateTrial(rate, math.log(rate / 100), rate <= 100) for rate in (90, 100, 110, 300)], 100)
    assert line is not None
    assert (line.points, line.slope, line.zero, line.at(200)) == (3, *map(pytest.approx, (1.0, 100.0, math.log(2))))
    assert fitted([RateTrial(100, 0.1 * k, k <= 0) for k in range(3)], 100) is None
    assert fitted([RateTrial(rate, -math.log(rate / 100), rate >= 100) for rate in (90, 100, 110)], 100) is None
    assert fitted([RateTrial(90, -0.1, True), RateTrial(110, 0.1, False)], 100) is None

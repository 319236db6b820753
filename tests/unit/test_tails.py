"""Quantiles of a point: pooled over trials, with intervals by plan; what is stored for them; what tables say of them."""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stored import OK, begin, planned, result

from wke.describe.experiment.metrics import Metric
from wke.judge.statistics.statistics import POOLED
from wke.judge.statistics.summaries import point_summaries
from wke.judge.statistics.tails import Pool, plans, rank, two_sided
from wke.judge.summary.pointtable import point_table
from wke.keep.files.damage import DamagedError
from wke.keep.output.distribution import MOST_VALUES, Distribution, decode, distribution, encode, pool
from wke.keep.output.rawvalues import RawValues
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.tell.tables import table_json, text_table

ANSWERS = Path(__file__).parents[1] / "known_answers"
P99 = Metric("p99", raw="out/*.csv", quantile=0.99, unit="ms")
TRIALS = st.lists(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), min_size=1, max_size=6)


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


@lru_cache
def known() -> tuple[Distribution, ...]:
    trials: dict[str, list[tuple[float, float, int]]] = {}
    for row in rows("truth-tail-data.csv"):
        trials.setdefault(row["trial"], []).append((float(row["low"]), float(row["high"]), int(row["count"])))
    return tuple(of_buckets(buckets) for buckets in trials.values())


def of_buckets(buckets: Sequence[tuple[float, float, int]]) -> Distribution:
    lows, highs, counts = zip(*buckets, strict=True)
    return Distribution(np.array(lows), np.array(highs), np.array(counts, np.int64))


def raw(values: Iterable[float]) -> Distribution:
    return distribution(RawValues(np.sort(np.array([*values], np.float64))))


def parts_of(values: Distribution) -> tuple[list[float], list[float], list[int]]:
    return values.lows.tolist(), values.highs.tolist(), values.counts.tolist()


@pytest.mark.parametrize("row", rows("truth-tail-expected.csv"), ids=lambda row: f"{row['trials']}-{row['q']}")
def test_pooled_quantiles_are_exact(row: dict[str, str]) -> None:
    """Value, share and both ends are the known ones, and an end that the values cannot give is unknown; after storing as before."""
    trials = known()[: int(row["trials"])]
    for parts in (trials, [decode(encode(one)) for one in trials[::-1]]):
        found = Pool.of(parts).quantile(float(row["q"]))
        assert (found.value, found.share) == (float(row["value"]), pytest.approx(float(row["share"]), rel=1e-9))
        assert found.share - found.error == pytest.approx(float(row["share_low"]), rel=1e-8, abs=1e-12)
        assert (found.low, found.high) == (float(row["low"]), float(row["high"]) if row["high"] else None)


@given(TRIALS, st.sampled_from([1000.0, 0.001, 1.0]), st.randoms(use_true_random=False))
@example([[1, 1, 2], [1, 1, 1, 1, 2, 2]], 1.0, random.Random(1))  # the share above is 1/3, and nothing differs between trials
@settings(deadline=None, max_examples=25)
def test_quantiles_depend_on_neither_order_nor_unit(trials: list[list[int]], factor: float, luck: object) -> None:
    """Trials and values in another order give the same, values in another unit the same in that unit; quantiles rise with the share."""
    shuffled = [list(values) for values in trials]
    for values in (shuffled, *shuffled):
        luck.shuffle(values)  # type: ignore[attr-defined]
    first, second = Pool.of([raw(values) for values in trials]), Pool.of([raw(values) for values in shuffled])
    scaled = Pool.of([raw([value * factor for value in values]) for values in trials])
    shares = (0.01, 0.3, 0.5, 0.9, 0.99, 0.999)
    found = [first.quantile(share) for share in shares]
    for one, again, other in zip(found, map(second.quantile, shares), map(scaled.quantile, shares), strict=True):
        assert (one.value, one.low, one.high) == (again.value, again.low, again.high)
        assert [other.value, other.low, other.high] == [None if end is None else end * factor for end in (one.value, one.low, one.high)]
        assert one.low is None or one.low <= one.value
        assert one.high is None or one.high >= one.value
    assert [one.value for one in found] == sorted(one.value for one in found)
    every = sorted(value for values in trials for value in values)
    assert [one.value for one in found] == [every[rank(share, len(every)) - 1] for share in shares]


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e12, 1e12)), st.booleans())
@settings(deadline=None, max_examples=15)
def test_what_is_stored_is_what_was_recorded(values: np.ndarray, many: bool) -> None:  # noqa: FBT001 - drawn
    """Raw values are stored exactly; too many different ones lie in buckets that hold them and are narrow."""
    if many:
        values = (values[:, None] + np.linspace(0, 1, 2 * MOST_VALUES)).ravel()
    stored = decode(encode(distribution(RawValues(np.sort(values)))))
    assert stored.total == len(values)
    ends = np.array([stored.bucket(place) for place in (1, (len(values) + 1) // 2, len(values))])
    exact = np.sort(values)[[0, (len(values) + 1) // 2 - 1, -1]]
    assert (ends[:, 0] <= exact).all()
    assert (exact <= ends[:, 1]).all()
    assert (ends[:, 1] - ends[:, 0] <= 5e-4 * np.abs(exact) + 1e-300).all()
    if len(np.unique(values)) <= MOST_VALUES:
        assert (ends[:, 0] == ends[:, 1]).all()


def test_merging_keeps_every_bucket() -> None:
    """Buckets of different sources stay apart even where they overlap."""
    merged = pool([of_buckets([(1, 2, 3), (3, 8, 1)]), of_buckets([(1, 2, 1), (1, 8, 5)])])
    assert parts_of(merged) == ([1, 1, 3], [2, 8, 8], [4, 5, 1])


@pytest.mark.parametrize(
    "damage", [b"", b"hello", encode(raw([1, 2]))[:-3], encode(of_buckets([(5, 1, 1)])), encode(of_buckets([(1, 2, 0)]))]
)
def test_damaged_distributions_are_refused(damage: bytes) -> None:
    """Bytes that wke cannot have written are damage of the store."""
    with pytest.raises(DamagedError, match="distribution of recorded values"):
        decode(damage)


def test_two_ends_by_plan_only() -> None:
    """The numbers of trials and values decide, on either side of the median; values that happen to allow an upper end do not."""
    assert [two_sided(*each, 0.99) for each in [(5, 30_000), (5, 29_999), (10, 10_000), (9, 10_000), (20, 3000), (4, 10**9)]] == [
        *(True, False, True, False, True, False)
    ]
    assert two_sided(5, 300_000, 0.001)
    assert not two_sided(5, 300_000, 0.0001)
    assert list(plans(0.9999)) == [(5, 3_000_000), (10, 1_000_000), (20, 300_000)]


def attempt(number: int, recorded: Distribution | None, unit: str = "ms") -> StoredAttempt:
    stored = {} if recorded is None else {"p99": (unit, encode(recorded))}
    return StoredAttempt(
        f"t{number}", "s", 1, {"x": 1}, number, False, "ok", "", number, 1.0, {"p99": 5.0}, {"p99": "ms"}, Path(), recorded=stored
    )


def many(count: int, size: int) -> list[StoredAttempt]:
    luck = np.random.default_rng(5)
    return [attempt(k, raw(np.round(luck.exponential(10, size), 3))) for k in range(count)]


def test_tables_show_pooled_quantiles() -> None:
    """With both ends where the plan allows them; else as a lower bound, with what both ends take; in the metric's unit."""
    enough, few = text_table(point_table(many(20, 3000), [P99])), text_table(point_table(many(3, 400), [P99]))
    assert "[" in enough.cells[0][1]
    assert enough.notes == ("a [b, c] or a (≥ b): quantile of all recorded values; of n trials, with its 95 % confidence interval",)
    assert "(≥ " in few.cells[0][1]
    takes = "p99: an interval with two ends takes 5 trials of 30,000 values, or 10 of 10,000 or 20 of 3,000; there are 3 trials of 400"
    assert takes in few.notes
    micros = point_summaries([attempt(k, raw(np.arange(1, 1001) * 1000.0 + k), "us") for k in range(3)], [P99], ["p99"])
    (summary,) = (each["p99"] for each in micros.values())
    assert (summary.kind, summary.n, summary.values, summary.high) == (POOLED, 3, 1000, None)
    assert summary.centre == pytest.approx(990.0, rel=1e-4)
    mixed = [attempt(0, raw([1000.0] * 500), "us"), attempt(1, raw([3.0] * 500), "ms")]
    (summary,) = (each["p99"] for each in point_summaries(mixed, [P99], ["p99"]).values())
    assert summary.centre == 3.0


def test_the_quantile_of_the_pool_is_not_the_mean_of_quantiles() -> None:
    """Unless it is asked for by name, or a trial's values are not stored: then the table says that it is one."""
    trials = [attempt(0, raw(range(1, 1001))), attempt(1, raw(range(1001, 2001)))]
    (pooled,) = (each["p99"] for each in point_summaries(trials, [P99], ["p99"]).values())
    assert (pooled.kind, pooled.centre) == (POOLED, 1980)
    said = "p99: geometric mean of the quantiles of single trials; that of all values is higher if few are beyond it"
    for metric, attempts in ((replace(P99, summary="geometric-mean"), trials), (P99, [trials[0], attempt(1, None)])):
        table = point_table(attempts, [metric])
        assert table.rows[0].summaries["p99"].centre == pytest.approx(5.0)
        assert said in text_table(table).notes
    assert point_summaries(trials, [P99], ["p99"], pooled=False)[next(iter(point_summaries(trials, [P99], ["p99"])))]["p99"].centre == 5.0
    printed = text_table(point_table(trials, [Metric("p99", unit="ms")]))
    assert said in printed.notes


def test_closed_loops_and_corrections_are_labelled() -> None:
    """In the table and in its JSON."""
    corrected = replace(P99, expected_interval="10ms")
    assert text_table(point_table(many(3, 400), [corrected])).notes[-1] == (
        "p99: an estimate, corrected for requests that a closed loop did not send; expected interval 10ms"
    )
    table = point_table(many(3, 400), [P99], closed=True)
    assert text_table(table).notes[-1].startswith("p99: of a closed loop: it sends nothing while it waits")
    (told,) = table_json(table)["metrics"]  # type: ignore[misc]
    assert told == {"name": "p99", "unit": "ms", "quantile": 0.99, "expected-interval": None, "closed-loop": True}


def test_distributions_are_stored_with_the_attempt(tmp_path: Path) -> None:
    """What was recorded comes back for the metrics that are quantiles of it, and for no others."""
    p50, other = Metric("p50", raw="out/*.csv", quantile=0.5, unit="ms"), Metric("tail", raw="other/*.csv", quantile=0.99, unit="ms")
    assert p50.source == P99.source
    with Store.open(tmp_path / "results") as store:
        for position, name in enumerate(("a" * 12 + "-0", "b" * 12 + "-0")):
            trial, values = planned(name, position), encode(raw([position, 2.5]))
            store.writer.finish_attempt(begin(store, trial), replace(result(OK, p99=1.0), recorded={P99.source or "": ("ms", values)}))
        attempts = store.attempts.one_per_trial("scale")
        assert [one.recorded for one in attempts] == [{}, {}]
        found = store.distributions.added(attempts, [P99, p50, other, Metric("p1")])
        assert [sorted(one.recorded) for one in found] == [["p50", "p99"]] * 2
        assert [parts_of(decode(one.recorded["p50"][1]))[0] for one in found] == [[0, 2.5], [1, 2.5]]


def test_trials_on_one_deployment_count_as_one() -> None:
    """Twenty trials on four deployments are four values: then there is no upper end, and the interval is that of the deployments."""
    trials = [replace(one, deployed=(1 + k // 5,)) for k, one in enumerate(many(20, 3000))]
    (shared,) = (each["p99"] for each in point_summaries(trials, [P99], ["p99"]).values())
    (alone,) = (each["p99"] for each in point_summaries(many(20, 3000), [P99], ["p99"]).values())
    assert (shared.n, shared.deployments, shared.centre, shared.high) == (20, 4, alone.centre, None)
    assert alone.high is not None

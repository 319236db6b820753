"""Coordinated omission: corrected as published, suspected only of closed loops that stand still, and avoided as the formula says."""

import csv
import random
import sys
from pathlib import Path

import hdr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.timeseries import TimeSeries
from wke.describe.experiment.verdictfile import OmissionRule
from wke.describe.expression.parser import parse
from wke.judge.statistics.latency import fewest, quantile, statistic
from wke.judge.statistics.omission import corrected
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.omission import Completions, judge_omission
from wke.judge.verdicts.ruling import Missing
from wke.judge.verdicts.uses import Uses
from wke.judge.verdicts.words import sentence
from wke.keep.output.hdrlog import read_log
from wke.keep.output.histogram import decode
from wke.keep.output.rawvalues import RawValues
from wke.keep.trials.judgements import Level
from wke.records import TaskName

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from truths.tails import known_stall

ANSWERS = Path(__file__).parents[1] / "known_answers"


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (ANSWERS / name).read_text().splitlines() if not line.startswith("#")))


def raw(values: list[float]) -> RawValues:
    return RawValues(np.sort(np.array(values, np.float64)))


@pytest.mark.parametrize("kind", ["histogram", "raw"])
@pytest.mark.parametrize(
    "row", [row for row in rows("hdr-coordinated-omission.csv") if row["histogram"] == "corrected"], ids=lambda row: row["percentile"]
)
def test_corrections_are_those_of_the_reference_library(row: dict[str, str], kind: str) -> None:
    """Ten thousand fast answers and one of 100 s, corrected for an expected interval of 10 ms."""
    seen = [1000] * 10_000 + [100_000_000]
    values = corrected(decode(hdr.encoded(seen)) if kind == "histogram" else raw([*map(float, seen)]), 10_000)
    assert values.total == int(row["total_count"])
    share = float(row["percentile"]) / 100
    if share < 1 and values.total >= fewest(share):
        assert quantile(values, share) == pytest.approx(int(row["value_us"]), rel=0.001)
    elif share == 1:
        assert statistic(values, "max") == pytest.approx(int(row["value_us"]), rel=0.001)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40), st.integers(50, 3000))
@settings(deadline=None, max_examples=40)
def test_a_correction_adds_and_never_removes(values: list[int], interval: int) -> None:
    """Every value stays, those below two intervals stay alone, and what is added is what the definition adds, in any unit."""
    expected = sorted(value - interval * k for value in values for k in range(max(1, value // interval)))
    for factor in (1.0, 1000.0, 0.001):
        found = corrected(raw([value * factor for value in values]), interval * factor)
        assert isinstance(found, RawValues)
        assert found.ordered / factor == pytest.approx(expected, abs=1e-6)


def test_impossible_intervals_are_refused() -> None:
    """One that is not positive, and one so short that the correction would fill the memory."""
    for interval, words in ((0.0, "must be more than 0"), (1e-9, "makes more than 50000000 values")):
        with pytest.raises(ValueError, match=words):
            corrected(raw([1.0, 2.0]), interval)


def test_latencies_from_the_intended_start_show_a_stall() -> None:
    """A stall of s in a window of length D gives s - (1 - q) D; so wrk2 measured it, and its uncorrected histogram hides it."""
    simulated, formula = known_stall(1.4, 19.75, 2000, 0.99)
    assert formula == pytest.approx(1.2025)
    assert simulated == pytest.approx(formula, abs=0.002)
    wrk2 = {(row["run"], row["recording"], row["percentile"]): float(row["latency_ms"]) for row in rows("wrk2-stall.csv")}
    assert wrk2["stall1.4s", "corrected", "99"] == pytest.approx(1000 * formula, rel=0.06)
    assert wrk2["stall1.4s", "uncorrected", "99"] < 10


@pytest.mark.parametrize(
    ("writer", "per_ms", "unit"),
    [("Java", 1_000_000, "ns"), ("Python", 1_000_000, "ns"), ("C", 1, None), ("Rust", 1, None), ("Java, us", 1000, "us")],
)
def test_four_writers_of_logs(tmp_path: Path, writer: str, per_ms: int, unit: str | None) -> None:
    """Each states the largest value in its way. Only one that divides it tells the unit; else `scale` has to, and then it is right."""
    largest = 8_609_791 if unit != "us" else 8609
    path = tmp_path / f"{writer}.hlog"
    path.write_text(hdr.log(hdr.line([largest] * 400, per_ms=per_ms)))
    log = read_log(path)
    assert log.unit == unit
    scale = None if unit else "ns"
    metric = Metric("p99", hdr="x", quantile=0.99, unit="ms", scale=scale)
    assert metric.scaled(quantile(log.histogram, 0.99), scale or log.unit) == pytest.approx(8.61, rel=0.001)


def task(number: int) -> TaskName:
    return TaskName(0, "load", f"m{number}")


def completions(*counts: list[float], due: bool = False, every: float = 0.1) -> Completions | None:
    """Return what evidence says of tasks that wrote these counts, one each `every` seconds."""
    load = {}
    for number, mine in enumerate(counts):
        times = tuple(every * (at + 1) for at in range(len(mine)))
        load[task(number)] = {"done": TimeSeries("", times, tuple(mine))} | ({"due": TimeSeries("", times, tuple(mine))} if due else {})
    seen = Evidence(20.0, {"clients": 10.0}, {}, (), load, None, {}, has_generator=False, uses=Uses, clients=parse("clients"))
    return seen.completions()


def test_standstills_are_those_of_all_tasks() -> None:
    """While one task completes requests the loop does not stand still; an open loop has none."""
    busy, still = [100.0] * 200, [100.0] * 50 + [0.0] * 14 + [100.0] * 136
    assert completions(busy, due=True) is None
    for tasks, gap in (((busy,), 0.0), ((still,), 1.4), ((still, busy), 0.0), ((still, [0.0] * 57 + [100.0] * 143), 0.7)):
        seen = completions(*tasks)
        assert seen is not None
        assert (seen.clients, seen.count, seen.seconds, round(seen.gap, 6), round(seen.every, 6)) == (
            10.0,
            sum(map(sum, tasks)),
            20.0,
            gap,
            0.1,
        )


@pytest.mark.parametrize(
    ("gap", "every", "level", "words"),
    [
        (0.0, 0.001, Level.OK, "the closed loop completed nothing for 0 s at most"),
        (
            1.4,
            0.1,
            Level.SUSPECT,
            "the closed loop completed nothing for 1.4 s, and about 1,400 requests were not sent meanwhile, so high quantiles are too low",
        ),
        (0.0, 0.5, Level.UNKNOWN, "tasks wrote done each 0.5 s, and it takes each 0.017 s to see whether the loop stood still"),
    ],
)
def test_a_closed_loop_that_stands_still_is_suspect(gap: float, every: float, level: Level, words: str) -> None:
    """Never invalid; samples that are too far apart to see a standstill are not taken for none."""
    seen = judge_omission(Completions(10, 20_000, 20, gap, every), OmissionRule())
    assert (seen.level, sentence("omission", seen)) == (level, words)


def test_what_the_rule_lacks() -> None:
    """The number of clients, or the completions."""
    lacks = [judge_omission(seen, OmissionRule()).lack for seen in (None, Completions(0, 9, 20, 0, 1), Completions(10, 0, 20, 0, 1))]
    assert [lack and lack.what for lack in lacks] == [Missing.CLIENTS, Missing.CLIENTS, Missing.DONE]


def test_a_healthy_loop_is_not_suspected() -> None:
    """Completions at random times: the longest gap of 20,000 stays below the limit."""
    luck = random.Random(4)
    gap = max(luck.expovariate(1000) for _ in range(20_000))
    assert judge_omission(Completions(1, 20_000, 20, gap, 0.0), OmissionRule()).level is Level.OK

"""How often the statistics are right: coverage, false alarms, power and when a series stops, against simulations done independently of ours.

The known answers and ours are both simulated: they may differ by four standard deviations of both.
"""

import csv
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wke.describe.experiment.experiment import Stopping
from wke.describe.experiment.metrics import Metric
from wke.judge.policies.precise import rounds_wanted
from wke.judge.statistics.comparison import Comparison, Question, compare
from wke.judge.statistics.statistics import summarise
from wke.keep.trials.trials import StoredAttempt

ANSWERS = Path(__file__).parents[1] / "known_answers" / "sim-operating-characteristics.csv"
ROWS = list(csv.DictReader(line for line in ANSWERS.read_text().splitlines() if not line.startswith("#")))
KINDS = {"A-mean-t": "mean", "A-geomean-t-on-log": "geometric-mean", "A-median-orderstat": "median"}
STOPPED = {"D2-t-step5twice": "geometric-mean", "D2-med-step5twice": "median"}
THEIRS = 0.003  # the standard deviation of a known answer


def answers(*ids: str) -> list[object]:
    return [pytest.param(row, id=f"{row['id']}-{row['setting']}-{row['n']}") for row in ROWS if row["id"] in ids]


def answer(name: str, n: int) -> float:
    (value,) = (float(row["value"]) for row in ROWS if (row["id"], row["n"]) == (name, str(n)))
    return value


def near(expected: float, sims: int) -> object:
    return pytest.approx(expected, abs=4 * math.hypot(THEIRS, math.sqrt(expected * (1 - expected) / sims)))


@pytest.mark.parametrize("row", answers(*KINDS))
def test_coverage_is_as_known(row: dict[str, str]) -> None:
    """Also where it is known to be bad: a mean of values that lean far to one side is not inside its interval 95 times of 100."""
    chance, sims, n, kind = random.Random(str(row)), 1000, int(row["n"]), KINDS[row["id"]]
    sigma = float(row["setting"].rpartition("=")[2])
    truth = math.exp(sigma**2 / 2) if kind == "mean" else 1.0
    held = 0
    for _ in range(sims):
        summary = summarise([math.exp(chance.gauss(0, sigma)) for _ in range(n)], kind)
        assert summary.low is not None
        assert summary.high is not None
        held += summary.low <= truth <= summary.high
    assert held / sims == near(float(row["value"]), sims)


@pytest.mark.parametrize("row", answers(*STOPPED))
def test_stopping_at_two_looks_costs_no_coverage_worth_the_name(row: dict[str, str]) -> None:
    """The interval of a series that stopped when it was narrow holds the truth nearly as often as it says, after as many rounds as known."""
    sigma, kind = float(row["setting"].split()[1]), STOPPED[row["id"]]
    chance, sims = random.Random(str(row)), 40 if sigma > 0.2 else 200
    rule = Stopping(0.05, ("x",), min=int(row["n"]))
    held, rounds = 0, []
    for _ in range(sims):
        values = [math.exp(chance.gauss(0, sigma)) for _ in range(1000)]
        complete = 0
        while (
            wanted := rounds_wanted(
                rule, len(values), complete, lambda n, values=values: (summarise(values[:n], kind).precision or 1) <= 0.05
            )
        ) > complete:
            complete = wanted
        summary = summarise(values[:complete], kind)
        assert summary.low is not None
        assert summary.high is not None
        held += summary.low <= 1 <= summary.high
        rounds.append(complete)
    assert held / sims == near(float(row["value"]), sims)
    known = float(row["detail"].removeprefix("mean_n="))
    spread = math.sqrt(sum((n - known) ** 2 for n in rounds) / sims)
    assert sum(rounds) / sims == pytest.approx(known, abs=4 * spread / math.sqrt(sims) + 0.1)


# -- comparisons: two versions in random order within each round ----------------------------------------------------------------------


def wandering(chance: random.Random) -> Iterator[float]:
    """Yield what a machine adds to the logarithm of each trial: it wanders about (AR1)."""
    level = chance.gauss(0, 0.1)
    while True:
        yield level + chance.gauss(0, 0.05)
        level = 0.95 * level + chance.gauss(0, 0.1 * math.sqrt(1 - 0.95**2))


def alternating(chance: random.Random) -> Iterator[float]:
    """Yield 5 % more and 5 % less by turns."""
    while True:
        yield 0.05 + chance.gauss(0, 0.05)
        yield -0.05 + chance.gauss(0, 0.05)


def measured(noise: Iterator[float], chance: random.Random, n: int, versions: int, factor: float) -> tuple[Comparison, ...]:
    """Return how versions 1, 2, ... compare with version 0, each `factor` times as fast, after `n` rounds."""
    trials = []
    for k in range(n):
        for version in chance.sample(range(versions), versions):
            value = math.exp(next(noise)) * (factor if version else 1)
            point = {"version": version}
            trials.append(
                StoredAttempt(f"{version}-{k}", "x", 1, point, k, False, "ok", "", 0, 1.0, {"ops": value}, {"ops": "1/s"}, Path())
            )
    return compare(
        trials, [Metric("ops", better="higher")], [{"version": version} for version in range(versions)], Question({"version": 0})
    )


@pytest.mark.parametrize("n", [10, 30])
@pytest.mark.parametrize(
    ("name", "noise", "factor"),
    [
        ("B-AA-drift-RMIT-paired-t-log", wandering, 1.0),
        ("B-AA-periodic2-RMIT-paired-t", alternating, 1.0),
        ("B-power-5pct-RMIT-paired-t", wandering, 1.05),
    ],
)
def test_false_alarms_and_power_are_as_known(name: str, noise: Callable[[random.Random], Iterator[float]], factor: float, n: int) -> None:
    """Of equals 5 % look different, on machines that wander and on those that alternate; 5 % more is found as often as can be."""
    chance, sims = random.Random(f"{name}{n}"), 800
    found = sum(measured(noise(chance), chance, n, 2, factor)[0].significant for _ in range(sims))
    assert found / sims == near(answer(name, n), sims)


def test_a_sweep_of_equals_has_no_more_false_alarms_than_one_pair() -> None:
    """Of series with twenty comparisons 5 % have any that is called different, where nothing differs.

    All are with the same baseline, whose luck they share, so it is fewer than of independent ones.
    """
    chance, sims = random.Random(20), 300
    alarms = sum(any(one.significant for one in measured(wandering(chance), chance, 10, 21, 1.0)) for _ in range(sims))
    assert alarms / sims <= answer("B-AA-sweep20-any-Holm", 10) + 4 * math.sqrt(0.05 * 0.95 / sims)

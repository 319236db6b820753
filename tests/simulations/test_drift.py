"""What machines that drift do to a comparison: many series, some of them made by the whole runner on rehearsed machines."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.rules import rules_of
from wke.describe.plan.plan import Plan, make_plan
from wke.judge.statistics.comparison import Comparison, Question, compare
from wke.keep.trials.trials import StoredAttempt
from wke.testing import Asked, Said, rehearse_plan

CLUSTER = """\
[cluster]
machines = 1
"""
CONFIG = """\
[targets]
load = [{ name = "engine" }]
"""
SERIES = """\
[experiment]
configuration = "kv"
iterations = 5
baseline = { engine = "old" }
[parameters]
engine = ["old", "new", "same"]
[[steps]]
target = "load"
on = "m0"
measure = true
options = { engine = "{engine}" }
[metrics]
ops = { log = "ops/s: ([0-9.]+)", unit = "1/s", better = "higher" }
"""
Truth = Callable[[float], float]
"""By what factor a system is faster, so many seconds after its series began."""
TRIAL_S = 60.0
NOISE = 0.02
FACTORS = {"old": 1.0, "new": 1.05, "same": 1.0}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a project with one machine and one experiment, and make it the current one."""
    for name, text in {
        "cluster.toml": CLUSTER,
        "kv/config.toml": CONFIG,
        "drifting.toml": SERIES,
        "kv/targets/load": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rising(_: random.Random) -> Truth:
    return lambda at_s: math.exp(math.log(1.01) * at_s / TRIAL_S)


def steady(_: random.Random) -> Truth:
    return lambda _: 1.0


def swinging(luck: random.Random) -> Truth:
    """Return a factor that goes up and down by 10 % in half an hour, beginning anywhere."""
    phase = luck.random()
    return lambda at_s: math.exp(0.05 * math.sin(2 * math.pi * (at_s / 1800 + phase)))


def jumping(luck: random.Random) -> Truth:
    """Return a factor that becomes a fifth larger at some moment of the series."""
    moment_s = luck.uniform(0, 12 * TRIAL_S)
    return lambda at_s: 1.2 if at_s > moment_s else 1.0


def speed(engine: str, factor: float, luck: random.Random) -> float:
    """Return what a trial of an engine measures on a system that is so much faster now."""
    return 1000 * FACTORS[engine] * factor * math.exp(luck.gauss(0, NOISE))


def bounds(comparison: Comparison) -> tuple[float, float]:
    """Return the interval of a comparison."""
    assert comparison.effect is not None
    return comparison.effect.low or 0.0, comparison.effect.high or 0.0


class Drifting:
    """Many simulated series of three engines: one is 5 % faster than the baseline, one is the baseline by another name."""

    def __init__(self, project: Path) -> None:
        self._experiment = read_experiment(project / "drifting.toml")
        self._configuration = read_configuration("kv", Path())
        self._cluster = read_cluster(project / "cluster.toml")

    def plan(self, order: str, seed: int) -> Plan:
        """Return the trials of one series in running order."""
        return make_plan(replace(self._experiment, order=order), self._configuration, self._cluster, seed=seed)

    def rehearsed(self, truth: Callable[[random.Random], Truth], order: str, seed: int) -> Sequence[Comparison]:
        """Return the comparisons of a series that the whole runner made on a rehearsed machine."""
        luck = random.Random(seed)
        drift = truth(luck)

        def load(asked: Asked) -> Said:
            return Said(f"ops/s: {speed(asked.option('engine'), drift(asked.at_s), luck):.6f}\n", lasts_s=TRIAL_S)

        return rehearse_plan(self.plan(order, seed), self._cluster, {"load": load}).summary.table.comparisons

    def computed(self, truth: Callable[[random.Random], Truth], order: str, seed: int) -> Sequence[Comparison]:
        """Return the comparisons of the same series, which nothing ran: its trials begin when the one before ends."""
        luck = random.Random(seed)
        drift, trials, rules = truth(luck), [], rules_of(self._experiment)
        for number, trial in enumerate(self.plan(order, seed).trials):
            at_s, counted = number * TRIAL_S, trial.iteration
            ops = speed(str(trial.point["engine"]), drift(at_s), luck)
            values = {"ops": ops}, {"ops": "1/s"}, Path()
            trials.append(StoredAttempt(str(number), "x", 1, trial.point, counted, False, "ok", "", int(at_s * 1e9), TRIAL_S, *values))
        question = Question.of(rules, rules.threshold)
        assert question is not None
        return compare(trials, rules.metrics, rules.points, question)

    def judged(self, truth: Callable[[random.Random], Truth], order: str, count: int) -> Mapping[str, float]:
        """Return in which share of series equals are declared different, and which share of the intervals hold the true factor."""
        deceived = held = told = 0
        for seed in range(count):
            for one in self.computed(truth, order, seed):
                assert one.effect is not None
                deceived += one.point["engine"] == "same" and one.significant
                held += (one.effect.low or 0) <= FACTORS[str(one.point["engine"])] <= (one.effect.high or 0)
                told += 1
        assert told == 2 * count
        return {"deceived": deceived / count, "held": held / told}


@pytest.mark.parametrize(
    ("truth", "order"), [(steady, "interleaved"), (rising, "interleaved"), (rising, "sequential"), (jumping, "interleaved")]
)
def test_the_whole_runner_says_what_is_computed(project: Path, truth: Callable[[random.Random], Truth], order: str) -> None:
    """A series that the runner makes on a rehearsed machine has the comparisons that are computed below for very many series."""
    drifting = Drifting(project)
    for seed in range(6):
        ran, computed = drifting.rehearsed(truth, order, seed), drifting.computed(truth, order, seed)
        assert [(one.point, one.metric, one.n, one.significant) for one in ran] == [
            (one.point, one.metric, one.n, one.significant) for one in computed
        ]
        assert [bounds(one) for one in ran] == [pytest.approx(bounds(one), rel=1e-3) for one in computed]


def test_drift_deceives_nobody_who_runs_in_rounds(project: Path) -> None:
    """Of 400 series on a system that gets 1 % faster with every trial, equals are declared different in at most 5 %.

    And its intervals of 95 % hold the true factor of the equal engine and of the faster one that often.
    """
    seen = Drifting(project).judged(rising, "interleaved", 400)
    assert seen["deceived"] <= 0.05
    assert 0.93 <= seen["held"] <= 0.975


def test_drift_deceives_who_measures_one_point_after_the_other(project: Path) -> None:
    """The same system and the same runner: in sequential order the later one of two equals is declared faster nearly always."""
    seen = Drifting(project).judged(rising, "sequential", 60)
    assert seen["deceived"] > 0.4
    assert seen["held"] < 0.5


@pytest.mark.parametrize("truth", [steady, swinging, jumping])
def test_other_truths_deceive_nobody_either(project: Path, truth: Callable[[random.Random], Truth]) -> None:
    """Without drift, with a slow swing and with a jump: of 60 series at most as many deceive as chance allows for 5 % (3 sigma)."""
    seen = Drifting(project).judged(truth, "interleaved", 60)
    assert seen["deceived"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60)
    assert seen["held"] >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 120)

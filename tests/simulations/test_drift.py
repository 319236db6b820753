"""What machines that drift do to a comparison: many series, made by the whole runner on rehearsed machines."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.plan.plan import make_plan
from wke.testing import Asked, Rehearsal, Said, rehearse_plan

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


class Drifting:
    """Many simulated series of three engines: one is 5 % faster than the baseline, one is the baseline by another name."""

    def __init__(self, project: Path) -> None:
        self._experiment = read_experiment(project / "drifting.toml")
        self._configuration = read_configuration("kv", Path())
        self._cluster = read_cluster(project / "cluster.toml")

    def series(self, truth: Callable[[random.Random], Truth], order: str, seed: int) -> Rehearsal:
        luck = random.Random(seed)
        drift = truth(luck)

        def load(asked: Asked) -> Said:
            ops = 1000 * FACTORS[asked.option("engine")] * drift(asked.at_s) * math.exp(luck.gauss(0, NOISE))
            return Said(f"ops/s: {ops:.6f}\n", lasts_s=TRIAL_S)

        plan = make_plan(replace(self._experiment, order=order), self._configuration, self._cluster, seed=seed)
        return rehearse_plan(plan, self._cluster, {"load": load})

    def judged(self, truth: Callable[[random.Random], Truth], order: str, count: int) -> Mapping[str, float]:
        """Return in which share of series equals are declared different, and which share of the intervals hold the true factor."""
        deceived = held = told = 0
        for seed in range(count):
            for one in self.series(truth, order, seed).summary.table.comparisons:
                assert one.effect is not None
                deceived += one.point["engine"] == "same" and one.significant
                held += (one.effect.low or 0) <= FACTORS[str(one.point["engine"])] <= (one.effect.high or 0)
                told += 1
        assert told == 2 * count
        return {"deceived": deceived / count, "held": held / told}


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

"""Rehearsals: whole series on machines that are played, and what drifting machines do to a comparison made by the whole runner."""

import asyncio
import math
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pages import blocks

from wke.act.rehearsal.scripted import scripted_place
from wke.act.rehearsal.timelapse import TimelapseLoop
from wke.act.session.session import Session
from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experiment import read_experiment
from wke.describe.plan.plan import make_plan
from wke.errors import InputError, MachineError
from wke.testing import FOREVER, Asked, Rehearsal, Said, rehearse, rehearse_plan

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "rehearse.md"
CLUSTER = """\
[cluster]
machines = 3
[classes]
servers = 1
clients = 2
"""
CONFIG = """\
[targets]
start-server = []
load = [{ name = "engine" }]
"""
SERIES = """\
[experiment]
configuration = "kv"
iterations = 4
seed = 7
[parameters]
engine = ["old", "new", "same"]
[[steps]]
target = "load"
on = "clients[0]"
measure = true
options = { engine = "{engine}" }
[metrics]
ops = { log = "ops/s: ([0-9.]+)", unit = "1/s", join = "sum" }
"""
SERVED = SERIES.replace(
    "[[steps]]", '[[steps]]\ntarget = "start-server"\non = "servers"\nbackground = true\nready = { port = 7 }\n[[steps]]'
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder, in which we are, whose scripts are empty."""
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    for name, text in {"cluster.toml": CLUSTER, "kv/config.toml": CONFIG, "series.toml": SERIES, "served.toml": SERVED}.items():
        (tmp_path / name).write_text(text)
    for target in ("load", "start-server"):
        (tmp_path / "kv" / "targets" / target).write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- what can be rehearsed ------------------------------------------------------------------------------------------------------------


def serve(_: Asked) -> Said:
    return Said("listening\n", lasts_s=FOREVER)


def load(asked: Asked) -> Said:
    return Said(f"ops/s: {100 if asked.option('engine') == 'old' else 200}\n", lasts_s=30)


@pytest.mark.usefixtures("project")
def test_a_night_is_over_at_once() -> None:
    """Every trial runs through the whole runner; what it waits for is on its clock, and not on ours."""
    rehearsal = rehearse("served.toml", {"start-server": serve, "load": load})
    assert [trial.outcome for trial in rehearsal.trials] == ["ok"] * 12
    assert {trial.point["engine"]: trial.observations["ops"] for trial in rehearsal.trials} == {"old": 100, "new": 200, "same": 200}
    assert [row[0:2] for row in rehearsal.table.cells] == [("old", "4"), ("new", "4"), ("same", "4")]
    assert 12 * 30 < rehearsal.elapsed_s < 12 * 31
    starts = [trial.started_ns for trial in rehearsal.trials]
    assert all(start is not None for start in starts)
    assert starts == sorted(starts)


def test_cooldown_takes_its_time(project: Path) -> None:
    """Between trials, once fewer than there are trials."""
    (project / "cool.toml").write_text(SERIES.replace("[parameters]", 'cooldown = "1h"\n[parameters]'))
    assert 11 * 3600 < rehearse("cool.toml", {"load": load}).elapsed_s < 11 * 3600 + 12 * 31


@pytest.mark.parametrize(
    ("said", "outcome", "why"),
    [
        (Said("ops/s: 5"), "ok", ""),
        (Said("ops/s: 5", code=3), "failed", "load on m1: failed(3)"),
        (Said("nothing"), "failed", "no line that matched"),
        (Said("ops/s: 5", lasts_s=FOREVER), "timed-out", "load on m1"),
        (Said("ops/s: 5", metrics='{"extra": 7}\n'), "ok", ""),
        (Said("ops/s: 5", files={"out/b.txt": b""}), "failed", "left no out/*.log"),
        (Said("ops/s: 5", files={"out/a.log": b"x", "b.txt": b""}), "ok", ""),
    ],
)
def test_every_end_of_a_trial_can_be_rehearsed(project: Path, said: Said, outcome: str, why: str) -> None:
    """Output, codes, metrics, files and time-outs count as those of a machine do."""
    text = SERIES.replace("measure = true", 'measure = true\ntimeout = "1min"' + ('\ncollect = ["out/*.log"]' if said.files else ""))
    (project / "series.toml").write_text(text.replace("iterations = 4", "iterations = 1"))
    rehearsal = rehearse("series.toml", {"load": lambda _: said})
    first = rehearsal.trials[0]
    assert first.outcome.partition("(")[0] == outcome
    assert why in first.why
    assert first.observations.get("extra") == (7 if said.metrics else None)


@pytest.mark.usefixtures("project")
def test_a_server_that_ends_too_early_fails_the_trial() -> None:
    """A background step that is played counts like one that runs."""
    rehearsal = rehearse("served.toml", {"start-server": lambda _: Said(lasts_s=10), "load": load})
    assert {trial.why.split(":")[0] for trial in rehearsal.trials} == {"background step start-server on m0 ended before the trial did"}


@pytest.mark.usefixtures("project")
def test_a_machine_can_be_lost_and_comes_back() -> None:
    """A ConnectionError loses contact in that trial; the next one connects again. Three in a row would end the series."""
    asked: list[Asked] = []

    def flaky(one: Asked) -> Said:
        asked.append(one)
        if len(asked) in {2, 3, 7}:
            raise ConnectionError("the cable is out")
        return load(one)

    outcomes = [trial.outcome for trial in rehearse("series.toml", {"load": flaky}).trials]
    assert [number for number, outcome in enumerate(outcomes, start=1) if outcome == "lost"] == [2, 3, 7]
    assert {(one.machine, one.target, one.copy, one.arguments) for one in asked} >= {
        ("m1", "load", 0, ("old",)),
        ("m1", "load", 0, ("new",)),
    }


def test_a_rehearsal_leaves_nothing(project: Path) -> None:
    """Nothing of it may ever be reused as a result."""
    before = set(project.rglob("*"))
    for trial in rehearse("series.toml", {"load": load}).trials:
        assert not trial.folder.exists()
    assert set(project.rglob("*")) == before


@pytest.mark.usefixtures("project")
def test_mistakes_of_a_play_are_told() -> None:
    """A target that nobody plays, with the name that is near; what a function raises comes out as it is."""
    with pytest.raises(InputError, match='nobody plays target "load"'):
        rehearse("series.toml", {"laod": load})
    with pytest.raises(ZeroDivisionError):
        rehearse("series.toml", {"load": lambda _: Said(lasts_s=1 / 0)})
    for wrong in (None, Said(code=256)):
        with pytest.raises(InputError, match='target "load" is played wrongly'):
            rehearse("series.toml", {"load": lambda _, wrong=wrong: wrong})


@pytest.mark.usefixtures("project")
def test_a_rehearsal_never_hangs() -> None:
    """A server in the foreground ends never: where nothing can happen any more, that is told."""
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        rehearse("series.toml", {"load": lambda _: Said("ops/s: 5", lasts_s=FOREVER)})


@pytest.mark.usefixtures("project")
def test_a_played_machine_has_no_disk() -> None:
    """Nothing can be copied from there, and nothing is started here instead."""

    async def copy(loop: TimelapseLoop) -> None:
        cluster = read_cluster(Path("cluster.toml"))
        async with Session(scripted_place(cluster, {}, loop), cluster.machines, lambda _: None) as session:
            with pytest.raises(MachineError, match="is played"):
                await session.receive("m0", "file", "here")

    with asyncio.Runner(loop_factory=TimelapseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TimelapseLoop)
        runner.run(copy(loop))


def test_the_page_about_it_does_what_it_says(tmp_path: Path) -> None:
    """The test that the how-to shows passes in a new project, and fails when the experiment is another one."""
    subprocess.run([sys.executable, "-m", "wke.cli", "init", str(tmp_path)], check=True, capture_output=True)
    (script,) = [block for block in blocks(HOWTO) if block.language == "python"]
    (tmp_path / "test_experiment.py").write_text(script.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_experiment.py"]
    passed = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert passed.returncode == 0, passed.stdout
    experiment = tmp_path / "experiments" / "durability.toml"
    experiment.write_text(experiment.read_text().replace('durability = ["none", "fsync"]', 'durability = ["none"]'))
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1


# -- machines that drift --------------------------------------------------------------------------------------------------------------

Truth = Callable[[float], float]
"""By what factor a system is faster, so many seconds after its series began."""
TRIAL_S = 60.0
NOISE = 0.02
FACTORS = {"old": 1.0, "new": 1.05, "same": 1.0}


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
        text = (project / "series.toml").read_text().replace("[parameters]", 'baseline = { engine = "old" }\n[parameters]')
        (project / "drifting.toml").write_text(text)
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
            for one in self.series(truth, order, seed).table.comparisons:
                deceived += one.point["engine"] == "same" and one.different
                held += one.low <= FACTORS[str(one.point["engine"])] <= one.high
                told += 1
        assert told == 2 * count
        return {"deceived": deceived / count, "held": held / told}


def test_drift_deceives_nobody_who_runs_in_rounds(project: Path) -> None:
    """Of 1,000 series on a system that gets 1 % faster with every trial, equals are declared different in at most 5 %.

    And its intervals of 95 % hold the true factor of the equal engine and of the faster one that often.
    """
    seen = Drifting(project).judged(rising, "interleaved", 1000)
    assert seen["deceived"] <= 0.05
    assert 0.93 <= seen["held"] <= 0.975


def test_drift_deceives_who_measures_one_point_after_the_other(project: Path) -> None:
    """The same system and the same runner: in sequential order the later one of two equals is declared faster nearly always."""
    seen = Drifting(project).judged(rising, "sequential", 200)
    assert seen["deceived"] > 0.4
    assert seen["held"] < 0.5


@pytest.mark.parametrize("truth", [steady, swinging, jumping])
def test_other_truths_deceive_nobody_either(project: Path, truth: Callable[[random.Random], Truth]) -> None:
    """Without drift, with a slow swing and with a jump: of 100 series at most as many deceive as chance allows for 5 % (3 sigma)."""
    seen = Drifting(project).judged(truth, "interleaved", 100)
    assert seen["deceived"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
    assert seen["held"] >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 200)

"""Searches through the whole runner, on machines that are played: plan, trials as results ask for them, invalid ones, deployments, answer."""

import math
from collections import Counter
from pathlib import Path

import pytest

from wke.testing import FOREVER, Asked, Said, rehearse

CLUSTER = """\
[cluster]
machines = 5
[classes]
servers = 4
clients = 1
"""
CONFIG = """\
[targets]
install = []
start-server = []
load = [{ name = "rate" }, { name = "engine", default = "old" }, { name = "servers", default = 1 }]
"""
SERIES = """\
[experiment]
configuration = "kv"
seed = 7
[parameters]
engine = ["old", "new"]
rate = { find = "max", while = "p99 < 10ms", from = 100, to = "1M", completions = "requests" }
[[steps]]
target = "install"
on = "servers"
scope = "deploy"
[[steps]]
target = "start-server"
on = "servers"
background = true
scope = "deploy"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { rate = "{rate}", engine = "{engine}" }
[metrics]
p99 = { unit = "ms" }
requests = {}
odd = {}
[[checks]]
that = "odd < 1"
"""
DEMAND = """\
[experiment]
configuration = "kv"
[parameters]
rate = [1000, 2000, 3000, 9000]
num-servers = { find = "min", while = "p99 < 10ms", from = 1, to = 9 }
[classes]
servers = "{num-servers}"
[[steps]]
target = "load"
on = "clients"
measure = true
options = { rate = "{rate}", servers = "{servers.count}" }
[metrics]
p99 = { unit = "ms" }
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder, in which we are, whose scripts are empty."""
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    files = {"cluster.toml": CLUSTER, "kv/config.toml": CONFIG, "search.toml": SERIES, "demand.toml": DEMAND}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for target in ("install", "load", "start-server"):
        (tmp_path / "kv" / "targets" / target).write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def p99(load: float) -> float:
    """Return the p99 in ms of a queue: 10 ms at 0.77 of what it can serve, which is 1."""
    return 2.3 / (1 - load) * math.exp(0.01 * math.sin(9000 * load)) if load < 1 else 5000.0


def test_a_series_grows_until_every_setting_has_its_answer() -> None:
    """Results choose the rates; an invalid trial does not count and is repeated at once.

    Each trial has servers that are new, and one installation serves all.
    """
    runs: Counter[str] = Counter()

    def load(asked: Asked) -> Said:
        engine, rate = asked.option("engine"), float(asked.option("rate"))
        runs[f"{engine}{rate:g}"] += 1
        odd = int(runs["old10000"] == 1 and engine == "old")
        latency = p99(rate / (20_000 if engine == "old" else 90_000))
        return Said(f"wke: p99={latency:.4f} ms\nwke: requests=45000\nwke: odd={odd}\n", lasts_s=60)

    def background(_: Asked) -> Said:
        runs["server"] += 1
        return Said(lasts_s=FOREVER)

    def install(_: Asked) -> Said:
        runs["install"] += 1
        return Said(lasts_s=5)

    summary = rehearse("search.toml", {"install": install, "start-server": background, "load": load}).summary
    assert [trial.outcome for trial in summary.trials] == ["ok"] * 24
    assert runs["old10000"] == 2
    assert (runs["install"], runs["server"]) == (8, 25 * 4)  # installed again after the trial that did not end well
    found = {answer.setting["engine"]: answer.state.capacity for answer in summary.findings}
    assert found["old"].estimate == pytest.approx(0.77 * 20_000, rel=0.02)
    assert found["new"].estimate == pytest.approx(0.77 * 90_000, rel=0.02)
    assert all(one.low < one.estimate < one.high and one.confidence == 0.95 for one in found.values())
    assert summary.due == ()
    assert summary.table.parameters == ("engine", "rate")


def test_a_trial_that_fails_ends_its_search() -> None:
    """What it would have said is not known, so nothing follows from it in this command; the other search ends as usual."""

    def load(asked: Asked) -> Said:
        engine, rate = asked.option("engine"), float(asked.option("rate"))
        failed = engine == "new" and rate > 20_000
        latency = p99(rate / (20_000 if engine == "old" else 90_000))
        return Said(f"wke: p99={latency:.4f} ms\nwke: requests=45000\nwke: odd=0\n", lasts_s=60, code=int(failed))

    play = {"install": lambda _: Said(), "start-server": lambda _: Said(lasts_s=FOREVER), "load": load}
    summary = rehearse("search.toml", play).summary
    old, new = (answer.state for answer in summary.findings)
    assert old.capacity is not None
    assert (new.capacity, new.held) == (None, 16_000)
    assert Counter(trial.outcome for trial in summary.trials) == {"ok": 14, "failed(1)": 1}
    assert [trial.point["rate"] for trial in summary.due] == [25_600]


def test_the_demand_of_each_load() -> None:
    """The walk runs the cells that it asks for, three trials each; the cluster has no more than four servers."""

    def load(asked: Asked) -> Said:
        return Said(f"wke: p99={p99(float(asked.option('rate')) / 1400 / int(asked.option('servers'))):.4f} ms\n", lasts_s=60)

    summary = rehearse("demand.toml", {"load": load}).summary
    (found,) = summary.findings
    assert [(demand.load, demand.least) for demand in found.demands] == [(1000, 1), (2000, 2), (3000, 3), (9000, None)]
    tried = Counter((trial.point["rate"], trial.point["num-servers"]) for trial in summary.trials)
    assert tried == dict.fromkeys([(1000, 1), (2000, 1), (2000, 2), (3000, 2), (3000, 3), (9000, 3), (9000, 4)], 3)

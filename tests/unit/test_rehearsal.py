"""Rehearsals: whole series run on machines that are played."""

import asyncio
from pathlib import Path

import pytest

from wke.act.rehearsal.scripted import scripted_place
from wke.act.rehearsal.timelapse import TimelapseLoop
from wke.act.session.session import Session
from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.configuration.step import plan_step
from wke.errors import InputError, MachineError
from wke.records import Note, Record
from wke.testing import FOREVER, Asked, Said, rehearse

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
    """A ConnectionError loses contact in that trial; the next one connects again, and the lost ones run once more at the end."""
    asked: list[Asked] = []

    def flaky(one: Asked) -> Said:
        asked.append(one)
        if len(asked) in {2, 3, 7}:
            raise ConnectionError("the cable is out")
        return load(one)

    trials = rehearse("series.toml", {"load": flaky}).trials
    assert [number for number, trial in enumerate(trials, start=1) if trial.attempt == 2] == [2, 3, 7]
    assert ({trial.outcome for trial in trials}, len(asked)) == ({"ok"}, 15)
    assert {(one.machine, one.target, one.copy, one.arguments) for one in asked} >= {
        ("m1", "load", 0, ("old",)),
        ("m1", "load", 0, ("new",)),
    }


def test_metrics_of_telemetry_are_reported_by_what_is_played(project: Path) -> None:
    """Played machines have no telemetry: the measured step, or the step that is named, prints these metrics, and nothing is scraped."""
    metrics = 'cpu = { telemetry = "cpu", on = "servers" }\nrss = { telemetry = "memory", step = "start-server", unit = "kB" }\n'
    scrape = '[[scrape]]\nport = 80\n[metrics]\nsent = { scrape = "sent_total", on = "servers", statistic = "total" }\n'
    (project / "told.toml").write_text(SERVED.replace("[metrics]\n", scrape + metrics))
    play = {
        "start-server": lambda _: Said("wke: rss=5 MB\n", lasts_s=FOREVER),
        "load": lambda _: Said("ops/s: 5\nwke: cpu=1.5 cores\nwke: sent=7\n"),
    }
    for trial in rehearse("told.toml", play).trials:
        assert (trial.outcome, trial.why) == ("ok", "")
        assert trial.observations == {"ops": 5, "cpu": 1.5, "rss": 5000, "sent": 7}


def test_a_rehearsal_leaves_nothing(project: Path) -> None:
    """Nothing of it may ever be reused as a result."""
    before = set(project.rglob("*"))
    for trial in rehearse("series.toml", {"load": load}).trials:
        assert not trial.folder.exists()
    assert set(project.rglob("*")) == before


@pytest.mark.usefixtures("project")
def test_mistakes_of_a_play_are_told() -> None:
    """A target that nobody plays, with the name that is near; what a function raises comes out as it is."""
    with pytest.raises(InputError, match='target "load" is not scripted'):
        rehearse("series.toml", {"laod": load})
    with pytest.raises(ZeroDivisionError):
        rehearse("series.toml", {"load": lambda _: Said(lasts_s=1 / 0)})
    for wrong in (None, Said(code=256)):
        with pytest.raises(InputError, match='target "load" returned'):
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
            with pytest.raises(MachineError, match="is scripted"):
                await session.copies.receive("m0", "file", "here")

    with asyncio.Runner(loop_factory=TimelapseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TimelapseLoop)
        runner.run(copy(loop))


@pytest.mark.parametrize(("settings", "ran"), [("", 5), ("stop-after = 3\n", 3), ("stop-after = 0\n", 12)])
def test_trials_that_fail_alike_stop_the_series(project: Path, settings: str, ran: int) -> None:
    """After five in a row, or as many as the file says."""
    (project / "series.toml").write_text(SERIES.replace("seed = 7\n", "seed = 7\n" + settings))
    assert [trial.outcome for trial in rehearse("series.toml", {"load": lambda _: Said(code=4)}).trials] == ["failed(4)"] * ran


@pytest.mark.parametrize(("timeout_s", "seconds"), [(None, [60, 120]), (300.0, [])])
def test_a_step_that_takes_long_says_what_it_waits_for(project: Path, timeout_s: float | None, seconds: list[int]) -> None:
    """After a minute, then whenever the time has doubled; not if a timeout ends it, and later than a step of that name took before."""
    told: list[str] = []

    def hear(record: Record) -> None:
        told.extend([record.text] if isinstance(record, Note) else [])

    async def run(loop: TimelapseLoop) -> None:
        cluster, configuration = read_cluster(project / "cluster.toml"), read_configuration("kv", project)
        step = plan_step(configuration, cluster, target="load", selector="m0,m1", options={"engine": "x"}, timeout_s=timeout_s)
        place = scripted_place(cluster, {"load": lambda _: Said("loading\n", lasts_s=200)}, loop)
        async with Session(place, cluster.machines[:2], hear) as session:
            assert all(end.outcome.ok for end in [*await session.run(step), *await session.run(step)])

    with asyncio.Runner(loop_factory=TimelapseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TimelapseLoop)
        runner.run(run(loop))
    assert told == [f"load still runs on m0, m1, for {n} s so far, and has no timeout; its last line on m0: loading" for n in seconds]


def test_a_step_that_is_skipped_does_not_run(project: Path) -> None:
    """A deployed step whose class has no machine at a point, and a step whose condition is false, run at the other points only."""
    skipping = SERVED.replace("background = true\nready = { port = 7 }\n", 'scope = "deploy"\n').replace(
        "[metrics]", '[[steps]]\ntarget = "load"\nwhen = "replicas > 0"\noptions = { engine = "after" }\non = "servers"\n[metrics]'
    )
    sized = skipping.replace("[[steps]]", '[classes]\nservers = "{replicas}"\n[[steps]]', 1).replace('engine = ["old", "new", "same"]', "")
    (project / "skips.toml").write_text(
        sized.replace("[parameters]", "[parameters]\nreplicas = [0, 1, 2]").replace('"{engine}"', '"{replicas - 1}"')
    )
    seen: list[tuple[str, str]] = []

    def note(asked: Asked) -> Said:
        seen.append((asked.target, asked.option("engine") if asked.target == "load" else ""))
        return Said("ops/s: 1\n", lasts_s=1)

    trials = rehearse("skips.toml", {"start-server": note, "load": note}).trials
    assert [trial.outcome for trial in trials] == ["ok"] * 8  # four rounds of two points: the cluster has no two servers
    assert {trial.point["replicas"] for trial in trials} == {0, 1}
    assert seen.count(("load", "-1")) == seen.count(("load", "0")) == seen.count(("load", "after")) == 4
    assert 1 <= seen.count(("start-server", "")) <= 4

"""Series whose points differ in one known cause: made-up machines, stored as real ones are, with telemetry, versions, inputs and clocks.

Trials scatter by a few per cent, rounds drift together, and within a trial samples trend and resemble their neighbours.
"""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.keep.store import Store
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import encode
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.judgements import Judgement
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import Attempt, PlannedTrial, Result
from wke.keep.trials.versions import Version
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, StartedTogether, TaskEnded, TaskName

S = 1_000_000_000
BEGIN = 1_700_000_000 * S
SERVERS, CLIENT = ("server1", "server2"), "client1"
SERVE = {name: TaskName(0, "start-server", name) for name in SERVERS}
LOAD = TaskName(1, "load", CLIENT)
CORES, MEMORY = 4, 16_000_000_000
SCATTER, DRIFT, SAMPLE_SCATTER = 0.04, 0.05, 0.1
FIXED = ("memory.total", "cpu.capacity")
STATES = ("memory.used", *FIXED)

Levels = dict[str, float]
"""Per second for counters, in the units of telemetry; states as they are. What follows "task " is of the machine's task."""
QUIET: Levels = {
    "cpu.busy": 1.3e6, "cpu.irq": 2e4, "cpu.softirq": 3e4, "cpu.steal": 5e3, "cpu.iowait": 4e4, "cpu.system": 4e5, "cpu.0.busy": 4e5,
    "cpu.capacity": CORES * 1e6, "cpu.throttled": 0, "pressure.cpu.some": 5e4, "pressure.memory.some": 0, "pressure.io.some": 3e4,
    "memory.used": 0.4 * MEMORY, "memory.total": MEMORY, "faults.major": 0, "swap.in": 0, "swap.out": 0, "disk.sda.read": 2e5,
    "disk.sda.written": 2e7, "disk.sda.busy": 1.2e5, "disk.sda.reads": 20, "disk.sda.writes": 400, "net.eth0.received": 4e6,
    "net.eth0.sent": 3e6, "net.eth0.receive-drops": 0, "tcp.sent": 4000, "tcp.retransmits": 0.4, "tcp.timeouts": 0.05,
    "tcp.listen-drops": 0, "switches.context": 9000, "processes.started": 1, "task cpu": 1.2e6, "task written": 2e7,
}  # fmt: skip


def a_client() -> Levels:
    """Return what a client does: it generates load, and has no disk to speak of."""
    return QUIET | {
        "cpu.busy": 5e5,
        "task cpu": 4e5,
        "disk.sda.written": 1e5,
        "disk.sda.busy": 2e3,
        "task written": 0,
        "pressure.io.some": 0,
    }


@dataclass
class Setting:
    """What the trials of a point are like: levels of machines, the way to them, versions, options, links and metrics."""

    levels: dict[str, Levels] = field(default_factory=lambda: {name: dict(QUIET) for name in SERVERS} | {CLIENT: a_client()})
    way_ns: int = 90_000
    version: str = "etcd 3.5.8"
    options: dict[str, str] = field(default_factory=lambda: {"threads": "4"})
    delay_s: float = 0.0002
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    script: str = "start"
    seconds: int = 12
    judgements: tuple[Judgement, ...] = ()
    deployed: bool = False
    metrics: dict[str, float] = field(default_factory=lambda: {"p99": 5.7, "throughput": 4000.0})

    def slower(self, by: float) -> "Setting":
        """Take as much longer for everything: whatever follows from the number of requests falls."""
        self.metrics = {"p99": self.metrics["p99"] * by, "throughput": self.metrics["throughput"] / by}
        for levels in self.levels.values():
            for name in (
                "net.eth0.received",
                "net.eth0.sent",
                "tcp.sent",
                "task cpu",
                "switches.context",
                "disk.sda.written",
                "task written",
            ):
                levels[name] /= math.sqrt(by)
            levels["cpu.busy"] -= levels["task cpu"] * (math.sqrt(by) - 1)
        return self


@dataclass(frozen=True)
class Cause:
    """Something that makes a difference, and how the ranking may call it: aspects or kinds of facts, each with a part of a place."""

    change: Callable[[Setting], None]
    named: Sequence[tuple[str, str]]


def _disk(setting: Setting) -> None:
    setting.slower(1.9).levels["server1"] |= {"pressure.io.some": 4.1e5, "disk.sda.busy": 7e5, "cpu.iowait": 6e5}


def _memory(setting: Setting) -> None:
    server = setting.slower(1.4).levels["server1"]
    server |= {"memory.total": MEMORY / 2, "faults.major": 300, "pressure.memory.some": 8e4, "swap.in": 2e6, "disk.sda.read": 4e6}


def _hog(setting: Setting) -> None:
    server = setting.slower(1.3).levels["server1"]
    server |= {"cpu.busy": server["cpu.busy"] + 1.2e6, "pressure.cpu.some": 4e5, "cpu.0.busy": 8e5}


def _version(setting: Setting) -> None:
    setting.slower(1.2).version = "etcd 3.5.9"


def _option(setting: Setting) -> None:
    setting.slower(1.6).options["threads"] = "1"


def _network(setting: Setting) -> None:
    setting.slower(3).way_ns = 2_500_000


def _steal(setting: Setting) -> None:
    setting.slower(1.3).levels["server1"] |= {"cpu.steal": 6e5, "pressure.cpu.some": 2e5}


def _throttled(setting: Setting) -> None:
    setting.slower(1.8).levels["server1"] |= {"cpu.throttled": 4e5, "pressure.cpu.some": 5e5}


def _loss(setting: Setting) -> None:
    levels = setting.slower(1.7).levels
    for name in (*SERVERS, CLIENT):
        levels[name] |= {"tcp.retransmits": 0.03 * levels[name]["tcp.sent"], "tcp.timeouts": 4}


def _client(setting: Setting) -> None:
    setting.levels[CLIENT] |= {"cpu.busy": 1.1e6, "task cpu": 9.8e5, "cpu.0.busy": 9e5}
    setting.metrics["p99"] *= 1.2


CAUSES: Mapping[str, Cause] = {
    "slower disk": Cause(_disk, [("disk wait", "server1"), ("disk busy", "server1"), ("idle for disk", "server1")]),
    "less memory": Cause(_memory, [("memory wait", "server1"), ("swap", "server1"), ("major faults", "server1"), ("memory", "server1")]),
    "cpu hog": Cause(_hog, [("other programs", "server1")]),
    "other version": Cause(_version, [("version", "server1")]),
    "other option": Cause(_option, [("option", "start-server")]),
    "longer network": Cause(_network, [("way", "server1")]),
    "noisy neighbour": Cause(_steal, [("steal", "server1")]),
    "processor limit": Cause(_throttled, [("throttled", "server1")]),
    "packet loss": Cause(_loss, [("retransmits", "server1"), ("TCP timeouts", "server1")]),
    "busier client": Cause(_client, [("task cpu", "load on client1"), ("processors", "client1")]),
}


def setting_of(cause: str) -> Setting:
    """Return the setting in which only this cause differs; that of "none" is quiet."""
    setting = Setting()
    if cause in CAUSES:
        CAUSES[cause].change(setting)
    return setting


def store_series(folder: Path, series: str, settings: Mapping[str, Setting], *, rounds: int = 6, telemetry: bool = True) -> None:
    """Store a series with a point `system=NAME` for each setting."""
    luck = random.Random(f"{series} {rounds}")
    plan = [
        PlannedTrial(f"{series}{name.replace(' ', '')}-{k}", {"system": name}, k, False, k * len(settings) + at, _inputs(name, setting))
        for k in range(rounds)
        for at, (name, setting) in enumerate(settings.items())
    ]
    metrics = Metric("p99", unit="ms", better="lower"), Metric("throughput", unit="1/s", better="higher")
    rules = Rules(points=tuple({"system": name} for name in settings), iterations=rounds, metrics=metrics)
    deployments: dict[str, Attempt] = {}
    drift = [math.exp(luck.gauss(0, DRIFT)) for _ in range(rounds)]
    with Store.open(folder) as store:
        number = store.writer.begin_series(series, StoredPlan(f"{series}.toml", 7, rules=rules), command="", planned=plan)
        store.writer.keep_scripts({_digest(one.script): one.script.encode() for one in settings.values()})
        facts = {"limit of processors": "none", "processors": str(CORES), "memory": "16 GiB", "kernel": "Linux 6.1"}
        held = next(iter(settings.values())).limits
        found = {name: facts | ({"limit of processors": str(held[name]["cpus"])} if name in held else {}) for name in (*SERVERS, CLIENT)}
        store.examinations.record(number, {(name, "10.0.0.1"): each for name, each in found.items()})
        store.examinations.confirm(number)
        for trial in plan:
            attempt = store.writer.begin_attempt(number, trial)
            setting = settings[str(trial.point["system"])]
            run = Run(setting, BEGIN + trial.position * 60 * S, drift[trial.iteration])
            if telemetry:
                _write(attempt.folder, run, luck)
            deployment = deployments.setdefault(str(trial.point["system"]), attempt) if setting.deployed else None
            store.writer.finish_attempt(attempt, replace(_result(run, luck), makers=[deployment] if deployment else []))


def _inputs(name: str, setting: Setting) -> str:
    machines = {
        machine: {"external-addr": "10.0.0.1", **({"limits": setting.limits[machine]} if machine in setting.limits else {})}
        for machine in (*SERVERS, CLIENT)
    }
    steps = [
        {"script": _digest(setting.script), "prelude": None, "options": sorted(setting.options.items()), "machines": list(SERVERS)},
        {"script": "load", "prelude": None, "options": [["system", name]], "machines": [CLIENT], "measure": True},
    ]
    links = {"default": {"delay": setting.delay_s, "loss": 0.0}}
    depends = {"point": {"system": name}, "cluster": {"machines": machines, "links": links}, "steps": steps, "metrics": {}}
    return json.dumps({"depends": depends, "digests": {}, "targets": ["start-server", "load"]})


def _digest(script: str) -> str:
    return f"digest of {script}"


@dataclass(frozen=True)
class Run:
    """A made-up trial: its setting, when it was measured, and how much more there was of everything in its round."""

    setting: Setting
    begun: int
    drift: float


def _write(folder: Path, run: Run, luck: random.Random) -> None:
    writer = TelemetryWriter(folder)
    for machine, levels in run.setting.levels.items():
        task = SERVE.get(machine, LOAD)
        columns = [
            Column.of("task.1", f"{name.removeprefix('task ')} {_unit(name.removeprefix('task '))} counter", task)
            if name.startswith("task ")
            else Column.of("machine", f"{name} {_unit(name)} {'gauge' if name in STATES else 'counter'}")
            for name in levels
        ]
        rows = run.setting.seconds + 3
        path, mine = _path(luck, rows), {name: run.drift * math.exp(luck.gauss(0, SCATTER)) for name in levels}
        whole = {name: level * (1 if name in FIXED else mine[name]) for name, level in levels.items()}
        whole["cpu.busy"] = whole["task cpu"] + (levels["cpu.busy"] - levels["task cpu"]) * mine["cpu.busy"]
        courses = {name: _course(name, level, path) for name, level in whole.items()}
        values = [courses[name] for name in levels]
        writer.columns(machine, 0, columns)
        writer.chunk(machine, 0, rows, encode([[run.begun - S + k * S for k in range(rows)], *values]))
    writer.close()


def _unit(name: str) -> str:
    if name == "cpu.capacity":
        return "us/s"
    if name.startswith(("cpu", "pressure")) or name.endswith("busy"):
        return "us"
    plain = ("reads", "writes", "drops", "major", "context", "started", "timeouts", "retransmits", "tcp.sent")
    return "1" if name.endswith(plain) else "B"


def _path(luck: random.Random, rows: int) -> list[float]:
    """Return by which factor there is more of everything from sample to sample: it falls from a start-up, neighbours resemble each other."""
    disturbance, found = 0.0, []
    for k in range(rows):
        disturbance = 0.8 * disturbance + 0.6 * luck.gauss(0, SAMPLE_SCATTER)
        found.append(max(0.0, 1.15 - 0.3 * k / rows + disturbance))
    return found


def _course(name: str, level: float, path: Sequence[float]) -> list[int]:
    """Return the samples of a column, one each second."""
    if name in STATES:
        return [round(level * (1 if name != "memory.used" else 0.9 + 0.1 * factor)) for factor in path]
    return [round(level * total) for total in accumulate(path)]


def _result(run: Run, luck: random.Random) -> Result:
    setting, begun, drift = run.setting, run.begun, run.drift
    ended = begun + round((run.setting.seconds + luck.gauss(0, 0.02)) * S)
    ok, cancelled = Outcome(OutcomeKind.OK), Outcome(OutcomeKind.CANCELLED)
    tasks = [TaskEnded(task, cancelled, begun - 2 * S, ended + S) for task in SERVE.values()] + [TaskEnded(LOAD, ok, begun, ended)]
    ways = {name: round(setting.way_ns * math.exp(luck.gauss(0, 0.1))) for name in (*SERVERS, CLIENT)}
    clocks = {name: MachineClock((ClockReading(0, way, begun),), 100) for name, way in ways.items()}
    seen = {name: value * drift * math.exp(luck.gauss(0, SCATTER)) for name, value in setting.metrics.items()}
    return Result(
        ok,
        begun - 3 * S,
        ended + 2 * S,
        observations=seen,
        units={"p99": "ms", "throughput": "1/s"},
        tasks=tasks,
        start=StartedTogether(1, "load", begun, 1000, 1000, CLIENT, CLIENT, clocks),
        judgements=setting.judgements,
        versions=[Version(name, "etcd", "etcd --version", setting.version, "", begun) for name in SERVERS],
    )


def small(setting: Setting) -> Setting:
    """Return a setting without the second server, which takes less time."""
    return replace(setting, levels={name: levels for name, levels in setting.levels.items() if name != SERVERS[1]})

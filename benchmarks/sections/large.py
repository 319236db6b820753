"""What a series of 100,000 trials costs before and after it runs: its plan, and what the store says of it."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import WKE, Bench
from project import CONFIG, emulated_cluster
from rig import Contender, Phase, Result, measure
from table import Listing, verdict

from wke.judge.verdicts.rules import RULES
from wke.keep.database.database import Database
from wke.keep.machines.fingerprint import place
from wke.keep.store import Store
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.rows import insert_attempt, insert_result
from wke.keep.trials.trials import Attempt, PlannedTrial
from wke.keep.trials.trials import Result as TrialResult
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, StartedTogether, TaskEnded, TaskName
from wke.series.planned import PlannedSeries, plan_first, record
from wke.series.project import read_project

MACHINES, RUNS = 4, 3
SECOND_NS = 1_000_000_000
EXPERIMENT = f"""\
[experiment]
configuration = "{CONFIG}"
iterations = {{iterations}}
[parameters]
size = {{{{ start = 1, end = {{sizes}}, step-size = 1 }}}}
clients = {{{{ start = 1, end = {{clients}}, step-size = 1 }}}}
[[steps]]
target = "serve"
on = "m0"
background = true
ready = {{{{ log = "ready" }}}}
options = {{{{ size = "{{{{size}}}}" }}}}
[[steps]]
target = "load"
on = "all!m0"
measure = true
options = {{{{ server = "{{{{m0.internal-addr}}}}", clients = "{{{{clients}}}}", size = "{{{{size}}}}" }}}}
[metrics]
throughput = {{{{ join = "sum", unit = "1/s", better = "higher" }}}}
p99 = {{{{ join = "max", unit = "ms", better = "lower" }}}}
"""
FIGURE = """\
[[plots]]
x-axis = "clients"
y-axis = "throughput"
"""
PLAN = """\
`wke plan`: the whole process, in turns. Each trial has two steps on four machines; memory is the most that the process had."""
STORE = """\
The same for a series of 100 points whose 100,000 trials all have results in the store: tasks, clocks, two metrics and what each rule says.
`wke measure` finds that nothing is missing. The last row is a series of 100 trials with a figure, which is up to date."""
PLANS = {"100 points x 1,000": (10, 10, 1000, 1.0), "100,000 points x 1": (1000, 100, 1, 8.0)}
COMMANDS = {"plan": ("plan", "all.toml"), "status": ("status", "all"), "results": ("results", "all"), "measure": ("measure", "all.toml")}
LIMIT_S = 2.0


def tables(bench: Bench) -> Iterator[Listing]:
    """Yield the table of plans, and that of a store with results."""
    folder = bench.folder / "large"
    _write_project(folder)
    plans = [(f"`wke plan`, {name}", ("plan", f"plan{number}.toml")) for number, name in enumerate(PLANS)]
    for number, (sizes, clients, iterations, _) in enumerate(PLANS.values()):
        _write(folder, f"plan{number}", sizes, clients, iterations)
    found = _measured(folder, plans, bench.times(RUNS))
    limits = [limit for *_, limit in PLANS.values()]
    verdicts = [_judged(one, limit) for one, limit in zip(found, limits, strict=True)]
    yield _listing("The plan of 100,000 trials", PLAN, found, verdicts)
    _write(folder, "all", 10, 10, 1000)
    _write(folder, "few", 1, 10, 10, more=FIGURE)
    with contextlib.chdir(folder):
        for name in ("all", "few"):
            fill(plan_first(read_project(Path(f"{name}.toml"), Path("cluster.toml"))))
    rows = [*((f"`wke {name}`", words) for name, words in COMMANDS.items()), ("`wke measure`, up to date", ("measure", "few.toml"))]
    stored = _measured(folder, rows, bench.times(RUNS))
    yield _listing("A store with 100,000 results", STORE, stored, [_judged(one, LIMIT_S) for one in stored])


def fill(series: PlannedSeries) -> None:
    """Give every trial of a series a result in results/, without the folders of their output."""
    name, began_ns = series.plan.experiment.name, time.time_ns() - len(series.trials) * 2 * SECOND_NS
    with Store.open(Path("results"), command="wke measure", series=name) as store:
        command = record(series, store)
        names = [machine.name for machine in series.project.cluster.machines]
        found = {(machine.name, place(machine.external_addr)): {"kernel": "made up"} for machine in series.project.cluster.machines}
        store.examinations.record(command, found)
        store.examinations.confirm(command)
    with contextlib.closing(Database(Path("results"), readonly=False)) as database, database.transaction() as sql:
        for item in series.trials:
            started_ns = began_ns + item.planned.position * 2 * SECOND_NS
            number, at = insert_attempt(sql, command, item.planned, started_ns=started_ns)
            insert_result(sql, Attempt(number, item.planned.id, at, Path()), _result(item.planned, names, started_ns), ())


def _result(trial: PlannedTrial, machines: Sequence[str], started_ns: int) -> TrialResult:
    ok, ended_ns = Outcome(OutcomeKind.OK), started_ns + SECOND_NS
    clocks = {name: MachineClock((ClockReading(0, 50_000, started_ns),), 100) for name in machines}
    throughput = 1000.0 + trial.iteration % 97 + float(str(trial.point["clients"]))
    return TrialResult(
        ok,
        started_ns,
        ended_ns,
        observations={"throughput": throughput, "p99": 5000 / throughput},
        units={"throughput": "1/s", "p99": "ms"},
        tasks=[_ended(at, name, started_ns, ended_ns) for at, name in enumerate(machines)],
        fingerprints={name: {"kernel": "made up"} for name in machines},
        start=StartedTogether(1, "load", started_ns, 80_000, 50_000, machines[1], machines[-1], clocks),
        judgements=[Judgement(rule, Level.UNKNOWN, "", "the measured step is too short", {}) for rule in RULES],
    )


def _ended(at: int, machine: str, started_ns: int, ended_ns: int) -> TaskEnded:
    name = TaskName(min(at, 1), "load" if at else "serve", machine)
    return TaskEnded(name, Outcome(OutcomeKind.OK), started_ns, ended_ns)


def _write_project(folder: Path) -> None:
    targets = folder / CONFIG / "targets"
    targets.mkdir(parents=True)
    (folder / CONFIG / "config.toml").write_text(
        '[targets]\nserve = [{ name = "size", type = "int" }]\n'
        'load = [{ name = "server", type = "str" }, { name = "clients", type = "int" }, { name = "size", type = "int" }]\n'
    )
    for name in ("serve", "load"):
        (targets / name).write_text("#!/bin/sh\ntrue\n")
    (folder / "cluster.toml").write_text(emulated_cluster(MACHINES))


def _write(folder: Path, name: str, sizes: int, clients: int, iterations: int, *, more: str = "") -> None:
    (folder / f"{name}.toml").write_text(EXPERIMENT.format(sizes=sizes, clients=clients, iterations=iterations) + more)


def _measured(folder: Path, rows: Sequence[tuple[str, Sequence[str]]], runs: int) -> list[Result]:
    """Run these commands in turns."""
    found, absent = measure([Contender(name, (Phase((WKE, *words)),), folder=folder, ours=True) for name, words in rows], runs)
    if absent:
        raise SystemExit(f"{absent[0].name}: {absent[0].why}")
    return found


def _listing(title: str, about: str, found: Sequence[Result], verdicts: Sequence[str]) -> Listing:
    rows = [(one.name, f"{one.wall_s() * 1000:,.0f}", f"{one.cpu_s() * 1000:,.0f}", f"{one.peak_mib():,.0f}") for one in found]
    return Listing(title, about, ("", "median, ms", "CPU, ms", "memory, MiB"), tuple(rows), tuple(verdicts), tuple(found))


def _judged(one: Result, limit_s: float) -> str:
    return verdict(f"{one.name} at most {limit_s:g} s of CPU", f"{one.cpu_s():.2f} s", met=one.cpu_s() <= limit_s)

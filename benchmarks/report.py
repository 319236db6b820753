"""Measures `wke report` on a large series: 200 trials on 8 machines, with 10 minutes of telemetry of SERIES series at 10 Hz each.

    python benchmarks/report.py [--trials 200] [--machines 8] [--seconds 600] [--into FOLDER] [--write docs/benchmarks.md]

Trials are made up, all else is real: their telemetry, logs and results go through the writers of the store. Trials share a few telemetry
files and differ in how far the clocks of their machines are ahead, because writing 400 million different samples takes minutes. The command
runs as a process of its own; memory is the most that it had in RAM.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from facts import taken_by
from page import write_between
from telemetry_store import RATE, SECOND_NS, SERIES, START_NS, MadeUp

from wke.describe.experiment.metrics import Metric
from wke.describe.experiment.rules import Rules
from wke.keep.output.logs import LogWriter
from wke.keep.store import Store
from wke.keep.telemetry.columns import Column
from wke.keep.telemetry.file import encode
from wke.keep.telemetry.writer import TelemetryWriter
from wke.keep.trials.judgements import Judgement, Level
from wke.keep.trials.storedplan import StoredPlan
from wke.keep.trials.trials import PlannedTrial, Result
from wke.records import ClockReading, MachineClock, Outcome, OutcomeKind, Output, StartedTogether, TaskEnded, TaskName

NAME, DIFFERENT, ROUNDS, CHUNK = "large", 3, 10, 20
LINES = 30
EARLY_S = 1
MARKS = "<!-- section report: written by benchmarks/report.py -->", "<!-- end of section report -->"
LIMITS = {"size, MB": 10.0}


def telemetry(folder: Path, seed: int, machines: int, seconds: int) -> None:
    """Write the telemetry of a trial that begins at START_NS by the clocks of its machines."""
    writer = TelemetryWriter(folder)
    for number in range(machines):
        luck = random.Random(f"{seed} {number}")
        source = MadeUp(luck)
        writer.columns(f"node{number}", 0, [Column.of("machine", text) for text in source.columns])
        for first in range(0, seconds * RATE, CHUNK):
            rows = range(first, min(first + CHUNK, seconds * RATE))
            times = [START_NS + row * SECOND_NS // RATE + luck.randrange(200_000) for row in rows]
            values = [source.read() for _ in rows]
            writer.chunk(f"node{number}", 0, len(rows), encode([times, *map(list, zip(*values, strict=True))]))
    writer.close()


def generate(folder: Path, trials: int, machines: int, seconds: int) -> None:
    """Make a store with a series in a folder."""
    bases = [folder / f"base{seed}" for seed in range(DIFFERENT)]
    for seed, base in enumerate(bases):
        telemetry(base, seed, machines, seconds)
    points = [{"clients": 2**power, "engine": engine} for power in range(max(1, trials // ROUNDS // 2)) for engine in ("old", "new")]
    metrics = (Metric("throughput", unit="1/s", better="higher"), Metric("p99", unit="ms", better="lower"))
    rules = Rules(tuple(points), ROUNDS, metrics, baseline={"engine": "old"}, threshold=0.01)
    luck = random.Random(0)
    planned = []
    for iteration in range(ROUNDS):
        for point in luck.sample(points, len(points)):
            at = len(planned)
            planned.append(PlannedTrial(f"{points.index(point):012x}-{iteration}", point, iteration, False, at, _inputs(point, machines)))
    with Store.open(folder / "results", command="wke measure large.toml", series=NAME) as store:
        command = store.writer.begin_series(
            NAME, StoredPlan("large.toml", 7, rules=rules), command="wke measure large.toml", planned=planned
        )
        for trial in planned[:trials]:
            attempt = store.writer.begin_attempt(command, trial)
            for path in bases[trial.position % DIFFERENT].iterdir():
                shutil.copyfile(path, attempt.folder / path.name)
            store.writer.finish_attempt(attempt, _result(attempt.folder, trial, machines, seconds, luck))
    for base in bases:
        shutil.rmtree(base)


def _inputs(point: dict[str, object], machines: int) -> str:
    cluster = {f"node{number}": {"external-addr": None, "classes": ["clients" if number else "servers"]} for number in range(machines)}
    depends = {"point": point, "cluster": {"machines": cluster}, "steps": []}
    return json.dumps({"depends": depends, "digests": {}, "targets": []})


def _result(folder: Path, trial: PlannedTrial, machines: int, seconds: int, luck: random.Random) -> Result:
    """Write the logs of a trial, and return its result."""
    began_ns = START_NS + trial.position * (seconds + 5) * SECOND_NS
    ahead_ns = START_NS - began_ns - EARLY_S * SECOND_NS  # its machines' clocks say START_NS shortly after it has begun
    names = [f"node{number}" for number in range(machines)]
    end_ns = START_NS + seconds * SECOND_NS
    with LogWriter(folder) as logs:
        for name in names:
            for line in range(LINES):
                text = f"{line}: request {luck.randrange(1 << 30)} took {luck.expovariate(1 / 3):.3f} ms\n"
                logs(Output(TaskName(0, "load", name), 1, text.encode(), START_NS + (line + 1) * (end_ns - START_NS) // LINES))
    tasks = [TaskEnded(TaskName(0, "load", name), Outcome(OutcomeKind.OK), START_NS, end_ns) for name in names]
    clocks = {name: MachineClock((ClockReading(ahead_ns, 50_000, began_ns),), 100) for name in names}
    released_ns = began_ns + EARLY_S * SECOND_NS
    faster = 1.1 if trial.point["engine"] == "new" else 1.0
    throughput = 1000 * float(str(trial.point["clients"])) ** 0.5 * faster * luck.lognormvariate(0, 0.03)
    level = Level.SUSPECT if trial.position in {17, 90} else Level.OK
    judgement = Judgement("foreign", level, names[0], f"other programs used {0.4 if level is Level.SUSPECT else 0.001:g} cores", {})
    return Result(
        Outcome(OutcomeKind.OK),
        began_ns,
        began_ns + (seconds + 3) * SECOND_NS,
        observations={"throughput": throughput, "p99": 5000 / throughput * luck.lognormvariate(0, 0.05)},
        units={"throughput": "1/s", "p99": "ms"},
        tasks=tasks,
        fingerprints={name: {"kernel": "made up"} for name in names},
        start=StartedTogether(0, "load", released_ns, 80_000, 50_000, names[0], names[-1], clocks),
        judgements=[judgement],
    )


def once(folder: Path, *words: str) -> tuple[float, float, float]:
    """Run the command; return its wall time, CPU time and most memory in MB."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "wke.cli", "report", NAME, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        said = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, said
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def lines(folder: Path, trials: int, machines: int, seconds: int) -> Iterator[str]:
    """Measure, and yield the lines of the section."""
    runs = [once(folder) for _ in range(3)]
    wall_s, cpu_s, memory = (statistics.median(run[at] for run in runs) for at in range(3))
    size = (folder / "reports" / f"{NAME}.html").stat().st_size / 1e6
    held = sum(path.stat().st_size for path in (folder / "results").rglob("telemetry.wke")) / 1e6
    yield taken_by(f"python benchmarks/report.py --trials {trials} --machines {machines} --seconds {seconds}")
    yield ""
    yield f"`wke report` of {trials} trials on {machines} machines, each with {seconds} s of {SERIES} series at {RATE} Hz:"
    samples = trials * machines * seconds * RATE * SERIES
    yield f"{samples:,} samples, {held:,.0f} MB. The median of {len(runs)} runs, as processes of their own:"
    yield ""
    yield "|  | measured | limit |"
    yield "| --- | ---: | ---: |"
    yield f"| wall time, s | {wall_s:.1f} | |"
    yield f"| CPU time, s | {cpu_s:.1f} | |"
    yield f"| most memory, MB | {memory:.0f} | |"
    yield f"| size of the page, MB | {size:.1f} | {LIMITS['size, MB']:g} |"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure wke report on a large series.")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--machines", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="keep the series in this folder, and take it from there")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as name:
        folder = words.into or Path(name)
        if not Store.exists(folder / "results"):
            folder.mkdir(parents=True, exist_ok=True)
            generate(folder, words.trials, words.machines, words.seconds)
        text = "\n".join(lines(folder, words.trials, words.machines, words.seconds)) + "\n"
    print(text)
    if words.write:
        write_between(words.write, text, *MARKS)


if __name__ == "__main__":
    main()

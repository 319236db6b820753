"""Measures what telemetry costs a system under test: telemetry_effect.py [--windows N] [--seconds S] [--write PAGE].

A real etcd on emulated machines is deployed once and written to without a break, while the sampling of its machines is switched on and off
in the order ABBA. Each answer is noted with its time, so what was answered in a window with telemetry is compared with what was answered
in the window beside it, by the same servers. What machines sent is stored. It tells that they were sampled in the one, not in the other.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from facts import facts, load
from page import WIDTH, marks, write_between

from wke.act.connection.connection import Connection
from wke.act.connection.telemetry import SentChunk, SentColumns, WatchOrder, rows_of
from wke.act.interrupt import run_to_end
from wke.act.providers.place import Place
from wke.act.providers.provide import provide
from wke.act.session.session import Session
from wke.act.telemetry.recorder import CHUNK_S, our_process
from wke.act.trials.trial import run_trial
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.plan import Trial
from wke.judge.statistics.pairs import Pair, effect_of
from wke.keep.output.logs import LogWriter, tail
from wke.keep.telemetry.columns import HOST, Column
from wke.keep.telemetry.reader import read_telemetry
from wke.keep.telemetry.writer import TelemetryWriter
from wke.series.growing import on_cluster, plan_series
from wke.series.project import read_project

EXAMPLE = Path(__file__).parents[1] / "examples/etcd"
EVERY_S = 0.1
SETTLE_S = 5.0  # of load before the first window
CHANGE_S = 0.5  # after a switch, which no window has
SLACK_S = 1.0  # that a switch takes at most
MOST_LACKING, CLOCK_NS = 0.1, 5_000_000
SERVERS, WRITERS = 3, 32
NOTE = """\
import array, os
noted, add = array.array("q"), load.Tally.add
def note(tally, due, at, free, end, problem=None):
    if problem is None:
        noted.extend((end, end - due))
    add(tally, due, at, free, end, problem)
load.Tally.add = note
"""
KEEP = """\
with open(os.path.join(os.environ["WKE_DIR"], "answers"), "wb") as file:
    noted.tofile(file)
"""
EDITS = {
    "cluster.toml": [('"server[1-5]"', f'"server[1-{SERVERS}]"')],
    "experiments/scale.toml": [
        ("num-servers = [1, 3, 5]", f"num-servers = {SERVERS}"),
        ("connections = { base = 2, start = 1, end = 7, step-size = 2 }", f"connections = {WRITERS}"),
        ("iterations = 3 ", "iterations = 1 "),
        ("measure = true", 'measure = true\ncollect = ["answers"]'),
        ('timeout = "30s"', 'timeout = "{timeout}s"'),
        ("seconds = 2 }", "seconds = {seconds} }"),
    ],
    "etcd/targets/load": [
        ("load.run(\n", f"{NOTE}load.run(\n"),
        ('print("wke: elections', f'{KEEP}print("wke: elections'),
    ],
}
"""What is otherwise than in the example: one point, a long load, the time of each answer, no plots."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the machines were sampled, or not, by this computer's monotonic clock, and by theirs."""

    sampled: bool
    begin: float
    end: float
    machines_ns: dict[str, tuple[int, int]]


class Sampling:
    """Has the machines of a session sampled as `wke measure` does, from `on` to `off`, and stores what they send in `folder`."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._writer = TelemetryWriter(folder)
        self._channels: list[tuple[Connection, int]] = []

    async def on(self) -> None:
        """Return when all machines know that they are to sample."""
        await asyncio.gather(*map(self._watch, self._session.connections))

    async def off(self) -> None:
        """Return when all machines have sent their last rows."""
        await asyncio.gather(*(connection.telemetry.finish(channel) for connection, channel in self._channels))
        self._channels.clear()
        self._writer.flush()

    def close(self) -> None:
        """Store no more."""
        self._writer.close()

    async def _watch(self, connection: Connection) -> None:
        def receive(report: SentColumns | SentChunk) -> None:
            if isinstance(report, SentColumns):
                columns = [Column.of(scope, " ".join(words)) for scope, *words in report.columns]
                self._writer.columns(connection.machine, report.epoch, columns)
            else:
                self._writer.chunk(connection.machine, report.epoch, report.rows, report.payload)

        session = self._session
        scopes = ("machine", "task", *((HOST,) if connection.machine == next(iter(session.machines)) else ()))
        chunk_ns = int(1e9 * EVERY_S) * rows_of(CHUNK_S, EVERY_S)
        at_ns = connection.link.machine_now_ns() - session.place.now() % chunk_ns
        order = WatchOrder(EVERY_S, at_ns, scopes, shared=True, chunk_s=CHUNK_S, controller=our_process())
        answer = await connection.telemetry.watch(order, receive)
        self._channels.append((connection, answer.channel))


class Switch:
    """Switches the sampling while the measured step of a trial runs; `windows` has what came of it."""

    def __init__(self, session: Session, sampling: Sampling, windows: int, seconds: float) -> None:
        self.windows: list[Window] = []
        self._session = session
        self._sampling = sampling
        self._count = windows
        self._seconds = seconds

    @asynccontextmanager
    async def around(self, _: PlannedStep) -> AsyncIterator[None]:
        """Switch while the block lasts, which is longer than all windows."""
        switching = asyncio.create_task(self._run())
        try:
            yield
            if switching.done():
                await switching
        finally:
            switching.cancel()

    async def _run(self) -> None:
        await asyncio.sleep(SETTLE_S)
        for number in range(self._count):
            sampled = number % 4 in (0, 3)
            if sampled:
                await self._sampling.on()
            await asyncio.sleep(CHANGE_S)
            begin, machines_ns = time.monotonic(), self._machines_ns()
            await asyncio.sleep(self._seconds)
            if sampled:  # what it takes to send and store the last rows belongs to the window
                await self._sampling.off()
            ends_ns = self._machines_ns()
            spans = {name: (at_ns, ends_ns[name]) for name, at_ns in machines_ns.items()}
            self.windows.append(Window(sampled, begin, time.monotonic(), spans))

    def _machines_ns(self) -> dict[str, int]:
        return {connection.machine: connection.link.machine_now_ns() for connection in self._session.connections}


def main() -> None:
    """Load etcd, and switch the sampling."""
    parser = argparse.ArgumentParser(description="Measure what telemetry costs a real etcd.")
    parser.add_argument("--windows", type=int, default=60, help="an even number")
    parser.add_argument("--seconds", type=float, default=5.0, help="the length of each")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    if words.windows < 4 or words.windows % 2:
        parser.error("--windows must be an even number from 4 on")
    page = words.write and words.write.absolute()
    known = facts()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        folder = Path(text)
        _write_project(folder / "etcd", words.windows * (words.seconds + CHANGE_S + SLACK_S) + SETTLE_S)
        os.chdir(folder / "etcd")
        windows = _run(folder, words.windows, words.seconds)
        rows = _rows(folder, windows)
        table = _table(windows, *_answers(folder))
    known["load"] = f"{known['load']} before, {load()} after"
    command = f"python benchmarks/telemetry_effect.py --windows {words.windows} --seconds {words.seconds:g}"
    about = f"Taken by `{command}` ({', '.join(f'{name}: {fact}' for name, fact in known.items())})"
    said = f"Each machine was sampled {rows} times in all windows with telemetry, and never in one without."
    printed = "\n".join([*wrap(about, WIDTH, break_on_hyphens=False), "", *table, "", said])
    print(printed)
    if page:
        write_between(page, printed + "\n", *marks("telemetry-effect"))


def _write_project(project: Path, seconds: float) -> None:
    """Copy the example, with EDITS."""
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("results"))
    for name, edits in EDITS.items():
        text = (project / name).read_text()
        for before, after in edits:
            if text.count(before) != 1:
                sys.exit(f"{before} is not once in {name} of the example any more")
            text = text.replace(before, after.replace("{seconds}", f"{seconds:g}").replace("{timeout}", f"{seconds + 60:g}"))
        (project / name).write_text(text.partition("\n[[plots]]")[0])


def _run(folder: Path, windows: int, seconds: float) -> list[Window]:
    """Deploy, load and switch; the answers that were noted are in files below `folder`."""
    series = plan_series(read_project(Path("experiments/scale.toml"), Path("cluster.toml")))
    with provide(series.project.whole) as place:
        trial = on_cluster(series, place.cluster).trials[0].trial
        return run_to_end(_measure(place, trial, folder, windows, seconds))


async def _measure(place: Place, trial: Trial, folder: Path, windows: int, seconds: float) -> list[Window]:
    machines = {machine.name: machine for step in trial.steps for machine in step.machines}
    output = folder / "output"
    output.mkdir()
    async with Session(place, machines.values(), lambda _: None) as session:
        sampling = Sampling(session, folder)
        switch = Switch(session, sampling, windows, seconds)
        await sampling.on()  # from the first watch on, each task has a control group of its own, as in `wke measure`
        await sampling.off()
        with LogWriter(output) as logs, session.reporting_to(logs):
            result = await run_trial(session, trial, output, around=switch.around)
        sampling.close()
    if not result.outcome.ok:
        sys.exit("\n".join([result.why, *(tail(output, result.task, 5) if result.task else ())]))
    if len(switch.windows) < windows:
        sys.exit("the load ended before the last window")
    return switch.windows


def _answers(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return when each request was answered, by the monotonic clock, and how long that took."""
    noted = [np.fromfile(path, np.int64).reshape(-1, 2) for path in folder.rglob("answers")]
    ends, latencies = np.concatenate(noted).T / 1e9
    return ends, latencies


def _rows(folder: Path, windows: Sequence[Window]) -> int:
    """Return how often each machine was sampled, at least, in the windows with telemetry; exit if it was in one without, or too rarely."""
    telemetry = read_telemetry(folder)
    least = sys.maxsize
    for machine in windows[0].machines_ns:
        columns = [column for column in telemetry.columns(machine) if column.name == "cpu.capacity" and column.scope == "machine"]
        times_ns = telemetry.series(machine, columns[0]).times_ns
        sampled = 0
        for window in windows:
            begin_ns, end_ns = window.machines_ns[machine]
            rows = int(np.count_nonzero((times_ns > begin_ns + CLOCK_NS) & (times_ns < end_ns - CLOCK_NS)))
            wanted = (end_ns - begin_ns) / 1e9 / EVERY_S if window.sampled else 0
            if not (1 - MOST_LACKING) * wanted <= rows <= wanted + window.sampled:
                sys.exit(f"{machine} was sampled {rows} times in a window that should have {wanted:.0f} rows")
            sampled += rows
        least = min(least, sampled)
    return least


def _table(windows: Sequence[Window], ends: np.ndarray, latencies: np.ndarray) -> list[str]:
    head = f"etcd, {SERVERS} servers, {WRITERS} writers"
    lines = [f"| {head} | without | with | with / without (95 % interval) | pairs |", "| --- |" + " ---: |" * 4]
    values: dict[str, list[float]] = {"writes answered per second": [], "p99 of a write, ms": []}
    for window in windows:
        within = latencies[(ends >= window.begin) & (ends < window.end)]
        figures = len(within) / (window.end - window.begin), 1000 * float(np.quantile(within, 0.99))
        for listed, figure in zip(values.values(), figures, strict=True):
            listed.append(figure)
    for title, listed in values.items():
        sides = {way: [figure for figure, window in zip(listed, windows, strict=True) if window.sampled is way] for way in (False, True)}
        order = [window.sampled for window in windows[::2]]
        pairs = [Pair(*values, first) for *values, first in zip(sides[True], sides[False], order, strict=True)]
        found = effect_of(pairs)
        between = f"{found.estimate:.4f} ({found.low:.4f} to {found.high:.4f})"
        without, with_it = (statistics.median(sides[way]) for way in (False, True))
        lines.append(f"| {title} | {without:.4g} | {with_it:.4g} | {between} | {found.n} |")
    return lines


if __name__ == "__main__":
    main()

"""Measures what telemetry costs the controller: receiving and storing that of 500 machines, and asking it afterwards.

    python benchmarks/telemetry_store.py [--machines 500] [--seconds 50] [--write docs/benchmarks.md]

Machines are made up, all else is real: made-up counters of SERIES series at RATE Hz go through the agent's sampler, a pipe per machine, and
the controller's wire, decoder and recorder into a telemetry file. CPU time is that of the receiving process.
"""

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from facts import facts
from page import write_between

from wke.act.connection.telemetry import Telemetry
from wke.act.connection.wire import Wire
from wke.act.telemetry.recorder import CHUNK_S, Recorder
from wke.agent.protocol import Frame, encode
from wke.agent.sampler import Sampler
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.judge.telemetry.course import Window, course_of
from wke.keep.telemetry.file import TELEMETRY
from wke.keep.telemetry.reader import read_telemetry

RATE, DIFFERENT, QUERIES = 10, 25, 9
CHUNK = int(CHUNK_S)
SECOND_NS = 1_000_000_000
LATE_S = 0.02  # by which machines that send at the same time do not
MARKS = "<!-- section telemetry-store: written by benchmarks/telemetry_store.py -->", "<!-- end of section telemetry-store -->"
LIMITS = {"% of a core": 5.0, "bytes per sample": 3.0, "s for a query": 0.5}


# -- the machines

Step = Callable[[random.Random], int]


class MadeUp:
    """A source with SERIES series as the kernel of a busy server has them: see PARTS."""

    def __init__(self, luck: random.Random) -> None:
        self.columns = [column for column, _ in PARTS]
        self._luck = luck
        self._values = [luck.randrange(1 << 36) for _ in PARTS]

    def read(self) -> list[int]:
        """Return what has become of the numbers a period later."""
        self._values = [value + step(self._luck) for value, (_, step) in zip(self._values, PARTS, strict=True)]
        return self._values

    def close(self) -> None:
        """Do nothing."""


def _much(most: int, unit: int = 1) -> Step:
    """Return a step of something that never rests."""
    return lambda luck: unit * luck.randrange(most)


def _rarely(most: int, unit: int = 1) -> Step:
    """Return a step of something that moves in one period of five."""
    return lambda luck: unit * luck.randrange(most) if luck.random() < 0.2 else 0


def _never(_: random.Random) -> int:
    return 0


PARTS: list[tuple[str, Step]] = [
    *((f"cpu.{state} us counter", _much(10, 10_000)) for state in ("user", "system", "idle", "busy", "0.busy", "1.busy")),
    *((f"cpu.{state} us counter", _rarely(3, 10_000)) for state in ("iowait", "softirq", "steal", "0.steal")),
    *((f"cpu.{state} us counter", _never) for state in ("nice", "irq")),
    ("cpu.capacity us/s gauge", _never),
    ("switches.context 1 counter", _much(2000)),
    ("processes.started 1 counter", _rarely(10)),
    *((f"memory.{part} B gauge", _much(100, 4096)) for part in ("available", "used", "free")),
    *((f"memory.{part} B gauge", _rarely(100, 4096)) for part in ("cached", "dirty")),
    ("memory.total B gauge", _never),
    ("faults 1 counter", _much(500)),
    *((f"{name} counter", _never) for name in ("faults.major 1", "swap.in B", "swap.out B")),
    *((f"disk.sda.{part} counter", _rarely(200, unit)) for part, unit in (("written B", 4096), ("writes 1", 1), ("busy us", 1000))),
    *((f"disk.sda.{part} counter", _never) for part in ("read B", "reads 1")),
    *((f"net.eth0.{part} B counter", _much(200_000)) for part in ("received", "sent")),
    *((f"net.eth0.{part}-packets 1 counter", _much(300)) for part in ("received", "sent")),
    *((f"net.eth0.{part} 1 counter", _never) for part in ("drops", "errors")),
    *((f"tcp.{part} 1 counter", _much(300)) for part in ("received", "sent")),
    ("tcp.retransmits 1 counter", _rarely(3)),
    ("pressure.cpu.some us counter", _much(20_000)),
]
SERIES = len(PARTS)


def sent(seed: int, seconds: int, start_ns: int) -> list[bytes]:
    """Return what a machine sends after each CHUNK_S, as its agent would."""
    luck = random.Random(seed)
    waiting: list[bytes] = []
    sampler = Sampler(lambda kind, head, payload: waiting.append(encode(kind, 1, head, payload)), lambda: False)
    sampler.add("machine", MadeUp(luck))
    told = []
    for _ in range(seconds // CHUNK):
        for _ in range(RATE * CHUNK):
            start_ns += SECOND_NS // RATE
            sampler.take(start_ns + luck.randrange(200_000))
        sampler.flush()
        told.append(b"".join(waiting))
        waiting.clear()
    return told


def play(folder: Path, machines: int, seconds: int, start_ns: int) -> None:
    """Be all machines: write what each sends into its pipe when a chunk ends, all of them within LATE_S."""
    luck = random.Random(0)
    streams = [sent(seed, seconds, start_ns) for seed in range(min(DIFFERENT, machines))]
    pipes = [(folder / str(number)).open("wb", buffering=0) for number in range(machines)]
    began = time.monotonic()
    for chunk in range(seconds // CHUNK):
        moments = sorted((luck.uniform(0, LATE_S), number) for number in range(machines))
        for late_s, number in moments:
            time.sleep(max(0.0, began + CHUNK * (chunk + 1) + late_s - time.monotonic()))
            pipes[number].write(streams[number % len(streams)][chunk])
    for pipe in pipes:
        pipe.close()


# -- the controller


class Machine:
    """A connection to a machine whose agent has been told to sample."""

    def __init__(self, name: str, pipe: Path) -> None:
        self.machine, self.lost, self.over = name, asyncio.Event(), asyncio.Event()
        self.tasks = SimpleNamespace(names={})
        self.link = SimpleNamespace(new_channel=lambda: 1, machine_now_ns=lambda: 0, tell=lambda *_: None, is_attached=True)
        self.telemetry = Telemetry(self.link, SimpleNamespace(ask=self._ask))  # type: ignore[arg-type]
        self.wire = Wire(self._receive, lambda _: self.over.set())
        self._pipe = pipe

    async def _ask(self, *_: object, **__: object) -> None:
        self.wire.start(["cat", str(self._pipe)])

    def _receive(self, frame: Frame) -> None:
        self.telemetry.handlers[frame.kind](frame)


async def receive(folder: Path, machines: int) -> tuple[float, float]:
    """Record what the machines send; return the CPU time of this process, and how long it took."""
    all_of_them = [Machine(f"node{number}", folder / str(number)) for number in range(machines)]
    place = SimpleNamespace(is_here=False, now=lambda: 0)
    session = SimpleNamespace(connections=all_of_them, machines={each.machine: None for each in all_of_them}, place=place)
    recorder = Recorder(session, TelemetryRules(), lambda _: None)  # type: ignore[arg-type]
    with recorder.recording(folder, 0):
        await recorder.attach()
        await asyncio.sleep(2)
        used, began = time.process_time(), time.monotonic()
        for each in all_of_them:
            await each.over.wait()
        cost = time.process_time() - used, time.monotonic() - began
    for each in all_of_them:
        await each.wire.end(1)
    return cost


def ask(folder: Path, window: Window) -> tuple[float, float]:
    """Open the file and compute the mean of one series on every machine in a window; return the wall and the CPU time."""
    began, used = time.perf_counter(), time.process_time()
    telemetry = read_telemetry(folder)
    for machine in telemetry.machines:
        column = telemetry.columns(machine)[0]
        figures = course_of(column, telemetry.series(machine, column)).over(window)
        assert figures is not None, machine
        assert figures.counts, machine
    assert not telemetry.damage
    return time.perf_counter() - began, time.process_time() - used


def lines(machines: int, seconds: int) -> Iterator[str]:
    """Measure, and yield the lines of the section."""
    start_ns = 1_700_000_000 * SECOND_NS
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as name:
        folder = Path(name)
        for number in range(machines):
            subprocess.run(["mkfifo", str(folder / str(number))], check=True)
        words = [sys.executable, __file__, "--machines", str(machines), "--seconds", str(seconds), "--play", name]
        with subprocess.Popen(words) as player:
            cpu_s, wall_s = asyncio.run(receive(folder, machines))
        assert player.returncode == 0
        size = (folder / TELEMETRY).stat().st_size
        samples = read_telemetry(folder).samples
        window = Window(start_ns + 2 * SECOND_NS, start_ns + (seconds - 2) * SECOND_NS)
        asked = [ask(folder, window) for _ in range(QUERIES)]
    assert samples == machines * seconds * RATE * SERIES, samples
    query_s, query_cpu_s = (statistics.median(side) for side in zip(*asked, strict=True))
    core = 100 * cpu_s / wall_s
    known = facts()
    told = ", ".join(f"{name}: {known[name]}" for name in ("date", "wke", "processor", "kernel", "Python", "load"))
    yield f"Taken by `python benchmarks/telemetry_store.py --machines {machines} --seconds {seconds}` ({told})"
    yield ""
    yield "### Telemetry of many machines on the controller"
    yield ""
    yield f"{machines} machines with {SERIES} series each at {RATE} Hz, for {seconds} s: {samples:,} samples. The machines are made up;"
    yield "their numbers go through the agent's sampler, one pipe per machine, and the controller's wire, decoder and recorder into a file."
    yield "The query opens the file and computes the mean of one series on every machine in a window, in a process that has numpy loaded:"
    yield f"the median of {QUERIES}."
    yield ""
    yield "|  | measured | limit |"
    yield "| --- | ---: | ---: |"
    yield f"| receiving and storing, % of a core | {core:.1f} | {LIMITS['% of a core']:g} |"
    yield f"| on disk, bytes per sample | {size / samples:.2f} | {LIMITS['bytes per sample']:g} |"
    yield f"| a query, s | {query_s:.2f} (CPU {query_cpu_s:.2f}) | {LIMITS['s for a query']:g} |"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure what telemetry costs the controller.")
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=50)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.play:
        play(words.play, words.machines, words.seconds, 1_700_000_000 * SECOND_NS)
        return
    text = "\n".join(lines(words.machines, words.seconds)) + "\n"
    print(text)
    if words.write:
        write_between(words.write, text, *MARKS)


if __name__ == "__main__":
    main()

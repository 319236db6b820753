"""Measures what telemetry costs the controller: receiving and storing that of 500 machines, and asking it afterwards.

    python benchmarks/telemetry_store.py [--machines 500] [--seconds 50] [--write docs/benchmarks.md]

Machines are made up, all else is real: made-up counters of SERIES series at RATE Hz go through the agent's sampler, pipes, and whole
connections (heartbeats, readings of clocks, the recorder) into a telemetry file. Another process plays all machines. CPU time, user and
system, is that of the controller's process alone.
"""

import argparse
import asyncio
import contextlib
import heapq
import os
import random
import selectors
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

from facts import taken_by
from page import write_between

from wke.act.connection import bootstrap
from wke.act.connection.connection import Connection
from wke.act.connection.openfiles import allow_connections
from wke.act.connection.opening import open_connection
from wke.act.session.clocks import Clocks
from wke.act.steadyclock import CLOCK
from wke.act.telemetry.recorder import CHUNK_S, Recorder
from wke.agent.frames import AGENT, BYE, FAREWELL, HELLO, OPEN, PING, PONG, WATCH, WATCHED
from wke.agent.protocol import Decoder, Frame, encode
from wke.agent.sampler import Sampler
from wke.describe.experiment.telemetryfile import TelemetryRules
from wke.judge.telemetry.course import Window, course_of
from wke.keep.telemetry.file import TELEMETRY
from wke.keep.telemetry.reader import read_telemetry
from wke.records import ClockReading, Release
from wke.tell.terminal.progress import SeriesState

RATE, DIFFERENT, QUERIES = 10, 25, 9
CHUNK = int(CHUNK_S)
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
HEADSTART_NS = 1000 * SECOND_NS  # samples are later than all else
IDLE_S = 20
WHOLE = "heartbeats, clocks, and telemetry received and stored"
LATE_S = 0.02  # by which machines that send at the same time do not
TEXTS = ("python", "hostname", "user", "home", "uname", "workfolder")
MARKS = "<!-- section telemetry-store: written by benchmarks/telemetry_store.py -->", "<!-- end of section telemetry-store -->"
LIMITS = {"% of a core": 5.0, "bytes per sample": 3.0, "s for a query": 0.5}


# -- the machines

Step = Callable[[random.Random], int]
Said = tuple[int, dict[str, object], bytes]


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


def sent(seed: int, seconds: int) -> list[list[Said]]:
    """Return what a machine sends after each CHUNK_S, as its agent would, with times from START_NS on."""
    luck = random.Random(seed)
    waiting: list[Said] = []
    sampler = Sampler(lambda *said: waiting.append(said), lambda: False)
    sampler.add("machine", MadeUp(luck))
    told = []
    at_ns = START_NS
    for _ in range(seconds // CHUNK):
        for _ in range(RATE * CHUNK):
            sampler.take(at_ns + luck.randrange(200_000))
            at_ns += SECOND_NS // RATE
        sampler.flush()
        told.append(list(waiting))
        waiting.clear()
    return told


class Player:
    """Is all machines: answers what the controller asks, and sends rows as the agents of machines that have nothing else to do would."""

    def __init__(self, folder: Path, machines: int, seconds: int) -> None:
        self._streams = [sent(seed, seconds) for seed in range(min(DIFFERENT, machines))]
        self._began_ns = time.monotonic_ns()
        self._selector = selectors.DefaultSelector()
        self._outputs: dict[int, int] = {}
        self._due: list[tuple[float, int, int, int]] = []  # when, which machine, its channel, which chunk
        self._luck = random.Random(0)
        for number in range(machines):
            unread = [len(bootstrap.package())]
            source = os.open(folder / f"{number}.in", os.O_RDONLY | os.O_NONBLOCK)
            self._selector.register(source, selectors.EVENT_READ, (number, unread, Decoder(AGENT)))

    def run(self, folder: Path) -> None:
        """Play until the controller has hung up on all machines."""
        while self._selector.get_map():
            patience_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(patience_s):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
                    continue
                number, unread, decoder = key.data
                if number not in self._outputs:
                    self._outputs[number] = os.open(folder / f"{number}.out", os.O_WRONLY)
                part, unread[0] = data[unread[0] :], max(0, unread[0] - len(data))
                for frame in decoder.frames(part) if part else ():
                    self._answer(number, frame)
            while self._due and self._due[0][0] <= time.monotonic():
                _, number, channel, chunk = heapq.heappop(self._due)
                for kind, head, payload in self._streams[number % len(self._streams)][chunk]:
                    self._say(number, kind, channel, head, payload)

    def _answer(self, number: int, frame: Frame) -> None:
        now_ns = START_NS - HEADSTART_NS + time.monotonic_ns() - self._began_ns
        if frame.kind == OPEN:
            self._say(number, HELLO, 0, dict.fromkeys(TEXTS, "x") | {"cpus": 1, "pid": 1, "at": now_ns})
        elif frame.kind == PING:
            self._say(number, PONG, frame.channel, {"at": now_ns, "wall": now_ns})
        elif frame.kind == WATCH:
            self._say(number, WATCHED, frame.channel, {"kernel": "", "network": ""})
            chunk_s = frame.head["interval"] * frame.head["rows"]
            begin = time.monotonic() + (frame.head["at"] - now_ns) / SECOND_NS
            for chunk in range(len(self._streams[0])):
                at = begin + chunk_s * (chunk + 1) + self._luck.uniform(0, LATE_S)
                heapq.heappush(self._due, (at, number, frame.channel, chunk))
        elif frame.kind == BYE:
            self._say(number, FAREWELL, 0, {"leftovers": []})

    def _say(self, number: int, kind: int, channel: int, head: dict[str, object], payload: bytes = b"") -> None:
        os.write(self._outputs[number], encode(kind, channel, head, payload))


# -- the controller


@contextlib.asynccontextmanager
async def connected(folder: Path, machines: int) -> AsyncIterator[list[Connection]]:
    """Connect to all machines, and hang up at the end."""
    allow_connections(machines)
    turn = asyncio.Semaphore(64)

    async def connect(number: int) -> Connection:
        carry = f"exec 3<&0; cat <&3 >{folder}/{number}.in & exec cat {folder}/{number}.out"
        async with turn:
            return await open_connection(f"node{number}", ["sh", "-c", carry], deadline_s=60, lease_s=30)

    connections = await asyncio.gather(*map(connect, range(machines)))
    try:
        yield connections
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


@contextlib.asynccontextmanager
async def watched_clocks(connections: Sequence[Connection]) -> AsyncIterator[None]:
    """Read all clocks again and again, as while a step is measured."""
    step = SimpleNamespace(index=0)
    clocks = Clocks({each.machine: each for each in connections}, CLOCK.now, lambda _: None)  # type: ignore[arg-type]
    reading = ClockReading(0, 0, CLOCK.now())
    clocks.note(step, Release(CLOCK.now(), {each.machine: reading for each in connections}))  # type: ignore[arg-type]
    async with clocks.watched(step):  # type: ignore[arg-type]
        yield


async def share(seconds: float) -> float:
    """Return which share of a core this process takes for so long, in percent."""
    used = time.process_time()
    await asyncio.sleep(seconds)
    return 100 * (time.process_time() - used) / seconds


async def receive(folder: Path, machines: int, seconds: int) -> dict[str, float]:
    """Return what it costs to be connected with all machines, to read their clocks, too, and to record what they send, too."""
    found = {}
    async with connected(folder, machines) as connections:
        place = SimpleNamespace(is_here=False, now=CLOCK.now)
        session = SimpleNamespace(connections=connections, machines={each.machine: None for each in connections}, place=place)
        recorder = Recorder(session, TelemetryRules(), SeriesState(0, {}).take)  # type: ignore[arg-type]
        await asyncio.sleep(3)
        found["heartbeats alone"] = await share(IDLE_S)
        async with watched_clocks(connections):
            found["heartbeats, and clocks read every 10 s"] = await share(IDLE_S)
            with recorder.recording(folder, CLOCK.now()):
                await recorder.attach()
                found[WHOLE] = await share(seconds)
                await asyncio.sleep(CHUNK + 1)
    return found


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
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as name:
        folder = Path(name)
        for number in range(machines):
            os.mkfifo(folder / f"{number}.in")
            os.mkfifo(folder / f"{number}.out")
        words = [sys.executable, __file__, "--machines", str(machines), "--seconds", str(seconds), "--play", name]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as player:
            assert player.stdout is not None
            player.stdout.readline()
            cost = asyncio.run(receive(folder, machines, seconds))
        assert player.returncode == 0
        size = (folder / TELEMETRY).stat().st_size
        samples = read_telemetry(folder).samples
        window = Window(START_NS + 2 * SECOND_NS, START_NS + (seconds - 2) * SECOND_NS)
        asked = [ask(folder, window) for _ in range(QUERIES)]
    assert samples == machines * seconds * RATE * SERIES, samples
    query_s, query_cpu_s = (statistics.median(side) for side in zip(*asked, strict=True))
    yield taken_by(f"python benchmarks/telemetry_store.py --machines {machines} --seconds {seconds}")
    yield ""
    yield "### Telemetry of many machines on the controller"
    yield ""
    yield f"{machines} machines with {SERIES} series each at {RATE} Hz, for {seconds} s: {samples:,} samples. Another process plays the"
    yield "machines; connections, heartbeats, readings of clocks and the recorder are those of `wke measure`. CPU time is that of the"
    yield f"controller's process alone, over {IDLE_S} s without telemetry and {seconds} s with it. Machines send every {CHUNK} s, at"
    yield f"moments that differ by up to {1000 * LATE_S:g} ms. The query opens the file and computes the mean of one series on every"
    yield "machine in a window, in a process that has numpy loaded:"
    yield f"the median of {QUERIES}."
    yield ""
    yield "|  | measured | limit |"
    yield "| --- | ---: | ---: |"
    for what, core in cost.items():
        limit = f"{LIMITS['% of a core']:g}" if what == WHOLE else ""
        yield f"| {what}, % of a core | {core:.1f} | {limit} |"
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
        player = Player(words.play, words.machines, words.seconds)
        print("ready", flush=True)
        player.run(words.play)
        return
    text = "\n".join(lines(words.machines, words.seconds)) + "\n"
    print(text)
    if words.write:
        write_between(words.write, text, *MARKS)


if __name__ == "__main__":
    main()

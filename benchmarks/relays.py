"""Measures what many machines cost the controller: each with a socket of its own, and behind relays.

    python benchmarks/relays.py [--real 8,64,256,512] [--played 1000,4000] [--fan-out 64] [--commands 10] [--write docs/benchmarks.md]

The controller is real: a session as `wke run` has one, in a process of its own for each row. Relays are real: processes with wke's code.
Machines have real agents, or are played (see played.py): processes with many sockets each speak the true protocol and start nothing. All
share the computer, so the time of a command has the work of all machines in it; the controller's processor time is its own. A command runs
one task on every machine, whose orders differ as those of `wke run` do. With output, each machine writes a line of its own.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from facts import taken_by
from page import WIDTH, marks, write_between
from table import Listing, render

from wke.act.connection import bootstrap
from wke.act.connection.openfiles import DIALLED
from wke.act.providers.place import Place
from wke.act.relays.growth import Planting
from wke.act.relays.seats import seats
from wke.act.relays.tree import Tree
from wke.act.session.clockreadings import read_clocks
from wke.act.session.session import Session
from wke.agent import frames
from wke.agent.protocol import MAGIC, Decoder
from wke.cli.main import GARBAGE_THRESHOLD
from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.step import PlannedStep
from wke.judge.clocks import BESIDE, RAW_PPM, enough

SECTION = "relays"
PLAYED = Path(__file__).with_name("played.py")
PLAYERS = 4  # processes that play machines
OPEN_S = 300
IDLE_S = 12.0
WARM = 2  # commands that are not counted
SILENT, TALKING = b"true\n", b'echo "machine $WKE_MACHINE"\n'
HEADER = (
    "machines",
    "sockets",
    "connect, s",
    "its CPU, s",
    "memory, MB",
    "command, ms",
    "its CPU, ms",
    "CPU with output, ms",
    "clocks, ms",
    "its CPU, ms",
    "bound, µs",
    "idle, %",
    "relays' CPU, ms",
    "busiest relay, ms",
)
ABOUT = """Time until all machines have greeted, and the controller's processor time for it; the memory that its connections added to
the controller; the median of {commands} commands on all machines, the controller's processor time for one, and for one with
a line of output from each machine; the time to read all clocks, the controller's processor time for it, and the median bound of
their error; the processor time that heartbeats alone take, in percent of one core; the processor time of all relays for one
command, and of the busiest one. Machines with * are played, others have real agents. All work on the same cores."""


def main() -> None:
    """Measure every number of machines, first with a socket each, then behind relays."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--real", default="8,64,256,512")
    parser.add_argument("--played", default="1000,4000")
    parser.add_argument("--fan-out", type=int, default=64)
    parser.add_argument("--commands", type=int, default=10)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--one", nargs=3, type=int, metavar=("MACHINES", "FAN-OUT", "REAL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.one is not None:
        gc.set_threshold(GARBAGE_THRESHOLD)
        machines, fan_out, real = options.one
        print(json.dumps(asyncio.run(one(machines, fan_out, options.commands, are_real=bool(real)))))
        return
    rows = []
    for numbers, real in ((options.real, 1), (options.played, 0)):
        for machines in map(int, filter(None, numbers.split(","))):
            for fan_out in dict.fromkeys((machines, max(2, min(machines // 8, options.fan_out)))):
                words = [sys.executable, __file__, "--one", *map(str, (machines, fan_out, real)), "--commands", str(options.commands)]
                rows.append(tuple(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)))
                print(dict(enumerate(zip(HEADER, rows[-1], strict=True))), file=sys.stderr, flush=True)
    about = " ".join(ABOUT.format(commands=options.commands).split())
    title = f"Many machines, directly and behind relays with an eighth of them each, or {options.fan_out}"
    command = f"python benchmarks/relays.py --real {options.real} --played {options.played} --fan-out {options.fan_out}"
    taken = taken_by(f"{command} --commands {options.commands}")
    text = "\n\n".join((_wrapped(taken), render(Listing(title, _wrapped(about), HEADER, tuple(rows)))))
    print(text)
    if options.write is not None:
        write_between(options.write, text, *marks(SECTION))


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, break_on_hyphens=False)


class Played:
    """Machines that are played; with `output`, each writes a line for every task."""

    def __init__(self, machines: int, relays: frozenset[int], *, output: bool) -> None:
        self._machines = machines
        self._relays = relays
        self._output = output
        self._players: list[subprocess.Popen[bytes]] = []

    async def launch(self, program: bytes) -> None:
        """Start the players and wait for their end; kill them when cancelled."""
        (join,) = Decoder(frames.AGENT).frames(program[program.rindex(MAGIC) :])
        for player in range(PLAYERS):
            numbers = list(range(self._machines * player // PLAYERS, self._machines * (player + 1) // PLAYERS))
            words = {"order": join.head, "numbers": numbers, "relays": sorted(self._relays.intersection(numbers)), "output": self._output}
            self._players.append(subprocess.Popen([sys.executable, "-I", PLAYED], stdin=subprocess.PIPE))  # noqa: ASYNC220
            stdin = self._players[-1].stdin
            assert stdin is not None
            stdin.write(json.dumps(words).encode())
            stdin.close()
        await ended(self._players)

    def relays(self) -> list[int]:
        """Return the processes of relays."""
        return [pid for player in self._players for pid in children(player.pid)]


class Real:
    """Machines with real agents, each with processes of its own."""

    def __init__(self, machines: int, relays: frozenset[int]) -> None:
        self._machines = machines
        self._relays = relays
        self._processes: list[subprocess.Popen[bytes]] = []

    async def launch(self, program: bytes) -> None:
        """Start all machines and wait for their end; kill them when cancelled."""
        with tempfile.TemporaryFile() as file:
            file.write(program)
            file.flush()
            for number in range(self._machines):
                path = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
                environment = os.environ | {"NODE": str(number)}
                command = bootstrap.command(sys.executable)
                self._processes.append(subprocess.Popen(command, stdin=path, stdout=subprocess.DEVNULL, env=environment))  # noqa: ASYNC220
                os.close(path)
                await asyncio.sleep(0)
        await ended(self._processes)

    def relays(self) -> list[int]:
        """Return the processes of relays: what a shell started first on these machines."""
        return [next(iter(children(self._processes[number].pid))) for number in self._relays]


async def ended(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for the end of processes; kill them when cancelled."""
    try:
        await asyncio.to_thread(lambda: [process.wait() for process in processes])
    except asyncio.CancelledError:
        for process in processes:
            process.kill()
        raise


async def one(machines: int, fan_out: int, commands: int, *, are_real: bool) -> list[str]:
    """Return the cells of a row."""
    relays = seats(machines, fan_out).relays
    if are_real:
        plain = await measured(Real(machines, relays), machines, fan_out, commands, (SILENT, TALKING))
        output_s = plain["CPU 1"]
    else:
        plain = await measured(Played(machines, relays, output=False), machines, fan_out, commands, (SILENT,))
        output_s = (await measured(Played(machines, relays, output=True), machines, fan_out, commands, (TALKING,)))["CPU 0"]
    return [
        f"{machines:,}{'' if are_real else '*'}",
        f"{seats(machines, fan_out).above.count(None):,}",
        f"{plain['open']:.2f}",
        f"{plain['open CPU']:.2f}",
        f"{plain['memory'] / 1e6:.1f}",
        f"{plain['wall 0'] * 1e3:.1f}",
        f"{plain['CPU 0'] * 1e3:.1f}",
        f"{output_s * 1e3:.1f}",
        f"{plain['clocks'] * 1e3:.0f}",
        f"{plain['clocks CPU'] * 1e3:.0f}",
        f"{plain['bound'] / 1e3:.0f}",
        f"{plain['idle'] * 100:.1f}",
        f"{plain['relays'] * 1e3:.1f}" if relays else "–",
        f"{plain['busiest'] * 1e3:.2f}" if relays else "–",
    ]


async def measured(grove: Played | Real, machines: int, fan_out: int, commands: int, scripts: Sequence[bytes]) -> Mapping[str, float]:
    """Return the figures of one tree, in seconds and bytes; those of commands by the numbers of their scripts."""
    place = within_reach(grove, machines, fan_out)
    before, figures = memory(), dict[str, float]()
    began, began_cpu = time.perf_counter(), time.process_time()
    async with Session(place, place.cluster.machines, lambda _: None) as session:
        figures |= {"open": time.perf_counter() - began, "open CPU": time.process_time() - began_cpu}
        for number, script in enumerate(scripts):
            steps = [PlannedStep(0, TargetSpec("target", "", content=script), place.cluster.machines)] * (WARM + commands)
            figures |= await costs(session, steps, grove, str(number))
        figures["memory"] = memory() - before
        clocks = {connection.machine: connection.clock for connection in session.connections}
        began, began_cpu = time.perf_counter(), time.process_time()
        readings = await read_clocks(clocks, enough, BESIDE, RAW_PPM)
        figures |= {"clocks": time.perf_counter() - began, "clocks CPU": time.process_time() - began_cpu}
        figures["bound"] = statistics.median(reading.bound_ns for reading in readings.values())
        began, began_cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(IDLE_S)
        figures["idle"] = (time.process_time() - began_cpu) / (time.perf_counter() - began)
    return figures


def within_reach(grove: Played | Real, machines: int, fan_out: int) -> Place:
    """Return the place where machines dial back."""
    tree = Tree(Planting({str(n): f"m{n}" for n in range(machines)}, "NODE", ("127.0.0.1",), fan_out, grove.launch))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.toml"
        lines = [f'[cluster]\nconnect-limit = {machines}\nconnect-timeout = "{OPEN_S}s"\n[machines]']
        path.write_text("\n".join((*lines, *(f'm{n} = "127.0.0.1"' for n in range(machines)))))
        cluster = read_cluster(path)
    return Place(cluster, {machine.name: () for machine in cluster.machines}, {}, connection=tree.connection, files_each=DIALLED)


async def costs(session: Session, steps: Sequence[PlannedStep], grove: Played | Real, name: str) -> dict[str, float]:
    """Run steps, the first WARM of which do not count, and return the median time, processor time for one, and that of relays."""
    walls: list[float] = []
    before, began_cpu = {}, 0.0
    for number, step in enumerate(steps):
        if number == WARM:
            before, began_cpu = relays_cpu(grove), time.process_time()
        began = time.perf_counter()
        ends = await session.run(step)
        assert all(end.outcome.ok for end in ends)
        walls.append(time.perf_counter() - began)
    counted = len(steps) - WARM
    cpu_s = (time.process_time() - began_cpu) / counted
    used = [after - before.get(pid, 0.0) for pid, after in relays_cpu(grove).items()]
    found = {f"wall {name}": statistics.median(walls[WARM:]), f"CPU {name}": cpu_s}
    return found if name != "0" else {**found, "relays": sum(used) / counted, "busiest": max(used, default=0.0) / counted}


def memory() -> int:
    """Return our resident memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Return the children of a process, in the order in which they were started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def relays_cpu(grove: Played | Real) -> dict[int, float]:
    """Return the processor time of each relay so far, by its process."""
    return {pid: int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 for pid in grove.relays()}


if __name__ == "__main__":
    main()

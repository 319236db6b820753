"""Measures what many machines cost the controller: each with a socket of its own, and behind relays.

    python benchmarks/relays.py [--machines 64,512,4000] [--fan-out 64] [--commands 20] [--write docs/benchmarks.md]

The controller is real: connections, heartbeats, tasks and records, in a process of its own for each row. Relays are real: processes with
wke's code. Machines are played (see played.py): processes with many sockets each speak the true protocol and start nothing. All share the
computer, so the time of a command has the work of all machines in it; the controller's processor time is its own. A command runs one task
on every machine, whose orders differ as those of `wke run` do. With output, each machine writes a line of its own.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from textwrap import fill

from facts import taken_by
from page import WIDTH, marks, write_between
from table import Listing, render

from wke.act.connection.opening import open_connection
from wke.act.connection.task import TaskSpec
from wke.act.relays.growth import Planting
from wke.act.relays.seats import seats
from wke.act.relays.tree import Tree
from wke.agent import frames
from wke.agent.protocol import MAGIC, Decoder
from wke.records import TaskName

SECTION = "relays"
PLAYED = Path(__file__).with_name("played.py")
PLAYERS = 4  # processes that play machines
OPEN_S = 120.0
LEASE_S = 30.0
IDLE_S = 12.0
WARM = 3  # commands that are not counted
HEADER = (
    "machines",
    "sockets",
    "connect, s",
    "its CPU, s",
    "memory, MB",
    "command, ms",
    "its CPU, ms",
    "CPU with output, ms",
    "idle, %",
    "relays' CPU, ms",
    "busiest relay, ms",
)
ABOUT = """Time until all machines have greeted, and the controller's processor time for it; the memory that its connections added to
the controller; the median of {commands} commands on all machines, the controller's processor time for one, and for one with
a line of output from each machine; the processor time that heartbeats alone take, in percent of one core; the processor time
of all relays for one command, and of the busiest one. Machines are played, by processes on the same cores."""


def main() -> None:
    """Measure every number of machines, first with a socket each, then behind relays."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--machines", default="64,512,4000")
    parser.add_argument("--fan-out", type=int, default=64)
    parser.add_argument("--commands", type=int, default=20)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--one", nargs=2, type=int, metavar=("MACHINES", "FAN-OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.one is not None:
        print(json.dumps(asyncio.run(one(*options.one, options.commands))))
        return
    rows = []
    for machines in map(int, options.machines.split(",")):
        for fan_out in (machines, options.fan_out):
            words = [sys.executable, __file__, "--one", str(machines), str(fan_out), "--commands", str(options.commands)]
            rows.append(tuple(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)))
            print(dict(zip(HEADER, rows[-1], strict=True)), file=sys.stderr, flush=True)
    about = " ".join(ABOUT.format(commands=options.commands).split())
    title = f"Many machines, directly and behind relays with {options.fan_out} each"
    command = f"python benchmarks/relays.py --machines {options.machines} --fan-out {options.fan_out} --commands {options.commands}"
    text = "\n\n".join((_wrapped(taken_by(command)), render(Listing(title, _wrapped(about), HEADER, tuple(rows)))))
    print(text)
    if options.write is not None:
        write_between(options.write, text, *marks(SECTION))


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, break_on_hyphens=False)


async def one(machines: int, fan_out: int, commands: int) -> list[str]:
    """Return the cells of a row."""
    players: list[subprocess.Popen[bytes]] = []
    relays = seats(machines, fan_out).relays
    outputs = (False, True)

    async def launch(program: bytes) -> None:
        (join,) = Decoder(frames.AGENT).frames(program[program.rindex(MAGIC) :])
        for player in range(PLAYERS):
            numbers = list(range(machines * player // PLAYERS, machines * (player + 1) // PLAYERS))
            words = {"order": join.head, "numbers": numbers, "relays": sorted(relays.intersection(numbers)), "output": output}
            players.append(subprocess.Popen([sys.executable, "-I", PLAYED], stdin=subprocess.PIPE))  # noqa: ASYNC220
            assert players[-1].stdin is not None
            players[-1].stdin.write(json.dumps(words).encode())
            players[-1].stdin.close()
        try:
            await asyncio.to_thread(lambda: [player.wait() for player in players])
        except asyncio.CancelledError:
            for player in players:
                player.kill()
            raise

    figures = {}
    for output in outputs:
        players.clear()
        tree = Tree(Planting({str(n): f"m{n}" for n in range(machines)}, "NODE", ("127.0.0.1",), fan_out, launch))
        figures[output] = await measured(tree, machines, commands, players, idle=not output)
    plain, talking = figures[False], figures[True]
    return [
        f"{machines:,}",
        f"{seats(machines, fan_out).above.count(None):,}",
        f"{plain['open_s']:.2f}",
        f"{plain['open_cpu_s']:.2f}",
        f"{plain['memory'] / 1e6:.1f}",
        f"{plain['command_s'] * 1e3:.1f}",
        f"{plain['command_cpu_s'] * 1e3:.1f}",
        f"{talking['command_cpu_s'] * 1e3:.1f}",
        f"{plain['idle'] * 100:.1f}",
        f"{plain['relays_s'] * 1e3:.1f}" if relays else "–",
        f"{plain['busiest_s'] * 1e3:.2f}" if relays else "–",
    ]


async def measured(tree: Tree, machines: int, commands: int, players: list[subprocess.Popen[bytes]], *, idle: bool) -> dict[str, float]:
    """Return the figures of one tree."""
    before, began, began_cpu = memory(), time.perf_counter(), time.process_time()
    opening = [open_connection(f"m{n}", (), deadline_s=OPEN_S, lease_s=LEASE_S, made=tree.connection) for n in range(machines)]
    connections = await asyncio.gather(*opening)
    figures = {"open_s": time.perf_counter() - began, "open_cpu_s": time.process_time() - began_cpu}

    async def command(number: int) -> None:
        records: list[object] = []
        tasks = await asyncio.gather(*(c.tasks.start(spec(number, c.machine), records.append) for c in connections))
        ends = await asyncio.gather(*(task.wait() for task in tasks))
        assert all(end.outcome.ok for end in ends)

    for number in range(WARM):
        await command(number)
    figures["memory"] = memory() - before
    walls, cpu_before = [], relays_cpu(players)
    began_cpu = time.process_time()
    for number in range(WARM, WARM + commands):
        began = time.perf_counter()
        await command(number)
        walls.append(time.perf_counter() - began)
    figures["command_s"] = statistics.median(walls)
    figures["command_cpu_s"] = (time.process_time() - began_cpu) / commands
    used = [after - cpu_before.get(pid, 0.0) for pid, after in relays_cpu(players).items()]
    figures["relays_s"], figures["busiest_s"] = sum(used) / commands, max(used, default=0.0) / commands
    if idle:
        began, began_cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(IDLE_S)
        figures["idle"] = (time.process_time() - began_cpu) / (time.perf_counter() - began)
    await asyncio.gather(*(connection.close() for connection in connections))
    return figures


def spec(number: int, machine: str) -> TaskSpec:
    """Return what a machine runs as a command's task."""
    environment = {
        "WKE_MACHINE": machine,
        "WKE_INTERNAL_ADDR": machine,
        "WKE_TARGET": "target",
        "WKE_COPY": "0",
        "WKE_GROUP_INDEX": machine,
    }
    return TaskSpec(TaskName(number, "target", machine), b"#!/bin/sh\ntrue\n", (), environment, None, None, None)


def memory() -> int:
    """Return our resident memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def relays_cpu(players: list[subprocess.Popen[bytes]]) -> dict[int, float]:
    """Return the processor time of each relay so far, by its process: the children of those that play machines."""
    found = {}
    for player in players:
        for pid in map(int, Path(f"/proc/{player.pid}/task/{player.pid}/children").read_text().split()):
            found[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return found


if __name__ == "__main__":
    main()

"""Measures the highest rate that load generators hold on one core, how late they send, and what that takes: load_peers.py [--write PAGE].

Each generator has one core, a server that answers at once has another one. The server notes when each request comes, so all generators are
measured alike, from outside. A generator holds a rate if 99 % of the requests come that are due. The rates that are tried begin at what it
sends in a closed loop, and go down until one is held. A generator without an open loop holds what it sends in a closed one.

An open loop sends requests at equal intervals: how late the server sees them, compared with the least late one, is the generator's lag.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from facts import facts, load
from page import WIDTH, marks, write_between
from peers import Peer, Peers
from rig import Absent

SCRIPTS = Path(__file__).with_name("peer_scripts")
CONNECTIONS = 64
STEPS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
HELD = 0.99
COMMON_RATE = 2000
"""The rate at which all generators are compared that have an open loop."""
Command = Callable[[str, float | None, int], Sequence[str | Path]]
"""What starts a generator, given the address of the server, the rate (None: as fast as answers come) and the seconds."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A load generator; `paced` ones have a rate, and `open` ones keep it whatever the server does."""

    name: str
    version: str
    command: Command
    paced: bool = True
    open: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a generator that ran for so many seconds: when requests came, its largest memory and its processor time."""

    seconds: int
    came_ns: Sequence[int]
    memory_mib: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Requests per second, without the first and the last quarter of the time: starts take long."""
        first, last = self.came_ns[0], self.came_ns[-1]
        quarter = (last - first) / 4
        return sum(first + quarter <= at < last - quarter for at in self.came_ns) / (2 * quarter) * 1e9

    def holds(self, rate: float) -> bool:
        """Tell whether the requests came that were due."""
        return len(self.came_ns) >= HELD * rate * self.seconds

    def lag_ms(self, rate: float) -> float | None:
        """Return the 99 % quantile of the lag after the first second; None if requests are missing, for then it is unknown which."""
        due = round(rate * self.seconds)
        if len(self.came_ns) not in range(due, due + 2):
            return None
        late = [at - number * 1e9 / rate for number, at in enumerate(self.came_ns)]
        counted = sorted(late[round(rate) :])
        return (counted[int(0.99 * len(counted))] - min(late)) / 1e6


def main() -> None:
    """Measure all generators that are here."""
    parser = argparse.ArgumentParser(description="Measure the highest rate that load generators hold on one core.")
    parser.add_argument("--seconds", type=int, default=5, help="how long each run takes (default: 5)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this needs two cores")
    known, peers = facts(), Peers()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as name:
        rig = Rig(Path(name), cores[0], cores[-1], words.seconds)
        lines = list(table(rig, list(generators(Path(name), peers))))
    known["load"] = f"{known['load']} before, {load()} after"
    versions = ", ".join(f"{peer} {version}" for peer, version in peers.versions().items())
    known["peers"] = versions
    command = f"python benchmarks/load_peers.py --seconds {words.seconds}"
    about = f"Taken by `{command}` ({', '.join(f'{name}: {fact}' for name, fact in known.items())})"
    printed = "\n".join([*wrap(about, WIDTH, break_on_hyphens=False), "", *lines])
    print(printed)
    if words.write:
        write_between(words.write, printed + "\n", *marks("load-peers"))


# -- generators


def generators(folder: Path, peers: Peers) -> Iterator[Generator | Absent]:
    """Yield our generator and its peers, or why they are not here."""
    script = folder / "load.py"
    script.write_text(OURS)
    yield Generator("wke.load", "", lambda address, rate, seconds: [sys.executable, script, address, str(rate or 0), str(seconds)])
    k6 = folder / "k6.js"
    k6.write_text(K6)
    commands: dict[str, tuple[Command, bool, bool]] = {
        "k6": (lambda address, rate, seconds: ["run", "--quiet", "--no-usage-report", *_words(address, rate, seconds), k6], True, True),
        "vegeta": (
            lambda address, rate, seconds: [
                "attack",
                f"-targets={_targets(folder, address)}",
                f"-rate={int(rate or 0)}",
                f"-duration={seconds}s",
                f"-max-workers={CONNECTIONS}",
                f"-connections={CONNECTIONS}",
                "-output=/dev/null",
            ],
            True,
            True,
        ),
        "wrk": (lambda address, _, seconds: ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://{address}/"], False, False),
        "hey": (
            lambda address, rate, seconds: [
                f"-c={CONNECTIONS}",
                f"-z={seconds}s",
                *([f"-q={rate / CONNECTIONS}"] if rate else []),
                f"http://{address}/",
            ],
            True,
            False,
        ),
    }
    for name, (words, paced, is_open) in commands.items():
        found = peers.get(name)
        if isinstance(found, Peer):
            program = found.program(name)
            yield Generator(name, found.version, lambda *given, words=words, program=program: [program, *words(*given)], paced, is_open)
        else:
            yield found


OURS = f"""
import itertools, sys
from wke import load
(host, port), rate, seconds = sys.argv[1].split(":"), float(sys.argv[2]), float(sys.argv[3])
request = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
load.run(load.tcp([(host, int(port))], lambda client: itertools.repeat(request), load.http_answer),
         rate=rate or None, seconds=seconds, arrivals="constant", clients={CONNECTIONS}, histogram=None)
"""
K6 = f"""
import http from "k6/http";
const rate = Number(__ENV.RATE), duration = __ENV.DURATION;
const open = {{ executor: "constant-arrival-rate", rate, timeUnit: "1s", duration, preAllocatedVUs: {CONNECTIONS} }};
const closed = {{ executor: "constant-vus", vus: {CONNECTIONS}, duration }};
export const options = {{ discardResponseBodies: true, scenarios: {{ load: rate ? open : closed }} }};
export default function () {{ http.get(__ENV.URL); }}
"""


def _words(address: str, rate: float | None, seconds: int) -> list[str]:
    return ["-e", f"RATE={int(rate or 0)}", "-e", f"DURATION={seconds}s", "-e", f"URL=http://{address}/"]


def _targets(folder: Path, address: str) -> Path:
    """Return a file with the one request that vegeta sends."""
    path = folder / "targets"
    path.write_text(f"GET http://{address}/\n")
    return path


# -- measuring


@dataclass(frozen=True, slots=True)
class Rig:
    """Runs generators on one core, beside a server on another."""

    folder: Path
    server_core: int
    core: int
    seconds: int

    def run(self, generator: Generator, rate: float | None) -> Seen:
        """Run a generator and return what was seen of it; exit if it fails."""
        program, times, port = self._answers(), self.folder / "times", _free_port()
        with subprocess.Popen(
            ["taskset", "-c", str(self.server_core), program, str(port), times], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                sys.exit("the server does not start")
            command = ["taskset", "-c", str(self.core), *map(str, generator.command(f"127.0.0.1:{port}", rate, self.seconds))]
            with (self.folder / "output").open("w+") as output:
                pid = os.posix_spawnp(
                    command[0],
                    command,
                    os.environ,
                    file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)],
                )
                _, status, usage = os.wait4(pid, 0)
            server.send_signal(signal.SIGTERM)
        if status:
            sys.exit(f"{' '.join(command)}: {(self.folder / 'output').read_text()}")
        came = array("q")
        came.frombytes(times.read_bytes())
        return Seen(self.seconds, came, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)

    def _answers(self) -> Path:
        """Return the server, compiled."""
        program = self.folder / "answers"
        if not program.exists():
            compiler = shutil.which("cc") or sys.exit("there is no C compiler")
            subprocess.run([compiler, "-O2", "-o", program, SCRIPTS / "answers.c"], check=True)
        return program


def held(rig: Rig, generator: Generator) -> tuple[float, Seen]:
    """Return the highest rate that a generator holds, and what was seen of it there."""
    most = rig.run(generator, None)
    if not generator.paced:
        return most.rate, most
    for share in STEPS:
        rate = float(round(share * most.rate, -2))
        seen = rig.run(generator, rate)
        if seen.holds(rate):
            return rate, seen
    return 0.0, most


def table(rig: Rig, entries: Sequence[Generator | Absent]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        "| generator | open loop | highest rate held, 1/s | / wke.load | memory there, MiB | "
        f"lag p99 at {COMMON_RATE:,}/s, ms | CPU there, µs per request |"
    )
    yield "| --- | --- |" + " ---: |" * 5
    ours: float | None = None
    for one in entries:
        if isinstance(one, Absent):
            continue
        rate, seen = held(rig, one)
        ours = ours or rate
        common = rig.run(one, COMMON_RATE) if one.paced else None
        lag = common.lag_ms(COMMON_RATE) if common and one.open else None
        cells = [
            f"**{one.name}**" if one.name == "wke.load" else one.name,
            "yes" if one.open else "no, but paced" if one.paced else "no",
            f"{rate:,.0f}",
            f"{rate / ours:.2f}",
            f"{seen.memory_mib:.0f}",
            "–" if lag is None else f"{lag:.2f}",
            f"{common.cpu_s / len(common.came_ns) * 1e6:.0f}"
            if common
            else f"{seen.cpu_s / len(seen.came_ns) * 1e6:.0f} (at {rate:,.0f}/s)",
        ]
        line = f"| {' | '.join(cells)} |"
        print(line, file=sys.stderr, flush=True)
        yield line
    yield ""
    for one in entries:
        if isinstance(one, Absent):
            yield f"- not here: {one.name}: {one.why}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()

"""Small projects, written into a folder and used through the command line, as a person would.

    project = Project(tmp_path, emulated_cluster(2))
    project.targets(hello="echo hello", fail="exit 3")
    assert project.wke("run", "kv", "all", "hello").status == 0

The configuration is called `kv`, the experiment `experiments/series.toml`. `SERIES` is a whole one: a TCP server with two engines, clients
that count its answers, and a ledger in the shared folder `ledger/` in which each script notes what it did when.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from textwrap import dedent

from forks import FORKS, Fork
from support import LEASE, free_port, limit

from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt

WKE = (sys.executable, "-m", "wke.cli")
UNSET = ("WKE_EMULATION", "WKE_CI", "NO_COLOR", "FORCE_COLOR")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it wrote to stdout, sorted: machines write at the same time."""
        return sorted(self.out.splitlines())

    @property
    def json(self) -> object:
        """What it wrote to stdout, which must be JSON."""
        assert self.out, f"status {self.status}: {self.err}"
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Project:
    """A project in `folder`; `environment` is added to that of its commands, which `end` kills if they still run.

    `around` is a command that runs another one, its arguments, somewhere else: each command is given to it.
    """

    folder: Path
    cluster: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: "list[subprocess.Popen[str]]" = field(default_factory=list)
    around: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Write the cluster's file, if there is one, and make the folder that machines share."""
        (self.folder / "ledger").mkdir(parents=True, exist_ok=True)
        if self.cluster:
            self.write("cluster.toml", self.cluster)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file; text may be indented as a whole."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else dedent(content).removeprefix("\n").encode())
        return file

    def targets(self, options: Mapping[str, str] | None = None, config: str = "", **scripts: str | bytes) -> None:
        """Write the configuration: a script a target (`_` in its name becomes `-`), its `options` as TOML, other tables as `config`."""
        named = {name.replace("_", "-"): script for name, script in scripts.items()}
        lines = [dedent(config), "[targets]", *(f"{name} = {(options or {}).get(name, '[]')}" for name in named)]
        self.write("kv/config.toml", "\n".join(lines) + "\n")
        for name, script in named.items():
            self.write(f"kv/targets/{name}", script)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of text that a file must hold."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.folder / path).write_text(text.replace(old, new))

    def wke(self, *arguments: str, typed: str = "", timeout: float = 60, under: Sequence[str] = (), **environment: str) -> Done:
        """Run a command to its end, `under` another program if given, with what is `typed` on its stdin."""
        process = self.start(*arguments, under=under, **environment)
        try:
            out, err = process.communicate(typed, timeout=limit(timeout))
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"wke {' '.join(arguments)} does not end: {process.communicate()}") from None
        assert not re.search("^Traceback", err, re.MULTILINE), err
        return Done(process.returncode, out, err)

    def start(
        self, *arguments: str, under: Sequence[str] = (), into: int | None = None, together: bool = False, **environment: str
    ) -> "subprocess.Popen[str]":
        """Start a command, `under` another program if given; its stdout goes `into` a descriptor, if one is given.

        Its stderr goes `together` with it, or into a pipe.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
        environment = inherited | dict(self.environment) | environment
        above = [*self.around, *under]
        starts = partial(subprocess.Popen, [*above, *WKE, *arguments])
        if not above and FORKS.serves(environment):
            starts = partial(Fork, FORKS, arguments)
        process = starts(
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if into is None else into,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """Kill the commands that a failed test left running."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.processes.clear()

    # -- what was measured

    def trials(self) -> tuple[StoredAttempt, ...]:
        """Return the stored trials of the experiment, in running order."""
        with Store.open(self.folder / "results", readonly=True) as store:
            return store.attempts.one_per_trial("series")

    def outcomes(self) -> list[str]:
        """Return how the trials ended, in running order."""
        return [trial.outcome for trial in self.trials()]

    def due(self) -> list[dict]:
        """Return the points of the trials that `wke measure` would run, in the order of the plan."""
        plan = self.wke("plan", "experiments/series.toml", "--json").json
        return [trial["point"] for trial in plan["trials"] if not trial["stored"]]

    def measure(self, *arguments: str, under: Sequence[str] = (), **environment: str) -> Done:
        """Measure the experiment, without figures."""
        return self.wke("measure", "experiments/series.toml", "--no-figures", *arguments, under=under, **environment)

    def ledger(self) -> list[dict]:
        """Return what the scripts noted, in order of time."""
        file = self.folder / "ledger" / "ledger"
        entries = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return sorted(entries, key=lambda entry: entry["at"])


def emulated_cluster(count: int = 3, *, lease: str = LEASE) -> str:
    """Return a cluster file for emulated machines m0, m1, ...; the first is the class `servers`, the others are `clients`."""
    names = "\n".join(f'm{n} = {{ class = "{"clients" if n else "servers"}" }}' for n in range(count))
    return f'[cluster]\nprovider = "local"\nlease = "{lease}"\nshare = ["ledger"]\n[machines]\n{names}\n'


SERVER = """#!/usr/bin/env -S python3 -IS
# engine ENGINE
import os, sys, time, _socket, _thread  # the plain modules: socket and threading take twice as long to start
note = '{"what": "server", "engine": "ENGINE", "run": "%s", "machine": "%s", "at": %r}' % (os.getpid(), os.environ["WKE_MACHINE"], time.time())
with open("FOLDER/ledger/ledger", "a") as ledger:
    print(note, file=ledger)
server = _socket.socket()
server.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
print("serving", flush=True)
def answer(peer):
    while peer.recv(1):
        time.sleep(0.002)  # nobody's processor is busy
        peer.sendall(b"ENGINE"[:1])
while True:
    _thread.start_new_thread(answer, (_socket.socket(fileno=server._accept()[0]),))
"""

CLIENT = """#!/bin/bash
size=$3 engine=$4 seconds=$5
read -r run < /proc/sys/kernel/random/uuid
note() {
    printf '{"what": "%s", "engine": "%s", "size": %d, "run": "%s", "machine": "%s", "copy": "%s", "at": %s}\\n' \\
        $1 $engine $size $run $WKE_MACHINE $WKE_COPY ${EPOCHREALTIME/,/.} >> FOLDER/ledger/ledger
}
note begin
exec 3<> /dev/tcp/$1/$2 || exit
printf -v lasts_us %.0f ${seconds}e6
((over = ${EPOCHREALTIME/[.,]/} + lasts_us, answers = 0))
while ((${EPOCHREALTIME/[.,]/} < over)); do
    printf '?' >&3 && read -rN1 answer <&3 && [ $answer = ${engine:0:1} ] || exit
    ((++answers % 5)) || note alive
done
echo "wke: throughput=$((answers * size * 1000000 / lasts_us)) 1/s"
echo "answers: $answers"
note end
"""

SERIES = """
[experiment]
about = "Two engines"
configuration = "kv"
iterations = 2
seed = 7

[parameters]
engine = ["old", "new"]
size = [1, 4]

[[steps]]
target = "start-{engine}"
on = "servers"
background = true
ready = { port = PORT, within = "20s" }

[[steps]]
target = "load"
on = "clients"
measure = true
timeout = "20s"
options = { server = "{servers[0].internal-addr}", size = "{size}", engine = "{engine}" }

[metrics]
throughput = { join = "sum", unit = "1/s", better = "higher" }
answers = { log = "answers: ([0-9]+)", join = "sum" }

[[plots]]
type = "line"
x-axis = "size"
y-axis = "throughput"
sort-by = "engine"
"""

SERIES_OPTIONS = {
    "start-old": '[["address", "@INTERNAL"], ["port", PORT]]',
    "start-new": '[["address", "@INTERNAL"], ["port", PORT], ["unused", "x"]]',
    "load": '["server", ["port", PORT], ["size", 1], ["engine", "old"], ["seconds", 0.05]]',
}
SERIES_POINTS = [{"engine": engine, "size": size} for engine in ("old", "new") for size in (1, 4)]


def write_series(project: Project) -> Project:
    """Write the configuration and the experiment of `SERIES` (8 trials of 4 points) and return the project."""
    port = str(free_port())  # machines behind our own ssh servers share this computer's ports
    options = {name: text.replace("PORT", port) for name, text in SERIES_OPTIONS.items()}
    server, client = (script.replace("FOLDER", str(project.folder)) for script in (SERVER, CLIENT))
    project.targets(options, load=client, **{f"start_{engine}": server.replace("ENGINE", engine) for engine in ("old", "new")})
    project.write("experiments/series.toml", SERIES.replace("PORT", port))
    return project


def by_point(points: Iterable[Mapping[str, object]]) -> dict[str, int]:
    """Count points, as {"old 1": 2, ...}."""
    counts: dict[str, int] = {}
    for point in points:
        name = " ".join(str(value) for value in point.values())
        counts[name] = counts.get(name, 0) + 1
    return counts

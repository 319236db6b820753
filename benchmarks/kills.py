"""Kills the controller of a series with -9 a hundred times and counts the losses, which should be zero.

    python benchmarks/kills.py --write docs/robustness.md

One series runs on two emulated machines that stay up. `wke measure` continues it, is killed, and is started again at once, over and over:
at every boundary of a commit (the store's own checkpoints) and at random instants, chosen from outside. The scripts write a ledger on their
machines: when they begin and end, and whether a process of another attempt is still running. The store is compared with the ledger.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import WKE
from facts import facts
from page import write_between

from wke.keep.inspection import inspect_store
from wke.keep.store import Store

DIES = Path(__file__).with_name("dies.py")
STEPS = ("begin: committed", "begin: folder made", "finish: synced", "finish: committed", "finish: renamed")
CHANCE = "a random instant"
LIMIT = 4  # trials per command
MACHINES = 2
STUBBORN = 8  # every eighth trial takes a second and ignores all signals that can be ignored
LONGEST_S = 2.0  # a command with its trials takes about half of this
PATIENCE_S = 120.0
FACTS = ("date", "wke", "processor", "kernel", "Python")
MARKS = ("<!-- kills: written by benchmarks/kills.py -->", "<!-- end of kills -->")
HEADER = ("Killed at", "Kills", "Results lost", "Finished trials run again", "Attempts that overlap on a machine", "Store damaged")

CLUSTER = f'[cluster]\nprovider = "local"\nmachines = {MACHINES}\nlease = "2s"\nshare = ["ledger"]\n'
SERIES = """\
[experiment]
configuration = "kv"
iterations = 1
seed = 1
[parameters]
x = {{ start = 1, end = {trials}, step-size = 1 }}
[[steps]]
target = "work"
on = "all"
measure = true
options = {{ x = "{{x}}" }}
[metrics]
value = {{ join = "sum" }}
"""
WORK = """\
#!/bin/bash
exec 9<>{ledger}/$WKE_MACHINE
machine=$WKE_MACHINE x=$1
note() {{ echo "{{\\"what\\": \\"$1\\", \\"x\\": $x, \\"machine\\": \\"$machine\\", \\"at\\": $(date +%s%N)}}" >> {ledger}/ledger; }}
flock -n 9 || note overlap
note begin
[ $((x % {stubborn})) != 0 ] || {{ trap '' TERM HUP INT; sleep 1; }}
sleep 0.02
echo "wke: value=$x"
note end
"""


@dataclass(slots=True)
class Count:
    """The losses through kills of one kind; everything except `kills` should be 0."""

    kills: int = 0
    lost: int = 0
    again: int = 0
    overlaps: int = 0
    unsound: int = 0

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures in the order of HEADER."""
        return tuple(str(value) for value in (self.kills, self.lost, self.again, self.overlaps, self.unsound))

    @property
    def harm(self) -> int:
        """The sum of all losses."""
        return self.lost + self.again + self.overlaps + self.unsound


@dataclass(slots=True)
class Trouble:
    """A series whose command is killed again and again; `counts` has a Count for each kind of kill."""

    folder: Path
    environment: dict[str, str]
    counts: dict[str, Count] = field(default_factory=dict)
    stored: dict[int, int] = field(default_factory=dict)  # x of a trial with a result -> when the result was first seen, ns
    read: int = 0  # lines of the ledger read so far

    def start(self, step: str = "never", times: int = 1, *flags: str) -> "subprocess.Popen[bytes]":
        """Start a command that continues the series."""
        words = [sys.executable, DIES, step, str(times), "measure", "experiments/series.toml", "--no-figures", *flags]
        return subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def kill(self, kind: str, chance: random.Random) -> None:
        """Start commands until one of them is killed at an instant of this kind; one that ended before it was killed does not count."""
        limit = f"--limit={LIMIT}"
        while True:
            command = self.start("never", 1, limit) if kind == CHANCE else self.start(kind, chance.randint(1, LIMIT), limit)
            try:
                command.communicate(timeout=chance.uniform(0, LONGEST_S) if kind == CHANCE else PATIENCE_S)
            except subprocess.TimeoutExpired:
                command.kill()
                command.communicate()
            count = self.counts.setdefault(kind, Count())
            self._look(count)
            if command.returncode == -signal.SIGKILL:
                count.kills += 1
                return

    def finish(self) -> None:
        """Run the remaining trials, and compare the store with the ledger."""
        command = self.start()
        _, said = command.communicate(timeout=PATIENCE_S)
        if command.returncode:
            raise ChildProcessError(f"the series did not end well: {said.decode()[-500:]}")
        count = self.counts.setdefault(CHANCE, Count())
        self._look(count)
        with Store.open(self.folder / "results", readonly=True) as store:
            ok = [trial.id for trial in store.attempts.of_series("series") if trial.ok]
        count.again += len(ok) - len(set(ok))
        ended = {(note["x"], note["machine"]) for note in self._ledger() if note["what"] == "end"}
        count.lost += sum((x, f"m{machine}") not in ended for x in self.stored for machine in range(MACHINES))

    def _look(self, count: Count) -> None:
        """Compare the store with its earlier content, and the ledger with the store."""
        notes = self._ledger()
        fresh, self.read = notes[self.read :], len(notes)
        count.again += sum(note["what"] == "begin" and note["at"] > self.stored.get(note["x"], note["at"]) for note in fresh)
        count.overlaps += sum(note["what"] == "overlap" for note in fresh)
        if not Store.exists(self.folder / "results"):
            return
        count.unsound += bool(inspect_store(self.folder / "results").findings)
        found = self._stored()
        count.lost += len(self.stored.keys() - found)
        self.stored |= {x: time.time_ns() for x in found - self.stored.keys()}

    def _stored(self) -> set[int]:
        with Store.open(self.folder / "results", readonly=True) as store:
            if "series" not in store.plans.names():
                return set()
            return {int(str(trial.point["x"])) for trial in store.attempts.one_per_trial("series") if trial.ok and trial.observations}

    def _ledger(self) -> list[dict[str, Any]]:
        file = self.folder / "ledger" / "ledger"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def trouble(trials: int) -> Iterator[Trouble]:
    """Yield a series of `trials` trials on running machines, and remove everything afterwards."""
    home = Path(tempfile.mkdtemp(prefix="wke-kills-", dir="/var/tmp"))  # on a disk: the machines' writes are kept apart on it
    folder, machines = home / "project", home / "machines"
    for path in (folder / "kv" / "targets", folder / "experiments", folder / "ledger", machines):
        path.mkdir(parents=True)
    machines.chmod(0o700)
    (folder / "cluster.toml").write_text(CLUSTER)
    (folder / "kv" / "config.toml").write_text('[targets]\nwork = ["x"]\n')
    (folder / "kv" / "targets" / "work").write_text(WORK.format(ledger=folder / "ledger", stubborn=STUBBORN))
    (folder / "experiments" / "series.toml").write_text(SERIES.format(trials=trials))
    environment = {**os.environ, "WKE_EMULATION_FOLDER": str(machines)}
    try:
        subprocess.run([WKE, "cluster", "up"], cwd=folder, env=environment, check=True, capture_output=True)
        yield Trouble(folder, environment)
    finally:
        subprocess.run([WKE, "cluster", "down"], cwd=folder, env=environment, check=False, capture_output=True)
        shutil.rmtree(home)


def main() -> None:
    """Kill as often as the command line asks, and print the table; status 1 if anything was lost or done twice."""
    words = _parser().parse_args()
    chance = random.Random(words.seed)
    kinds = [STEPS[n // 2 % len(STEPS)] if n % 2 else CHANCE for n in range(words.kills)]
    chance.shuffle(kinds)
    with trouble(words.kills * LIMIT) as series:
        for number, kind in enumerate(kinds, start=1):
            series.kill(kind, chance)
            print(f"\r{number}/{words.kills}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        series.finish()
    text = _report(series, words)
    print(text)
    if words.write:
        write_between(words.write, text, *MARKS)
    sys.exit(any(count.harm for count in series.counts.values()))


def _report(series: Trouble, words: argparse.Namespace) -> str:
    counts = {kind: series.counts[kind] for kind in (*STEPS, CHANCE) if kind in series.counts}
    total = Count()
    for count in counts.values():
        for name in Count.__slots__:
            setattr(total, name, getattr(total, name) + getattr(count, name))
    known = facts()
    lines = [
        "Taken by",
        "",
        f"    python benchmarks/kills.py --kills {words.kills} --seed {words.seed}",
        "",
        *(f"- {name}: {known[name]}" for name in FACTS),
        f"- {len(series.stored)} trials on {MACHINES} machines, each trial with a result exactly once",
        "",
        f"| {' | '.join(HEADER)} |",
        f"| ---{' | ---:' * (len(HEADER) - 1)} |",
        *(f"| {kind} | {' | '.join(count.cells)} |" for kind, count in [*counts.items(), ("all", total)]),
    ]
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Kill the controller of a series, and count the losses.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the table between its markers in this page")
    return parser


if __name__ == "__main__":
    main()

"""Measures what telemetry adds to a trial that does nothing: telemetry_noop.py [--rounds N] [--trials N] [--write PAGE].

A round is two pairs of commands, without telemetry and with it, then the other way round. Each measures the same number of trials on five
machines that are emulated for the command. The time of a trial is that from the start of one to the start of the next, so that what a
command does once does not count; it is a part of the processor time.
"""

import argparse
import csv
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import wrap

from facts import facts, load
from page import WIDTH, marks, write_between
from project import emulated_cluster, write_project
from sections.series import EXPERIMENT, MACHINES

LIMIT_MS = 2.0
SWITCH = "[telemetry]\nevery = {}\n"
WAYS = {"without": "false", "with": '"100ms"'}
STOPWATCH = Path(__file__).with_name("stopwatch.py")
T95 = (0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)  # by degrees of freedom
TIME, CPU = "time per trial, ms", "CPU per trial, of the command and its machines, ms"


def main() -> None:
    """Measure both ways in turns."""
    parser = argparse.ArgumentParser(description="Measure what telemetry adds to a trial that does nothing.")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    known = facts()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as name:
        project = write_project(Path(name) / "project", cluster=emulated_cluster(MACHINES))
        for way, every in WAYS.items():
            (project / f"{way}.toml").write_text(EXPERIMENT.format(trials=words.trials) + SWITCH.format(every))
        for number in range(-1, 2 * words.rounds):
            for way in sorted(WAYS, reverse=bool(number % 2)):
                seen = _measure(project, way, words.trials if number >= 0 else 5)
                if number >= 0:  # the first ones fill caches
                    found[way].append(seen)
    known["load"] = f"{known['load']} before, {load()} after"
    command = f"python benchmarks/telemetry_noop.py --rounds {words.rounds} --trials {words.trials}"
    about = f"Taken by `{command}` ({', '.join(f'{name}: {fact}' for name, fact in known.items())})"
    printed = "\n".join([*wrap(about, WIDTH, break_on_hyphens=False), "", *_table(found)])
    print(printed)
    if words.write:
        write_between(words.write, printed + "\n", *marks("telemetry-noop"))


def _measure(project: Path, way: str, trials: int) -> dict[str, float]:
    """Measure a series anew; return the milliseconds that a trial took, by the figures."""
    shutil.rmtree(project / "results", ignore_errors=True)
    words = ["wke", "measure", f"{way}.toml", "--no-figures", "--limit", str(trials)]
    output = project / "output"
    done = subprocess.run([sys.executable, STOPWATCH, output, "0", *words], cwd=project, check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout)
    if seen["status"]:
        sys.exit(f"{' '.join(words)}: {output.read_text()}")
    return {TIME: 1000 * _between_starts_s(project, way), CPU: 1000 * seen["cpu_s"] / trials}


def _between_starts_s(project: Path, way: str) -> float:
    """Return how long it took on average from the start of a trial to the start of the next one."""
    words = ["wke", "results", way, "--trials", "--csv"]
    said = subprocess.run(words, cwd=project, check=True, capture_output=True, text=True).stdout
    starts_ns = [int(row["started_ns"]) for row in csv.DictReader(said.splitlines())]
    return (max(starts_ns) - min(starts_ns)) / 1e9 / (len(starts_ns) - 1)


def _table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = [f"| {MACHINES} emulated machines | without | with | difference (95 % interval) | limit |", "| --- |" + " ---: |" * 4]
    for figure in (TIME, CPU):
        without, with_it = ([seen[figure] for seen in found[way]] for way in ("without", "with"))
        pairs = [after - before for before, after in zip(without, with_it, strict=True)]
        blocks = [statistics.mean(pairs[first : first + 2]) for first in range(0, len(pairs), 2)]  # both orders
        half = T95[min(len(blocks) - 1, len(T95) - 1)] * statistics.stdev(blocks) / math.sqrt(len(blocks)) if len(blocks) > 1 else math.inf
        middle = statistics.mean(blocks)
        between = f"{middle:+.2f} ({middle - half:+.2f} to {middle + half:+.2f})"
        limit = f"{LIMIT_MS:g}" if figure == TIME else ""
        lines.append(f"| {figure} | {statistics.median(without):.2f} | {statistics.median(with_it):.2f} | {between} | {limit} |")
    return lines


if __name__ == "__main__":
    main()

"""Measures what telemetry costs a system under test: telemetry_effect.py [--rounds N] [--write PAGE].

A real etcd on emulated machines is written to, once with telemetry and once without in each round, in turns that alternate. The ratio of
the throughputs within rounds tells what telemetry takes away.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from facts import facts, load
from page import marks, write_between

from wke.judge.statistics.pairs import Pair, effect_of

EXAMPLE = Path(__file__).parents[1] / "examples/etcd"
SWITCH = "\n[telemetry]\nevery = {}\n"
WAYS = {"on": '"100ms"', "off": "false"}
POINT = (
    ("num-servers = [1, 3, 5]", "num-servers = 3"),
    ("connections = { base = 2, start = 1, end = 7, step-size = 2 }", "connections = 32"),
)
METRICS = ("throughput", "p99")


def main() -> None:
    """Measure both ways in turns."""
    parser = argparse.ArgumentParser(description="Measure what telemetry costs a real etcd.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the figures between their markers in this page")
    words = parser.parse_args()
    known = facts()
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        project = Path(text) / "etcd"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("results"))
        for way in WAYS:
            (project / f"experiments/{way}.toml").write_text(_experiment(project, way, words.rounds))
        _wke(project, "cluster", "up")
        try:
            for number in range(words.rounds):
                for way in sorted(WAYS, reverse=bool(number % 2)):
                    _wke(project, "measure", f"experiments/{way}.toml", "--limit", "1")
            values = {way: _values(project, way) for way in WAYS}
        finally:
            _wke(project, "cluster", "down")
    known["load"] = f"{known['load']} before, {load()} after"
    command = f"python benchmarks/telemetry_effect.py --rounds {words.rounds}"
    printed = "\n".join([f"Taken by `{command}` ({', '.join(f'{name}: {fact}' for name, fact in known.items())})", "", *_table(values)])
    print(printed)
    if words.write:
        write_between(words.write, printed + "\n", *marks("telemetry-effect"))


def _experiment(project: Path, way: str, rounds: int) -> str:
    """Return the example's experiment with one point, measured in so many rounds."""
    written = (project / "experiments/scale.toml").read_text()
    for before, after in (*POINT, ("iterations = 3 ", f"iterations = {rounds} ")):
        if before not in written:
            sys.exit(f"{before} is not in the example any more")
        written = written.replace(before, after)
    (project / way).write_text(way)
    written = written.replace("[experiment]", f'[experiment]\nfiles = ["{way}"]')  # else the two would be the same trials
    return written.partition("\n[[plots]]")[0] + SWITCH.format(WAYS[way])


def _values(project: Path, way: str) -> list[dict[str, float]]:
    """Return the metrics of each round."""
    said = subprocess.run(["wke", "results", way, "--json", "--trials"], cwd=project, check=True, capture_output=True, text=True).stdout
    trials = [trial for trial in json.loads(said)[way]["trials"] if trial["outcome"] == "ok"]
    return [trial["observations"] for trial in sorted(trials, key=lambda trial: trial["iteration"])]


def _table(values: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = ["| etcd, 3 servers, 32 writers | without | with | with / without (95 % interval) | rounds |", "| --- |" + " --- |" * 4]
    for metric in METRICS:
        on, off = ([trial[metric] for trial in values[way]] for way in WAYS)
        pairs = [Pair(candidate, baseline, bool(number % 2)) for number, (candidate, baseline) in enumerate(zip(on, off, strict=True))]
        found = effect_of(pairs)
        between = f"{found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})"
        lines.append(f"| {metric} | {statistics.median(off):.4g} | {statistics.median(on):.4g} | {between} | {found.n} |")
    return lines


def _wke(project: Path, *words: str) -> None:
    done = subprocess.run(["wke", *words], cwd=project, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"wke {' '.join(words)}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()

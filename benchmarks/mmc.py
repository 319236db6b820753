"""Measures a real server whose latencies and capacity are known exactly: mmc.py latencies|capacity [--runs 10] [--write PAGE].

examples/queue has workers that sleep for exponential times, under the Poisson arrivals of wke.load, on two emulated machines. `latencies`
compares mean and 99 % quantile with theory, where a share of .5, .7 and .8 of the workers is busy. `capacity` searches for the rate at
which the 99 % quantile reaches a limit, each run in 12 new trials of 30,000 requests, and compares it with theory.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from queues import Queue
from searches import facts, found, project, told, values, wke

EXAMPLE = Path(__file__).parents[1] / "examples" / "queue"
WORKERS, SERVICE_S = 32, 0.020
QUEUE = Queue(WORKERS, SERVICE_S)
BUSY = (0.5, 0.7, 0.8)
LIMIT_S = 0.120
NEAR = 0.05
MEAN_NEAR, P99_NEAR = 0.05, 0.10


def main() -> int:
    """Measure, print, and return 1 if a figure is farther from theory than it may be."""
    parser = argparse.ArgumentParser(description="Measure a server whose latencies and capacity are known exactly.")
    parser.add_argument("what", choices=("latencies", "capacity"))
    parser.add_argument("--runs", type=int, default=10, help="searches, or trials at each rate (default: 10)")
    parser.add_argument("--requests", type=int, default=30_000, help="requests of a trial (default: 30000)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the table between its markers in this page")
    words = parser.parse_args()
    known = facts()
    with project(EXAMPLE) as folder:
        lines, good = (latencies if words.what == "latencies" else capacity)(folder, words.runs, words.requests)
    told(f"mmc.py {words.what} --runs {words.runs} --requests {words.requests}", lines, known, words.write, f"mmc-{words.what}")
    return 0 if good else 1


def latencies(folder: Path, runs: int, requests: int) -> tuple[list[str], bool]:
    """Return a table of latencies at known shares of busy workers, and whether all are as they should be."""
    rates = [round(share * WORKERS / SERVICE_S) for share in BUSY]
    _experiment(
        folder, "latency", "known", {"[800, 1120, 1280]": str(rates), "iterations = 3": f"iterations = {runs}", "40000": str(requests)}
    )
    wke(folder, "measure", "experiments/known.toml", "--no-figures")
    seen = values(folder, "known")
    lines = ["| busy workers | requests/s | mean, ms | theory | | p99, ms | theory | |", "| --- |" + " ---: |" * 7]
    good = True
    for share, rate in zip(BUSY, rates, strict=True):
        mine = [observed for point, observed in seen if point["rate"] == rate]
        mean, p99 = (statistics.fmean(each[name] for each in mine) for name in ("mean", "p99"))
        known_mean, known_p99 = 1000 * QUEUE.mean_s(rate), 1000 * QUEUE.quantile_s(0.99, rate)
        off = mean / known_mean - 1, p99 / known_p99 - 1
        good &= abs(off[0]) <= MEAN_NEAR and abs(off[1]) <= P99_NEAR
        lines.append(
            f"| {share} | {rate:,} | {mean:.2f} | {known_mean:.2f} | {off[0]:+.1%} | {p99:.1f} | {known_p99:.1f} | {off[1]:+.1%} |"
        )
    return [*lines, "", f"Means of {runs} trials of {requests:,} requests at each rate."], good


def capacity(folder: Path, runs: int, requests: int) -> tuple[list[str], bool]:
    """Return a table of searches, and whether nine of ten came close to the capacity."""
    truth = QUEUE.capacity(0.99, LIMIT_S)
    lines = ["| search | capacity, 1/s | | interval | holds the truth | trials |", "| --- |" + " ---: |" * 5]
    near = covered = given = 0
    for number, answer in enumerate(_searches(folder, runs, requests), 1):
        estimate, low, high = (answer[name] for name in ("estimate", "low", "high"))
        off = None if estimate is None else estimate / truth - 1
        near += off is not None and abs(off) <= NEAR
        given += low is not None
        covered += low is not None and low <= truth <= high
        cells = [
            str(number),
            "–" if estimate is None else f"{estimate:,.0f}",
            "" if off is None else f"{off:+.1%}",
            f"refused: {answer['refused']}" if low is None else f"{low:,.0f} to {high:,.0f}",
            "" if low is None else "yes" if low <= truth <= high else "**no**",
            str(len(answer["trials"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    said = f"Theory: {truth:,.0f}/s. {near} of {runs} searches are within {NEAR:.0%} of it."
    return [*lines, "", f"{said} {given} have an interval, {covered} of which hold it."], near >= 0.9 * runs


def _searches(folder: Path, runs: int, requests: int) -> Iterator[Mapping[str, Any]]:
    """Run a number of independent searches, and yield what each one found."""
    for number in range(runs):
        name = f"search{number}"
        _experiment(folder, "capacity", name, {"p99 < 120ms": f"p99 < {1000 * LIMIT_S:g}ms", "30000": str(requests)})
        wke(folder, "measure", f"experiments/{name}.toml", "--no-figures")
        yield found(folder, name)


def _experiment(folder: Path, example: str, name: str, changes: dict[str, str]) -> None:
    """Write an experiment of the example under another name, with changes; a file with that name makes its trials others."""
    text = (folder / f"experiments/{example}.toml").read_text()
    for before, after in changes.items():
        if before not in text:
            sys.exit(f"{before} is not in the example any more")
        text = text.replace(before, after)
    (folder / name).write_text(name)
    (folder / f"experiments/{name}.toml").write_text(text.replace("[experiment]", f'[experiment]\nfiles = ["{name}"]'))


if __name__ == "__main__":
    sys.exit(main())
